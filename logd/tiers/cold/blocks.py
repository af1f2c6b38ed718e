"""Ranges of objects for threads: from what is kept on the disk, from what is on its way, or fetched.

    thread: take ── kept? ── on its way for somebody? ── else a fetch, on the loop ── to the thread, and to the disk

Ranges of an object that are kept or on their way never overlap: a range that is asked for is put together from those
that there are, and what lies between is fetched. Fetches that nobody waits for any more are cancelled.
"""

from __future__ import annotations

import asyncio
import bisect
import contextlib
import logging
import threading
from collections.abc import Sequence
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from typing import Any

import duckdb

from logd.errors import Corrupt, NotFound, Unavailable
from logd.seams import Objects
from logd.telemetry import metrics
from logd.tiers.cold.kept import Kept, Record

log = logging.getLogger("logd.cold")
#: Requests at once: for who waits, and for what will be read later.
_NOW, _LATER = 32, 12
#: A gap that is so short is fetched with what is on both sides: a request costs more.
_GAP_BYTES = 8_192
#: How often who waits looks whether it should stop.
_LOOK_SECONDS = 0.05
Wanted = Sequence[tuple[int, int]]


class Waiting:
    """Who reads for one search. `stop` ends it, from any thread."""

    def __init__(self) -> None:
        self.stopped = False
        self.fetches: set[_Fetch] = set()


class _Fetch:
    """A range on its way."""

    __slots__ = ("data", "end", "for_whom", "later", "name", "precious", "start", "task")

    def __init__(self, name: str, start: int, end: int, precious: bool, later: bool) -> None:
        self.name, self.start, self.end = name, start, end
        self.precious, self.later = precious, later
        self.for_whom: set[Waiting] = set()
        self.data: Future[bytes] = Future()
        self.task: asyncio.Task[None] | None = None


