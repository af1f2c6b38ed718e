"""The background work of the embedded index, a piece at a time: unlinking what was replaced, expiring days, merging
segments, making skip indexes, and checking files for damage."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import threading
import time
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, ParamSpec, TypeVar

import duckdb
import pyarrow as pa

from logd.errors import LogdError, Unavailable
from logd.flow.clock import now_us
from logd.store import folder, merge
from logd.store.inventory import Inventory
from logd.store.segments import DAY_US, Segment
from logd.telemetry import metrics

log = logging.getLogger("logd.archiver")
T = TypeVar("T")
P = ParamSpec("P")
Expired = Callable[[Sequence[Segment]], Awaitable[Sequence[Segment]]]
#: A day that is over gets late lines, but after so long without any it is merged for good.
_OVER_SECONDS = 3_600.0
#: Files are checked at this pace, once after each start: a disk has other things to do.
_CHECK_BYTES_A_SECOND = 64 * 1024 * 1024
_RETRY_SECONDS = 60.0
#: What is merged within seconds gets its skip index then. What isn't gets one after this part of the time that makes a
#: day quiet, or a rare word would be sought in 100,000 rows for half a minute.
_SETTLED = 1 / 30


class _Halted(Exception):
    """The process is stopping."""


class SegmentsUpkeep:
    """seams.Upkeep over an inventory. `keep_days` 0 keeps everything; a day is quiet after `quiet_seconds` without new
    rows. `expired`, if it is given, says instead which of the segments may go, and raises LogdError when it can't."""

    def __init__(
        self, inventory: Inventory, keep_days: int, quiet_seconds: float, expired: Expired | None = None
    ) -> None:
        self._inventory = inventory
        self._keep_days = keep_days
        self._expired = expired
        self._not_expired = ""
        self._quiet_seconds = quiet_seconds
        self._thread = ThreadPoolExecutor(1, "index.upkeep")
        self._halted = threading.Event()
        #: Ids of segments that another process wrote.
        self._unchecked = [segment.id for segment in inventory.segments]
        self._check_at = time.monotonic()
        #: Segments, and what they were merged into: until that is committed there is no other merge, or every try on a
        #: full disk would leave a file there.
        self._to_commit: tuple[list[Segment], Segment] | None = None
        self._merged = self._indexed = 0

    async def step(self) -> bool:
        try:
            return (
                await self._inventory.unlink_retired() > 0
                or await self._expire()
                or await self._merge()
                or await self._index()
                or await self._check()
            )
        except _Halted:
            return False
        except (OSError, sqlite3.Error, duckdb.Error, pa.ArrowException) as error:
            raise Unavailable(f"segments can't be looked after: {error}", _RETRY_SECONDS) from error

    def halt(self) -> None:
        self._halted.set()

    def status(self) -> dict[str, Any]:
        return {
            "merged_segments": self._merged,
            "indexed_segments": self._indexed,
            "unchecked_segments": len(self._unchecked),
            "expiry_error": self._not_expired or None,
        }

    async def close(self) -> None:
        """Waits for the end of the step that is under way."""
        self.halt()
        await asyncio.to_thread(self._thread.shutdown)

    async def _expire(self) -> bool:
        if self._expired is None:
            # A day goes when its last line is older than that.
            return bool(self._keep_days) and await self._inventory.expire(now_us() // DAY_US - self._keep_days) > 0
        try:
            gone = await self._expired(self._inventory.segments)
        except LogdError as error:  # what should go stays; the rest of the upkeep goes on
            if str(error) != self._not_expired:
                log.error("nothing expires: %s", error)
            self._not_expired = str(error)
            return False
        self._not_expired = ""
        return bool(gone) and await self._inventory.remove(gone, "expire") > 0

    async def _merge(self) -> bool:
        if self._to_commit is None:
            chosen = merge.due(self._days())
            if not chosen:
                return False
            new_id = self._inventory.next_id()
            merged = await self._work(
                "merge", chosen, lambda: merge.merge(self._inventory.root, chosen, new_id, self._check_halted)
            )
            if merged is None:
                return True
            self._to_commit = chosen, merged
        chosen, merged = self._to_commit
        if await self._inventory.replace(chosen, merged, "merge"):
            self._merged += len(chosen)
        else:  # one of them was put aside or has expired meanwhile
            for file in (merged.file, merged.skip_file):
                (self._inventory.root / file).unlink(missing_ok=True)
        self._to_commit = None
        return True

    async def _index(self) -> bool:
        for segment in self._inventory.segments:
            quiet_seconds = self._inventory.quiet_seconds(segment.policy, segment.day)
            if not segment.skip_bytes and quiet_seconds >= _SETTLED * self._quiet_seconds:
                await self._index_one(segment)
                return True
        return False

    async def _index_one(self, segment: Segment) -> None:
        new = await self._work(
            "index", [segment], lambda: merge.with_skip_index(self._inventory.root, segment, self._check_halted)
        )
        if new is not None and await self._inventory.replace([segment], new, "index"):
            self._indexed += 1

    async def _check(self) -> bool:
        """Looks for damage in the segments that there were at the start, a file at a time."""
        if not self._unchecked or time.monotonic() < self._check_at:
            return False
        number = self._unchecked.pop()
        for segment in self._inventory.segments:
            if segment.id == number:
                size = segment.size_bytes + segment.skip_bytes
                self._check_at = time.monotonic() + size / _CHECK_BYTES_A_SECOND
                await self._check_one(segment)
        return True

    async def _check_one(self, segment: Segment) -> None:
        if damaged := await self._inventory.damage_among([segment]):
            await self._inventory.put_aside(damaged)
        elif segment.skip_bytes and not await self._in_thread(
            folder.skip_index_is_whole, self._inventory.root, segment
        ):
            log.error("%s is damaged: it is made anew", segment.skip_file)
            await self._inventory.replace([segment], segment.with_skip_index(0, 0), "index")

    def _days(self) -> list[merge.Day]:
        """The newest first."""
        found: dict[tuple[int, str], list[Segment]] = {}
        for segment in self._inventory.segments:
            if segment.id not in self._inventory.moving:
                found.setdefault((segment.day, segment.policy), []).append(segment)
        today = now_us() // DAY_US
        days = []
        for (day, policy), segments in sorted(found.items(), reverse=True):
            quiet = self._inventory.quiet_seconds(policy, day)
            days.append(merge.Day(segments, quiet >= self._quiet_seconds, day < today and quiet >= _OVER_SECONDS))
        return days

    def _check_halted(self) -> None:
        if self._halted.is_set():
            raise _Halted

    async def _work(self, name: str, segments: Sequence[Segment], work: Callable[[], Segment]) -> Segment | None:
        """Runs the work in the thread, unless a segment is damaged: that is put aside; then None. Damage must not be
        copied into another file, where its checksum would be right."""
        started = time.perf_counter()
        try:
            with self._inventory.lease():
                if damaged := await self._inventory.damage_among(segments):
                    await self._inventory.put_aside(damaged)
                    return None
                return await self._in_thread(work)
        finally:
            metrics.INDEX_UPKEEP_SECONDS.labels(name).inc(time.perf_counter() - started)

    async def _in_thread(self, function: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, lambda: function(*arguments, **named))
