"""What tiers are made of, by configuration: beside wiring.py, for roles that have them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from logd.config.schema import Config
from logd.seams import Archive, Objects

if TYPE_CHECKING:
    from logd.tiers.cold.searches import ArchiveSearches


async def open_archive_searches(config: Config, archive: Archive, objects: Objects) -> ArchiveSearches:
    """The searches of the archive, which whoever opens it closes before the objects and the catalog. What is read is
    kept in data_dir, which is this process's own. Raises ConfigError."""
    from logd.tiers.cold.searches import ArchiveSearches

    return await ArchiveSearches.open(archive, objects, Path(config.data_dir) / "cold-cache", config.search)
