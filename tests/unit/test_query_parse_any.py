"""The parser: what must hold for any text, and for any tree."""

from __future__ import annotations

from typing import Literal, assert_never

from hypothesis import given
from hypothesis import strategies as st

from logd.errors import QueryError
from logd.query.fields import KEYWORDS, RAW_TEXT, TEXT, TRACE_ID
from logd.query.parse import parse
from logd.query.tokens import tokens
from logd.query.tree import And, Equals, Everything, Exists, Fuzzy, Node, Not, Or, Range, Regex, Wildcard, Words

_SNIPPETS = st.sampled_from(
    [
        *"()[]{}\"'+-!&|^~*?:/\\<>= \n",
        "AND",
        "OR",
        "NOT",
        " TO ",
        "&&",
        "||",
        "a",
        "Foo",
        "level:",
        "x.y:",
        "message.raw:/",
        "timestamp:",
        "x:[",
        "_exists_:",
        "now/d",
        "\ud800",
        "1",
    ]
)


@given(st.text() | st.lists(_SNIPPETS, max_size=30).map("".join), st.sampled_from(["or", "and"]))
def test_any_text_is_a_tree_or_an_error_with_a_column_in_it(text: str, operator: Literal["or", "and"]) -> None:
    column = 0
    try:
        parse(text, operator)
    except QueryError as error:
        column = error.column
    assert column <= len(text)


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')


def _typed(node: Node) -> str:
    """A query that means the tree."""
    match node:
        case Everything():
            return "*"
        case Words(_, text, _, slop):
            return f'"{_escaped(text)}"' + (f"~{slop}" if slop else "")
        case Wildcard(field, pattern):
            return f"{field}:{pattern}"
        case Regex(field, pattern):
            return f"{field}:/{pattern}/"
        case Fuzzy(field, word, edits):
            return f"{field}:{word}~{edits}"
        case Range(field, low, high, low_included, high_included):
            bounds = " TO ".join("*" if bound is None else f'"{_escaped(str(bound))}"' for bound in (low, high))
            return f"{field}:{'[' if low_included else '{'}{bounds}{']' if high_included else '}'}"
        case Exists(field):
            return f"_exists_:{field}"
        case Equals(field, value):
            return f'{field}:"{_escaped(value)}"'
        case And(children):
            return f"({' AND '.join(map(_typed, children))})"
        case Or(children):
            return f"({' OR '.join(map(_typed, children))})"
        case Not(child):
            return f"NOT {_typed(child)}"
        case _:
            assert_never(node)


_TEXTS = st.text(st.characters(codec="utf-8"), max_size=10)
#: Those that are one place; a trace id is looked for in two.
_FIELDS = st.sampled_from([*(name for name in KEYWORDS if name != TRACE_ID), "metadata.a", "metadata.a.b-c"])
_LEAVES = st.one_of(
    st.builds(Everything),
    _TEXTS.filter(tokens).map(lambda text: Words(TEXT, text, tuple(tokens(text)))),
    st.builds(Equals, _FIELDS, _TEXTS),
    st.builds(Wildcard, _FIELDS | st.just(TEXT), st.sampled_from(["a*", "*b?", "x\\*y?", "?"])),
    st.builds(Regex, _FIELDS | st.sampled_from([TEXT, RAW_TEXT]), st.sampled_from(["a.", "(x|y)+", "[^a]*"])),
    st.builds(Fuzzy, _FIELDS | st.just(TEXT), st.sampled_from(["ab", "word", "日"]), st.integers(1, 2)),
    st.builds(
        Range, _FIELDS.filter(lambda name: name != "level"), _TEXTS, st.none() | _TEXTS, st.booleans(), st.booleans()
    ),
    st.builds(Exists, _FIELDS | st.sampled_from([TEXT, "timestamp"])),
)


def _several(kind: type[And] | type[Or], nodes: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
    other = nodes.filter(lambda node: not isinstance(node, kind))
    return st.lists(other, min_size=2, max_size=3).map(lambda children: kind(tuple(children)))


_TREES: st.SearchStrategy[Node] = st.recursive(
    _LEAVES,
    lambda nodes: st.one_of(
        _several(And, nodes), _several(Or, nodes), nodes.filter(lambda node: not isinstance(node, Not)).map(Not)
    ),
    max_leaves=8,
)


@given(_TREES, st.sampled_from(["or", "and"]))
def test_a_tree_that_is_typed_out_is_parsed_to_the_same_tree(tree: Node, operator: Literal["or", "and"]) -> None:
    assert parse(_typed(tree), operator) == tree
