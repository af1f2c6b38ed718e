"""A query as tokens. What an unquoted term can be, shapes.py says, and terms.py whether it is a field.

A backslash takes the meaning from the character after it, unless that is a letter or a digit: those have none, and
`C:\\Users\\x` stays what it is. `-` and `+` are operators before a clause only; `--verbose`, `a - b`, `x-y` are text.
`*` alone is everything.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import Enum

import msgspec

from logd.errors import QueryError
from logd.query.fields import RAW_TEXT, TEXT, column_of
from logd.query.shapes import BOOST, Bounds, Char, Shape, comparison_at, plain, range_at, regex_at, shape
from logd.query.terms import Reading, is_name, reading

_ENDS_TERM = re.compile(r'[\s()"]')
_KEYWORDS = {"AND", "OR", "NOT"}
_SLOP = re.compile(r"~([0-9.]*)")


class Kind(Enum):
    """What a token is. A FIELD is followed by its value: a TERM, PHRASE, REGEX or RANGE, or an OPEN."""

    TERM = "a term"
    PHRASE = "a phrase"
    REGEX = "a regular expression"
    RANGE = "a range"
    EVERYTHING = "*"
    FIELD = "a field"
    BOTH = "a field or a term"
    OPEN = "("
    CLOSE = ")"
    AND = "AND"
    OR = "OR"
    NOT = "NOT"
    MUST = "+"
    MUST_NOT = "-"
    END = "the end"


class Token(msgspec.Struct, frozen=True):
    """`text` is without quotes, slashes and escapes. A TERM has a shape, and so has the `value` of a BOTH, which is
    also the whole term. A PHRASE may have a slop, and a RANGE has bounds."""

    kind: Kind
    column: int
    text: str = ""
    shape: Shape = Shape("")
    name: str = ""
    value: Shape = Shape("")
    slop: int = 0
    bounds: Bounds | None = None


def lex(text: str) -> Iterator[Token]:
    """The tokens of the query, an END last. Raises QueryError. Linear in the text's length."""
    lexer = _Lexer(text)
    while True:
        token = lexer.next()
        yield token
        if token.kind is Kind.END:
            return


class _Lexer:
    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        #: The field whose value follows; those of the open groups, None outside of all fields.
        self._field: str | None = None
        self._groups: list[str | None] = [None]

    def next(self) -> Token:
        text = self._text
        while self._at < len(text) and text[self._at].isspace():
            self._at += 1
        start, value_of = self._at, self._field
        self._field = None
        if start == len(text):
            return Token(Kind.END, max(start, 1))
        if text[start] == '"':
            return self._phrase(start)
        operator = self._operator(start, value_of)
        if operator is not None:
            kind, length = operator
            self._at += length
            if kind is Kind.OPEN:
                self._groups.append(self._groups[-1] if value_of is None else value_of)
            if kind is Kind.CLOSE:
                self._groups = self._groups[:-1] or [None]
                self._skip_boost()
            return Token(kind, start + 1)
        return self._structure(start, value_of) or self._term(start, value_of is not None)

    def _operator(self, start: int, value_of: str | None) -> tuple[Kind, int] | None:
        text, char = self._text, self._text[start]
        following = text[start + 1 : start + 2]
        if char in "()":
            return (Kind.OPEN if char == "(" else Kind.CLOSE), 1
        if value_of is not None:
            return None
        if char == "!":
            return Kind.NOT, 1
        if char in "&|" and following == char:
            return (Kind.AND if char == "&" else Kind.OR), 2
        if char in "+-" and following not in ("", char, ")") and not following.isspace():
            return (Kind.MUST if char == "+" else Kind.MUST_NOT), 1
        return None

    def _phrase(self, start: int) -> Token:
        text, index, kept = self._text, start + 1, []
        while index < len(text) and text[index] != '"':
            index += text[index] == "\\" and not text[index + 1 : index + 2].isalnum()
            kept.append(text[index : index + 1])
            index += 1
        if index >= len(text):
            raise QueryError("a phrase isn't closed", start + 1, 'a second "')
        self._at = index + 1
        slop = 0
        if found := _SLOP.match(text, self._at):
            if not found[1].isdigit() or len(found[1]) > 9:
                raise QueryError(f"{found[0]} is no distance", found.start() + 1, "a whole number such as ~2")
            slop, self._at = int(found[1]), found.end()
        self._skip_boost()
        return Token(Kind.PHRASE, start + 1, "".join(kept), slop=slop)

    def _skip_boost(self) -> None:
        """Boosts change the order of hits by relevance, and logd's hits are in the order of time."""
        if boost := BOOST.match(self._text, self._at):
            self._at = boost.end()

    def _structure(self, start: int, value_of: str | None) -> Token | None:
        """A regular expression, a range or a comparison."""
        text, field = self._text, self._groups[-1] if value_of is None else value_of
        if text[start] == "/" and (regex := regex_at(text, start, field, field == RAW_TEXT)):
            self._at = regex[1]
            self._skip_boost()
            return Token(Kind.REGEX, start + 1, regex[0])
        found = range_at(text, start) if text[start] in "[{" else None
        if text[start] in "<>" and field is not None and (value_of is not None or column_of(field) != TEXT):
            found = comparison_at(text, start)
        if found is None:
            return None
        self._at = found[1]
        self._skip_boost()
        return Token(Kind.RANGE, start + 1, text[start : self._at], bounds=found[0])

    def _term(self, start: int, as_value: bool) -> Token:
        chars = self._chars(start)
        raw = self._text[start : self._at]
        if raw == "*:*" or (raw == "*" and not as_value):
            return Token(Kind.EVERYTHING, start + 1)
        colon = next((c for c, char in enumerate(chars) if char.char == ":" and not char.escaped), 0)
        if colon and not as_value and (token := self._field_or_both(start, chars, colon)):
            return token
        if raw == ":":
            raise QueryError("a colon that follows no name", start + 1, "name:value without a blank before the colon")
        if raw in _KEYWORDS:
            return Token(Kind[raw], start + 1)
        term = shape(chars)
        return Token(Kind.TERM, start + 1, term.text, term)

    def _field_or_both(self, start: int, chars: list[Char], colon: int) -> Token | None:
        """The token for a term with a colon, unless that is all text."""
        name, value = plain(chars[:colon]), chars[colon + 1 :]
        if any(char.char in "*?" and not char.escaped for char in chars[:colon]) and is_name(name):
            raise QueryError("a field's name has wildcards", start + 1, "the whole name, or a backslash before the :")
        how = reading(name, plain(value), any(char.escaped for char in chars[:colon]))
        if how is Reading.TEXT:
            return None
        if how is Reading.FIELD:
            self._at, self._field = chars[colon].place + 1, name
            return Token(Kind.FIELD, start + 1, name)
        whole = shape(chars)
        return Token(Kind.BOTH, start + 1, whole.text, whole, name, shape(value))

    def _chars(self, start: int) -> list[Char]:
        """The characters up to where the term ends; moves there."""
        text, index, chars = self._text, start, []
        while index < len(text) and not _ENDS_TERM.match(text, index):
            following = text[index + 1 : index + 2]
            escaped = text[index] == "\\" and following != "" and not following.isalnum()
            index += escaped
            chars.append(Char(text[index], index, escaped))
            index += 1
        self._at = index
        return chars
