"""Standard input, as in `app | logd agent --stdin --service app`: its end ends the agent, once all is delivered.

What `app` has written and the agent has not yet delivered is at most a batch and what the pipe holds: a target that is
away makes `app` wait.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import stat
from collections.abc import AsyncIterator, Callable

from logd.agent.batches import Labels
from logd.agent.stream import READ_BYTES, Deliver, LineStream, Read, Seconds, pump
from logd.chunk import TARGET_BODY_BYTES

logger = logging.getLogger("logd.agent")
_STDIN = 0
#: As a file: a chunk of ordinary lines.
_HELD_BYTES = TARGET_BODY_BYTES


async def follow(
    labels: Callable[[], Labels], max_line_bytes: int, batch_seconds: Seconds, deliver: Deliver, stop: asyncio.Event
) -> None:
    """Until its end, or `stop`: then what was read is still delivered."""
    async with _opened(stop) as read:
        lost = await pump(read, LineStream(labels, max_line_bytes), deliver, batch_seconds, _HELD_BYTES)
    if lost:
        logger.error("%d lines of standard input are lost: the target is away, and the agent had to stop", lost)


@contextlib.asynccontextmanager
async def _opened(stop: asyncio.Event) -> AsyncIterator[Read]:
    """Standard input, which ends by itself or because of `stop`."""
    mode = os.fstat(_STDIN).st_mode
    if not (stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode) or os.isatty(_STDIN)):
        yield _File(stop).read
        return
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(limit=READ_BYTES)
    pipe = os.fdopen(os.dup(_STDIN), "rb", buffering=0)
    transport, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), pipe)
    async with asyncio.TaskGroup() as tasks:
        closing = tasks.create_task(_close(transport, stop), name="agent.stdin")
        try:
            yield lambda: reader.read(READ_BYTES)
        finally:
            closing.cancel()
            transport.close()


async def _close(transport: asyncio.ReadTransport, stop: asyncio.Event) -> None:
    await stop.wait()
    transport.close()


class _File:
    """A file, or /dev/null: always ready, which event loops can't wait for. A disk may be slow, so a thread reads."""

    def __init__(self, stop: asyncio.Event) -> None:
        self._stop = stop
        self._at = os.lseek(_STDIN, 0, os.SEEK_CUR)

    async def read(self) -> bytes:
        """What comes next; read again when this is cancelled."""
        if self._stop.is_set():
            return b""
        data = await asyncio.to_thread(os.pread, _STDIN, READ_BYTES, self._at)
        self._at += len(data)
        return data
