"""Which dead letters were moved or removed: what Kafka can't forget one by one is marked.

    topic dead-letters-done    key   partition:first-end     the letters at offsets first to end, without end
                               dead-letters-done             a header: replayed, or removed

Invariants:
* A mark is never taken back, and marks may come in any order and twice: so two processes need not agree on who writes.
* Marks are kept without a limit of age. They go once all letters that they, and those before them, tell of are gone.
"""

from __future__ import annotations

import bisect
import re
from collections import deque
from collections.abc import Mapping, Sequence

from logd.chunk import Envelope

HOW = "dead-letters-done"
_KEY = re.compile(r"(\d{1,6}):(\d{1,18})-(\d{1,18})", re.ASCII)


class Mark:
    """What one record of the topic says."""

    __slots__ = ("end", "first", "partition")

    def __init__(self, partition: int, first: int, end: int) -> None:
        self.partition = partition
        self.first = first
        self.end = end

    def envelope(self, how: str) -> Envelope:
        """The mark as it is appended."""
        return Envelope(f"{self.partition}:{self.first}-{self.end}", {HOW: how}, b"")


def parse(key: bytes | None) -> Mark | None:
    """None for what is no mark."""
    found = _KEY.fullmatch((key or b"").decode(errors="replace"))
    if found is None:
        return None
    mark = Mark(*map(int, found.groups()))
    return mark if mark.first < mark.end else None


class Done:
    """All marks that were read. By partition the stretches that are done: they rise, and no two touch."""

    def __init__(self) -> None:
        self._firsts: dict[int, list[int]] = {}
        self._ends: dict[int, list[int]] = {}
        #: By partition of the marks' own topic: where each was, in order.
        self._places: dict[int, deque[tuple[int, Mark]]] = {}

    def add(self, mark: Mark) -> None:
        """May be there already."""
        firsts, ends = self._firsts.setdefault(mark.partition, []), self._ends.setdefault(mark.partition, [])
        low, high = bisect.bisect_left(ends, mark.first), bisect.bisect_right(firsts, mark.end)
        first, end = mark.first, mark.end
        if low < high:
            first, end = min(first, firsts[low]), max(end, ends[high - 1])
        firsts[low:high], ends[low:high] = [first], [end]

    def read(self, mark: Mark, partition: int, offset: int) -> None:
        """The same for one that stands in the topic."""
        self.add(mark)
        self._places.setdefault(partition, deque()).append((offset, mark))

    def skip(self, partition: int, offset: int) -> int:
        """The first offset from there on that isn't done."""
        firsts = self._firsts.get(partition, [])
        at = bisect.bisect_right(firsts, offset) - 1
        return max(offset, self._ends[partition][at]) if at >= 0 else offset

    def count(self, partition: int, first: int, end: int) -> int:
        """How many of these offsets are done."""
        stretches = zip(self._firsts.get(partition, []), self._ends.get(partition, []), strict=True)
        return sum(max(0, min(end, last) - max(first, begin)) for begin, last in stretches)

    def forget(self, oldest: Mapping[int, int]) -> dict[int, int]:
        """Letters before these offsets are gone: gives, by partition of the marks' topic, up to where its records say
        nothing of any that is left."""
        for partition, offset in oldest.items():
            firsts, ends = self._firsts.get(partition, []), self._ends.get(partition, [])
            gone = bisect.bisect_right(ends, offset)
            del firsts[:gone], ends[:gone]
        passed: dict[int, int] = {}
        for partition, places in self._places.items():
            while places and places[0][1].end <= oldest.get(places[0][1].partition, 0):
                passed[partition] = places.popleft()[0] + 1
        return passed


def marks_of(partition: int, offsets: Sequence[int], done: Done) -> list[Mark]:
    """As few marks as say that these, which rise, are done: what lies between two and is done already may be in one."""
    marks: list[Mark] = []
    for offset in offsets:
        if marks and done.skip(partition, marks[-1].end) == offset:
            marks[-1].end = offset + 1
        else:
            marks.append(Mark(partition, offset, offset + 1))
    return marks
