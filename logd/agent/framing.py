"""How the bytes of a file become events: its encoding, whose records its lines are, and which lines belong together.

Where every line is an event, and UTF-8, blocks are cut into whole lines (lines.py) and travel as they are. Else a batch
says where each of its events is in the file: an event is a run of lines or, where a container's two streams are written
in turns, several. An event that may still grow stays where it is. Pure.
"""

from __future__ import annotations

from bisect import bisect_right
from enum import StrEnum
from itertools import pairwise

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
            return containers.texts(self.content_type, block, len(starts) - 1)
        if self.encoding is UTF_8:
            return block
        return b"\n".join((*self.encoding.texts(block, base + starts[0]), b""))

    def _runs(self, text: bytes, data: bytes, base: int, starts: list[int], final: bool) -> tuple[list[Event], int]:
        """Events of lines that follow upon one another, whose texts are those of `text`, and where they end."""
        assert self._starts is not None
        places = dict(zip(UTF_8.starts(text), starts, strict=True)) if len(text) != starts[-1] - starts[0] else None
        begins = self._starts(text, final)
        bounds = [places[start] for start in begins] if places is not None else [starts[0] + start for start in begins]
        bounds = [starts[0], *bounds, starts[-1]]
        bounds = self._within_limits(data, bounds, starts)
        if not final:
            bounds.pop()
        unit = self.encoding.unit
        events = [Event(base + start, end - start - unit) for start, end in pairwise(bounds)]
        if events and bounds[-1] == starts[-1] and data[bounds[-1] - unit : bounds[-1]] != self.encoding.newline:
            last = events.pop()
            events.append(Event(last.position, last.length + unit))
        return events, bounds[-1]

    def _within_limits(self, data: bytes, bounds: list[int], starts: list[int]) -> list[int]:
        most_lines, most_bytes = self._limits.lines, self._limits.bytes
        within: list[int] = []
        for start, end in pairwise(bounds):
            within.append(start)
            if end - start <= most_lines and end - start <= most_bytes:
                continue
            place, stop = bisect_right(starts, start) - 1, bisect_right(starts, end) - 1
            while (place := self._one_part(starts, place)) < stop:
                within.append(starts[place])
        within.append(bounds[-1])
        return within

    def _one_part(self, starts: list[int], place: int) -> int:
        """The line behind the most that one event takes from `place` on, at least one."""
        by_bytes = bisect_right(starts, starts[place] + self._limits.bytes) - 1
        return max(place + 1, min(by_bytes, place + self._limits.lines))

    def _records(self, data: bytes, base: int, starts: list[int], final: bool) -> tuple[list[Event], int]:
        """Events of records, and where those end that are complete."""
        raw = [data[start:end].removesuffix(b"\n") for start, end in pairwise(starts)]
        records = containers.records(self.content_type, raw)
        begins = [True] * len(raw)
        if self._starts is not None:
            for stream in set(records.streams):
                its = [line for line, other in enumerate(records.streams) if other == stream]
                text = b"\n".join((*(records.texts[line] for line in its), b""))
                at = {0, *self._starts(text, final)}
                for line, start in zip(its, UTF_8.starts(text), strict=False):
                    begins[line] = start in at
        found, behind = by_stream(records, begins, starts, self._limits, self._starts is not None, final)
        events = [_event(runs, starts, base) for runs in found]
        if behind == len(raw) and not data[: starts[-1]].endswith(b"\n"):
            events = [_event(runs, [*starts[:-1], starts[-1] + 1], base) for runs in found]
        return events, starts[behind]


def framing_of(entry: Files, prefix: bytes, max_line_bytes: int) -> Framing | None:
    """The framing of a file that begins with `prefix`; None when that can't be known yet."""
    encoding = encodings.of_file(entry.encoding, prefix)
    kind = containers.format_of(prefix) if entry.format == "auto" else entry.format
    if encoding is None or not kind:
        return None
    return Framing(entry, encoding, _CONTENT_TYPES[kind], max_line_bytes)


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
