"""An archive in a folder and a catalog, with files that a test writes, and what puts ranges of it back into a real
Elasticsearch."""

from __future__ import annotations

import json
import zlib
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from logd.backends.catalog.archive import CatalogArchive
from logd.backends.catalog.restores import CatalogRestores
from logd.backends.catalog.sqlite_file import SqliteFile
from logd.backends.index.elasticsearch_restored import RestoredIndices
from logd.backends.objects.folder import FolderObjects
from logd.record import SCHEMA
from logd.seams import ArchivedFile, Restore
from logd.tiers.moving.restoring import Restorer
from logd.tiers.names import data_of
from tests.support.rows import DAY_US, Row
from tests.support.tiers import World, settings_of

GROUP_ROWS = 50
ID = "0123456789ab"


class Archived:
    """An archive in a folder, and what puts ranges of it back."""

    def __init__(self, world: World, objects: FolderObjects, file: SqliteFile) -> None:
        self.world = world
        self.objects = objects
        self.archive = CatalogArchive(file)
        self.restores = CatalogRestores(file)
        self.indices = RestoredIndices(world.client, settings_of(world.url))
        self.restorer = Restorer(
            world.ground, self.restores, self.archive, objects, self.indices, "one", lease_seconds=300
        )

    @classmethod
    async def open(cls, url: str, folder: Path, *, clear: bool = True) -> Archived:
        """In this folder; the same each time."""
        world = await World.open(url, folder, clear=clear)
        objects = await FolderObjects.open(folder / "objects")
        return cls(world, objects, await SqliteFile.open(folder / "catalog.db"))

    async def close(self) -> None:
        """Leaves the indices."""
        await self.indices.close()
        await self.archive.close()
        await self.objects.close()

    async def add(self, policy: str, day: int, rows: Sequence[Row], name: str = "a", crc: int | None = None) -> str:
        """A file of a day's first hour, whose rows are in order."""
        services = [one["service"] for one in rows]
        return await self.add_table(policy, day, pa.Table.from_pylist(list(rows), schema=SCHEMA), name, crc, services)

    async def add_table(
        self,
        policy: str,
        day: int,
        table: pa.Table,
        name: str = "a",
        crc: int | None = None,
        services: Sequence[str] = (),
        group_rows: int = GROUP_ROWS,
    ) -> str:
        """The same, of a table."""
        sink = pa.BufferOutputStream()
        pq.write_table(table, sink, row_group_size=group_rows, compression="zstd")
        content = sink.getvalue().to_pybytes()
        times = table["timestamp"].cast(pa.int64()).to_numpy()
        starts = range(0, len(table), group_rows)
        groups = [times[at : at + group_rows] for at in starts]
        pieces = np.array([[one.min(), one.max(), len(one)] for one in groups], "<i8").tobytes()
        file = ArchivedFile(
            name=data_of(policy, day, 0, name),
            policy=policy,
            day=day,
            hour=0,
            rows=len(table),
            size_bytes=len(content),
            crc=zlib.crc32(content) if crc is None else crc,
            pieces=pieces,
            services=dict.fromkeys(services, 1),
        )

        async def once() -> AsyncIterator[bytes]:
            yield content

        await self.objects.put(file.name, once())
        assert await self.archive.add([file])
        return file.name

    async def wanted(self, from_us: int, to_us: int, *services: str) -> None:
        """Asks for a range, for a day."""
        expires_us = self.world.outside.now_us + DAY_US
        restore = Restore(id=ID, from_us=from_us, to_us=to_us, services=services, expires_us=expires_us)
        await self.restores.put(restore)

    async def is_now(self) -> Restore:
        """The restore."""
        (one,) = await self.restores.all()
        return one

    async def found(self) -> dict[str, list[str]]:
        """The log_ids by index."""
        path = f"/restored-*-{ID}/_search"
        answer = json.loads(await self.world.client.ask("POST", path, {"size": 10_000, "_source": ["log_id"]}))
        found: dict[str, list[str]] = {}
        for hit in answer["hits"]["hits"]:
            found.setdefault(hit["_index"], []).append(hit["_source"]["log_id"])
        return {name: sorted(ids) for name, ids in found.items()}
