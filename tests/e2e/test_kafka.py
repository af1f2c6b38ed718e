"""One machine's roles over Kafka instead of a file of their own: the same answers, also after a kill."""

from __future__ import annotations

import json
import urllib.request
import uuid
from pathlib import Path
from typing import Any

import pytest

from tests.services import Running
from tests.support.process import Server, until


@pytest.fixture
def settings(kafka: Running) -> dict[str, Any]:
    return {
        "transport.type": "kafka",
        "transport.kafka.servers": kafka.url,
        "transport.kafka.prefix": f"test-{uuid.uuid4().hex[:12]}.",
        "transport.kafka.partitions": 6,
        "transport.kafka.replication": 1,
        "index.flush_seconds": 0.4,
    }


def _numbers(server: Server) -> list[int]:
    return sorted(record["metadata"]["n"] for record in server.search(q="numbered", limit=10_000)["logs"])


def _found(server: Server, count: int) -> None:
    until(lambda: len(_numbers(server)) >= count, f"all {count} are there")
    assert _numbers(server) == list(range(count))


def test_each_line_is_found_once_also_after_a_kill(tmp_path: Path, settings: dict[str, Any]) -> None:
    with Server(tmp_path, settings=settings, roles="processor,api") as server:
        count = 0
        for _ in range(3):
            for service in range(20):
                lines = [{"message": "numbered", "n": count + n} for n in range(5)]
                server.ingest(f"service-{service}", lines)
                count += 5
            server.kill()
            server.start()
            _found(server, count)
        topic = server.get("/api/v1/status").json()["transport"]["raw-logs"]
        assert topic["messages"] == 60
        assert sum(1 for end in topic["next_positions"].values() if end) > 1, "several partitions have some"
        until(
            lambda: server.get("/api/v1/status").json()["transport"]["raw-logs"]["groups"]["processor"]["lag"] == 0,
            "what is in segments is committed",
        )
        assert server.terminate() == 0
        server.start()
        assert _numbers(server) == list(range(count))


def test_a_tail_sees_all_partitions(tmp_path: Path, settings: dict[str, Any]) -> None:
    with (
        Server(tmp_path, settings=settings, roles="processor,api") as server,
        urllib.request.urlopen(f"http://127.0.0.1:{server.port}/api/v1/logs/tail?q=followed", timeout=60) as answer,
    ):
        while not answer.readline().startswith(b"event: open"):
            pass
        for service in range(20):
            server.ingest(f"service-{service}", [{"message": f"followed {service}"}])
        seen: set[str] = set()
        while len(seen) < 20:
            line = answer.readline()
            if line.startswith(b'data: {"log_id"'):
                seen.add(json.loads(line[6:])["service"])
        assert seen == {f"service-{n}" for n in range(20)}
