"""Answers that are on their way when the process stops: whoever takes theirs gets it, up to a time; the others are cut
off, so that no stop waits for a client. A stream can be gone on with, and an answer be asked for again.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Iterator

import msgspec
from aiohttp import web

log = logging.getLogger("logd.api")
#: A client that takes nothing for so long has stopped reading.
STALLED_SECONDS = 2.0


class _Answer(msgspec.Struct):
    """`taken` is how many bytes had gone into the network when somebody looked, and `since` when that was so first."""

    request: web.Request
    begun: bool = False
    taken: int = -1
    since: float = 0.0


class Answering:
    """The requests of one listener that are under way, until their answers have left."""

    def __init__(self) -> None:
        #: By the identity of the requests, which have no hash.
        self._answers: dict[int, _Answer] = {}

    def __len__(self) -> int:
        return len(self._answers)

    @contextlib.contextmanager
    def under_way(self, request: web.Request) -> Iterator[None]:
        """Around handling a request and sending its answer."""
        self._answers[id(request)] = _Answer(request)
        try:
            yield
        finally:
            del self._answers[id(request)]

    async def begin(self, request: web.Request, _: web.StreamResponse) -> None:
        """The answer to a request begins; what comes later, without its handler, is but a head."""
        if answer := self._answers.get(id(request)):
            answer.begun = True

    def cut_off(self, late: bool) -> None:
        """Closes the connections of those who have taken nothing for STALLED_SECONDS of looks, or if it is late all."""
        now = asyncio.get_running_loop().time()
        for answer in self._answers.values():
            request = answer.request
            if not answer.begun or request.transport is None or request.transport.is_closing():
                continue
            waiting = request.transport.get_write_buffer_size()
            taken = request.writer.output_size - waiting
            if taken != answer.taken:
                answer.taken, answer.since = taken, now
            stalled = waiting > 0 and now - answer.since >= STALLED_SECONDS
            if stalled or late:
                asked = f"{request.method} {request.path} of {request.remote}"
                reason = "its client doesn't read it" if stalled else "it would take too long"
                log.warning("%s is cut off, as this process stops: %s", asked, reason)
                request.transport.abort()
