"""Syslog messages as the processor reads them: the text, and what the header says."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from logd.chunk import CRI, SYSLOG, Positions
from logd.parse.plan import Parser
from tests.support.chunks import LIMITS, TAKEN_US, chunk_of, read
from tests.support.naive_parse import as_records

AT = datetime(2024, 11, 22, 9, 26, 53, tzinfo=UTC)
TIME = "2024-11-22T09:26:53Z"
SU = {"message": "failed", "level": "ERROR", "service": "su", "host": "web1", "timestamp": AT}
AUTH = {"facility": "auth", "severity": "crit", "appname": "su"}
USER = {"facility": "user", "severity": "notice"}


@pytest.fixture(scope="module")
def parser() -> Iterator[Parser]:
    parser = Parser(limits=LIMITS)
    yield parser
    parser.close()


def message(parser: Parser, line: str | bytes, **headers: Any) -> dict[str, Any]:
    return read(parser, line, content_type=SYSLOG, positions=Positions.BYTE, **headers)


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        # RFC 3164, and what is sent by its name.
        ("<34>Nov 22 09:26:53 web1 su[123]: failed", {**SU, "metadata": {**AUTH, "procid": "123"}}),
        ("<34>Nov 22 09:26:53 web1 su: failed", {**SU, "metadata": AUTH}),
        ("<34>Nov 22 09:26:53 web1 su[123] failed", {**SU, "metadata": {**AUTH, "procid": "123"}}),
        ("<34>Nov 22 2024 09:26:53 web1 su: failed", {**SU, "metadata": AUTH}),
        ("<34>2024-11-22T09:26:53+00:00 web1 su: failed", {**SU, "metadata": AUTH}),
        ("<34>Nov 22 09:26:53 fe80::1 su: failed", {**SU, "host": "fe80::1", "metadata": AUTH}),
        (
            "<13>Nov  4 09:26:53 su: no host",
            {
                "message": "no host",
                "level": "INFO",
                "service": "su",
                "timestamp": AT.replace(day=4),
                "metadata": {**USER, "appname": "su"},
            },
        ),
        (
            "<13>Nov 22 09:26:53 web1 no tag",
            {"message": "no tag", "level": "INFO", "host": "web1", "timestamp": AT, "metadata": USER},
        ),
        ("<13>no header", {"message": "no header", "level": "INFO", "metadata": USER}),
        ("<13>", {"message": "", "level": "INFO", "metadata": USER}),
        ("<0>x", {"message": "x", "level": "FATAL", "metadata": {"facility": "kern", "severity": "emerg"}}),
        ("<191>x", {"message": "x", "level": "DEBUG", "metadata": {"facility": "local7", "severity": "debug"}}),
        # RFC 5424.
        (f"<34>1 {TIME} web1 su - - - failed", {**SU, "metadata": AUTH}),
        (f"<34>1 {TIME} web1 su - - - \ufefffailed", {**SU, "metadata": AUTH}),
        (f"<34>1 {TIME} web1 su 7 ID47 - failed", {**SU, "metadata": {**AUTH, "procid": "7", "msgid": "ID47"}}),
        (
            f'<34>1 {TIME} web1 su - - [a@1 x="1" y="q\\"\\]\\\\"][b] failed',
            {**SU, "metadata": {**AUTH, "structured_data": {"a@1": {"x": "1", "y": 'q"]\\'}, "b": {}}}},
        ),
        (f"<34>1 {TIME} web1 su - - [a] ", {**SU, "message": "", "metadata": {**AUTH, "structured_data": {"a": {}}}}),
        (f"<34>1 {TIME} web1 su - - -", {**SU, "message": "", "metadata": AUTH}),
        ("<13>1 - - - - - - x", {"message": "x", "level": "INFO", "metadata": USER}),
        # Named twice: kept as it is written.
        (
            f'<34>1 {TIME} web1 su - - [a x="1" x="2"] failed',
            {**SU, "metadata": {**AUTH, "structured_data": '[a x="1" x="2"]'}},
        ),
        (
            f'<34>1 {TIME} web1 su - - [a][a y="2"] failed',
            {**SU, "metadata": {**AUTH, "structured_data": '[a][a y="2"]'}},
        ),
        # Not as they should be.
        (f"<34>1 {TIME} web1 su - - [no data", {**SU, "message": "[no data", "metadata": AUTH}),
        (f"<34>1 {TIME} web1 su - - no data", {**SU, "message": "no data", "metadata": AUTH}),
        # No syslog messages: lines like others.
        ("<192>x", {"message": "<192>x"}),
        ("<1000>x", {"message": "<1000>x"}),
        ("<13 x", {"message": "<13 x"}),
        ("WARN: x", {"message": "WARN: x", "level": "WARN"}),
        ("<13>Feb 30 09:26:53 web1 su: x", {"message": "<13>Feb 30 09:26:53 web1 su: x"}),
        ("", {"message": ""}),
    ],
)
def test_one_message(parser: Parser, line: str, wanted: dict[str, Any]) -> None:
    for ending in ("", "\n", "\r\n"):
        assert message(parser, line + ending) == wanted, ending


def test_a_text_that_is_json_says_more_than_the_header(parser: Parser) -> None:
    inner = {"message": "m", "level": "debug", "time": "2024-11-22T09:00:00Z", "severity": "mine", "a": None}
    found = message(parser, f"<34>1 {TIME} web1 su - - - {json.dumps(inner)}")
    assert (found["message"], found["level"], found["service"], found["host"]) == ("m", "DEBUG", "su", "web1")
    assert found["timestamp"] == AT.replace(minute=0, second=0)
    assert found["metadata"] == {"severity": "mine", "a": None, "facility": "auth", "appname": "su"}
    found = message(parser, f'<34>1 {TIME} web1 su - - - {{"service":"cart","host":"h","message":"m"}}')
    assert (found["level"], found["service"], found["host"]) == ("ERROR", "cart", "h")


def test_what_shows_in_a_text_says_less_than_the_header(parser: Parser) -> None:
    found = message(parser, f"<34>1 {TIME} web1 su - - - 2024-11-22 08:00:00 INFO x")
    assert (found["level"], found["timestamp"]) == ("ERROR", AT)


def test_a_message_of_several_lines(parser: Parser) -> None:
    (found,) = as_records(
        parser.parse(
            [
                chunk_of(
                    b"\0" * 8 + (30).to_bytes(4, "little") + b"<34>Nov 22 09:26:53 su: a\n{b}\n"[:30],
                    content_type=SYSLOG,
                    events=True,
                    positions=Positions.BYTE,
                    lines=1,
                )
            ],
            [TAKEN_US],
        ).table
    )
    assert found["message"] == "a\n{b}"


def test_a_locked_host_keeps_what_the_header_said(parser: Parser) -> None:
    found = message(parser, f"<34>1 {TIME} web1 su - - - failed", host_locked=True, service_locked=True)
    assert found == {
        "message": "failed",
        "level": "ERROR",
        "timestamp": AT,
        "metadata": {"facility": "auth", "severity": "crit", "hostname": "web1", "appname": "su"},
    }


def test_beside_other_kinds_in_one_batch(parser: Parser) -> None:
    chunks = [
        chunk_of("<34>Nov 22 09:26:53 web1 su: failed", content_type=SYSLOG, fields={"dc": "b", "severity": "x"}),
        chunk_of('{"message":"json","level":"warn"}', "ERROR text"),
        chunk_of(f"{TIME} stderr F out", content_type=CRI, fields={"dc": "c"}),
    ]
    found = as_records(parser.parse(chunks, [TAKEN_US] * 3).table)
    assert [one["message"] for one in found] == ["failed", "json", "ERROR text", "out"]
    assert [one["level"] for one in found] == ["ERROR", "WARN", "ERROR", None]
    assert [one["service"] for one in found] == ["su", *["chunk-service"] * 3]
    assert [one["metadata"] for one in found] == [{**AUTH, "dc": "b"}, None, None, {"stream": "stderr", "dc": "c"}]


def test_any_bytes_behind_a_priority(parser: Parser) -> None:
    """No message breaks the query, and none loses its text."""
    draw = random.Random(5424)
    pieces = [
        "<34>",
        "1 ",
        "- ",
        "[",
        "]",
        '"',
        "\\",
        "=",
        "a",
        " ",
        TIME,
        "Nov 22 09:26:53",
        ":",
        "{",
        "\x00",
        "é",
        "\ufeff",
    ]
    lines = ["<34>" + "".join(draw.choices(pieces, k=draw.randrange(24))) + "end" for _ in range(3_000)]
    found = as_records(parser.parse([chunk_of(*lines, content_type=SYSLOG)], [TAKEN_US]).table)
    assert len(found) == len(lines)
    for line, record in zip(lines, found, strict=True):
        kept = json.dumps(record["metadata"] or {}) + record["message"] + (record["service"] or "") + record["host"]
        assert "end" in kept, line
