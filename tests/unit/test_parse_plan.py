"""The vectorised parser: against the naive one on generated chunks, and rule by rule."""

from __future__ import annotations

import json
import os
import random
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from logd.chunk import Chunk, Positions, compress, events_body, log_id
from logd.errors import Corrupt
from logd.parse.columns import NDJSON, Parsed
from logd.parse.json import MAX_DEPTH, NAMES
from logd.parse.mend import mend
from logd.parse.plan import Parser
from logd.parse.window import Limits
from logd.record import SCHEMA
from tests.support.naive_parse import Record, as_records, naive_parse, same
from tests.support.naive_time import EPOCH

OBSERVED_US = 1_732_269_600_000_000  # 2024-11-22 10:00
TAKEN_US = OBSERVED_US + 5_000_000
SOURCE = "0123456789abcdef"
LIMITS = Limits(max_age_seconds=86_400 * 365, max_ahead_seconds=3_600)
EXAMPLES = 3_000 if os.environ.get("LOGD_TEST_LONG") else 150
ROLE_OF = {name: role for role, names in NAMES.items() for name in names}


@pytest.fixture(scope="module")
def parser() -> Iterator[Parser]:
    """One for all, as in a role: what it has met before must not show."""
    parser = Parser(limits=LIMITS)
    yield parser
    parser.close()


# Generated lines

#: What people and machines put into text; quotes, escapes and what other parsers stumble over.
WORDS = ["", "a", "x y", "é", "日本", '"', "\\", "\\u0041", "\n", "\t", "\x00", "\x1f", "😀", "a,b", ':NaN,', "{", "[",
         '"trace_id":"t1"', ',"trace_id":"t1"', "null", "\u2028", "\ufffd", "'", "%", "/", "\x7f"]
TEXT = st.lists(st.sampled_from(WORDS), max_size=3).map("".join)
NUMBERS = st.sampled_from([0, 1, -1, 7, 30, 2**53, 2**63, -(2**63), 2**64, 10**30, 0.5, -1.25, 1e5, 1e300, 1e-7, 100.0])
SCALARS = st.none() | st.booleans() | NUMBERS | TEXT
TRACES = ["t1", "t1", "é" * 64, 'a"b', "a\\b", "a\nb", "0af7651916cd43dd8448eb211c80319c"]
BAD_TRACES = ["", "x" * 129, "é" * 65]
KEYS = ["x", "y", "user.id", "a b", "", "é", 'q"uote', 'a"trace_id', "back\\slash", "Message", "LEVEL", "nan", "name", "\n"]
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*KEYS, "trace_id"]), inner, max_size=3),
    max_leaves=5,
)
PLAIN_NUMBERS = [0, 5, -3, 0.5, 100.0, 10**30]
ROLES: dict[str, st.SearchStrategy[Any]] = {
    "time": st.sampled_from(
        ["2024-11-22T09:59:59.123456Z", "2024-11-22 09:00:00,5", "2024-11-22T11:30:00+02:00", "22/Nov/2024:09:00:00 +0000",
         "2031-01-01T00:00:00Z", "1971-01-01T00:00:00Z", 1732269000, 1732269000.25, 1732269000123, 4102444800, 5,
         "", "zzz", "2024-13-45T00:00:00Z", "2024-11-22T09:59:59\nZ", True, None, ["2024-11-22T09:00:00Z"], {"a": 1}]
    ),
    "level": st.sampled_from(["info", "WARN", "Error", "[fatal]", "bogus", "", 30, 35, 9, "3", True, None, ["info"], {"a": 1}]),
    "number": st.sampled_from([9, "17", 99, 0, 9.0, "info", None, True]),
    "service": st.sampled_from(
        ["svc", "é", "", 5, 0.5, True, None, ["a", 1], {}, {"name": "n", "id": 1}, {"name": ""}, {"name": None}, {"name": 5},
         {"id": 1}, {"name": {"a": 1}}]
    ),
    "message": TEXT | st.sampled_from([None, True, {"a": [1, "b"]}, ["x"], {}, *PLAIN_NUMBERS]),
    "trace": st.sampled_from([*TRACES, *BAD_TRACES, None, 5, True, {"a": 1}]),
    "log": st.sampled_from([{"level": "error"}, {"level": 30}, {"level": "bogus"}, {"level": None}, {}, "x", '{"level":"error"}', None]),
    "log_id": st.sampled_from(["id-1", "é", "", "x" * 512, "x" * 513, 5, True, None, {"a": 1}]),
    "tags": st.lists(SCALARS.filter(lambda value: not isinstance(value, float)) | st.just(["n"]), max_size=3)
    | st.sampled_from(["a", '["a"]', "[", None, 5, {"a": 1}]),
    "metadata": st.dictionaries(st.sampled_from([*KEYS, "message", "level"]), VALUES, max_size=3)
    | st.sampled_from(["{oops", '{"a":1}', "x", None, 5, [], ["a"]]),
}
ROLES["host"] = ROLES["service"]
KNOWN = st.sampled_from(sorted(ROLE_OF))


