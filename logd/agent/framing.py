"""How the bytes of a file become events: its encoding, whose records its lines are, and which lines belong together.

Where every line is an event, and UTF-8, blocks are cut into whole lines (lines.py) and travel as they are. Else a batch
says where each of its events is in the file: an event is a run of lines or, where a container's two streams are written
in turns, several. An event that may still grow stays where it is. Pure.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from enum import StrEnum
from itertools import compress, pairwise
from operator import sub

from logd.agent import containers, encodings, lines, multiline
from logd.agent.batches import Event
from logd.agent.encodings import UTF_8, Encoding
from logd.agent.grouping import grouped
from logd.agent.lines import Piece
from logd.agent.records import Limits, by_stream
from logd.chunk import CRI, DOCKER, TEXT
from logd.config.schema import Files

_CONTENT_TYPES = {"lines": TEXT, "docker": DOCKER, "cri": CRI}


class Close(StrEnum):
    """How much of what is held becomes batches."""

    #: What fills them. (Events that are complete always do.)
    FULL = "full"
    #: Every event that is complete.
    COMPLETE = "complete"
    #: Everything: no event will grow.
    ALL = "all"


class Framing:
    """See the module. Offsets are in the data, which begins at `base` in the file; positions are the file's."""

    def __init__(self, entry: Files, encoding: Encoding, content_type: str, max_line_bytes: int) -> None:
        self.encoding = encoding
        self.content_type = content_type
        self._starts = multiline.starts_of(entry)
        self._max_line_bytes = max_line_bytes
        self._limits = Limits(entry.multiline_lines, entry.multiline_bytes, entry.multiline_seconds)
        #: Events may have several lines.
        self.joins = self._starts is not None or content_type != TEXT

    def cut(self, data: bytes, base: int, close: Close) -> list[Piece]:
        """`data` as pieces, one after the other from 0. `data` begins with a line; only its last one may lack its
        newline, and only for ALL. What is behind the last piece has room for more, or may grow."""
        if self._simple(data):
            return lines.cut(data, self._max_line_bytes, close is not Close.FULL)
        pieces: list[Piece] = []
        starts = self.encoding.starts(data)
        at = 0
        for place in self._long_lines(data, starts):
            pieces += self._pieces(data, base, starts[at : place + 1], final=True)
            pieces.append(Piece(starts[place], starts[place + 1], 1, self.kept_bytes))
            at = place + 1
        return pieces + self._pieces(data, base, starts[at:], final=close is Close.ALL)

    @property
    def kept_bytes(self) -> int:
        """How much stays of a line that is too long: no half of a character of two bytes."""
        return self._max_line_bytes - self._max_line_bytes % self.encoding.unit

    def _simple(self, data: bytes) -> bool:
        """Every line is an event, as it is."""
        if self._starts is not None or self.encoding is not UTF_8:
            return False
        return self.content_type == TEXT or containers.all_whole(self.content_type, data, lines.line_count(data))

    def _long_lines(self, data: bytes, starts: list[int]) -> list[int]:
        unit, limit = self.encoding.unit, self._max_line_bytes
        if len(starts) < 2 or max(map(int.__sub__, starts[1:], starts)) <= limit:
            return []
        lengths = [end - start for start, end in pairwise(starts)]
        if data[-unit:] == self.encoding.newline:
            return [place for place, length in enumerate(lengths) if length - unit > limit]
        return [place for place, length in enumerate(lengths[:-1]) if length - unit > limit] + (
            [len(lengths) - 1] if lengths[-1] > limit else []
        )

    def _pieces(self, data: bytes, base: int, starts: list[int], final: bool) -> list[Piece]:
        """Of the lines that begin at all but the last of `starts`, which is where they end."""
        if len(starts) < 2:
            return []
        if self._starts is None and self.content_type == TEXT:
            return _pieces_of_lines(starts)
        if (text := self._text(data, base, starts)) is not None:
            events, end = self._runs(text, data, base, starts, final)
        else:
            events, end = self._records(data, base, starts, final)
        return grouped(events, base, end)

    def _text(self, data: bytes, base: int, starts: list[int]) -> bytes | None:
        """The texts of the lines, where each event is a run of them; None where it may be otherwise."""
        if self._starts is None:
            return None
        block = data[starts[0] : starts[-1]]
        if self.content_type != TEXT:
            # With its newline a line shows even if its text is empty.
            whole = block if block.endswith(b"\n") else block + b"\n"
            return containers.texts(self.content_type, whole, len(starts) - 1)
        if self.encoding is UTF_8:
            return block
        return b"\n".join((*self.encoding.texts(block, base + starts[0]), b""))

    def _runs(self, text: bytes, data: bytes, base: int, starts: list[int], final: bool) -> tuple[list[Event], int]:
        """Events of lines that follow upon one another, whose texts are those of `text`, and where they end."""
        assert self._starts is not None
        begins = self._starts(text, final)
        if len(text) != starts[-1] - starts[0]:
            places = dict(zip(UTF_8.starts(text), starts, strict=True))
            bounds = [starts[0], *map(places.__getitem__, begins), starts[-1]]
        else:
            bounds = [starts[0], *map(starts[0].__add__, begins), starts[-1]]
        bounds = self._within_limits(bounds, starts)
        if not final:
            bounds.pop()
        unit = self.encoding.unit
        events = _events(bounds, base, unit)
        if events and bounds[-1] == starts[-1] and data[bounds[-1] - unit : bounds[-1]] != self.encoding.newline:
            last = events.pop()
            events.append(Event(last.position, last.length + unit))
        return events, bounds[-1]

    def _within_limits(self, bounds: list[int], starts: list[int]) -> list[int]:
        # An event has no more lines than bytes.
        most = min(self._limits.lines, self._limits.bytes)
        within: list[int] = []
        at = 0
        for number in compress(range(len(bounds)), map(most.__lt__, map(sub, bounds[1:], bounds))):
            within += bounds[at : number + 1]
            at = number + 1
            place, stop = bisect_right(starts, bounds[number]) - 1, bisect_right(starts, bounds[at]) - 1
            while (place := self._one_part(starts, place)) < stop:
                within.append(starts[place])
        return within + bounds[at:]

    def _one_part(self, starts: list[int], place: int) -> int:
        """The line behind the most that one event takes from `place` on, at least one."""
        by_bytes = bisect_right(starts, starts[place] + self._limits.bytes) - 1
        return max(place + 1, min(by_bytes, place + self._limits.lines))

    def _records(self, data: bytes, base: int, starts: list[int], final: bool) -> tuple[list[Event], int]:
        """Events of records, and where those end that are complete."""
        block = data[starts[0] : starts[-1]]
        records = containers.records(self.content_type, block, len(starts) - 1, texts=self._starts is not None)

        def begins(its: Sequence[int]) -> list[bool]:
            assert self._starts is not None
            text = b"\n".join((*map(records.texts.__getitem__, its), b""))
            found = {0, *self._starts(text, final)}
            return list(map(found.__contains__, UTF_8.starts(text)[: len(its)]))

        joined, behind = by_stream(records, begins if self._starts is not None else None, starts, self._limits, final)
        ends = starts if data[starts[-1] - 1] == lines.NEWLINE else [*starts[:-1], starts[-1] + 1]
        events = _events(ends[: behind + 1], base, 1)
        kept = bytearray(b"\1") * len(events)
        for runs in joined:
            for first, end in runs:
                kept[first:end] = bytes(end - first)
            first = runs[0][0]
            kept[first] = 1
            events[first] = _event(runs, ends, base)
        return list(compress(events, kept)), starts[behind]


