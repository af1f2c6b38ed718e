"""An agent that sends to another process, and the endpoint that it sends to."""

from __future__ import annotations

import contextlib
import json
import socket
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from logd import shipment
from logd.chunk import Chunk, compress
from tests.support.access import Certificates, token
from tests.support.commands import logd
from tests.support.process import INGEST, Server, free_port, until

_MAX_BODY_BYTES = 1_000_000
_LIMITS = {
    "ingest.max_body_bytes": _MAX_BODY_BYTES,
    "ingest.max_inflight_bytes": _MAX_BODY_BYTES,
    "ingest.max_line_bytes": 100_000,
    "parse.join_seconds": 0.02,
}
_QUICK = {"agent.poll_seconds": 0.05, "agent.rescan_seconds": 0.1, "agent.batch_seconds": 0.05}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(tmp_path_factory.mktemp("chunks"), settings=_LIMITS, roles="processor,api") as running:
        yield running


def _chunk(service: str, first: int, last: int) -> Chunk:
    """Lines of five bytes, `first` to before `last`, at their place."""
    body = b"".join(b"%04d\n" % number for number in range(first, last))
    return Chunk(
        service=service,
        host="web-7",
        source="/var/log/app.log",
        source_id=service.encode().hex().rjust(16, "0")[-16:],
        offset=first * 5,
        end=last * 5,
        lines=last - first,
        observed_us=1_764_000_000_000_000,
        value=compress(body),
    )


def _send(server: Server, body: bytes, **headers: str) -> tuple[int, object]:
    """The status, and how many were accepted or the error's code."""
    answer = server.request("POST", shipment.PATH, body, {name.replace("_", "-"): headers[name] for name in headers})
    found = answer.json()
    return answer.status, found["accepted"] if answer.status == 202 else found["error"]["code"]


def _messages(server: Server, service: str) -> list[str]:
    return [record["message"] for record in server.records(service)]


def test_chunks_become_records_once(server: Server) -> None:
    body = shipment.encode([_chunk("once", 0, 3), _chunk("once", 3, 5)])
    for _ in range(2):
        assert _send(server, body) == (202, 2)
    assert _messages(server, "once") == ["0000", "0001", "0002", "0003", "0004"]
    record = server.records("once")[0]
    assert (record["host"], record["source"]) == ("web-7", "/var/log/app.log")
    assert _send(server, shipment.encode([])) == (202, 0)


def test_a_source_that_contradicts_itself(server: Server) -> None:
    assert _send(server, shipment.encode([_chunk("other", 0, 3)])) == (202, 1)
    assert _send(server, shipment.encode([_chunk("new", 0, 3), _chunk("other", 2, 5)])) == (409, "source_conflict")
    assert _messages(server, "other") == ["0000", "0001", "0002"]
    assert _messages(server, "new") == []


def test_what_is_wrong_stores_nothing(server: Server) -> None:
    good = _chunk("wrong", 0, 3)
    endless = msgspec.structs.replace(_chunk("wrong", 3, 5), end=None)
    assert _send(server, shipment.encode([good, endless])) == (400, "bad_chunk")
    body = shipment.encode([good])
    changed = body[:-1] + bytes([body[-1] ^ 1])
    assert _send(server, changed) == (400, "bad_shipment")
    assert _send(server, b"") == (400, "bad_shipment")
    assert _send(server, body, Content_Encoding="gzip") == (415, "bad_encoding")
    assert _send(server, bytes(_MAX_BODY_BYTES + 1)) == (413, "body_too_large")
    assert _messages(server, "wrong") == []
    assert _metric(server, 'logd_shipment_refused_total{reason="bad_chunk"}') == 1


def test_a_body_that_ends_early(server: Server) -> None:
    body = shipment.encode([_chunk("early", 0, 500)])
    with socket.create_connection(("127.0.0.1", server.port)) as connection:
        connection.sendall(_head(shipment.PATH, len(body)) + body[:-10])
        until(lambda: _held(server) == len(body) - 10, "the body is held")
    until(lambda: _held(server) == 0, "the body is let go")
    assert _messages(server, "early") == []


def _metric(server: Server, name: str) -> float:
    lines = server.get("/metrics").body.decode().splitlines()
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(f"{name} "))


def _held(server: Server) -> int:
    return int(server.stage("api.bodies")["held"])


def _head(path: str, length: int) -> bytes:
    return f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n".encode()


def _agent(folder: Path, port: int, lines: int) -> Server:
    log = folder / "app.log"
    log.write_text("".join(f"line {n}\n" for n in range(lines)))
    settings = {**_QUICK, "agent.server": f"http://127.0.0.1:{port}", "agent.host": "web-8"}
    return Server(folder / "agent", files=[log], settings=settings, roles="agent")


def _wait(server: Server, lines: int) -> None:
    """Until as many lines of the file are found; then they are these, each once, in their order."""
    until(lambda: server.search(service="app", limit=0)["total_hits"] >= lines, f"{lines} lines are found")
    assert _messages(server, "app") == [f"line {n}" for n in range(lines)]


def test_an_agent_that_is_there_before_its_server(tmp_path: Path) -> None:
    port = free_port()
    listen = {"api.listen": f"127.0.0.1:{port}"}
    server = Server(tmp_path / "server", settings=listen, roles="processor,api")
    with _agent(tmp_path, port, 5_000) as agent:
        until(lambda: f"no answer from http://127.0.0.1:{port}: connection refused" in agent.log(), "it says so")
        with server:
            _wait(server, 5_000)
            until(lambda: "the target takes chunks again" in agent.log(), "it says so")
            assert not (agent.data_dir / "transport.db").exists()
            assert agent.terminate() == 0


