"""The vectorised parser gives what the naive one does, on generated chunks."""

from __future__ import annotations

import json
import os
import random
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from logd.chunk import Chunk, Positions, compress, events_body
from logd.parse.columns import NDJSON, Parsed
from logd.parse.forms import FORMS
from logd.parse.json import NAMES
from logd.parse.plan import Parser
from logd.record import SCHEMA
from tests.support.chunks import LIMITS, OBSERVED_US, SOURCE, TAKEN_US, chunk_of
from tests.support.naive_parse import as_records, naive_parse, same

_FORMS = {form.name for form in FORMS}
EXAMPLES = 3_000 if os.environ.get("TEST_LONG") else 150
ROLE_OF = {name: role for role, names in NAMES.items() for name in names}


@pytest.fixture(scope="module")
def parser() -> Iterator[Parser]:
    """One for all, as in a role: what it has met before must not show."""
    parser = Parser(limits=LIMITS)
    yield parser
    parser.close()


# Generated lines

#: What people and machines put into text; quotes, escapes and what other parsers stumble over.
WORDS = ["", "a", "x y", "é", "日本", '"', "\\", "\\u0041", "\n", "\t", "\x00", "\x1f", "😀", "a,b", ":NaN,", "{", "[",
         "'", '"trace_id":"t1"', ',"trace_id":"t1"', "null", "\u2028", "\ufffd", "%", "/", "\x7f"]  # fmt: skip
TEXT = st.lists(st.sampled_from(WORDS), max_size=3).map("".join)
NUMBERS = st.sampled_from([0, 1, -1, 7, 30, 2**53, 2**63, -(2**63), 2**64, 10**30, 0.5, -1.25, 1e5, 1e300, 1e-7, 100.0])
SCALARS = st.none() | st.booleans() | NUMBERS | TEXT
TRACES = ["t1", "t1", "é" * 64, 'a"b', "a\\b", "a\nb", "0af7651916cd43dd8448eb211c80319c"]
BAD_TRACES = ["", "x" * 129, "é" * 65]
KEYS = ["x", "y", "user.id", "a b", "", "é", 'q"uote', 'a"trace_id', "back\\slash", "Message", "LEVEL", "nan", "\n"]
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*KEYS, "trace_id"]), inner, max_size=3)
    ),
    max_leaves=5,
)
PLAIN_NUMBERS = [0, 5, -3, 0.5, 100.0, 10**30]
ROLES: dict[str, st.SearchStrategy[Any]] = {
    "time": st.sampled_from(
        [
            "2024-11-22T09:59:59.123456Z",
            "2024-11-22 09:00:00,5",
            "2024-11-22T11:30:00+02:00",
            "22/Nov/2024:09:00:00 +0000",
            "2031-01-01T00:00:00Z",
            "1971-01-01T00:00:00Z",
            1732269000,
            1732269000.25,
            1732269000123,
            4102444800,
            5,
            "",
            "zzz",
            "2024-13-45T00:00:00Z",
            "2024-11-22T09:59:59\nZ",
            True,
            None,
            ["2024-11-22T09:00:00Z"],
            {"a": 1},
        ]
    ),
    "level": st.sampled_from(
        ["info", "WARN", "Error", "[fatal]", "bogus", "", 30, 35, 9, "3", True, None, ["info"], {"a": 1}]
    ),
    "number": st.sampled_from([9, "17", 99, 0, 9.0, "info", None, True]),
    "service": st.sampled_from(
        [
            "svc",
            "é",
            "",
            5,
            0.5,
            True,
            None,
            ["a", 1],
            {},
            {"name": "n", "id": 1},
            {"name": ""},
            {"name": None},
            {"name": 5},
            {"id": 1},
            {"name": {"a": 1}},
        ]
    ),
    "message": TEXT | st.sampled_from([None, True, {"a": [1, "b"]}, ["x"], {}, *PLAIN_NUMBERS]),
    "trace": st.sampled_from([*TRACES, *BAD_TRACES, None, 5, True, {"a": 1}]),
    "log": st.sampled_from(
        [{"level": "error"}, {"level": 30}, {"level": "bogus"}, {"level": None}, {}, "x", '{"level":"error"}', None]
    ),
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


HUGE = ("1E999", "-1e999", "9" * 400)
BROKEN_VALUES = [
    *HUGE,
    "NaN",
    "-Infinity",
    "Infinity",
    '"\\ud800"',
    '"\\udc00\\ud800x"',
    '{"\\ud800": 1, "\\udfff": 2}',
    '"\x01"',
    "tru",
    "{",
    '"x',
    "01",
    "'x'",
    '"\\x"',
    "[" * 600 + "]" * 600,
]


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
    # A number that no double holds becomes a string when its line is mended: whether it is a trace id then is open.
    value = draw(st.sampled_from([text for text in BROKEN_VALUES if key != "trace_id" or text not in HUGE]))
    member = f'"{key}":{value}' if draw(st.booleans()) else f'"x":{{"y":[{value}, 1]}}'
    head, brace, rest = line.partition("{")
    return f"{head}{brace}{member}{'' if rest.strip().startswith('}') else ','}{rest}"


TIMES = [
    "2024-11-22T09:00:00.5Z",
    "2024-11-22 09:00:00,123",
    "Nov 22 09:00:00",
    "1732269000 ",
    "2035-01-01T00:00:00Z",
    "081109 203615 ",
]
LEVELS = [" INFO ", "[error]", "level=warn", "WARN:", "info", " CONFIG ", "<Fatal>"]
PLAIN = st.lists(
    st.sampled_from(TIMES) | st.sampled_from(LEVELS) | TEXT | st.sampled_from([" ", "x" * 50, "é" * 60]), max_size=5
).map(lambda parts: "".join(parts).replace("\n", ""))
LINES = json_lines() | json_lines() | broken_lines() | PLAIN


@st.composite
def chunks(draw: st.DrawFn) -> Chunk:
    lines = draw(st.lists(LINES, min_size=1, max_size=6))
    texts = [line.encode() for line in lines]
    if draw(st.integers(0, 5)) == 0:
        at = draw(st.integers(0, len(texts) - 1))
        cut = draw(st.integers(0, len(texts[at])))
        texts[at] = (
            texts[at][:cut] + draw(st.sampled_from([b"\xff", b"\xe2\x82", b"\xc3", b"\xed\xa0\x80"])) + texts[at][cut:]
        )
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
        fields=draw(
            st.sampled_from([{}, {}, {"x": {"from": "agent"}, 'q"uote': None, "é": 1}, {"original_timestamp": 1}])
        ),
        service_locked=draw(st.booleans()),
        host_locked=draw(st.booleans()),
    )