@st.composite
def members(draw: st.DrawFn) -> list[tuple[str, Any]]:
    """The members of a JSON line, in order; sometimes a key comes twice, with a trace id somewhere in the metadata."""
    names = draw(st.lists(KNOWN | st.sampled_from(list(NAMES)) | st.sampled_from(KEYS), max_size=7, unique=True))
    pairs = []
    for name in names:
        value = draw(ROLES[ROLE_OF[name]] if name in ROLE_OF else VALUES)
        if name == "metadata" and isinstance(value, dict) and draw(st.booleans()):
            trace = draw(st.sampled_from([*TRACES, *BAD_TRACES, None, 5, {"trace_id": "t1"}]))
            parts = list(value.items())
            parts.insert(draw(st.integers(0, len(parts))), ("trace_id", trace))
            value = dict(parts)
        pairs.append((name, value))
    if pairs and draw(st.integers(0, 9)) == 0:
        pairs.append(draw(st.sampled_from(pairs)))
    return pairs


def spelled(value: Any, style: random.Random) -> str:
    """JSON text, in one of the many ways to write it."""
    space = style.choice(["", "", "", " ", "\t", "  "])
    match value:
        case dict():
            parts = [f"{_string(key, style)}{space}:{space}{spelled(part, style)}" for key, part in value.items()]
            return f"{{{space}{f'{space},{space}'.join(parts)}{space}}}"
        case list():
            return f"[{space}{f',{space}'.join(spelled(part, style) for part in value)}{space}]"
        case str():
            return _string(value, style)
        case _:
            return json.dumps(value)


def _string(text: str, style: random.Random) -> str:
    written = json.dumps(text, ensure_ascii=style.random() < 0.5)
    return written.replace("/", "\\/") if style.random() < 0.2 else written


@st.composite
def json_lines(draw: st.DrawFn) -> str:
    style = random.Random(draw(st.integers(0, 2**32)))
    space = style.choice(["", "", "", " ", "\t"])
    parts = [f"{_string(key, style)}{space}:{space}{spelled(value, style)}" for key, value in draw(members())]
    return f"{space}{{{space}{f'{space},'.join(parts)}{space}}}{space}"


BROKEN_VALUES = ["NaN", "-Infinity", "Infinity", '"\\ud800"', '"\\udc00\\ud800x"', '{"\\ud800": 1, "\\udfff": 2}',
                 '"\x01"', "tru", "{", '"x', "01", "'x'", '"\\x"', "[" * 600 + "]" * 600]


@st.composite
def broken_lines(draw: st.DrawFn) -> str:
    """Lines that begin as JSON and have something that isn't, or hardly is."""
    line = draw(json_lines())
    kind = draw(st.integers(0, 3))
    if kind == 0:
        return line[: draw(st.integers(1, len(line)))]
    if kind == 1:
        return line + draw(st.sampled_from(["x", "{}", "}", " null", "\x00"]))
    key = draw(st.sampled_from(["x", "message", "level", "service", "timestamp", "tags", "metadata", "trace_id"]))
    value = draw(st.sampled_from(BROKEN_VALUES))
    member = f'"{key}":{value}' if draw(st.booleans()) else f'"x":{{"y":[{value}, 1]}}'
    head, brace, rest = line.partition("{")
    return f"{head}{brace}{member}{'' if rest.strip().startswith('}') else ','}{rest}"


TIMES = ["2024-11-22T09:00:00.5Z", "2024-11-22 09:00:00,123", "Nov 22 09:00:00", "1732269000 ", "2035-01-01T00:00:00Z", "081109 203615 "]
LEVELS = [" INFO ", "[error]", "level=warn", "WARN:", "info", " CONFIG ", "<Fatal>"]
PLAIN = st.lists(st.sampled_from(TIMES) | st.sampled_from(LEVELS) | TEXT | st.sampled_from([" ", "x" * 50, "é" * 60]), max_size=5).map(
    lambda parts: "".join(parts).replace("\n", "")
)
LINES = json_lines() | json_lines() | broken_lines() | PLAIN


