"""A field of pairs, or a JSON object, whose members become fields: when they do, and when it stays."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from logd.chunk import TEXT, compress, events_body
from logd.config.parsers import ParserTable, Step
from logd.errors import ConfigError
from logd.parse.chains import compile_chains
from logd.parse.plan import Parser
from tests.support.chunks import TAKEN_US, chunk_of
from tests.support.naive_parse import as_records

_STEP = Step(type="regex", pattern=r"^(?P<n>\d+) (?P<message>[^|]*)\|(?P<more>(?s:.*))$", spread="more")


@pytest.fixture(scope="module")
def parser() -> Iterator[Parser]:
    parser = Parser(chains=compile_chains([ParserTable(name="shop", steps=[_STEP])]))
    yield parser
    parser.close()


def _fields(parser: Parser, *rests: str) -> list[Any]:
    texts = [f"7 found|{rest}".encode("utf-8", "surrogatepass") for rest in rests]
    body = compress(events_body(range(len(texts)), texts))
    chunk = chunk_of(content_type=TEXT, value=body, lines=len(texts), events=True)
    parsed = parser.parse([chunk], [TAKEN_US])
    assert parsed.unparsed == 0
    return [record["metadata"] for record in as_records(parsed.table)]


@pytest.mark.parametrize(
    ("rest", "fields"),
    [
        ('pod="shop/cart 7" n2=3 ok=true', {"pod": "shop/cart 7", "n2": 3, "ok": True}),
        ('a="x \\"y\\""', {"a": 'x "y"'}),
        ('{"a": {"b": [1, null]}, "c": null}', {"a": {"b": [1, None]}, "c": None}),
        ("", {}),
        # It stays: a name that is there already, or twice; no object; no JSON.
        ("n=3", {"more": "n=3"}),
        ('{"n": 3}', {"more": '{"n": 3}'}),
        ("a=1 a=2", {"more": "a=1 a=2"}),
        ('{"a": 1, "a": 2}', {"more": '{"a": 1, "a": 2}'}),
        ('{"a": NaN}', {"more": '{"a": NaN}'}),
        ('{"a": 1', {"more": '{"a": 1'}),
        ("[1]", {"more": "[1]"}),
        ("a text", {"more": "a text"}),
        ('{"a":' * 600 + "1" + "}" * 600, {"more": '{"a":' * 600 + "1" + "}" * 600}),
    ],
)
def test_a_field(parser: Parser, rest: str, fields: dict[str, Any]) -> None:
    expected = {"n": "7", **fields}
    assert _fields(parser, rest, "b=1", "a text") == [expected, {"n": "7", "b": 1}, {"n": "7", "more": "a text"}]


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text('abn"é', max_size=3), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=100, deadline=None)
@given(
    rests=st.lists(
        st.dictionaries(st.text('abn"é.', max_size=3), _JSON, max_size=4) | st.text(), min_size=1, max_size=8
    )
)
def test_nothing_is_lost(parser: Parser, rests: list[Any]) -> None:
    texts = [json.dumps(rest) if isinstance(rest, dict) else rest for rest in rests]
    for rest, text, fields in zip(rests, texts, _fields(parser, *texts), strict=True):
        if isinstance(rest, dict) and "n" not in rest:
            assert fields == {"n": "7", **rest}
        else:
            assert fields.get("more", "") == _mended(text) or "=" in text


def _mended(text: str) -> str:
    return text.encode("utf-8", "surrogatepass").decode("utf-8", "replace").removesuffix("\n").removesuffix("\r")


def test_a_field_that_is_none_of_the_step_is_refused() -> None:
    step = Step(type="regex", pattern="(?P<a>x)", spread="b")
    with pytest.raises(ConfigError, match="spread is 'b', expected one of its fields: a"):
        compile_chains([ParserTable(name="shop", steps=[step])])
