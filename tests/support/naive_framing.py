"""How the bytes of a file become events, a line at a time: slow and plain, as the agent's framing has to do it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from itertools import pairwise

import msgspec

from logd.agent import containers, lines, multiline
from logd.agent.batches import Event
from logd.agent.encodings import UTF_8
from logd.agent.framing import Close, Framing
from logd.agent.lines import Piece
from logd.agent.records import Limits
from logd.chunk import CRI, TEXT
from logd.config.schema import Files

_CRI_LINE = re.compile(rb"(\S+) (stdout|stderr) ([PF])[^ \n]*(?: |\Z)(.*)", re.DOTALL)


class _Records(msgspec.Struct, frozen=True):
    """What a block's lines say, in order, a row each, as in containers.py."""

    texts: list[bytes]
    streams: list[str]
    partial: list[bool]
    times: list[str]


class _DockerRecord(msgspec.Struct):
    """The defaults are those of a line that is none."""

    log: str = "\n"
    stream: str = ""
    time: str = ""


class _Open(msgspec.Struct):
    """The event of a stream that may go on: which it is of all, its first and last line, and whether the last was a
    part."""

    number: int
    first: int
    last: int
    partial: bool


class _Streams:
    """Records into events. `starts` are the offsets of the records' lines in `data`, and at last of
    what is behind them; `begins` says of each whether it begins an event, unless it goes on with a part."""

    def __init__(self, records: _Records, begins: Sequence[bool], starts: Sequence[int], limits: Limits) -> None:
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
            waited = _seconds_between(times[found.last], times[line])
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


class NaiveFraming:
    """As Framing. What it decides by looking at whole blocks is decided here for each line."""

    def __init__(self, entry: Files, framing: Framing, max_line_bytes: int) -> None:
        self._encoding = framing.encoding
        self._content_type = framing.content_type
        self._kept_bytes = framing.kept_bytes
        self._starts = multiline.starts_of(entry)
        self._max_line_bytes = max_line_bytes
        self._limits = Limits(entry.multiline_lines, entry.multiline_bytes, entry.multiline_seconds)

    def cut(self, data: bytes, base: int, close: Close) -> list[Piece]:
        """As Framing.cut."""
        if self._simple(data):
            return lines.cut(data, self._max_line_bytes, close is not Close.FULL)
        pieces: list[Piece] = []
        starts = self._encoding.starts(data)
        newline = self._encoding.newline
        at = 0
        for place, (start, end) in enumerate(pairwise(starts)):
            if len(data[start:end].removesuffix(newline)) > self._max_line_bytes:
                pieces += self._pieces(data, base, starts[at : place + 1], final=True)
                pieces.append(Piece(start, end, 1, self._kept_bytes))
                at = place + 1
        return pieces + self._pieces(data, base, starts[at:], final=close is Close.ALL)

    def _simple(self, data: bytes) -> bool:
        if self._starts is not None or self._encoding is not UTF_8:
            return False
        return self._content_type == TEXT or containers.all_whole(self._content_type, data, lines.line_count(data))

    def _single(self, block: bytes, count: int) -> bool:
        return self._content_type == TEXT or containers.texts(self._content_type, block, count) is not None

    def _pieces(self, data: bytes, base: int, starts: list[int], final: bool) -> list[Piece]:
        if len(starts) < 2:
            return []
        if self._starts is None and self._content_type == TEXT:
            return _pieces_of_lines(starts)
        # A file without streams has one, and its lines have no times.
        raw = [data[start:end].removesuffix(self._encoding.newline) for start, end in pairwise(starts)]
        if self._content_type == TEXT:
            texts = self._encoding.texts(data[starts[0] : starts[-1]], base + starts[0])
            records = _Records(texts, [""] * len(raw), [False] * len(raw), [""] * len(raw))
        else:
            records = _records(self._content_type, raw)
        begins = [True] * len(raw)
        if self._starts is not None:
            for stream in set(records.streams):
                its = [line for line, other in enumerate(records.streams) if other == stream]
                text = b"\n".join((*(records.texts[line] for line in its), b""))
                at = {0, *self._starts(text, final)}
                for line, start in zip(its, UTF_8.starts(text), strict=False):
                    begins[line] = start in at
        streams = _Streams(records, begins, starts, self._limits)
        if self._starts is not None and self._single(data[starts[0] : starts[-1]], len(raw)):
            # The last event waits for what is behind it, even when it is full.
            found, behind = streams.events(True, True)
            if not final:
                behind = found.pop()[0][0]
        else:
            found, behind = streams.events(self._starts is not None, final)
        newline = self._encoding.newline
        ends = [*starts[:-1], starts[-1] + (0 if data[: starts[-1]].endswith(newline) else len(newline))]
        return _grouped([_event(runs, ends, base, len(newline)) for runs in found], base, starts[behind])


def _records(content_type: str, raw: list[bytes]) -> _Records:
    if content_type == CRI:
        found = [_cri(line) for line in raw]
        return _Records(*map(list, zip(*found, strict=True)))
    docker = [_docker(line) for line in raw]
    return _Records(
        [record.log.replace("\n", "").encode() for record in docker],
        [record.stream for record in docker],
        [not record.log.endswith("\n") for record in docker],
        [record.time for record in docker],
    )


def _cri(line: bytes) -> tuple[bytes, str, bool, str]:
    record = _CRI_LINE.match(line)
    if record is None:
        return line, "", False, ""
    time, stream, tag, text = record.groups()
    return text, stream.decode(), tag == b"P", time.decode(errors="replace")


def _docker(line: bytes) -> _DockerRecord:
    try:
        return msgspec.json.decode(line, type=_DockerRecord)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return _DockerRecord()


def _seconds_between(first: str, second: str) -> float:
    try:
        return (datetime.fromisoformat(second) - datetime.fromisoformat(first)).total_seconds()
    except (ValueError, TypeError):
        return 0.0


def _event(runs: list[tuple[int, int]], starts: list[int], base: int, unit: int) -> Event:
    parts = [(base + starts[first], starts[behind] - starts[first]) for first, behind in runs]
    parts[-1] = (parts[-1][0], parts[-1][1] - unit)
    (position, length), *more = parts
    return Event(position, length, tuple(more))


def _pieces_of_lines(starts: list[int]) -> list[Piece]:
    pieces, at = [], 0
    while at < len(starts) - 1:
        end = lines.fit(starts, at)
        pieces.append(Piece(starts[at], starts[end], end - at))
        at = end
    return pieces


def _grouped(events: Sequence[Event], base: int, end: int) -> list[Piece]:
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
