"""What is sent twice is found once: by Idempotency-Key, and by the client's own log_id within a day."""

from __future__ import annotations

import gzip
import uuid
from collections.abc import Iterator

import orjson
import pytest

from tests.support.process import JSON, NDJSON, Server, ndjson, until

_DAY = "2026-11-20T10:00:00Z"
_NEXT_DAY = "2026-11-21T10:00:00Z"


@pytest.fixture
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Rows go to segments only when a test asks for it, by a restart."""
    with Server(tmp_path_factory.mktemp("twice"), settings={"parse.join_seconds": 0.02}) as running:
        yield running


def _messages(server: Server, service: str) -> list[str]:
    return sorted(record["message"] for record in server.records(service))


def _restart(server: Server) -> None:
    """Ends the process in order, so that all rows are in segments, and starts it again."""
    assert server.terminate() == 0
    server.restart()
    status = server.get("/api/v1/status").json()
    assert status["index"]["recent_rows"] == 0
    assert status["index"]["segments"] > 0


def test_the_same_key_twice(server: Server) -> None:
    for _ in range(2):
        assert server.ingest("keyed", [{"message": "a"}, {"message": "b"}], Idempotency_Key="k-1") == 2
    assert _messages(server, "keyed") == ["a", "b"]
    _restart(server)
    assert server.ingest("keyed", [{"message": "a"}, {"message": "b"}], Idempotency_Key="k-1") == 2
    assert _messages(server, "keyed") == ["a", "b"]


def test_the_same_key_twice_after_a_crash(server: Server) -> None:
    lines = [{"message": f"{n:05}"} for n in range(5_000)]
    assert server.ingest("keyed", lines, Idempotency_Key="k-1") == 5_000
    server.kill()
    server.restart()
    assert server.ingest("keyed", lines, Idempotency_Key="k-1") == 5_000
    assert _messages(server, "keyed") == [line["message"] for line in lines]


def test_a_key_belongs_to_a_service(server: Server) -> None:
    for service in ("one", "other"):
        server.ingest(service, [{"message": service}], Idempotency_Key="k-1")
    assert _messages(server, "one") == ["one"]
    assert _messages(server, "other") == ["other"]


def test_other_keys_and_no_key_are_other_requests(server: Server) -> None:
    for headers in ({"Idempotency_Key": "k-1"}, {"Idempotency_Key": "k-2"}, {}, {}):
        server.ingest("keyed", [{"message": "a"}], **headers)
    assert _messages(server, "keyed") == ["a"] * 4


def test_a_key_with_another_body_is_refused(server: Server) -> None:
    server.ingest("keyed", [{"message": "a"}, {"message": "b"}], Idempotency_Key="k-1")
    for other in (["a", "b", "c"], ["a"], ["a", "c"]):
        body = ndjson([{"message": text} for text in other])
        answer = server.post(body, {**NDJSON, "Idempotency-Key": "k-1"}, "keyed")
        assert answer.status == 409
        assert answer.json()["error"]["where"] == "Idempotency-Key"
    assert _messages(server, "keyed") == ["a", "b"]


def test_a_key_with_the_same_lines_in_another_form(server: Server) -> None:
    lines = [{"message": "a"}, {"message": "b"}]
    for body, headers in (
        (ndjson(lines), NDJSON),
        (orjson.dumps({"logs": lines}), JSON),
        (gzip.compress(ndjson(lines)), {**NDJSON, "Content-Encoding": "gzip"}),
    ):
        answer = server.post(body, {**headers, "Idempotency-Key": "k-1"}, "keyed")
        assert (answer.status, answer.json()) == (202, {"accepted": 2})
    assert _messages(server, "keyed") == ["a", "b"]


def test_a_key_is_forgotten_after_its_time(tmp_path_factory: pytest.TempPathFactory) -> None:
    with Server(tmp_path_factory.mktemp("short"), settings={"ingest.idempotency_seconds": 1}) as server:

        def sent_anew() -> bool:
            server.ingest("keyed", [{"message": "a"}], Idempotency_Key="k-1")
            return len(_messages(server, "keyed")) > 1

        until(sent_anew, "the key is forgotten")


def test_a_log_id_twice_in_one_body(server: Server) -> None:
    body = orjson.dumps({"logs": [{"log_id": "id-1", "timestamp": _DAY, "message": text} for text in ("first", "2nd")]})
    answer = server.post(body, JSON, "own")
    assert (answer.status, answer.json()) == (202, {"accepted": 2})
    (record,) = server.records("own")
    assert (record["log_id"], record["message"]) == ("id-1", "first")


def test_a_log_id_in_two_requests(server: Server) -> None:
    for text in ("first", "second"):
        server.ingest("own", [{"log_id": "id-1", "timestamp": _DAY, "message": text}, {"message": "without"}])
    assert _messages(server, "own") == ["first", "without", "without"]
    metrics = server.get("/metrics").body.decode()
    assert "logd_index_duplicates_total 1.0" in metrics


def test_a_log_id_again_in_segments_and_after_restarts(server: Server) -> None:
    records = [{"log_id": f"id-{n}", "timestamp": _DAY, "message": str(n)} for n in range(100)]
    server.ingest("own", records)
    server.settle()
    _restart(server)
    server.ingest("own", records)
    assert len(server.records("own")) == 100
    server.kill()
    server.restart()
    server.ingest("own", records)
    server.ingest("own", [*records, {"log_id": "id-100", "timestamp": _DAY, "message": "new"}])
    assert len(server.records("own")) == 101


def test_a_log_id_of_another_day_is_another_record(server: Server) -> None:
    for day in (_DAY, _NEXT_DAY, _DAY):
        server.ingest("own", [{"log_id": "id-1", "timestamp": day, "message": day}])
    assert _messages(server, "own") == [_DAY, _NEXT_DAY]


def test_the_sizes_of_a_log_id(server: Server) -> None:
    longest, too_long = "é" * 256, "é" * 256 + "x"
    server.ingest("own", [{"log_id": own, "message": own} for own in ("1", longest, too_long, "")])
    found = {record["message"]: record for record in server.records("own")}
    assert found["1"]["log_id"] == "1"
    assert found[longest]["log_id"] == longest
    for text in (too_long, ""):
        assert found[text]["log_id"] != text
        assert found[text]["metadata"] == {"log_id": text}


def test_a_generated_log_id_is_found_by_it(server: Server) -> None:
    server.ingest("own", [{"message": f"line {uuid.uuid4()}"} for _ in range(3)])
    for record in server.records("own"):
        assert server.search(q=f'log_id:"{record["log_id"]}"')["logs"] == [record]
