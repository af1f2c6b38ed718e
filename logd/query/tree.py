"""A search query as a tree: what parse.py makes, and what sql.py (and later Elasticsearch) compile.

A field is `message`, a record column, or `metadata.` and a path. Nodes know nothing of an engine.
"""

from __future__ import annotations

import msgspec


class Everything(msgspec.Struct, frozen=True, tag=True):
    """Matches every record: an empty query, and `*`."""


class Words(msgspec.Struct, frozen=True, tag=True):
    """The words, in this order and side by side, occur in a text field. One word is the plain search term; `text` is
    what was typed, and `words` are its tokens. With no words (`"---"`) nothing matches."""

    field: str
    text: str
    words: tuple[str, ...]


class Equals(msgspec.Struct, frozen=True, tag=True):
    """A keyword field has exactly this value, after the field's own normalisation (levels: any spelling)."""

    field: str
    value: str


class And(msgspec.Struct, frozen=True, tag=True):
    """Every child matches."""

    children: tuple[Node, ...]


class Or(msgspec.Struct, frozen=True, tag=True):
    """At least one child matches."""

    children: tuple[Node, ...]


class Not(msgspec.Struct, frozen=True, tag=True):
    """The child doesn't match; a missing field doesn't match, so its negation does."""

    child: Node


Node = Everything | Words | Equals | And | Or | Not
