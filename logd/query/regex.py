"""Regular expressions: what of RE2's and Lucene's syntax a query may use, checked here and rewritten for RE2.

    .  [a-z]  [^a-z]  [[:alpha:]]  \\d \\w \\s \\D \\W \\S  \\t \\n \\x41 \\x{1f600} \\u00e9       one character
    a|b  (a)  (?:a)  (?i)a  (?i:a)  (?P<name>a)                                            either, groups, any case
    *  +  ?  {2}  {2,}  {2,3}  and the lazy forms *? +? …                                  how often
    ^  $  \\A  \\z  \\b  \\B                                                                  places; \\b is ASCII

`.` is any character, a line's end too. What only backtracking can do (looking around, referring back, atomic groups)
is refused, and so is what would be too large: matching takes time linear in the text.

Of words (`message:/…/`) the whole word is matched, in any case, and words that touch, as Han and Katakana do, count as
one. So `.` and `[^a]` are never a separator there; a literal that is in no word is refused, as it couldn't match.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from logd.errors import QueryError
from logd.query.charset import inside, without
from logd.query.regex_sets import Piece, bracketed, escape, one
from logd.query.tokens import SEPARATORS, lower
from logd.query.words import NOT_SEPARATOR, SEPARATOR

#: RE2's own limit, for repetitions within one another too.
_MAX_REPETITION = 1_000
#: Characters and sets after repetitions are written out. What RE2 takes for them stays within its 8 MB, and a megabyte
#: of text within a second where it falls back to simulating all states.
_MAX_SIZE = 2_000
#: A set of Unicode's letters takes RE2 as much as so many characters.
_SET_SIZE = 20
_MAX_DEPTH = 50
_REPETITION = re.compile(r"\{([0-9]{1,9})(,?)([0-9]{0,9})\}")
_GROUP = re.compile(r"\(\?(?:P?<[A-Za-z_]\w*>|([is]{0,2}):)")
_FLAGS = re.compile(r"\(\?([is]{1,2})\)")
_PLACES = {"A": r"\A", "z": r"\z", "Z": r"\z", "b": r"\b", "B": r"\B"}
_NOT_LINEAR = ("(?=", "(?!", "(?<=", "(?<!", "(?>", "(?#", "(?(")


class Rewritten(NamedTuple):
    """RE2's pattern, and the stretches of plain characters that every match has: of words in lower case. If `plain`, it
    is the one stretch and no more. Where there is no word the pattern for words may match too if it is `nullable`."""

    pattern: str
    literals: tuple[str, ...]
    plain: bool
    nullable: bool


def rewritten(pattern: str, words: bool = False, column: int = 1, alone: bool = False) -> Rewritten:
    """The pattern for RE2: for any text, or for `words`, in a text or `alone`. Raises QueryError that names the place,
    the pattern beginning at `column`. Linear in the pattern."""
    parser = _Parser(pattern, words, column)
    part = parser.whole()
    literals = tuple(run for run in part.runs if run)
    text = f"(?:{part.text})"
    if words and not alone:
        text = rf"(?:\A|{SEPARATOR}){text}(?:\z|{SEPARATOR})"
    return Rewritten(text, literals, part.plain, part.nullable)


def quoted(text: str) -> str:
    """A pattern for the text as it stands."""
    return "".join("\\" + char if char.isascii() and not char.isalnum() else char for char in text)


class _Part(NamedTuple):
    """A part of the pattern, rewritten. `runs` are plain characters that all its matches have; if `plain`, it is the
    one run and no more. `counted` is the product of the counted repetitions in it. If `nullable`, no text matches."""

    text: str
    runs: tuple[str, ...] = ()
    plain: bool = False
    size: int = 1
    counted: int = 1
    nullable: bool = False


class _Parser:
    def __init__(self, pattern: str, words: bool, column: int) -> None:
        self._pattern = pattern
        self._words = words
        self._column = column
        self._at = 0
        self._depth = 0
        self._any_case = False

    def whole(self) -> _Part:
        part = self._either()
        if self._at < len(self._pattern):
            raise self._error("a parenthesis is closed that none opened", self._at, r"\) for the character")
        return part

    def _error(self, what: str, at: int, expected: str) -> QueryError:
        return QueryError(f"in a regular expression {what}", self._column + at, expected)

    def _either(self) -> _Part:
        any_case = self._any_case
        parts = [self._sequence()]
        while self._pattern.startswith("|", self._at):
            self._at += 1
            parts.append(self._sequence())
        self._any_case = any_case
        if len(parts) == 1:
            return parts[0]
        size, counted = sum(part.size for part in parts), max(part.counted for part in parts)
        nullable = any(part.nullable for part in parts)
        return _Part("|".join(part.text for part in parts), (), False, size, counted, nullable)

    def _sequence(self) -> _Part:
        texts: list[str] = []
        runs: list[str] = []
        size, counted, open_run, nullable, plain = 0, 1, False, True, True
        while self._at < len(self._pattern) and self._pattern[self._at] not in "|)":
            start = self._at
            part = self._repeated(self._atom(), start)
            texts.append(part.text)
            size, counted = size + part.size, max(counted, part.counted)
            if size > _MAX_SIZE:
                raise self._error("there is too much to match", start, "a shorter one, or fewer repetitions")
            if open_run and part.plain:
                runs[-1] += part.runs[0]
            else:
                runs += part.runs
            open_run = part.plain
            nullable, plain = nullable and part.nullable, plain and part.plain
        return _Part("".join(texts), tuple(runs), plain and len(runs) == 1, size, counted, nullable)

    def _repeated(self, part: _Part, start: int) -> _Part:
        pattern, at = self._pattern, self._at
        low, high, text = 1, 1, ""
        if counts := _REPETITION.match(pattern, at):
            low, text = int(counts[1]), counts[0]
            high = int(counts[3] or low)
            self._at = counts.end()
            if not low <= high <= _MAX_REPETITION:
                raise self._error(f"{text} is no repetition", at, f"{{n,m}} with n ≤ m ≤ {_MAX_REPETITION}")
        elif at < len(pattern) and pattern[at] in "*+?":
            low, text = int(pattern[at] == "+"), pattern[at]
            self._at += 1
        else:
            return part
        if pattern.startswith("?", self._at):
            text += "?"
            self._at += 1
        if pattern.startswith(("*", "+", "?"), self._at) or _REPETITION.match(pattern, self._at):
            raise self._error("what is repeated is repeated again", self._at, "parentheses around it")
        if not part.text:
            raise self._error("there is nothing to repeat", start, "a character, a set or a group before it")
        counted = part.counted * (high if counts else 1)
        size = part.size * max(high, low + 1 if counts and counts[2] else 1)
        if counted > _MAX_REPETITION or size > _MAX_SIZE:
            raise self._error("repetitions make too much to match", at, f"at most {_MAX_REPETITION} in all")
        nullable = part.nullable or not low
        return _Part(f"(?:{part.text}){text}", part.runs if low else (), False, size, counted, nullable)

    def _atom(self) -> _Part:
        pattern, at = self._pattern, self._at
        char = pattern[at]
        if char == "(":
            return self._group()
        if char == "\\" and pattern[at + 1 : at + 2] in _PLACES:
            self._at += 2
            return self._place(_PLACES[pattern[at + 1]], at)
        if char in "^$":
            self._at += 1
            return self._place(r"\A" if char == "^" else r"\z", at)
        if char == ".":
            self._at += 1
            return _Part(NOT_SEPARATOR, size=_SET_SIZE) if self._words else _Part(r"(?s:.)")
        if char in "*+?" or _REPETITION.match(pattern, at):
            raise self._error("there is nothing to repeat", at, "a character, a set or a group before it")
        if char == "\\":
            piece = escape(pattern, at, self._column)
        elif char == "[":
            piece = bracketed(pattern, at, self._column)
        else:
            piece = one(char, at + 1)
        self._at = piece.end
        return self._set(piece, at)

    def _place(self, text: str, at: int) -> _Part:
        """`^` and `$` around a word change nothing; a place within it would be another's."""
        if not self._words:
            return _Part(f"(?:{text})", size=0, nullable=True)
        if (text == r"\A" and at == 0) or (text == r"\z" and self._at == len(self._pattern)):
            return _Part("", size=0, nullable=True)
        raise self._error("a place in the text stands for nothing in a word", at, "message.raw:/…/ to search all text")

    def _set(self, piece: Piece, at: int) -> _Part:
        ranges = piece.in_any_case if self._words or self._any_case else piece.all_ranges
        ranges = without(ranges, SEPARATORS) if self._words else ranges
        if not ranges and self._words:
            shown = self._pattern[at : self._at]
            raise self._error(f"{shown} is in no word", at, "message.raw:/…/ to search all text")
        if piece.char is not None and not self._words and not self._any_case:
            return _Part(_literal(piece.char), (piece.char,), True)
        text = f"[{inside(ranges)}]" if ranges else r"[^\x{0}-\x{10ffff}]"
        if piece.char is not None and self._words:
            return _Part(text, (lower(piece.char),), True)
        return _Part(text, size=min(_SET_SIZE, 1 + len(ranges)))

    def _group(self) -> _Part:
        pattern, start = self._pattern, self._at
        if flags := _FLAGS.match(pattern, start):
            self._any_case |= "i" in flags[1]
            self._at = flags.end()
            return _Part("", size=0, nullable=True)
        named = _GROUP.match(pattern, start)
        if named is None and pattern.startswith("(?", start):
            looks = pattern.startswith(_NOT_LINEAR, start)
            what = "looking around takes more than linear time" if looks else "(? begins nothing that is known"
            raise self._error(what, start, "( (?: (?i) or (?P<name>")
        if self._depth == _MAX_DEPTH:
            raise self._error(f"groups are nested over {_MAX_DEPTH} deep", start, "fewer parentheses")
        self._at = named.end() if named else start + 1
        flag = (named[1] or "") if named else ""
        any_case = self._any_case
        self._any_case |= "i" in flag
        self._depth += 1
        part = self._either()
        self._depth -= 1
        self._any_case = any_case
        if not pattern.startswith(")", self._at):
            raise self._error("a parenthesis isn't closed", start, "a ) for it")
        self._at += 1
        return part._replace(text=f"(?:{part.text})", plain=False)


def _literal(char: str) -> str:
    if char.isascii() and not char.isalnum():
        return f"\\x{{{ord(char):x}}}"
    return char
