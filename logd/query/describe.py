"""A query tree in words, for people: what logd took a query for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import assert_never

from logd.query.time import EPOCH, MICROSECOND
from logd.query.tree import And, Equals, Everything, Exists, Fuzzy, Node, Not, Or, Range, Regex, Wildcard, Words

_STEP = "  "


def describe(node: Node) -> list[str]:
    """A line for each node, those within one indented below it."""
    return list(_lines(node, ""))


def _lines(node: Node, indent: str) -> Iterator[str]:
    match node:
        case And(children):
            yield f"{indent}all of"
        case Or(children):
            yield f"{indent}any of"
        case Not(child):
            children = (child,)
            yield f"{indent}not"
        case _:
            children = ()
            yield indent + _leaf(node)
    for child in children:
        yield from _lines(child, indent + _STEP)


def _leaf(node: Everything | Words | Equals | Wildcard | Regex | Fuzzy | Range | Exists) -> str:
    match node:
        case Everything():
            return "everything"
        case Words(field, text, ()):
            return f"{field} has no word of {text!r}: nothing"
        case Words(field, _, (word,)):
            return f"{field} has the word {word!r}"
        case Words(field, _, words, slop):
            near = f", within {slop} moves" if slop else ", side by side"
            return f"{field} has the words {' '.join(map(repr, words))}{near}"
        case Equals(field, value):
            return f"{field} is {value!r}"
        case Wildcard(field, pattern):
            return f"{field} matches the pattern {pattern!r}"
        case Regex(field, pattern):
            return f"{field} matches the regular expression {pattern!r}"
        case Fuzzy(field, word, edits):
            return f"{field} has {word!r} with up to {edits} edit{'s' if edits > 1 else ''}"
        case Range():
            return f"{node.field} {_bounds(node)}"
        case Exists(field):
            return f"{field} has a value"
        case _:
            assert_never(node)


def _bounds(node: Range) -> str:
    limits = []
    if node.low is not None:
        limits.append(f"{'>=' if node.low_included else '>'} {_bound(node.low)}")
    if node.high is not None:
        limits.append(f"{'<=' if node.high_included else '<'} {_bound(node.high)}")
    return " and ".join(limits)


def _bound(value: str | int) -> str:
    return repr(value) if isinstance(value, str) else time_text(value)


def time_text(micros: int) -> str:
    """A time in Unix µs as ISO 8601; as a number beyond the years that have four digits."""
    try:
        return (EPOCH + micros * MICROSECOND).isoformat().replace("+00:00", "Z")
    except OverflowError:
        return f"{micros} µs"