def framing_of(entry: Files, prefix: bytes, max_line_bytes: int) -> Framing | None:
    """The framing of a file that begins with `prefix`; None when that can't be known yet."""
    encoding = encodings.of_file(entry.encoding, prefix)
    kind = containers.format_of(prefix) if entry.format == "auto" else entry.format
    if encoding is None or not kind:
        return None
    return Framing(entry, encoding, _CONTENT_TYPES[kind], max_line_bytes)


def _events(bounds: list[int], base: int, unit: int) -> list[Event]:
    """The events between the bounds, each without the newline of `unit` bytes at its end."""
    lengths = map((-unit).__add__, map(sub, bounds[1:], bounds))
    return list(map(Event, map(base.__add__, bounds), lengths))


def _event(runs: list[tuple[int, int]], starts: list[int], base: int) -> Event:
    """The event of these lines, without the newline at its end."""
    parts = [(base + starts[first], starts[behind] - starts[first]) for first, behind in runs]
    parts[-1] = (parts[-1][0], parts[-1][1] - 1)
    (position, length), *more = parts
    return Event(position, length, tuple(more))


def _pieces_of_lines(starts: list[int]) -> list[Piece]:
    pieces, at = [], 0
    while at < len(starts) - 1:
        end = lines.fit(starts, at)
        pieces.append(Piece(starts[at], starts[end], end - at))
        at = end
    return pieces
