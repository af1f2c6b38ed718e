"""Records and query trees as Hypothesis draws them, full of what is easily got wrong."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from logd.query.metadata import is_number
from logd.query.tokens import tokens
from logd.query.tree import And, Equals, Everything, Exists, Fuzzy, Node, Not, Or, Range, Regex, Wildcard, Words

PIECES = st.sampled_from(
    [
        *"aAbBkK\u212aiIİıßẞsſσςΣéÉeωΩ\u2126_09²-. \n\x00'\"%\\/[]",
        *(
            "e\u0301",
            "\u0301",
            "日",
            "本",
            "か",
            "\u3099",
            "カ",
            "ー",
            "ｶﾞ",
            "🚀",
            "❤\ufe0f",
            "\u200d",
            "\u00ad",
            "\ufeff",
        ),
        *("\u0378", "\U000e0001", "ا", "،", "ไทย", "한국", "timeout", "Foo_Bar"),
    ]
)
TEXTS = st.lists(PIECES, max_size=8).map("".join)
WORDS = TEXTS.map(lambda text: Words("message", text, tuple(tokens(text))))
KEYS = st.sampled_from(["a", "b", "a.b", "b.a", "0", "a.0", 'q"', "é", "x y", "/~", "b.é"])
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**63),
    st.integers(-3, 3),
    st.floats(-1e15, 1e15),
    st.sampled_from([0.0, -0.0, 1.0, 2.5, 1e-7, 2.0**53, "1", "1.0", "true", "null", "", "[1]", '{"a":1}']),
    TEXTS,
)
JSON = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3), max_leaves=6
)
WHEN = datetime(2026, 11, 22, tzinfo=UTC)
TIMES = st.integers(-3, 3).map(lambda micros: WHEN + timedelta(microseconds=micros))
LEVELS = st.sampled_from(["INFO", "WARN", "ERROR", None])
RECORDS = st.fixed_dictionaries(
    {
        "timestamp": TIMES,
        "ingested_at": TIMES,
        "level": LEVELS,
        "service": st.sampled_from(["a", "A", "a b", "é'", None]),
        "host": st.none() | TEXTS,
        "tags": st.none() | st.lists(st.sampled_from(["a", "b", "é'"]), max_size=2),
        "trace_id": st.none() | TEXTS,
        "message": st.none() | TEXTS,
        "metadata": st.none() | st.dictionaries(KEYS, JSON, max_size=3),
    }
)
VALUES = st.one_of(
    TEXTS,
    st.sampled_from(["1", "1.0", "-0", "1e0", "25e-1", "true", "false", "null", "1e400", "01", " 1", "2", "2.5", "0"]),
    st.integers(-(2**63), 2**63).map(str),
    st.floats(-1e15, 1e15).map(repr),
)
PATHS = st.lists(KEYS, min_size=1, max_size=3).map(lambda keys: ".".join(["metadata", *keys]))
#: Patterns of which a text may have every piece.
WILDCARDS = st.lists(PIECES | st.sampled_from([*"**??", "\\*", "\\"]), min_size=1, max_size=6).map("".join)
#: What Python and RE2 take for the same.
REGEXES = st.recursive(
    st.sampled_from([*"aAbBkKé_0日カ", ".", "[ab]", "[^a]", "[a-z]", "\\d", "\\w"]),
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=4).map("".join),
        st.tuples(inner, inner).map(lambda two: f"(?:{two[0]}|{two[1]})"),
        st.tuples(inner, st.sampled_from(["*", "+", "?", "{2}", "{0,2}", "{1,}"])).map(
            lambda two: f"(?:{two[0]}){two[1]}"
        ),
    ),
    max_leaves=5,
)
#: Words, tokens of the messages among them.
TOKENS = st.one_of(
    st.text(st.sampled_from([*"aabké_0ßσ"]), min_size=1, max_size=7),
    st.sampled_from(["timeout", "tmieout", "timeoutt", "foo_bar", "oof_bar", "カー", "日", "i", "한국"]),
)
COLUMNS = st.sampled_from(["level", "service", "host", "tags", "trace_id"])
BOUNDS = st.none() | st.one_of(
    TEXTS, st.sampled_from(["1", "-0", "2.5", "1e0", "1e400", "a", "true"]), st.floats(-1e15, 1e15).map(repr)
)


def _ranges(
    fields: st.SearchStrategy[str], bounds: st.SearchStrategy[str | None] | st.SearchStrategy[int | None]
) -> st.SearchStrategy[Node]:
    drawn = st.builds(Range, fields, bounds, bounds, st.booleans(), st.booleans())
    return drawn.filter(lambda node: node.low is not None or node.high is not None)


MICROS = st.none() | TIMES.map(lambda time: (time - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1))
PATTERNS = st.one_of(
    st.builds(Wildcard, st.just("message"), WILDCARDS),
    st.builds(Wildcard, COLUMNS | PATHS, WILDCARDS | st.sampled_from(["1*", "*.0", "t*e", "?", "W*", "e*r"])),
    st.builds(Regex, st.sampled_from(["message", "message.raw"]), REGEXES),
    st.builds(Regex, COLUMNS | PATHS, REGEXES),
    st.builds(Fuzzy, st.just("message"), TOKENS, st.integers(1, 2)),
    st.builds(Fuzzy, COLUMNS | PATHS, TEXTS, st.integers(1, 2)),
    st.lists(TOKENS, min_size=2, max_size=4).flatmap(
        lambda words: st.builds(Words, st.just("message"), st.just(""), st.just(tuple(words)), st.integers(0, 4))
    ),
)
RANGES = st.one_of(
    _ranges(st.sampled_from(["timestamp", "ingested_at"]), MICROS),
    _ranges(st.just("level"), st.sampled_from(["info", "WARN", "err", "FATAL", None])),
    _ranges(st.sampled_from(["service", "host", "tags", "trace_id"]) | PATHS, BOUNDS),
    st.builds(Exists, st.sampled_from(["message", "timestamp"]) | COLUMNS | PATHS),
)
LEAVES = st.one_of(
    PATTERNS,
    RANGES,
    st.just(Everything()),
    WORDS,
    WORDS,
    st.builds(Equals, st.sampled_from(["service", "host", "tags", "trace_id"]), st.sampled_from(["a", "é'"]) | TEXTS),
    st.builds(Equals, st.just("level"), st.sampled_from(["warning", "Info", "err", "loud", ""])),
    st.builds(Equals, PATHS, VALUES),
)


def _several(nodes: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
    children = st.lists(nodes, min_size=0, max_size=6).map(tuple)
    return st.one_of(children.map(And), children.map(Or), nodes.map(Not))


TREES: st.SearchStrategy[Node] = st.recursive(LEAVES, _several, max_leaves=10)


def leaves(value: Any, path: str = "metadata") -> Iterator[tuple[str, str]]:
    """Where the values of some metadata are, and how they may be written."""
    match value:
        case dict():
            for key, inner in value.items():
                yield from leaves(inner, f"{path}.{key}")
        case list():
            for inner in value:
                yield from leaves(inner, path)
        case str():
            yield path, value
        case _:
            yield path, json.dumps(value)
            if isinstance(value, int | float):
                yield path, repr(float(value))


def _worn(chance: random.Random, text: str) -> str:
    """The text, a pattern of wildcards that it matches, or what is nearly one."""
    chars = [("\\" + char if char in "*?\\" else char) for char in text]
    for _ in range(chance.randint(0, 3)):
        at = chance.randint(0, len(chars))
        chars[at : at + chance.randint(0, 2)] = chance.choice(["*", "?", "**", "*?"])
    return "".join(chars)


def _mistyped(chance: random.Random, word: str) -> str:
    chars = list(word)
    for _ in range(chance.randint(0, 3)):
        at = chance.randint(0, len(chars))
        chars[at : at + chance.randint(0, 2)] = chance.choice([[], ["a"], ["é"], chars[at : at + 2][::-1]])
    return "".join(chars)


def of_text(chance: random.Random, message: str) -> Iterator[Node]:
    """Queries of every kind for what a message has, or nearly has."""
    start = chance.randint(0, len(message))
    part = message[start : start + chance.randint(1, 6)]
    yield Wildcard("message", _worn(chance, part) or "*")
    yield Regex("message.raw", re.escape(part) + chance.choice(["", ".", "a*", "?"] if part else [""]))
    there = tokens(message)
    if not there:
        return
    word = chance.choice(there)
    mistyped = _mistyped(chance, word)
    if tokens(mistyped) == [mistyped]:  # others are no query
        yield Fuzzy("message", mistyped, chance.randint(1, 2))
    yield Regex("message", word.replace(chance.choice(word), chance.choice(".a"), 1) + chance.choice(["", "*", "+b*"]))
    if re.sub(r"\s", "", word):
        yield Wildcard("message", _worn(chance, word))
    some = chance.sample(there, min(len(there), chance.randint(2, 4)))
    yield Words("message", "", tuple(some), chance.randint(0, 5))


def of_value(chance: random.Random, field: str, value: str) -> Iterator[Node]:
    """Queries of every kind for what a field has, or nearly has."""
    yield Wildcard(field, _worn(chance, value) or "*")
    yield Regex(field, re.escape(value) + chance.choice(["", "?", "|x"]) if value else "(?:)")
    yield Fuzzy(field, _mistyped(chance, value), chance.randint(1, 2))
    low, high = chance.choice([(value, None), (None, value), (value, value), (value, "2"), ("1", value)])
    if field != "level":
        yield Range(field, low, high, chance.random() < 0.5, chance.random() < 0.5)
    yield Exists(field)


def of_any(chance: random.Random, records: Sequence[dict[str, Any]]) -> Iterator[Node]:
    """Queries of every kind for what some of the records have, or nearly have."""
    for record in chance.sample([*records], min(3, len(records))):
        yield from of_text(chance, record["message"] or "")
        found = [*leaves(record["metadata"])] if record["metadata"] else []
        for path, value in chance.sample(found, min(2, len(found))):
            yield Equals(path, value)
            yield from of_value(chance, path, value)


#: Metadata without what query/elasticsearch.py says that it takes for something else: dots in names, nulls in objects,
#: objects in arrays, strings that are numbers.
_ELASTIC_KEYS = st.sampled_from(["a", "b", 'q"', "é", "x y", "/~"])
_NO_NUMBERS = TEXTS.filter(lambda text: not re.search("[0-9]", text)) | st.sampled_from(["true", "null", ""])
_ELASTIC_SCALARS = (
    st.booleans() | st.integers(-3, 3) | st.integers(-(2**63), 2**63) | st.sampled_from([2.5, -0.0]) | _NO_NUMBERS
)
_ELASTIC_VALUES = st.recursive(
    _ELASTIC_SCALARS | st.lists(_ELASTIC_SCALARS | st.none(), max_size=3),
    lambda inner: st.dictionaries(_ELASTIC_KEYS, inner, min_size=1, max_size=3),
    max_leaves=6,
)
ELASTIC_METADATA = st.none() | st.dictionaries(_ELASTIC_KEYS, _ELASTIC_VALUES, max_size=3)


def same_on_elasticsearch(node: Node) -> bool:
    """It asks for nothing that Elasticsearch takes for something else."""
    match node:
        case And(children) | Or(children):
            return all(map(same_on_elasticsearch, children))
        case Not(child):
            return same_on_elasticsearch(child)
        case Range(field, low, high) if field.startswith("metadata."):
            return all(is_number(str(bound)) for bound in (low, high) if bound is not None)
        case Words() | Equals(field="level"):
            return True
        case _:
            path = getattr(node, "field", "").split(".")
            return not any(part.isdecimal() for part in path)
