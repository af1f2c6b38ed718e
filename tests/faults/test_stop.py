"""SIGTERM and SIGINT: what was accepted is finished, the log says what was done, and the exit code what came of it."""

from __future__ import annotations

import http.client
import json
import re
import signal
import socket
import subprocess
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.process import INGEST, NDJSON, Server, until
from tests.support.unread import asked

_ABORTED = 3


def _lines(first: int, count: int) -> list[dict[str, str]]:
    return [{"message": f"line {n}"} for n in range(first, first + count)]


@contextmanager
def _open_request(server: Server, body: bytes = b'{"message": "begun"}\n') -> Iterator[socket.socket]:
    """A request of which the server has `body`, and waits for more."""
    head = f"POST {INGEST} HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-ndjson\r\nX-Service-Id: held\r\n"
    with socket.create_connection(("127.0.0.1", server.port), timeout=60) as connection:
        connection.sendall(f"{head}Content-Length: {len(body) + 1}\r\n\r\n".encode() + body)
        until(lambda: server.stage("api.bodies")["held"] == len(body), "the request has begun")
        yield connection


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=lambda number: number.name)
def test_an_idle_process_stops_at_once(tmp_path: Path, number: signal.Signals) -> None:
    with Server(tmp_path) as server:
        server.signal(number)
        assert server.wait(20) == 0
        log = server.log()
        assert f"{number.name}: draining; held: nothing\n" in log
        for role in ("agent", "processor", "api"):
            assert f"{role} has stopped" in log
        assert re.search(r"stopped after \d+\.\d s; still held: nothing\n", log)


def test_idle_connections_hold_nothing_up(tmp_path: Path) -> None:
    with Server(tmp_path) as server:
        idle = [http.client.HTTPConnection("127.0.0.1", server.port, timeout=60) for _ in range(3)]
        for connection in idle[:2]:
            connection.request("GET", "/healthz")
            assert connection.getresponse().read()
        idle[2].connect()
        server.signal(signal.SIGTERM)
        assert server.wait(20) == 0
        for connection in idle:
            connection.close()


def test_what_was_accepted_is_in_segments(tmp_path: Path) -> None:
    """The processor may still have far to go when the signal comes, and rows wait in memory for more."""
    with Server(tmp_path, settings={"index.flush_rows": 1_000_000, "index.flush_seconds": 600}) as server:
        for n in range(20):
            server.ingest("stopped", _lines(n * 5_000, 5_000))
        until(lambda: server.stage("index.recent")["held"], "rows are in memory")
        assert server.terminate() == 0
        assert re.search(r"SIGTERM: draining; held: .*\d+ rows in index\.recent, \d+ bytes in index\.", server.log())
        assert "still held: nothing\n" in server.log()
        server.restart()
        server.settle()
        assert server.search(service="stopped", limit=0, track_total_hits="true")["total_hits"] == 100_000


def test_what_was_read_from_files_is_finished(tmp_path: Path) -> None:
    path = tmp_path / "app.log"
    path.write_text("".join(f"line {n}\n" for n in range(50_000)))
    files = json.dumps([{"paths": [str(path)]}])
    with Server(tmp_path / "server", settings={"agent.files": files, "agent.batch_seconds": 60}) as server:
        until(lambda: server.search(service="app", limit=0)["total_hits"], "some lines are found")
        assert server.terminate() == 0
        server.restart()
        until(
            lambda: server.search(service="app", limit=0, track_total_hits="true")["total_hits"] >= 50_000,
            "all lines are found",
        )
        server.settle()
        assert server.search(service="app", limit=0, track_total_hits="true")["total_hits"] == 50_000


def test_stopped_under_load(tmp_path: Path) -> None:
    """A request is accepted, and found, or it isn't: then its client knows."""
    with Server(tmp_path) as server:
        accepted: list[int] = []
        enough = threading.Event()

        def client(number: int) -> None:
            for n in range(number, 1_000_000, 4):
                try:
                    answer = server.post(json.dumps({"message": f"line {n}"}).encode(), NDJSON, "load")
                except (OSError, http.client.HTTPException):
                    return
                if answer.status != 202:
                    assert answer.status in (429, 503), answer
                    return
                accepted.append(n)
                if len(accepted) > 200:
                    enough.set()

        with ThreadPoolExecutor(4) as pool:
            clients = [pool.submit(client, number) for number in range(4)]
            assert enough.wait(60)
            code = server.terminate()
            for done in clients:
                done.result()
        assert code == 0
        server.restart()
        found = [int(record["message"].split()[1]) for record in server.records("load")]
        assert len(set(found)) == len(found)
        assert set(accepted) <= set(found)
        # At most the four whose answer was cut off.
        assert len(found) <= len(accepted) + 4


