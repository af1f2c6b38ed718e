"""The parser on what chunks hold: hostile lines, plain text, times far off, headers, and chunks that can't be read."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest

from logd.chunk import Positions, compress, events_body, log_id
from logd.errors import Corrupt
from logd.parse.mend import mend
from logd.parse.plan import Parser
from logd.parse.window import Limits
from logd.record import SCHEMA
from tests.support.chunks import AT, LIMITS, OBSERVED_US, SOURCE, TAKEN_US, chunk_of, read
from tests.support.naive_parse import as_records, naive_parse


@pytest.fixture(scope="module")
def parser() -> Iterator[Parser]:
    """One for all, as in a role: what it has met before must not show."""
    parser = Parser(limits=LIMITS)
    yield parser
    parser.close()


HOSTILE: list[bytes] = [
    b'{"a":' * 1_000_000,
    b'{"message":"m","x":' + b"[" * 500_000 + b"]" * 500_000 + b"}",
    b"[" * 1_000_000,
    b'{"' + b'\\"' * 500_000,
    b'{"a":"' + b"\\" * 999_999,
    b'{"a":"' + b"[{" * 500_000 + b'"',
    b'{"message":"' + b"x" * 1_000_000 + b'"}',
    b'{"message":"m",' + b",".join(b'"k%d":%d' % (n, n) for n in range(50_000)) + b"}",
    b'{"x":' + b"9" * 1_000_000 + b"}",
    b'{"x":' + b"1" * 400 + b"e5}",
    b'{"message":"\xff\xfe","x":"\xed\xa0\x80"}',
    b'{"message":"\xe2\x82',
    b"\x00" * 1_000,
    b'{"message":"\x00"}',
    b"\xff" * 100_000,
    b"{" + b" " * 1_000_000 + b"}",
    b'{"timestamp":"' + b"9" * 100_000 + b'"}',
    b'{"timestamp":99999999999999999999999999}',
    b'{"timestamp":1e400,"message":"m"}',
    b'{"log_id":"' + b"x" * 100_000 + b'","message":"m"}',
    b'{"tags":[' + b",".join([b'"t"'] * 100_000) + b'],"message":"m"}',
    b'{"metadata":{"metadata":{"metadata":"{"}}}',
    b'{"message":"m","x":NaN,"x":"\\ud800",,}',
    b"",
    b"\r",
    b"{",
]


class TestHostileLines:
    @pytest.mark.timeout(60)
    def test_harm_no_neighbour(self, parser: Parser) -> None:
        good = b'{"timestamp":"2024-11-22T09:00:00Z","level":"info","message":"good","x":{"y":[1]}}'
        lines = [line for hostile in HOSTILE for line in (good, hostile)]
        parsed = parser.parse([chunk_of(*lines, good, content_type="text/plain")], [TAKEN_US])
        records = as_records(parsed.table)
        assert len(records) == len(lines) + 1
        wanted = {"timestamp": AT, "level": "INFO", "message": "good", "metadata": {"x": {"y": [1]}}, "tags": None}
        for record in records[::2]:
            assert {name: record[name] for name in wanted} == wanted
        assert [record["log_id"] for record in records] == [log_id(SOURCE, number) for number in range(len(records))]

    @pytest.mark.timeout(60)
    @pytest.mark.parametrize("number", range(len(HOSTILE)))
    def test_are_a_record_each(self, parser: Parser, number: int) -> None:
        for events in (False, True):
            body = events_body([7], [HOSTILE[number]]) if events else HOSTILE[number]
            one = chunk_of(value=compress(body), events=events, lines=1, offset=7)
            assert as_records(parser.parse([one], [TAKEN_US]).table)[0]["log_id"] == log_id(SOURCE, 7)

    def test_metadata_is_json_but_for_numbers_that_answers_mend(self, parser: Parser) -> None:
        texts = parser.parse([chunk_of(*HOSTILE)], [TAKEN_US]).table["metadata"].drop_null().to_pylist()
        assert len(texts) > 5
        for text in texts:
            try:
                fields = orjson.loads(text)
            except orjson.JSONDecodeError:
                fields = orjson.loads(mend(text) or "")
            assert isinstance(fields, dict)


class TestText:
    @pytest.mark.parametrize(
        ("line", "message"),
        [
            (b"hello", "hello"),
            (b"hello\r", "hello"),
            (b"", ""),
            (b"\r", ""),
            (b"\r\r", "\r"),
            (b"  indented \t", "  indented \t"),
            (b"caf\xc3\xa9 \xff", "café \ufffd"),
            (b"\xe2\x82", "\ufffd"),
            (b"nul \x00 inside", "nul \x00 inside"),
        ],
    )
    def test_the_message_is_the_line(self, parser: Parser, line: bytes, message: str) -> None:
        assert read(parser, line, content_type="text/plain") == {"message": message}

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            (b"a\nb", "a\nb"),
            (b"a\nb\n", "a\nb"),
            (b"a\r\nb\r\n", "a\r\nb"),
            (b"\n", ""),
            (b"\n\n", "\n"),
            (b"", ""),
            (b"a\n\r", "a\n"),
        ],
    )
    def test_an_event_loses_its_last_ending(self, parser: Parser, text: bytes, message: str) -> None:
        value = compress(events_body([0], [text]))
        assert read(parser, b"", value=value, events=True, content_type="text/plain") == {"message": message}

    def test_a_pretty_printed_event_is_json(self, parser: Parser) -> None:
        line = json.dumps({"message": "m", "x": {"y": 1}}, indent=2)
        value = compress(events_body([0], [line.encode()]))
        assert read(parser, b"", value=value, events=True) == {"message": "m", "metadata": {"x": {"y": 1}}}

    def test_an_empty_event_before_json(self, parser: Parser) -> None:
        value = compress(events_body([0, 1, 2], [b"", b'{"message":"m"}', b""]))
        one = chunk_of(value=value, events=True, lines=3, content_type="text/plain")
        records = as_records(parser.parse([one], [TAKEN_US]).table)
        assert [(record["message"], record["tags"]) for record in records] == [("", None), ("m", None), ("", None)]

    def test_times_and_levels_that_show(self, parser: Parser) -> None:
        line = "at 2024-11-22 09:00:00 ERROR no room"
        assert read(parser, line, content_type="text/plain") == {"timestamp": AT, "level": "ERROR", "message": line}

    def test_in_a_zone(self) -> None:
        parser = Parser("America/New_York", LIMITS)
        lines = [
            "2024-11-22 04:30:00,123 local",
            "2024-11-22T09:00:00.5Z utc",
            "Nov 22 03:00:00 local",
            "2024-11-22 09:00:00 five hours off",
            '{"time":"2024-11-22 04:00:00,5"}',
            '{"time":"2024-11-22T09:00:00Z"}',
        ]
        one = chunk_of(*lines)
        expected, _ = naive_parse([one], [TAKEN_US], LIMITS, "America/New_York")
        records = as_records(parser.parse([one], [TAKEN_US]).table)
        parser.close()
        assert records == expected
        assert records[-2]["timestamp"] == AT + timedelta(seconds=0.5)


class TestWindow:
    @pytest.mark.parametrize(
        ("time", "accepted"),
        [
            ("2024-11-22T11:00:00Z", True),
            ("2024-11-22T11:00:00.000001Z", False),
            ("2023-11-23T10:00:00Z", True),
            ("2023-11-23T09:59:59.999999Z", False),
            ("0001-01-01T00:00:00Z", False),
            ("9999-12-31T23:59:59Z", False),
        ],
    )
    def test_a_year_back_and_an_hour_ahead(self, parser: Parser, time: str, accepted: bool) -> None:
        record = read(parser, json.dumps({"timestamp": time, "message": "m", "x": 1}))
        if accepted:
            assert record == {"timestamp": datetime.fromisoformat(time), "message": "m", "metadata": {"x": 1}}
        else:
            assert record == {"message": "m", "metadata": {"original_timestamp": time, "x": 1}}

    @pytest.mark.parametrize(
        ("line", "original"),
        [
            ('{"timestamp":4102444800,"message":"m"}', "4102444800"),
            ('{"@timestamp":"1/Jan/2031:00:00:00 +0100","message":"m"}', None),
            ('{"@timestamp":"01/Jan/2031:00:00:00 +0100","message":"m"}', "01/Jan/2031:00:00:00 +0100"),
            ("2031-01-01 00:00:00,25 m", "2031-01-01T00:00:00.250000Z"),
        ],
    )
    def test_the_original_is_kept_as_written(self, parser: Parser, line: str, original: str | None) -> None:
        record = read(parser, line, content_type="text/plain")
        assert "timestamp" not in record
        assert original is None or record["metadata"] == {"original_timestamp": original}

    def test_a_lines_own_original_wins(self, parser: Parser) -> None:
        line = {"timestamp": "2031-01-01T00:00:00Z", "original_timestamp": "mine", "message": "m"}
        assert read(parser, json.dumps(line))["metadata"] == {"original_timestamp": "mine"}

    def test_is_counted(self, parser: Parser) -> None:
        lines = ['{"ts":"2031-01-01T00:00:00Z"}', '{"ts":"2024-11-22T09:00:00Z"}', "2031-01-01 00:00:00 text"]
        assert parser.parse([chunk_of(*lines)], [TAKEN_US]).out_of_window == 2

    @pytest.mark.parametrize(("time", "accepted"), [("1970-01-01T00:00:00Z", True), ("1969-12-31T23:59:59Z", False)])
    def test_without_an_age_since_1970(self, time: str, accepted: bool) -> None:
        parser = Parser(limits=Limits())
        parsed = parser.parse([chunk_of(json.dumps({"timestamp": time, "message": "m"}))], [TAKEN_US])
        parser.close()
        assert parsed.out_of_window == (not accepted)
        assert (parsed.table["timestamp"][0].as_py() == datetime.fromisoformat(time)) is accepted

    def test_a_missing_year_looks_as_far_ahead(self) -> None:
        parser = Parser(limits=Limits(max_ahead_seconds=0))
        line = "Nov 22 10:00:01 host app: m"
        (record,) = as_records(parser.parse([chunk_of(line)], [TAKEN_US]).table)
        parser.close()
        assert record["timestamp"] == datetime(2023, 11, 22, 10, 0, 1, tzinfo=UTC)


class TestChunks:
    def test_none(self, parser: Parser) -> None:
        parsed = parser.parse([], [])
        assert parsed.table.schema == SCHEMA
        assert len(parsed.table) == 0

    def test_a_locked_service_wins(self, parser: Parser) -> None:
        line = '{"service":"own","host":"own","message":"m"}'
        assert read(parser, line, service_locked=True) == {"host": "own", "message": "m"}
        assert read(parser, line) == {"service": "own", "host": "own", "message": "m"}

    def test_a_locked_host_wins(self, parser: Parser) -> None:
        line = '{"service":"own","host":"own","message":"m"}'
        assert read(parser, line, host_locked=True) == {"service": "own", "message": "m"}
        assert read(parser, line, host_locked=True, service_locked=True) == {"message": "m"}

    def test_fields_stand_beside_the_lines_own(self, parser: Parser) -> None:
        fields = {"env": "prod", 'q"uote': {"a": None}}
        assert read(parser, "text", content_type="text/plain", fields=fields) == {"message": "text", "metadata": fields}
        assert read(parser, '{"message":"m","x":1}', fields=fields) == {"message": "m", "metadata": {"x": 1, **fields}}

    def test_fields_of_the_line_win_whole_and_null_too(self, parser: Parser) -> None:
        fields = {"env": {"from": "agent"}, "x": 1, "y": 2}
        line = {"env": None, "x": {"own": None}, "z": {"null": None}}
        record = read(parser, json.dumps({**line, "message": "m"}), fields=fields)
        assert record == {"message": "m", "metadata": {**line, "y": 2}}
        record = read(parser, json.dumps({**line, "y": 3, "message": "m"}), fields=fields)
        assert record == {"message": "m", "metadata": {**line, "y": 3}}

    def test_ids_by_byte_and_by_line(self, parser: Parser) -> None:
        lines = [b"one", b"\xff\xfe", b"", b'{"message":"four"}', "fünf".encode()]
        body = b"\r\n".join(lines)
        starts = [0, 5, 9, 11, 31]
        for value in (body, body + b"\r\n"):
            by_byte = chunk_of(value=compress(value), offset=1_000, positions=Positions.BYTE)
            ids = parser.parse([by_byte], [TAKEN_US]).table["log_id"].to_pylist()
            assert ids == [log_id(SOURCE, 1_000 + start) for start in starts]
            by_line = chunk_of(value=compress(value), offset=1_000)
            ids = parser.parse([by_line], [TAKEN_US]).table["log_id"].to_pylist()
            assert ids == [log_id(SOURCE, 1_000 + number) for number in range(5)]

    def test_ids_of_events(self, parser: Parser) -> None:
        positions = [0, 1, 16**12 - 1]
        one = chunk_of(value=compress(events_body(positions, [b"a", b"", b"\xff"])), events=True, lines=3)
        ids = parser.parse([one], [TAKEN_US]).table["log_id"].to_pylist()
        assert ids == [log_id(SOURCE, position) for position in positions]

    def test_every_chunk_has_its_own_headers(self, parser: Parser) -> None:
        some = [
            chunk_of("a", "b", service="one", tags=("x",), observed_us=OBSERVED_US + 1),
            chunk_of('{"message":"c"}', service="two", source_id="f" * 16, offset=3, fields={"f": 1}),
            chunk_of("d", service="one", host="", content_type="text/plain"),
        ]
        expected, _ = naive_parse(some, [TAKEN_US, TAKEN_US + 1, TAKEN_US + 2], LIMITS)
        assert as_records(parser.parse(some, [TAKEN_US, TAKEN_US + 1, TAKEN_US + 2]).table) == expected

    def test_mended_lines_are_counted(self, parser: Parser) -> None:
        assert parser.parse([chunk_of(b"good", b"b\xff\xffd", b"\xc3")], [TAKEN_US]).mended == 2

    @pytest.mark.parametrize(
        "broken",
        [
            {"value": b"no zstd"},
            {"value": b""},
            {"value": compress(b"x") + b"x"},
            {"value": compress(b"x" * 100)[:-1]},
            {"value": compress(b"x" * 11), "events": True, "lines": 1},
            {"value": compress(events_body([0], [b"a"]) + b"x"), "events": True, "lines": 1},
            {"value": compress(events_body([0, 1], [b"a", b"b"])), "events": True, "lines": 1},
            {"value": compress(events_body([-1], [b"a"])), "events": True, "lines": 1},
            {"value": compress(events_body([2**48], [b"a"])), "events": True, "lines": 1},
            {"value": compress(events_body([0], [b""])[:8] + b"\xff" * 4), "events": True, "lines": 1},
        ],
    )
    def test_one_that_cannot_be_read_is_corrupt(self, parser: Parser, broken: dict[str, Any]) -> None:
        with pytest.raises(Corrupt):
            parser.parse([chunk_of("good"), chunk_of(**broken)], [TAKEN_US, TAKEN_US])
        assert len(parser.parse([chunk_of("good")], [TAKEN_US]).table) == 1
