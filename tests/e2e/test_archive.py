"""The archiver of a cluster as a real process, and what people ask of the archive by the command line."""

from __future__ import annotations

import json
import uuid
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb

from tests.services import Running
from tests.services.elasticsearch import ask
from tests.support.commands import logd
from tests.support.process import Server, free_port, until


def _settings(elasticsearch: Running) -> dict[str, Any]:
    return {
        "index.type": "elasticsearch",
        "index.elasticsearch.urls": json.dumps([elasticsearch.url]),
        "index.elasticsearch.replicas": 0,
        "index.elasticsearch.shards": 1,
        "archiver.flush_seconds": 0.2,
        "archiver.compact_seconds": 3,
    }


def test_lines_are_archived_and_verified(tmp_path: Path, elasticsearch: Running) -> None:
    settings = _settings(elasticsearch)
    service = f"archived-{uuid.uuid4().hex[:8]}"
    sets = [word for name, value in settings.items() for word in ("--set", f"{name}={value}")]
    with Server(tmp_path, settings=settings, roles="processor,api,archiver") as server:
        for part in range(3):
            server.ingest(service, [{"message": f"line {part} {n}"} for n in range(50)])
            until(lambda part=part: _archived(server) == 50 * (part + 1), "the lines are archived")  # type: ignore[misc]
        verified = logd("archive", "verify", *sets, data_dir=server.data_dir)
        assert verified.code == 0, verified
        assert "150 rows with 150 distinct ids; nothing is wrong" in verified.out
        files = server.data_dir / "objects" / "archive"
        until(lambda: len(list(files.rglob("*-c.parquet"))) == 1, "they are compacted")
        # What was replaced stays for a while, for those who read it.
        compacted = f"{files}/*/*/*/*-c.parquet"
        query = (
            f"SELECT policy, service, count(*) FROM read_parquet('{compacted}', hive_partitioning = true) GROUP BY ALL"
        )
        with duckdb.connect() as connection:
            assert connection.sql(query).fetchall() == [("DEFAULT", service, 150)]
        status = server.get("/api/v1/status").json()
        assert status["archive"]["lag_messages"] == 0
        assert status["archive_upkeep"] == {"has_lease": True, "error": None}
        assert server.terminate() == 0
    (file,) = files.rglob("*-c.parquet")
    file.write_bytes(file.read_bytes()[:-1])
    today = date.today().isoformat()
    for extra, code in ((["--policy", "other"], 0), ([], 1), (["--quarantine"], 1), (["--day", today], 0)):
        verified = logd("archive", "verify", *extra, *sets, data_dir=server.data_dir)
        assert verified.code == code, verified
    assert logd("archive", "rebuild", *sets, data_dir=server.data_dir).code == 0
    assert logd("archive", "verify", "--day", "yesterday", data_dir=server.data_dir).code == 2


def test_a_day_that_has_left_is_searched_also_while_elasticsearch_is_away(
    tmp_path: Path, elasticsearch: Running
) -> None:
    """By a policy of its own: the days of others in this Elasticsearch have no archive, and wait for theirs."""
    service = f"cold-{uuid.uuid4().hex[:8]}"
    settings = {
        **_settings(elasticsearch),
        "archiver.compact_seconds": 1,
        "policies.left.services": service,
        "policies.left.hot_days": 1,
        "policies.left.warm_days": 2,
    }
    old, new = datetime.now(UTC) - timedelta(days=9), datetime.now(UTC)
    lines = [(old, f"old {n}") for n in range(40)] + [(new, f"new {n}") for n in range(10)]
    with Server(tmp_path, settings=settings, roles="processor,api,archiver") as server:
        server.ingest(service, [{"timestamp": time.isoformat(), "message": text} for time, text in lines])
        until(lambda: _search(server, service)["total_hits"] == 50, "all is found")
        until(lambda: "cold" in _search(server, service)["tiers"], "the day has left")
        found = _search(server, service)
        assert sorted(one["message"] for one in found["logs"]) == sorted(text for _, text in lines)
        index = f"logs-left-{old.date()}"
        until(lambda: index not in _indices(elasticsearch), "its index is deleted")
        assert _search(server, service)["total_hits"] == 50
        assert server.terminate() == 0
    away = {**settings, "index.elasticsearch.urls": json.dumps([f"http://127.0.0.1:{free_port()}"])}
    with Server(tmp_path, settings=away, roles="api") as server:
        server.may_log_errors = True
        found = _search(server, service)
        # All that the archive has, which is what was new as well.
        assert sorted(one["message"] for one in found["logs"]) == sorted(text for _, text in lines)
        assert found["partial"]
        assert "Elasticsearch" in " ".join(found["warnings"])


def _search(server: Server, service: str) -> dict[str, Any]:
    found: dict[str, Any] = server.search(service=service, limit=100, track_total_hits="true")
    return {"tiers": [], **found}


def _indices(elasticsearch: Running) -> str:
    return ask(elasticsearch.port, "GET", "/_cat/indices/logs-left-*?h=index")[1].decode()


def _archived(server: Server) -> int:
    rows: int = server.get("/api/v1/status").json()["archive"]["archived_rows"]
    return rows
