"""Bodies on their way in, of all handlers together: how much of them is held, and how many are read at once."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from aiohttp import web

from logd.config.schema import Ingest
from logd.errors import BadRequest, Unavailable
from logd.flow.stage import Stage
from logd.http.bodies import too_large
from logd.telemetry import metrics

#: Bodies that are decompressed and cut at the same time: each may take several times `max_body_bytes`, however small it
#: came, so they can't be as many as the threads.
_READERS = 2
#: A step of a body on its way in: see `api.stall_seconds`.
STEP_BYTES = 64 * 1024
T = TypeVar("T")


class Intake:
    """At most `max_inflight_bytes` of bodies are held at once, each of at most `max_body_bytes`."""

    def __init__(self, limits: Ingest, stall_seconds: float) -> None:
        """A step of a body may take `stall_seconds`."""
        self._limits = limits
        self._stall_seconds = stall_seconds
        self.stage = Stage("api.bodies", limits.max_inflight_bytes, "bytes")
        self._readers = ThreadPoolExecutor(_READERS, "api.bodies")

    @contextlib.asynccontextmanager
    async def read(self, request: web.Request, reader: Callable[[bytes], T]) -> AsyncIterator[T]:
        """What `reader` makes of the body, in a thread. The body counts as held until the block has ended and the
        thread has, whether the client waits or not: a thread doesn't stop when a connection does.

        Raises BadRequest, also for a body that is too large, and Unavailable when too much is held."""
        raw, held = await self._receive(request)
        reading = asyncio.get_running_loop().run_in_executor(self._readers, reader, raw)
        del raw

        def done(read: asyncio.Future[T]) -> None:
            self.stage.add(-held)
            if not read.cancelled():
                read.exception()  # nobody may be left to ask for it

        try:
            yield await asyncio.shield(reading)
        finally:
            reading.add_done_callback(done)
            del reading  # an error's traceback leads here: it would keep itself alive, and what was read

    async def close(self) -> None:
        """Waits for the bodies that are still being read."""
        await asyncio.to_thread(self._readers.shutdown)

    async def _receive(self, request: web.Request) -> tuple[bytes, int]:
        """The raw body, and what it counts in the stage. Raises BadRequest, or Unavailable when too much is held."""
        limit = self._limits.max_body_bytes
        if request.content_length is not None and request.content_length > limit:
            raise too_large(limit)
        parts: list[bytes] = []
        held = step_bytes = 0
        clock = asyncio.get_running_loop().time
        try:
            async with asyncio.timeout(self._stall_seconds) as deadline:
                while part := await request.content.readany():
                    if held + len(part) > limit:
                        raise too_large(limit)
                    self._refuse_if_full(len(part))
                    held += len(part)
                    self.stage.add(len(part))
                    parts.append(part)
                    step_bytes += len(part)
                    if step_bytes >= STEP_BYTES:
                        step_bytes = 0
                        deadline.reschedule(clock() + self._stall_seconds)
        except BaseException as error:
            self.stage.add(-held)
            if isinstance(error, TimeoutError):
                raise self._stalled(request, held) from error
            raise
        return b"".join(parts), held

    def _refuse_if_full(self, more_bytes: int) -> None:
        if self.stage.held + more_bytes > self.stage.capacity:
            self.stage.block()
            metrics.INGEST_REFUSED.labels("too_much_inflight").inc()
            raise Unavailable(f"{self.stage.held} bytes of bodies are held (ingest.max_inflight_bytes)")

    def _stalled(self, request: web.Request, held: int) -> BadRequest:
        said = "" if request.content_length is None else f" of {request.content_length}"
        return BadRequest(
            "body_stalled",
            f"{held}{said} bytes of the body came, and then no {STEP_BYTES} more within {self._stall_seconds:g} s "
            "(api.stall_seconds)",
            "body",
            408,
        )
