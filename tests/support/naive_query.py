"""A query tree evaluated on one record, the slow and obvious way: what every engine must agree with.

Shares the tokenizer and the table of levels with the product, and nothing else. A record is a dict as the API gives it,
but with `trace_id` outside of `metadata`, where it is stored, and times as datetimes.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, assert_never

from logd.levels import LEVEL_WORDS
from logd.query.tokens import tokens
from logd.query.tree import (
    And,
    Equals,
    Everything,
    Exists,
    Fuzzy,
    Node,
    Not,
    Or,
    Range,
    Regex,
    Wildcard,
    Words,
)
from tests.support.naive_text import distance, glob, is_near, regex_matches, text_has, whole_words

_LEVELS = ["TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"]
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def matches(node: Node, record: dict[str, Any]) -> bool:
    """Whether the record is a hit."""
    match node:
        case Everything():
            return True
        case Words(field, _, words, slop):
            return is_near(list(words), tokens(record.get(field) or ""), slop)
        case Equals(field, value):
            return _equals(field, value, record)
        case Wildcard("message", pattern):
            return text_has(pattern, record.get("message") or "")
        case Wildcard(field, pattern):
            return _any_text(field, record, lambda text: glob(pattern, text), lambda text: glob(pattern.upper(), text))
        case Regex("message", pattern):
            words_there = whole_words(record.get("message") or "")
            return any(regex_matches(pattern.lower(), word) for word in words_there)
        case Regex("message.raw", pattern):
            return regex_matches(pattern, record.get("message"), anywhere=True)
        case Regex(field, pattern):
            return _any_text(
                field,
                record,
                lambda text: regex_matches(pattern, text),
                lambda text: regex_matches(pattern, text, any_case=True),
            )
        case Fuzzy("message", word, edits):
            return any(distance(word, other) <= edits for other in tokens(record.get("message") or ""))
        case Fuzzy(field, word, edits):
            return _any_text(
                field,
                record,
                lambda text: distance(word, text) <= edits,
                lambda text: distance(word.upper(), text) <= edits,
            )
        case Range():
            return _in_range(node, record)
        case Exists(field):
            return _exists(field, record)
        case And(children):
            return all(matches(child, record) for child in children)
        case Or(children):
            return any(matches(child, record) for child in children)
        case Not(child):
            return not matches(child, record)
        case _:
            assert_never(node)


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
    return any(_same(value, element) for element in _values(field, record))


def _any_text(
    field: str, record: dict[str, Any], test: Callable[[str], bool], test_level: Callable[[str], bool]
) -> bool:
    """A column's or a field's value, as text, passes the test; a level its own."""
    if field == "level":
        level = record.get("level")
        return (level is not None and test_level(level)) or _any_text("metadata.level", record, test, test_level)
    if field.startswith("metadata."):
        return any(test(_text(value)) for value in _values(field, record) if not isinstance(value, dict | list | None))
    found = record.get(field)
    texts = [] if found is None else found if field == "tags" else [found]
    return any(test(text) for text in texts)


def _in_range(node: Range, record: dict[str, Any]) -> bool:
    field = node.field
    if field in ("timestamp", "ingested_at"):
        return _within((record[field] - _EPOCH) // timedelta(microseconds=1), node, int)
    if field == "level":
        level = record.get("level")
        return level is not None and _within(_LEVELS.index(level), node, lambda word: _LEVELS.index(_level(word)))
    if not field.startswith("metadata."):
        return _any_text(field, record, lambda text: _within(text, node, str), lambda text: False)
    numeric = all(_number(str(bound)) is not None for bound in (node.low, node.high) if bound is not None)
    for value in _values(field, record):
        if not numeric:
            if isinstance(value, str) and _within(value, node, str):
                return True
        elif isinstance(value, str | int | float) and not isinstance(value, bool):
            number = _number(value) if isinstance(value, str) else _double(value)
            if number is not None and _within(number, node, lambda bound: _number(str(bound))):
                return True
    return False


def _level(word: Any) -> str:
    return LEVEL_WORDS[str(word).strip(" \t[]<>()").lower()]


def _within(value: Any, node: Range, read: Callable[[Any], Any]) -> bool:
    above = node.low is None or read(node.low) < value or (node.low_included and read(node.low) == value)
    below = node.high is None or value < read(node.high) or (node.high_included and read(node.high) == value)
    return above and below


def _exists(field: str, record: dict[str, Any]) -> bool:
    if field.startswith("metadata."):
        path = field.removeprefix("metadata.").split(".")
        return any(_is_something(value) for value in _at(record.get("metadata"), path))
    if field == "level" and _exists("metadata.level", record):
        return True
    found = record.get(field)
    return found is not None and found != []


def _is_something(value: Any) -> bool:
    if isinstance(value, list):
        return any(element is not None for element in value)
    return value is not None and value != {}


def texts_of(field: str, record: dict[str, Any]) -> list[str]:
    """The scalars that a column or a field has, each as text."""
    if not field.startswith("metadata."):
        found = record.get(field)
        return [] if found is None else list(found) if field == "tags" else [found]
    return [_text(value) for value in _values(field, record) if not isinstance(value, dict | list | None)]


def numbers_of(field: str, record: dict[str, Any]) -> list[float]:
    """Those of them that are numbers, or strings that are, unless a double can't hold them."""
    values = [value for value in _values(field, record) if isinstance(value, str | int | float)]
    found = [_number(one) if isinstance(one, str) else _double(one) for one in values if not isinstance(one, bool)]
    return [number for number in found if number is not None and math.isfinite(number)]


def _values(field: str, record: dict[str, Any]) -> list[Any]:
    """What lies at the path, with the elements of arrays."""
    path = field.removeprefix("metadata.").split(".")
    found = list(_at(record.get("metadata"), path))
    return [element for value in found for element in (value if isinstance(value, list) else [value])]


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
    wanted = _json_number(text)
    if wanted is None:
        return False
    if math.isfinite(wanted) and abs(wanted) < 2**53:
        return float(wanted) == float(value)
    return text == json.dumps(value)


def _json_number(text: str) -> int | float | None:
    try:
        wanted = json.loads(text)
    except ValueError:
        return None
    if text != text.strip() or isinstance(wanted, bool) or not isinstance(wanted, int | float):
        return None
    return None if (isinstance(wanted, float) and math.isnan(wanted)) or text.endswith("Infinity") else wanted


def _number(text: str) -> float | None:
    wanted = _json_number(text)
    return None if wanted is None else _double(wanted)


def _double(value: float) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def _text(value: Any) -> str:
    """A scalar as JavaScript writes it, but for the `.0` of a fraction that is none."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, float):
        return str(value)
    if value and not 1e-6 <= abs(value) < 1e21:
        digits, _, power = repr(value).partition("e")
        return f"{digits}e{int(power)}"
    return f"{value:.25f}".rstrip("0") if "e-" in repr(value) else repr(value)
