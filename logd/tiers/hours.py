"""An hour of the embedded index as files of the archive: what a day that becomes cold is put away by (cooling.py)."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa

from logd.errors import Conflict, NotFound, Unavailable
from logd.flow.clock import now_us
from logd.seams import ArchivedFile, Objects
from logd.tiers import files, manifests, names
from logd.tiers.manifests import DayManifest


class ArchivedHours:
    """cooling.Hours over a store of objects; `folder` is of this process alone, for files until they are put."""

    def __init__(self, objects: Objects, folder: Path) -> None:
        self._objects = objects
        self._folder = folder

    async def put(self, policy: str, day: int, hour: int, rows: pa.Table) -> ArchivedFile:
        """See Hours."""
        try:
            local = await asyncio.to_thread(self._write, policy, day, hour, rows)
        except OSError as error:
            raise Unavailable(f"can't write to {self._folder}: {str(error.strerror).lower()}") from error
        try:
            await files.upload(self._objects, local)
        finally:
            local.unlink()
        return local.file

    async def name(self, policy: str, day: int, manifest_id: str, files: Sequence[ArchivedFile]) -> None:
        """See Hours."""
        manifest = DayManifest(id=manifest_id, policy=policy, day=day, files=tuple(files))
        if not await manifests.put(self._objects, manifest):
            raise Conflict(f"there is another manifest {manifest.name!r} already")

    async def named(self, policy: str, day: int, manifest_id: str) -> Sequence[ArchivedFile] | None:
        """See Hours."""
        try:
            found = await manifests.read(self._objects, names.day_manifest(policy, day, manifest_id), DayManifest)
        except NotFound:
            return None
        return found.files

    def _write(self, policy: str, day: int, hour: int, rows: pa.Table) -> files.Local:
        self._folder.mkdir(parents=True, exist_ok=True)
        ((_, _, ordered),) = files.by_hour(rows)
        return files.write(self._folder, policy, day, hour, files.new_id(now_us(), files.COMPACTION), ordered)
