"""What searches of tiers are made of, by configuration."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np

from logd.config.schema import Config
from logd.seams import Archive, Objects, Searches, Tiering
from logd.tiers.cold.searches import ArchiveSearches
from logd.tiers.merged.boundaries import Boundaries
from logd.tiers.merged.searching import ArchiveOf, TieredSearches


@contextlib.asynccontextmanager
async def open_archive(config: Config, archive: Archive, objects: Objects) -> AsyncIterator[ArchiveSearches]:
    """The archive, to be searched; what is read of it is kept in data_dir, which is this process's own. Raises
    ConfigError."""
    cold = await ArchiveSearches.open(archive, objects, Path(config.data_dir) / "cold-cache", config.search)
    try:
        yield cold
    finally:
        await cold.close()


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