@st.composite
def chunks(draw: st.DrawFn) -> Chunk:
    lines = draw(st.lists(LINES, min_size=1, max_size=6))
    texts = [line.encode() for line in lines]
    if draw(st.integers(0, 5)) == 0:
        at = draw(st.integers(0, len(texts) - 1))
        cut = draw(st.integers(0, len(texts[at])))
        texts[at] = texts[at][:cut] + draw(st.sampled_from([b"\xff", b"\xe2\x82", b"\xc3", b"\xed\xa0\x80"])) + texts[at][cut:]
    events = draw(st.booleans())
    offset = draw(st.sampled_from([0, 5, 2**40]))
    endings = draw(st.sampled_from([b"\n", b"\r\n"] if not events else [b"", b"\n", b"\r\n"]))
    if events:
        positions = sorted(draw(st.sets(st.integers(offset, 2**41), min_size=len(texts), max_size=len(texts))))
        body = events_body(positions, [text + endings for text in texts])
    else:
        body = endings.join(texts) + draw(st.sampled_from([b"", endings]))
    return Chunk(
        service=draw(st.sampled_from(["chunk-service", "other"])),
        host=draw(st.sampled_from(["chunk-host", ""])),
        source="/var/log/x",
        source_id=draw(st.sampled_from([SOURCE, "f" * 16])),
        offset=offset,
        lines=len(texts),
        observed_us=OBSERVED_US + draw(st.sampled_from([0, 1, 7_200_000_000])),
        value=compress(body),
        content_type=draw(st.sampled_from([NDJSON, "text/plain"])),
        positions=draw(st.sampled_from(list(Positions))),
        events=events,
        tags=draw(st.sampled_from([(), (), ("t", "ü")])),
        fields=draw(st.sampled_from([{}, {}, {"x": {"from": "agent"}, 'q"uote': None, "é": 1}, {"original_timestamp": 1}])),
        service_locked=draw(st.booleans()),
    )


def compare(parsed: Parsed, chunks: Sequence[Chunk]) -> None:
    """Every column of every line is what the naive parser says."""
    taken = [TAKEN_US + number for number in range(len(chunks))]
    expected, own = naive_parse(chunks, taken, LIMITS)
    records = as_records(parsed.table)
    assert parsed.table.schema == SCHEMA
    assert len(records) == len(expected)
    for record, wanted in zip(records, expected, strict=True):
        different = {name: (record[name], wanted[name]) for name in SCHEMA.names if not same(record[name], wanted[name])}
        assert not different, f"parsed, expected: {different}"
    assert (parsed.own_ids.to_pylist() if parsed.own_ids is not None else [False] * len(own)) == own
    assert parsed.unparsed == sum("unparsed" in (record["tags"] or []) for record in expected)


