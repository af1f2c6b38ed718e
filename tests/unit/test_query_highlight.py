"""Where a query's terms are in hits: what is highlighted, taken as a text of its own, satisfies the term."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logd.http.highlights import MATCHER
from logd.query import highlight, slop
from logd.query.fuzzy import is_near
from logd.query.highlight import MOST_CHARACTERS, MOST_SPANS, MOST_TOGETHER, highlights, in_texts
from logd.query.parse import parse
from logd.query.regex import rewritten
from logd.query.tree import Equals, Fuzzy, Not, Regex, Wildcard, Words
from tests.support.naive_query import matches
from tests.support.naive_text import distance
from tests.support.strategies import LEAVES, PATTERNS, RECORDS, TEXTS, WORDS

_IN_MESSAGES = (PATTERNS | WORDS).filter(lambda leaf: leaf.field in ("message", "message.raw"))


def _of(query: str, message: str, **members: Any) -> dict[str, list[str]]:
    """The highlighted texts, by field; of an element of a list by its number."""
    hit = {"message": message, **members}
    (found,) = highlights(parse(query), [hit], MATCHER)
    return {name: [_value(hit, name)[start:end] for start, end in spans] for name, spans in found.items()}


def _value(hit: Any, name: str) -> str:
    for part in name.split("."):
        hit = hit[int(part)] if isinstance(hit, list) else hit[part]
    return str(hit)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("timeout", ["Timeout", "timeout"]),
        ("timeout OR after", ["Timeout", "after", "timeout"]),
        ("timeout AND NOT 42", ["Timeout", "timeout"]),
        ("NOT timeout", []),
        ('"timeout after"', ["Timeout after"]),
        ('"after timeout"~2', ["Timeout after 42 ms: timeout"]),  # two that overlap
        ('"42 after"~2', ["after 42"]),
        ("TIME*", ["Timeout", "timeout"]),
        ("*eou?", ["Timeout", "timeout"]),
        ("10.0.3.*", ["10.0.3.17"]),
        ("/time.{3}/", ["Timeout", "timeout"]),
        ("/[0-9]+/", ["42", "10", "0", "3", "17"]),
        ("message.raw:/[0-9]+ ms/", ["42 ms"]),
        ("message.raw:/t.m/", ["tim"]),
        ("message.raw:/^Time|out/", ["Time"]),
        ('message.raw:"ms: t"', ["ms: t"]),
        ("tmieout~1", ["Timeout", "timeout"]),
        ("aftr~1", ["after"]),
        ("absent", []),
        ("*", []),
        ("", []),
        ("message:*", []),
    ],
)
def test_in_the_message(query: str, expected: list[str]) -> None:
    found = _of(query, "Timeout after 42 ms: timeout of 10.0.3.17")
    assert found.get("message", []) == expected
    assert set(found) <= {"message"}


def test_in_other_values() -> None:
    hit: dict[str, Any] = {
        "level": "ERROR",
        "service": "checkout",
        "tags": ["eu", "blue", "eu"],
        "metadata": {"user": {"id": "u_42"}, "code": 42, "list": ["a", "b"], "a.b": "c"},
    }
    for query, expected in (
        ("service:checkout", {"service": ["checkout"]}),
        ("service:check*", {"service": ["checkout"]}),
        ("service:/ch.*/ AND level:err", {"service": ["checkout"], "level": ["ERROR"]}),
        ("level:e*", {"level": ["ERROR"]}),
        ("service:chekcout~1", {"service": ["checkout"]}),
        ("service:Checkout", {}),
        ("tags:eu", {"tags.0": ["eu"], "tags.2": ["eu"]}),
        ("user.id:u_42 OR m", {"metadata.user.id": ["u_42"], "message": ["m"]}),
        ("code:42", {}),
        ("metadata.list:b", {"metadata.list.1": ["b"]}),
        ("NOT service:checkout", {}),
        ("nobody:x", {}),
    ):
        assert _of(query, "m", **hit) == expected, query


def test_each_hit_has_its_own() -> None:
    hits: list[dict[str, Any]] = [{"message": "a b"}, {}, {"message": None}, {"message": "b a"}]
    assert highlights(parse("b"), hits, MATCHER) == [{"message": [(2, 3)]}, {}, {}, {"message": [(0, 1)]}]


def test_characters_are_code_points() -> None:
    assert highlights(parse("ü OR message.raw:/x./"), [{"message": "🚀 ü xé"}], MATCHER) == [
        {"message": [(2, 3), (4, 6)]}
    ]


def test_what_is_long_is_cut() -> None:
    (found,) = highlights(parse("a"), [{"message": "a " * MOST_CHARACTERS}], MATCHER)
    assert len(found["message"]) == MOST_SPANS
    (found,) = highlights(parse("b*"), [{"message": "a" * (MOST_CHARACTERS - 1) + " b"}], MATCHER)
    assert found == {}
    (found,) = highlights(parse("message.raw:/b*/"), [{"message": "b" * 2 * MOST_CHARACTERS}], MATCHER)
    assert found == {}, "no half of a word"


def test_many_terms_in_many_long_messages_end() -> None:
    """Each term takes Python a look at each message, which nothing stops once it has begun."""
    words = [f"w{number}" for number in range(100)]
    message = " ".join(words * 250)[:MOST_CHARACTERS]
    hits = [{"message": message}] * 10
    found = highlights(parse(" OR ".join(words)), hits, MATCHER)
    shown = MOST_TOGETHER // (len(words) * len(message))
    assert [bool(one) for one in found] == [number < shown for number in range(len(hits))]
    found = highlights(parse("message.raw:/w/"), hits, MATCHER)
    assert all(0 < len(one["message"]) < MOST_SPANS for one in found)


@given(leaf=_IN_MESSAGES, texts=st.lists(TEXTS, max_size=3))
def test_what_is_highlighted_alone_satisfies_the_term(leaf: Any, texts: list[str]) -> None:
    for text, spans in zip(texts, in_texts(leaf, texts, MATCHER), strict=True):
        for start, end in spans:
            assert 0 <= start < end <= len(text)
            assert matches(leaf, {"message": text[start:end]}), (leaf, text, start, end)
        # An expression for any text may match nothing but an empty stretch of it.
        if matches(leaf, {"message": text}) and not (isinstance(leaf, Regex) and leaf.field == "message.raw"):
            assert spans, (leaf, text)


@given(leaf=LEAVES, record=RECORDS)
def test_a_value_is_highlighted_if_it_matches(leaf: Any, record: dict[str, Any]) -> None:
    """Of the fields whose values are texts."""
    (found,) = highlights(leaf, [record], MATCHER)
    kinds = Words | Equals | Wildcard | Regex | Fuzzy
    assert highlights(Not(leaf), [record], MATCHER) == [{}]
    if found:
        assert isinstance(leaf, kinds)
        assert matches(leaf, record), (leaf, record, found)
    elif isinstance(leaf, kinds) and leaf.field in ("service", "host", "trace_id"):
        assert not (record[leaf.field] and matches(leaf, record)), (leaf, record)


@given(st.text("abc", max_size=6), st.text("abc", max_size=6), st.integers(0, 2))
def test_the_distance(text: str, word: str, edits: int) -> None:
    assert is_near(text, word, edits) == (distance(text, word) <= edits)


def test_the_limits_are_those_of_the_language() -> None:
    assert highlight._SLOP_WORDS == slop._TEXT_WORDS
    assert rewritten("a", words=True, alone=True).pattern
