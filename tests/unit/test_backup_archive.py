"""Files of the archive in a backup."""

from __future__ import annotations

import zlib
from pathlib import Path

from logd.backends.catalog.archive import CatalogArchive
from logd.backends.catalog.sqlite_file import SqliteFile
from logd.backup.archive import copy_archive
from logd.seams import ArchivedFile
from logd.tiers import names

_CONTENT = b"rows"


def _file(number: int) -> ArchivedFile:
    name = names.data_of("DEFAULT", 20_000, number, f"{number}")
    crc = zlib.crc32(_CONTENT)
    return ArchivedFile(
        name=name, policy="DEFAULT", day=20_000, hour=number, rows=3, size_bytes=4, crc=crc, pieces=bytes(24)
    )


async def test_what_is_not_as_it_was_is_told(tmp_path: Path) -> None:
    data_dir, backup = tmp_path / "data", tmp_path / "backup"
    backup.mkdir()
    catalog = await SqliteFile.open(backup / "catalog.db")
    whole, damaged, missing, unnamed = map(_file, range(4))
    await CatalogArchive(catalog).add([whole, damaged, missing])
    await catalog.close()
    for file, content in ((whole, _CONTENT), (damaged, b"raws"), (unnamed, _CONTENT)):
        path = data_dir / "objects" / file.name
        path.parent.mkdir(parents=True)
        path.write_bytes(content)
    copied, told = copy_archive(data_dir, backup, Path("catalog.db"), lambda: None)
    assert set(copied) == {f"objects/{file.name}" for file in (whole, damaged, unnamed)}
    assert [(one.file, one.rows) for one in told] == [(damaged.name, 3), (missing.name, 3)]
    assert (backup / "objects" / whole.name).read_bytes() == _CONTENT


def test_without_a_catalog_nothing_is_listed(tmp_path: Path) -> None:
    assert copy_archive(tmp_path / "data", tmp_path, Path("catalog.db"), lambda: None) == ({}, [])
