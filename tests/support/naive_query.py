"""A query tree evaluated on one record, the slow and obvious way: what every engine must agree with.

Shares the tokenizer and the table of levels with the product, and nothing else. A record is a dict as the API gives it,
but with `trace_id` outside of `metadata`, where it is stored.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import Any, assert_never

from logd.levels import LEVEL_WORDS
from logd.query.tokens import tokens
from logd.query.tree import And, Equals, Everything, Node, Not, Or, Words


def matches(node: Node, record: dict[str, Any]) -> bool:
    """Whether the record is a hit."""
    match node:
        case Everything():
            return True
        case Words(field, _, words):
            return _side_by_side(list(words), tokens(record.get(field) or ""))
        case Equals(field, value):
            return _equals(field, value, record)
        case And(children):
            return all(matches(child, record) for child in children)
        case Or(children):
            return any(matches(child, record) for child in children)
        case Not(child):
            return not matches(child, record)
        case _:
            assert_never(node)


def _side_by_side(words: list[str], text: list[str]) -> bool:
    return bool(words) and any(text[at : at + len(words)] == words for at in range(len(text)))


def _equals(field: str, value: str, record: dict[str, Any]) -> bool:
    if field == "level":
        level = LEVEL_WORDS.get(value.strip(" \t[]<>()").lower())
        if level is None:
            field = "metadata.level"
        else:
            value = level
    if field == "tags":
        return value in (record.get("tags") or [])
    if not field.startswith("metadata."):
        return bool(record.get(field) == value)
    path = field.removeprefix("metadata.").split(".")
    return any(_same(value, element) for found in _at(record.get("metadata"), path) for element in _elements(found))


def _at(value: Any, path: list[str]) -> Iterator[Any]:
    """What lies at the path, its parts nested or joined by dots in every way."""
    if not path:
        yield value
    for taken in range(1, len(path) + 1):
        key = ".".join(path[:taken])
        if isinstance(value, dict) and key in value:
            yield from _at(value[key], path[taken:])
        if isinstance(value, list) and key.isdecimal() and str(int(key)) == key and int(key) < len(value):
            yield from _at(value[int(key)], path[taken:])


def _elements(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _same(text: str, value: Any) -> bool:
    match value:
        case bool():
            return text == ("true" if value else "false")
        case str():
            return text == value
        case int() | float():
            return _same_number(text, value)
        case _:
            return False


def _same_number(text: str, value: float) -> bool:
    try:
        wanted = json.loads(text)
    except ValueError:
        return False
    if text != text.strip() or isinstance(wanted, bool) or not isinstance(wanted, int | float):
        return False
    if math.isfinite(wanted) and abs(wanted) < 2**53:
        return float(wanted) == float(value)
    return text == json.dumps(value)
