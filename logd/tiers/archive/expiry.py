"""Days that a policy keeps no longer leave the archive: first its list, then, as garbage, the store of objects."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence

from logd.flow.clock import now_us
from logd.seams import Archive, ArchivedFile, Holding, Move, Tiering
from logd.telemetry import metrics

log = logging.getLogger("logd.archiver")
#: Of a policy, the day (since 1970) before which its files are to be deleted; None for never.
ExpiredBefore = Callable[[str], int | None]
#: Whether a legal hold wants something that is in a file.
IsHeld = Callable[[ArchivedFile], Awaitable[bool]]
TIER = "cold"


async def expire(
    archive: Archive, tiering: Tiering, expired_before: ExpiredBefore, is_held: IsHeld, by: str = ""
) -> int:
    """Removes the files of one day, the oldest first; how many, 0 when there is nothing to do. Those that are held
    stay. Raises Unavailable, and Corrupt when holds can't be read: then nothing goes."""
    for day in await archive.days():
        before = expired_before(day.policy)
        if before is None or day.day >= before:
            continue
        going = [file for file in await archive.files(day.policy, day.day) if not await is_held(file)]
        # Asked again: what holds want may have taken long to find, and somebody may have saved the day meanwhile.
        going = [file for file in going if not await is_held(file)]
        before = expired_before(day.policy)
        if before is None or day.day >= before:
            continue
        if not going or not await archive.add([], [file.name for file in going]):
            continue
        rows, size = sum(file.rows for file in going), sum(file.size_bytes + file.skip_bytes for file in going)
        metrics.ARCHIVE_DELETED.labels("expired").inc(len(going))
        log.info("policy %s keeps day %d no longer: %d files, %d rows", day.policy, day.day, len(going), rows)
        detail = {"files": len(going), "rows": rows, "size_bytes": size, "held_files": day.files - len(going)}
        move = Move(at_us=now_us(), policy=day.policy, day=day.day, what="expire", by=by, detail=detail)
        await tiering.record(move)
        return len(going)
    return 0


class ArchiveHoldings:
    """seams.Holdings of the archive."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive

    async def holdings(self, services: bool = False) -> Sequence[Holding]:
        """See Holdings."""
        found = []
        for day in await self._archive.days():
            if not day.files:
                continue  # all of it is put aside
            rows: Counter[str] = Counter()
            for file in await self._archive.files(day.policy, day.day) if services else ():
                if not file.reason:
                    rows.update(file.services)
            found.append(
                Holding(
                    tier=TIER,
                    policy=day.policy,
                    day=day.day,
                    parts=day.files,
                    rows=day.rows,
                    size_bytes=day.size_bytes + day.skip_bytes,
                    raw_bytes=day.raw_bytes,
                    services=rows,
                )
            )
        return found
