"""What is counted for the rules: of each rule one gauge, of a composite one for each of its conditions."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import assert_never

import msgspec
import numpy as np

from logd.alerts import sketch
from logd.alerts.counting import MASK, Counts, Watch
from logd.alerts.hashing import hashes
from logd.alerts.measures import MEASURES, cells
from logd.alerts.pins import pinned
from logd.alerts.rules import Rule
from logd.alerts.sketches import KINDS, Cell, Sketches
from logd.alerts.trees import Part, compile_rule
from logd.alerts.windows import Floats, Span, Windows
from logd.query.parse import Operator
from logd.seams import shard_of

_WEEK_SECONDS = 7 * 86_400
#: Of a window that is compared with last week's there are so many for a week, and a row has 2,016 cells at most.
_WEEKS_STEP_SECONDS = 300
#: Who is silent has to be known from before, also when windows are decided late: alerters may be down for a while.
_SILENT_WINDOWS = 4
#: Of a gauge, groups × buckets, of 16 bytes each: 100,000 groups of a window of a minute, 9,000 of a week of them.
_MOST_CELLS = 20_000_000
#: What is there besides the groups of which each is counted by itself: all others.
OTHERS = "(others)"
Store = Windows | Sketches


class Gauge(msgspec.Struct, frozen=True, eq=False):
    """`key` is the same for the same rule as long as the same is counted. `measure` is one of MEASURES or KINDS."""

    key: str
    rule_id: str
    shard: int
    part: Part
    watch: Watch
    span: Span
    measure: str
    max_groups: int

    def store(self, rows: int) -> Store:
        """Where it is counted, for so many rows."""
        if (kind := KINDS.get(self.measure)) is not None:
            return Sketches(self.span, kind, rows)
        measure = MEASURES[self.measure]
        return Windows(self.span, measure.size, rows, measure.fold)

    def numbers(self, counts: Counts) -> Floats | Sequence[Cell]:
        """Of each cell, as a store takes them."""
        count = len(counts.groups)
        if self.measure in MEASURES:
            values = counts.values if counts.values is not None else np.zeros(0)
            return cells(self.measure, counts.cell, count, values)
        if counts.texts is not None:
            valid = counts.texts.is_valid().to_numpy(zero_copy_only=False)
            keys, numbers = sketch.cells_of_hashes(hashes(counts.texts.filter(counts.texts.is_valid())))
        else:
            assert counts.values is not None
            valid = np.isfinite(counts.values)
            keys = sketch.keys_of_numbers(counts.values[valid])
            numbers = np.ones(len(keys))
        ends = np.searchsorted(counts.cell[valid], np.arange(count + 1))
        add = KINDS[self.measure].add
        return [sketch.merged(keys[at:end], numbers[at:end], add) for at, end in pairwise(ends.tolist())]


def gauges(
    rules: Mapping[str, Rule], shards: int, late_seconds: int, operator: Operator = "or"
) -> Mapping[str, Sequence[Gauge]]:
    """Of each rule, by its id, what is counted for it."""
    return {rule_id: list(_gauges(rule_id, rule, shards, late_seconds, operator)) for rule_id, rule in rules.items()}


def _gauges(rule_id: str, rule: Rule, shards: int, late_seconds: int, operator: Operator) -> Iterable[Gauge]:
    compiled = compile_rule(rule, operator)
    for number, part in enumerate(compiled.parts):
        span = _span(part, late_seconds)
        watch = _watch(part, compiled.group_by, span)
        told = [number, part.aggregation, repr(part.node), repr(part.matches), part.field, part.window_seconds]
        of = repr([rule_id, *told, list(compiled.group_by), span, rule.max_groups])
        key = hashlib.sha256(of.encode()).hexdigest()[:24]
        known = part.aggregation in MEASURES or part.aggregation in KINDS
        measure = part.aggregation if known else "count" if watch.match is None else "ratio"
        max_groups = min(rule.max_groups, max(_MOST_CELLS // span.kept, 1))
        yield Gauge(key, rule_id, shard_of(rule_id, shards), part, watch, span, measure, max_groups)


def _span(part: Part, late_seconds: int) -> Span:
    if part.aggregation != "spike":
        few = part.aggregation == "absence" or (
            part.aggregation in ("count", "rate") and part.condition.compare in ("<", "<=")
        )
        return Span.of(part.window_seconds, late_seconds, windows=_SILENT_WINDOWS if few else 2)
    if part.condition.against != "last_week":
        return Span.of(part.window_seconds, late_seconds, windows=3)
    return week_span(part.window_seconds, late_seconds)


def week_span(window_seconds: int, late_seconds: int) -> Span:
    """For windows of at least so long that are compared with those of a week before."""
    width = max(1, min(window_seconds, max(_WEEKS_STEP_SECONDS, window_seconds // 12)))
    while _WEEK_SECONDS % width:
        width -= 1
    window = -(-window_seconds // width)
    return Span(width * 1_000_000, window, _WEEK_SECONDS // width + 2 * window + -(-late_seconds // width))


def _watch(part: Part, group_by: Sequence[str], span: Span) -> Watch:
    node = pinned(part.node)
    match part.aggregation:
        case "count" | "rate" | "spike" | "absence" | "ratio":
            match = None if part.matches is None else pinned(part.matches)
            return Watch(node, group_by, span.width_us, match=match)
        case "distinct":
            return Watch(node, group_by, span.width_us, texts_of=part.field)
        case "avg" | "min" | "max" | "sum" | "p50" | "p90" | "p95" | "p99":
            return Watch(node, group_by, span.width_us, numbers_of=part.field)
        case "new_value":
            return Watch(node, (*group_by, part.field), span.width_us)
        case "new_pattern":
            return Watch(node, (*group_by, MASK), span.width_us)
        case "composite":
            raise AssertionError("a composite has parts")
        case unknown:
            assert_never(unknown)
