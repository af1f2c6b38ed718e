"""How far the archive goes, by its list in the catalog."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from logd.config.schema import Config
from logd.roles import catalog_wiring, tier_wiring
from logd.seams import ArchivedFile
from tests.support.rows import DAY, DAY_US

_DAY = DAY // DAY_US


def _file(name: str, policy: str, day: int, *last_us: int) -> ArchivedFile:
    pieces = np.array([[time - 5, time, 1] for time in last_us], "<i8").tobytes()
    return ArchivedFile(
        name=name, policy=policy, day=day, hour=0, rows=len(last_us), size_bytes=1, crc=0, pieces=pieces
    )


async def test_how_far_the_archive_goes(tmp_path: Path) -> None:
    catalog = await catalog_wiring.open_catalog(Config(data_dir=str(tmp_path)))
    archive = catalog.archive
    assert await tier_wiring.newest_us(archive) is None
    files = [
        _file("archive/a", "x", _DAY - 1, DAY - 1),
        _file("archive/b", "x", _DAY, DAY + 10, DAY + 4),
        _file("archive/c", "y", _DAY, DAY + 7),
        _file("archive/d", "y", _DAY, DAY + 70),
    ]
    await archive.add(files)
    assert await tier_wiring.newest_us(archive) == DAY + 70
    await archive.put_aside("archive/d", "it is damaged")
    assert await tier_wiring.newest_us(archive) == DAY + 10
    await catalog.close()
