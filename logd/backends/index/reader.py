"""Reading snapshots of the embedded index, in threads, on connections that end when nobody waits any more."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import os
from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from typing import Protocol, TypeVar

import duckdb
import pyarrow as pa

from logd.config.schema import SearchLimits
from logd.errors import BadRequest, Corrupt, Unavailable
from logd.store.connection import Connection
from logd.store.footers import Footers
from logd.store.walk import Snapshot
from logd.telemetry import metrics

#: An interrupt that comes between two queries is forgotten by DuckDB; what is missed by one is met by the next.
_STOP_AGAIN_SECONDS = 0.05
T = TypeVar("T")
#: What reading a segment's file may raise when it is damaged, or away.
_UNREADABLE = (duckdb.Error, pa.ArrowException, OSError, Corrupt, Unavailable)
Read = Callable[[Connection, Snapshot], T]


class Held(Protocol):
    """Whose segments are read."""

    def lease(self) -> contextlib.AbstractContextManager[None]:
        """Within it, the files of all segments of now stay."""
        ...

    async def put_aside_damaged(self, now: Snapshot, error: Exception) -> bool:
        """Puts those aside that made a read fail since they are damaged, which the next snapshot hasn't any more;
        whether there were any. Raises Unavailable when the files can't be had now."""
        ...


class Reader:
    """One DuckDB instance with a memory limit, and two threads for each of `search.concurrent`: a search that runs for
    long lets another one run beside it."""

    def __init__(self, held: Held, limits: SearchLimits, filesystem: object | None = None) -> None:
        """`filesystem` is fsspec's, where the files are in one."""
        self.footers = Footers()
        self._held = held
        config: dict[str, str | bool | int | float | list[str]] = {
            "threads": limits.threads or os.cpu_count() or 1,
            "memory_limit": f"{limits.memory_bytes}B",
        }
        self._sql = duckdb.connect(config=config)
        self._sql.execute("SET GLOBAL TimeZone = 'UTC'")
        self._sql.execute("SET temp_directory = ''")  # the limit is one of memory: nothing goes to the working folder
        self._sql.execute("SET enable_external_file_cache = false")  # the kernel has the pages already
        if filesystem is None:
            self._sql.execute("SET parquet_metadata_cache = true")  # segments never change
        else:
            self._sql.register_filesystem(filesystem)  # each search has other names for them
        self._lines = limits.scan_lines
        self._searches = ThreadPoolExecutor(2 * limits.concurrent, "index.search")

    async def search(self, snapshot: Callable[[], Snapshot], read: Read[T]) -> T:
        """As `read`, in one of the threads for searches. Raises BadRequest when there isn't enough memory, or when it
        reads too much."""
        try:
            return await self.read(self._searches, snapshot, read, self._lines)
        except duckdb.OutOfMemoryException as error:
            raise BadRequest(
                "too_much_memory", "the search needs more than search.memory_bytes: ask for less"
            ) from error

    async def read(
        self, threads: Executor | None, snapshot: Callable[[], Snapshot], read: Read[T], lines: int = 0
    ) -> T:
        """What `read` makes of a snapshot, on a connection of its own with this budget. What fails because of a
        damaged segment is done again, with the next snapshot, without it."""
        while True:
            connection = Connection(self._sql.cursor(), lines)
            now = snapshot()
            try:
                return await self._stoppable(threads, connection, now, functools.partial(read, connection, now))
            except (duckdb.InterruptException, duckdb.OutOfMemoryException):
                raise
            except _UNREADABLE as error:
                if not await self._held.put_aside_damaged(now, error):
                    raise

    async def _stoppable(
        self, threads: Executor | None, connection: Connection, now: Snapshot, read: Callable[[], T]
    ) -> T:
        """Runs in a thread, with a lease on the files until it has ended there, also when the caller goes."""

        def run() -> T:
            with contextlib.closing(connection), metrics.SEARCH_RUNNING.track_inprogress():
                try:
                    connection.go_on()
                    return read()
                finally:
                    now.files.stop()  # what it had begun to read ahead

        with contextlib.ExitStack() as stack:
            stack.enter_context(self._held.lease())
            loop = asyncio.get_running_loop()
            future = loop.run_in_executor(threads, run)
            try:
                return await asyncio.shield(future)
            except asyncio.CancelledError:
                until_then = stack.pop_all()

                def ended(done: asyncio.Future[T]) -> None:
                    until_then.close()
                    if not done.cancelled():
                        done.exception()  # nobody is left to ask for it

                def stop() -> None:
                    if not future.done():
                        connection.stop()
                        now.files.stop()
                        loop.call_later(_STOP_AGAIN_SECONDS, stop)

                future.add_done_callback(ended)
                stop()
                raise

    async def close(self) -> None:
        """Waits for the threads."""
        await asyncio.to_thread(self._searches.shutdown)
        self._sql.close()
        await asyncio.to_thread(self.footers.close)
