"""Deleting what is no part of the archive: garbage, which the list names as such, and orphans, which nothing names.

Garbage is deleted after GRACE_SECONDS: searches and restores that began before may read it so long.

An orphan is a file or skip index whose id is older than ORPHAN_SECONDS, that isn't in the list, is no garbage, and that
no manifest names of messages which the list doesn't have yet: those an archiver adopts when it starts. What has an id
of others isn't touched.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from logd.flow import crash
from logd.flow.clock import now_us
from logd.seams import Archive, Objects
from logd.telemetry import metrics
from logd.tiers import files, manifests, names
from logd.tiers.manifests import DayManifest

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
    named = await named_files(objects, archive)
    unnamed = [name for name in suspects if _data_of(name) not in named]
    # A day all of whose files are put aside is in no list of days.
    aside = {file.name for day in sorted(set(map(names.day_of, unnamed))) for file in await archive.files(*day)}
    orphans = [name for name in unnamed if _data_of(name) not in aside]
    if orphans:
        await _forget_manifests(objects, {_data_of(name) for name in orphans})
    for name in orphans:
        log.info("%s is named by nothing, and is deleted", name)
        await objects.delete(name)
        metrics.ARCHIVE_DELETED.labels("orphan").inc()
    return len(orphans)


async def named_files(objects: Objects, archive: Archive) -> set[str]:
    """Files that the list names, as parts or as garbage, or that a manifest names which an archiver will adopt."""
    named = {file.name for day in await all_days(archive) for file in await archive.files(*day)}
    named |= {one.name for one in await archive.garbage(2**62, 10**9)}
    known = await archive.positions()
    for partition in await manifests.partitions(objects):
        async for manifest in manifests.of_partition(objects, partition, known.get(partition, 0)):
            named |= {file.name for file in manifest.files}
    # Again: what was adopted in between.
    named |= {file.name for day in await all_days(archive) for file in await archive.files(*day)}
    return named


async def all_days(archive: Archive) -> list[tuple[str, int]]:
    """Policies and days."""
    return [(day.policy, day.day) for day in await archive.days()]


async def _forget_manifests(objects: Objects, orphans: set[str]) -> None:
    """Of compactions that were never finished: `rebuild` would take them for finished ones."""
    async for one in objects.list(f"{names.MANIFESTS}policy="):
        known = files.id_of(one.name)
        if known is None:
            continue
        manifest = await manifests.read(objects, one.name, DayManifest)
        if manifest.files and all(file.name in orphans for file in manifest.files):
            await objects.delete(one.name)


def _data_of(name: str) -> str:
    """The file that a skip index is of; of a file itself."""
    if name.startswith(names.SKIPS):
        return names.DATA + name.removeprefix(names.SKIPS).removesuffix(".skip") + ".parquet"
    return name
