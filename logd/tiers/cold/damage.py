"""Files of the archive that can't be read: whether they are damaged or only away, and what becomes of them."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
import zlib
from collections.abc import Iterator

from logd.errors import Corrupt, NotFound, Unavailable
from logd.seams import Archive, Objects
from logd.store.segments import Segment
from logd.store.walk import Snapshot
from logd.telemetry import metrics
from logd.tiers.cold.files import ColdFiles

log = logging.getLogger("logd.cold")
#: What isn't found is looked for again after so long: a store may say so for a while, and the list's word counts more.
_GONE_SECONDS = 60.0
_GONE = "it isn't there any more"


class Replaced(Exception):
    """A file was part of the archive when a search began, and isn't any more: others have its rows."""


class Damage:
    """backends.index.reader.Held for the archive."""

    def __init__(self, archive: Archive, objects: Objects) -> None:
        self._archive = archive
        self._objects = objects
        #: Why files are left out by this process, by their names.
        self.aside: dict[str, str] = {}
        #: Since when those of them that weren't found are.
        self._gone: dict[str, float] = {}

    def look_again(self) -> None:
        """Before a search: what wasn't found long ago isn't left out any more."""
        now = time.monotonic()
        for name in [name for name, at in self._gone.items() if now - at >= _GONE_SECONDS]:
            del self._gone[name]
            self.aside.pop(name, None)

    @contextlib.contextmanager
    def lease(self) -> Iterator[None]:
        """See Held. Objects that are replaced stay for longer than a search takes."""
        yield

    async def put_aside_damaged(self, now: Snapshot, error: Exception) -> bool:
        """See Held. Where the error names none of them, those are looked at of which something was read. Raises
        Replaced."""
        files = now.files
        assert isinstance(files, ColdFiles)
        name, failure = files.failure or ("", error)
        if isinstance(failure, Unavailable):
            raise Unavailable(f"the archive can't be read now: {failure}", failure.retry_after_seconds) from error
        if name:
            why = _GONE if isinstance(failure.__cause__, NotFound) else str(failure)
            await self._put_aside(next(one for one in now.segments if one.file == name), why)
            return True
        segments = list(now.segments)
        suspects = [segment for segment in segments if segment.file in str(error)]
        found = False
        for segment in suspects or [segment for segment in segments if segment.file in files.touched]:
            why = await self._damage_of(segment)
            if why:
                await self._put_aside(segment, why)
                found = True
        return found

    async def _damage_of(self, segment: Segment) -> str:
        """Reads it whole; empty when it is what was written."""
        size = crc = 0
        try:
            async with self._objects.get(segment.file) as blocks:
                async for block in blocks:
                    size += len(block)
                    crc = zlib.crc32(block, crc)
        except NotFound:
            return _GONE
        except Unavailable as error:
            raise Unavailable(f"whether {segment.file} is damaged can't be told now: {error}") from error
        if size != segment.size_bytes:
            return f"it has {size} bytes, not {segment.size_bytes}"
        return "" if crc == segment.crc else "its checksum isn't that of what was written"

    async def _put_aside(self, segment: Segment, why: str) -> None:
        """Goes on when the caller is cancelled: a search that nobody waits for has still found the damage. What is only
        gone is left out here and for now; `logd archive verify` says whether it is gone for good."""
        name = segment.file
        if name in self.aside:
            return
        if name not in {file.name for file in await self._archive.files(segment.policy, segment.day)}:
            raise Replaced
        self.aside[name] = why
        if why == _GONE:
            self._gone[name] = time.monotonic()
            log.error("%s of the archive isn't in the store of objects: searches leave it out for now", name)
            return
        metrics.COLD_PUT_ASIDE.inc()
        log.error("%s of the archive is put aside: %s", name, why)
        await asyncio.shield(asyncio.create_task(self._told(name, why), name="cold.put_aside"))

    async def _told(self, name: str, why: str) -> None:
        try:
            await self._archive.put_aside(name, why)
        except (Unavailable, Corrupt) as error:
            log.warning("the catalog can't be told now that %s is put aside: %s", name, error)
