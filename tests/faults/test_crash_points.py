"""kill -9 at every named step of a flush, a merge, a skip index, an expiry and the manifest's commits: afterwards every
accepted line is found exactly once, and the index folder holds what the manifest names and nothing else."""

from __future__ import annotations

import http.client
import signal
import sqlite3
from collections import Counter
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from logd.flow import crash
from logd.store.segments import checksum
from tests.support.process import NDJSON, Server, ndjson, until

_SETTINGS = {"index.flush_rows": 40, "index.flush_seconds": 0.4, "parse.join_seconds": 0.01}
_LINES = 40
_SERVICE = "crash"
#: It would pass the point within one.
_LIFE_SECONDS = 60.0


@pytest.mark.parametrize("point", [one for one in crash.POINTS if not one.startswith("manifest.expire")])
def test_killed_at(tmp_path: Path, point: str) -> None:
    # Few enough that they are indexed before they are merged, or so many that they are merged.
    batches = 2 if point.startswith("manifest.index") else 6
    environment = {crash.VARIABLE: point}
    with Server(tmp_path, settings=_SETTINGS, roles="processor,api,archiver", environment=environment) as server:
        unanswered = [number for number in range(batches) if not _flushed(server, number)]
        assert server.wait(_LIFE_SECONDS) == -signal.SIGKILL
        server.check_ledger()
        server.environment.clear()
        server.start()
        for number in unanswered:
            _send(server, number)
        _has_each_line_once(server, batches)
        assert server.terminate() == 0
    _is_tidy(server.data_dir / "index")


@pytest.mark.parametrize("point", [one for one in crash.POINTS if one.startswith(("manifest.expire", "retired"))])
def test_killed_when_lines_expire(tmp_path: Path, point: str) -> None:
    old = (datetime.now(UTC) - timedelta(days=9)).isoformat()
    with Server(tmp_path, settings=_SETTINGS, roles="processor,api,archiver") as server:
        server.ingest(_SERVICE, [{"timestamp": old, "message": "expired"}] * _LINES)
        _send(server, 0)
        server.settle()
        assert server.terminate() == 0
        server.settings["archiver.retention_days"] = 3
        server.environment[crash.VARIABLE] = point
        server.launch()
        assert server.wait(_LIFE_SECONDS) == -signal.SIGKILL
        server.check_ledger()
        server.environment.clear()
        server.start()
        until(lambda: server.search(service=_SERVICE)["total_hits"] == _LINES, "the old lines have expired")
        _has_each_line_once(server, 1)
        assert server.terminate() == 0
    _is_tidy(server.data_dir / "index")
    with closing(sqlite3.connect(server.data_dir / "index" / "manifest.db")) as manifest:
        assert manifest.execute("SELECT count FROM ledger WHERE name = 'rows_expired'").fetchall() == [(_LINES,)]


def _send(server: Server, number: int) -> None:
    """Again and again, the same lines."""
    records = [{"message": f"line {number} {n}"} for n in range(_LINES)]
    answer = server.post(ndjson(records), {**NDJSON, "Idempotency-Key": f"{number}"}, _SERVICE)
    assert answer.status == 202, answer


def _flushed(server: Server, number: int) -> bool:
    """Sends lines, and waits until they are in a segment; False when the process ends before."""

    def flushed() -> bool:
        index = server.get("/api/v1/status").json()["index"]
        return bool(index["rows"] == (number + 1) * _LINES and index["recent_rows"] == 0)

    try:
        _send(server, number)
        return until(flushed, "the lines are in a segment")
    except (OSError, http.client.HTTPException):
        return False


def _has_each_line_once(server: Server, batches: int) -> None:
    server.settle()
    found = server.search(service=_SERVICE, limit=10_000)
    messages = Counter(record["message"] for record in found["logs"])
    assert messages == Counter(f"line {number} {n}" for number in range(batches) for n in range(_LINES))
    assert found["total_hits"] == batches * _LINES
    assert server.get("/api/v1/status").json()["index"]["quarantined"] == []


def _is_tidy(index: Path) -> None:
    """All that the manifest names is there and whole, and what else is there is to be unlinked."""
    with closing(sqlite3.connect(index / "manifest.db")) as manifest:
        named = {file: (size, crc) for file, size, crc in manifest.execute("SELECT file, bytes, crc FROM segments")}
        query = "SELECT replace(file, '.parquet', '.skip'), skip_bytes, skip_crc FROM segments WHERE skip_bytes > 0"
        named |= {file: (size, crc) for file, size, crc in manifest.execute(query)}
        retired = {file for (file,) in manifest.execute("SELECT file FROM retired")}
    files = {str(path.relative_to(index)) for path in index.rglob("*") if path.is_file() and path.name != "manifest.db"}
    assert files - retired == named.keys()
    assert {file: checksum(index / file) for file in named} == named
