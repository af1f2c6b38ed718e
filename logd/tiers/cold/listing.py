"""Which files of the archive a search looks at, as the catalog has them."""

from __future__ import annotations

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from logd.seams import Archive, ArchivedDay, ArchivedFile
from logd.store.segments import DAY_US, Segment

#: Of all days together; one takes a kilobyte, and twice as much with many row groups.
_MOST_FILES = 100_000
#: Days that are asked for at once.
_AT_ONCE = 8


class Listed(NamedTuple):
    """Files to look at, and why others can't be."""

    segments: Sequence[Segment]
    missing: Sequence[str]


class Listing:
    """The files of days, asked for once for each version of a day. For one loop."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive
        self._kept: OrderedDict[tuple[str, int], tuple[int, Listed]] = OrderedDict()
        self._files = 0
        self._asking = asyncio.Semaphore(_AT_ONCE)

    async def files(self, from_us: int | None, to_us: int | None, cold: Mapping[str, int] | None) -> Listed:
        """Those that may have rows of the time; of a policy only days before the one that `cold` has for it, all if
        it is None. Raises Unavailable and Corrupt."""
        from_day = None if from_us is None else from_us // DAY_US
        to_day = None if to_us is None else -(-to_us // DAY_US)
        days = [
            day
            for day in await self._archive.days(from_day, to_day)
            if cold is None or day.day < cold.get(day.policy, day.day)
        ]
        found = await asyncio.gather(*(self._of(day) for day in days))
        segments = [
            segment
            for listed in found
            for segment in listed.segments
            if (from_us is None or segment.max_us >= from_us) and (to_us is None or segment.min_us < to_us)
        ]
        return Listed(segments, [why for listed in found for why in listed.missing])

    async def _of(self, day: ArchivedDay) -> Listed:
        key = (day.policy, day.day)
        kept = self._kept.get(key)
        if kept is not None and kept[0] == day.version:
            self._kept.move_to_end(key)
            return kept[1]
        async with self._asking:
            files = await self._archive.files(*key)
        listed = Listed(
            [segment_of(file) for file in files if not file.reason],
            [told_aside(file.name, file.rows, file.reason) for file in files if file.reason],
        )
        before = self._kept.pop(key, None)
        self._files += len(listed.segments) - (0 if before is None else len(before[1].segments))
        self._kept[key] = (day.version, listed)
        while self._files > _MOST_FILES and len(self._kept) > 1:
            self._files -= len(self._kept.popitem(last=False)[1][1].segments)
        return listed


def told_aside(name: str, rows: int, why: str) -> str:
    """Of a file, for people."""
    return f"{name} with {rows} lines is put aside: {why}"


def segment_of(file: ArchivedFile) -> Segment:
    """A file of the archive as the reader of segments takes it."""
    digest = hashlib.blake2b(file.name.encode(), digest_size=8).digest()
    pieces = np.frombuffer(file.pieces, "<i8").reshape(-1, 3).astype(np.int64)
    return Segment(
        id=int.from_bytes(digest, "little"),
        file=file.name,
        policy=file.policy,
        day=file.day,
        rows=file.rows,
        size_bytes=file.size_bytes,
        crc=file.crc,
        pieces=pieces,
        skip_bytes=file.skip_bytes,
        skip_crc=file.skip_crc,
    )
