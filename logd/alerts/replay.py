"""The windows of rules that are new or changed, filled from the stream while the alerter goes on counting the others.

    stream, from a while ago ── Replay: a counter of the new gauges alone ──┐ hand_over, between two of its batches
    stream, from now on ── the alerter: counter of all other gauges ────────┴─> counter of all gauges

Both read the same messages, each in the order of its part, and each message counts once for each gauge:

* A part is counted from where the replay begins it up to where the alerter is in it, never beyond: what was read too
  early is held, or dropped and read again. So what is handed over ends exactly where the alerter goes on.
* What is held is bounded, and so is what is counted at a time.
* A part that the alerter loses is forgotten; one that comes is counted from where the alerter begins it, after what its
  last owner has published of the same gauges: what it had before that isn't in the windows.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from typing import ParamSpec, Protocol, TypeVar

from logd.alerts.counter import Counter
from logd.alerts.gauges import Gauge
from logd.alerts.pages import kind_of
from logd.alerts.sources import Sources
from logd.chunk import Message
from logd.errors import Corrupt, Unavailable
from logd.seams import Follower, Page, StreamPositions

log = logging.getLogger("logd.alerter")
#: Of messages that were read before the alerter has counted them (compressed values): as one fetch of a transport.
_HELD_BYTES = 16 * 1024 * 1024
#: A fetch that brings nothing: messages below the alerter's place are there, or will never be.
_WAIT_SECONDS = 0.25
#: What the alerter's other rules wait for a handover; the next one begins with less to do.
_HAND_OVER_SECONDS = 1.0
#: Between tries while the stream can't be read: doubling from the first to the second.
_RETRY_SECONDS = (0.5, 15.0)
#: So many fetches in a row bring nothing though the alerter has counted more: a stream that was cut off behind it.
_MOST_EMPTY = 240
Follow = Callable[[StreamPositions | None, int | None], Awaitable[Follower]]
Count = Callable[[Sequence[Message]], Awaitable[None]]
P = ParamSpec("P")
T = TypeVar("T")


class InThread(Protocol):
    """Calls a function in the thread in which all is counted."""

    def __call__(self, function: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> Awaitable[T]: ...


def replayed_seconds(gauges: Collection[Gauge], most_seconds: float) -> float:
    """How far back the stream has to be read for these gauges: for the longest of their windows, all windows that it is
    compared with, and the lateness."""
    spans = (gauge.span for gauge in gauges)
    return min(most_seconds, max(((span.kept - span.window) * span.width_us / 1e6 for span in spans), default=0.0))


class Replay:
    """Use `run` in a task, and `hand_over` once that has ended. When the rules change before, cancel and close it, and
    begin another one."""

    def __init__(
        self,
        counter: Counter,
        since_us: int,
        positions: Callable[[], StreamPositions],
        follow: Follow,
        count: Count,
        in_thread: InThread,
        sources: Sources | None = None,
        lines: int = 16_000,
    ) -> None:
        """`counter` is one of the new gauges alone, into which `count` counts messages; whoever made it closes it.
        `positions` are those up to which the alerter has counted each of its parts by now. The stream is read from what
        was taken at `since_us` on, so many `lines` at a time, by the transport's `follow`. Where a transport knows no
        sources, it takes `sources` that know of none yet."""
        self._counter = counter
        self._since_us = since_us
        self._positions = positions
        self._follow = follow
        self._in_thread = in_thread
        self._count = count
        self._sources = sources
        self._lines = lines
        self._parts = set(positions())
        #: By part, from where on messages are counted: those before are, or were before its beginning.
        self._next: dict[int, int] = {}
        #: Read, but not counted by the alerter when they were; in order of each part.
        self._held: list[Message] = []
        self._held_bytes = 0
        #: By part, the first message that was read and is not held: it and all after it have to be read again.
        self._dropped: dict[int, int] = {}
        self._follower: Follower | None = None
        self._turn = asyncio.Lock()
        self._empty = 0
        self._given_up = False
        self._ended = False

    @property
    def reads(self) -> bool:
        """Whether the transport keeps what it still has for it."""
        return self._follower is not None

    async def run(self) -> None:
        """Counts until it is where the alerter is. Waits while the stream can't be read; where it never can be, what
        was counted by then is all."""
        wait, longest = _RETRY_SECONDS
        while True:
            try:
                if not await self.step():
                    return
                wait = _RETRY_SECONDS[0]
            except Unavailable as error:
                log.warning("the stream can't be read for new alert rules, trying again in %.1f s: %s", wait, error)
                await asyncio.sleep(wait * random.uniform(0.5, 1.0))
                wait = min(2 * wait, longest)

    async def step(self) -> bool:
        """Counts some more of what the alerter has; whether there is more of it. Raises Unavailable."""
        async with self._turn:
            if self._ended:
                return False
            upto = {part: at for part, at in self._positions().items() if part in self._parts}
            if ready := self._ready(upto):
                await self._take(ready)
            elif self._behind(upto) and not self._given_up:
                try:
                    await self._read(upto)
                except Corrupt as error:
                    log.error("the windows of new alert rules miss what can't be read of the stream: %s", error)
                    self._given_up = True
            held = any(message.position < upto.get(message.partition, 0) for message in self._held)
            return held or (not self._given_up and bool(self._behind(upto)))

    async def hand_over(self) -> bool:
        """Whether all is counted exactly up to where the alerter is, which then takes the counter over before it counts
        anything else; if not, it calls this again after its next batch. Takes a moment."""
        deadline = time.monotonic() + _HAND_OVER_SECONDS
        try:
            while await self.step():
                if time.monotonic() >= deadline:
                    return False
        except Unavailable as error:
            log.warning("the stream can't be read for new alert rules: %s", error)
            return False
        await self.close()
        return True

    async def begin(
        self, part: int, position: int, pages: Sequence[Page], ends: Mapping[str, int] | None = None
    ) -> int:
        """The alerter begins a part there: what was counted of it is forgotten, and it goes on from what was published
        of it, if any of it is of these gauges, with what is known of its sources. How many pages were damaged."""
        async with self._turn:
            await self._forget(part)
            if self._sources is not None:
                self._sources.forget(part, ends)
            self._parts.add(part)
            self._next[part] = position
            if self._follower is not None:
                self._read_again(part, self._follower)
            # Those of other gauges are the alerter's, also to take away what others have published.
            ours = {gauge.key for gauge in self._counter.gauges}
            wanted = [page for page in pages if kind_of(page.key) in ours]
            return await self._in_thread(self._counter.restore, wanted)

    async def forget(self, part: int) -> None:
        """It is the alerter's no more."""
        async with self._turn:
            await self._forget(part)

    async def close(self) -> None:
        """Counts no more. May be called twice."""
        self._ended = True
        follower, self._follower = self._follower, None
        self._held.clear()
        if follower is not None:
            await follower.close()

    async def _forget(self, part: int) -> None:
        self._parts.discard(part)
        self._next.pop(part, None)
        self._dropped.pop(part, None)
        self._held = [message for message in self._held if message.partition != part]
        self._held_bytes = sum(len(message.value) for message in self._held)
        if self._sources is not None:
            self._sources.forget(part)
        await self._in_thread(self._counter.forget, part)

    def _ready(self, upto: StreamPositions) -> list[Message]:
        """Of what is held, what the alerter has counted by now."""
        ready = [message for message in self._held if message.position < upto.get(message.partition, 0)]
        if ready:
            self._held = [message for message in self._held if message.position >= upto.get(message.partition, 0)]
            self._held_bytes = sum(len(message.value) for message in self._held)
        return ready

    def _behind(self, upto: StreamPositions) -> set[int]:
        """The parts of which something wasn't read that the alerter has counted."""
        read: StreamPositions = {} if self._follower is None else self._follower.positions
        return {part for part, at in upto.items() if self._dropped.get(part, read.get(part, -1)) < at}

    async def _read(self, upto: StreamPositions) -> None:
        if self._follower is None:
            await self._open(None, self._since_us)
        # Those that can be read on come first: to begin anew costs what the transport has fetched ahead.
        elif self._behind(upto) <= self._dropped.keys() or not upto.keys() <= self._follower.positions.keys():
            await self._open(self._places(self._follower), None)
        assert self._follower is not None
        messages = await self._follower.fetch(self._lines, _WAIT_SECONDS)
        self._empty = 0 if messages else self._empty + 1
        if self._empty > _MOST_EMPTY and self._behind(upto):
            log.error("the windows of new alert rules miss what the stream no longer has, below %s", dict(upto))
            self._given_up = True
        ready: list[Message] = []
        for message in messages:
            part = message.partition
            if part not in self._parts or part in self._dropped or message.position < self._next.get(part, 0):
                continue
            if message.position < upto.get(part, 0):
                ready.append(message)
            elif self._held_bytes + len(message.value) <= _HELD_BYTES:
                self._held.append(message)
                self._held_bytes += len(message.value)
            else:
                self._dropped[part] = message.position
        await self._take(ready)

    async def _take(self, messages: Sequence[Message]) -> None:
        """Those of each part in order, none of which was counted before."""
        sources = self._sources
        new = messages if sources is None else [message for message in messages if sources.is_new(message)]
        if new:
            await self._count(new)
        for message in messages:
            self._next[message.partition] = message.position + 1

    async def _open(self, start: StreamPositions | None, since_us: int | None) -> None:
        """Raises Unavailable; it is as before then."""
        opened = await self._follow(start, since_us)
        before, self._follower = self._follower, opened
        if start is None:
            for part in self._next:
                self._read_again(part, opened)
        else:
            # What is held is after what was counted, and comes again.
            self._held, self._held_bytes, self._dropped = [], 0, {}
        if before is not None:
            await before.close()

    def _read_again(self, part: int, follower: Follower) -> None:
        """If it begins before where the follower is."""
        if follower.positions.get(part, 0) > self._next[part]:
            self._dropped[part] = self._next[part]

    def _places(self, follower: Follower) -> StreamPositions:
        """From where on each part wasn't counted."""
        first: dict[int, int] = {}
        for message in self._held:
            first.setdefault(message.partition, message.position)
        return {**follower.positions, **self._dropped, **first}
