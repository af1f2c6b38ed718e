"""A query tree as a DuckDB condition over a relation with the columns of the record's schema.

The condition is true for the records that match, and false or null for the others; a field that a record lacks doesn't
match, so its negation does. All user text travels as parameters; what is in the SQL comes from this package.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeGuard, assert_never

import msgspec

from logd.levels import level_of
from logd.query import fuzzy, keyword_sql, metadata, regex, text_sql, wildcard
from logd.query.fields import METADATA, RAW_TEXT, TEXT, path_of
from logd.query.tree import (
    And,
    Equals,
    Everything,
    Exists,
    Fuzzy,
    Node,
    Not,
    Or,
    Range,
    Regex,
    Wildcard,
    Words,
)
from logd.query.words import any_pattern

#: From here on, one regular expression for all the words of an OR costs less than a filter for each of them.
_MANY_WORDS = 4
Parameters = list[str | float]


class Condition(msgspec.Struct, frozen=True):
    """`sql` can stand wherever an operand of AND can; it has a `?` for each of the parameters, in order. It reads
    `columns`."""

    sql: str
    parameters: Parameters
    columns: frozenset[str]


def compile_sql(node: Node) -> Condition:
    """The condition for a tree. Linear in the tree's size; never fails for a tree that `parse` made."""
    parameters: Parameters = []
    return Condition(_sql(node, parameters), parameters, frozenset(_columns(node)))


def _columns(node: Node) -> Iterator[str]:
    match node:
        case Everything():
            return
        case Equals("level", value) if level_of(value) is not None:
            yield "level"
        case Wildcard("level") | Regex("level") | Fuzzy("level") | Exists("level") | Equals("level"):
            yield from ("level", "metadata")
        case Regex(field) if field == RAW_TEXT:
            yield TEXT
        case (
            Words(field) | Equals(field) | Wildcard(field) | Regex(field) | Fuzzy(field) | Range(field) | Exists(field)
        ):
            yield "metadata" if field.startswith(METADATA) else field
        case And(children) | Or(children):
            for child in children:
                yield from _columns(child)
        case Not(child):
            yield from _columns(child)
        case _:
            assert_never(node)


def _sql(node: Node, parameters: Parameters) -> str:
    match node:
        case Everything():
            return "true"
        case And(children):
            return _joined(" AND ", [_sql(child, parameters) for child in children]) or "true"
        case Or(children):
            return _or(children, parameters)
        case Not(child):
            # Three values: NOT of null is null, but a record without the field must match.
            return f"({_sql(child, parameters)} IS NOT TRUE)"
        case Words(field):
            if field != TEXT:
                raise ValueError(f"words are searched in {TEXT} only, not in {field}")
            return text_sql.words(node, parameters)
        case _:
            if node.field in (TEXT, RAW_TEXT):
                return _of_text(node, parameters)
            if node.field.startswith(METADATA):
                return _of_metadata(node, path_of(node.field), parameters)
            return _of_column(node, parameters)


_Leaf = Equals | Wildcard | Regex | Fuzzy | Range | Exists


def _of_text(node: _Leaf, parameters: Parameters) -> str:
    match node:
        case Wildcard():
            return text_sql.wildcards(node, parameters)
        case Regex(field):
            return (text_sql.regex_of_text if field == RAW_TEXT else text_sql.regex_of_words)(node, parameters)
        case Fuzzy():
            return text_sql.nearly(node, parameters)
        case Exists():
            return f"{TEXT} IS NOT NULL"
        case Equals() | Range():
            raise ValueError(f"{node.field} is searched by words")
        case _:
            assert_never(node)


def _of_metadata(node: _Leaf, path: tuple[str, ...], parameters: Parameters) -> str:
    match node:
        case Equals(_, value):
            return metadata.has_value(path, value, parameters)
        case Wildcard(_, pattern):
            found = wildcard.of_value(pattern)
            return metadata.has_text(path, "regexp_full_match({}, ?)", [found.pattern], found.literals, parameters)
        case Regex(_, pattern):
            rewritten = regex.rewritten(pattern)
            literals = rewritten.literals
            return metadata.has_text(path, "regexp_full_match({}, ?)", [rewritten.pattern], literals, parameters)
        case Fuzzy(_, word, edits):
            return metadata.has_text(path, fuzzy.near("{}", word, edits), [word], (), parameters)
        case Range():
            return metadata.in_range(path, node, parameters)
        case Exists():
            return metadata.exists(path, parameters)
        case _:
            assert_never(node)


def _of_column(node: _Leaf, parameters: Parameters) -> str:
    match node:
        case Equals():
            return keyword_sql.equals(node, parameters)
        case Wildcard():
            return keyword_sql.wildcards(node, parameters)
        case Regex():
            return keyword_sql.regexes(node, parameters)
        case Fuzzy():
            return keyword_sql.nearly(node, parameters)
        case Range():
            return keyword_sql.in_range(node, parameters)
        case Exists():
            return keyword_sql.exists(node, parameters)
        case _:
            assert_never(node)


def _joined(operator: str, parts: list[str]) -> str:
    return f"({operator.join(parts)})" if len(parts) > 1 else "".join(parts)


def _or(children: tuple[Node, ...], parameters: Parameters) -> str:
    """What there is much of becomes one condition: DuckDB evaluates an OR child by child."""
    words: list[str] = []
    values: dict[str, list[str]] = {}
    others: list[Node] = []
    for child in children:
        if _is_one_word(child):
            words.append(child.words[0])
        elif (found := keyword_sql.exactly(child)) is not None:
            values.setdefault(found[0], []).append(found[1])
        else:
            others.append(child)
    parts = [keyword_sql.one_of(field, some, parameters) for field, some in values.items()]
    if len(words) < _MANY_WORDS:
        others += [child for child in children if _is_one_word(child)]
    else:
        parameters.append(any_pattern(list(dict.fromkeys(words))))
        parts.append(f"regexp_matches({TEXT}, ?)")
    parts += [_sql(child, parameters) for child in others]
    return _joined(" OR ", parts) or "false"


def _is_one_word(node: Node) -> TypeGuard[Words]:
    return isinstance(node, Words) and node.field == TEXT and len(node.words) == 1
