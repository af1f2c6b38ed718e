"""Figures of two tiers into one. What can be added up is exact; percentiles and, where their values aren't known,
different values are estimated.

An average's weight is how many numbers it is of: its sum by itself. A percentile is taken from the curve that the least
value, the percentiles and the greatest value of each tier make, weighted alike: it lies between those of the tiers.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import msgspec

from logd.seams import Aggregate, Cell, Function, Group

_SHARES = (Function.P50, Function.P95, Function.P99)
_CURVE = (Function.MIN, *_SHARES, Function.MAX)
_CURVE_SHARES = (0.0, 0.5, 0.95, 0.99, 1.0)
_NEEDS: Mapping[Function, Sequence[Function]] = {
    Function.AVG: (Function.AVG, Function.SUM),
    **dict.fromkeys(_SHARES, (*_CURVE, Function.AVG, Function.SUM)),
}
Figures = Mapping[Aggregate, float | None]


class Figure(NamedTuple):
    """`exact` as far as its parts are."""

    value: float | None
    exact: bool = True


class Part(msgspec.Struct, frozen=True):
    """What a tier has of a group, or of an interval of it. `distinct` are the values themselves, where they are known,
    of fields."""

    count: int
    figures: Figures
    distinct: Mapping[str, frozenset[str]] = {}


def needed(aggregates: Sequence[Aggregate]) -> tuple[Aggregate, ...]:
    """What has to be asked of each tier."""
    each = [Aggregate(need, one.field) for one in aggregates for need in _NEEDS.get(one.function, (one.function,))]
    return tuple(dict.fromkeys(each))


def part_of(found: Group | Cell, asked: Sequence[Aggregate]) -> Part:
    """`asked` are the aggregates that the figures are of."""
    return Part(found.count, dict(zip(asked, found.figures, strict=True)))


def figure(aggregate: Aggregate, parts: Sequence[Part]) -> Figure:
    """Of all parts."""
    values = [(part, value) for part in parts if (value := part.figures[aggregate]) is not None]
    if aggregate.function is Function.DISTINCT:
        return _distinct(aggregate, [(part, value) for part, value in values if value])
    if len(values) < 2:
        return Figure(values[0][1] if values else aggregate.function.of_nothing)
    numbers = [value for _, value in values]
    match aggregate.function:
        case Function.MIN:
            return Figure(min(numbers))
        case Function.MAX:
            return Figure(max(numbers))
        case Function.SUM | Function.BYTES:
            return Figure(math.fsum(numbers))
    weights = [_numbers(part, aggregate.field) for part, _ in values]
    if aggregate.function is Function.AVG:
        sums = [part.figures[Aggregate(Function.SUM, aggregate.field)] or 0.0 for part, _ in values]
        exact = all(exact for _, exact in weights)
        return Figure(math.fsum(sums) / sum(weight for weight, _ in weights), exact)
    curves = [[part.figures[Aggregate(one, aggregate.field)] or 0.0 for one in _CURVE] for part, _ in values]
    low, high = min(numbers), max(numbers)
    if low == high:
        return Figure(low, exact=False)
    share = aggregate.function.share or 0.0
    estimate = _percentile(curves, [weight for weight, _ in weights], share)
    return Figure(min(max(estimate, low), high), exact=False)


def _numbers(part: Part, field: str) -> tuple[float, bool]:
    """How many numbers it has, and whether that is sure: where they add up to nothing, their sum doesn't tell."""
    average = part.figures[Aggregate(Function.AVG, field)]
    total = part.figures[Aggregate(Function.SUM, field)]
    if average and total and math.isfinite(total / average):
        return max(1.0, round(total / average)), True
    return float(max(1, part.count)), False


def _distinct(aggregate: Aggregate, values: Sequence[tuple[Part, float]]) -> Figure:
    known = [part.distinct.get(aggregate.field) for part, _ in values]
    if all(one is not None for one in known):
        return Figure(len(frozenset().union(*(one for one in known if one is not None))))
    if len(values) < 2:
        return Figure(values[0][1] if values else 0)
    # Where nearly each record has a value of its own, as ids, the tiers have different ones; else mostly the same.
    (few, many) = sorted(values, key=lambda one: one[1])
    own = min(1.0, few[1] / max(1, few[0].count))
    return Figure(round(many[1] + few[1] * own), exact=False)


def _percentile(curves: Sequence[Sequence[float]], weights: Sequence[float], share: float) -> float:
    """The value that the share of all is below."""
    low, high = min(curve[0] for curve in curves), max(curve[-1] for curve in curves)
    for _ in range(60):
        middle = low / 2 + high / 2
        below = sum(weight * _below(curve, middle) for curve, weight in zip(curves, weights, strict=True))
        if below < share * sum(weights):
            low = middle
        else:
            high = middle
    return high


def _below(curve: Sequence[float], value: float) -> float:
    """The share of a tier's values up to this one."""
    if value < curve[0]:
        return 0.0
    if value >= curve[-1]:
        return 1.0
    place = max(at for at, point in enumerate(curve) if point <= value)
    width = curve[place + 1] - curve[place]
    inside = (value - curve[place]) / width if width and math.isfinite(width) else 0.0
    return _CURVE_SHARES[place] + inside * (_CURVE_SHARES[place + 1] - _CURVE_SHARES[place])
