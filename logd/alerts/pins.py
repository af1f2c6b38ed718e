"""What of a query is a list of values of a keyword column: that is looked up by the batch's dictionary, for thousands
of rules, before any text is searched."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from logd.levels import level_of
from logd.query.sql import Condition, compile_sql
from logd.query.tree import And, Equals, Everything, Node, Not, Or

COLUMNS = ("service", "level", "host")


class Pinned(NamedTuple):
    """A record matches when its columns have one of these values, and `rest` matches."""

    pins: Mapping[str, frozenset[str]]
    rest: Node

    @property
    def whole(self) -> Node:
        """The query that it was made of."""
        return And((*_guards(self.pins), self.rest))


def compile_pinned(node: Node) -> Condition:
    """Each part is looked at only in rows of which all before are true, the columns' values first, and what must not be
    there last: an AND would look at all of them in all rows."""
    found = pinned(node)
    rest = found.rest.children if isinstance(found.rest, And) else (found.rest,)
    steps = [*_guards(found.pins), *sorted(rest, key=lambda one: isinstance(one, Not))]
    parts = [compile_sql(step) for step in steps]
    sql = "true"
    for part in reversed(parts):
        sql = f"CASE WHEN {part.sql} THEN {sql} ELSE false END"
    columns = frozenset().union(*(part.columns for part in parts))
    return Condition(sql, [value for part in parts for value in part.parameters], columns)


def _guards(pins: Mapping[str, frozenset[str]]) -> tuple[Node, ...]:
    each = ([Equals(column, value) for value in sorted(values)] for column, values in sorted(pins.items()))
    return tuple(nodes[0] if len(nodes) == 1 else Or(tuple(nodes)) for nodes in each)


def pinned(node: Node) -> Pinned:
    """The same query."""
    pins: dict[str, frozenset[str]] = {}
    rest: list[Node] = []
    for child in node.children if isinstance(node, And) else (node,):
        found = _values(child)
        if found is None:
            rest.append(child)
        else:
            column, values = found
            pins[column] = pins[column] & values if column in pins else values
    if not rest:
        return Pinned(pins, Everything())
    return Pinned(pins, rest[0] if len(rest) == 1 else And(tuple(rest)))


def _values(node: Node) -> tuple[str, frozenset[str]] | None:
    match node:
        case Equals("level", value):
            # What is no level may be one of the record's own, in the metadata.
            return None if (level := level_of(value)) is None else ("level", frozenset([level]))
        case Equals(column, value) if column in COLUMNS:
            return column, frozenset([value])
        case Or(children):
            each = [_values(child) for child in children]
            found = [one for one in each if one is not None]
            columns = {column for column, _ in found}
            if len(found) == len(each) and len(columns) == 1:
                return columns.pop(), frozenset().union(*(values for _, values in found))
    return None
