"""Ranges of an archive, back into a real Elasticsearch: what is asked for and nothing else, once, for a while."""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from logd.backends.catalog.archive import CatalogArchive
from logd.backends.catalog.restores import CatalogRestores
from logd.backends.catalog.sqlite_file import SqliteFile
from logd.backends.index.elasticsearch_names import restored_name
from logd.backends.index.elasticsearch_restored import RestoredIndices
from logd.backends.objects.folder import FolderObjects
from logd.errors import Unavailable
from logd.record import SCHEMA
from logd.seams import ArchivedFile, Restore
from logd.tiers.names import data_of
from logd.tiers.restoring import Restorer
from tests.services import running
from tests.support.rows import DAY_US, Row, row
from tests.support.tiers import D, World, settings_of

pytestmark = [pytest.mark.servers("elasticsearch"), pytest.mark.timeout(1_200)]
_GROUP_ROWS = 50
_ID = "0123456789ab"


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A hot node and a warm one."""
    if url := os.environ.get("ESTIERS_URL"):
        yield url
        return
    with running("elasticsearch", tmp_path_factory.mktemp("cluster"), members=2) as server:
        yield server.url


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

    async def add(self, policy: str, day: int, rows: Sequence[Row], name: str = "a", crc: int | None = None) -> str:
        """A file of a day's first hour, whose rows are in order."""
        table = pa.Table.from_pylist(list(rows), schema=SCHEMA)
        sink = pa.BufferOutputStream()
        pq.write_table(table, sink, row_group_size=_GROUP_ROWS)
        content = sink.getvalue().to_pybytes()
        times = table["timestamp"].cast(pa.int64()).to_numpy()
        starts = range(0, len(table), _GROUP_ROWS)
        groups = [times[at : at + _GROUP_ROWS] for at in starts]
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
            services=dict.fromkeys((one["service"] for one in rows), 1),
        )

        async def once() -> AsyncIterator[bytes]:
            yield content

        await self.objects.put(file.name, once())
        assert await self.archive.add([file])
        return file.name

    async def wanted(self, from_us: int, to_us: int, *services: str) -> None:
        """Asks for a range, for a day."""
        expires_us = self.world.outside.now_us + DAY_US
        restore = Restore(id=_ID, from_us=from_us, to_us=to_us, services=services, expires_us=expires_us)
        await self.restores.put(restore)

    async def is_now(self) -> Restore:
        """The restore."""
        (one,) = await self.restores.all()
        return one

    async def found(self) -> dict[str, list[str]]:
        """The log_ids by index."""
        path = f"/restored-*-{_ID}/_search"
        answer = json.loads(await self.world.client.ask("POST", path, {"size": 10_000, "_source": ["log_id"]}))
        found: dict[str, list[str]] = {}
        for hit in answer["hits"]["hits"]:
            found.setdefault(hit["_index"], []).append(hit["_source"]["log_id"])
        return {name: sorted(ids) for name, ids in found.items()}


@pytest.fixture
async def archived(cluster: str, tmp_path: Path) -> AsyncIterator[Archived]:
    world = await World.open(cluster, tmp_path)
    objects = await FolderObjects.open(tmp_path / "objects")
    file = await SqliteFile.open(tmp_path / "catalog.db")
    archived = Archived(world, objects, file)
    yield archived
    for name in await archived.indices.names(_ID):
        await archived.indices.delete(name)
    await archived.indices.close()
    await archived.archive.close()
    await objects.close()
    await world.close()


def _rows(day: int, count: int, service: str = "web") -> list[Row]:
    return [
        row(day * DAY_US + n, f"{service}-{day}-{n:04}", f"line {n}", service=service, metadata='{"a":1.50,"b":[2]}')
        for n in range(count)
    ]


async def test_a_range_comes_back(archived: Archived) -> None:
    web, pay = _rows(D, 200), _rows(D, 100, "pay")
    await archived.add("DEFAULT", D, web)
    await archived.add("pay", D, pay)
    await archived.add("DEFAULT", D + 1, _rows(D + 1, 10))
    await archived.add("DEFAULT", D + 2, _rows(D + 2, 10))
    await archived.wanted(D * DAY_US + 120, (D + 1) * DAY_US + 5)
    await archived.restorer.step()
    one = await archived.is_now()
    names = [restored_name("DEFAULT", D, _ID), restored_name("DEFAULT", D + 1, _ID)]
    assert (one.state, one.rows, one.done_rows, one.error) == ("done", 85, 85, "")
    assert list(one.indices) == names
    assert names[0] == f"restored-default-2024-10-04-{_ID}"
    assert await archived.found() == {
        names[0]: [f"web-{D}-{n:04}" for n in range(120, 200)],
        names[1]: [f"web-{D + 1}-{n:04}" for n in range(5)],
    }
    shown = json.loads(
        await archived.world.client.ask("GET", f"/{names[0]}/_settings", None, {"flat_settings": "true"})
    )
    its = shown[names[0]]["settings"]
    assert (its["index.number_of_replicas"], its["index.blocks.write"]) == ("0", "true")
    assert await archived.world.found() == [], "logd's own searches go by the archive"
    await archived.restorer.step()
    assert await archived.is_now() == one


async def test_only_some_services(archived: Archived) -> None:
    rows = sorted([*_rows(D, 60), *_rows(D, 60, "pay")], key=lambda one: (one["service"], one["timestamp"]))
    await archived.add("DEFAULT", D, rows)
    await archived.wanted(D * DAY_US, D * DAY_US + 30, "pay", "other")
    await archived.restorer.step()
    assert await archived.found() == {restored_name("DEFAULT", D, _ID): [f"pay-{D}-{n:04}" for n in range(30)]}


async def test_it_expires_or_is_ended(archived: Archived) -> None:
    await archived.add("DEFAULT", D, _rows(D, 10))
    await archived.wanted(D * DAY_US, (D + 1) * DAY_US)
    await archived.restorer.step()
    assert await archived.found()
    archived.world.outside.now_us += DAY_US
    await archived.restorer.step()
    assert await archived.found() == {}
    one = await archived.is_now()
    assert (one.state, one.indices) == ("gone", ())
    ended = msgspec.structs.replace(one, state="waiting")
    await archived.restores.put(ended)
    await archived.restorer.step()
    assert (await archived.is_now()).state == "gone", "what has expired is never begun"


async def test_a_damaged_file_is_left_out_and_said(archived: Archived) -> None:
    await archived.add("DEFAULT", D, _rows(D, 10))
    bad = await archived.add("DEFAULT", D, _rows(D, 20, "pay"), "b", crc=1)
    await archived.wanted(D * DAY_US, (D + 1) * DAY_US)
    await archived.restorer.step()
    one = await archived.is_now()
    assert (one.state, one.rows) == ("done", 10)
    assert one.error.startswith(f"{bad}: its checksum is ")


async def test_what_was_begun_goes_on(archived: Archived) -> None:
    await archived.add("DEFAULT", D, _rows(D, 10))
    gone = await archived.add("DEFAULT", D, _rows(D, 20, "pay"), "b")
    await archived.wanted(D * DAY_US, (D + 1) * DAY_US)
    await archived.objects.delete(gone)  # as when it has just been compacted
    with pytest.raises(Unavailable, match="is no part of the archive any more"):
        await archived.restorer.step()
    assert (await archived.is_now()).done_rows == 10
    assert await archived.archive.add([], [gone])
    await archived.add("DEFAULT", D, _rows(D, 30, "pay"), "c")
    await archived.restorer.step()
    one = await archived.is_now()
    assert (one.state, one.rows) == ("done", 40)
