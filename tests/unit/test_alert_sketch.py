"""Percentiles and distinct counts that add up: near what a recount says, however they were put together."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from logd.alerts import sketch

NUMBERS = st.floats(-1e12, 1e12).map(lambda number: 0.0 if abs(number) < 1e-6 else number)


def _cells(values: list[float]) -> tuple[sketch.Ints, sketch.Floats]:
    keys = sketch.keys_of_numbers(np.array(values))
    return sketch.merged(keys, np.ones(len(values)), np.add)


def _together(parts: list[tuple[sketch.Ints, sketch.Floats]], add: np.ufunc) -> tuple[sketch.Ints, sketch.Floats]:
    keys, numbers = (np.concatenate(columns) for columns in zip(*parts, strict=True))
    return sketch.merged(keys, numbers, add)


@given(st.lists(NUMBERS, min_size=1, max_size=60), st.lists(NUMBERS, max_size=60), st.floats(0, 1))
def test_percentiles(first: list[float], second: list[float], share: float) -> None:
    parts = [_cells(part) for part in (first, second)]
    keys, counts = _together(parts, np.add)
    assert counts.sum() == len(first) + len(second)
    place = share * (len(first) + len(second))
    # Rounded either way.
    expected = np.sort(first + second)[[max(math.ceil(place + off) - 1, 0) for off in (-1e-9, 0.0)]]
    found = sketch.quantile(keys, counts, share)
    assert any(found == pytest.approx(one, rel=sketch.ACCURACY * 1.001, abs=1e-9) for one in expected)


@given(st.lists(NUMBERS, min_size=2, max_size=50))
def test_keys_rise_with_numbers(values: list[float]) -> None:
    keys = sketch.keys_of_numbers(np.sort(values))
    assert (np.diff(keys) >= 0).all()


@pytest.mark.parametrize("count", [0, 1, 2, 5, 10, 100, 1_000, 10_000, 200_000])
def test_distinct(count: int) -> None:
    rng = np.random.default_rng(count)
    hashes = rng.integers(0, 2**64, count, np.uint64, endpoint=False)
    every, again = hashes, rng.permutation(hashes)[: count // 2]
    parts = [sketch.cells_of_hashes(some) for some in (every, again)]
    keys, numbers = _together(parts, np.maximum)
    assert len(np.unique(keys)) == len(keys)
    assert sketch.distinct(numbers) == pytest.approx(count, rel=0.06, abs=0.1)


def test_the_place_of_the_first_one() -> None:
    rest_bits = 64 - sketch.REGISTER_BITS
    hashes = np.array([0, 1, 1 << (rest_bits - 1), (7 << rest_bits) | 5], np.uint64)
    keys, numbers = sketch.cells_of_hashes(hashes)
    assert keys.tolist() == [0, 0, 0, 7]
    assert numbers.tolist() == [rest_bits + 1, rest_bits, 1, rest_bits - 2]
