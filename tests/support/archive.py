"""What tests ask of an archive: its rows, and whether its parts fit together."""

from __future__ import annotations

import asyncio
import io
import zlib
from collections.abc import Awaitable, Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from logd.backends.catalog.archive import CatalogArchive
from logd.backends.catalog.sqlite_file import SqliteFile
from logd.record import SCHEMA
from logd.seams import Archive, ArchivedFile, Objects
from logd.tiers import names
from tests.support.objects import read

PATIENCE_SECONDS = 120


async def opened(path: Path) -> CatalogArchive:
    """The list in a catalog of one file."""
    return CatalogArchive(await SqliteFile.open(path))


async def all_files(archive: Archive) -> list[ArchivedFile]:
    """Those that aren't put aside."""
    days = await archive.days()
    return [file for day in days for file in await archive.files(day.policy, day.day) if not file.reason]


async def rows_of(objects: Objects, archive: Archive) -> pa.Table:
    """All rows of the archive, after a look whether each file is what the list says."""
    tables = [await checked(objects, file) for file in await all_files(archive)]
    return pa.concat_tables([SCHEMA.empty_table(), *tables])


async def checked(objects: Objects, file: ArchivedFile) -> pa.Table:
    """The file's rows."""
    content = await read(objects, file.name)
    assert (len(content), zlib.crc32(content)) == (file.size_bytes, file.crc)
    if file.skip_bytes:
        skip = await read(objects, names.skip_of(file.name))
        assert (len(skip), zlib.crc32(skip)) == (file.skip_bytes, file.skip_crc)
    parquet = pq.ParquetFile(io.BytesIO(content))
    pieces = np.frombuffer(file.pieces, "<i8").reshape(-1, 3)
    assert [parquet.metadata.row_group(n).num_rows for n in range(parquet.num_row_groups)] == pieces[:, 2].tolist()
    assert pieces[:, 2].sum() == file.rows == sum(file.services.values())
    table = parquet.read().cast(SCHEMA)
    micros = table["timestamp"].cast(pa.int64()).to_numpy()
    start = 0
    for first, last, rows in pieces.tolist():
        part = micros[start : start + rows]
        assert (part.min(), part.max()) == (first, last)
        start += rows
    assert (np.floor_divide(micros, 3_600_000_000) == file.day * 24 + file.hour).all()
    keys = list(
        zip(
            [service or "" for service in table["service"].to_pylist()],
            micros.tolist(),
            table["log_id"].to_pylist(),
            strict=True,
        )
    )
    assert keys == sorted(keys)
    return table


async def object_names(objects: Objects) -> set[str]:
    """All that there is."""
    return {one.name async for one in objects.list()}


async def named_objects(archive: Archive) -> set[str]:
    """Files and skip indexes that the list names."""
    found = set()
    for file in await all_files(archive):
        found.add(file.name)
        if file.skip_bytes:
            found.add(names.skip_of(file.name))
    return found


async def until(true: Callable[[], Awaitable[object]]) -> None:
    """Polls what other tasks do."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not await true():  # noqa: ASYNC110
            await asyncio.sleep(0.02)
