"""Compaction, collecting, expiry and verification over a real catalog and a folder, by a clock that tests move."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pytest

from logd.backends.catalog.archive import CatalogArchive
from logd.backends.catalog.sqlite_file import SqliteFile
from logd.backends.catalog.tiering import CatalogTiering
from logd.backends.objects.folder import FolderObjects
from logd.config.schema import Config
from logd.errors import Unavailable
from logd.flow.clock import now_us
from logd.record import SCHEMA
from logd.roles import catalog_wiring
from logd.roles.archive_upkeep import ArchiveUpkeep
from logd.seams import ArchivedFile, Tally
from logd.tiers import names
from logd.tiers.archive import batch, collecting, files
from logd.tiers.archive.batch import Part
from logd.tiers.archive.compaction import Compaction
from logd.tiers.archive.expiry import ArchiveHoldings, expire
from logd.tiers.archive.settled import distinct_rows
from logd.tiers.archive.streaming import Outdated, StreamArchive
from logd.tiers.archive.verifying import rebuild, verify
from logd.tiers.cold.listing import Listing
from tests.support.archive import all_files, named_objects, object_names, opened, rows_of

_HOUR_US, _DAY_US = 3_600_000_000, 86_400_000_000
_QUIET_SECONDS = 600.0
#: The day before yesterday, from its first hour on.
_START_US = (now_us() // _DAY_US - 2) * _DAY_US


class OnePolicy:
    """All is one policy's."""

    def parted(self, table: pa.Table) -> Iterator[tuple[str, pa.Table]]:
        yield "P", table


class World:
    """An archive, whose clock is `now_us`."""

    def __init__(self, folder: Path, objects: FolderObjects, archive: CatalogArchive, tiering: CatalogTiering) -> None:
        self.folder = folder
        self.objects = objects
        self.archive = archive
        self.tiering = tiering
        self.now_us = now_us()
        self.position = 0
        self.compaction = self.new_compaction()

    @classmethod
    @contextlib.asynccontextmanager
    async def open(cls, folder: Path) -> AsyncIterator[World]:
        database = await SqliteFile.open(folder / "catalog.db")
        objects = await FolderObjects.open(folder / "objects")
        try:
            yield cls(folder, objects, CatalogArchive(database), CatalogTiering(database))
        finally:
            await database.close()

    def new_compaction(self) -> Compaction:
        return Compaction(
            self.objects, self.archive, self.folder / "compaction", _QUIET_SECONDS, 0, lambda: self.now_us
        )

    async def add(self, rows: Sequence[tuple[int, str, int]], *, named: bool = True) -> Sequence[ArchivedFile]:
        """Rows of (hour, message, taken in at), as an archiver writes them; a message has its log_id."""
        stream = StreamArchive(self.objects, self.archive, OnePolicy(), self.folder, lambda: self.now_us)
        table = _table(rows)
        part = Part(self.position, self.position + 1, [table], Tally(len(rows), len(rows)))
        self.position += 1
        written = await stream.write(part)
        await stream.put(written)
        if named:
            manifest = await stream.put_manifest(batch.manifest_of(0, part, written))
            await stream.name(manifest)
        for local in written:
            local.unlink()
        return [local.file for local in written]

    async def quiet(self, compaction: Compaction | None = None) -> int:
        """Until nothing is to be done; how many steps it took."""
        self.now_us += int(_QUIET_SECONDS * 1e6) + 1
        steps = 0
        while await (compaction or self.compaction).step():
            steps += 1
        return steps

    async def messages(self) -> list[tuple[str, int]]:
        table = await rows_of(self.objects, self.archive)
        taken = table["ingested_at"].cast(pa.int64()).to_pylist()
        return sorted(zip(table["message"].to_pylist(), taken, strict=True))


def _table(rows: Sequence[tuple[int, str, int]]) -> pa.Table:
    count = len(rows)
    columns = {
        "log_id": [message for _, message, _ in rows],
        "timestamp": pa.array([_START_US + hour * _HOUR_US + 5 for hour, *_ in rows]).cast(pa.timestamp("us", "UTC")),
        "ingested_at": pa.array([taken for *_, taken in rows]).cast(pa.timestamp("us", "UTC")),
        **dict.fromkeys(("level", "service", "host", "source"), ["x"] * count),
        "tags": [None] * count,
        "trace_id": [None] * count,
        "message": [message for _, message, _ in rows],
        "metadata": [None] * count,
    }
    return pa.table(columns).cast(SCHEMA)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with World.open(tmp_path) as found:
        yield found