class TestAgainstTheNaiveParser:
    @settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
    @given(st.lists(chunks(), min_size=1, max_size=3))
    def test_same_records(self, parser: Parser, some: list[Chunk]) -> None:
        compare(parser.parse(some, [TAKEN_US + number for number in range(len(some))]), some)

    @settings(max_examples=EXAMPLES // 10, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(st.lists(chunks(), min_size=1, max_size=3))
    def test_a_new_parser_gives_the_same(self, parser: Parser, some: list[Chunk]) -> None:
        taken = [TAKEN_US] * len(some)
        new = Parser(limits=LIMITS)
        first, second, third = (one.parse(some, taken).table for one in (new, parser, new))
        new.close()
        assert first.equals(second)
        assert second.equals(third)

    @settings(max_examples=EXAMPLES // 5, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(st.lists(chunks(), min_size=2, max_size=4))
    def test_chunks_together_as_each_alone(self, parser: Parser, some: list[Chunk]) -> None:
        together = as_records(parser.parse(some, [TAKEN_US] * len(some)).table)
        assert together == [record for one in some for record in as_records(parser.parse([one], [TAKEN_US]).table)]


# Rule by rule


def chunk_of(*lines: str | bytes, **headers: Any) -> Chunk:
    """The lines as an HTTP body's chunk, unless `headers` say otherwise."""
    body = b"\n".join(line.encode() if isinstance(line, str) else line for line in lines)
    usual: dict[str, Any] = {
        "service": "chunk-service",
        "host": "chunk-host",
        "source": "http",
        "source_id": SOURCE,
        "offset": 0,
        "lines": len(lines),
        "observed_us": OBSERVED_US,
        "value": compress(body),
        "content_type": NDJSON,
        "positions": Positions.LINE,
    }
    return Chunk(**{**usual, **headers})


@pytest.fixture
def read(parser: Parser) -> Callable[..., Record]:
    """One line's record, without the columns that say the usual thing."""

    def read(line: str | bytes, **headers: Any) -> Record:
        (record,) = as_records(parser.parse([chunk_of(line, **headers)], [TAKEN_US]).table)
        usual = {
            "log_id": log_id(SOURCE, 0),
            "service": "chunk-service",
            "host": "chunk-host",
            "source": "http",
            "ingested_at": EPOCH + timedelta(microseconds=TAKEN_US),
            "timestamp": EPOCH + timedelta(microseconds=OBSERVED_US),
        }
        return {name: value for name, value in record.items() if value is not None and value != usual.get(name)}

    return read


Read = Callable[..., Record]
ACCEPTED = "2024-11-22T09:00:00Z"
AT = datetime(2024, 11, 22, 9, tzinfo=UTC)


class TestNames:
    @pytest.mark.parametrize("name", NAMES["time"])
    def test_times(self, read: Read, name: str) -> None:
        assert read(json.dumps({name: ACCEPTED, "message": "m"})) == {"timestamp": AT, "message": "m"}

    @pytest.mark.parametrize("name", NAMES["level"])
    def test_levels(self, read: Read, name: str) -> None:
        assert read(json.dumps({name: "Warning", "message": "m"})) == {"level": "WARN", "message": "m"}

    @pytest.mark.parametrize("name", NAMES["number"])
    def test_opentelemetry_numbers(self, read: Read, name: str) -> None:
        assert read(json.dumps({name: 17, "message": "m"})) == {"level": "ERROR", "message": "m"}

    @pytest.mark.parametrize("role", ["service", "host"])
    def test_services_and_hosts(self, read: Read, role: str) -> None:
        for name in NAMES[role]:
            assert read(json.dumps({name: "own", "message": "m"})) == {role: "own", "message": "m"}

    @pytest.mark.parametrize("name", NAMES["message"])
    def test_messages(self, read: Read, name: str) -> None:
        assert read(json.dumps({name: "m"})) == {"message": "m"}

    @pytest.mark.parametrize("name", NAMES["trace"])
    def test_trace_ids(self, read: Read, name: str) -> None:
        assert read(json.dumps({name: "t", "message": "m"})) == {"trace_id": "t", "message": "m"}

    def test_no_two_differ_only_in_case(self) -> None:
        assert len({name.lower() for name in ROLE_OF}) == sum(map(len, NAMES.values()))

    @pytest.mark.parametrize(
        ("line", "record"),
        [
            # The first present name is taken, in the table's order and not the line's; the others stay.
            ({"msg": "b", "message": "a"}, {"message": "a", "metadata": {"msg": "b"}}),
            ({"ts": 5, "timestamp": ACCEPTED, "message": "m"}, {"timestamp": AT, "message": "m", "metadata": {"ts": 5}}),
            # Null is as good as absent, but stays.
            ({"message": None, "msg": "b"}, {"message": "b", "metadata": {"message": None}}),
            ({"level": None, "severity": "info", "msg": "m"}, {"level": "INFO", "message": "m", "metadata": {"level": None}}),
            # What doesn't serve isn't consumed, and the next name isn't asked.
            ({"level": "bogus", "severity": "info", "msg": "m"}, {"message": "m", "metadata": {"level": "bogus", "severity": "info"}}),
            ({"timestamp": "soon", "msg": "m"}, {"message": "m", "metadata": {"timestamp": "soon"}}),
            ({"timestamp": True, "msg": "m"}, {"message": "m", "metadata": {"timestamp": True}}),
            ({"service": "", "msg": "m"}, {"message": "m", "metadata": {"service": ""}}),
            # Numbers by whose they are.
            ({"severity": 3, "msg": "m"}, {"level": "ERROR", "message": "m"}),
            ({"level": 50, "msg": "m"}, {"level": "ERROR", "message": "m"}),
            ({"level": 3, "msg": "m"}, {"message": "m", "metadata": {"level": 3}}),
            ({"level": "info", "severity_number": 17, "msg": "m"}, {"level": "INFO", "message": "m", "metadata": {"severity_number": 17}}),
            ({"severity_number": 99, "msg": "m"}, {"message": "m", "metadata": {"severity_number": 99}}),
            # ECS objects give their name or level, and stay.
            ({"service": {"name": "own", "v": 1}, "msg": "m"}, {"service": "own", "message": "m", "metadata": {"service": {"name": "own", "v": 1}}}),
            ({"host": {"name": ""}, "msg": "m"}, {"message": "m", "metadata": {"host": {"name": ""}}}),
            ({"log": {"level": "error"}, "msg": "m"}, {"level": "ERROR", "message": "m", "metadata": {"log": {"level": "error"}}}),
            ({"log": {"level": "error"}, "severity_number": 99, "msg": "m"}, {"level": "ERROR", "message": "m", "metadata": {"log": {"level": "error"}, "severity_number": 99}}),
            ({"log": '{"level":"error"}', "msg": "m"}, {"message": "m", "metadata": {"log": '{"level":"error"}'}}),
            # Other types become text where a column is text.
            ({"message": {"a": [1, None]}}, {"message": '{"a":[1,null]}'}),
            ({"message": 5, "service": True, "host": 7}, {"message": "5", "service": "true", "host": "7"}),
            ({"message": ""}, {"message": ""}),
            # Without a message the line is it.
            ({"x": 1}, {"message": '{"x": 1}', "metadata": {"x": 1}}),
            ({}, {"message": "{}"}),
            # Keys that only look known.
            ({"Message": "m", "LEVEL": "info"}, {"message": '{"Message": "m", "LEVEL": "info"}', "metadata": {"Message": "m", "LEVEL": "info"}}),
            # An empty key is a key.
            ({"": 1, "msg": "m"}, {"message": "m", "metadata": {"": 1}}),
            ({"": 1, "x": 2}, {"message": '{"": 1, "x": 2}', "metadata": {"": 1, "x": 2}}),
        ],
    )  # fmt: skip
    def test_rules(self, read: Read, line: dict[str, Any], record: Record) -> None:
        assert read(json.dumps(line)) == record


class TestMetadata:
    @pytest.mark.parametrize(
        ("line", "metadata"),
        [
            ({"metadata": {"a": 1}}, {"a": 1}),
            ({"metadata": {}}, None),
            ({"metadata": {}, "x": 1}, {"x": 1}),
            ({"metadata": {"a": 1}, "x": {"y": [1, None]}}, {"a": 1, "x": {"y": [1, None]}}),
            ({"metadata": {"x": 1}, "x": 2}, {"metadata": {"x": 1}, "x": 2}),
            ({"metadata": {"metadata": 1}}, {"metadata": 1}),
            ({"metadata": {"metadata": 1}, "x": 2}, {"metadata": 1, "x": 2}),
            ({"metadata": {"message": "inner", "level": "info"}}, {"message": "inner", "level": "info"}),
            ({"metadata": None}, {"metadata": None}),
            ({"metadata": [1]}, {"metadata": [1]}),
            ({"metadata": "text"}, {"metadata": "text"}),
            ({"metadata": '{"a":1}'}, {"metadata": '{"a":1}'}),
            ({"metadata": "{oops"}, {"metadata": "{oops"}),
            ({"a": None, "b": {"c": None}}, {"a": None, "b": {"c": None}}),
            ({"n": 10**30, "f": 1e300, "i": -(2**63), "z": 1.50}, {"n": 10**30, "f": 1e300, "i": -(2**63), "z": 1.5}),
            ({"é\n": "\x00\x1f"}, {"é\n": "\x00\x1f"}),
        ],
    )
    def test_nothing_is_dropped(self, read: Read, line: dict[str, Any], metadata: Any) -> None:
        for ascii_only in (True, False):
            record = read(json.dumps({**line, "message": "m"}, ensure_ascii=ascii_only))
            assert record == {"message": "m", **({"metadata": metadata} if metadata else {})}

    @pytest.mark.parametrize(
        ("line", "trace_id", "metadata"),
        [
            ({"metadata": {"trace_id": "t"}}, "t", None),
            ({"metadata": {"trace_id": "t", "b": 2}}, "t", {"b": 2}),
            ({"metadata": {"a": 1, "trace_id": "t", "b": 2}}, "t", {"a": 1, "b": 2}),
            ({"metadata": {"a": 1, "trace_id": "t"}}, "t", {"a": 1}),
            ({"metadata": {"trace_id": 't"\\\n,é😀', "b": 2}}, 't"\\\n,é😀', {"b": 2}),
            ({"metadata": {"trace_id": "t", "b": "back\\slash"}}, "t", {"b": "back\\slash"}),
            ({"metadata": {"a": {"trace_id": "t"}}}, None, {"a": {"trace_id": "t"}}),
            ({"metadata": {"a": {"trace_id": "t"}, "trace_id": "t"}}, "t", {"a": {"trace_id": "t"}}),
            ({"metadata": {"a": '"trace_id":"t"', "trace_id": "t"}}, "t", {"a": '"trace_id":"t"'}),
            ({"metadata": {'a"trace_id': "t", "trace_id": "t"}}, "t", {'a"trace_id': "t"}),
            ({"metadata": {'a"trace_id': "t"}}, None, {'a"trace_id': "t"}),
            ({"metadata": {"trace_id": 5}}, None, {"trace_id": 5}),
            ({"metadata": {"trace_id": 5, "a": {"trace_id": "5"}}}, None, {"trace_id": 5, "a": {"trace_id": "5"}}),
            ({"metadata": {"trace_id": {"trace_id": "t"}}}, None, {"trace_id": {"trace_id": "t"}}),
            ({"metadata": {"trace_id": ""}}, None, {"trace_id": ""}),
            ({"metadata": {"trace_id": "x" * 128}}, "x" * 128, None),
            ({"metadata": {"trace_id": "x" * 129}}, None, {"trace_id": "x" * 129}),
            ({"metadata": {"trace_id": "é" * 65}}, None, {"trace_id": "é" * 65}),
            ({"metadata": {"trace_id": "inner"}, "trace_id": "outer"}, "outer", {"trace_id": "inner"}),
            ({"metadata": {"trace_id": "inner"}, "trace_id": ""}, None, {"metadata": {"trace_id": "inner"}, "trace_id": ""}),
            ({"metadata": {"trace_id": "t", "b": 2}, "x": 1}, "t", {"b": 2, "x": 1}),
            ({"metadata": {"trace_id": "t", "x": 2}, "x": 1}, None, {"metadata": {"trace_id": "t", "x": 2}, "x": 1}),
            ({"trace_id": "x" * 129}, None, {"trace_id": "x" * 129}),
            ({"traceId": "a", "trace_id": "b"}, "b", {"traceId": "a"}),
        ],
    )  # fmt: skip
    def test_trace_ids_are_lifted(self, read: Read, line: dict[str, Any], trace_id: str | None, metadata: Any) -> None:
        wanted = {"message": "m", "trace_id": trace_id, "metadata": metadata}
        for separators in ((",", ":"), (" , ", " : ")):
            record = read(json.dumps({**line, "message": "m"}, separators=separators))
            assert record == {name: value for name, value in wanted.items() if value is not None}


class TestOwnIds:
    def test_a_client_chooses_in_an_http_body(self, parser: Parser) -> None:
        parsed = parser.parse([chunk_of('{"log_id":"mine","message":"m"}', '{"message":"m"}')], [TAKEN_US])
        assert parsed.table["log_id"].to_pylist() == ["mine", log_id(SOURCE, 1)]
        assert parsed.own_ids is not None
        assert parsed.own_ids.to_pylist() == [True, False]

    def test_nobody_chooses_in_a_file(self, parser: Parser) -> None:
        parsed = parser.parse([chunk_of('{"log_id":"mine","message":"m"}', positions=Positions.BYTE)], [TAKEN_US])
        (record,) = as_records(parsed.table)
        assert (record["log_id"], record["metadata"]) == (log_id(SOURCE, 0), {"log_id": "mine"})
        assert parsed.own_ids is None

    @pytest.mark.parametrize(
        ("given", "kept"), [("x" * 512, True), ("x" * 513, False), ("é" * 256, True), ("é" * 257, False), ("", False)]
    )
    def test_of_1_to_512_bytes(self, read: Read, given: str, kept: bool) -> None:
        record = read(json.dumps({"log_id": given, "message": "m"}))
        assert record == {"message": "m", **({"log_id": given} if kept else {"metadata": {"log_id": given}})}

    def test_joined_results(self, parser: Parser) -> None:
        some = [chunk_of('{"message":"a"}'), chunk_of('{"log_id":"mine"}'), chunk_of("text", "NaN")]
        parts = [parser.parse([one], [TAKEN_US]) for one in some]
        joined = parts[0].joined(parts[1]).joined(parts[2])
        together = parser.parse(some, [TAKEN_US] * 3)
        assert as_records(joined.table) == as_records(together.table)
        assert joined.own_ids.to_pylist() == [False, True, False, False]
        assert (joined.unparsed, joined.mended, joined.out_of_window) == (2, 0, 0)


class TestTags:
    @pytest.mark.parametrize(
        ("own", "tags", "metadata"),
        [
            (["a", "b"], ["t", "a", "b"], None),
            ([], ["t"], None),
            ([1, None, {"a": 1}, ["x"]], ["t", "1", '{"a":1}', '["x"]'], None),
            ("a", ["t"], {"tags": "a"}),
            ('["a"]', ["t"], {"tags": '["a"]'}),
            ("[", ["t"], {"tags": "["}),
            (None, ["t"], {"tags": None}),
        ],
    )
    def test_after_the_chunks_own(self, read: Read, own: Any, tags: list[str], metadata: Any) -> None:
        record = read(json.dumps({"tags": own, "message": "m"}), tags=("t",))
        assert record == {"message": "m", "tags": tags, **({"metadata": metadata} if metadata else {})}

    def test_none_are_null(self, read: Read) -> None:
        assert read('{"tags":[null],"message":"m"}') == read('{"tags":[],"message":"m"}') == {"message": "m"}


class TestMended:
    """Lines that are no strict JSON, or that DuckDB reads in another way."""

    @pytest.mark.parametrize(
        ("line", "record"),
        [
            ('{"message":"m","x":NaN}', {"message": "m", "metadata": {"x": "NaN"}}),
            ('{"message":"m","x":[-Infinity, 1]}', {"message": "m", "metadata": {"x": ["-Infinity", 1]}}),
            ('{"message":"m","metadata":{"x":NaN}}', {"message": "m", "metadata": {"x": "NaN"}}),
            ('{"message":"m","metadata":{"x":":NaN,"}}', {"message": "m", "metadata": {"x": ":NaN,"}}),
            ('{"message":"m","x":"\\ud800"}', {"message": "m", "metadata": {"x": "\ufffd"}}),
            ('{"message":"\\udc00\\ud800"}', {"message": "\ufffd\ufffd"}),
            ('{"message":"\\ud83d\\ude00"}', {"message": "😀"}),
            ('{"message":"m","\\ud800":1,"\\ud801":2}', {"message": "m", "metadata": {"\ufffd": 2}}),
            ('{"message":"a","message":"b"}', {"message": "b"}),
            ('{"message":"m","x":1,"y":2,"x":3}', {"message": "m", "metadata": {"x": 3, "y": 2}}),
            ('{"x":1,"x":NaN}\r', {"message": '{"x":1,"x":NaN}', "metadata": {"x": "NaN"}}),
            ('{"message":"a\\u0000b","x":"\\u0000"}', {"message": "a\0b", "metadata": {"x": "\0"}}),
        ],
    )
    def test_to_json(self, read: Read, line: str, record: Record) -> None:
        assert read(line) == record

    @pytest.mark.parametrize(
        "line",
        ['{"message":"m"', '{"message":"m"} x', '{"message":"m"} {}', "{", "{]", '{"a" 1}', "{a:1}", "{'a':1}", '{"a":01}',
         '{"a":"\t"}', '{"a":"\\x"}', '{"a":tru}', '{"message":"m", /* no */ "a":1}', '\ufeff{"message":"m"}',
         '\xa0{"message":"m"}', '{"x":"' + "é" * 200, "[1]", '"x"', "null", "5"],
    )  # fmt: skip
    def test_or_text(self, read: Read, line: str) -> None:
        assert read(line) == {"message": line, "tags": ["unparsed"]}

    def test_text_is_unparsed_where_json_was_promised(self, read: Read) -> None:
        assert read("hello") == {"message": "hello", "tags": ["unparsed"]}
        assert read("hello", content_type="text/plain") == {"message": "hello"}
        assert read("{hello", content_type="text/plain") == {"message": "{hello", "tags": ["unparsed"]}

    @pytest.mark.parametrize("depth", [2, MAX_DEPTH - 1, MAX_DEPTH, MAX_DEPTH + 1])
    @pytest.mark.parametrize("brackets", ["[]", "{}"])
    def test_depth(self, read: Read, depth: int, brackets: str) -> None:
        inner = depth - 1
        opened, closed = ('{"x":', "}") if brackets == "{}" else ("[", "]")
        line = f'{{"level":"info","message":"m","x":{opened * inner}1{closed * inner}}}'
        record = read(line)
        if depth > MAX_DEPTH:
            assert record == {"message": line, "tags": ["unparsed"]}
        else:
            assert (record["level"], record["message"], record["metadata"]["x"]) == ("INFO", "m", json.loads(line)["x"])

    def test_many_brackets_are_no_depth(self, read: Read) -> None:
        many = [{"a": [1]}] * 600
        line = json.dumps({"timestamp": ACCEPTED, "level": "info", "message": "m", "x": many})
        assert read(line) == {"timestamp": AT, "level": "INFO", "message": "m", "metadata": {"x": many}}

    def test_text_full_of_brackets(self, read: Read) -> None:
        text = "[{" * 2_000
        assert read(json.dumps({"message": "m", "x": text})) == {"message": "m", "metadata": {"x": text}}


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

    def test_a_good_line_gives_no_text_that_orjson_refuses(self, parser: Parser) -> None:
        for text in parser.parse([chunk_of(*HOSTILE)], [TAKEN_US]).table["metadata"].to_pylist():
            assert text is None or isinstance(orjson.loads(text), dict)


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
    def test_the_message_is_the_line(self, read: Read, line: bytes, message: str) -> None:
        assert read(line, content_type="text/plain") == {"message": message}

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
    def test_an_event_loses_its_last_ending(self, read: Read, text: bytes, message: str) -> None:
        value = compress(events_body([0], [text]))
        assert read(b"", value=value, events=True, content_type="text/plain") == {"message": message}

    def test_a_pretty_printed_event_is_json(self, read: Read) -> None:
        line = json.dumps({"message": "m", "x": {"y": 1}}, indent=2)
        value = compress(events_body([0], [line.encode()]))
        assert read(b"", value=value, events=True) == {"message": "m", "metadata": {"x": {"y": 1}}}

    def test_an_empty_event_before_json(self, parser: Parser) -> None:
        value = compress(events_body([0, 1, 2], [b"", b'{"message":"m"}', b""]))
        one = chunk_of(value=value, events=True, lines=3, content_type="text/plain")
        records = as_records(parser.parse([one], [TAKEN_US]).table)
        assert [(record["message"], record["tags"]) for record in records] == [("", None), ("m", None), ("", None)]

    def test_times_and_levels_that_show(self, read: Read) -> None:
        line = "2024-11-22 09:00:00 ERROR no room"
        assert read(line, content_type="text/plain") == {"timestamp": AT, "level": "ERROR", "message": line}

    def test_in_a_zone(self) -> None:
        parser = Parser("America/New_York", LIMITS)
        lines = [f"{text} x" for text in TIMES] + ['{"time":"2024-11-22 04:00:00,5"}', '{"time":"2024-11-22T09:00:00Z"}']
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
    def test_a_year_back_and_an_hour_ahead(self, read: Read, time: str, accepted: bool) -> None:
        record = read(json.dumps({"timestamp": time, "message": "m", "x": 1}))
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
    def test_the_original_is_kept_as_written(self, read: Read, line: str, original: str | None) -> None:
        record = read(line, content_type="text/plain")
        assert "timestamp" not in record
        assert original is None or record["metadata"] == {"original_timestamp": original}

    def test_a_lines_own_original_wins(self, read: Read) -> None:
        line = {"timestamp": "2031-01-01T00:00:00Z", "original_timestamp": "mine", "message": "m"}
        assert read(json.dumps(line))["metadata"] == {"original_timestamp": "mine"}

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

    def test_a_locked_service_wins(self, read: Read) -> None:
        line = '{"service":"own","host":"own","message":"m"}'
        assert read(line, service_locked=True) == {"host": "own", "message": "m"}
        assert read(line) == {"service": "own", "host": "own", "message": "m"}

    def test_fields_stand_beside_the_lines_own(self, read: Read) -> None:
        fields = {"env": "prod", 'q"uote': {"a": None}}
        assert read("text", content_type="text/plain", fields=fields) == {"message": "text", "metadata": fields}
        assert read('{"message":"m","x":1}', fields=fields) == {"message": "m", "metadata": {"x": 1, **fields}}

    def test_fields_of_the_line_win_whole_and_null_too(self, read: Read) -> None:
        fields = {"env": {"from": "agent"}, "x": 1, "y": 2}
        line = {"env": None, "x": {"own": None}, "z": {"null": None}}
        record = read(json.dumps({**line, "message": "m"}), fields=fields)
        assert record == {"message": "m", "metadata": {**line, "y": 2}}
        record = read(json.dumps({**line, "y": 3, "message": "m"}), fields=fields)
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


@pytest.mark.parametrize(
    ("line", "mended"),
    [
        ('{"a":1}', '{"a":1}'),
        (' { "a" : [ 1 , 2.50 ] } \n', '{"a":[1,2.5]}'),
        ('{"a":NaN,"b":-Infinity}', '{"a":"NaN","b":"-Infinity"}'),
        ('{"a":1e999,"b":-1E999}', '{"a":"1e999","b":"-1E999"}'),
        ('{"a":' + "9" * 309 + "}", '{"a":"' + "9" * 309 + '"}'),
        ('{"a":' + "9" * 308 + "}", '{"a":' + "9" * 308 + "}"),
        ('{"a":1,"a":2}', '{"a":2}'),
        ('{"a":{"b":1,"b":2}}', '{"a":{"b":2}}'),
        ('{"a":"\\ud800 \\ud83d\\ude00"}', '{"a":"\ufffd 😀"}'),
        ('{"\\ud800":1,"\\ud801":2}', '{"\ufffd":2}'),
        ("[1]", None),
        ("5", None),
        ("{", None),
        ('{"a":1} x', None),
        ('{"a":nan}', None),
        ('{"a":' * (MAX_DEPTH + 1) + "1" + "}" * (MAX_DEPTH + 1), None),
        ('{"a":"' + "[" * 1_000 + '"}', '{"a":"' + "[" * 1_000 + '"}'),
        ('{"a\\"[":"' + "\\\\[" * 600 + '"}', '{"a\\"[":"' + "\\\\[" * 600 + '"}'),
    ],
)
def test_mend(line: str, mended: str | None) -> None:
    assert mend(line) == mended
