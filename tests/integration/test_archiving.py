"""The archiver over a real transport, a catalog and a store of objects, which can be away."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterable, AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import REGISTRY

from logd.backends.catalog.archive import CatalogArchive
from logd.backends.index.policies import Assignment
from logd.backends.objects.folder import FolderObjects
from logd.backends.transport.sqlite import SqliteTransport
from logd.config.schema import Archiver, Config, Parse, Policy
from logd.errors import ConfigError
from logd.roles import waiting
from logd.roles.archiving import GROUP, Archiving
from logd.seams import RAW_LOGS, Objects, Tally
from logd.tiers import names
from logd.tiers.archive import manifests, verifying
from logd.tiers.archive.batch import Part, manifest_of
from logd.tiers.archive.streaming import StreamArchive
from tests.services import running
from tests.support.archive import PATIENCE_SECONDS, all_files, named_objects, object_names, opened, rows_of, until
from tests.support.objects import Bucket
from tests.support.processing import envelope, unreadable


class World:
    """All that an archiver has, and archivers over it."""

    def __init__(
        self,
        folder: Path,
        transport: SqliteTransport,
        objects: Objects,
        archive: CatalogArchive,
        settings: dict[str, Any],
    ) -> None:
        self.transport = transport
        self.objects = objects
        self.archive = archive
        self.config = Config(
            data_dir=str(folder),
            parse=Parse(join_seconds=0),
            archiver=Archiver(**{"flush_seconds": 0.1, **settings}),
            policies={"payment": Policy(services=["pay*"])},
        )

    @classmethod
    @contextlib.asynccontextmanager
    async def open(cls, folder: Path, objects: Objects | None = None, **settings: Any) -> AsyncIterator[World]:
        transport = await SqliteTransport.open(folder / "transport.db")
        archive = await opened(folder / "catalog.db")
        objects = objects or await FolderObjects.open(folder / "objects")
        try:
            yield cls(folder, transport, objects, archive, settings)
        finally:
            await archive.close()
            await transport.close()
            await objects.close()

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[Archiving]:
        stop = asyncio.Event()
        policies = Assignment(self.config.policies)
        archiving = Archiving(self.config, self.transport, self.objects, self.archive, policies)
        run = asyncio.create_task(archiving.run(stop))
        try:
            yield archiving
        finally:
            stop.set()
            async with asyncio.timeout(PATIENCE_SECONDS):
                await run

    async def append(self, *texts: str, number: int = 1) -> None:
        await self.transport.append(RAW_LOGS, [envelope(number, *texts)])

    async def messages(self) -> list[str]:
        found: list[str] = (await rows_of(self.objects, self.archive))["message"].to_pylist()
        return sorted(found)

    async def position(self) -> int:
        status = await self.transport.status()
        position: int = status[RAW_LOGS]["groups"][GROUP]["position"]
        return position


@pytest.fixture
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is away is asked again soon."""
    monkeypatch.setattr(waiting, "_RETRY_SECONDS", (0.02, 0.1))


async def test_lines_come_into_the_archive(tmp_path: Path) -> None:
    async with World.open(tmp_path) as world:
        async with world.running() as archiving:
            await world.append("a", "b")
            await until(world.messages)
            assert await world.messages() == ["a", "b"]
            await world.append("c", number=2)
        # The stop archives what is left.
        assert await world.messages() == ["a", "b", "c"]
        assert archiving.status()["archived_rows"] == 3
        assert await world.position() == 3
        assert dict(await world.archive.positions()) == {0: 3}
        found = [one async for one in manifests.of_partition(world.objects, 0)]
        assert [(one.start, one.end, one.lines) for one in found] == [(1, 2, 2), (2, 3, 1)]
        assert {file.name for one in found for file in one.files} == await named_objects(world.archive)
        assert list((tmp_path / "archive").iterdir()) == []


async def test_records_are_by_policy_day_and_hour(tmp_path: Path) -> None:
    lines = [
        f'{{"timestamp":"2023-11-1{day}T0{hour}:10:00Z","service":"{service}","message":"{service} {day} {hour}"}}'
        for service in ("payment", "web")
        for day in (1, 2)
        for hour in (3, 4)
    ]
    async with World.open(tmp_path) as world:
        await world.append(*lines)
        async with world.running():
            await until(lambda: _upto(world, 2))
        assert len(await world.messages()) == 8
        found = [(file.policy, file.day, file.hour, file.rows) for file in await all_files(world.archive)]
        days = (19_672, 19_673)
        assert sorted(found) == [(p, d, h, 1) for p in ("DEFAULT", "payment") for d in days for h in (3, 4)]


async def test_what_cannot_be_read_is_counted(tmp_path: Path) -> None:
    async with World.open(tmp_path) as world:
        await world.append("a")
        await world.transport.append(RAW_LOGS, [unreadable(7)])
        await world.append("b", number=2)
        async with world.running():
            await until(lambda: _upto(world, 4))
        assert await world.messages() == ["a", "b"]
        (manifest,) = [one async for one in manifests.of_partition(world.objects, 0)]
        assert (manifest.start, manifest.end, manifest.lines, manifest.refused) == (1, 4, 3, 1)


