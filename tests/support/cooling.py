"""The embedded index's way into the archive, over a store of objects and a catalog that outlive it."""

from __future__ import annotations

import asyncio
import io
import itertools
import zlib
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from logd.backends.catalog.archive import CatalogArchive
from logd.backends.catalog.sqlite_file import SqliteFile
from logd.backends.catalog.tiering import CatalogTiering
from logd.backends.objects.folder import FolderObjects
from logd.errors import NotFound
from logd.record import SCHEMA
from logd.seams import ArchivedFile, LegalHold
from logd.store.inventory import Inventory
from logd.store.segments import micros_of
from logd.tiers import names
from logd.tiers.embedded.cooling import Cooling
from logd.tiers.terms import Terms
from tests.support.rows import DAY_US, Row


class PlainHours:
    """Hours as plain Parquet, without skip indexes."""

    def __init__(self, objects: FolderObjects) -> None:
        self.objects = objects
        self.most_rows = 0
        self._numbers = itertools.count()

    async def put(self, policy: str, day: int, hour: int, rows: pa.Table) -> ArchivedFile:
        """See Hours."""
        self.most_rows = max(self.most_rows, len(rows))
        sink = io.BytesIO()
        ordered = rows.take(
            pa.compute.sort_indices(
                rows.set_column(4, "service", rows["service"].cast(pa.string())),
                [("service", "ascending"), ("timestamp", "ascending"), ("log_id", "ascending")],
            )
        )
        pq.write_table(ordered, sink)
        content = sink.getvalue()
        micros = micros_of(rows)
        name = names.data_of(policy, day, hour, f"{id(self)}-{next(self._numbers)}")
        await self.objects.put(name, _once(content))
        pieces = np.array([[micros.min(), micros.max(), len(rows)]], "<i8").tobytes()
        return ArchivedFile(
            name=name,
            policy=policy,
            day=day,
            hour=hour,
            rows=len(rows),
            size_bytes=len(content),
            crc=zlib.crc32(content),
            pieces=pieces,
        )

    async def name(self, policy: str, day: int, manifest_id: str, files: Sequence[ArchivedFile]) -> None:
        """See Hours."""
        await self.objects.put(names.day_manifest(policy, day, manifest_id), _once(msgspec.json.encode(files)))

    async def named(self, policy: str, day: int, manifest_id: str) -> Sequence[ArchivedFile] | None:
        """See Hours."""
        try:
            async with self.objects.get(names.day_manifest(policy, day, manifest_id)) as blocks:
                content = b"".join([block async for block in blocks])
        except NotFound:
            return None
        return msgspec.json.decode(content, type=list[ArchivedFile])


class Cold:
    """What outlives a process: objects and the catalog. The clock is the test's own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.now_us = 0
        self.expired_before: dict[str, int] = {}
        self.cold_before: dict[str, int] = {}
        self.warm_before: dict[str, int] = {}
        self.holds: list[LegalHold] = []

    async def open(self) -> None:
        """As a starting process does."""
        self.objects = await FolderObjects.open(self.folder / "objects")
        self.file = await SqliteFile.open(self.folder / "catalog.db")
        self.archive = CatalogArchive(self.file)
        self.tiering = CatalogTiering(self.file)
        self.hours = PlainHours(self.objects)

    async def close(self) -> None:
        """All of it."""
        await self.file.close()
        await self.objects.close()

    async def terms(self) -> Terms:
        """As they are set now."""
        return Terms(
            self.expired_before.get, self.cold_before.get, lambda name: self.warm_before.get(name, 0), self.holds
        )

    def cooling(self, inventory: Inventory) -> Cooling:
        """One over the inventory."""
        return Cooling(inventory, self.terms, self.archive, self.tiering, self.hours, clock=lambda: self.now_us)

    async def rows(self, policy: str, day: int) -> list[Row]:
        """Those that the archive has of a day, in any order."""
        found: list[Row] = []
        for file in await self.archive.files(policy, day):
            async with self.objects.get(file.name) as blocks:
                content = b"".join([block async for block in blocks])
            assert zlib.crc32(content) == file.crc
            table = await asyncio.to_thread(pq.read_table, io.BytesIO(content))
            assert len(table) == file.rows
            hours = micros_of(table) // (DAY_US // 24)
            assert (hours == day * 24 + file.hour).all()
            found += table.cast(SCHEMA).to_pylist()
        return found

    async def archived(self) -> dict[str, int]:
        """The boundaries, as a search has them."""
        return {one.policy: one.cold_before for one in await self.tiering.boundaries()}


async def _once(content: bytes) -> AsyncIterator[bytes]:
    yield content
