"""Days past a policy's ages in a real server: they go into the archive in data_dir, or are deleted, by themselves."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from logd.backup import about
from tests.support.commands import logd
from tests.support.process import Server, until

_SETTINGS = {
    "index.flush_rows": 100,
    "index.flush_seconds": 0.5,
    "policies.debug.services": "debug-*",
    "policies.debug.cold_days": 5,
    "policies.DEFAULT.warm_days": 2,
}


def _send(server: Server, service: str, days: int, count: int) -> list[str]:
    time = (datetime.now(UTC) - timedelta(days=days)).isoformat()
    messages = [f"{service} {days} {n}" for n in range(count)]
    server.ingest(service, [{"timestamp": time, "message": message} for message in messages])
    return messages


def _archived(server: Server) -> list[str]:
    """What the catalog's files have."""
    with closing(sqlite3.connect(server.data_dir / "catalog.db")) as catalog:
        names = [name for (name,) in catalog.execute("SELECT name FROM archive_files WHERE state = 'live'")]
    tables = [pq.ParquetFile(server.data_dir / "objects" / name).read(["message"]) for name in names]
    return sorted(message for table in tables for message in table["message"].to_pylist())


def _archiver(server: Server) -> dict[str, Any]:
    found: dict[str, Any] = server.get("/api/v1/status").json()["archiver"]
    return found


def _hits(server: Server, service: str) -> int:
    """In both tiers."""
    hits: int = server.search(service=service, limit=0)["total_hits"]
    return hits


def test_days_go_where_their_policy_says(tmp_path: Path) -> None:
    with Server(tmp_path, settings=_SETTINGS, roles="processor,api,archiver") as server:
        old = _send(server, "web", 4, 50)
        _send(server, "web", 0, 30)
        _send(server, "debug-1", 9, 20)
        server.settle()
        until(lambda: _archiver(server)["cold"]["days"] == 1, "the day is in the archive alone")
        until(lambda: _hits(server, "debug-1") == 0, "the others have expired")
        assert _hits(server, "web") == 80
        assert "cold" in server.search(service="web", limit=0)["tiers"]
        assert _archived(server) == sorted(old)
        late = _send(server, "web", 4, 3)
        server.settle()
        until(lambda: _archiver(server)["cold"]["days"] == 2, "the late lines too")
        assert _archived(server) == sorted([*old, *late])
        server.check_ledger()
        server.kill()
        server.start()
        server.settle()
        assert _archived(server) == sorted([*old, *late])
        assert (_hits(server, "web"), _hits(server, "debug-1")) == (83, 0)
        found = server.search(service="web", limit=100, sort="oldest")["logs"]
        assert [one["message"] for one in found[:53]] == [*old, *late]
        assert logd("store", "backup", tmp_path / "backup", data_dir=server.data_dir).code == 0
    assert not about.read(tmp_path / "backup").damaged
    restored = Server(tmp_path / "restored", settings=_SETTINGS, roles="processor,api,archiver")
    assert logd("store", "restore", tmp_path / "backup", data_dir=restored.data_dir).code == 0
    with restored:
        assert _hits(restored, "web") == 83
        server.check_ledger()
