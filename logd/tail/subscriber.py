"""What waits for one client: bounded, and the oldest is dropped when the client is too slow, or they come too fast."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator, Sequence

from logd.query.tree import Node
from logd.tail import events
from logd.tail.events import Part
from logd.tail.places import Places, resume_id
from logd.tail.rate import UNLIMITED, Rate
from logd.telemetry import metrics

#: A client at a thousand lines a second may pause for some seconds; a hundred such clients hold 100 MB.
MAX_BYTES = 1024 * 1024
MAX_EVENTS = 4_000
#: Written at once: small, so that a slow client is seen to take something.
_WRITE_BYTES = 64 * 1024
#: A client that takes nothing for so long is cut off.
_PATIENCE_SECONDS = 120.0
#: What a client has to take its last event in: a stop waits for it.
_END_SECONDS = 0.5


class Subscriber:
    """A client's queue; belongs to one loop. `node` is its filter, and `places` is up to where the stream was filtered
    for it: what is before them waits here or was taken."""

    def __init__(
        self,
        node: Node,
        places: Places,
        rate: Rate = UNLIMITED,
        max_bytes: int = MAX_BYTES,
        patience_seconds: float = _PATIENCE_SECONDS,
    ) -> None:
        self.node = node
        self.places = places
        self.ended = ""
        self._rate = rate
        self._max_bytes = max_bytes
        self._patience_seconds = patience_seconds
        self._parts: deque[Part] = deque()
        self._bytes = 0
        self._events = 0
        self._changed = asyncio.Event()
        self._empty = asyncio.Event()
        self._empty.set()
        self._writing: asyncio.Timeout | None = None

    @property
    def held_bytes(self) -> int:
        """Of what waits."""
        return self._bytes

    def put(self, parts: Sequence[Part], places: Places) -> None:
        """What comes next; after it, the stream was filtered up to `places`. Drops the oldest when it is too much, of
        this by the rate, of all that waits by its size; but keeps the last part, however large."""
        self.places = places
        if self.ended or not parts:
            return
        for part in self._rate.of(parts):
            self._parts.append(part)
            self._bytes += len(part.body)
            self._events += part.events
            metrics.TAIL_MISSED.inc(part.missed)
        if self._bytes > self._max_bytes or self._events > MAX_EVENTS:
            self._drop()
        self._empty.clear()
        self._changed.set()

    async def taken(self) -> None:
        """Until nothing waits, or it has ended."""
        await self._empty.wait()

    async def take(self, wait_seconds: float) -> bytes:
        """Events to write, as many as make up a write; a heartbeat when none came within `wait_seconds`; nothing once
        it has ended."""
        if not self._parts and not self.ended:
            self._changed.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(wait_seconds):
                    await self._changed.wait()
        if self.ended:
            return b""
        bodies: list[bytes] = []
        size = 0
        while self._parts and size < _WRITE_BYTES:
            part = self._parts.popleft()
            self._bytes -= len(part.body)
            self._events -= part.events
            body = sent(part)
            bodies.append(body)
            size += len(body)
        if not self._parts:
            self._empty.set()
        return b"".join(bodies) or events.heartbeat(resume_id(self.places))

    @contextlib.asynccontextmanager
    async def writing(self) -> AsyncIterator[None]:
        """Within it something is written to the client; TimeoutError when the client doesn't take it in time."""
        async with asyncio.timeout(_END_SECONDS if self.ended else self._patience_seconds) as self._writing:
            try:
                yield
            finally:
                self._writing = None

    def end(self, reason: str) -> None:
        """Nothing more comes; what waits is dropped, since the client can resume before it."""
        if self.ended:
            return
        self.ended = reason
        self._parts.clear()
        self._bytes = self._events = 0
        self._changed.set()
        self._empty.set()
        if self._writing is not None:
            self._writing.reschedule(asyncio.get_running_loop().time() + _END_SECONDS)

    def _drop(self) -> None:
        """Takes the oldest lines out; in their place is said how many they were. What else waits there stays."""
        kept: list[Part] = []
        missed = 0
        after = ""
        while len(self._parts) > 1 and (self._bytes > self._max_bytes or self._events > MAX_EVENTS):
            part = self._parts.popleft()
            after = part.after
            if not part.events and not part.missed:
                kept.append(part)
                continue
            missed += part.events + part.missed
            metrics.TAIL_MISSED.inc(part.events)
            self._bytes -= len(part.body)
            self._events -= part.events
        if missed:
            kept.append(Part(b"", 0, after, missed))
        self._parts.extendleft(reversed(kept))


def sent(part: Part) -> bytes:
    """The part as it is written."""
    metrics.TAIL_SENT.inc(part.events)
    return events.missed(part.missed, part.after) if part.missed else part.body
