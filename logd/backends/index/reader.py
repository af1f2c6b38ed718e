"""Reading snapshots of the embedded index, in threads, on connections that end when nobody waits any more."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import os
from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from typing import TypeVar

import duckdb
import pyarrow as pa

from logd.config.schema import SearchLimits
from logd.errors import BadRequest
from logd.store.connection import Connection
from logd.store.footers import Footers
from logd.store.inventory import Inventory
from logd.store.walk import Snapshot
from logd.telemetry import metrics

#: An interrupt that comes between two queries is forgotten by DuckDB; what is missed by one is met by the next.
_STOP_AGAIN_SECONDS = 0.05
T = TypeVar("T")
Read = Callable[[Connection, Snapshot], T]


class Reader:
    """One DuckDB instance with a memory limit, and two threads for each of `search.concurrent`: a search that runs for
    long lets another one run beside it."""

    def __init__(self, inventory: Inventory, limits: SearchLimits) -> None:
        self.footers = Footers()
        self._inventory = inventory
        config: dict[str, str | bool | int | float | list[str]] = {
            "threads": limits.threads or os.cpu_count() or 1,
            "memory_limit": f"{limits.memory_bytes}B",
        }
        self._sql = duckdb.connect(config=config)
        self._sql.execute("SET GLOBAL TimeZone = 'UTC'")
        self._sql.execute("SET temp_directory = ''")  # the limit is one of memory: nothing goes to the working folder
        self._sql.execute("SET enable_external_file_cache = false")  # the kernel has the pages already
        self._sql.execute("SET parquet_metadata_cache = true")  # segments never change
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
                return await self._stoppable(threads, connection, functools.partial(read, connection, now))
            except (duckdb.InterruptException, duckdb.OutOfMemoryException):
                raise
            except (duckdb.Error, pa.ArrowException, OSError) as error:
                named = [segment for segment in now.segments if segment.file in str(error)]
                try:
                    damaged = await self._inventory.damage_among(named or now.segments)
                except OSError:
                    raise error from None  # it can't be told now
                if not damaged:
                    raise
                await self._inventory.put_aside(damaged)

    async def _stoppable(self, threads: Executor | None, connection: Connection, read: Callable[[], T]) -> T:
        """Runs in a thread, with a lease on the files until it has ended there, also when the caller goes."""

        def run() -> T:
            with contextlib.closing(connection), metrics.SEARCH_RUNNING.track_inprogress():
                connection.go_on()
                return read()

        with contextlib.ExitStack() as stack:
            stack.enter_context(self._inventory.lease())
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
                        loop.call_later(_STOP_AGAIN_SECONDS, stop)

                future.add_done_callback(ended)
                stop()
                raise

    async def close(self) -> None:
        """Waits for the threads."""
        await asyncio.to_thread(self._searches.shutdown)
        self._sql.close()
        await asyncio.to_thread(self.footers.close)
