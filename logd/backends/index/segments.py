"""The index of one machine: recent rows in memory, older ones in Parquet segments, named by a manifest.

    write ── recent (searchable at once) ── flush, by rows, bytes or age ── segments + positions, one transaction

Invariants: rows in memory are those of the stream from the manifest's positions on, so a crash loses none that the
transport still has; a search sees one snapshot, taken when it begins; a flush that fails is tried again, and writes
are refused (Unavailable) once memory holds more than twice the limit.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from logd.config.schema import Index as IndexLimits
from logd.config.schema import SearchLimits
from logd.errors import BadRequest, ConfigError, Unavailable
from logd.flow.stage import Stage
from logd.seams import Batch, Found, Search, StreamPositions
from logd.store import duplicates, segments
from logd.store.find import Recent, Snapshot, find
from logd.store.manifest import Manifest
from logd.telemetry import metrics

log = logging.getLogger("logd.index")
#: After a failed flush, how long until the next try.
_RETRY_SECONDS = 5.0
_POLICY = "DEFAULT"


class SegmentsIndex:
    """seams.Index over a folder. Use `SegmentsIndex.open`."""

    def __init__(self, root: Path, manifest: Manifest, limits: IndexLimits, search: SearchLimits) -> None:
        self._root = root
        self._manifest = manifest
        self._limits = limits
        self._segments = manifest.segments()
        self._next_id = manifest.next_id()
        self._durable: StreamPositions = manifest.positions()
        self._written: StreamPositions = dict(self._durable)
        self._recent: tuple[Recent, ...] = ()
        self._recent_rows = self._recent_bytes = 0
        self._rows_held = Stage("index.recent", 2 * limits.flush_rows, "rows")
        self._bytes_held = Stage("index.recent_bytes", 2 * limits.flush_bytes, "bytes")
        self.stages = (self._rows_held, self._bytes_held)
        self._flush: asyncio.Future[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._failed = ""
        self._writing = asyncio.Lock()
        threads = search.threads or os.cpu_count() or 1
        config: dict[str, str | bool | int | float | list[str]] = {
            "threads": threads,
            "memory_limit": f"{search.memory_bytes}B",
        }
        self._sql = duckdb.connect(config=config)
        self._sql.execute("SET GLOBAL TimeZone = 'UTC'")
        self._sql.execute("SET enable_external_file_cache = false")  # the kernel has the pages already
        self._sql.execute("SET parquet_metadata_cache = true")  # segments never change
        self._searches = ThreadPoolExecutor(search.concurrent, "index.search")
        self._flusher = ThreadPoolExecutor(1, "index.flush")

    @classmethod
    async def open(cls, root: Path, limits: IndexLimits, search: SearchLimits) -> SegmentsIndex:
        """Creates the folder if need be. Raises ConfigError."""

        def load() -> Manifest:
            try:
                root.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise ConfigError(f"the index folder {root} can't be made: {str(error.strerror).lower()}") from error
            return Manifest.open(root / "manifest.db")

        return cls(root, await asyncio.to_thread(load), limits, search)

    def durable(self) -> StreamPositions:
        return self._durable

    async def write(self, batch: Batch) -> int:
        async with self._writing:
            return await self._write(batch)

    async def _write(self, batch: Batch) -> int:
        await self._room()
        table, dropped = batch.table, 0
        if batch.own_ids is not None:
            known = Snapshot(self._root, tuple(self._segments), self._recent)
            cursor = self._sql.cursor()
            table = await asyncio.to_thread(duplicates.without_known, cursor, known, batch.table, batch.own_ids)
            dropped = len(batch.table) - len(table)
        if len(table):
            times = pc.min_max(table["timestamp"].cast(pa.int64())).as_py()
            recent = Recent(table, segments.Piece(times["min"], times["max"], len(table)))
            self._recent = (*self._recent, recent)
            self._recent_rows += len(table)
            self._recent_bytes += table.nbytes
            self._rows_held.add(len(table))
            self._bytes_held.add(table.nbytes)
        self._written = {**self._written, **batch.positions}
        metrics.INDEX_ROWS.inc(len(table))
        metrics.INDEX_DUPLICATES.inc(dropped)
        if self._over(1):
            self._start_flush()
        elif self._timer is None and self._flush is None:
            self._timer = asyncio.get_running_loop().call_later(self._limits.flush_seconds, self._start_flush)
        metrics.INDEX_RECENT_ROWS.set(self._recent_rows)
        return dropped

    async def flush(self) -> None:
        """Raises Unavailable when the rows can't be written now."""
        while self._recent or self._written != self._durable:
            self._start_flush()
            assert self._flush is not None
            await asyncio.shield(self._flush)
            if self._failed:
                raise Unavailable(self._failed, _RETRY_SECONDS)

    async def search(self, search: Search) -> Found:
        snapshot = Snapshot(self._root, tuple(self._segments), self._recent)
        cursor = self._sql.cursor()
        cancelled = threading.Event()

        def run() -> Found:
            try:
                if cancelled.is_set():
                    raise duckdb.InterruptException("cancelled before it began")
                return find(cursor, snapshot, search)
            finally:
                cursor.close()

        future = asyncio.get_running_loop().run_in_executor(self._searches, run)
        try:
            return await asyncio.shield(future)
        except asyncio.CancelledError:
            cancelled.set()
            future.add_done_callback(lambda done: done.cancelled() or done.exception())
            with contextlib.suppress(duckdb.ConnectionException):  # it has ended just now
                cursor.interrupt()
            raise
        except duckdb.OutOfMemoryException as error:
            raise BadRequest(
                "too_much_memory", "the search needs more than search.memory_bytes: ask for less"
            ) from error

    async def status(self) -> dict[str, Any]:
        return {
            "rows": sum(segment.rows for segment in self._segments) + self._recent_rows,
            "recent_rows": self._recent_rows,
            "recent_bytes": self._recent_bytes,
            "segments": len(self._segments),
            "segment_bytes": sum(segment.size_bytes for segment in self._segments),
            "flush_error": self._failed or None,
        }

    async def close(self) -> None:
        try:
            await self.flush()
        except Unavailable as error:
            log.error("closing with %d rows only in the transport: %s", self._recent_rows, error)
        finally:
            if self._timer is not None:
                self._timer.cancel()
            await asyncio.to_thread(self._searches.shutdown)
            await asyncio.to_thread(self._flusher.shutdown)
            self._sql.close()
            self._manifest.close()

    async def _room(self) -> None:
        """Waits for the flush that makes room. Raises Unavailable when it fails."""
        while self._over(2):
            for stage in self.stages:
                if stage.full:
                    stage.block()
            self._start_flush()
            assert self._flush is not None
            await asyncio.shield(self._flush)
            if self._failed:
                raise Unavailable(self._failed, _RETRY_SECONDS)

    def _over(self, times: int) -> bool:
        limits = self._limits
        return self._recent_rows >= times * limits.flush_rows or self._recent_bytes >= times * limits.flush_bytes

    def _start_flush(self) -> None:
        """Begins to write what is in memory now, unless that is already under way."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._flush is not None:
            return
        loop = asyncio.get_running_loop()
        recent, positions = self._recent, dict(self._written)
        written = loop.run_in_executor(self._flusher, self._write_segments, recent, positions)
        self._flush = loop.create_future()
        written.add_done_callback(lambda future: self._flushed(future, recent, positions))

    def _flushed(
        self,
        written: asyncio.Future[list[segments.Segment]],
        recent: Sequence[Recent],
        positions: StreamPositions,
    ) -> None:
        done, self._flush = self._flush, None
        assert done is not None
        loop = asyncio.get_running_loop()
        error = written.exception()
        if error is None:
            self._failed = ""
            added = written.result()
            self._segments = [*self._segments, *added]
            self._recent = self._recent[len(recent) :]
            rows, size = sum(part.piece.rows for part in recent), sum(part.table.nbytes for part in recent)
            self._recent_rows -= rows
            self._recent_bytes -= size
            self._rows_held.add(-rows)
            self._bytes_held.add(-size)
            self._durable = positions
            metrics.INDEX_SEGMENTS.set(len(self._segments))
            metrics.INDEX_RECENT_ROWS.set(self._recent_rows)
            if self._recent:
                self._timer = loop.call_later(self._limits.flush_seconds, self._start_flush)
        else:
            self._failed = f"segments can't be written to {self._root}: {error}"
            log.error("%s; trying again in %.0f s", self._failed, _RETRY_SECONDS)
            self._timer = loop.call_later(_RETRY_SECONDS, self._start_flush)
        done.set_result(None)

    def _write_segments(self, recent: Sequence[Recent], positions: StreamPositions) -> list[segments.Segment]:
        """In the flusher's thread: raises OSError, sqlite3.Error or ArrowException and leaves the index as it was."""
        started = time.perf_counter()
        added: list[segments.Segment] = []
        try:
            if recent:
                for day, table in segments.by_day(segments.unified([part.table for part in recent])):
                    added.append(segments.write(table, self._root, self._next_id, _POLICY, day))
                    self._next_id += 1
            self._manifest.commit(added, positions)
        except Exception:  # tried again under other names
            for segment in added:
                (self._root / segment.file).unlink(missing_ok=True)
            raise
        metrics.INDEX_FLUSH_SECONDS.observe(time.perf_counter() - started)
        return added
