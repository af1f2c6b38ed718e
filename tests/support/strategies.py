"""Records and query trees as Hypothesis draws them, full of what is easily got wrong."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from hypothesis import strategies as st

from logd.query.tokens import tokens
from logd.query.tree import And, Equals, Everything, Node, Not, Or, Words

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
LEVELS = st.sampled_from(["INFO", "WARN", "ERROR", None])
RECORDS = st.fixed_dictionaries(
    {
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
LEAVES = st.one_of(
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
