"""A term, phrase, pattern or range of a field as a node of the tree."""

from __future__ import annotations

from collections.abc import Callable

from logd.errors import QueryError
from logd.levels import LEVELS, level_of
from logd.query import fuzzy, regex, slop, wildcard
from logd.query.fields import MAX_PATH_PARTS, METADATA, RAW_TEXT, TEXT, TIMES, TRACE_ID, column_of, path_of
from logd.query.lexer import Kind, Token
from logd.query.shapes import Bounds, Shape
from logd.query.span import EXPECTED as EXPECTED_TIME
from logd.query.span import parse_span
from logd.query.tokens import tokens
from logd.query.tree import Equals, Exists, Fuzzy, Node, Or, Range, Regex, Wildcard, Words

_IN_QUOTES = "text in double quotes"


def field_of(name: str, column: int) -> str:
    """The field of the tree for a name. Raises QueryError."""
    field = RAW_TEXT if name == RAW_TEXT else column_of(name)
    if field is not None:
        return field
    path = path_of(name)
    if name == METADATA.rstrip(".") or "" in path or len(path) > MAX_PATH_PARTS:
        raise QueryError(f"{name} names no field", column, f"metadata. and up to {MAX_PATH_PARTS} names")
    return METADATA + ".".join(path)


def leaf(field: str, token: Token, now_us: int) -> Node:
    """The node for a token's text, as the value of a field. Raises QueryError."""
    return _wherever(field, lambda place: _leaf(place, token, now_us))


def shaped(field: str, term: Shape, column: int, now_us: int) -> Node:
    """The node for an unquoted term. Raises QueryError."""
    return _wherever(field, lambda place: _shaped(place, term, column, now_us))


def exists(field: str) -> Node:
    """The field has a value."""
    return _wherever(field, _exists)


def _wherever(field: str, make: Callable[[str], Node]) -> Node:
    """What is made for each place where ingest keeps values of the field."""
    if field != TRACE_ID:
        return make(field)
    return Or((make(TRACE_ID), make(METADATA + TRACE_ID)))


def _leaf(field: str, token: Token, now_us: int) -> Node:
    column = token.column
    match token.kind:
        case Kind.PHRASE:
            return _phrase(field, token, now_us)
        case Kind.REGEX:
            return _regex(field, token)
        case Kind.RANGE:
            assert token.bounds is not None
            return _range(field, token.bounds, column, now_us)
        case _:
            return _shaped(field, token.shape, column, now_us)


def _shaped(field: str, term: Shape, column: int, now_us: int) -> Node:
    if term.wildcards and wildcard.is_anything(term.text):
        return _exists(field)
    if term.wildcards:
        _refuse(field, column, "wildcards")
        count = sum(isinstance(part, wildcard.Any) for part in wildcard.parts(term.text))
        if count > wildcard.MAX_WILDCARDS:
            raise QueryError(f"a pattern has {count} wildcards", column, f"at most {wildcard.MAX_WILDCARDS}")
        return Wildcard(field, term.text)
    if term.fuzzy is not None:
        return _fuzzy(field, term, column)
    return _plain(field, term.text, column, now_us)


def _exists(field: str) -> Node:
    return Exists(TEXT if field == RAW_TEXT else field)


def _plain(field: str, text: str, column: int, now_us: int) -> Node:
    if field == TEXT:
        return Words(TEXT, text, tuple(tokens(text)))
    if field == RAW_TEXT:
        return Regex(RAW_TEXT, regex.quoted(text))
    if field in TIMES:
        return _range(field, Bounds(text, text, True, True), column, now_us)
    return Equals(field, text)


def _phrase(field: str, token: Token, now_us: int) -> Node:
    if not token.slop:
        return _plain(field, token.text, token.column, now_us)
    if field != TEXT:
        raise QueryError(
            f"{field} has no words that could stand apart", token.column, "the phrase without ~, or message"
        )
    words = tuple(tokens(token.text))
    if len(words) > slop.MAX_WORDS:
        raise QueryError(
            f"a phrase with a distance has {len(words)} words", token.column, f"at most {slop.MAX_WORDS}, or no ~"
        )
    if token.slop > slop.MAX_SLOP:
        raise QueryError(f"~{token.slop} is too far", token.column, f"a distance of at most {slop.MAX_SLOP}")
    return Words(TEXT, token.text, words, token.slop if len(words) > 1 else 0)


def _regex(field: str, token: Token) -> Node:
    _refuse(field, token.column, "regular expressions")
    regex.rewritten(token.text, words=field == TEXT, column=token.column + 1)
    return Regex(field, token.text)


def _fuzzy(field: str, term: Shape, column: int) -> Node:
    assert term.fuzzy is not None
    _refuse(field, column, "fuzzy words")
    word = term.text
    if field == TEXT:
        words = tokens(word)
        if len(words) != 1:
            raise QueryError(f"a fuzzy term has {len(words)} words", column, f"one word before ~, or {_IN_QUOTES}")
        word = words[0]
    edits = fuzzy.auto_edits(word) if term.fuzzy < 0 else term.fuzzy
    if not edits:
        return Words(TEXT, word, (word,)) if field == TEXT else Equals(field, word)
    return Fuzzy(field, word, edits)


def _range(field: str, bounds: Bounds, column: int, now_us: int) -> Node:
    if bounds.low is None and bounds.high is None:
        return _exists(field)
    if field in (TEXT, RAW_TEXT):
        raise QueryError(f"{field} has no order", column, f"a field before the range, or {_IN_QUOTES}")
    low: str | int | None = bounds.low
    high: str | int | None = bounds.high
    if field in TIMES:
        low = None if bounds.low is None else _time(bounds.low, column, now_us)[not bounds.low_included]
        high = None if bounds.high is None else _time(bounds.high, column, now_us)[bounds.high_included]
    if field == "level":
        for bound in (bounds.low, bounds.high):
            if bound is not None and level_of(bound) is None:
                raise QueryError(f"{bound[:100]!r} is no level", column, f"one of {', '.join(LEVELS)}")
    return Range(field, low, high, bounds.low_included, bounds.high_included)


def _time(text: str, column: int, now_us: int) -> tuple[int, int]:
    span = parse_span(text, now_us)
    if span is None:
        raise QueryError(f"{text[:100]!r} is no time", column, EXPECTED_TIME)
    return span


def _refuse(field: str, column: int, what: str) -> None:
    if field in TIMES:
        raise QueryError(f"{field} takes no {what}", column, f"{EXPECTED_TIME}, or a range of these")
    if field == RAW_TEXT and what != "regular expressions":
        raise QueryError(f"{field} takes no {what}", column, f"/…/ or {_IN_QUOTES}")
