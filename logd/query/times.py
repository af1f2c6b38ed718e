"""The times that a query leaves open: what a range of `timestamp` beside other conditions rules out needn't be read."""

from __future__ import annotations

import msgspec

from logd.query.tree import And, Everything, Node, Not, Or, Range

Bounds = tuple[int | None, int | None]
Ranged = tuple[Node, int | None, int | None]


def narrowed(query: Node, from_us: int | None, to_us: int | None) -> Bounds:
    """The bounds, the first inclusive and the second exclusive, without times that no hit has."""
    match query:
        case And(children):
            for child in children:
                from_us, to_us = narrowed(child, from_us, to_us)
        case Range("timestamp", low, high, low_included, high_included):
            if isinstance(low, int):
                low += not low_included
                from_us = low if from_us is None else max(from_us, low)
            if isinstance(high, int):
                high += high_included
                to_us = high if to_us is None else min(to_us, high)
    return from_us, to_us


def ranged(query: Node, from_us: int | None, to_us: int | None) -> Ranged:
    """The query without the ranges that every hit has to lie in, and the bounds that they leave: the hits of the one
    within the other are those of the query."""
    return _unbounded(query), *narrowed(query, from_us, to_us)


def _unbounded(query: Node) -> Node:
    match query:
        case And(children):
            kept = tuple(one for child in children if not isinstance(one := _unbounded(child), Everything))
            return kept[0] if len(kept) == 1 else And(kept) if kept else Everything()
        case Range("timestamp", low, high) if not isinstance(low, str) and not isinstance(high, str):
            return Everything()
    return query


def timeless(query: Node) -> Node:
    """The same with no times in it: equal for all moments at which a text was parsed. It isn't to be asked."""
    match query:
        case And(children) | Or(children):
            return type(query)(tuple(map(timeless, children)))
        case Not(child):
            return Not(timeless(child))
        case Range(low=low, high=high) if isinstance(low, int) or isinstance(high, int):
            return msgspec.structs.replace(query, low=None, high=None)
    return query
