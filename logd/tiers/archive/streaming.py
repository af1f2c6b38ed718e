"""A partition's part of the stream becomes part of the archive.

    rows ── files in a local folder ── objects ── manifest ── the catalog's list, with the position ── (commit)

Invariants: a manifest is written after its files, and once: of two archivers that have the same messages the first one
counts, and the other drops its own files. Where a manifest ends, the next one of its partition begins. What is killed
between two steps is gone through again by whoever reads on from the committed position: either its manifest is there,
and is adopted, or nothing names its files, which are collected as orphans (collecting.py).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Sequence
from pathlib import Path

from logd.errors import LogdError, Unavailable
from logd.flow import crash
from logd.flow.clock import now_us
from logd.seams import Archive, Objects, Tally
from logd.telemetry import metrics
from logd.tiers import names
from logd.tiers.archive import batch, files, manifests
from logd.tiers.archive.batch import Assigns, Part
from logd.tiers.archive.files import Local
from logd.tiers.archive.manifests import StreamManifest

log = logging.getLogger("logd.archiver")

#: Files may be deleted as orphans a day after they got their names (collecting.py): they aren't named much later.
_NAMED_WITHIN_US = 12 * 3_600_000_000


class Outdated(LogdError):
    """Objects were away so long that the files have to be written again, under new names."""


class StreamArchive:
    """Over a store of objects, the catalog's list, and a folder of this process alone for files that aren't put yet."""

    def __init__(
        self,
        objects: Objects,
        archive: Archive,
        policies: Assigns,
        folder: Path,
        clock_us: Callable[[], int] = now_us,
    ) -> None:
        self._objects = objects
        self._archive = archive
        self._policies = policies
        self._folder = folder
        self._clock_us = clock_us

    async def positions(self) -> dict[int, int]:
        """See Archive.positions."""
        return dict(await self._archive.positions())

    async def adopted(self, partition: int, position: int) -> StreamManifest | None:
        """What an archiver has made of the messages from `position` on and has perhaps not told anybody: it is part of
        the archive now. Raises Unavailable, Corrupt."""
        manifest = await manifests.found(self._objects, partition, position)
        if manifest is not None:
            await self.name(manifest)
            log.info("%s was written before, and is part of the archive now", manifest.name)
        return manifest

    async def has_written(self, partition: int, start: int, end: int) -> bool:
        """Whether a manifest begins between these positions. Raises Unavailable, Corrupt."""
        async for manifest in manifests.of_partition(self._objects, partition, start):
            return manifest.start < end
        return False

    async def write(self, part: Part) -> Sequence[Local]:
        """The part's files, in the folder. Raises Unavailable."""
        try:
            written = await asyncio.to_thread(batch.write, self._folder, part, self._policies, self._clock_us())
        except OSError as error:
            raise Unavailable(f"files of the archive can't be written in {self._folder}: {error}") from error
        crash.point("archive.written")
        return written

    async def put(self, written: Sequence[Local]) -> None:
        """The files are objects; may be called again. Raises Unavailable."""
        await batch.upload(self._objects, written)

    async def put_manifest(self, manifest: StreamManifest) -> StreamManifest:
        """The manifest of these messages from now on: this one, or another archiver's, who was first; may be called
        again. Raises Unavailable, Corrupt, and Outdated."""
        ids = [known[0] for file in manifest.files if (known := files.id_of(file.name)) is not None]
        if ids and self._clock_us() - min(ids) > _NAMED_WITHIN_US:
            raise Outdated(f"the files of {manifest.name} could not be named in time")
        if await manifests.put(self._objects, manifest):
            crash.point("archive.manifest.put")
            return manifest
        return await manifests.read(self._objects, manifest.name, StreamManifest)

    async def name(self, manifest: StreamManifest) -> None:
        """Its files are part of the archive. Raises Unavailable, Corrupt."""
        await self._archive.add(manifest.files, positions={manifest.partition: manifest.end})
        crash.point("archive.added")

    async def drop(self, written: Sequence[Local]) -> None:
        """Of files that nothing names: what can't be deleted now is collected later."""
        with contextlib.suppress(Unavailable):
            for local in written:
                await self._objects.delete(local.file.name)
                await self._objects.delete(names.skip_of(local.file.name))


def tally_of(manifest: StreamManifest) -> Tally:
    """What became of a manifest's lines."""
    rows = sum(file.rows for file in manifest.files)
    return Tally(manifest.lines, rows, 0, manifest.refused, manifest.dropped, manifest.sampled)


def count(written: Sequence[Local]) -> None:
    """For the metrics."""
    for local in written:
        metrics.ARCHIVE_ROWS.inc(local.file.rows)
        metrics.ARCHIVE_FILES.inc()
        metrics.ARCHIVE_BYTES.inc(local.file.size_bytes + local.file.skip_bytes)
