"""A query tree as a DuckDB condition over a relation with the columns of the record's schema.

The condition is true for the records that match, and false or null for the others; a field that a record lacks doesn't
match, so its negation does. All user text travels as parameters; what is in the SQL comes from this package.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeGuard, assert_never

import msgspec

from logd.levels import level_of
from logd.query.fields import KEYWORDS, METADATA, TEXT, path_of
from logd.query.metadata import has_value
from logd.query.tree import And, Equals, Everything, Node, Not, Or, Words
from logd.query.words import any_pattern, first_filter, pattern

#: From here on, one regular expression for all the words of an OR costs less than a filter for each of them.
_MANY_WORDS = 4


class Condition(msgspec.Struct, frozen=True):
    """`sql` can stand wherever an operand of AND can; it has a `?` for each of the parameters, in order. It reads
    `columns`."""

    sql: str
    parameters: list[str | float]
    columns: frozenset[str]


def compile_sql(node: Node) -> Condition:
    """The condition for a tree. Linear in the tree's size; never fails for a tree that `parse` made."""
    parameters: list[str | float] = []
    return Condition(_sql(node, parameters), parameters, frozenset(_columns(node)))


def _columns(node: Node) -> Iterator[str]:
    match node:
        case Everything():
            return
        case Words(field):
            yield field
        case Equals(field, value):
            yield "metadata" if field.startswith(METADATA) else field
            if field == "level" and level_of(value) is None:
                yield "metadata"
        case And(children) | Or(children):
            for child in children:
                yield from _columns(child)
        case Not(child):
            yield from _columns(child)
        case _:
            assert_never(node)


def _sql(node: Node, parameters: list[str | float]) -> str:
    match node:
        case Everything():
            return "true"
        case Words(field, _, words):
            return _words(field, words, parameters)
        case Equals(field, value):
            return _equals(field, value, parameters)
        case And(children):
            return _joined(" AND ", [_sql(child, parameters) for child in children]) or "true"
        case Or(children):
            return _or(children, parameters)
        case Not(child):
            # Three values: NOT of null is null, but a record without the field must match.
            return f"({_sql(child, parameters)} IS NOT TRUE)"
        case _:
            assert_never(node)


def _joined(operator: str, parts: list[str]) -> str:
    return f"({operator.join(parts)})" if len(parts) > 1 else "".join(parts)


def _or(children: tuple[Node, ...], parameters: list[str | float]) -> str:
    single = [child.words[0] for child in children if _is_one_word(child)]
    if len(single) < _MANY_WORDS:
        return _joined(" OR ", [_sql(child, parameters) for child in children]) or "false"
    parameters.append(any_pattern(list(dict.fromkeys(single))))
    parts = [f"regexp_matches({TEXT}, ?)"]
    parts += [_sql(child, parameters) for child in children if not _is_one_word(child)]
    return _joined(" OR ", parts)


def _is_one_word(node: Node) -> TypeGuard[Words]:
    return isinstance(node, Words) and node.field == TEXT and len(node.words) == 1


def _words(field: str, words: tuple[str, ...], parameters: list[str | float]) -> str:
    if field != TEXT:
        raise ValueError(f"words are searched in {TEXT} only, not in {field}")
    if not words:
        return "false"
    cheap, exact = first_filter(words), pattern(words)
    if cheap is None:
        parameters.append(exact)
        return f"regexp_matches({TEXT}, ?)"
    if cheap.text == exact:
        parameters.append(exact)
        return f"contains({TEXT}, ?)"
    # CASE and not AND: DuckDB may reorder the operands of AND.
    parameters += ["(?i)" + cheap.text if cheap.any_case else cheap.text, exact]
    first = "regexp_matches" if cheap.any_case else "contains"
    return f"CASE WHEN {first}({TEXT}, ?) THEN regexp_matches({TEXT}, ?) ELSE false END"


def _equals(field: str, value: str, parameters: list[str | float]) -> str:
    if field.startswith(METADATA):
        return has_value(path_of(field), value, parameters)
    if field not in KEYWORDS:
        raise ValueError(f"no keyword field: {field}")
    if field == "level":
        level = level_of(value)
        if level is None:
            # Ingest keeps a level that it doesn't know in the metadata.
            return has_value(("level",), value, parameters)
        value = level
    parameters.append(value)
    return "list_contains(tags, ?)" if field == "tags" else f"{field} = ?"
