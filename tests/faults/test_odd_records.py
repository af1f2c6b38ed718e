"""Records at the edge of what can be stored: they are found like others, and the process stays small."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest

from tests.support.process import NDJSON, Server, ndjson, until

_MAX_RSS_BYTES = 800_000_000


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(tmp_path_factory.mktemp("odd")) as running:
        yield running


@pytest.mark.parametrize("time", ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z", "1969-12-31T23:59:59Z"])
def test_a_time_out_of_this_world(server: Server, time: str) -> None:
    server.ingest(f"time-{time[:4]}", [{"timestamp": time, "message": "when?"}])
    (record,) = server.records(f"time-{time[:4]}")
    assert datetime.fromisoformat(record["timestamp"]) <= datetime.fromisoformat(record["ingested_at"])
    assert record["timestamp"][:4] == record["ingested_at"][:4] > "2025"
    assert record["metadata"]["original_timestamp"] == time


def test_ten_thousand_keys_in_a_record(server: Server) -> None:
    fields = {f"key_{number}": number for number in range(10_000)}
    server.ingest("keys", [{"message": "many", **fields}])
    (record,) = server.records("keys")
    assert record["metadata"] == fields
    assert server.search(q="key_9999:9999", service="keys")["total_hits"] == 1
    assert server.search(q="key_9999:9998", service="keys")["total_hits"] == 0


def test_ten_thousand_keys_over_many_records(server: Server) -> None:
    server.ingest("spread", [{"message": "one", f"field_{number}": f"v{number}"} for number in range(10_000)])
    server.settle()
    for number in (0, 4_711, 9_999):
        assert server.search(q=f"field_{number}:v{number}", service="spread")["total_hits"] == 1


def test_a_key_of_64_kilobytes(server: Server) -> None:
    key = "k" * 65_536
    server.ingest("key", [{"message": "long key", key: "value", "b": 1}])
    (record,) = server.records("key")
    assert record["metadata"] == {key: "value", "b": 1}
    assert server.search(q="b:1", service="key")["total_hits"] == 1


def test_a_million_services(tmp_path: Path) -> None:
    with Server(tmp_path) as server:
        for start in range(0, 1_000_000, 50_000):
            records = [
                {"service": f"svc-{number}", "message": f"hello {number}"} for number in range(start, start + 50_000)
            ]
            body = ndjson(records)
            answer = until(lambda body=body: _taken(server, body), "there is room")  # type: ignore[misc]
            assert answer == 50_000
        until(lambda: server.search(limit=0, track_total_hits="true")["total_hits"] == 1_000_000, "all are found")
        for number in (0, 123_456, 999_999):
            assert [hit["message"] for hit in server.search(service=f"svc-{number}")["logs"]] == [f"hello {number}"]
        assert server.peak_rss_bytes() < _MAX_RSS_BYTES
        server.check_ledger()


def _taken(server: Server, body: bytes) -> int:
    """How many were accepted; 0 when the queue has no room now."""
    answer = server.post(body, NDJSON)
    assert answer.status in (202, 429), answer
    return int(answer.json()["accepted"]) if answer.status == 202 else 0
