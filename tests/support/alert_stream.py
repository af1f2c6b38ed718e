"""A stream in memory, of several parts, which tests can make fail, and what an alerter does with it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import ParamSpec, TypeVar

from logd.alerts.counter import Counter
from logd.alerts.pages import read_cells
from logd.chunk import Message
from logd.errors import Unavailable
from logd.seams import Page, StreamPositions
from tests.support.alert_engine import Record, count
from tests.support.rows import DAY, row

P = ParamSpec("P")
T = TypeVar("T")
#: By gauge, part, bucket and group, what was counted.
Cells = Mapping[tuple[str, int, int, tuple[str | None, ...]], Sequence[object]]


class Stream:
    """Messages of one record each, taken at the time that the record has."""

    def __init__(self, parts: int) -> None:
        self.parts: list[list[Message]] = [[] for _ in range(parts)]
        self.opened = 0
        #: Of the next calls, so many are in vain.
        self.failing = 0

    def append(self, part: int, time_us: int, service: str, headers: Mapping[str, str]) -> None:
        """A message more."""
        messages = self.parts[part]
        messages.append(Message(part, len(messages), time_us, service, dict(headers), service.encode()))

    async def follow(self, start: StreamPositions | None, since_us: int | None) -> Follower:
        """As Transport.follow of the one topic."""
        self.fail()
        self.opened += 1
        if start is not None:
            return Follower(self, {part: start.get(part, 0) for part in range(len(self.parts))})
        return Follower(self, self.since(since_us or 0))

    def since(self, since_us: int) -> dict[int, int]:
        """Where each part begins that is read from then on."""
        return {
            part: next((one.position for one in messages if one.timestamp_us >= since_us), len(messages))
            for part, messages in enumerate(self.parts)
        }

    def fail(self) -> None:
        """Raises Unavailable if it should."""
        if self.failing:
            self.failing -= 1
            raise Unavailable("the brokers take a break")


class Follower:
    """seams.Follower of it. Each fetch brings one part's messages, the parts take turns."""

    def __init__(self, stream: Stream, positions: dict[int, int]) -> None:
        self._stream = stream
        self._turn = 0
        self.positions: StreamPositions = positions
        self.closed = False

    async def fetch(self, max_lines: int, wait_seconds: float) -> Sequence[Message]:
        """At most so many messages."""
        assert not self.closed
        self._stream.fail()
        count = len(self._stream.parts)
        for turn in range(count):
            part = (self._turn + turn) % count
            if some := self._stream.parts[part][self.positions[part] :][:max_lines]:
                self._turn = part + 1
                self.positions = {**self.positions, part: some[-1].position + 1}
                return some
        return []

    def lag(self) -> int:
        """Messages that it hasn't given yet."""
        return sum(len(self._stream.parts[part]) - at for part, at in self.positions.items())

    async def close(self) -> None:
        """No more is asked of it."""
        self.closed = True


async def at_once(function: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> T:
    """As of a thread."""
    return function(*arguments, **named)


def counted_in(counter: Counter) -> Callable[[Sequence[Message]], Awaitable[None]]:
    """What counts messages of a Stream."""

    async def counted(messages: Sequence[Message]) -> None:
        count(counter, [(one.partition, one.position, [record_of(one)]) for one in messages])

    return counted


def record_of(message: Message) -> Record:
    """The one that is in it; the same chunk has the same time again."""
    time_us = int(message.headers.get("time", message.timestamp_us))
    return row(DAY + time_us, "x", service=message.value.decode())


def cells_of(pages: Sequence[Page]) -> Cells:
    """What they say."""
    found: dict[tuple[str, int, int, tuple[str | None, ...]], Sequence[object]] = {}
    for page in pages:
        cells = read_cells(page)
        size = len(cells.numbers) // max(len(cells.groups), 1)
        for place, group in enumerate(cells.groups):
            numbers = cells.numbers[place * size : (place + 1) * size]
            found[cells.gauge, cells.part, cells.bucket, tuple(group)] = [
                numbers,
                *(cells.sketches[place] if cells.sketches else ()),
            ]
    return found
