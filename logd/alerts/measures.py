"""What each aggregation keeps of a bucket, how two buckets become one, and the value of a window.

    aggregation          numbers of a cell                        value
    count, rate          how many                                 … a second, for rate
    ratio                how many match, of how many              the one by the other
    sum, avg             the sum, how many have a number          the one by the other, for avg
    min, max             the least, the most                      itself

Percentiles and counts of different values are sketches (sketch.py), whose cells have any number of keys.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import numpy as np
import numpy.typing as npt

from logd.alerts.windows import ADD, LEAST, MOST, SUM, Fold

Floats = npt.NDArray[np.float64]


class Measure(msgspec.Struct, frozen=True, eq=False):
    """`numbers` gives those of each cell, by the values of its records and where they end; `value` that of windows ×
    numbers, nan where there is none. `rises`: it never falls as records are added."""

    size: int
    fold: Fold
    rises: bool
    value: Callable[[Floats, float], Floats]
    of_numbers: bool = False


def _count(numbers: Floats, _: float) -> Floats:
    return np.asarray(numbers[..., 0])


def _rate(numbers: Floats, window_seconds: float) -> Floats:
    return np.asarray(numbers[..., 0] / window_seconds)


def _ratio(numbers: Floats, _: float) -> Floats:
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(numbers[..., 0] / numbers[..., 1])


def _finite(numbers: Floats, _: float) -> Floats:
    return np.asarray(np.where(np.isfinite(numbers[..., 0]), numbers[..., 0], np.nan))


def _sum(numbers: Floats, _: float) -> Floats:
    return np.asarray(np.where(numbers[..., 1] > 0, numbers[..., 0], np.nan))


MEASURES: dict[str, Measure] = {
    "count": Measure(1, ADD, True, _count),
    "rate": Measure(1, ADD, True, _rate),
    "ratio": Measure(2, ADD, False, _ratio),
    "sum": Measure(2, SUM, False, _sum, of_numbers=True),
    "avg": Measure(2, SUM, False, _ratio, of_numbers=True),
    "min": Measure(1, LEAST, False, _finite, of_numbers=True),
    "max": Measure(1, MOST, True, _finite, of_numbers=True),
}


def cells(name: str, cell: npt.NDArray[np.int64], count: int, values: Floats) -> Floats:
    """The numbers of `count` cells, of records in order of their cell; `values` are those of the field, nan where a
    record has none, or, of a ratio, 1 where it matches."""
    measure = MEASURES[name]
    if not measure.of_numbers and name != "ratio":
        return np.bincount(cell, minlength=count).astype(np.float64)[:, None]
    if name == "ratio":
        return np.stack([np.bincount(cell, values, count), np.bincount(cell, minlength=count).astype(np.float64)], 1)
    some = np.isfinite(values)  # as 1e999 is a number, but has none
    if measure.fold is SUM:
        sums = np.bincount(cell[some], values[some], count)
        return np.stack([sums, np.bincount(cell[some], minlength=count).astype(np.float64)], 1)
    found = np.full(count, measure.fold.empty)
    measure.fold.ufunc.at(found, cell[some], values[some])
    return found[:, None]
