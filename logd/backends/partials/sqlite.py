"""What alerters have counted, in one SQLite file, for one machine: `DATA_DIR/alerts.db`. It has one shard, 0.

    publish ──> one thread: a transaction ──> pages      take: the file, once, then what is published, from memory
                                                         read: a connection of its own

Layout (PRAGMA user_version 1): `pages` has a row per key, with a `seq` that rises as they are published, and the CRC-32
of key and value. A page without a value takes its row away.

Invariants:
* What is published outlives this process, however it ends (WAL). It isn't waited for the disk (synchronous=NORMAL):
  after a power cut some of the last is missing, and the stream is counted again from where its positions say.
* One process uses the file: the data folder is locked.
* A file that is damaged is put aside, as alerts.db.damaged, and begun anew; a page that is damaged is left out. What
  had been counted of windows that began before is lost with it, where the stream isn't read again that far.
"""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from logd.backends.partials import sqlite_file
from logd.backends.partials.sqlite_file import SHARD
from logd.errors import Unavailable
from logd.seams import Page, Taken

#: Of values that are read from the file at a time: some milliseconds of its thread, which publishing waits for.
_PORTION_BYTES = 8 * 1024 * 1024
#: Who publishes more waits for who takes, for so long: there may be nobody any more.
_MOST_UNTAKEN, _UNTAKEN_SECONDS = 20_000, 5.0
T = TypeVar("T")


class SqlitePartials:
    """seams.Partials over one SQLite file. Use `SqlitePartials.open`."""

    def __init__(self, path: Path, db: sqlite3.Connection) -> None:
        self.shards = 1
        self._path = path
        self._db = db
        self._loop = asyncio.get_running_loop()
        self._writer = ThreadPoolExecutor(1, "partials.writer")
        self._reader = ThreadPoolExecutor(1, "partials.reader")
        #: Set in the writer's thread: what is published from now on isn't read from the file. Up to which seq it is.
        self._end: int | None = None
        self._read_up_to = 0
        self._gained = self._caught_up = False
        #: What was published and not taken since.
        self._new: list[Page] = []
        self._taken = asyncio.Event()
        self._arrived = asyncio.Event()
        self._closed = False

    @classmethod
    async def open(cls, path: Path) -> SqlitePartials:
        """Makes the file if need be. Raises ConfigError when it can't be used."""
        return cls(path, await asyncio.to_thread(sqlite_file.open_file, path))

    async def publish(self, pages: Sequence[Page]) -> None:
        await self._in(self._writer, lambda: self._publish(pages))
        if len(self._new) > _MOST_UNTAKEN and self._caught_up and not self._closed:
            self._taken.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_UNTAKEN_SECONDS):
                    await self._taken.wait()

    async def take(self, wait_seconds: float) -> Taken:
        if not self._caught_up:
            return await self._take_of_file()
        self._refuse_if_closed()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(max(wait_seconds, 0.0)):
                await self._arrived.wait()
        self._refuse_if_closed()
        self._arrived.clear()
        pages, self._new = self._new, []
        self._taken.set()
        return Taken(pages)

    async def read(self, wanted: Callable[[bytes], bool]) -> Sequence[Page]:
        return await self._in(self._reader, lambda: sqlite_file.read(self._path, wanted))

    async def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        self._arrived.set()
        self._taken.set()
        for thread in (self._writer, self._reader):
            await asyncio.to_thread(thread.shutdown)
        await asyncio.to_thread(self._db.close)

    async def _take_of_file(self) -> Taken:
        after = self._read_up_to
        pages, end, done = await self._in(self._writer, lambda: self._portion(after))
        gained = () if self._gained else (SHARD,)
        self._gained, self._read_up_to, self._caught_up = True, end, done
        return Taken(pages, gained=gained, caught_up=(SHARD,) if done else ())

    def _publish(self, pages: Sequence[Page]) -> None:
        """In the writer's thread, as what follows."""
        sqlite_file.put(self._db, pages)
        if self._end is not None:
            with contextlib.suppress(RuntimeError):  # the loop was closed under a call that nobody awaits any more
                self._loop.call_soon_threadsafe(self._add, pages)

    def _portion(self, after: int) -> tuple[Sequence[Page], int, bool]:
        if self._end is None:
            self._end = sqlite_file.newest(self._db)
        return sqlite_file.portion(self._db, after, self._end, _PORTION_BYTES)

    def _add(self, pages: Iterable[Page]) -> None:
        self._new += pages
        if self._new:
            self._arrived.set()

    async def _in(self, thread: Executor, run: Callable[[], T]) -> T:
        self._refuse_if_closed()
        try:
            return await self._loop.run_in_executor(thread, run)
        except sqlite3.Error as error:
            raise sqlite_file.failure(self._path, error) from error

    def _refuse_if_closed(self) -> None:
        if self._closed:
            raise Unavailable("the partials are closed")
