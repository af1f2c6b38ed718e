"""The segments that there are now: the manifest, what of it is in memory, and who still reads what.

Every change goes through `commit`: first the manifest, durably, then memory. A search takes a `Snapshot` with a lease
and sees that, whatever is merged, expired or put aside meanwhile.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Literal, ParamSpec, TypeVar

from logd.errors import LogdError
from logd.flow import crash
from logd.seams import StreamPositions
from logd.store import folder
from logd.store.leases import Leases
from logd.store.manifest import Change, Manifest, Quarantined, quarantined_now
from logd.store.segments import Segment
from logd.store.walk import Snapshot
from logd.telemetry import metrics

log = logging.getLogger("logd.store")
T = TypeVar("T")
P = ParamSpec("P")


class Inventory:
    """For one loop; the manifest has a thread of its own. Use `Inventory.open`."""

    def __init__(self, root: Path, manifest: Manifest) -> None:
        self.root = root
        self.segments: tuple[Segment, ...] = tuple(manifest.segments())
        self.positions: StreamPositions = manifest.positions()
        self.ledger: Mapping[str, int] = manifest.ledger()
        self.quarantined: tuple[Quarantined, ...] = tuple(manifest.quarantined())
        #: Ids of those that are on their way into the archive: they aren't merged.
        self.moving: frozenset[int] = frozenset()
        self._manifest = manifest
        self._ids = itertools.count(manifest.next_id())
        self._leases = Leases()
        #: Who decides by what is there holds it until that is committed.
        self._deciding = asyncio.Lock()
        self._opened = time.monotonic()
        self._last_rows: dict[tuple[str, int], float] = {}
        self._thread = ThreadPoolExecutor(1, "index.manifest")
        self._publish()

    @classmethod
    async def open(cls, root: Path, stream: folder.Stream) -> Inventory:
        """Brings folder and manifest together (folder.py). Raises ConfigError."""
        return cls(root, await asyncio.to_thread(folder.open_manifest, root, stream))

    def next_id(self) -> int:
        """An id for a new segment; may be called from any thread."""
        return next(self._ids)

    def lease(self) -> contextlib.AbstractContextManager[None]:
        """Within it, the files of all segments of now stay."""
        return self._leases.lease()

    def quiet_seconds(self, policy: str, day: int) -> float:
        """How long no rows of the day have come, as far as this process knows."""
        return time.monotonic() - self._last_rows.get((policy, day), self._opened)

    async def add(self, segments: Sequence[Segment], positions: StreamPositions, counts: Mapping[str, int]) -> None:
        """New segments, and how far they reach. Raises sqlite3.Error and changes nothing."""
        await self.commit(Change(put=segments, positions=positions, counts=counts), "flush")
        for segment in segments:
            self._last_rows[segment.policy, segment.day] = time.monotonic()

    async def commit(self, change: Change, what: str) -> None:
        """Durably and together; raises sqlite3.Error and changes nothing. `what` names the crash points."""
        await self._in_thread(self._manifest.commit, change, what)
        gone = {*change.removed, *(segment.id for segment in change.put)}
        self.segments = (*(segment for segment in self.segments if segment.id not in gone), *change.put)
        self.positions = {**self.positions, **change.positions}
        self.quarantined = (*self.quarantined, *change.quarantined)
        self.ledger = {**self.ledger, **{n: self.ledger.get(n, 0) + more for n, more in change.counts.items()}}
        self._leases.retire(change.retired)
        self._publish()

    async def replace(self, old: Sequence[Segment], new: Segment, what: str) -> bool:
        """`new` in the place of `old`. False, and nothing is changed, when one of them isn't there any more."""
        async with self._deciding:
            if not {segment.id for segment in old} <= {segment.id for segment in self.segments}:
                return False
            removed = [segment for segment in old if segment.id != new.id]
            change = Change(put=[new], removed=[segment.id for segment in removed], retired=_files(removed))
            await self.commit(change, what)
        return True

    async def expire(self, before_day: int) -> int:
        """Removes the segments of earlier days; how many."""
        return await self.remove([segment for segment in self.segments if segment.day < before_day], "expire")

    async def remove(self, segments: Sequence[Segment], what: Literal["expire", "archive"]) -> int:
        """Of segments those that are still there: their rows have expired, or are in the archive from now on. How many
        it were. Raises sqlite3.Error and changes nothing."""
        async with self._deciding:
            ids = {segment.id for segment in segments}
            gone = [segment for segment in self.segments if segment.id in ids]
            if gone:
                rows = sum(segment.rows for segment in gone)
                counts = {"rows_expired" if what == "expire" else "rows_archived": rows}
                await self.commit(Change(removed=[s.id for s in gone], retired=_files(gone), counts=counts), what)
                done = "have expired" if what == "expire" else "are in the archive alone"
                log.info("%d segments with %d rows %s", len(gone), rows, done)
        return len(gone)

    async def unlink_retired(self) -> int:
        """Unlinks what nobody can read any more; how many files."""
        files = self._leases.free()
        if files:
            await self._in_thread(self._unlink, files)
        return len(files)

    async def put_aside(self, damaged: Mapping[int, str]) -> None:
        """Takes segments that are damaged, by id with the reason, out of the index; their files go to the folder
        quarantine. Goes on when the caller is cancelled: a search that nobody waits for has still found the damage."""
        await asyncio.shield(asyncio.create_task(self._put_aside(damaged), name="index.put_aside"))

    async def damage_among(self, segments: Sequence[Segment]) -> dict[int, str]:
        """The damaged of the segments, by id, with the reason; reads them whole."""
        return await asyncio.to_thread(lambda: {s.id: why for s in segments if (why := folder.damage(self.root, s))})

    async def put_aside_damaged(self, now: Snapshot, error: Exception) -> bool:
        """See backends.index.reader.Held. Where the error names none of them, all are looked at."""
        if isinstance(error, LogdError):
            return False
        named = [segment for segment in now.segments if segment.file in str(error)]
        try:
            damaged = await self.damage_among(named or now.segments)
        except OSError:
            return False  # it can't be told now
        if damaged:
            await self.put_aside(damaged)
        return bool(damaged)

    async def close(self) -> None:
        async with self._deciding:
            await asyncio.to_thread(self._thread.shutdown)
            self._manifest.close()

    async def _put_aside(self, damaged: Mapping[int, str]) -> None:
        async with self._deciding:
            found = [segment for segment in self.segments if segment.id in damaged]
            if not found:
                return
            notes = [quarantined_now(segment, damaged[segment.id]) for segment in found]
            counts = {"rows_quarantined": sum(segment.rows for segment in found)}
            change = Change(removed=[segment.id for segment in found], quarantined=notes, counts=counts)
            await self.commit(change, "quarantine")
            for segment, note in zip(found, notes, strict=True):
                log.error("%s with %d rows is put aside: %s", segment.file, segment.rows, note.reason)
                await self._in_thread(folder.put_aside, self.root, segment.file)

    def _unlink(self, files: Sequence[str]) -> None:
        for file in files:
            (self.root / file).unlink(missing_ok=True)
        crash.point("retired.unlinked")
        self._manifest.forget_retired(files)
        crash.point("retired.forgotten")

    def _publish(self) -> None:
        metrics.INDEX_SEGMENTS.set(len(self.segments))
        metrics.INDEX_QUARANTINED.set(len(self.quarantined))

    async def _in_thread(self, function: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, lambda: function(*arguments, **named))


def _files(segments: Sequence[Segment]) -> list[str]:
    return [file for s in segments for file in ((s.file, s.skip_file) if s.skip_bytes else (s.file,))]
