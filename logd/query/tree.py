"""A search query as a tree: what parse.py makes, and what sql.py (and later Elasticsearch) compile.

A field is `message`, a record column, or `metadata.` and a path. Nodes know nothing of an engine.
"""

from __future__ import annotations

import msgspec


class Everything(msgspec.Struct, frozen=True, tag=True):
    """Matches every record: an empty query, and `*`."""


class Words(msgspec.Struct, frozen=True, tag=True):
    """The words, in this order and side by side, occur in a text field. One word is the plain search term; `text` is
    what was typed, and `words` are its tokens. With no words (`"---"`) nothing matches.

    With a `slop` they may stand apart and in another order: each has an occurrence of its own, and the places of these,
    each less the word's place in the phrase, differ by at most `slop` (Lucene's sloppy phrase)."""

    field: str
    text: str
    words: tuple[str, ...]
    slop: int = 0


class Equals(msgspec.Struct, frozen=True, tag=True):
    """A keyword field has exactly this value, after the field's own normalisation (levels: any spelling)."""

    field: str
    value: str


class Wildcard(msgspec.Struct, frozen=True, tag=True):
    """A value matches the pattern: `*` is any characters, `?` one, a backslash makes the next one no more than that.
    A keyword or metadata value matches as a whole, in its case. In text the pattern is words side by side (what
    separates them doesn't matter), in any case; `*` and `?` stand for what is in words, and alone for a whole word."""

    field: str
    pattern: str


class Regex(msgspec.Struct, frozen=True, tag=True):
    """The regular expression, in RE2's syntax as far as regex.py knows it, matches: of `message` a whole word, in any
    case; of `message.raw` any stretch of the text, in its case; else the whole value, in its case."""

    field: str
    pattern: str


class Fuzzy(msgspec.Struct, frozen=True, tag=True):
    """At most `edits` (0 to 2) characters put in, left out, replaced, or swapped with their neighbour make it the word,
    which in text is lower-cased; or, of other fields, the whole value, in its case."""

    field: str
    word: str
    edits: int


class Range(msgspec.Struct, frozen=True, tag=True):
    """A value lies between the bounds; None is no bound. Of a time field the bounds are Unix µs. Of metadata they are
    text: numbers if all that are there are numbers, and then only numbers match, and strings that are numbers; else
    only strings match, by their code points. Levels go by severity, other columns by code points."""

    field: str
    low: str | int | None
    high: str | int | None
    low_included: bool
    high_included: bool


class Exists(msgspec.Struct, frozen=True, tag=True):
    """The field has a value: not null, and neither an empty object nor an array of nothing but nulls."""

    field: str


class And(msgspec.Struct, frozen=True, tag=True):
    """Every child matches."""

    children: tuple[Node, ...]


class Or(msgspec.Struct, frozen=True, tag=True):
    """At least one child matches."""

    children: tuple[Node, ...]


class Not(msgspec.Struct, frozen=True, tag=True):
    """The child doesn't match; a missing field doesn't match, so its negation does."""

    child: Node


Node = Everything | Words | Equals | Wildcard | Regex | Fuzzy | Range | Exists | And | Or | Not