async def test_small_files_of_an_hour_become_one(world: World) -> None:
    for number in range(5):
        await world.add([(0, f"a{number}", 1), (1, f"b{number}", 1)])
    before = await world.messages()
    assert len(await all_files(world.archive)) == 10
    assert not await world.compaction.step()  # not yet
    assert await world.quiet() == 3  # an hour, the other, and the look at the whole day
    assert await world.messages() == before
    assert [(file.hour, file.rows) for file in await all_files(world.archive)] == [(0, 5), (1, 5)]
    assert await world.quiet(world.new_compaction()) == 0  # the manifest says that the day was looked at


async def test_rows_that_came_twice(world: World) -> None:
    """The one that was taken in first stays, also of two hours."""
    await world.add([(0, "a", 5), (0, "b", 1)])
    await world.add([(0, "a", 3), (0, "c", 1)])
    await world.add([(7, "b", 9), (7, "d", 1)])
    await world.quiet()
    assert await world.messages() == [("a", 3), ("b", 1), ("c", 1), ("d", 1)]


async def test_a_late_line_comes_in(world: World) -> None:
    await world.add([(0, "a", 1), (0, "b", 1)])
    await world.quiet()
    await world.add([(0, "c", 2), (0, "a", 2)])
    assert len(await world.messages()) == 4
    await world.quiet()
    assert await world.messages() == [("a", 1), ("b", 1), ("c", 2)]
    assert len(await all_files(world.archive)) == 1


async def test_two_who_compact_at_once(world: World) -> None:
    """Only one of them counts, and the other's files are gone."""
    for number in range(4):
        await world.add([(0, f"a{number}", 1)])
    world.now_us += int(_QUIET_SECONDS * 1e6) + 1
    other = Compaction(world.objects, world.archive, world.folder / "other", _QUIET_SECONDS, 0, lambda: world.now_us)
    await asyncio.gather(world.compaction.step(), other.step())
    await world.quiet()
    assert [message for message, _ in await world.messages()] == ["a0", "a1", "a2", "a3"]
    world.now_us += _DAY_US
    while await collecting.collect_garbage(world.objects, world.archive, lambda: world.now_us):
        pass
    there = {name for name in await object_names(world.objects) if not name.startswith(names.MANIFESTS)}
    assert there == await named_objects(world.archive)


async def test_garbage_goes_after_a_while(world: World) -> None:
    await world.add([(0, "a", 1)])
    await world.add([(0, "b", 1)])
    old = await named_objects(world.archive)
    await world.quiet()
    clock = now_us() + int(collecting.GRACE_SECONDS * 1e6)
    assert await collecting.collect_garbage(world.objects, world.archive, lambda: clock - 60_000_000) == 0
    assert old <= await object_names(world.objects)
    assert await collecting.collect_garbage(world.objects, world.archive, lambda: clock + 60_000_000) == 2
    assert not old & await object_names(world.objects)
    assert await collecting.collect_garbage(world.objects, world.archive, lambda: clock + 60_000_000) == 0
    assert len(await world.messages()) == 2


async def test_orphans(world: World) -> None:
    """What nothing names goes after a day; not what a manifest names that nobody has adopted, nor others' files."""
    await world.add([(0, "a", 1)])
    named = await object_names(world.objects)
    (orphan,) = await world.add([(0, "lost", 1)], named=False)
    stream = StreamArchive(world.objects, world.archive, OnePolicy(), world.folder, lambda: world.now_us)
    part = Part(world.position - 1, world.position, [_table([(0, "adopted", 1)])], Tally(1, 1))
    written = await stream.write(part)
    await stream.put(written)
    await stream.put_manifest(batch.manifest_of(0, part, written))
    theirs = names.data_of("P", 1, 1, "others")
    await world.objects.put(theirs, _content())
    assert await collecting.collect_orphans(world.objects, world.archive, lambda: world.now_us) == 0
    world.now_us += int(collecting.ORPHAN_SECONDS * 1e6) + 1
    assert await collecting.collect_orphans(world.objects, world.archive, lambda: world.now_us) == 1
    there = await object_names(world.objects)
    assert orphan.name not in there
    assert named | {theirs, written[0].file.name} <= there
    assert await stream.adopted(0, part.start) is not None
    assert len(await world.messages()) == 2


