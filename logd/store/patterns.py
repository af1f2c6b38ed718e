"""Whether DuckDB takes a query's patterns. The query language refuses what RE2 doesn't know, by its own rules; should
they ever differ, the answer is still that the query is wrong, and not that the server is."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import duckdb

from logd.errors import BadRequest
from logd.query import regex, wildcard
from logd.query.fields import TEXT
from logd.query.tree import And, Node, Not, Or, Regex, Wildcard
from logd.store.connection import Connection


@contextlib.contextmanager
def blamed(connection: Connection, query: Node) -> Iterator[None]:
    """Around answering the query: raises BadRequest that names the first pattern that can't be compiled, should that be
    why it failed."""
    try:
        yield
    except duckdb.InvalidInputException:
        _check(connection, query)
        raise


def _check(connection: Connection, query: Node) -> None:
    for typed, pattern in _patterns(query):
        try:
            connection.ask("SELECT regexp_matches('', ?)", [pattern])
        except duckdb.InvalidInputException as error:
            message = f"the pattern {typed[:100]!r} can't be compiled: {error}, expected a shorter or simpler one"
            raise BadRequest("bad_query", message, "q") from None


def _patterns(node: Node) -> Iterator[tuple[str, str]]:
    """As typed, and for RE2."""
    match node:
        case Regex(field, typed):
            yield typed, regex.rewritten(typed, words=field == TEXT).pattern
        case Wildcard(field, typed):
            found = wildcard.of_text(typed) if field == TEXT else wildcard.of_value(typed)
            if found is not None:
                yield typed, found.pattern
        case And(children) | Or(children):
            for child in children:
                yield from _patterns(child)
        case Not(child):
            yield from _patterns(child)
