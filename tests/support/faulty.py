"""A way to a real server that makes trouble: it answers 503, ends answers in the middle, or takes its time."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from enum import StrEnum

_READ_BYTES = 4_096
_PAUSE_SECONDS = 0.01
_BUSY = b"HTTP/1.1 503 Slow Down\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


class Trouble(StrEnum):
    """What becomes of requests."""

    NONE = "none"
    BUSY = "busy"
    TRUNCATING = "truncating"
    SLOW = "slow"


class Faulty:
    """Before a port of 127.0.0.1; what `make` says goes for connections from then on, and ends those that there are."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._trouble = Trouble.NONE
        self._open: set[asyncio.Task[None]] = set()
        #: Connections that were made trouble.
        self.troubled = 0

    async def make(self, trouble: Trouble) -> None:
        """Waits until those that there are have ended."""
        self._trouble = trouble
        for task in (ending := list(self._open)):
            task.cancel()
        await asyncio.gather(*ending, return_exceptions=True)

    @contextlib.asynccontextmanager
    async def serving(self) -> AsyncIterator[int]:
        """On a free port, which it gives."""
        server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        try:
            yield server.sockets[0].getsockname()[1]
        finally:
            server.close()
            await self.make(Trouble.NONE)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._open.add(task)
        try:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
                await self._answered(reader, writer)
        finally:
            self._open.discard(task)
            writer.close()

    async def _answered(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._trouble is Trouble.BUSY:
            self.troubled += 1
            await reader.readuntil(b"\r\n\r\n")
            writer.write(_BUSY)
            await writer.drain()
            return
        theirs, ours = await asyncio.open_connection("127.0.0.1", self._port)
        try:
            async with asyncio.TaskGroup() as tasks:
                asking = tasks.create_task(self._pass(reader, ours, Trouble.NONE))
                await self._pass(theirs, writer, self._trouble)
                asking.cancel()
        finally:
            ours.close()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, trouble: Trouble) -> None:
        while data := await reader.read(_READ_BYTES):
            if trouble is Trouble.TRUNCATING:
                self.troubled += 1
                writer.write(data[: len(data) // 2])
                await writer.drain()
                return
            if trouble is Trouble.SLOW:
                self.troubled += 1
                await asyncio.sleep(_PAUSE_SECONDS)
            writer.write(data)
            await writer.drain()
