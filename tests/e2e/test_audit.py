"""`logd audit`: the ledger of a real data folder balances, and says so when it doesn't."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from logd.ledger import Entry, Topic, entries
from tests.support.commands import logd
from tests.support.process import NDJSON, Server, until

_SETTINGS = {"index.flush_rows": 50, "index.flush_seconds": 0.2, "parse.join_seconds": 0.01}


def _audit(data_dir: Path, *options: str) -> tuple[int, str]:
    done = logd("audit", *options, data_dir=data_dir)
    return done.code, done.out + done.error


def _stages(data_dir: Path) -> dict[str, dict[str, Any]]:
    code, text = _audit(data_dir, "--json")
    assert code == 0, text
    return {row["stage"]: row for row in map(json.loads, text.splitlines())}


def test_every_kind_of_line_is_accounted_for(tmp_path: Path) -> None:
    log = tmp_path / "app.log"
    log.write_text("one\n\n  \nfour with a stack\n  at line 2\n")
    with Server(tmp_path / "server", settings=_SETTINGS, files=[log]) as server:
        body = b'{"message": "a"}\n\nno json\n{"message": "b", "timestamp": "1969-01-01T00:00:00Z"}\n\xff\xfe\n{}\n[]\n'
        for _ in range(3):
            assert server.post(body, {**NDJSON, "Idempotency-Key": "once"}, "s").status == 202
        own = [{"log_id": "mine", "message": "m"}] * 7
        server.ingest("own", own)
        server.settle()
        until(lambda: not server.get("/api/v1/status").json()["index"]["recent_rows"], "all is flushed")
        server.check_ledger()
        running = _stages(server.data_dir)
        assert server.terminate() == 0
        stopped = _stages(server.data_dir)
        assert running.keys() == stopped.keys() == {"transport", "processor", "index", "dead-letters"}
        assert stopped["transport"]["duplicates"] > 0
        assert stopped["processor"]["duplicates"] == 6
        assert stopped["transport"]["in_flight"] == 0
        assert stopped["index"]["given"] == stopped["processor"]["given"]
    code, text = _audit(server.data_dir)
    assert code == 0
    assert text.endswith("it balances\n")


def test_what_waits_is_in_flight(tmp_path: Path) -> None:
    with Server(tmp_path, roles="api") as server:
        server.ingest("s", [{"message": "a"}] * 12)
        server.kill()
    assert _stages(server.data_dir)["transport"]["in_flight"] == 12


def test_expired_lines_are_named(tmp_path: Path) -> None:
    old = (datetime.now(UTC) - timedelta(days=9)).isoformat()
    with Server(tmp_path, settings=_SETTINGS) as server:
        server.ingest("s", [{"message": "old", "timestamp": old}] * 9)
        server.settle()
        assert server.terminate() == 0
        server.settings["archiver.retention_days"] = 3
        server.start()
        until(lambda: server.search(service="s")["total_hits"] == 0, "the old day is gone")
        assert server.terminate() == 0
    assert _stages(server.data_dir)["index"]["expired"] == 9


def test_a_missing_line_is_seen(tmp_path: Path) -> None:
    with Server(tmp_path, settings=_SETTINGS) as server:
        server.ingest("s", [{"message": "a"}] * 12)
        server.settle()
        assert server.terminate() == 0
    with closing(sqlite3.connect(server.data_dir / "index" / "manifest.db", isolation_level=None)) as manifest:
        manifest.execute("DELETE FROM segments WHERE id = (SELECT min(id) FROM segments)")
    code, text = _audit(server.data_dir)
    assert code == 1
    assert "it doesn't balance: index by " in text


def test_without_a_data_folder(tmp_path: Path) -> None:
    code, text = _audit(tmp_path / "nothing")
    assert code == 2
    assert text.count("\n") == 1
    assert "transport.db" in text


@pytest.mark.parametrize(
    ("index", "rows", "differences"),
    [
        ({"lines_taken": 8, "rows_stored": 5, "rows_duplicate": 2, "lines_refused": 1}, 5, (0, 0, 0, 0)),
        ({"lines_taken": 7, "rows_stored": 5, "rows_duplicate": 2, "lines_refused": 1}, 5, (1, -1, 0, 0)),
        ({"lines_taken": 8, "rows_stored": 8, "rows_expired": 2, "rows_quarantined": 1}, 4, (0, 0, 1, 0)),
        ({"lines_taken": 8, "rows_stored": 6, "lines_unknown": 2}, 6, (0, 0, 0, 0)),
        ({"lines_taken": 8, "rows_stored": 3, "lines_dropped": 4, "lines_sampled": 1}, 3, (0, 0, 0, 0)),
        ({"lines_taken": 8, "rows_stored": 3, "lines_dropped": 4}, 3, (0, 1, 0, 0)),
    ],
)
def test_equations(index: dict[str, int], rows: int, differences: tuple[int, ...]) -> None:
    raw_logs = Topic(appended=10, duplicates=3, held=4, waiting=2)
    found = entries(raw_logs, Topic(appended=1, held=1), index, rows)
    assert tuple(entry.difference for entry in found) == differences
    assert all(isinstance(entry, Entry) for entry in found)
