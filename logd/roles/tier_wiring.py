"""What searches of tiers are made of."""

from __future__ import annotations

import numpy as np

from logd.seams import Archive, Searches, Tiering
from logd.tiers.boundaries import Boundaries
from logd.tiers.searching import ArchiveOf, TieredSearches


def tiered(index: Searches, archive_of: ArchiveOf, tiering: Tiering, archive: Archive) -> Searches:
    """The index's and the archive's searches as one. `archive` is the list of the files that `archive_of` reads."""

    async def newest() -> int | None:
        return await newest_us(archive)

    return TieredSearches(index, archive_of, Boundaries(tiering), newest)


async def newest_us(archive: Archive) -> int | None:
    """The time of the last record that is archived, in Unix µs, None for none. Raises Unavailable and Corrupt."""
    days = await archive.days()
    last_day = max((one.day for one in days if one.files), default=None)
    times = [
        int(np.frombuffer(file.pieces, "<i8").reshape(-1, 3)[:, 1].max())
        for one in days
        if one.day == last_day
        for file in await archive.files(one.policy, one.day)
        if file.pieces and not file.reason
    ]
    return max(times, default=None)
