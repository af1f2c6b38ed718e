"""The index of one machine: recent rows in memory, older ones in Parquet segments, named by a manifest.

    write ── recent (searchable at once) ── flush, by rows, bytes or age ── segments + positions, one transaction

Invariants: rows in memory are those of the stream from the manifest's positions on, so a crash loses none that the
transport still has; a search sees one snapshot, taken when it begins; a flush that fails is tried again, and writes
are refused (Unavailable) once memory holds more than twice the limit; a segment that turns out damaged is put aside,
named and counted, and the search is answered from the others.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import duckdb
import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from logd.backends.index.archived import recent_left, segments_left
from logd.backends.index.policies import ONE_POLICY, Assignment
from logd.backends.index.reader import Reader
from logd.config.schema import Index as IndexLimits
from logd.config.schema import SearchLimits
from logd.datadir import disk_used_percent
from logd.errors import Unavailable
from logd.flow.clock import now_us
from logd.flow.stage import Stage
from logd.seams import (
    LATE_SECONDS,
    Archived,
    Batch,
    Buckets,
    Fields,
    Found,
    FoundFields,
    Groups,
    Histogram,
    Mined,
    Patterns,
    Search,
    Stats,
    StreamPositions,
    Written,
)
from logd.store import duplicates, patterns, segments
from logd.store.connection import Connection
from logd.store.explain import explain
from logd.store.fields import fields_of
from logd.store.files import FolderFiles
from logd.store.find import find
from logd.store.folder import NO_STREAM, Stream
from logd.store.groups import group
from logd.store.histogram import count_by_time
from logd.store.inventory import Inventory
from logd.store.mined import mine_patterns
from logd.store.partials import Partials
from logd.store.walk import Recent, Snapshot
from logd.telemetry import metrics

log = logging.getLogger("logd.index")
#: After a failed flush, how long until the next try.
_RETRY_SECONDS = 5.0


class SegmentsIndex:
    """seams.Index, seams.Searches and seams.Disks over a folder. Use `SegmentsIndex.open`."""

    def __init__(self, inventory: Inventory, limits: IndexLimits, search: SearchLimits, policies: Assignment) -> None:
        self.inventory = inventory
        self._policies = policies
        self._limits = limits
        self._written: StreamPositions = dict(inventory.positions)
        #: For the ledger, of what isn't durable yet.
        self._counts: Counter[str] = Counter()
        self._recent: tuple[Recent, ...] = ()
        self._recent_rows = self._recent_bytes = 0
        self._late_writes = 0
        self._rows_held = Stage("index.recent", 2 * limits.flush_rows, "rows")
        self._bytes_held = Stage("index.recent_bytes", 2 * limits.flush_bytes, "bytes")
        self.stages = (self._rows_held, self._bytes_held)
        self._flush: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._failed = ""
        self._writing = asyncio.Lock()
        self._reader = Reader(inventory, search)
        self._files = FolderFiles(inventory.root, self._reader.footers)
        self._partials = Partials()
        self._flusher = ThreadPoolExecutor(1, "index.flush")

    @classmethod
    async def open(
        cls,
        root: Path,
        limits: IndexLimits,
        search: SearchLimits,
        stream: Stream = NO_STREAM,
        policies: Assignment = ONE_POLICY,
    ) -> SegmentsIndex:
        """Creates the folder if need be, and puts aside what in it is damaged. Raises ConfigError."""
        return cls(await Inventory.open(root, stream), limits, search, policies)

    def durable(self) -> StreamPositions:
        return self.inventory.positions

    async def write(self, batch: Batch) -> Written:
        async with self._writing:
            return await self._write(batch)

    async def _write(self, batch: Batch) -> Written:
        await self._room()
        table, duplicate = batch.table, 0
        if batch.own_ids is not None:
            own_ids = batch.own_ids
            try:
                table = await self._reader.read(
                    None,
                    self._snapshot,
                    lambda connection, now: duplicates.without_known(connection, now, batch.table, own_ids),
                )
            except duckdb.Error as error:
                raise Unavailable(
                    f"whether the log_ids are known can't be told now: {error}", _RETRY_SECONDS
                ) from error
            duplicate = len(batch.table) - len(table)
        if len(table):
            times = pc.min_max(table["timestamp"].cast(pa.int64())).as_py()
            recent = Recent(table, times["min"], times["max"])
            self._recent = (*self._recent, recent)
            self._late_writes += recent.min_us < now_us() - LATE_SECONDS * 1_000_000
            self._recent_rows += len(table)
            self._recent_bytes += table.nbytes
            self._rows_held.add(len(table))
            self._bytes_held.add(table.nbytes)
        self._written = {**self._written, **batch.positions}
        self._counts.update(
            lines_taken=batch.lines,
            rows_duplicate=duplicate,
            lines_refused=batch.refused,
            lines_dropped=batch.dropped,
            lines_sampled=batch.sampled,
        )
        metrics.INDEX_ROWS.inc(len(table))
        metrics.INDEX_DUPLICATES.inc(duplicate)
        if self._over(1):
            self._start_flush()
        elif self._timer is None and self._flush is None:
            self._timer = asyncio.get_running_loop().call_later(self._limits.flush_seconds, self._start_flush)
        metrics.INDEX_RECENT_ROWS.set(self._recent_rows)
        return Written(duplicate)

    async def flush(self) -> None:
        """Raises Unavailable when the rows can't be written now."""
        while self._recent or self._written != self.inventory.positions:
            self._start_flush()
            assert self._flush is not None
            await asyncio.shield(self._flush)
            if self._failed:
                raise Unavailable(self._failed, _RETRY_SECONDS)

    async def search(self, search: Search) -> Found:
        def read(connection: Connection, now: Snapshot) -> Found:
            with patterns.blamed(connection, search.query):
                return find(connection, now, search)

        return await self._reader.search(self._meant(search.archived), read)

    async def explain(self, search: Search) -> dict[str, Any]:
        meant = self._meant(search.archived)
        return await self._reader.search(meant, lambda connection, now: explain(connection, now, search))

    async def histogram(self, histogram: Histogram) -> Buckets:
        def read(connection: Connection, now: Snapshot) -> Buckets:
            with patterns.blamed(connection, histogram.query):
                return count_by_time(connection, now, histogram, self._partials)

        return await self._reader.search(self._meant(histogram.archived), read)

    async def stats(self, stats: Stats) -> Groups:
        def read(connection: Connection, now: Snapshot) -> Groups:
            with patterns.blamed(connection, stats.query):
                return group(connection, now, stats, self._partials)

        return await self._reader.search(self._meant(stats.archived), read)

    async def fields(self, fields: Fields) -> FoundFields:
        def read(connection: Connection, now: Snapshot) -> FoundFields:
            with patterns.blamed(connection, fields.query):
                return fields_of(connection, now, fields)

        return await self._reader.search(self._meant(fields.archived), read)

    async def patterns(self, asked: Patterns) -> Mined:
        def read(connection: Connection, now: Snapshot) -> Mined:
            with patterns.blamed(connection, asked.query):
                return mine_patterns(connection, now, asked, self._partials)

        return await self._reader.search(self._meant(asked.archived), read)

    async def has_hit(self, segment: segments.Segment, search: Search) -> bool:
        """Whether the segment alone has one; not when it isn't there any more. Raises as `search`."""

        def alone() -> Snapshot:
            there = [one for one in self.inventory.segments if one.id == segment.id]
            return msgspec.structs.replace(self._snapshot(), segments=there, recent=())

        found = await self._reader.search(alone, lambda connection, now: find(connection, now, search))
        return len(found.table) > 0

    def late_writes(self) -> int:
        """See wiring.OpenIndex."""
        return self._late_writes

    async def disk_used_percent(self) -> float:
        try:
            return await asyncio.to_thread(disk_used_percent, self.inventory.root)
        except OSError as error:
            raise Unavailable(f"the disk of {self.inventory.root} can't be looked at: {error.strerror}") from error

    def _meant(self, archived: Archived) -> Callable[[], Snapshot]:
        """A snapshot without what the archive answers for."""
        if not archived:
            return self._snapshot

        def snapshot() -> Snapshot:
            now = self._snapshot()
            return msgspec.structs.replace(
                now,
                segments=segments_left(now.segments, archived),
                recent=recent_left(now.recent, archived, self._policies),
            )

        return snapshot

    def _snapshot(self) -> Snapshot:
        return Snapshot(self._files, self.inventory.segments, self._recent)

    async def status(self) -> dict[str, Any]:
        found = self.inventory.segments
        return {
            "rows": sum(segment.rows for segment in found) + self._recent_rows,
            "recent_rows": self._recent_rows,
            "recent_bytes": self._recent_bytes,
            "segments": len(found),
            "segment_bytes": sum(segment.size_bytes for segment in found),
            "skip_index_bytes": sum(segment.skip_bytes for segment in found),
            "partials": self._partials.status(),
            "quarantined": [msgspec.structs.asdict(one) for one in self.inventory.quarantined],
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
            await asyncio.to_thread(self._flusher.shutdown)
            await self._reader.close()
            await self.inventory.close()

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
        recent, positions, counts = self._recent, dict(self._written), self._counts
        self._counts = Counter()
        self._flush = asyncio.create_task(self._flushed(recent, positions, counts), name="index.flush")

    async def _flushed(self, recent: Sequence[Recent], positions: StreamPositions, counts: Counter[str]) -> None:
        started = time.perf_counter()
        loop = asyncio.get_running_loop()
        added: list[segments.Segment] = []
        try:
            added = await loop.run_in_executor(self._flusher, self._write_segments, recent, positions)
            rows = sum(part.rows for part in added)
            await self.inventory.add(added, positions, {**counts, "rows_stored": rows})
        except (OSError, sqlite3.Error, pa.ArrowException) as error:
            for segment in added:  # tried again under other names
                (self.inventory.root / segment.file).unlink(missing_ok=True)
            self._counts.update(counts)
            self._failed = f"segments can't be written to {self.inventory.root}: {error}"
            log.error("%s; trying again in %.0f s", self._failed, _RETRY_SECONDS)
        else:
            self._failed = ""
            self._recent = self._recent[len(recent) :]
            rows, size = sum(len(part.table) for part in recent), sum(part.table.nbytes for part in recent)
            self._recent_rows -= rows
            self._recent_bytes -= size
            self._rows_held.add(-rows)
            self._bytes_held.add(-size)
            metrics.INDEX_RECENT_ROWS.set(self._recent_rows)
            metrics.INDEX_FLUSH_SECONDS.observe(time.perf_counter() - started)
        self._flush = None
        if self._failed or self._recent:
            wait = _RETRY_SECONDS if self._failed else self._limits.flush_seconds
            self._timer = loop.call_later(wait, self._start_flush)

    def _write_segments(self, recent: Sequence[Recent], positions: StreamPositions) -> list[segments.Segment]:
        """In the flusher's thread. Raises OSError or ArrowException and leaves nothing behind."""
        added: list[segments.Segment] = []
        if not recent:
            return added
        try:
            whole = segments.unified([part.table for part in recent])
            for policy, of_policy in self._policies.parted(whole):
                for day, table in segments.by_day(of_policy):
                    about = segments.About(id=self.inventory.next_id(), policy=policy, day=day, flushed=positions)
                    added.append(segments.write(table, self.inventory.root, about))
        except BaseException:
            for segment in added:
                (self.inventory.root / segment.file).unlink(missing_ok=True)
            raise
        return added
