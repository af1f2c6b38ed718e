"""Wildcards: `*` is any characters, `?` is one; a backslash before a character takes its meaning away.

In text a pattern is parts with separators between them (`10.0.3.*`, `/api/*/items`, `java.net.Sock*`); which separators
these are doesn't matter, as in a phrase. `*` and `?` stand for what is in words, never for a separator, and a `*` that
is a whole part for at least one character. A part that begins or ends with a letter does so where a word does, and one
that begins with `?` after a separator. What is searched may have any case.
"""

from __future__ import annotations

import re
from enum import Enum
from typing import NamedTuple

from logd.query.tokens import is_separator, lower, tokens
from logd.query.words import NOT_SEPARATOR, SEPARATOR, after, before, spelled

#: RE2 takes each for a set of Unicode's characters. A hash of 64 digits can be asked for.
MAX_WILDCARDS = 100


class Any(Enum):
    """What a wildcard stands for."""

    RUN = "*"
    ONE = "?"


#: Literal text and wildcards in turn; a RUN is followed by no other RUN.
Parts = tuple[str | Any, ...]


class Pattern(NamedTuple):
    """RE2's pattern, the stretches of plain characters in it, and in text the whole words, both in lower case."""

    pattern: str
    literals: tuple[str, ...]
    words: tuple[str, ...] = ()


def parts(pattern: str) -> Parts:
    """The pattern taken apart."""
    found: list[str | Any] = []
    for item in re.findall(r"\\.|.", pattern, re.DOTALL):
        last = found[-1] if found else None
        if item in ("*", "?"):
            one = Any(item)
            if not (one is last is Any.RUN):
                found.append(one)
        elif isinstance(last, str):
            found[-1] = last + item[-1]
        else:
            found.append(item[-1])
    return tuple(found)


def is_anything(pattern: str) -> bool:
    """It says no more than that there is a value."""
    return parts(pattern) == (Any.RUN,)


def escaped(char: str) -> str:
    """A pattern for this character."""
    return "\\" + char if char in "*?\\" else char


def of_value(pattern: str) -> Pattern:
    """For a whole value, in its case."""
    found = parts(pattern)
    literals = tuple(part for part in found if isinstance(part, str))
    texts = [re.escape(part) if isinstance(part, str) else "." if part is Any.ONE else ".*" for part in found]
    return Pattern(f"(?s:{''.join(texts)})", literals)


def of_text(pattern: str) -> Pattern | None:
    """For a stretch of text; None when the pattern has nothing that is in words."""
    found = pieces(pattern)
    if not found:
        return None
    whole, first, last = tuple(found), found[0], found[-1]
    # What is around the whole may be anything, and needn't be read.
    found[0] = first[first[0] is Any.RUN and len(first) > 1 :]
    found[-1] = found[-1][: -1 if last[-1] is Any.RUN and len(found[-1]) > 1 else None]
    texts = [_piece(piece) for piece in found]
    begin = rf"(?:\A|{SEPARATOR})" if first[0] is Any.ONE else before(first[0]) if isinstance(first[0], str) else ""
    end = rf"(?:\z|{SEPARATOR})" if last[-1] is Any.ONE else after(last[-1]) if isinstance(last[-1], str) else ""
    literals = tuple(part for piece in found for part in piece if isinstance(part, str))
    words = [word for piece in whole if len(piece) == 1 and isinstance(piece[0], str) for word in tokens(piece[0])]
    return Pattern(begin + f"{SEPARATOR}+".join(texts) + end, literals, tuple(words))


def pieces(pattern: str) -> list[Parts]:
    """Of a pattern for text what stands between separators, in lower case."""
    found: list[list[str | Any]] = [[]]
    for part in parts(pattern):
        if isinstance(part, Any):
            found[-1].append(part)
            continue
        for char in lower(part):
            if is_separator(char):
                found.append([])
            elif found[-1] and isinstance(last := found[-1][-1], str):
                found[-1][-1] = last + char
            else:
                found[-1].append(char)
    return [tuple(piece) for piece in found if piece]


def _piece(piece: Parts) -> str:
    if piece == (Any.RUN,):
        return f"{NOT_SEPARATOR}+"
    texts = {Any.RUN: f"{NOT_SEPARATOR}*", Any.ONE: NOT_SEPARATOR}
    return "".join(spelled(part) if isinstance(part, str) else texts[part] for part in piece)
