"""Clients that take their time, by raw sockets: they are cut off, and others are answered meanwhile."""

from __future__ import annotations

import contextlib
import resource
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.process import INGEST, NDJSON, PATIENCE_SECONDS, SEARCH, Server, until

_IDLE_SECONDS = 3.0
_STALL_SECONDS = 4.0
_MANY = 1_000
_SETTINGS = {
    "api.idle_seconds": _IDLE_SECONDS,
    "api.stall_seconds": _STALL_SECONDS,
    "api.max_connections": _MANY + 100,
    "parse.join_seconds": 0.02,
}
#: What a connection may cost: its objects, its buffers in the process, and a head that has not come whole.
_MOST_BYTES_EACH = 250_000


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, max(soft, 2 * _MANY)), hard))
    with Server(tmp_path_factory.mktemp("slow"), settings=_SETTINGS, roles="processor,api") as running:
        yield running
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def _connect(server: Server) -> socket.socket:
    return socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE_SECONDS)


def _rest(connection: socket.socket) -> bytes:
    """What comes until the server closes."""
    parts = []
    with contextlib.suppress(ConnectionResetError):
        while part := connection.recv(65_536):
            parts.append(part)
    return b"".join(parts)


def _head(length: object) -> bytes:
    headers = ("Host: x", "Content-Type: application/x-ndjson", "X-Service-Id: slow", f"Content-Length: {length}")
    return "\r\n".join((f"POST {INGEST} HTTP/1.1", *headers, "", "")).encode()


def _is_served(server: Server) -> None:
    server.ingest("others", [{"message": "m"}])
    assert server.search(service="others", limit=1)["total_hits"] >= 0


@pytest.mark.parametrize(
    "begin",
    [b"", b"GET / HTTP/1.1\r\nHost: x\r\nX-Long: " + b"x" * 4_000, b"POST"],
    ids=["silent", "a long head", "a method"],
)
def test_a_thousand_that_never_ask(server: Server, begin: bytes) -> None:
    before = server.peak_rss_bytes()
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(_connect(server)) for _ in range(_MANY)]
        for client in clients:
            client.sendall(begin)
        _is_served(server)
        assert [_rest(client) for client in clients] == [b""] * _MANY
    assert server.peak_rss_bytes() - before < _MANY * _MOST_BYTES_EACH
    _is_served(server)


def test_a_head_that_comes_byte_by_byte(server: Server) -> None:
    """Sending goes on, so that it isn't silence that ends it."""
    head = b"GET /healthz HTTP/1.1\r\nX-Slow: " + b"x" * 2_000
    with _connect(server) as connection:
        connection.settimeout(0.02)
        ended = False
        for place in range(len(head)):
            try:
                connection.sendall(head[place : place + 1])
                if not connection.recv(1_000):
                    ended = True
                    break
            except TimeoutError:
                pass
            except ConnectionError:
                ended = True
                break
        assert ended
    _is_served(server)


def test_a_second_head_that_never_ends(server: Server) -> None:
    with _connect(server) as connection:
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        assert connection.recv(65_536).startswith(b"HTTP/1.1 200 ")
        connection.sendall(b"GET /healthz HTTP/1.1\r\n")
        assert _rest(connection) == b""


def test_a_head_without_an_end(server: Server) -> None:
    """It is refused once it is too long, and what is held of it is bounded."""
    before = server.peak_rss_bytes()
    with _connect(server) as connection:
        connection.sendall(b"GET /healthz HTTP/1.1\r\n")
        with contextlib.suppress(ConnectionError):
            for name in range(4_000):
                connection.sendall(b"X-%d: %s\r\n" % (name, b"x" * 8_000))
        answer = _rest(connection)
    assert answer[8:13] == b" 400 " or answer == b""  # what a reset has left of it
    assert server.peak_rss_bytes() - before < 20_000_000


