"""What an unquoted term, or the value of a field, is: plain text, a pattern with wildcards, a word and those like it, a
regular expression, a range. Whatever no rule here names is text, so that what people paste is.

* `*` and `?` are wildcards, but for the `?` in the query string of a pasted address (`/a?b=c`).
* `~`, `~1` and `~2` at the end make a term fuzzy.
* `/…/` with a regular expression's characters between the slashes is one, and ends at the first slash without a
  backslash; `/var/log/x/` is a path, and so is `/tmp/`. Blanks may be in it where it is a field's value. The value of
  message.raw needs no such characters.
* `[a TO b]`, `{a TO b}` and mixed brackets are ranges, a `*` is no bound; `[main]` and `a[0]` are text. `>`, `>=`, `<`
  and `<=` before a field's value are ranges too.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from logd.errors import QueryError
from logd.query.fuzzy import MAX_EDITS
from logd.query.wildcard import escaped

BOOST = re.compile(r"\^[0-9]+(?:\.[0-9]+)?")
_BOOST_AT_END = re.compile(BOOST.pattern + r"\Z")
_WILDCARD = re.compile(r"[*?]")
_NAME_IN_ADDRESS = re.compile(r"\?[\w.%\[\]-]+=")
_FUZZY = re.compile(r".*[^~](~[0-9.]*)", re.DOTALL)
_REGEX_END = r"(?=[\s()]|$|\^[0-9])"
_REGEX_WORD = re.compile(r"/((?:[^/\\\s]|\\.)+)/" + _REGEX_END, re.DOTALL)
_REGEX_VALUE = re.compile(r"/((?:[^/\\]|\\.)+)/" + _REGEX_END, re.DOTALL)
_REGEX_CHARACTERS = re.compile(r"[.?+*|{}\[\]()\"\\#@&<>~^$]")
_QUOTED = r'"(?:[^"\\]|\\.)*"'
_RANGE_BEGINS = re.compile(rf"[\[{{]\s*(?:{_QUOTED}|\S+)\s+TO\s", re.DOTALL)
_RANGE = re.compile(
    rf"([\[{{])\s*({_QUOTED}|(?:\\.|[^\s\"\\])+)\s+TO\s+({_QUOTED}|(?:\\.|[^\s\"\\\]}}])+)\s*([\]}}])", re.DOTALL
)
_COMPARISON = re.compile(rf'(>=?|<=?)\s*({_QUOTED}|[^\s()"]+)', re.DOTALL)


class Char(NamedTuple):
    """A character of a term, and whether a backslash took its meaning away."""

    char: str
    place: int
    escaped: bool


class Shape(NamedTuple):
    """A term without its ending. It is a pattern, whose wildcards aren't escaped, if `wildcards`; it is fuzzy if
    `fuzzy` is there: the edits, -1 for as many as its length allows."""

    text: str
    wildcards: bool = False
    fuzzy: int | None = None


class Bounds(NamedTuple):
    """A range as typed; None is no bound."""

    low: str | None
    high: str | None
    low_included: bool
    high_included: bool


def plain(chars: list[Char]) -> str:
    """The characters, without backslashes."""
    return "".join(char.char for char in chars)


def shape(chars: list[Char]) -> Shape:
    """What a term or a value is. Raises QueryError for what no term can be."""
    bare = "".join("\x00" if char.escaped else char.char for char in chars)
    if (boost := _BOOST_AT_END.search(bare)) and boost.start():
        chars, bare = chars[: boost.start()], bare[: boost.start()]
    wild = _wildcards(bare)
    if fuzzy := _FUZZY.fullmatch(bare):
        at, edits = fuzzy.start(1), fuzzy[1][1:]
        column = chars[at].place + 1
        if wild:
            raise QueryError("a pattern with wildcards is fuzzy", column, "wildcards or ~, not both")
        if edits and not (edits.isdigit() and len(edits) < 3 and int(edits) <= MAX_EDITS):
            raise QueryError(f"~{edits} asks for no number of edits", column, f"~, ~1 or ~{MAX_EDITS}, or quotes")
        return Shape(plain(chars[:at]), fuzzy=int(edits) if edits else -1)
    if not wild:
        return Shape(plain(chars))
    kept = (char.char if place in wild else escaped(char.char) for place, char in enumerate(chars))
    return Shape("".join(kept), wildcards=True)


def _wildcards(bare: str) -> set[int]:
    """Where the wildcards are."""
    slash = bare.find("/")
    found = (found.start() for found in _WILDCARD.finditer(bare))
    return {at for at in found if not (-1 < slash < at and _NAME_IN_ADDRESS.match(bare, at))}


def regex_at(text: str, at: int, field: str | None, of_raw_text: bool) -> tuple[str, int] | None:
    """The regular expression that begins at `at`, and where it ends. `field` is None outside of fields."""
    found = (_REGEX_WORD if field is None else _REGEX_VALUE).match(text, at)
    if found and (of_raw_text or _REGEX_CHARACTERS.search(found[1])):
        return found[1], found.end()
    if of_raw_text and text.startswith("/", at):
        expected = r"a / after it, and \/ for each slash in it"
        raise QueryError("a regular expression doesn't end where the value does", at + 1, expected)
    return None


def range_at(text: str, at: int) -> tuple[Bounds, int] | None:
    """The range in brackets that begins at `at`, and where it ends."""
    found = _RANGE.match(text, at)
    if found is None:
        if _RANGE_BEGINS.match(text, at):
            raise QueryError("a range isn't complete", at + 1, "[a TO b] with a second bound and a bracket")
        return None
    low, high = _bound(found[2]), _bound(found[3])
    return Bounds(low, high, found[1] == "[", found[4] == "]"), found.end()


def comparison_at(text: str, at: int) -> tuple[Bounds, int]:
    """The comparison that begins at `at` with `<` or `>`, and where it ends."""
    found = _COMPARISON.match(text, at)
    bound = _bound(found[2].removesuffix("*") and _BOOST_AT_END.sub("", found[2])) if found else None
    if found is None or bound is None:
        raise QueryError("nothing is compared with", at + 1, "a number, a time or a text after it")
    included = found[1].endswith("=")
    if found[1].startswith(">"):
        return Bounds(bound, None, included, False), found.end()
    return Bounds(None, bound, False, included), found.end()


def _bound(text: str) -> str | None:
    if text in ("*", ""):
        return None
    text = text[1:-1] if text.startswith('"') else text
    return re.sub(r"\\([^\w]|_)", r"\1", text)
