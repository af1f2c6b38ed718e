"""Regular expressions as Lucene writes them, made from what regex.py has rewritten for RE2.

Lucene matches whole values, is greedy about nothing, and has no places: `^` and `$` can only begin and end the whole or
one of its alternatives, and `\\b` can't be told at all; these are refused. What is one character to RE2 is one to it.
"""

from __future__ import annotations

import re
import string

from logd.errors import BadRequest
from logd.query.tokens import Range
from logd.query.words import NOT_SEPARATOR

#: `#` is the expression that nothing matches; no other of Lucene's optional operators is wanted.
FLAGS = "EMPTY"
_PIECE = re.compile(
    r"(?P<place>\(\?:\\[AzbB]\))|(?P<any>\(\?s:\.\))|(?P<open>\(\?:)|(?P<close>\))|(?P<either>\|)"
    r"|(?P<none>\[\^\\x\{0\}-\\x\{10ffff\}\])|\[(?P<set>[^\]]*)\]|\\x\{(?P<code>[0-9a-f]+)\}"
    r"|(?P<repeat>[*+?]|\{[0-9,]+\})\??|(?P<char>.)",
    re.DOTALL,
)
_RANGE = re.compile(r"\\x\{([0-9a-f]+)\}(?:-\\x\{([0-9a-f]+)\})?")
_SPECIAL = frozenset(string.punctuation)
_SURROGATES = (0xD800, 0xDFFF)


def whole(pattern: str) -> str:
    """For a value that the rewritten pattern matches as a whole. Raises BadRequest."""
    return "|".join(_branches(pattern, "", ""))


def anywhere(pattern: str) -> str:
    """For a value of which it matches a stretch. Raises BadRequest."""
    return "|".join(_branches(pattern, ".*", ".*"))


def of_run(pattern: str) -> str:
    """For a stretch of text without separators. Raises BadRequest."""
    return whole(pattern.replace(NOT_SEPARATOR, "(?s:.)"))


def literal(text: str) -> str:
    """An expression for the text itself."""
    return "".join(f"\\{char}" if char in _SPECIAL else char for char in text)


def set_of(ranges: tuple[Range, ...], negated: bool = False) -> str:
    """An expression for one of these characters, or for any other."""
    text = "".join(_range(first, last) for first, last in ranges)
    if not text:
        return "." if negated else "#"
    return f"[{'^' if negated else ''}{text}]"


def _range(first: int, last: int) -> str:
    """No surrogates: no text has them, and JSON can't. Lucene takes what is escaped for one character, never for the
    end of a range."""
    low, high = _SURROGATES
    first = high + 1 if low <= first <= high else first
    last = low - 1 if low <= last <= high else last
    if first > last:
        return ""
    ends = (literal(chr(first)), literal(chr(last)))
    if first == last:
        return ends[0]
    if len(ends[0]) > 1:
        return ends[0] + _range(first + 1, last)
    return _range(first, last - 1) + ends[1] if len(ends[1]) > 1 else "-".join(ends)


def _branches(pattern: str, before: str, after: str) -> list[str]:
    """The alternatives; `before` and `after` stand for what is around those without a place there."""
    found: list[str] = []
    texts: list[str] = []
    begins, ends, depth = before, after, 0
    for piece in _PIECE.finditer(pattern):
        depth += (piece.lastgroup == "open") - (piece.lastgroup == "close")
        if (depth == 0 and piece.lastgroup == "close") or (depth == 1 and piece.lastgroup == "either"):
            found.append(f"{begins}({''.join(texts) or '()'}){ends}")
            texts, begins, ends = [], before, after
        elif piece.lastgroup == "place":
            if depth == 1 and piece["place"] == r"(?:\A)" and not texts:
                begins = ""
            elif depth == 1 and piece["place"] == r"(?:\z)" and pattern[piece.end()] in "|)":
                ends = ""
            else:
                raise _refused("a place (^, $, \\b) within it", "^ at its beginning and $ at its end only")
        elif depth > 1 or piece.lastgroup != "open":
            if piece.lastgroup in ("either", "close") and texts and texts[-1] in ("(", "|"):
                texts.append("()")
            texts.append(_text(piece))
    return found


def _text(piece: re.Match[str]) -> str:
    match piece.lastgroup:
        case "any":
            return "."
        case "open":
            return "("
        case "none":
            return "#"
        case "set":
            inside = piece["set"]
            pairs = [(int(one[1], 16), int(one[2] or one[1], 16)) for one in _RANGE.finditer(inside)]
            return set_of(tuple(pairs), inside.startswith("^"))
        case "code":
            return literal(chr(int(piece["code"], 16)))
        case "char":
            return literal(piece["char"])
        case "repeat":
            return piece["repeat"]
        case _:
            return piece[0]


def _refused(what: str, expected: str) -> BadRequest:
    return BadRequest(
        "bad_query", f"Elasticsearch can't search a regular expression with {what}; expected {expected}", "q"
    )