@pytest.mark.parametrize("sent", [b"", b'{"message":"never"}\n', b"x" * 100_000], ids=["nothing", "a line", "much"])
def test_a_body_that_stalls(server: Server, sent: bytes) -> None:
    with _connect(server) as connection:
        connection.sendall(_head(1_000_000) + sent)
        _is_served(server)
        answer = _rest(connection)
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b'"code":"body_stalled"' in answer
    assert server.stage("api.bodies")["held"] == 0
    assert server.records("slow") == []


def test_a_body_that_trickles(server: Server) -> None:
    """Less than a step within the time is as good as nothing."""
    with _connect(server) as connection:
        connection.sendall(_head(1_000_000))
        connection.settimeout(0.05)
        answer = b""

        def trickled() -> bool:
            nonlocal answer
            with contextlib.suppress(TimeoutError, ConnectionError):
                connection.sendall(b" ")
                answer += connection.recv(65_536)
            return bool(answer)

        until(trickled, "it is answered")
    assert answer.startswith(b"HTTP/1.1 408 ")


def test_a_body_that_is_slow_enough(server: Server) -> None:
    """A step now and then keeps it going, for longer than one step may take."""
    line = b'{"message":"slow but whole"}\n'
    body = line * (400_000 // len(line))
    step = 80_000
    with _connect(server) as connection:
        connection.sendall(_head(len(body)))
        started = time.monotonic()
        for sent in range(step, len(body), step):
            connection.sendall(body[sent - step : sent])
            until(lambda sent=sent: server.stage("api.bodies")["held"] == sent, "it is held")  # type: ignore[misc]
            pause = time.monotonic() + 0.3 * _STALL_SECONDS
            until(lambda pause=pause: time.monotonic() > pause, "time passes")  # type: ignore[misc]
        assert time.monotonic() - started > _STALL_SECONDS
        connection.sendall(body[sent:])
        answer = connection.recv(65_536)
    assert answer.startswith(b"HTTP/1.1 202 "), answer


@pytest.mark.parametrize("length", ["-1", "1e3", "0x10", "9" * 30, "1, 2", " ", "18446744073709551617"])
def test_a_content_length_that_is_none(server: Server, length: str) -> None:
    with _connect(server) as connection:
        connection.sendall(_head(length) + b"{}\n")
        answer = _rest(connection)
    assert answer[8:13] in (b" 400 ", b" 413 "), answer
    _is_served(server)


def test_an_answer_that_nobody_reads(tmp_path: Path) -> None:
    """It is let go after a time that depends on its size; 10 MB are more than the system buffers."""
    with Server(tmp_path, settings={"parse.join_seconds": 0.02}, roles="processor,api") as server:
        server.ingest("large", [{"message": "x" * 20_000, "n": n} for n in range(500)])
        assert len(server.records("large")) == 500
        assert server.terminate() == 0
        server.settings["api.stall_seconds"] = 0.05
        server.restart()
        assert server.search(service="large", limit=500)["total_hits"] == 500
        before = _sockets(server)
        with socket.socket() as client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
            client.settimeout(PATIENCE_SECONDS)
            client.connect(("127.0.0.1", server.port))
            client.sendall(f"GET {SEARCH}?service=large&limit=500 HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            until(lambda: _sockets(server) > before, "it is connected")
            until(lambda: _sockets(server) == before, "the connection is cut off")
            assert len(_rest(client)) < 10_000_000
        assert server.get("/healthz").status == 200


def _sockets(server: Server) -> int:
    """That the process has open."""
    found = 0
    for name in Path(f"/proc/{server.pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):
            found += str(name.readlink()).startswith("socket:")
    return found


def test_too_many(tmp_path: Path) -> None:
    with Server(tmp_path, settings={"api.max_connections": 3}, roles="processor,api") as server:
        with contextlib.ExitStack() as stack:
            for _ in range(3):
                stack.enter_context(_connect(server))
            until(lambda: server.get("/healthz").status == 503, "all places are taken")
            answer = server.get("/healthz")
            assert answer.json()["error"]["code"] == "too_many_connections"
            assert int(answer.headers["retry-after"]) > 0
        until(lambda: server.get("/healthz").status == 200, "there is room again")
        assert server.post(b"{}\n", NDJSON).status == 202
