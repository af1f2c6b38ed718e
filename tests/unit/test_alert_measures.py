"""What aggregations keep of buckets gives the value of a window, however it is cut into buckets."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from logd.alerts.measures import MEASURES, cells

_RECORDS = st.lists(st.tuples(st.integers(0, 4), st.none() | st.integers(-50, 50)), max_size=30)
_EXPECTED: dict[str, Callable[[list[float | None]], float]] = {
    "count": len,
    "rate": lambda values: len(values) / 60,
    "sum": lambda values: _or_nan(sum, values),
    "avg": lambda values: _or_nan(lambda some: sum(some) / len(some), values),
    "min": lambda values: _or_nan(min, values),
    "max": lambda values: _or_nan(max, values),
}


def _or_nan(of: Callable[[list[float]], float], values: list[float | None]) -> float:
    some = [value for value in values if value is not None]
    return of(some) if some else math.nan


@pytest.mark.parametrize("name", _EXPECTED)
@given(_RECORDS)
def test_values(name: str, records: list[tuple[int, int | None]]) -> None:
    records = sorted(records, key=lambda one: one[0])
    measure = MEASURES[name]
    values = np.array([math.nan if value is None else value for _, value in records], np.float64)
    numbers = cells(name, np.array([cell for cell, _ in records], np.int64), 5, values)
    assert numbers.shape == (5, measure.size)
    window = measure.fold.ufunc.reduce(numbers, axis=0)
    found = float(measure.value(window[None], 60.0)[0])
    assert found == pytest.approx(_EXPECTED[name]([value for _, value in records]), nan_ok=True)


def test_a_ratio() -> None:
    numbers = cells("ratio", np.array([0, 0, 0, 2]), 3, np.array([1.0, 0.0, 1.0, 0.0]))
    assert numbers.tolist() == [[2, 3], [0, 0], [0, 1]]
    found = MEASURES["ratio"].value(numbers, 60.0)
    assert found[:2].tolist() == pytest.approx([2 / 3, math.nan], nan_ok=True)
    assert found[2] == 0
