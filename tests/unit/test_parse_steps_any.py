"""Steps of parsers against the naive ones, on any lines."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from logd.chunk import TEXT
from logd.parse.plan import Parser
from tests.support import naive_steps
from tests.support.chunks import LIMITS, TAKEN_US, chunk_of
from tests.support.naive_parse import as_records
from tests.support.parsers import one

_WORDS = st.text(st.sampled_from('ab=" \\,|;1.-0\té\x01u'), max_size=12)
_PAIRS = st.lists(
    st.tuples(
        st.sampled_from(["a", "b", "c.d", "@e"]),
        st.one_of(
            st.sampled_from(["1", "-0", "007", "1.5", "true", '""', '"x y"', r'"\""', r'"\q"', "é", "", "a=b"]), _WORDS
        ),
    ),
    max_size=5,
).map(lambda pairs: " ".join(f"{key}={value}" for key, value in pairs))


def _records(parser: Parser, lines: list[str]) -> list[dict[str, Any]]:
    return as_records(parser.parse([chunk_of(*lines, "", content_type=TEXT)], [TAKEN_US]).table)


@pytest.fixture(scope="module")
def parsers() -> Iterator[dict[str, Parser]]:
    """One for each kind of step."""
    steps = {
        "logfmt": "{type = 'logfmt'}",
        "csv": "{type = 'csv', columns = ['a', 'b', 'c']}",
        "regex": r"""{type = "regex", pattern = '^(?P<a>\w+)[= ](?P<b>"[^"]*")?,?(?P<c>.*)'}""",
    }
    made = {name: Parser(limits=LIMITS, chains=one(step)) for name, step in steps.items()}
    yield made
    for parser in made.values():
        parser.close()


@settings(deadline=None)
@given(lines=st.lists(st.one_of(_WORDS, _PAIRS), min_size=1, max_size=8))
def test_the_steps_do_what_the_naive_ones_do(parsers: dict[str, Parser], lines: list[str]) -> None:
    naive: dict[str, Callable[[str], Any]] = {
        "logfmt": naive_steps.logfmt,
        "csv": lambda line: naive_steps.csv_row(line, ["a", "b", "c"], ","),
        "regex": lambda line: naive_steps.groups(r'^(?P<a>\w+)[= ](?P<b>"[^"]*")?,?(?P<c>.*)', line),
    }
    for name, parser in parsers.items():
        for line, record in zip(lines, _records(parser, lines), strict=True):
            expected = naive[name](line)
            assert record["message"] == line
            assert (record["metadata"] or {}, "unparsed" in (record["tags"] or [])) == (
                expected or {},
                expected is None,
            ), (name, line)


@settings(deadline=None)
@given(lines=st.lists(st.binary(max_size=60), min_size=1, max_size=6))
def test_any_bytes_are_a_record_each(parsers: dict[str, Parser], lines: list[bytes]) -> None:
    lines = [line.replace(b"\n", b"") for line in lines]
    for parser in parsers.values():
        table = parser.parse([chunk_of(*lines, b"", content_type=TEXT)], [TAKEN_US]).table
        assert len(table) == len(lines)
        for text in table["metadata"].to_pylist():
            assert text is None or isinstance(json.loads(text), dict)