async def test_a_day_of_which_all_is_put_aside(world: World) -> None:
    """Its objects are no orphans, whoever searches is told what is missing, and it expires as others do."""
    (file,) = await world.add([(0, "a", 1)])
    await world.archive.put_aside(file.name, "its checksum is wrong")
    world.now_us += int(collecting.ORPHAN_SECONDS * 1e6) + 1
    assert await collecting.collect_orphans(world.objects, world.archive, lambda: world.now_us) == 0
    assert file.name in await object_names(world.objects)
    listed = await Listing(world.archive).files(None, None, None)
    assert not listed.segments
    assert [file.name in why for why in listed.missing] == [True]
    assert await world.quiet() == 0
    assert await ArchiveHoldings(world.archive).holdings() == []
    assert [one.what for one in (await verify(world.objects, world.archive)).findings] == ["aside"]

    async def is_held(file: ArchivedFile) -> bool:
        return False

    assert await expire(world.archive, world.tiering, lambda policy: file.day + 1, is_held) == 1
    assert await world.archive.days() == []


async def test_what_a_lost_list_had_is_no_orphan(world: World, tmp_path: Path) -> None:
    """Only the manifests of compactions name it, until somebody has the list made anew."""
    await world.add([(0, "a", 1)])
    await world.add([(0, "b", 1)])
    await world.quiet()
    while await collecting.collect_garbage(world.objects, world.archive, lambda: world.now_us + _DAY_US):
        pass
    before = await world.messages()
    world.now_us += int(collecting.ORPHAN_SECONDS * 1e6) + 1
    anew = await opened(tmp_path / "anew.db")
    try:
        assert await collecting.collect_orphans(world.objects, anew, lambda: world.now_us) == 0
        await rebuild(world.objects, anew)
        assert {file.name for file in await all_files(anew)} == {file.name for file in await all_files(world.archive)}
    finally:
        await anew.close()
    assert await world.messages() == before