def test_a_request_under_way_is_finished(tmp_path: Path) -> None:
    with Server(tmp_path) as server:
        with _open_request(server) as connection:
            server.signal(signal.SIGTERM)
            until(lambda: "draining" in server.log(), "the signal has arrived")
            connection.sendall(b"\n")
            answer = connection.recv(65_536)
        assert answer.startswith(b"HTTP/1.1 202 ")
        assert server.wait(20) == 0
        server.restart()
        assert [record["message"] for record in server.records("held")] == ["begun"]


def test_not_ready_and_no_new_connections_while_it_drains(tmp_path: Path) -> None:
    with Server(tmp_path) as server:
        kept = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
        kept.request("GET", "/readyz")
        assert kept.getresponse().read() == b'{"status":"ready"}'
        with _open_request(server) as connection:
            server.signal(signal.SIGTERM)
            until(lambda: "draining" in server.log(), "the signal has arrived")
            until(lambda: not _connects(server), "nobody can connect any more")
            kept.request("GET", "/readyz")
            answer = kept.getresponse()
            assert (answer.status, answer.getheader("Connection")) == (503, "close")
            assert b"stopping" in answer.read()
            connection.sendall(b"\n")
            assert connection.recv(65_536).startswith(b"HTTP/1.1 202 ")
        assert server.wait(20) == 0
        kept.close()


def _connects(server: Server) -> bool:
    try:
        socket.create_connection(("127.0.0.1", server.port), timeout=60).close()
    except ConnectionRefusedError:
        return False
    return True


def test_a_second_signal_aborts(tmp_path: Path) -> None:
    with Server(tmp_path) as server:
        server.may_log_errors = True
        server.ingest("accepted", _lines(0, 1_000))
        with _open_request(server):
            server.signal(signal.SIGTERM)
            until(lambda: "draining" in server.log(), "the signal has arrived")
            server.signal(signal.SIGTERM)
            assert server.wait(20) == _ABORTED
        assert "aborted; still held: " in server.log()
        assert "21 bytes in api.bodies" in server.log()
        assert "Traceback" not in server.log()
        server.restart()
        assert len(server.records("accepted")) == 1_000
        assert server.records("held") == []


def test_the_drain_has_a_deadline(tmp_path: Path) -> None:
    with Server(tmp_path, settings={"server.drain_seconds": 1}) as server:
        server.may_log_errors = True
        server.ingest("accepted", _lines(0, 1_000))
        with _open_request(server):
            server.signal(signal.SIGTERM)
            assert server.wait(20) == _ABORTED
        log = server.log()
        assert "not drained within server.drain_seconds = 1" in log
        assert "aborted" in log
        assert "Traceback" not in log
        server.restart()
        assert len(server.records("accepted")) == 1_000


def test_a_signal_while_it_starts(tmp_path: Path) -> None:
    """Before the signal can be caught it ends the process, afterwards in order; never with a traceback."""
    with Server(tmp_path) as server:
        server.ingest("accepted", _lines(0, 1_000))
        assert server.terminate() == 0
        for delay in range(8):
            server.launch()
            with pytest.raises(subprocess.TimeoutExpired):
                server.wait(delay / 8)
            server.signal(signal.SIGTERM)
            assert server.wait(20) in (0, -signal.SIGTERM)
            assert "Traceback" not in server.log()
        server.start()
        assert len(server.records("accepted")) == 1_000


@pytest.mark.parametrize("path", ["export", "search"], ids=["a stream", "an answer"])
def test_who_reads_nothing_holds_no_stop_up(tmp_path: Path, path: str) -> None:
    """More than the system buffers is on its way, and its client has stopped reading."""
    with Server(tmp_path, settings={"api.stall_seconds": 3_600, "server.drain_seconds": 3_600}) as server:
        server.ingest("large", [{"message": "x" * 20_000, "n": n} for n in range(2_000)])
        server.settle()
        with asked(server, f"/api/v1/logs/{path}", 4_096, service="large", limit=10_000) as client:
            assert client.recv(100).startswith(b"HTTP/1.1 200 ")
            server.signal(signal.SIGTERM)
            assert server.wait() == 0
        log = server.log()
        assert "Traceback" not in log
        assert f"GET /api/v1/logs/{path} of 127.0.0.1 is cut off" in log
