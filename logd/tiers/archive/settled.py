"""How many distinct records the archive has of a day, once that can be said: when its files were looked at together,
and none has a row that another has (compaction.py)."""

from __future__ import annotations

from logd.errors import Corrupt, NotFound
from logd.seams import Archive, Objects
from logd.tiers import names
from logd.tiers.archive import files, manifests
from logd.tiers.archive.manifests import DayManifest


async def distinct_rows(objects: Objects, archive: Archive, policy: str, day: int) -> int | None:
    """None while files aren't compacted, or as long as one is put aside. Raises Unavailable."""
    found = await archive.files(policy, day)
    if any(file.reason or (files.id_of(file.name) or (0, ""))[1] == files.STREAM for file in found):
        return None
    whole = tuple(file.name for file in found)
    if whole and not await _was_checked(objects, policy, day, whole):
        return None
    return sum(file.rows for file in found)


async def _was_checked(objects: Objects, policy: str, day: int, whole: tuple[str, ...]) -> bool:
    async for one in objects.list(names.day_manifest(policy, day, "").removesuffix(".json")):
        try:
            manifest = await manifests.read(objects, one.name, DayManifest)
        except (NotFound, Corrupt):
            continue  # it was collected, or says nothing: compaction looks at the day again
        if manifest.checked and manifest.whole == whole:
            return True
    return False
