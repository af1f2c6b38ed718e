"""Events into pieces: as many as a chunk takes, and none whose lines are on both sides of where it ends."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import compress
from operator import attrgetter

from logd.agent import lines
from logd.agent.batches import Event
from logd.agent.lines import Piece

_MORE = attrgetter("more")
_POSITION = attrgetter("position")


def grouped(events: Sequence[Event], base: int, end: int) -> list[Piece]:
    """The events, which are in the order of their positions and end at offset `end` of what begins at `base`."""
    left = list(events)
    pieces: list[Piece] = []
    starts = _starts(left, base, end)
    at = 0
    while at < len(left):
        stop = most = lines.fit(starts, at)
        if any(map(_MORE, left[at:stop])):
            stop = _last_gap(left, at, most, base, starts)
            if stop == at:
                left, stop = _parted(left, most, base + starts[most]), most
                starts = _starts(left, base, end)
        pieces.append(Piece(starts[at], starts[stop], stop - at, None, tuple(left[at:stop])))
        at = stop
    return pieces


def _last_gap(events: Sequence[Event], at: int, most: int, base: int, starts: Sequence[int]) -> int:
    """The last place up to `most` before which every event has ended; `at` when there is none."""
    gap = most
    # Only what is written in turns can reach beyond where the next event begins.
    for place in reversed(list(compress(range(at, most), map(_MORE, events[at:most])))):
        if place < gap and events[place].end > base + starts[gap]:
            gap = place
    return gap


def _starts(events: Sequence[Event], base: int, end: int) -> list[int]:
    return [*map((-base).__add__, map(_POSITION, events)), end]


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
