"""Events into pieces: as many as a chunk takes, and none whose lines are on both sides of where it ends."""

from __future__ import annotations

from collections.abc import Sequence

from logd.agent import lines
from logd.agent.batches import Event
from logd.agent.lines import Piece


def grouped(events: Sequence[Event], base: int, end: int) -> list[Piece]:
    """The events, which are in the order of their positions and end at offset `end` of what begins at `base`."""
    left = list(events)
    pieces: list[Piece] = []
    starts = [*(event.position - base for event in left), end]
    at = 0
    while at < len(left):
        stop = most = lines.fit(starts, at)
        if any(event.more for event in left[at:stop]):
            stop = _last_gap(left, at, most, base, starts)
            if stop == at:
                left, stop = _parted(left, most, base + starts[most]), most
                starts = [*(event.position - base for event in left), end]
        pieces.append(Piece(starts[at], starts[stop], stop - at, None, tuple(left[at:stop])))
        at = stop
    return pieces


def _last_gap(events: Sequence[Event], at: int, most: int, base: int, starts: Sequence[int]) -> int:
    """The last place up to `most` before which every event has ended; `at` when there is none."""
    gap, reach = at, 0
    for place in range(at, most):
        reach = max(reach, events[place].end)
        if reach <= base + starts[place + 1]:
            gap = place + 1
    return gap


def _parted(events: Sequence[Event], stop: int, position: int) -> list[Event]:
    """What the first `stop` events have behind `position` as events of their own: such that no chunk can hold them."""
    found: list[Event] = []
    for event in events[:stop]:
        before = tuple(part for part in event.more if part[0] < position)
        behind = [part for part in event.more if part[0] >= position]
        found.append(Event(event.position, event.length, before))
        if behind:
            found.append(Event(*behind[0], tuple(behind[1:])))
    return sorted([*found, *events[stop:]], key=lambda event: event.position)
