"""A query as tokens. What an unquoted term is, terms.py says; what the later issue adds is refused here by name.

A backslash takes the meaning from the character after it, unless that is a letter or a digit: those have none, and
`C:\\Users\\x` stays what it is. `-` and `+` are operators before a clause only; `--verbose`, `a - b`, `x-y` are text.
`*` alone is everything; `?` in the query string of a pasted address (`/a?b=c`) and `[` that begins no `[a TO b]` are
text. `/…/` around a regular expression's characters, with no blank and no `/` inside, is one; `/var/log/x/` is a path.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import Enum

import msgspec

from logd.errors import QueryError
from logd.query.terms import Reading, reading

_ENDS_TERM = re.compile(r'[\s()"]')
_KEYWORDS = {"AND", "OR", "NOT"}
_RANGE = re.compile(r'[\[{]\s*(?:"[^"]*"|\S+)\s+TO\s')
_REGEX = re.compile(r"/(?:[^/\\\s]|\\.)+/(?=[\s()]|$)", re.DOTALL)
_REGEX_CHARACTERS = re.compile(r"[.?+*|{}\[\]()\"\\#@&<>~^$]")
_BOOST = re.compile(r"\^[0-9]+(?:\.[0-9]+)?")
_BOOST_AT_END = re.compile(_BOOST.pattern + r"\Z")
_WILDCARD = re.compile(r"[*?]")
_NAME_IN_ADDRESS = re.compile(r"\?[\w.%\[\]-]+=")
_SLOP = re.compile(r"~[0-9.]*")
_FUZZY = re.compile(r".*[^~](~[0-9.]*)", re.DOTALL)
#: How to say that a character is no more than that.
_QUOTE_IT = "text in double quotes, or a backslash before it"


class Kind(Enum):
    """What a token is. A FIELD is followed by its value: a TERM or PHRASE read as a value, or an OPEN."""

    TERM = "a term"
    PHRASE = "a phrase"
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
    """`text` is without quotes and escapes; a BOTH has the whole term, and the field's `name` and `value` in it."""

    kind: Kind
    column: int
    text: str = ""
    name: str = ""
    value: str = ""


class _Char(msgspec.Struct, frozen=True):
    """A character of a term, and whether a backslash took its meaning away."""

    char: str
    index: int
    escaped: bool


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
        self._value_follows = False

    def next(self) -> Token:
        text = self._text
        while self._at < len(text) and text[self._at].isspace():
            self._at += 1
        start, as_value = self._at, self._value_follows
        self._value_follows = False
        if start == len(text):
            return Token(Kind.END, max(start, 1))
        if text[start] == '"':
            return self._phrase(start)
        operator = self._operator(start, as_value)
        if operator is not None:
            kind, length = operator
            self._at += length
            if kind is Kind.CLOSE:
                self._skip_boost()
            return Token(kind, start + 1)
        return self._term(start, as_value)

    def _operator(self, start: int, as_value: bool) -> tuple[Kind, int] | None:
        text, char = self._text, self._text[start]
        following = text[start + 1 : start + 2]
        if char in "()":
            return (Kind.OPEN if char == "(" else Kind.CLOSE), 1
        if as_value:
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
        if slop := _SLOP.match(text, self._at):
            raise _unsupported("a phrase with a distance (~)", slop.start())
        self._skip_boost()
        return Token(Kind.PHRASE, start + 1, "".join(kept))

    def _skip_boost(self) -> None:
        """Boosts change the order of hits by relevance, and logd's hits are in the order of time."""
        if boost := _BOOST.match(self._text, self._at):
            self._at = boost.end()

    def _term(self, start: int, as_value: bool) -> Token:
        self._refuse_regex(start)
        if _RANGE.match(self._text, start):
            raise _unsupported("a range", start)
        chars = self._chars(start)
        colon = next((c for c, char in enumerate(chars) if char.char == ":" and not char.escaped), 0)
        if self._text[start : self._at] == "*:*" or (self._text[start : self._at] == "*" and not as_value):
            return Token(Kind.EVERYTHING, start + 1)
        if colon and not as_value:
            name, value = _plain(chars[:colon]), _plain(chars[colon + 1 :])
            how = reading(name, value, any(char.escaped for char in chars[:colon]))
            if how is Reading.FIELD:
                self._at, self._value_follows = chars[colon].index + 1, True
                return Token(Kind.FIELD, start + 1, name)
            if how is Reading.BOTH:
                chars = _checked(chars)
                return Token(Kind.BOTH, start + 1, _plain(chars), name, _plain(chars[colon + 1 :]))
        if as_value and chars[0].char in "<>" and not chars[0].escaped:
            raise _unsupported("a comparison", start)
        raw = self._text[start : self._at]
        if raw == ":":
            raise QueryError("a colon that follows no name", start + 1, "name:value without a blank before the colon")
        if raw in _KEYWORDS:
            return Token(Kind[raw], start + 1)
        return Token(Kind.TERM, start + 1, _plain(_checked(chars)))

    def _chars(self, start: int) -> list[_Char]:
        """The characters up to where the term ends; moves there."""
        text, index, chars = self._text, start, []
        while index < len(text) and not _ENDS_TERM.match(text, index):
            following = text[index + 1 : index + 2]
            escaped = text[index] == "\\" and following != "" and not following.isalnum()
            index += escaped
            chars.append(_Char(text[index], index, escaped))
            index += 1
        self._at = index
        return chars

    def _refuse_regex(self, start: int) -> None:
        found = _REGEX.match(self._text, start)
        if found and _REGEX_CHARACTERS.search(found.group()):
            raise _unsupported("a regular expression", start)


def _checked(chars: list[_Char]) -> list[_Char]:
    """The characters without a boost; refuses wildcards and fuzziness."""
    plain = "".join("\x00" if char.escaped else char.char for char in chars)
    if (boost := _BOOST_AT_END.search(plain)) and boost.start():
        chars, plain = chars[: boost.start()], plain[: boost.start()]
    slash = plain.find("/")
    for wildcard in _WILDCARD.finditer(plain):
        in_address = -1 < slash < wildcard.start() and _NAME_IN_ADDRESS.match(plain, wildcard.start())
        if not in_address:
            raise _unsupported("a wildcard", chars[wildcard.start()].index)
    if fuzzy := _FUZZY.fullmatch(plain):
        raise _unsupported("a fuzzy term (~)", chars[fuzzy.start(1)].index)
    return chars


def _plain(chars: list[_Char]) -> str:
    return "".join(char.char for char in chars)


def _unsupported(what: str, index: int) -> QueryError:
    return QueryError(f"{what} is not supported yet", index + 1, _QUOTE_IT)
