"""Deleting what is no part of the archive: garbage, which the list names as such, and orphans, which nothing names.

Garbage is deleted after GRACE_SECONDS: searches and restores that began before may read it so long.

An orphan is a file or skip index whose id is older than ORPHAN_SECONDS, that isn't in the list, is no garbage, and that
no manifest names of messages which the list doesn't have yet: those an archiver adopts when it starts. Nor is it one
as long as a manifest of its day names it, and nothing else has the rows of what it came in the place of: then the list
isn't the one that it was, as when it was lost, or put back from a backup. What has an id of others isn't touched.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from logd.flow import crash
from logd.flow.clock import now_us
from logd.seams import Archive, Objects
from logd.telemetry import metrics
from logd.tiers import names
from logd.tiers.archive import files, manifests
from logd.tiers.archive.manifests import DayManifest

log = logging.getLogger("logd.archiver")
GRACE_SECONDS = 600.0
ORPHAN_SECONDS = 86_400.0
#: So many objects at a time, then others have their turn.
_AT_ONCE = 100


async def collect_garbage(objects: Objects, archive: Archive, clock_us: Callable[[], int] = now_us) -> int:
    """Deletes some; how many. Raises Unavailable."""
    found = [one.name for one in await archive.garbage(clock_us() - int(GRACE_SECONDS * 1e6), _AT_ONCE)]
    for name in found:
        await objects.delete(names.skip_of(name))
        await objects.delete(name)
        metrics.ARCHIVE_DELETED.labels("garbage").inc()
    if found:
        crash.point("garbage.deleted")
        await archive.forget(found)
        crash.point("garbage.forgotten")
    return len(found)


async def collect_orphans(objects: Objects, archive: Archive, clock_us: Callable[[], int] = now_us) -> int:
    """Deletes all; how many. Lists the whole archive. Raises Unavailable, and Corrupt when a manifest can't be read:
    then nothing more is deleted."""
    before_us = clock_us() - int(ORPHAN_SECONDS * 1e6)
    # Listed first: what is named meanwhile is in the list that is read after it.
    suspects = [
        one.name
        for prefix in (names.DATA, names.SKIPS)
        async for one in objects.list(prefix)
        if (known := files.id_of(one.name)) is not None and known[0] < before_us
    ]
    listed = await _listed(archive)
    adoptable = await _adoptable(objects, archive)
    listed |= await _listed(archive)  # again: what was adopted in between
    unnamed = {_data_of(name) for name in suspects} - listed - adoptable
    unnamed -= await _spared(objects, unnamed, listed)
    orphans = [name for name in suspects if _data_of(name) in unnamed]
    for name in orphans:
        log.info("%s is named by nothing, and is deleted", name)
        await objects.delete(name)
        metrics.ARCHIVE_DELETED.labels("orphan").inc()
    return len(orphans)


async def _listed(archive: Archive) -> set[str]:
    """Files that the list names, as parts, as put aside, or as garbage."""
    days = await archive.days()
    listed = {file.name for day in days for file in await archive.files(day.policy, day.day)}
    return listed | {one.name for one in await archive.garbage(2**62, 10**9)}


async def _adoptable(objects: Objects, archive: Archive) -> set[str]:
    """Files that a manifest names which an archiver will adopt."""
    named: set[str] = set()
    known = await archive.positions()
    for partition in await manifests.partitions(objects):
        async for manifest in manifests.of_partition(objects, partition, known.get(partition, 0)):
            named |= {file.name for file in manifest.files}
    return named


async def _spared(objects: Objects, unnamed: set[str], listed: set[str]) -> set[str]:
    """Those of files outside the list that may be the only ones with their rows. Manifests of compactions that were
    never finished are deleted: `rebuild` would take them for finished ones."""
    spared: set[str] = set()
    for folder in sorted(set(map(names.manifests_beside, unnamed))):
        found = [await manifests.read(objects, one.name, DayManifest) async for one in objects.list(folder)]
        naming = [manifest for manifest in found if any(file.name in unnamed for file in manifest.files)]
        replaced = listed.union(*(manifest.removed for manifest in found if manifest not in naming))
        for manifest in naming:
            own = {file.name for file in manifest.files}
            if not manifest.removed or not replaced.issuperset(manifest.removed):
                spared |= own & unnamed
            elif own <= unnamed:
                await objects.delete(manifest.name)
    if spared:
        log.error(
            "the catalog doesn't have %d files that manifests of the archive name, such as %s: they stay; if it was "
            "lost, or is an old one, `logd archive rebuild` puts them into it",
            len(spared),
            min(spared),
        )
    return spared


def _data_of(name: str) -> str:
    """The file that a skip index is of; of a file itself."""
    if name.startswith(names.SKIPS):
        return names.DATA + name.removeprefix(names.SKIPS).removesuffix(".skip") + ".parquet"
    return name
