"""Figures of groups, and fields, the slow and obvious way: what every index must agree with."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from logd.seams import Aggregate, Fields, FoundFields, Function, Groups, Stats
from tests.support.naive_query import numbers_of, texts_of
from tests.support.naive_time import EPOCH
from tests.support.rows import NaiveIndex, Row

Values = tuple[str | None, ...]


class NaiveGroups:
    """Of a NaiveIndex, what is asked."""

    def __init__(self, index: NaiveIndex, asked: Stats) -> None:
        self._asked = asked
        hits = index.hits(asked.query, asked.from_us, asked.to_us)
        self._hits = [{**one, "metadata": json.loads(one["metadata"] or "null")} for one in hits]

    def check(self, found: Groups) -> None:
        """The answer is this one's, but for what it says that it has estimated: that is near."""
        asked = self._asked
        by_values = self._grouped()
        ranked = sorted(by_values, key=lambda values: self._order(values, by_values[values]))
        matching = [values for values in ranked if self._matches(values)]
        assert found.total == len(self._hits), asked
        assert [group.values for group in found.groups] == matching[: asked.top], asked
        shown = [by_values[values] for values in matching[: asked.top]]
        assert [group.count for group in found.groups] == list(map(len, shown)), asked
        assert found.other == sum(len(by_values[values]) for values in matching[asked.top :]), asked
        without = sum(len(records) for values, records in by_values.items() if values[:1] == (None,))
        assert found.without == (0 if asked.prefix is None else without), asked
        for group, records in zip(found.groups, shown, strict=True):
            self._check_figures(group.figures, records, found)
            if not asked.by_time:
                assert not group.cells
                continue
            cells = self._by_time(records, found.interval_us)
            assert [(cell.start_us, cell.count) for cell in group.cells] == [
                (at, len(cells[at])) for at in sorted(cells)
            ]
            for cell in group.cells:
                self._check_figures(cell.figures, cells[cell.start_us], found)

    def _grouped(self) -> dict[Values, list[Row]]:
        found: dict[Values, list[Row]] = {} if self._asked.by else {(): self._hits}
        for record in self._hits if self._asked.by else ():
            of_each = [_values(field, record) for field in self._asked.by]
            for values in itertools.product(*of_each):
                found.setdefault(values, []).append(record)
        return found

    def _order(self, values: Values, records: Sequence[Row]) -> Any:
        order = self._asked.order
        most = len(records) if order is None else _figure(self._asked.aggregates[order], records)
        return most is None, -(most or 0), [(value is None, value or "") for value in values]

    def _matches(self, values: Values) -> bool:
        prefix = self._asked.prefix
        return prefix is None or (values[0] is not None and values[0].startswith(prefix))

    def _by_time(self, records: Sequence[Row], interval_us: int) -> dict[int, list[Row]]:
        if self._asked.interval_us is not None:
            assert interval_us == self._asked.interval_us
        cells: dict[int, list[Row]] = {}
        for record in records:
            time = (record["timestamp"] - EPOCH) // timedelta(microseconds=1)
            cells.setdefault(time - time % interval_us, []).append(record)
        return cells

    def _check_figures(self, figures: Sequence[float | None], records: Sequence[Row], found: Groups) -> None:
        expected = [_figure(one, records) for one in self._asked.aggregates]
        for place, (figure, aggregate) in enumerate(zip(figures, self._asked.aggregates, strict=True)):
            if aggregate.function is Function.BYTES:
                assert figure == expected[place], (self._asked, aggregate)
                continue
            numbers = [number for record in records for number in numbers_of(aggregate.field, record)]
            if place not in found.estimated:
                scale = max(map(abs, numbers), default=0.0)
                assert _near(figure, expected[place], scale * 1e-9), (self._asked, aggregate)
            elif aggregate.function is not Function.DISTINCT:
                assert (figure is None) == (not numbers), (self._asked, aggregate)
                assert figure is None or min(numbers) <= figure <= max(numbers), (self._asked, aggregate)


def _values(field: str, record: Row) -> list[str | None]:
    return [*sorted(set(texts_of(field, record)))] or [None]


def _figure(aggregate: Aggregate, records: Sequence[Row]) -> float | None:
    if aggregate.function is Function.DISTINCT:
        return len({text for record in records for text in texts_of(aggregate.field, record)})
    if aggregate.function is Function.BYTES:
        return sum(len((record["message"] or "").encode()) for record in records)
    numbers = sorted(number for record in records for number in numbers_of(aggregate.field, record))
    if not numbers:
        return None
    match aggregate.function:
        case Function.MIN:
            return numbers[0]
        case Function.MAX:
            return numbers[-1]
        case Function.SUM:
            return math.fsum(numbers)
        case Function.AVG:
            return math.fsum(numbers) / len(numbers)
    place = (len(numbers) - 1) * int(aggregate.function.value[1:]) / 100
    low, high = numbers[math.floor(place)], numbers[math.ceil(place)]
    return low + (high - low) * (place - math.floor(place))


def _near(one: float | None, other: float | None, most: float) -> bool:
    if one is None or other is None:
        return one is other
    return math.isclose(one, other, rel_tol=1e-9, abs_tol=most)


def check_fields(index: NaiveIndex, asked: Fields, found: FoundFields) -> None:
    """The answer is a naive index's, of which all hits were looked at."""
    hits = index.hits(asked.query, asked.from_us, asked.to_us)
    counts: dict[str, tuple[int, set[str]]] = {}
    for record in hits:
        of_record: dict[str, set[str]] = {}
        for name, value in record.items():
            if name == "metadata":
                _look(json.loads(value or "null"), "metadata", of_record)
            elif value is not None and value != []:
                kinds = {"message": "text", "timestamp": "time", "ingested_at": "time"}
                of_record[name] = {kinds.get(name, "string")}
        for name, types in of_record.items():
            count, before = counts.get(name, (0, set()))
            counts[name] = (count + 1, before | types)
    assert (found.total, found.sampled) == (len(hits), len(hits)), asked
    assert {name: (one.count, one.types) for name, one in found.counts.items()} == counts, asked


def _look(value: Any, name: str, found: dict[str, set[str]]) -> None:
    if isinstance(value, dict):
        for key, inner in value.items():
            _look(inner, f"{name}.{key}", found)
        return
    kinds = {bool: "boolean", int: "number", float: "number", str: "string"}
    for one in value if isinstance(value, list) else [value]:
        if one is not None and name != "metadata":
            found.setdefault(name, set()).update([kinds[type(one)]] if type(one) in kinds else [])
