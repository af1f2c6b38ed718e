"""Little input that means much memory: the process takes or refuses it, and stays small."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import zstandard

from tests.support.process import JSON, NDJSON, Server, until

_MAX_BODY_BYTES = 67_108_864
_MAX_RSS_BYTES = 800_000_000


def _filled(before: bytes, unit: bytes, behind: bytes) -> bytes:
    """A body of the largest size allowed."""
    count = (_MAX_BODY_BYTES - len(before) - len(behind)) // len(unit)
    return before + unit * count + behind


_BODIES: dict[str, tuple[Callable[[], bytes], dict[str, str], int]] = {
    "commas": (lambda: _filled(b'{"logs":[', b",", b"]}"), JSON, 202),
    "quotes": (lambda: _filled(b'{"logs":["', rb"\"", b'"]}'), JSON, 202),
    "brackets": (lambda: _filled(b'{"logs":[', b"[]", b"]}"), JSON, 202),
    "members": (lambda: _filled(b"{", b'"":1,', b'"logs":[]}'), JSON, 400),
    "empty lines": (lambda: _filled(b"", b"\n", b""), NDJSON, 202),
    "one line": (lambda: _filled(b"", b"x", b""), NDJSON, 202),
    "levels": (lambda: _filled(b'{"logs":[', b"[", b""), JSON, 400),
}


@pytest.mark.parametrize("name", _BODIES)
def test_the_largest_body_of(tmp_path: Path, name: str) -> None:
    make, headers, status = _BODIES[name]
    with Server(tmp_path) as server:
        body = make()
        assert server.post(body, headers, "large").status == status
        assert server.post(body + b" " * _MAX_BODY_BYTES, headers, "large").status == 413
        server.settle()
        assert server.peak_rss_bytes() < _MAX_RSS_BYTES


@pytest.mark.parametrize("encoding", ["gzip", "zstd"])
def test_many_small_bodies_that_become_large(tmp_path: Path, encoding: str) -> None:
    body = _filled(b'{"logs":[', b",", b"]}")
    small = gzip.compress(body, 1) if encoding == "gzip" else zstandard.compress(body)
    assert len(small) < 500_000
    with Server(tmp_path) as server, ThreadPoolExecutor(6) as clients:
        sent = [clients.submit(server.post, small, {**JSON, "Content-Encoding": encoding}) for _ in range(6)]
        assert {answer.result().status for answer in sent} == {202}
        assert server.peak_rss_bytes() < _MAX_RSS_BYTES


def test_a_backlog_of_large_lines(tmp_path: Path) -> None:
    """A few kB on the queue that are 400 MB of text: what is parsed at once is bounded by the text."""
    line = b'{"message":"m","a":"%s"}\n' % (b"x" * 1_000_000)
    body = zstandard.compress(line * 50)
    with Server(tmp_path, roles="api") as server:
        for _ in range(8):
            assert server.post(body, {**NDJSON, "Content-Encoding": "zstd"}, "large").json() == {"accepted": 50}
    with Server(tmp_path) as server:
        until(lambda: server.search(service="large", limit=0)["total_hits"] == 400, "all lines are found")
        assert server.peak_rss_bytes() < _MAX_RSS_BYTES


def test_the_queue_keeps_up_with_small_requests(tmp_path: Path) -> None:
    """What every group is past is deleted while requests go on and on, as fast as it is added."""
    with Server(tmp_path, settings={"index.flush_seconds": 2}) as server:
        stop = threading.Event()

        def client() -> int:
            sent = 0
            while not stop.is_set():
                sent += server.ingest("small", [{"message": "x"}])
            return sent

        def needless() -> int:
            """Messages on the queue that nobody waits for."""
            queue = server.get("/api/v1/status").json()["transport"]["raw-logs"]
            return int(queue["messages"] - queue["groups"]["processor"]["lag"])

        with ThreadPoolExecutor(4) as clients:
            sent = [clients.submit(client) for _ in range(4)]
            try:
                until(lambda: server.get("/api/v1/status").json()["index"]["segments"] >= 5, "rows went to segments")
                until(lambda: needless() <= 512, "the queue is as short as it can be", 20)
            finally:
                stop.set()
            assert sum(done.result() for done in sent) > 0