def test_a_server_that_refuses_for_a_while(tmp_path: Path) -> None:
    with Server(tmp_path / "server", settings=_LIMITS, roles="processor,api") as server:
        with socket.create_connection(("127.0.0.1", server.port)) as connection:
            connection.sendall(_head(INGEST, _MAX_BODY_BYTES) + bytes(_MAX_BODY_BYTES - 1))
            until(lambda: _held(server) == _MAX_BODY_BYTES - 1, "the body is held")
            agent = _agent(tmp_path, server.port, 3_000)
            agent.start()
            try:
                until(lambda: "answered 429: " in agent.log(), "it is refused")
            except BaseException:
                agent.kill()
                raise
        try:
            _wait(server, 3_000)
            assert agent.terminate() == 0
        finally:
            agent.kill()
        assert "the target takes chunks again" in agent.log()


def test_a_server_that_takes_less_at_once(tmp_path: Path) -> None:
    settings = {**_LIMITS, "ingest.max_body_bytes": 20_000, "ingest.max_line_bytes": 10_000}
    with (
        Server(tmp_path / "server", settings=settings, roles="processor,api") as server,
        _agent(tmp_path, server.port, 9_000) as agent,
    ):
        _wait(server, 9_000)
        assert not (agent.data_dir / "refused").exists()


def test_an_agent_beside_other_roles_sends_where_it_is_told(tmp_path: Path) -> None:
    log = tmp_path / "app.log"
    log.write_text("line 0\n")
    with Server(tmp_path / "server", settings=_LIMITS, roles="processor,api") as server:
        url = f"http://127.0.0.1:{server.port}"
        with Server(tmp_path / "relay", files=[log], settings={**_QUICK, "agent.server": url}) as relay:
            _wait(server, 1)
            assert _messages(relay, "app") == []


def test_an_agent_with_a_token(tmp_path: Path) -> None:
    """It is refused without one, with a wrong one and with one for others, and loses nothing meanwhile."""
    with Server(tmp_path / "server", settings=_LIMITS, roles="processor,api") as server:
        wrong = token(server.data_dir, "search")
        other = token(server.data_dir, "ingest", "--service", "other")
        good = token(server.data_dir, "ingest", "--service", "app", "--host", "web-8")
        reader = token(server.data_dir, "search")
        until(lambda: server.get("/metrics").status == 401, "the server has noticed")
        path = tmp_path / "token"
        path.write_text(f"{wrong.text}\n")
        with _agent(tmp_path, server.port, 1_000) as agent:
            agent.may_log_errors = True
            until(lambda: "refuses this agent, which has no token (agent.token_file, $LOGD_TOKEN)" in agent.log(), "so")
            agent.kill()
            agent.environment = {"LOGD_TOKEN": wrong.text}
            agent.restart()
            until(lambda: "refuses this agent's token: the scope ingest is missing" in agent.log(), "it says so")
            agent.kill()
            agent.environment = {}
            agent.settings["agent.token_file"] = path
            path.write_text(other.text)
            agent.restart()
            until(lambda: "refuses this agent's token: this token is for the services other" in agent.log(), "so")
            path.write_text(good.text)
            until(lambda: "the target takes chunks again" in agent.log(), "it goes on by itself")
            found = until(lambda: _logs(server, reader.header, 1_000), "all are found")
            assert sorted(record["message"] for record in found) == sorted(f"line {n}" for n in range(1_000))
            for made in (wrong, other, good):
                assert made.text.rpartition("_")[2] not in agent.whole_log()
            assert logd("token", "revoke", good.id, data_dir=server.data_dir).code == 0
            nothing = shipment.encode([])
            until(lambda: _send(server, nothing, **good.header) == (401, "unauthorized"), "the server has noticed")
            with (tmp_path / "app.log").open("a") as log:
                log.write("after\n")
            until(lambda: f"the token {good.id} is revoked" in agent.log(), "it says so")
            assert not (agent.data_dir / "refused").exists()


def _logs(server: Server, header: dict[str, str], lines: int) -> list[dict[str, str]]:
    answer = server.request("GET", f"/api/v1/logs/search?service=app&limit={lines}", None, header)
    found: list[dict[str, str]] = answer.json()["logs"] if answer.status == 200 else []
    return found if len(found) == lines else []


def test_an_agent_over_https(tmp_path: Path) -> None:
    certificates = Certificates(tmp_path)
    with Server(tmp_path / "server", settings={**_LIMITS, **certificates.settings}, roles="processor,api") as server:
        made = token(server.data_dir, "ingest,search")
        agent = _agent(tmp_path, server.port, 500)
        agent.settings["agent.server"] = f"https://localhost:{server.port}"
        agent.environment = {"LOGD_TOKEN": made.text}
        with agent:
            until(lambda: "certificate verify failed" in agent.log(), "it trusts nobody whom it doesn't know")
            agent.kill()
            agent.environment["SSL_CERT_FILE"] = str(certificates.authority_file)
            agent.restart()
            until(lambda: _over_https(certificates, server, made.header) == 500, "all are found")
            assert agent.terminate() == 0
        assert "the target takes no chunks" not in agent.log()


def _over_https(certificates: Certificates, server: Server, header: dict[str, str]) -> int:
    with contextlib.closing(certificates.connect(server.port)) as connection:
        connection.request("GET", "/api/v1/logs/search?service=app&limit=0", headers=header)
        with connection.getresponse() as answer:
            return int(json.loads(answer.read())["total_hits"])
