"""Containers' records that belong together: the parts of a long line, and the lines of a trace, each in its own stream.

The two streams of a container are written to one file, so what belongs together may stand apart. A record goes on with
the event of its stream unless it begins one, or that is full, or another stream's record in between was written
`seconds` later: that one the clock of the agent, when it reads as it is written, would have taken for its end.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from logd.agent.containers import Records, seconds_between


class Limits(msgspec.Struct, frozen=True):
    """What one event may have, from its first line to its last, and how long it waits for more."""

    lines: int
    bytes: int
    seconds: float


class _Open(msgspec.Struct):
    """The event of a stream that may go on: which it is of all, its first and last line, and whether the last was a
    part."""

    number: int
    first: int
    last: int
    partial: bool


class Streams:
    """Records into events, a block at a time. `starts` are the offsets of the records' lines in `data`, and at last of
    what is behind them; `begins` says of each whether it begins an event, unless it goes on with a part."""

    def __init__(self, records: Records, begins: Sequence[bool], starts: Sequence[int], limits: Limits) -> None:
        self._records = records
        self._begins = begins
        self._starts = starts
        self._limits = limits
        #: The lines of each event: runs of (first, behind the last).
        self._events: list[list[tuple[int, int]]] = []
        self._open: dict[str, _Open] = {}

    def events(self, joins: bool, final: bool) -> tuple[list[list[tuple[int, int]]], int]:
        """The events that are complete and begin before any that isn't, as runs of lines; and the line behind them.
        With `joins` an event may go on even if its last record was whole."""
        for line, stream in enumerate(self._records.streams):
            found = self._open.get(stream)
            if found is not None and self._goes_on(found, line):
                runs = self._events[found.number]
                if found.last == line - 1:
                    runs[-1] = (runs[-1][0], line + 1)
                else:
                    runs.append((line, line + 1))
                found.last, found.partial = line, self._records.partial[line]
            else:
                self._events.append([(line, line + 1)])
                self._open[stream] = _Open(len(self._events) - 1, line, line, self._records.partial[line])
            if len(self._open) > 1:
                self._end_others(line, joins)
        behind = len(self._records.streams)
        growing = [
            found.number for found in self._open.values() if (joins or found.partial) and self._fits(found, behind)
        ]
        if final or not growing:
            return self._events, behind
        return self._before(min(growing))

    def _goes_on(self, found: _Open, line: int) -> bool:
        begins = self._begins[line] and not found.partial
        return not begins and self._fits(found, line)

    def _fits(self, found: _Open, line: int) -> bool:
        """The event has room for a record that comes as number `line`."""
        size = self._starts[min(line + 1, len(self._starts) - 1)] - self._starts[found.first]
        return line - found.first < self._limits.lines and size <= self._limits.bytes

    def _end_others(self, line: int, joins: bool) -> None:
        """Ends the events of other streams that can't go on, or have waited for too long when `line` is written."""
        times = self._records.times
        for stream, found in list(self._open.items()):
            if found.last == line:
                continue
            waited = seconds_between(times[found.last], times[line])
            if waited >= self._limits.seconds or not (joins or found.partial):
                del self._open[stream]

    def _before(self, growing: int) -> tuple[list[list[tuple[int, int]]], int]:
        """The events before number `growing`, as many as end before the next one begins."""
        whole = reach = 0
        for number, runs in enumerate(self._events[: growing + 1]):
            if reach <= runs[0][0]:
                whole = number
            reach = max(reach, runs[-1][1])
        return self._events[:whole], self._events[whole][0][0]


def by_stream(
    records: Records, begins: Sequence[bool], starts: Sequence[int], limits: Limits, joins: bool, final: bool
) -> tuple[list[list[tuple[int, int]]], int]:
    """See Streams."""
    return Streams(records, begins, starts, limits).events(joins, final)
