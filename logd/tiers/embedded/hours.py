"""Hours of segments as files of the archive: written on the local disk, a file at a time, then put into the store."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path

import pyarrow as pa

from logd.errors import Conflict, NotFound, Unavailable
from logd.flow.clock import now_us
from logd.seams import ArchivedFile, Objects
from logd.tiers import names
from logd.tiers.archive import files, manifests
from logd.tiers.archive.manifests import DayManifest

#: What made a file, in its id.
SEGMENTS = "m"


class ArchiveHours:
    """cooling.Hours over a store of objects. `folder` is this one's own, and emptied by `begin`."""

    def __init__(self, objects: Objects, folder: Path, clock: Callable[[], int] = now_us) -> None:
        self._objects = objects
        self._folder = folder
        self._clock = clock

    def begin(self) -> None:
        """What a process before has left goes. Raises OSError."""
        self._folder.mkdir(parents=True, exist_ok=True)
        for path in self._folder.iterdir():
            path.unlink()

    async def put(self, policy: str, day: int, hour: int, rows: pa.Table) -> ArchivedFile:
        """See Hours."""
        try:
            local = await asyncio.to_thread(self._write, policy, day, hour, rows)
        except OSError as error:
            raise Unavailable(f"files of the archive can't be written to {self._folder}: {error.strerror}") from error
        try:
            await files.upload(self._objects, local)
        finally:
            local.unlink()
        return local.file

    async def name(self, policy: str, day: int, manifest_id: str, named: Sequence[ArchivedFile]) -> None:
        """See Hours."""
        manifest = DayManifest(id=manifest_id, policy=policy, day=day, files=tuple(named))
        if not await manifests.put(self._objects, manifest):
            raise Conflict(f"another process has put {manifest.name}")

    async def named(self, policy: str, day: int, manifest_id: str) -> Sequence[ArchivedFile] | None:
        """See Hours."""
        try:
            name = names.day_manifest(policy, day, manifest_id)
            return (await manifests.read(self._objects, name, DayManifest)).files
        except NotFound:
            return None

    def _write(self, policy: str, day: int, hour: int, rows: pa.Table) -> files.Local:
        ((_, _, ordered),) = files.by_hour(rows)
        return files.write(self._folder, policy, day, hour, files.new_id(self._clock(), SEGMENTS), ordered)
