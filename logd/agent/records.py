"""Containers' records that belong together: the parts of a long line, and the lines of a trace, each in its own stream.

The two streams of a container are written to one file, so what belongs together may stand apart. A record goes on with
the event of its stream unless it begins one, or that is full, or another stream's record in between was written
`seconds` later: that one the clock of the agent, when it reads as it is written, would have taken for its end.

Only records that go on with others are looked at one by one, and these too only where they don't simply follow upon one
another, or don't all fit. What other records are is decided for the whole block.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from itertools import compress
from operator import sub

import msgspec

from logd.agent.containers import Records, seconds_between


class Limits(msgspec.Struct, frozen=True):
    """What one event may have, from its first line to its last, and how long it waits for more."""

    lines: int
    bytes: int
    seconds: float


#: The lines of an event: runs of (first, behind the last).
Runs = list[tuple[int, int]]
#: Of a stream's lines, which are numbers of the block's, for each whether it begins an event by its text.
Begins = Callable[[Sequence[int]], list[bool]]


class Streams:
    """Records into events, a block at a time. `starts` are the offsets of the records' lines in `data`, and at last of
    what is behind them; `begins` says which begin an event, unless they go on with a part: without it, all."""

    def __init__(self, records: Records, begins: Begins | None, starts: Sequence[int], limits: Limits) -> None:
        self._records = records
        self._begins = begins
        self._starts = starts
        self._limits = limits
        #: The events of several lines, and where those begin that may grow.
        self._joined: list[Runs] = []
        self._growing: list[int] = []

    def joined(self, final: bool) -> tuple[list[Runs], int]:
        """Which events have several lines, in order, of those that are complete and begin before any that isn't; and
        the line behind these. Every other line before that is an event."""
        count = len(self._records.streams)
        for stream in set(self._records.streams):
            self._take(list(compress(range(count), map(stream.__eq__, self._records.streams))))
        self._joined.sort()
        if final or not self._growing:
            return self._joined, count
        return self._before(min(self._growing))

    def _take(self, its: Sequence[int]) -> None:
        """All lines of one stream."""
        partial = list(map(self._records.partial.__getitem__, its))
        begins = [True] * len(its) if self._begins is None else self._begins(its)
        for part in compress(range(1, len(its)), partial):
            begins[part] = False
        begins[0] = True
        bounds = [*compress(range(len(its)), begins), len(its)]
        lengths = list(map(sub, bounds[1:], bounds))
        first = its[bounds[-2]]
        for start, length in compress(zip(bounds, lengths, strict=False), map((1).__lt__, lengths)):
            last = self._join(its[start : start + length])
            if start == bounds[-2]:
                first = last
        behind = len(self._records.streams)
        may_grow = self._begins is not None or partial[-1]
        if may_grow and self._fits(first, behind) and self._waits(its[-1], behind):
            self._growing.append(first)

    def _join(self, lines: Sequence[int]) -> int:
        """Takes lines of which each would go on with the one before. Gives where the last event of them begins."""
        first, last = lines[0], lines[-1]
        if last - first == len(lines) - 1 and self._fits(first, last):
            self._joined.append([(first, last + 1)])
            return first
        runs = [(first, first + 1)]
        for line in lines[1:]:
            begin, end = runs[-1]
            if not self._fits(runs[0][0], line) or not self._waits(end - 1, line):
                self._end(runs)
                runs = [(line, line + 1)]
            elif end == line:
                runs[-1] = (begin, line + 1)
            else:
                runs.append((line, line + 1))
        self._end(runs)
        return runs[0][0]

    def _end(self, runs: Runs) -> None:
        if len(runs) > 1 or runs[0][1] - runs[0][0] > 1:
            self._joined.append(runs)

    def _fits(self, first: int, line: int) -> bool:
        """The event that begins with line `first` has room for a record that comes as number `line`."""
        size = self._starts[min(line + 1, len(self._starts) - 1)] - self._starts[first]
        return line - first < self._limits.lines and size <= self._limits.bytes

    def _waits(self, last: int, line: int) -> bool:
        """No record between the two, which are all of other streams, was written too late to wait for more."""
        if line - last <= 1:
            return True
        written, *others = self._records.times[last:line]
        try:
            latest = max(map(datetime.fromisoformat, others))
            return (latest - datetime.fromisoformat(written)).total_seconds() < self._limits.seconds
        except (ValueError, TypeError):
            return all(seconds_between(written, other) < self._limits.seconds for other in others)

    def _before(self, growing: int) -> tuple[list[Runs], int]:
        """The events before line `growing`, as many as end before the next one begins; and where that is."""
        behind = growing
        for runs in reversed(self._joined):
            if runs[0][0] < behind < runs[-1][1]:
                behind = runs[0][0]
        return [runs for runs in self._joined if runs[0][0] < behind], behind


def by_stream(
    records: Records, begins: Begins | None, starts: Sequence[int], limits: Limits, final: bool
) -> tuple[list[Runs], int]:
    """See Streams."""
    return Streams(records, begins, starts, limits).joined(final)
