"""Windows equal a recount, in whatever order and how often cells come."""

from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from logd.alerts.windows import LEAST, MOST, Row, Span, Windows

SPAN = Span(1_000_000, window=3, kept=8)
GROUPS = [("a",), ("b",), (None,)]
#: Group, part, bucket, and what of it is counted step by step.
CELLS = st.lists(
    st.tuples(st.sampled_from(GROUPS), st.integers(0, 2), st.integers(100, 116), st.integers(1, 9)), max_size=40
)


@pytest.mark.parametrize(
    ("window", "late", "span"),
    [
        (60, 60, Span(2_000_000, 30, 90)),
        (300, 60, Span(10_000_000, 30, 66)),
        (1, 0, Span(1_000_000, 1, 2)),
        (61, 10, Span(1_000_000, 61, 132)),
        (3_600, 600, Span(120_000_000, 30, 65)),
        (3_601, 0, Span(120_000_000, 31, 62)),
    ],
)
def test_spans(window: int, late: int, span: Span) -> None:
    assert Span.of(window, late) == span


@given(CELLS, st.randoms(use_true_random=False))
def test_a_recount_says_the_same(
    counted: list[tuple[tuple[str | None, ...], int, int, int]], rng: random.Random
) -> None:
    """A part counts on in a cell, each time with a higher version; versions come mixed up, and twice."""
    totals: dict[tuple[Row, int], int] = {}
    updates = []
    for version, (group, part, bucket, more) in enumerate(counted):
        cell = (Row(group, part), bucket)
        totals[cell] = totals.get(cell, 0) + more
        updates.append((cell, totals[cell], version))
    updates += rng.sample(updates, len(updates) // 2)
    # What comes behind the ring is lost: the newest bucket comes last.
    newest = max((bucket for _, _, bucket, _ in counted), default=0)
    kept = [update for update in updates if update[0][1] > newest - SPAN.kept]
    rng.shuffle(kept)
    windows = Windows(SPAN, 1, 100)
    while kept:
        some, kept = kept[: (size := rng.randint(1, 5))], kept[size:]
        windows.put(
            [row for (row, _), _, _ in some],
            np.array([bucket for (_, bucket), _, _ in some]),
            np.array([[float(total)] for _, total, _ in some]),
            np.array([version for *_, version in some]),
        )
    if windows.newest is None:
        return
    found = windows.of(GROUPS)
    ends = windows.ends()
    for group, values in zip(GROUPS, found, strict=True):
        for end, value in zip(ends, values[:, 0], strict=True):
            expected = sum(
                total
                for (row, bucket), total in totals.items()
                if row.group == group and end - SPAN.window < bucket <= end
            )
            assert value == expected


def test_what_is_late_or_has_no_room_is_told() -> None:
    windows = Windows(SPAN, 1, 2)
    one = np.ones((1, 1))
    assert windows.put([Row(("a",), 0)], np.array([100]), one, np.array([1])) == (0, 0)
    assert windows.put([Row(("b",), 0)], np.array([107]), one, np.array([1])) == (0, 0)
    assert windows.put([Row(("a",), 0)], np.array([99]), one, np.array([2])) == (1, 0)
    assert windows.put([Row(("c",), 0)], np.array([107]), one, np.array([2])) == (0, 1)
    assert windows.of([("a",), ("c",)])[:, :, 0].tolist() == [[1, 0, 0, 0, 0, 0], [0, 0, 0, 0, 0, 0]]
    windows.put([Row(("b",), 0)], np.array([1_000]), one, np.array([3]))
    assert windows.of([("a",), ("b",)]).sum() == 1


def test_the_least_and_the_most() -> None:
    for fold, totals in ((LEAST, [3, 1, 1, 1]), (MOST, [3, 3, 3, 4])):
        windows = Windows(SPAN, 1, 10, fold)
        for bucket, number in ((102, 3.0), (103, 1.0), (105, 4.0)):
            windows.put([Row(("a",), bucket % 2)], np.array([bucket]), np.array([[number]]), np.array([bucket]))
        assert windows.ends() == range(100, 106)
        found = windows.of([("a",)])[0, :, 0]
        assert np.isinf(found[:2]).all()
        assert found[2:].tolist() == totals


def test_a_row_of_long_ago_that_comes_back_with_a_new_one_keeps_its_place() -> None:
    windows = Windows(Span(1_000_000, 2, 4), 1, 2)
    old, back, new = (Row((name,), 0) for name in "abc")
    windows.add([old, back], np.array([0, 0]), np.ones((2, 1)), np.array([1, 1]))
    assert windows.add([back, new], np.array([9, 9]), np.array([[2.0], [3.0]]), np.array([2, 2])) == (0, 0)
    assert windows.of([("b",), ("c",)])[:, -1, 0].tolist() == [2, 3]
    assert set(windows.groups) == {("b",), ("c",)}


def test_rows_that_come_and_go_take_no_more_room_than_those_that_are_kept() -> None:
    windows = Windows(Span(1_000_000, 2, 4), 1, 10_000_000)
    for bucket in range(200):
        rows = [Row((f"{bucket} {number}",), 0) for number in range(100)]
        windows.put(rows, np.full(100, bucket), np.ones((100, 1)), np.ones(100, np.int64))
    assert len(windows.groups) <= 1_100
    assert windows.of([("199 7",)])[0, -1, 0] == 1