async def test_a_damaged_manifest_is_no_reason_to_stop(world: World) -> None:
    await world.add([(0, "a", 1)])
    await world.objects.put(names.day_manifest("P", _START_US // _DAY_US, "0"), _content())
    await world.quiet()
    assert await world.quiet(world.new_compaction()) == 0
    assert await distinct_rows(world.objects, world.archive, "P", _START_US // _DAY_US) == 1


async def test_a_disk_that_takes_nothing(world: World) -> None:
    await world.add([(0, "a", 1)])
    (world.folder / "compaction").write_text("in the way")
    with pytest.raises(Unavailable, match="compacted"):
        await world.quiet()


async def test_what_may_be_an_orphan_soon_is_not_named_any_more(world: World) -> None:
    stream = StreamArchive(world.objects, world.archive, OnePolicy(), world.folder, lambda: world.now_us)
    part = Part(0, 1, [_table([(0, "a", 1)])], Tally(1, 1))
    written = await stream.write(part)
    await stream.put(written)
    world.now_us += int(collecting.ORPHAN_SECONDS * 1e6) * 2 // 3
    with pytest.raises(Outdated):
        await stream.put_manifest(batch.manifest_of(0, part, written))
    assert await stream.adopted(0, 0) is None


async def test_days_expire(world: World) -> None:
    await world.add([(0, "a", 1), (24, "b", 1)])
    first = _START_US // _DAY_US
    held: set[int] = {first}

    async def is_held(file: ArchivedFile) -> bool:
        return file.day in held

    assert await expire(world.archive, world.tiering, lambda policy: None, is_held) == 0
    assert await expire(world.archive, world.tiering, lambda policy: first + 1, is_held) == 0
    held.clear()
    assert [one.day for one in await ArchiveHoldings(world.archive).holdings()] == [first, first + 1]
    assert await expire(world.archive, world.tiering, lambda policy: first + 1, is_held) == 1
    assert await expire(world.archive, world.tiering, lambda policy: first + 1, is_held) == 0
    assert [message for message, _ in await world.messages()] == ["b"]
    (move,) = await world.tiering.moves()
    assert (move.policy, move.day, move.what, move.detail["rows"]) == ("P", first, "expire", 1)
    (left,) = await ArchiveHoldings(world.archive).holdings(services=True)
    assert (left.tier, left.parts, left.rows, left.services) == ("cold", 1, 1, {"x": 1})


@pytest.mark.parametrize("saved", ["hold", "policy"])
async def test_a_day_that_is_saved_while_it_is_looked_at(world: World, saved: str) -> None:
    (file,) = await world.add([(0, "a", 1)])
    asked: list[str] = []

    async def is_held(file: ArchivedFile) -> bool:
        asked.append(file.name)
        return saved == "hold" and len(asked) > 1

    def before(policy: str) -> int | None:
        return None if saved == "policy" and asked else file.day + 1

    assert await expire(world.archive, world.tiering, before, is_held) == 0
    assert [one.name for one in await all_files(world.archive)] == [file.name]


async def test_what_is_whole(world: World) -> None:
    await world.add([(0, "a", 1), (0, "b", 1), (1, "c", 1)])
    await world.add([(0, "a", 2)])
    found = await verify(world.objects, world.archive)
    assert (found.days, found.files, found.rows, found.distinct_ids) == (1, 3, 4, 3)
    assert [(one.what, one.wrong) for one in found.findings] == [("twice", False)]
    await world.quiet()
    found = await verify(world.objects, world.archive, "P", _START_US // _DAY_US)
    assert (found.files, found.rows, found.distinct_ids, found.findings) == (2, 3, 3, [])
    assert (await verify(world.objects, world.archive, "Q")).days == 0


async def test_what_is_damaged_or_missing(world: World) -> None:
    ((damaged,), (missing,), (whole,)) = [await world.add([(hour, "abc"[hour], 1)]) for hour in range(3)]
    path = world.folder / "objects" / damaged.name
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    await world.objects.delete(missing.name)
    found = await verify(world.objects, world.archive)
    assert {(one.what, one.name) for one in found.findings} == {("damaged", damaged.name), ("missing", missing.name)}
    await verify(world.objects, world.archive, quarantine=True)
    assert [file.name for file in await all_files(world.archive)] == [whole.name]
    aside = {file.name: file.reason for file in await world.archive.files("P", _START_US // _DAY_US) if file.reason}
    assert aside.keys() == {damaged.name, missing.name}
    assert "isn't what was written" in aside[damaged.name]
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    found = await verify(world.objects, world.archive)
    assert [(one.what, one.name, one.wrong) for one in found.findings] == [("aside", damaged.name, True)]
    assert (await verify(world.objects, world.archive, quarantine=True)).findings == []
    assert {file.name for file in await all_files(world.archive)} == {damaged.name, whole.name}


async def test_compaction_puts_aside_what_is_damaged(world: World) -> None:
    ((damaged,), *_) = [await world.add([(0, text, 1)]) for text in "abc"]
    path = world.folder / "objects" / damaged.name
    path.write_bytes(path.read_bytes()[:-1])
    await world.quiet()
    assert await world.messages() == [("b", 1), ("c", 1)]
    assert len(await all_files(world.archive)) == 1


async def test_the_list_is_made_anew(world: World, tmp_path: Path) -> None:
    await world.add([(0, "a", 1)])
    await world.add([(0, "a", 2), (1, "b", 1)])
    await world.quiet()
    await world.add([(3, "c", 1)])
    before = await world.messages()
    anew = await opened(tmp_path / "anew.db")
    try:
        assert (await verify(world.objects, anew)).findings[0].what == "unlisted"
        assert await rebuild(world.objects, anew) == 3
        assert await rebuild(world.objects, anew) == 0
        assert {file.name for file in await all_files(anew)} == {file.name for file in await all_files(world.archive)}
        assert await anew.positions() == await world.archive.positions()
        assert (await verify(world.objects, anew)).findings == []
    finally:
        await anew.close()
    assert await world.messages() == before


async def _content() -> AsyncIterator[bytes]:
    yield b"theirs"


def test_ids_of_others() -> None:
    assert files.id_of(names.data_of("P", 1, 1, "others")) is None


async def test_without_an_archive_no_catalog_is_made(tmp_path: Path) -> None:
    """A server without policies has neither."""
    config = Config(data_dir=str(tmp_path / "data"))
    catalog = await catalog_wiring.catalog(config)
    objects = await FolderObjects.open(tmp_path / "objects")
    upkeep = ArchiveUpkeep(config, objects, catalog.archive, catalog.tiering, catalog.leases, _never, _not_held)
    assert not await upkeep._step()
    assert not catalog_wiring.catalog_file(config).exists()
    await catalog.close()


def _never(policy: str) -> int | None:
    return None


async def _not_held(file: ArchivedFile) -> bool:
    return False