async def test_only_messages_that_cannot_be_read(tmp_path: Path) -> None:
    async with World.open(tmp_path) as world:
        await world.transport.append(RAW_LOGS, [unreadable(7)])
        async with world.running():
            await until(lambda: _upto(world, 2))
        assert await all_files(world.archive) == []
        assert dict(await world.archive.positions()) == {0: 2}
        assert await world.position() == 2


async def test_a_manifest_that_nobody_was_told_of_is_adopted(tmp_path: Path) -> None:
    """As a kill between the manifest and the catalog leaves it: the other world knows the objects alone."""
    async with World.open(tmp_path) as world:
        await world.append("a")
        async with world.running():
            await until(lambda: _upto(world, 2))
        before = await object_names(world.objects)
    other = tmp_path / "other"
    other.mkdir()
    async with World.open(other, await FolderObjects.open(tmp_path / "objects")) as world:
        await world.append("a")
        await world.append("b", number=2)
        async with world.running():
            await until(lambda: _upto(world, 3))
        assert await world.messages() == ["a", "b"]
        assert dict(await world.archive.positions()) == {0: 3}
        assert before < await object_names(world.objects)
        assert await world.position() == 3


async def test_two_archivers_with_the_same_messages(tmp_path: Path) -> None:
    """The second one finds the manifest of the first only as it writes its own."""
    async with World.open(tmp_path) as world:
        for texts, number in ((("a", "b"), 1), (("c",), 2), (("d",), 3)):
            await world.append(*texts, number=number)
        stop = asyncio.Event()
        objects = Late(world.objects)
        archiving = Archiving(world.config, world.transport, objects, world.archive, Assignment({}))
        run = asyncio.create_task(archiving.run(stop))
        await objects.waits.wait()
        other = await opened(tmp_path / "catalog.db")
        part = Part(1, 3, [], Tally(3))
        theirs = StreamArchive(world.objects, other, Assignment({}), tmp_path)
        manifest = manifest_of(0, part, ())
        assert await theirs.put_manifest(manifest) == manifest
        objects.goes_on.set()
        await until(lambda: _upto(world, 4))
        stop.set()
        await run
        await other.close()
        # Theirs counts, which says that nothing came of the first two messages, and the third is read again.
        assert await world.messages() == ["d"]
        left = await object_names(world.objects)
        assert {name for name in left if name.startswith("archive/")} == await named_objects(world.archive)


async def test_the_stream_of_another_transport_is_refused(tmp_path: Path) -> None:
    async with World.open(tmp_path) as world:
        await world.archive.add([], positions={0: 100})
        await world.append("a")
        archiving = Archiving(world.config, world.transport, world.objects, world.archive, Assignment({}))
        with pytest.raises(ConfigError, match="has partition 0 of raw-logs up to 100, the transport up to 2"):
            await archiving.run(asyncio.Event())


async def test_a_catalog_that_does_not_know_the_archive_is_refused(tmp_path: Path) -> None:
    async with World.open(tmp_path) as world, world.running():
        await world.append("a")
        await until(world.messages)
    (tmp_path / "catalog.db").rename(tmp_path / "lost.db")
    async with World.open(tmp_path) as world:
        await world.append("b", number=2)
        archiving = Archiving(world.config, world.transport, world.objects, world.archive, Assignment({}))
        with pytest.raises(ConfigError, match="run `logd archive rebuild`"):
            await archiving.run(asyncio.Event())
        assert await verifying.rebuild(world.objects, world.archive) == 1
        async with world.running():
            await until(lambda: _upto(world, 3))
        assert await world.messages() == ["a", "b"]


@pytest.mark.servers("s3")
@pytest.mark.usefixtures("_at_once")
async def test_objects_are_away(tmp_path: Path) -> None:
    """Nothing is lost, little is held, and everybody is told."""
    server = running("s3", tmp_path / "s3")
    await asyncio.to_thread(server.start)
    try:
        bucket = Bucket(server, tmp_path)
        async with World.open(tmp_path, await bucket.open(), flush_rows=10) as world:
            await asyncio.to_thread(server.kill)
            async with world.running() as archiving:
                for number in range(20):
                    await world.append(*[f"{number} {n}" for n in range(10)], number=number)
                await until(lambda: _said(archiving))
                assert "can't" in archiving.trouble()
                assert REGISTRY.get_sample_value("logd_archive_trouble") == 1
                assert await all_files(world.archive) == []
                await asyncio.to_thread(server.start)
                await until(lambda: _upto(world, 21))
                assert archiving.trouble() == ""
                assert REGISTRY.get_sample_value("logd_archive_trouble") == 0
            assert await world.messages() == sorted(f"{number} {n}" for number in range(20) for n in range(10))
            assert await world.position() == 21
    finally:
        await asyncio.to_thread(server.kill)


class Late:
    """A store of objects in which the first manifest waits."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects
        self.waits, self.goes_on = asyncio.Event(), asyncio.Event()

    async def put(self, name: str, content: AsyncIterable[bytes]) -> int:
        if name.startswith(names.MANIFESTS):
            self.waits.set()
            await self.goes_on.wait()
        return await self._objects.put(name, content)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._objects, name)


async def _upto(world: World, position: int) -> bool:
    return (await world.archive.positions()).get(0, 0) >= position


async def _said(archiving: Archiving) -> bool:
    return bool(archiving.trouble())
