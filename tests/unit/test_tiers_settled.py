"""How many distinct records the archive has of a day: known once its files were looked at together."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from logd.backends.catalog.archive import CatalogArchive
from logd.backends.catalog.sqlite_file import SqliteFile
from logd.backends.objects.folder import FolderObjects
from logd.seams import ArchivedFile
from logd.tiers import names
from logd.tiers.archive import files, manifests
from logd.tiers.archive.manifests import DayManifest
from logd.tiers.archive.settled import distinct_rows

_DAY = 20_000


class Archived:
    """An archive of which only the list and the manifests are there."""

    def __init__(self, archive: CatalogArchive, objects: FolderObjects) -> None:
        self.archive = archive
        self.objects = objects

    async def add(self, made_by: str, rows: int, hour: int = 0) -> str:
        """A file."""
        name = names.data_of("pay", _DAY, hour, files.new_id(1, made_by))
        file = ArchivedFile(name=name, policy="pay", day=_DAY, hour=hour, rows=rows, size_bytes=1, crc=1, pieces=b"")
        assert await self.archive.add([file])
        return name

    async def look(self, *whole: str, checked: bool = True) -> None:
        """These files were looked at."""
        manifest = DayManifest(id=files.new_id(2, "m"), policy="pay", day=_DAY, checked=checked, whole=whole)
        assert await manifests.put(self.objects, manifest)

    async def rows(self) -> int | None:
        """As they are known."""
        return await distinct_rows(self.objects, self.archive, "pay", _DAY)


@pytest.fixture
async def archived(tmp_path: Path) -> AsyncIterator[Archived]:
    archive = CatalogArchive(await SqliteFile.open(tmp_path / "catalog.db"))
    objects = await FolderObjects.open(tmp_path / "objects")
    yield Archived(archive, objects)
    await archive.close()
    await objects.close()


async def test_nothing_is_there(archived: Archived) -> None:
    assert await archived.rows() == 0


async def test_what_has_just_come_from_the_stream_may_be_twice(archived: Archived) -> None:
    name = await archived.add(files.STREAM, 5)
    await archived.look(name)
    assert await archived.rows() is None


async def test_a_day_is_looked_at_as_a_whole(archived: Archived) -> None:
    some = [await archived.add(files.COMPACTION, 5), await archived.add(files.COMPACTION, 7, hour=3)]
    assert await archived.rows() is None
    await archived.look(some[0])
    await archived.look(*sorted(some), checked=False)
    assert await archived.rows() is None
    await archived.look(*sorted(some))
    assert await archived.rows() == 12
    await archived.add(files.COMPACTION, 1, hour=4)
    assert await archived.rows() is None


async def test_a_file_that_is_put_aside_proves_nothing(archived: Archived) -> None:
    some = [await archived.add(files.COMPACTION, 5), await archived.add(files.COMPACTION, 7, hour=3)]
    await archived.look(*sorted(some))
    await archived.archive.put_aside(some[0], "it is damaged")
    await archived.look(some[1])
    assert await archived.rows() is None
