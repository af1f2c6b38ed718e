"""What an archiver does with what is archived: of all archivers one at a time, which has the lease, compacts files,
expires days, and deletes what nothing names."""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
import socket
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from logd.config.schema import Config
from logd.errors import LogdError, Unavailable
from logd.seams import Archive, Leases, Objects, Tiering
from logd.tiers.archive.collecting import collect_garbage, collect_orphans
from logd.tiers.archive.compaction import Compaction
from logd.tiers.archive.expiry import ExpiredBefore, IsHeld, expire

log = logging.getLogger("logd.archiver")
LEASE = "archive.compaction"
#: A step that takes longer may meet another's: what both have done counts once (Archive.add).
_LEASE_SECONDS = 600.0
_IDLE_SECONDS = 5.0
#: All objects are listed for it.
_ORPHANS_SECONDS = 6 * 3_600.0


class ArchiveUpkeep:
    """A step at a time, until it should stop."""

    def __init__(
        self,
        config: Config,
        objects: Objects,
        archive: Archive,
        tiering: Tiering,
        leases: Leases,
        expired_before: ExpiredBefore,
        is_held: IsHeld,
    ) -> None:
        self._objects = objects
        self._archive = archive
        self._leases = leases
        self._owner = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}"
        limits = config.archiver
        folder = Path(config.data_dir) / "compaction"
        self._compaction = Compaction(objects, archive, folder, limits.compact_seconds, limits.compact_bytes_per_second)
        self._expire: Callable[[], Awaitable[int]] = lambda: expire(
            archive, tiering, expired_before, is_held, self._owner
        )
        self._orphans_at = time.monotonic() + _ORPHANS_SECONDS / 10
        self._error = ""
        self._has_lease = False

    def status(self) -> dict[str, object]:
        """Whether this process has the lease, and the last error."""
        return {"has_lease": self._has_lease, "error": self._error or None}

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop`; a step that is under way is given up then."""
        async with asyncio.TaskGroup() as tasks:
            work = tasks.create_task(self._work(stop), name="archive.upkeep.work")
            await stop.wait()
            self._compaction.halt()
            await work

    async def _work(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            wait = _IDLE_SECONDS
            try:
                if await self._step():
                    wait = 0.0
                self._error = ""
            except LogdError as error:
                if str(error) != self._error:
                    log.error("the archive can't be looked after: %s", error)
                self._error = str(error)
                wait = max(wait, error.retry_after_seconds if isinstance(error, Unavailable) else 60.0)
            try:
                async with asyncio.timeout(wait):
                    await stop.wait()
            except TimeoutError:
                pass
        if self._has_lease:
            try:
                await self._leases.give_up(LEASE, self._owner)
            except Unavailable as error:
                log.warning("the lease %s ends by itself: %s", LEASE, error)

    async def _step(self) -> bool:
        if not (self._has_lease or await self._archive.days() or await self._archive.garbage(2**62, 1)):
            return False  # a lease would make a catalog where nobody needs one
        self._has_lease = await self._leases.take(LEASE, self._owner, _LEASE_SECONDS)
        if not self._has_lease:
            return False
        if await self._expire() or await collect_garbage(self._objects, self._archive):
            return True
        if await self._compaction.step():
            return True
        if time.monotonic() >= self._orphans_at:
            self._orphans_at = time.monotonic() + _ORPHANS_SECONDS
            await collect_orphans(self._objects, self._archive)
        return False
