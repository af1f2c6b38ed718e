"""Agents that tell servers how they do, through real processes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from logd.seams import AGENTS_PATH, MAX_REPORT_BYTES
from tests.support.access import token
from tests.support.process import JSON, Server, free_port, until
from tests.support.terminal import on_a_terminal, run

_OFTEN = {"agent.report_seconds": 0.2, "agent.poll_seconds": 0.05, "agent.rescan_seconds": 0.1}
_SILENT = {"api.agent_silent_seconds": 10.0, "parse.join_seconds": 0.02}


def _report(**changed: Any) -> bytes:
    plain = {"id": "0123456789abcdef", "host": "web-1", "version": "1.0", "started": "2026-11-28T05:00:00Z"}
    return json.dumps({**plain, "status": {"files": 3, "behind_bytes": 70}, **changed}).encode()


def _address(server: Server) -> str:
    return f"http://127.0.0.1:{server.port}"


def _agents(server: Server, headers: Mapping[str, str] | None = None, **asked: str) -> dict[str, Any]:
    answer = server.request("GET", f"{AGENTS_PATH}?{urlencode(asked)}", headers=headers)
    assert answer.status == 200, answer
    found: dict[str, Any] = answer.json()
    return found


def _told(server: Server, **status: object) -> bool:
    """Whether an agent has said so of itself."""
    return any(status.items() <= one["status"].items() for one in _agents(server)["agents"])


def _tell(server: Server, body: bytes, headers: Mapping[str, str] | None = None) -> tuple[int, Any]:
    answer = server.request("POST", AGENTS_PATH, body, {**JSON, **(headers or {})})
    return answer.status, answer.json()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with Server(tmp_path / "server", settings=_SILENT, roles="processor,api") as running:
        yield running


def test_an_agent_that_is_killed_becomes_silent(server: Server, tmp_path: Path) -> None:
    log = tmp_path / "app.log"
    log.write_text("one\ntwo\n")
    settings = {**_OFTEN, "agent.server": _address(server), "agent.host": "web-7"}
    with Server(tmp_path / "agent", files=[log], settings=settings, roles="agent") as agent:
        until(lambda: _told(server, sent_lines=2, behind_bytes=0), "nothing is told")
        (seen,) = _agents(server)["agents"]
        assert (seen["host"], seen["state"], seen["status"]["files"]) == ("web-7", "ok", 1)
        assert (seen["oldest_waiting"], seen["error"], seen["behind_bytes"]) == (None, None, 0)
        agent.kill()
    until(lambda: _agents(server)["agents"][0]["state"] == "silent", "it isn't silent")
    assert _agents(server)["states"] == {"ok": 0, "behind": 0, "silent": 1, "error": 0}
    assert not (server.data_dir / "catalog.db").exists()
    with Server(tmp_path / "agent", files=[log], settings=settings, roles="agent"):
        until(lambda: _agents(server)["states"]["ok"] == 1, "it isn't back")
        assert [one["id"] for one in _agents(server)["agents"]] == [seen["id"]]


def test_an_agent_without_its_server_goes_on(tmp_path: Path, server: Server) -> None:
    log = tmp_path / "app.log"
    log.write_text("one\n")
    # Chunks go to one that isn't there, reports to one that is.
    gone = f"http://127.0.0.1:{free_port()}"
    settings = {**_OFTEN, "agent.server": gone, "agent.report_url": _address(server)}
    with Server(tmp_path / "agent", files=[log], settings=settings, roles="agent"):
        until(lambda: _agents(server, state="error")["agents"], "no agent is in trouble")
        until(lambda: _agents(server)["agents"][0]["spool_lines"] == 1, "nothing is in the spool")
        (seen,) = _agents(server, host="")["agents"]
        assert gone in seen["error"]
        assert gone in seen["last_error"]
        assert seen["oldest_waiting"] is not None
        assert seen["last_error_at"] is not None


def test_the_agent_of_the_same_process(tmp_path: Path) -> None:
    log = tmp_path / "app.log"
    log.write_text("one\n")
    with Server(tmp_path / "all", files=[log], settings=_OFTEN, roles="agent,processor,api") as server:
        until(lambda: _agents(server)["total"] == 1, "it doesn't tell")
        first = _agents(server)["agents"][0]["id"]
        assert server.terminate() == 0
    with Server(tmp_path / "all", files=[log], settings=_OFTEN, roles="agent,processor,api") as server:
        until(lambda: _agents(server)["total"] == 1, "it doesn't tell")
        assert _agents(server)["agents"][0]["id"] == first


def test_with_a_catalog_it_is_known_after_a_stop(tmp_path: Path) -> None:
    with Server(tmp_path / "server", settings=_SILENT, roles="processor,api") as server:
        made = token(server.data_dir, "admin,search,ingest").header
        assert _tell(server, _report(), made)[0] == 202
        assert server.terminate() == 0
        server.restart()
        (seen,) = _agents(server, made)["agents"]
        assert (seen["host"], seen["started"], seen["behind_bytes"]) == ("web-1", "2026-11-28T05:00:00.000Z", 70)


def test_tokens_of_some_hosts(tmp_path: Path) -> None:
    with Server(tmp_path / "server", settings=_SILENT, roles="processor,api") as server:
        whole = token(server.data_dir, "admin,search,ingest").header
        of_host = token(server.data_dir, "search,ingest", "--host", "web-1").header
        of_service = token(server.data_dir, "search,ingest", "--service", "shop").header
        of_both = token(server.data_dir, "search,ingest", "--service", "shop", "--host", "web-1").header
        assert _tell(server, _report(host="web-2"), whole)[0] == 202
        assert _tell(server, _report(), of_host)[0] == 202
        status, answer = _tell(server, _report(host="web-2", status={"target_error": "not mine"}), of_host)
        assert (status, answer["error"]["code"]) == (403, "host_not_allowed")
        assert [one["host"] for one in _agents(server, of_host)["agents"]] == ["web-1"]
        for made in (of_service, of_both):  # an agent names files of all services
            assert server.request("GET", AGENTS_PATH, headers=made).status == 403
        assert [(one["host"], one["state"]) for one in _agents(server, whole)["agents"]] == [
            ("web-1", "ok"),
            ("web-2", "ok"),
        ]


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"{", 400, "bad_body"),
        (_report(id="../x"), 400, "bad_body"),
        (_report(host=""), 400, "bad_body"),
        (_report(host="x" * 256), 400, "bad_body"),
        (_report(status={"files": -1}), 400, "bad_body"),
        (_report(status={"target_error": "x" * 501}), 400, "bad_body"),
        (_report(started="2026-11-28T05:00:00"), 400, "bad_body"),
        (_report(more="x" * MAX_REPORT_BYTES), 413, "body_too_large"),
        (_report(of_a_later_version=[1]), 202, None),
    ],
)
def test_reports_are_checked(server: Server, body: bytes, status: int, code: str | None) -> None:
    found, answer = _tell(server, body)
    assert (found, answer.get("error", {}).get("code")) == (status, code)
    assert _agents(server)["total"] == (status == 202)


def test_states_filters_and_the_command(server: Server) -> None:
    waits = {"oldest_waiting_seconds": 61.0, "behind_bytes": 1_000_000}
    for n, status in enumerate([{}, waits, {"spool_lines": 1}, {"spool_error": "no room", "spool_lines": 2}]):
        assert _tell(server, _report(host=f"web-{n}", status=status))[0] == 202
    found = _agents(server)
    assert [one["state"] for one in found["agents"]] == ["ok", "behind", "behind", "error"]
    assert found["states"] == {"ok": 1, "behind": 2, "silent": 0, "error": 1}
    assert [one["host"] for one in _agents(server, state="behind", limit="1", offset="1")["agents"]] == ["web-2"]
    assert _agents(server, host="WEB-3")["agents"][0]["error"] == "no room"
    done = run(server, "agents", "--state", "error")
    assert done.returncode == 0, done
    assert [json.loads(line)["host"] for line in done.stdout.splitlines()] == ["web-3"]
    code, text = on_a_terminal(server, "agents", "--state", "behind")
    assert code == 0
    assert re.search(r"^web-1 +behind +\d+ s +1\.0 +1\.0 MB +1 min 1 s +0123456789abcdef\s*$", text, re.MULTILINE), text
