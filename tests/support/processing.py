"""The processor over a real transport and a real index, and a door before the index that can be shut."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

from logd import chunk
from logd.backends.index.segments import SegmentsIndex
from logd.backends.transport.sqlite import SqliteTransport
from logd.chunk import Chunk, Envelope, Message, Positions
from logd.config.schema import Config, Parse, SearchLimits
from logd.config.schema import Index as IndexLimits
from logd.errors import Unavailable
from logd.flow.stage import Stage
from logd.roles.processor import GROUP, Processor
from logd.seams import DEAD_LETTERS, RAW_LOGS, Batch, Found, Search, StreamPositions, Written
from tests.support.rows import everything

NEVER = IndexLimits(flush_rows=1_000_000, flush_bytes=2**40, flush_seconds=1_000_000)


def envelope(number: int, *lines: str) -> Envelope:
    """A source's chunk of lines."""
    item = Chunk(
        service="web",
        host="h",
        source="/var/log/x",
        source_id=f"{number:016x}",
        offset=0,
        end=len(lines),
        lines=len(lines),
        observed_us=1_700_000_000_000_000,
        value=chunk.compress("\n".join(lines).encode()),
        positions=Positions.LINE,
    )
    return item.to_envelope()


def unreadable(number: int) -> Envelope:
    """A chunk whose value is none."""
    good = envelope(number, "lost")
    return Envelope(good.key, good.headers, b"this is no zstd")


class Watched:
    """The index, and what happens at its door: `batches` came in, `refused` were turned away, and while `gate` is shut
    they wait."""

    def __init__(self, index: SegmentsIndex) -> None:
        self._index = index
        self._happened = asyncio.Condition()
        self.gate = asyncio.Event()
        self.gate.set()
        self.waiting = 0
        self.batches: list[Batch] = []
        self.refused = 0

    async def write(self, batch: Batch) -> Written:
        self.waiting += 1
        await self._tell()
        await self.gate.wait()
        self.waiting -= 1
        try:
            written = await self._index.write(batch)
            self.batches.append(batch)
        except Unavailable:
            self.refused += 1
            raise
        finally:
            await self._tell()
        return written

    async def until(self, *, rows: int = 0, waiting: int = 0, refused: int = 0, batches: int = 0) -> None:
        """Waits for that many."""

        def there() -> bool:
            came = self.rows >= rows and len(self.batches) >= batches
            return came and self.waiting >= waiting and self.refused >= refused

        async with asyncio.timeout(60), self._happened:
            await self._happened.wait_for(there)

    @property
    def rows(self) -> int:
        return sum(len(batch.table) for batch in self.batches)

    @property
    def stages(self) -> Sequence[Stage]:
        return self._index.stages

    def durable(self) -> StreamPositions | None:
        return self._index.durable()

    async def flush(self) -> None:
        await self._index.flush()

    async def search(self, search: Search) -> Found:
        return await self._index.search(search)

    async def status(self) -> dict[str, Any]:
        return await self._index.status()

    async def close(self) -> None:
        await self._index.close()

    async def _tell(self) -> None:
        async with self._happened:
            self._happened.notify_all()


class World:
    """A data folder, opened."""

    def __init__(self, folder: Path, transport: SqliteTransport, index: Watched, config: Config) -> None:
        self.folder = folder
        self.transport = transport
        self.index = index
        self.config = config

    @classmethod
    @contextlib.asynccontextmanager
    async def open(cls, folder: Path, limits: IndexLimits = NEVER, **parse: Any) -> AsyncIterator[World]:
        await asyncio.to_thread(folder.mkdir, exist_ok=True)
        transport = await SqliteTransport.open(folder / "transport.db")
        index = Watched(await SegmentsIndex.open(folder / "index", limits, SearchLimits(threads=1)))
        try:
            yield cls(folder, transport, index, Config(parse=Parse(**{"join_seconds": 0, **parse})))
        finally:
            await index.close()
            await transport.close()

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[asyncio.Event]:
        """The processor runs meanwhile, and is stopped in the end."""
        stop = asyncio.Event()
        run = asyncio.create_task(Processor(self.config, self.transport, self.index).run(stop), name="processor")
        try:
            yield stop
        finally:
            stop.set()
            self.index.gate.set()
            async with asyncio.timeout(60):
                await run

    def copy(self, name: str) -> Path:
        """What a crash at this moment would leave."""
        copy = self.folder.with_name(name)
        shutil.copytree(self.folder, copy, ignore=shutil.ignore_patterns("*-shm"))
        return copy

    async def append(self, *envelopes: Envelope) -> None:
        await self.transport.append(RAW_LOGS, envelopes)

    async def messages(self) -> list[str]:
        """What is found, sorted."""
        found = await self.index.search(everything())
        return sorted(found.table["message"].to_pylist())

    async def letters(self) -> list[Message]:
        """The dead letters."""
        consumer = await self.transport.consume(DEAD_LETTERS, "test")
        return list(await consumer.fetch(1_000, 0))

    async def group(self) -> dict[str, int]:
        """The group's position and lag."""
        groups: dict[str, dict[str, int]] = (await self.transport.status())[RAW_LOGS]["groups"]
        return {name: groups[GROUP][name] for name in ("position", "lag")}
