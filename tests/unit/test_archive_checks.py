"""Whether the store of objects is that of the archive."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from logd.backends.catalog.archive import CatalogArchive
from logd.backends.catalog.sqlite_file import SqliteFile
from logd.backends.objects.folder import FolderObjects
from logd.config.schema import Config
from logd.errors import ConfigError
from logd.roles.archive_checks import refuse_other_store
from logd.seams import ArchivedFile
from logd.tiers import names


def _file(number: int) -> ArchivedFile:
    name = names.data_of("DEFAULT", 20_000, number, f"{number}")
    return ArchivedFile(
        name=name, policy="DEFAULT", day=20_000, hour=number, rows=1, size_bytes=1, crc=0, pieces=bytes(24)
    )


async def _content() -> AsyncIterator[bytes]:
    yield b"x"


async def test_a_store_that_has_nothing_of_the_archive_is_another_one(tmp_path: Path) -> None:
    file = await SqliteFile.open(tmp_path / "catalog.db")
    archive, objects = CatalogArchive(file), await FolderObjects.open(tmp_path / "objects")
    config = Config(data_dir=str(tmp_path))
    await refuse_other_store(config, objects, archive)  # there is no archive yet
    await archive.add([_file(1), _file(2)])
    with pytest.raises(ConfigError, match=r"isn't where the archive is: it has none .*/date=2024-10-04/hour=01/1.parq"):
        await refuse_other_store(config, objects, archive)
    await objects.put(_file(2).name, _content())
    await refuse_other_store(config, objects, archive)  # a file may be damaged or gone
    await file.close()
