"""Lines over HTTP: whatever the form of the body, what was sent is what is found."""

from __future__ import annotations

import gzip
import http.client
import uuid
from collections.abc import Iterator
from typing import Any

import orjson
import pytest
import zstandard

from tests.support.process import INGEST, JSON, NDJSON, Server, ndjson

_LOGS: list[dict[str, Any]] = [
    {"timestamp": "2026-11-20T10:00:00.000001Z", "level": "info", "message": "eins", "metadata": {"user": "änne"}},
    {"timestamp": "2026-11-20T10:00:00.000002Z", "level": "ERROR", "message": 'zwei "zitiert" \\ {[', "code": 7},
    {"timestamp": "2026-11-20T11:00:00.000003+01:00", "level": "warning", "message": "drei\nZeilen\t"},
]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One process for all tests here; each uses a service of its own."""
    with Server(tmp_path_factory.mktemp("ingest"), settings={"parse.join_seconds": 0.02}) as running:
        yield running


@pytest.fixture
def service() -> str:
    return f"service-{uuid.uuid4().hex}"


def _bodies() -> dict[str, tuple[bytes, dict[str, str]]]:
    lines = b"\n".join(orjson.dumps(log) for log in _LOGS)
    zipped = gzip.compress(lines + b"\n")
    halves = gzip.compress(lines[:100]) + gzip.compress(lines[100:])
    return {
        "json": (orjson.dumps({"logs": _LOGS}), JSON),
        "json, indented, logs last": (orjson.dumps({"a": ["]"], "logs": _LOGS}, option=orjson.OPT_INDENT_2), JSON),
        "json, no content type": (orjson.dumps({"logs": _LOGS}), {}),
        "json, charset": (orjson.dumps({"logs": _LOGS}), {"Content-Type": "application/json; charset=utf-8"}),
        "json, gzip": (gzip.compress(orjson.dumps({"logs": _LOGS})), {**JSON, "Content-Encoding": "gzip"}),
        "json, zstd": (zstandard.compress(orjson.dumps({"logs": _LOGS})), {**JSON, "Content-Encoding": "zstd"}),
        "ndjson": (lines + b"\n", NDJSON),
        "ndjson, no last newline": (lines, NDJSON),
        "ndjson, crlf and blank lines": (b"\r\n\n" + lines.replace(b"\n", b"\r\n\r\n \t\n") + b"\r\n\r\n", NDJSON),
        "ndjson, charset": (lines, {"Content-Type": "application/x-ndjson; charset=utf-8"}),
        "ndjson, identity": (lines, {**NDJSON, "Content-Encoding": "identity"}),
        "ndjson, gzip": (zipped, {**NDJSON, "Content-Encoding": "gzip"}),
        "ndjson, GZip": (zipped, {**NDJSON, "Content-Encoding": " GZip "}),
        "ndjson, gzip in two members": (halves, {**NDJSON, "Content-Encoding": "gzip"}),
        "ndjson, zstd": (zstandard.compress(lines), {**NDJSON, "Content-Encoding": "zstd"}),
        "ndjson, zstd without sizes": (
            zstandard.ZstdCompressor(write_content_size=False).compress(lines),
            {**NDJSON, "Content-Encoding": "zstd"},
        ),
    }


@pytest.mark.parametrize("form", _bodies())
def test_every_form_of_a_body(server: Server, service: str, form: str) -> None:
    body, headers = _bodies()[form]
    answer = server.post(body, headers, service)
    assert (answer.status, answer.json()) == (202, {"accepted": 3})
    found = server.records(service)
    assert [record["message"] for record in found] == [log["message"] for log in _LOGS]
    assert [record["level"] for record in found] == ["INFO", "ERROR", "WARN"]
    assert [record["timestamp"] for record in found] == [f"2026-11-20T10:00:00.00000{n}Z" for n in (1, 2, 3)]
    assert [record["metadata"] for record in found] == [{"user": "änne"}, {"code": 7}, {}]
    assert all(record["tags"] == [] and record["source"] == "http" for record in found)


def test_a_chunked_body(server: Server, service: str) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    lines = (orjson.dumps({"message": f"chunk {n}"}) + b"\n" for n in range(100))
    connection.request("POST", INGEST, lines, {**NDJSON, "X-Service-Id": service}, encode_chunked=True)
    answer = connection.getresponse()
    assert (answer.status, orjson.loads(answer.read())) == (202, {"accepted": 100})
    connection.close()
    assert [record["message"] for record in server.records(service)] == [f"chunk {n}" for n in range(100)]


def test_empty_lists_are_accepted(server: Server) -> None:
    for body, headers in ((b'{"logs": []}', JSON), (b'{"logs": [ \n ]}', JSON), (b"", NDJSON), (b"\n \r\n", NDJSON)):
        answer = server.post(body, headers)
        assert (answer.status, answer.json()) == (202, {"accepted": 0}), body


def test_service_and_host_without_headers(server: Server, service: str) -> None:
    answer = server.post(ndjson([{"message": f"from nobody {service}"}]), NDJSON)
    assert answer.status == 202
    server.settle()
    (record,) = server.search(q=service)["logs"]
    assert (record["service"], record["host"]) == ("unknown", "127.0.0.1")


def test_service_and_host_by_header(server: Server, service: str) -> None:
    server.ingest(service, [{"message": "x"}], X_Host="web-7")
    (record,) = server.records(service)
    assert (record["service"], record["host"]) == (service, "web-7")


@pytest.mark.parametrize("given", [{"service": "{}"}, {"service.name": "{}"}, {"service": {"name": "{}", "id": 3}}])
def test_a_records_own_service_and_host_win(server: Server, service: str, given: dict[str, Any]) -> None:
    own = f"own-{service}"
    named = orjson.loads(orjson.dumps(given).replace(b"{}", own.encode()))
    server.ingest(service, [{"message": "mine", **named, "host": "db-1"}, {"message": "yours"}])
    (mine,) = server.records(own)
    (yours,) = server.records(service)
    assert (mine["message"], mine["host"]) == ("mine", "db-1")
    assert (yours["message"], yours["host"]) == ("yours", "127.0.0.1")


def test_levels(server: Server, service: str) -> None:
    given = ["trace", "Debug", "INFO", "Warning", "err", "CRITICAL", "whatever", 30, None, "", {"a": 1}]
    server.ingest(service, [{"message": "x", "level": level} for level in given] + [{"message": "x"}])
    found = server.records(service)
    known = ["TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL", None, "INFO", None, None, None, None]
    assert [record["level"] for record in found] == known
    unknown = [record["metadata"].get("level", "nothing") for record in found]
    assert unknown == ["nothing"] * 6 + ["whatever", "nothing", None, "", {"a": 1}, "nothing"]


def test_metadata_keeps_types(server: Server, service: str) -> None:
    fields = {
        "string": "7",
        "unicode": "ünïcödé 🦆",
        "quoted": 'a "b" \\ \n\t \u0001',
        "integer": 7,
        "large": 9_007_199_254_740_993,
        "negative": -1,
        "float": 1.5,
        "exponent": 1e300,
        "true": True,
        "false": False,
        "null": None,
        "list": [1, "2", [3.5, {}], None],
        "object": {"a": {"b": [{"c": 1}]}, "": "empty key"},
        "dotted.name": 1,
        'k"e\\y': 2,
    }
    server.ingest(service, [{"message": "spread", **fields}, {"message": "inside", "metadata": fields}])
    spread, inside = server.records(service)
    assert spread["metadata"] == fields
    assert inside["metadata"] == fields
    assert [type(value) for value in spread["metadata"].values()] == [type(value) for value in fields.values()]


def test_metadata_and_a_field_of_the_same_name(server: Server, service: str) -> None:
    server.ingest(service, [{"message": "x", "user": "outer", "metadata": {"user": "inner", "only": 1}}])
    (record,) = server.records(service)
    assert record["metadata"] == {"user": "outer", "metadata": {"user": "inner", "only": 1}}


@pytest.mark.parametrize(
    "given",
    [
        {"trace_id": "4bf92f35"},
        {"traceId": "4bf92f35"},
        {"metadata": {"trace_id": "4bf92f35"}},
        {"metadata": {"a": 1, "trace_id": "4bf92f35", "b": 2}},
        {"trace_id": "4bf92f35", "metadata": {"a": 1}},
    ],
)
def test_a_trace_id_is_in_the_metadata_of_answers(server: Server, service: str, given: dict[str, Any]) -> None:
    server.ingest(service, [{"message": "x", **given}])
    (record,) = server.records(service)
    assert record["trace_id"] == "4bf92f35"
    rest = {key: value for key, value in given.get("metadata", {}).items() if key != "trace_id"}
    assert record["metadata"] == {"trace_id": "4bf92f35", **rest}
    assert server.search(q="trace_id:4bf92f35", service=service)["total_hits"] == 1


def test_a_time_that_is_not_accepted_is_kept_beside(server: Server, service: str) -> None:
    server.ingest(service, [{"message": "x", "timestamp": "2999-01-01T00:00:00Z"}])
    (record,) = server.records(service)
    assert record["timestamp"] < "2999"
    assert record["metadata"] == {"original_timestamp": "2999-01-01T00:00:00Z"}


def test_more_lines_than_a_chunk_in_order(server: Server, service: str) -> None:
    assert server.ingest(service, [{"message": f"line {n}"} for n in range(9_999)]) == 9_999
    assert [record["message"] for record in server.records(service)] == [f"line {n}" for n in range(9_999)]


def test_plain_text_is_not_json(server: Server, service: str) -> None:
    text = b"2026-11-20 10:00:00,123 WARN  [main] it is late\r\n{broken\n"
    assert server.post(text, {"Content-Type": "text/plain"}, service).status == 202
    late, broken = server.records(service)
    assert late["message"] == "2026-11-20 10:00:00,123 WARN  [main] it is late"
    assert (late["timestamp"], late["level"], late["tags"]) == ("2026-11-20T10:00:00.123Z", "WARN", [])
    assert broken["message"] == "{broken"


@pytest.mark.parametrize(
    ("content_type", "line"),
    [
        ("application/x-cri", b"2026-11-20T10:00:00.5Z stderr F level=warn msg=late"),
        (
            "Application/X-Docker-JSON",
            b'{"log":"level=warn msg=late\\n","stream":"stderr","time":"2026-11-20T10:00:00.5Z"}',
        ),
    ],
)
def test_records_of_containers(server: Server, service: str, content_type: str, line: bytes) -> None:
    assert server.post(line, {"Content-Type": content_type}, service).status == 202
    (record,) = server.records(service)
    assert (record["timestamp"], record["level"], record["message"]) == ("2026-11-20T10:00:00.500Z", "WARN", "late")
    assert (record["metadata"], record["tags"]) == ({"stream": "stderr"}, [])


def test_messages_of_syslog(server: Server, service: str) -> None:
    line = b"<34>Nov 20 10:00:00 web1 su[7]: failed\n"
    assert server.post(line, {"Content-Type": "application/x-syslog"}, service).status == 202
    server.settle()
    (record,) = server.search(q="host:web1 AND metadata.procid:7")["logs"]
    assert (record["service"], record["host"], record["message"]) == ("su", "web1", "failed")