class Blocks:
    """For one loop, where it is made, and any number of other threads, which may wait in it."""

    def __init__(self, objects: Objects, kept: Kept) -> None:
        self._objects = objects
        self._kept = kept
        self._loop = asyncio.get_running_loop()
        self._now, self._later = asyncio.Semaphore(_NOW), asyncio.Semaphore(_LATER)
        self._writer = ThreadPoolExecutor(1, "cold.keep")
        self._lock = threading.Lock()
        self._there: dict[str, list[Record | _Fetch]] = {}
        self._fetched_bytes = self._fetches = self._kept_bytes = 0
        self._failed = ""
        for record in kept.records:
            self._insert(record)

    def take(self, waiting: Waiting, name: str, wanted: Wanted, precious: bool = False) -> list[bytes]:
        """The bytes from each start to before each end of an object, side by side; not on the loop. Raises
        Unavailable, Corrupt when the object isn't there or ends before, and duckdb.InterruptException once
        it is stopped. `precious` ranges are kept as long as there is room."""
        with self._lock:
            if waiting.stopped:
                raise duckdb.InterruptException("stopped by the one who asked")
            found = [self._claimed(waiting, name, start, end, precious, False) for start, end in wanted]
        return [self._joined(waiting, parts, *span) for parts, span in zip(found, wanted, strict=True)]

    def begin(self, waiting: Waiting, name: str, wanted: Wanted, precious: bool = False) -> None:
        """Has ranges come that will be taken soon; doesn't wait."""
        with self._lock:
            for start, end in () if waiting.stopped else wanted:
                self._claimed(waiting, name, start, end, precious, True)

    def stop(self, waiting: Waiting) -> None:
        """What waits, and is on its way for nobody else, ends. Idempotent."""
        with self._lock:
            waiting.stopped = True
            for fetch in waiting.fetches:
                fetch.for_whom.discard(waiting)
                if not fetch.for_whom:
                    self._remove(fetch)
                    self._on_loop(lambda fetch=fetch: fetch.task.cancel() if fetch.task else None)
            waiting.fetches.clear()

    def status(self) -> dict[str, Any]:
        """For people, since the start."""
        return {
            "cache_bytes": self._kept.size_bytes,
            "fetched_bytes": self._fetched_bytes,
            "fetches": self._fetches,
            "read_from_cache_bytes": self._kept_bytes,
            "cache_error": self._failed or None,
        }

    async def close(self) -> None:
        """Cancels what is on its way."""
        with self._lock:
            fetches = [one for those in self._there.values() for one in those if isinstance(one, _Fetch)]
        tasks = [one.task for one in fetches if one.task]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.to_thread(self._writer.shutdown)

    def _claimed(
        self, waiting: Waiting, name: str, start: int, end: int, precious: bool, later: bool
    ) -> list[Record | _Fetch]:
        """What has the range, in order; fetches of what is missing are begun."""
        there = self._there.setdefault(name, [])
        first = bisect.bisect_right(there, start, key=lambda one: one.end)
        parts: list[Record | _Fetch] = []
        while start < end:
            one = there[first + len(parts)] if first + len(parts) < len(there) else None
            if one is None or one.start > start:
                fetch = _Fetch(name, start, end if one is None else min(end, one.start), precious, later)
                there.insert(first + len(parts), fetch)
                self._on_loop(lambda fetch=fetch: self._start(fetch))
                one = fetch
            if isinstance(one, _Fetch):
                one.for_whom.add(waiting)
                waiting.fetches.add(one)
            parts.append(one)
            start = one.end
        return parts

    def _joined(self, waiting: Waiting, parts: Sequence[Record | _Fetch], start: int, end: int) -> bytes:
        found = []
        for part in parts:
            data = self._data_of(waiting, part)
            whole = part.start >= start and part.end <= end
            found.append(data if whole else data[max(0, start - part.start) : end - part.start])
        return found[0] if len(found) == 1 else b"".join(found)

    def _data_of(self, waiting: Waiting, part: Record | _Fetch) -> bytes:
        if isinstance(part, _Fetch):
            return self._waited(waiting, part)
        data = self._read(part)
        if data is not None:
            self._kept_bytes += len(data)
            metrics.COLD_READ_BYTES.labels("cache").inc(len(data))
            return data
        with self._lock:  # the disk has lost it
            self._remove(part)
            parts = self._claimed(waiting, part.name, part.start, part.end, part.precious, False)
        return self._joined(waiting, parts, part.start, part.end)

    def _read(self, record: Record) -> bytes | None:
        try:
            data = self._kept.read(record)
            if data is not None:
                self._forget(self._kept.use(record, data))
        except OSError as error:
            self._say(error)
            return None
        return data

    def _waited(self, waiting: Waiting, fetch: _Fetch) -> bytes:
        while True:
            if waiting.stopped:
                raise duckdb.InterruptException("stopped by the one who asked")
            try:
                return fetch.data.result(_LOOK_SECONDS)
            except TimeoutError:
                continue
            except CancelledError:
                raise duckdb.InterruptException("stopped by the one who asked") from None

    def _start(self, fetch: _Fetch) -> None:
        fetch.task = self._loop.create_task(self._fetched(fetch), name=f"cold.fetch {fetch.name}")

    async def _fetched(self, fetch: _Fetch) -> None:
        try:
            async with self._later if fetch.later else self._now:
                data = await self._get(fetch)
                self._fetched_bytes += len(data)
                self._fetches += 1
                metrics.COLD_READ_BYTES.labels("objects").inc(len(data))
                metrics.COLD_FETCHES.inc()
                fetch.data.set_result(data)
                # Within the semaphore: a slow disk holds up fetches, not memory.
                record = await self._loop.run_in_executor(self._writer, self._keep, fetch, data)
        except BaseException as error:
            with self._lock:
                self._remove(fetch)
            if not fetch.data.done():
                if isinstance(error, Exception):
                    fetch.data.set_exception(error)
                else:
                    fetch.data.cancel()
            if not isinstance(error, Exception | asyncio.CancelledError):
                raise
            return
        with self._lock:
            self._remove(fetch)
            if record is not None and record.place is not None:
                self._insert(record)

    async def _get(self, fetch: _Fetch) -> bytes:
        try:
            async with self._objects.get(fetch.name, fetch.start, fetch.end) as blocks:
                data = b"".join([block async for block in blocks])
            if len(data) == fetch.end - fetch.start:
                return data
            size = await self._objects.size(fetch.name)
        except NotFound as error:
            raise Corrupt(f"{fetch.name} isn't there any more") from error
        if fetch.end <= size:
            raise Unavailable(f"{fetch.name} came in part only: {len(data)} of {fetch.end - fetch.start} bytes")
        raise Corrupt(f"{fetch.name} ends at {size} bytes, where it should have at least {fetch.end}")

    def _keep(self, fetch: _Fetch, data: bytes) -> Record | None:
        try:
            record, gone = self._kept.add(fetch.name, fetch.start, data, fetch.precious)
        except OSError as error:
            self._say(error)
            return None
        self._forget(gone)
        self._failed = ""
        return record

    def _say(self, error: OSError) -> None:
        if not self._failed:
            log.error("what is read of the archive can't be kept on disk: %s", error)
        self._failed = str(error)

    def _forget(self, gone: Sequence[Record]) -> None:
        if gone:
            with self._lock:
                for record in gone:
                    self._remove(record)

    def _insert(self, one: Record) -> None:
        there = self._there.setdefault(one.name, [])
        at = bisect.bisect_right(there, one.start, key=lambda other: other.end)
        if at == len(there) or there[at].start >= one.end:
            there.insert(at, one)

    def _remove(self, one: Record | _Fetch) -> None:
        there = self._there.get(one.name, [])
        with contextlib.suppress(ValueError):
            there.remove(one)
        if not there:
            self._there.pop(one.name, None)
        if isinstance(one, _Fetch):
            for waiting in one.for_whom:
                waiting.fetches.discard(one)

    def _on_loop(self, call: Any) -> None:
        self._loop.call_soon_threadsafe(call)


def merged(wanted: Wanted) -> list[tuple[int, int]]:
    """The ranges in order, those that nearly touch as one."""
    found: list[tuple[int, int]] = []
    for start, end in sorted(wanted):
        if found and start <= found[-1][1] + _GAP_BYTES:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        else:
            found.append((start, end))
    return found
