"""The archiver of one machine: it merges, expires and warns, and takes nothing from the stream."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tests.support.process import Server, until

_SETTINGS = {"index.flush_rows": 40, "index.flush_seconds": 0.4, "parse.join_seconds": 0.01}


def _status(server: Server) -> dict[str, Any]:
    status: dict[str, Any] = server.get("/api/v1/status").json()
    return status


def _messages(server: Server) -> list[str]:
    return sorted(record["message"] for record in server.search(service="s", limit=10_000)["logs"])


def test_a_burst_ends_as_one_file(tmp_path: Path) -> None:
    with Server(tmp_path, settings=_SETTINGS) as server:
        for number in range(20):
            server.ingest("s", [{"message": f"{number} {n}"} for n in range(40)])
            server.settle()
        expected = sorted(f"{number} {n}" for number in range(20) for n in range(40))
        assert _messages(server) == expected
        until(lambda: _status(server)["index"]["segments"] <= 4, "they are merged")
        assert _messages(server) == expected
        status = _status(server)
        assert status["archiver"]["merged_segments"] >= 16
        assert set(status["transport"]["raw-logs"]["groups"]) == {"processor"}
        until(lambda: _status(server)["index"]["skip_index_bytes"] > 0, "there is a skip index")
        named = status["index"]["segments"]
        files = until(
            lambda: (found := list(server.data_dir.rglob("*.parquet"))) and len(found) <= named and found,
            "what was merged is unlinked",
        )
        assert files
        server.check_ledger()
        assert server.terminate() == 0
        server.restart()
        assert _messages(server) == expected


def test_old_days_go_and_old_lines_get_the_time_of_now(tmp_path: Path) -> None:
    def ago(days: float) -> str:
        return (datetime.now(UTC) - timedelta(days=days)).isoformat()

    with Server(tmp_path, settings=_SETTINGS) as server:
        for days in (0.001, 2, 30):
            server.ingest("s", [{"message": f"{days}", "timestamp": ago(days)}] * 3)
        server.settle()
        assert server.terminate() == 0
        server.settings["archiver.retention_days"] = 7
        server.start()
        until(lambda: _messages(server) == ["0.001"] * 3 + ["2"] * 3, "the oldest day is gone")
        until(lambda: len(list(server.data_dir.rglob("date=*/*.parquet"))) <= 4, "its files are gone")
        server.ingest("s", [{"message": "too old", "timestamp": ago(30)}])
        server.settle()
        (record,) = server.search(service="s", q="too")["logs"]
        assert record["timestamp"] > ago(1)
        assert record["metadata"]["original_timestamp"].startswith(ago(30)[:10])
        server.check_ledger()


def test_a_disk_that_gets_full_is_said_once(tmp_path: Path) -> None:
    with Server(tmp_path, settings={**_SETTINGS, "archiver.disk_warning_percent": 1}) as server:
        status = until(lambda: (found := _status(server)["archiver"])["disk_used_percent"] and found, "it has looked")
        assert status["disk_warning"] is True
        assert b"logd_disk_used_ratio 0." in server.get("/metrics").body
        assert server.log().count("% full") == 1
