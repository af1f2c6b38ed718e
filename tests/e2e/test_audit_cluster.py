"""`logd audit` and `logd transport status` where the queue is a Kafka: the processors' counts, beside what the index
has."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from logd.ledger import Group, of_kafka, of_remote_index
from logd.seams import Tally
from tests.services import Running
from tests.services.elasticsearch import ask
from tests.support.commands import Done, logd
from tests.support.process import Server, until


@pytest.fixture
def kafka_settings(kafka: Running) -> dict[str, Any]:
    return {
        "transport.type": "kafka",
        "transport.kafka.servers": kafka.url,
        "transport.kafka.prefix": f"test-{uuid.uuid4().hex[:12]}.",
        "transport.kafka.partitions": 3,
        "transport.kafka.replication": 1,
    }


@pytest.fixture
def settings(kafka_settings: dict[str, Any], elasticsearch: Running) -> Iterator[dict[str, Any]]:
    """Kafka before Elasticsearch, which has no other records."""
    yield {
        **kafka_settings,
        "index.type": "elasticsearch",
        "index.elasticsearch.urls": json.dumps([elasticsearch.url]),
        "index.elasticsearch.replicas": 0,
        "index.elasticsearch.shards": 1,
        "index.elasticsearch.refresh_seconds": 0.1,
        "index.elasticsearch.timeout_seconds": 120,
        "search.deadline_seconds": 120,
    }
    _, answer = ask(elasticsearch.port, "GET", "/logs-*")
    for name in json.loads(answer):
        ask(elasticsearch.port, "DELETE", f"/{name}")


def _run(data_dir: Path, settings: dict[str, Any], *command: str) -> Done:
    sets = [word for name, value in settings.items() for word in ("--set", f"{name}={value}")]
    return logd(*command, *sets, data_dir=data_dir)


def _stages(data_dir: Path, settings: dict[str, Any]) -> dict[str, dict[str, Any]]:
    done = _run(data_dir, settings, "audit", "--json")
    assert done.code == 0, done
    return {row["stage"]: row for row in map(json.loads, done.out.splitlines())}


def _lag(server: Server) -> int:
    topic = server.get("/api/v1/status").json()["transport"]["raw-logs"]
    return int(topic["groups"]["processor"]["lag"]) if "processor" in topic["groups"] else -1


def test_lines_are_counted_into_elasticsearch_and_a_missing_one_is_seen(
    tmp_path: Path, settings: dict[str, Any], elasticsearch: Running
) -> None:
    lines = [{"log_id": f"id-{number}", "message": f"line {number}"} for number in range(50)]
    with Server(tmp_path / "server", settings=settings, roles="processor,api") as server:
        server.may_log_errors = True
        server.ingest("web", lines)
        server.ingest("web", [*lines[:7], {"message": "it is refused", "": 1}])
        until(lambda: _lag(server) == 0, "all is committed")
        stages = _stages(tmp_path, settings)
        assert stages["processor"]["taken"] == 58
        assert stages["processor"]["duplicates"] == 7
        given = stages["index"]["given"]
        assert stages["index"]["taken"] == stages["processor"]["given"] == given
        assert stages["processor"]["refused"] == 51 - given
        transport = stages["transport, in messages"]
        assert (transport["given"], transport["in_flight"]) == (2, 0)
        assert server.terminate() == 0
    assert _stages(tmp_path, settings) == stages
    done = _run(tmp_path, settings, "transport", "status")
    assert done.code == 0
    assert "group processor: past 2 messages of 3 partitions, 0 messages behind\n" in done.out
    _, answer = ask(elasticsearch.port, "GET", "/logs-*/_search?q=message:line&size=1")
    hit = json.loads(answer)["hits"]["hits"][0]
    status, _ = ask(elasticsearch.port, "DELETE", f"/{hit['_index']}/_doc/{hit['_id']}")
    assert status == 200
    done = _run(tmp_path, settings, "audit")
    assert done.code == 1
    assert done.out.endswith("it doesn't balance: index by 1\n")


def test_the_embedded_index_counts_for_itself(tmp_path: Path, kafka_settings: dict[str, Any]) -> None:
    settings = {**kafka_settings, "index.flush_seconds": 0.2}
    with Server(tmp_path, settings=settings, roles="processor,api") as server:
        server.ingest("web", [{"message": f"line {number}"} for number in range(50)])
        until(lambda: _lag(server) == 0, "all is in segments")
        assert server.terminate() == 0
    stages = _stages(server.data_dir, settings)
    assert list(stages) == ["transport, in messages", "processor", "index"]
    assert stages["index"]["given"] == stages["processor"]["taken"] == 50


_RULES = [
    {"type": "drop", "query": "n:7"},
    {"type": "sample", "query": "level:DEBUG", "keep": 0.5},
]


def _shaped(server: Server) -> None:
    """50 lines: a tenth is dropped, of 23 others a part is sampled; then 7 of them come again."""
    lines = [
        {"log_id": f"id-{number}", "message": "m", "n": number % 10, "level": ("DEBUG", "ERROR")[number % 2]}
        for number in range(50)
    ]
    server.ingest("web", lines)
    server.ingest("web", lines[:7])
    until(lambda: _lag(server) == 0, "all is committed")


def test_what_rules_leave_out_is_counted_with_the_positions(tmp_path: Path, settings: dict[str, Any]) -> None:
    settings = {**settings, "shape": json.dumps(_RULES)}
    with Server(tmp_path / "server", settings=settings, roles="processor,api") as server:
        _shaped(server)
        stages = _stages(tmp_path, settings)
        assert server.terminate() == 0
    processor = stages["processor"]
    assert (processor["taken"], processor["dropped"]) == (57, 5)
    assert 0 < processor["sampled"] < 29
    assert processor["given"] == stages["index"]["given"]
    assert processor["given"] + processor["duplicates"] + processor["sampled"] == 52


def test_what_rules_leave_out_is_counted_by_the_embedded_index(tmp_path: Path, kafka_settings: dict[str, Any]) -> None:
    settings = {**kafka_settings, "index.flush_seconds": 0.2, "shape": json.dumps(_RULES)}
    with Server(tmp_path, settings=settings, roles="processor,api") as server:
        _shaped(server)
        assert server.terminate() == 0
    processor = _stages(server.data_dir, settings)["processor"]
    assert (processor["taken"], processor["dropped"]) == (57, 5)
    assert 0 < processor["sampled"] < 29
    assert processor["given"] + processor["duplicates"] + processor["sampled"] == 52


def test_what_was_stored_before_it_was_shed_is_no_difference(
    tmp_path: Path, settings: dict[str, Any], elasticsearch: Running
) -> None:
    """Documents are there of a processor that was killed before its commit; the next one leaves out a part of them."""
    at = "2026-11-22T10:00:00Z"
    lines = [
        {"log_id": f"id-{number}", "message": "m", "timestamp": at, "level": ("DEBUG", "ERROR")[number % 2]}
        for number in range(50)
    ]
    settings = {**settings, "shedding.disk_percent": 0.001}
    with Server(tmp_path / "server", settings=settings, roles="processor,api") as server:
        until(lambda: server.get("/api/v1/status").json()["processor"]["shedding"]["emergency"], "the disk is known")
        for line in lines:
            path = f"/logs-2026-11-22/_create/{line['log_id']}?refresh=true"
            status, answer = ask(elasticsearch.port, "PUT", path, {"timestamp": at, "message": "m"})
            assert status == 201, answer
        server.ingest("web", lines)
        until(lambda: _lag(server) == 0, "all is committed")
        stages = _stages(tmp_path, settings)
        assert server.terminate() == 0
    processor = stages["processor"]
    assert (processor["taken"], processor["given"]) == (50, 0)
    assert processor["dropped"] == processor["duplicates"] == 25
    assert stages["index"]["given"] == stages["index"]["uncounted"] == 50


def test_where_nobody_counts(tmp_path: Path) -> None:
    done = _run(tmp_path, {"index.type": "elasticsearch"}, "audit")
    assert done.code == 2
    assert "nobody counts what goes from transport.type sqlite to index.type elasticsearch" in done.error


@pytest.mark.parametrize(
    ("tally", "documents", "settled", "differences"),
    [
        (Tally(10, 7, 2, 1), 7, True, [0, 0]),
        (Tally(10, 7, 2, 1), 9, True, [0, 0]),  # two were stored before a crash
        (Tally(10, 7, 2, 1), 10, True, [0, -1]),
        (Tally(10, 7, 2, 1), 10, False, [0, 0]),  # three are under way
        (Tally(10, 7, 2, 1), 6, True, [0, 1]),
        (Tally(10, 7, 2, 1), 6, False, [0, 1]),
        (Tally(11, 7, 2, 1), 7, True, [1, 0]),
        (Tally(15, 7, 2, 1, 3, 2), 7, True, [0, 0]),
        (Tally(15, 7, 2, 1, 3, 1), 7, True, [1, 0]),
        (Tally(15, 7, 2, 1, 3, 2, 4), 13, True, [0, 0]),  # six were stored before a crash, four of them shed after it
        (Tally(15, 7, 2, 1, 3, 2, 4), 14, True, [0, -1]),
        (Tally(15, 7, 2, 1, 3, 2, 4), 6, True, [0, 1]),
    ],
)
def test_equations(tally: Tally, documents: int, settled: bool, differences: list[int]) -> None:
    entries = of_remote_index(Group(5, 1, 3, tally), documents, settled)
    assert [entry.difference for entry in entries] == differences


def test_what_kafka_deleted_unread_is_named() -> None:
    entry = of_kafka(Group(passed=5, lost=2, waiting=3))
    assert (entry.taken, entry.given, entry.expired, entry.in_flight, entry.difference) == (8, 3, 2, 3, 0)
