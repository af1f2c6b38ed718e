"""Compaction: many files of an hour become few, without rows that came twice.

    local copies ── duplicates ── merged files ── objects ── day manifest ── the catalog's list ── (garbage)

An hour is due once no new file of it came for `quiet_seconds`: rows that came twice in it go. Once a day is over and
quiet, its files are looked at together, once after each change, and rewritten where rows are in two hours. The row that
was taken in first stays.

Invariants: files are removed from the list together with the adding of what has their rows, or not at all: if another
has replaced one of them meanwhile, what was written is dropped. A file that is damaged is put aside.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import itertools
import logging
import shutil
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import duckdb
import pyarrow as pa

from logd.errors import Corrupt, NotFound, Unavailable
from logd.flow import crash
from logd.flow.clock import now_us
from logd.seams import Archive, ArchivedDay, ArchivedFile, Objects
from logd.telemetry import metrics
from logd.tiers import names
from logd.tiers.archive import files, manifests
from logd.tiers.archive.fetching import fetch
from logd.tiers.archive.files import COMPACTION, STREAM, Local, Writer
from logd.tiers.archive.manifests import DayManifest
from logd.tiers.archive.merging import Losers, Merging

log = logging.getLogger("logd.archiver")
_DAY_US = 86_400_000_000
#: Compacted files below that are merged again with what comes late.
_SMALL_BYTES = 64 * 1024 * 1024
#: So much at once is on the local disk, twice.
_MOST_BYTES = 1024 * 1024 * 1024


class Halted(Exception):
    """The process is stopping."""


class Compaction:
    """For whoever has the lease; used by one task."""

    def __init__(
        self,
        objects: Objects,
        archive: Archive,
        folder: Path,
        quiet_seconds: float,
        bytes_per_second: float,
        clock_us: Callable[[], int] = now_us,
    ) -> None:
        """`bytes_per_second` 0 is any number."""
        self._objects = objects
        self._archive = archive
        self._folder = folder
        self._quiet_us = int(quiet_seconds * 1e6)
        self._bytes_per_second = bytes_per_second
        self._clock_us = clock_us
        self._halted = threading.Event()
        #: By policy and day, the version that needs nothing more.
        self._settled: dict[tuple[str, int], int] = {}
        #: The same until a time (Unix µs): an hour may be due by then.
        self._looked_at: dict[tuple[str, int], tuple[int, int]] = {}

    def halt(self) -> None:
        """A step that is under way ends soon."""
        self._halted.set()

    async def step(self) -> bool:
        """Compacts an hour, or looks at a day; False when there is nothing to do. Raises Unavailable."""
        for day in await self._archive.days():
            key = (day.policy, day.day)
            version, until_us = self._looked_at.get(key, (0, 0))
            if self._settled.get(key) == day.version or (version == day.version and self._clock_us() < until_us):
                continue
            found = [file for file in await self._archive.files(day.policy, day.day) if not file.reason]
            if not found:
                self._settled[key] = day.version
                continue
            if chosen := self._due(found):
                await self._compact(day, chosen, chosen)
                return True
            # What is moved hour by hour is looked at once all of it is there.
            others = [_time_of(file) for file in found if _made_by(file) not in (STREAM, COMPACTION)]
            comes = max(others, default=0) > self._clock_us() - self._quiet_us
            if comes or any(_made_by(file) == STREAM for file in found) or not self._is_over(day.day):
                self._looked_at[key] = (day.version, self._clock_us() + self._quiet_us // 10)
                continue
            if not await self._was_checked(day, found):
                await self._compact(day, found, [])
                return True
            self._settled[key] = day.version
        return False

    def _due(self, found: Sequence[ArchivedFile]) -> list[ArchivedFile]:
        """The files of an hour that are to become few."""
        for _, of_hour in itertools.groupby(sorted(found, key=lambda file: file.hour), key=lambda file: file.hour):
            own = list(of_hour)
            new = [file for file in own if _made_by(file) == STREAM]
            if not new or max(_time_of(file) for file in new) > self._clock_us() - self._quiet_us:
                continue
            small = [file for file in own if _made_by(file) == COMPACTION and file.size_bytes < _SMALL_BYTES]
            sizes = itertools.accumulate(file.size_bytes for file in (*new, *small))
            return [file for file, upto in zip((*new, *small), sizes, strict=True) if upto <= _MOST_BYTES] or new[:1]
        return []

    def _is_over(self, day: int) -> bool:
        return (day + 1) * _DAY_US + self._quiet_us < self._clock_us()

    async def _was_checked(self, day: ArchivedDay, found: Sequence[ArchivedFile]) -> bool:
        whole = tuple(file.name for file in found)
        async for one in self._objects.list(names.day_manifest(day.policy, day.day, "").removesuffix(".json")):
            try:
                manifest = await manifests.read(self._objects, one.name, DayManifest)
            except (NotFound, Corrupt):
                continue  # the day is looked at again, then another one says so
            if manifest.checked and manifest.whole == whole:
                return True
        return False

    async def _compact(
        self, day: ArchivedDay, looked_at: Sequence[ArchivedFile], merged: Sequence[ArchivedFile]
    ) -> None:
        """Rewrites the `merged` files, and all of those looked at that have a row which another has too. Without any to
        merge it is the look at a whole day."""
        merging: Merging | None = None
        written: list[Local] = []
        try:
            await asyncio.to_thread(_emptied, self._folder)
            merging = await asyncio.to_thread(Merging, self._folder)
            for file in looked_at:
                path = await self._local(file)
                if path is None:
                    return
                await asyncio.to_thread(merging.look, path)
                if not merged:
                    path.unlink()
            losers: Losers = await asyncio.to_thread(merging.losers)
            gone = [file for place, file in enumerate(looked_at) if file in merged or place in losers]
            for hour in sorted({file.hour for file in gone}):
                places = [(place, file) for place, file in enumerate(looked_at) if file in gone and file.hour == hour]
                paths = []
                for place, file in places:
                    path = await self._local(file)
                    if path is None:
                        return
                    paths.append((place, path))
                begin = functools.partial(self._writer, day, hour)
                written += await asyncio.to_thread(merging.merged, paths, losers, begin, self._check)
                for _, path in paths:
                    path.unlink()
            crash.point("compaction.written")
            whole = {file.name for file in looked_at} - {file.name for file in gone}
            manifest = DayManifest(
                id=files.new_id(self._clock_us(), COMPACTION),
                policy=day.policy,
                day=day.day,
                files=tuple(local.file for local in written),
                removed=tuple(file.name for file in gone),
                duplicates=sum(map(len, losers.values())),
                checked=not merged,
                whole=tuple(sorted(whole | {local.file.name for local in written})),
            )
            await self._name(manifest, written)
        except Halted:
            pass
        except (OSError, duckdb.Error, pa.ArrowException) as error:
            raise Unavailable(f"the archive's files can't be compacted: {error}", 60.0) from error
        finally:
            if merging is not None:
                await asyncio.to_thread(merging.close)
            await asyncio.to_thread(shutil.rmtree, self._folder, ignore_errors=True)

    async def _name(self, manifest: DayManifest, written: Sequence[Local]) -> None:
        for local in written:
            await files.upload(self._objects, local)
        crash.point("compaction.put")
        await manifests.put(self._objects, manifest)
        crash.point("compaction.manifest.put")
        if not manifest.removed:
            return
        if await self._archive.add(manifest.files, manifest.removed):
            crash.point("compaction.added")
            metrics.ARCHIVE_COMPACTED.inc(len(manifest.removed))
            metrics.ARCHIVE_DUPLICATES.inc(manifest.duplicates)
            rows = sum(file.rows for file in manifest.files)
            log.info(
                "%d files of policy %s became %d with %d rows; %d rows were there twice",
                *(len(manifest.removed), manifest.policy, len(written), rows, manifest.duplicates),
            )
            return
        with contextlib.suppress(Unavailable):  # what stays is collected as an orphan
            await self._objects.delete(manifest.name)
            for local in written:
                await self._objects.delete(local.file.name)
                await self._objects.delete(names.skip_of(local.file.name))

    async def _local(self, file: ArchivedFile) -> Path | None:
        """A copy; None when the file is damaged, and was put aside."""
        path = self._folder / file.name.rpartition("/")[2]
        if path.exists():
            return path
        self._check()
        started = time.monotonic()
        try:
            await fetch(self._objects, file, path)
        except Corrupt as error:
            log.error("%s; it is put aside, and searches are answered without it", error)
            await self._archive.put_aside(file.name, str(error))
            return None
        if self._bytes_per_second:
            wait = file.size_bytes / self._bytes_per_second - (time.monotonic() - started)
            await asyncio.to_thread(self._halted.wait, max(0.0, wait))
        return path

    def _writer(self, day: ArchivedDay, hour: int) -> Writer:
        return Writer(self._folder, day.policy, day.day, hour, files.new_id(self._clock_us(), COMPACTION))

    def _check(self) -> None:
        if self._halted.is_set():
            raise Halted


def _made_by(file: ArchivedFile) -> str:
    """Files of others, which have ids of their own, are as good as compacted."""
    known = files.id_of(file.name)
    return COMPACTION if known is None else known[1]


def _time_of(file: ArchivedFile) -> int:
    known = files.id_of(file.name)
    return 0 if known is None else known[0]


def _emptied(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True)
