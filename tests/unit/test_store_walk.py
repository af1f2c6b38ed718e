"""Slices of time: disjoint, in order, and every stretch in each slice that it reaches into."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from logd.record import SCHEMA
from logd.store.walk import Recent, Slice, Slices, Stretch, Times

_PLACES = st.tuples(st.integers(0, 60), st.integers(0, 20), st.integers(1, 50))


def _stretches(places: list[tuple[int, int, int]], newest_first: bool) -> list[Stretch]:
    recent = Recent(SCHEMA.empty_table(), 0, 0)
    found = [Stretch(low, low + long, rows, None, n, recent) for n, (low, long, rows) in enumerate(places)]
    return sorted(found, key=lambda stretch: -stretch.max_us if newest_first else stretch.min_us)


@given(
    st.lists(_PLACES, max_size=12),
    st.lists(st.integers(0, 200), min_size=1, max_size=5),
    st.integers(0, 50),
    st.booleans(),
)
def test_slices(places: list[tuple[int, int, int]], sizes: list[int], start: int, newest_first: bool) -> None:
    times = Times(start, start + 30)
    stretches = [one for one in _stretches(places, newest_first) if times.overlaps(one.min_us, one.max_us)]
    walk = Slices(iter(stretches), times, newest_first)
    parts: list[tuple[Slice, int]] = []
    while part := walk.next(rows := sizes[len(parts) % len(sizes)]):
        parts.append((part, rows))
    left = times
    for number, (part, rows) in enumerate(parts):
        assert part.times.from_us < part.times.to_us
        if newest_first:
            assert part.times.to_us == left.to_us
            left = Times(left.from_us, part.times.from_us)
        else:
            assert part.times.from_us == left.from_us
            left = Times(part.times.to_us, left.to_us)
        assert part.rows == sum(stretch.rows for stretch in part.stretches)
        assert part.rows >= rows or number + 1 == len(parts)
        wanted = {one.group for one in stretches if part.times.overlaps(one.min_us, one.max_us)}
        assert wanted <= {stretch.group for stretch in part.stretches}
        assert len({stretch.group for stretch in part.stretches}) == len(part.stretches)
    assert left.from_us == left.to_us if stretches else not parts


@given(st.lists(_PLACES, min_size=1, max_size=12), st.integers(1, 40), st.integers(1, 30), st.booleans())
def test_for_hits_reads_no_less_and_ends(
    places: list[tuple[int, int, int]], first: int, wanted: int, newest_first: bool
) -> None:
    stretches = _stretches(places, newest_first)
    times = Times(0, 100)
    walk = Slices(iter(stretches), times, newest_first)
    chance = np.random.default_rng(first)
    hits, read = 0, 0
    while walk.for_hits(first, hits, wanted):
        read += 1
        assert read <= len(stretches)
        hits = min(wanted, hits + int(chance.integers(0, 3)))
    assert read
