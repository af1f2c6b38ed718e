"""Which files are the index when its manifest is lost."""

from __future__ import annotations

from collections.abc import Sequence, Set
from typing import NamedTuple

import pytest

from logd.store.folder import Stream
from logd.store.salvage import choose, ids_above
from logd.store.segments import About


def flush(number: int, upto: int) -> About:
    return About(id=number, policy="DEFAULT", day=0, flushed={0: upto})


def merge(number: int, *merged: int, upto: int | None = None) -> About:
    return About(id=number, policy="DEFAULT", day=0, merged=merged, flushed={} if upto is None else {0: upto})


class Case(NamedTuple):
    """`told`, `oldest`, `next`: what the transport says of its only partition."""

    name: str
    found: Sequence[About]
    told: int
    oldest: int
    next: int
    kept: Set[int]
    again: Set[int]
    position: int


CASES = (
    Case("nothing", [], 0, 1, 1, set(), set(), 0),
    Case("all had been told", [flush(1, 5), flush(2, 9)], 9, 9, 12, {1, 2}, set(), 9),
    Case("the last flush hadn't been told", [flush(1, 5), flush(2, 9)], 5, 1, 12, {1}, {2}, 5),
    Case("of two days of a flush one is there", [flush(1, 5), flush(2, 9)], 5, 5, 9, {1}, {2}, 5),
    Case("nothing was told, nothing deleted", [flush(1, 5), flush(2, 9)], 0, 1, 12, set(), {1, 2}, 0),
    Case("nothing else was stored since", [flush(1, 5)], 8, 8, 12, {1}, set(), 8),
    Case("a merge that was committed", [merge(3, 1, 2, upto=9)], 9, 9, 12, {3}, set(), 9),
    Case(
        "what was merged isn't unlinked yet", [flush(1, 5), flush(2, 9), merge(3, 1, 2, upto=9)], 9, 9, 9, {3}, set(), 9
    ),
    Case("merged further than was told", [flush(1, 5), merge(3, 1, 2, upto=9)], 5, 5, 12, {3}, set(), 9),
    Case(
        "a merge before anything was told",
        [merge(3, 1, 2, upto=9), flush(4, 9), flush(5, 11)],
        5,
        5,
        12,
        {3, 4},
        {5},
        9,
    ),
    Case("a merge of merges", [flush(1, 5), merge(3, 1, 2, upto=9), merge(4, 3, upto=9)], 9, 9, 9, {4}, set(), 9),
    Case("a merge of an older logd", [flush(4, 9), merge(3, 1, 2)], 9, 9, 9, {3, 4}, set(), 9),
    Case("a transport made anew", [flush(1, 5), flush(2, 9)], 0, 1, 1, {1, 2}, set(), 9),
    Case("a transport of yesterday", [flush(1, 5), flush(2, 9)], 4, 4, 7, {1, 2}, set(), 9),
    Case("what was told is damaged", [flush(1, 5), flush(2, 9), flush(3, 11)], 0, 9, 12, {1, 2}, {3}, 9),
    Case("so, and not all of a flush is deleted", [flush(1, 5), flush(2, 9), flush(3, 11)], 0, 7, 12, {1, 2}, {3}, 9),
    Case("so, and nothing is left of it", [merge(3, 1, 2)], 0, 7, 12, {3}, set(), 7),
)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_choose(case: Case) -> None:
    found = choose(case.found, Stream({0: case.told}, {0: case.next}), {0: case.oldest})
    assert (found.kept, found.again) == (case.kept, case.again)
    assert found.positions == {0: case.position}
    assert found.dropped == {one.id for one in case.found} - case.kept - case.again


def test_without_a_transport_the_files_are_all_there_is() -> None:
    found = choose([flush(1, 5), flush(2, 9)], Stream(), {})
    assert found.kept == frozenset({1, 2})
    assert found.positions == {0: 9}


@pytest.mark.parametrize(
    ("found", "number"), [([], 1), ([flush(4, 1)], 5), ([flush(4, 1), merge(3, 7, 8)], 9), ([merge(12, 7, 8)], 13)]
)
def test_an_id_is_never_given_to_other_rows(found: Sequence[About], number: int) -> None:
    assert ids_above(found) == number