def compare(parsed: Parsed, chunks: Sequence[Chunk]) -> None:
    """Every column of every line is what the naive parser says."""
    taken = [TAKEN_US + number for number in range(len(chunks))]
    expected, own = naive_parse(chunks, taken, LIMITS)
    records = as_records(parsed.table)
    assert parsed.table.schema == SCHEMA
    assert len(records) == len(expected)
    # The reference knows no forms, and some generated lines are of one: `WARN:WARN:` is how Python writes.
    in_a_form = {row for share in parsed.shares if share.step in _FORMS for row in share.rows.tolist()}
    for number, (record, wanted) in enumerate(zip(records, expected, strict=True)):
        if number in in_a_form:
            continue
        different = {
            name: (record[name], wanted[name]) for name in SCHEMA.names if not same(record[name], wanted[name])
        }
        assert not different, f"parsed, expected: {different}"
    assert (parsed.own_ids.to_pylist() if parsed.own_ids is not None else [False] * len(own)) == own
    assert parsed.unparsed == sum("unparsed" in (record["tags"] or []) for record in expected)


@pytest.mark.timeout(3_600 if os.environ.get("TEST_LONG") else 300)
class TestAgainstTheNaiveParser:
    @settings(
        max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
    )
    @given(st.lists(chunks(), min_size=1, max_size=3))
    @example([chunk_of("WARN:WARN:", content_type="text/plain")])
    def test_same_records(self, parser: Parser, some: list[Chunk]) -> None:
        compare(parser.parse(some, [TAKEN_US + number for number in range(len(some))]), some)

    @settings(max_examples=EXAMPLES // 5, deadline=None, suppress_health_check=[HealthCheck.too_slow])
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
