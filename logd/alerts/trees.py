"""What a rule looks for, as query trees: its query, and the services, levels and hosts beside it."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from logd.alerts.rules import Aggregation, Condition, Rule
from logd.query.fields import KEYWORDS, MAX_PATH_PARTS, METADATA, TEXT, column_of, path_of
from logd.query.parse import Operator, parse
from logd.query.tree import And, Equals, Everything, Node, Or
from logd.query.values import listed

#: The settings that are lists of values, parted by commas.
LIST_FIELDS = ("service", "level", "host")
#: Records have one value of each of these: no list of tags, and no id of their own.
_GROUPS = tuple(name for name in KEYWORDS if name not in ("log_id", "tags"))
#: Of a field's name in characters, as in a search.
_LONGEST_FIELD = 1_024
_SECOND_US = 1_000_000


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """A condition that is no composite, as it is counted: records that match `node`, and, of a ratio and of an absence
    from who is alive, of these those that match `matches`. `field` is as group_field gives it, empty for none."""

    aggregation: Aggregation
    node: Node
    matches: Node | None = None
    field: str = ""
    window_seconds: int
    condition: Condition


class Compiled(msgspec.Struct, frozen=True, kw_only=True):
    """A rule's parts, one unless it is a composite, which is true when all are, or any of them; `group_by` is as
    group_field gives it."""

    parts: Sequence[Part]
    any_part: bool = False
    group_by: Sequence[str] = ()


def compile_rule(rule: Rule, operator: Operator = "or") -> Compiled:
    """Of a rule that `read_rule` gave."""
    condition = rule.condition
    group_by = tuple(map(group_field, rule.group_by))
    if condition.aggregation != "composite":
        return Compiled(parts=(_part(condition, condition.window_seconds, (), operator),), group_by=group_by)
    around = [*_whose(condition), _any("level", listed([condition.level])), node_of(condition.query, operator)]
    parts = [_part(inner, condition.window_seconds, around, operator) for inner in condition.conditions]
    return Compiled(parts=tuple(parts), any_part=condition.match == "any", group_by=group_by)


def nodes_of(compiled: Compiled) -> list[Node]:
    """All that are asked, with those of ratios."""
    return [node for part in compiled.parts for node in (part.node, part.matches) if node is not None]


def node_of(query: str, operator: Operator) -> Node:
    """Raises QueryError, and ValueError where it is relative to now."""
    node = parse(query, operator, _SECOND_US)
    if node != parse(query, operator, 2 * _SECOND_US):
        raise ValueError(f"has a time that is relative to now, which a rule can't have: {query!r}")
    return node


def group_field(name: str, *, text: bool = False) -> str:
    """The column or path in metadata that a name means, as in a query; the message too if it may be a `text`. Raises
    ValueError with what was expected."""
    column = column_of(name)
    if column in _GROUPS or (text and column == TEXT):
        return str(column)
    path = path_of(name)
    if column is not None or not name.isprintable() or not all(path) or len(path) > MAX_PATH_PARTS:
        raise ValueError(f"{', '.join(_GROUPS)}, or up to {MAX_PATH_PARTS} names into metadata")
    if len(name) > _LONGEST_FIELD:
        raise ValueError(f"a name of at most {_LONGEST_FIELD} characters")
    return METADATA + ".".join(path)


def _part(condition: Condition, window_seconds: int, around: Sequence[Node], operator: Operator) -> Part:
    whose = _whose(condition)
    narrowed = [_any("level", listed([condition.level])), node_of(condition.query, operator)]
    matches: Node | None = None
    of = node_of(condition.of or "", operator)
    match condition.aggregation, condition.of:
        case "ratio", _:
            node, matches = _all([*around, *whose, of]), _all(narrowed)
        case "absence", str(alive) if alive:
            node, matches = _all([*around, of]), _all([*whose, *narrowed])
        case _:
            node = _all([*around, *whose, *narrowed])
    return Part(
        aggregation=condition.aggregation,
        node=node,
        matches=matches,
        field=group_field(condition.field, text=True) if condition.field else "",
        window_seconds=window_seconds,
        condition=condition,
    )


def _whose(condition: Condition) -> list[Node]:
    return [_any("service", listed([condition.service])), _any("host", listed([condition.host]))]


def _any(field: str, values: Sequence[str]) -> Node:
    nodes = tuple(Equals(field, value) for value in values)
    return Everything() if not nodes else nodes[0] if len(nodes) == 1 else Or(nodes)


def _all(nodes: Sequence[Node]) -> Node:
    """One level of And, in which pins.pinned finds columns' values."""
    flat: list[Node] = []
    for node in nodes:
        flat += [] if isinstance(node, Everything) else node.children if isinstance(node, And) else [node]
    flat = list(dict.fromkeys(flat))
    return Everything() if not flat else flat[0] if len(flat) == 1 else And(tuple(flat))
