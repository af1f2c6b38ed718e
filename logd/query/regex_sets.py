"""The sets of characters of a regular expression: `[a-z]`, `[^\\s\\]]`, `[[:alpha:]]`, `\\d`, and single characters."""

from __future__ import annotations

from typing import NamedTuple

from logd.errors import QueryError
from logd.query.charset import LAST, complement, spelled, union
from logd.query.tokens import Range

_DIGITS: tuple[Range, ...] = ((0x30, 0x39),)
_WORD: tuple[Range, ...] = ((0x30, 0x39), (0x41, 0x5A), (0x5F, 0x5F), (0x61, 0x7A))
_SPACE: tuple[Range, ...] = ((0x09, 0x0A), (0x0C, 0x0D), (0x20, 0x20))
#: After a backslash. ASCII only, as in RE2 and in Lucene.
_SETS = {"d": _DIGITS, "w": _WORD, "s": _SPACE}
_CONTROLS = {"t": "\t", "n": "\n", "r": "\r", "f": "\f", "v": "\v", "a": "\a"}
_POSIX: dict[str, tuple[Range, ...]] = {
    "alnum": ((0x30, 0x39), (0x41, 0x5A), (0x61, 0x7A)),
    "alpha": ((0x41, 0x5A), (0x61, 0x7A)),
    "ascii": ((0, 0x7F),),
    "blank": ((0x09, 0x09), (0x20, 0x20)),
    "cntrl": ((0, 0x1F), (0x7F, 0x7F)),
    "digit": _DIGITS,
    "graph": ((0x21, 0x7E),),
    "lower": ((0x61, 0x7A),),
    "print": ((0x20, 0x7E),),
    "punct": ((0x21, 0x2F), (0x3A, 0x40), (0x5B, 0x60), (0x7B, 0x7E)),
    "space": ((0x09, 0x0D), (0x20, 0x20)),
    "upper": ((0x41, 0x5A),),
    "word": _WORD,
    "xdigit": ((0x30, 0x39), (0x41, 0x46), (0x61, 0x66)),
}
_HEX = "0123456789abcdefABCDEF"


class Piece(NamedTuple):
    """What stands for one character, and where the pattern goes on: one of `ranges`, or, if `negated`, any other.
    `char` is set if it is one only."""

    ranges: tuple[Range, ...]
    end: int
    char: str | None = None
    negated: bool = False

    @property
    def all_ranges(self) -> tuple[Range, ...]:
        """What it stands for."""
        return complement(self.ranges) if self.negated else self.ranges

    @property
    def in_any_case(self) -> tuple[Range, ...]:
        """The same, where no case counts."""
        return complement(spelled(self.ranges)) if self.negated else spelled(self.ranges)


def one(char: str, end: int) -> Piece:
    """A character that means itself."""
    return Piece(((ord(char), ord(char)),), end, char)


def escape(pattern: str, at: int, column: int) -> Piece:
    """The escape whose backslash is at `at`; the pattern begins at `column` of the query. Raises QueryError."""
    char = pattern[at + 1 : at + 2]
    if char.lower() in _SETS:
        return Piece(_SETS[char.lower()], at + 2, negated=char.isupper())
    if char in _CONTROLS:
        return one(_CONTROLS[char], at + 2)
    if char in ("x", "u"):
        return _code_point(pattern, at, column)
    if char.isdigit():
        raise QueryError(f"\\{char} refers back to a group, which takes more than linear time", column + at, "no \\1")
    if not char or char.isalnum():
        what = f"\\{char} means nothing" if char else "a backslash ends the regular expression"
        raise QueryError(what, column + at, r"\d \w \s \t \n \x41 or a backslash before punctuation")
    return one(char, at + 2)


def _code_point(pattern: str, at: int, column: int) -> Piece:
    """`\\x41`, `\\x{1f600}` or `\\u00e9`."""
    begin, end = at + 2, at + 2 + (2 if pattern[at + 1] == "x" else 4)
    after = end
    if pattern[begin : begin + 1] == "{":
        begin, end = begin + 1, pattern.find("}", begin)
        after = end + 1
    digits = pattern[begin:end] if end >= begin else ""
    whole = digits and len(digits) == end - begin and len(digits) <= 6 and all(char in _HEX for char in digits)
    if not whole or int(digits, 16) > LAST or 0xD800 <= int(digits, 16) < 0xE000:
        raise QueryError("a character's number is incomplete or none", column + at, r"such as \x41, \x{e9} or \u00e9")
    return one(chr(int(digits, 16)), after)


def bracketed(pattern: str, start: int, column: int) -> Piece:
    """The set whose bracket is at `start`. Raises QueryError."""
    at = start + 1
    negated = pattern[at : at + 1] == "^"
    at += negated
    ranges: list[Range] = []
    first = at
    while True:
        if at >= len(pattern):
            raise QueryError("a set of characters isn't closed", column + start, "a ] for it")
        if pattern[at] == "]" and at > first:
            break
        if pattern.startswith("[:", at):
            at, named = _posix(pattern, at, column)
            ranges += named
            continue
        low = _member(pattern, at, column)
        at = low.end
        if pattern[at : at + 1] != "-" or pattern[at + 1 : at + 2] in ("]", ""):
            ranges += low.all_ranges
            continue
        high = _member(pattern, at + 1, column)
        if low.char is None or high.char is None or low.char > high.char:
            raise QueryError("a range of characters is backwards or has no end", column + at, "such as a-z")
        ranges.append((ord(low.char), ord(high.char)))
        at = high.end
    return Piece(union(ranges), at + 1, negated=negated)


def _member(pattern: str, at: int, column: int) -> Piece:
    return escape(pattern, at, column) if pattern[at] == "\\" else one(pattern[at], at + 1)


def _posix(pattern: str, at: int, column: int) -> tuple[int, tuple[Range, ...]]:
    end = pattern.find(":]", at)
    name = pattern[at + 2 : end] if end > 0 else ""
    table = _POSIX.get(name.removeprefix("^"))
    if table is None:
        raise QueryError("a named set isn't known", column + at, f"[:NAME:] with one of {', '.join(_POSIX)}")
    return end + 2, complement(table) if name.startswith("^") else table
