"""What every list of the archive's files guarantees: see seams.Archive; and boundaries, leases and restores."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import NamedTuple

import msgspec
import pytest

from logd.backends.catalog.appearing import AppearingFile
from logd.backends.catalog.appearing_archive import (
    AppearingArchive,
    AppearingLeases,
    AppearingRestores,
    AppearingTiering,
)
from logd.backends.catalog.archive import CatalogArchive
from logd.backends.catalog.leases import CatalogLeases
from logd.backends.catalog.mysql_server import MysqlServer
from logd.backends.catalog.restores import CatalogRestores
from logd.backends.catalog.sqlite_file import SqliteFile
from logd.backends.catalog.tiering import CatalogTiering
from logd.flow.clock import now_us
from logd.seams import (
    Archive,
    ArchivedDay,
    ArchivedFile,
    Boundary,
    Leases,
    Move,
    Restore,
    Restores,
    Tiering,
)
from tests.support.catalogs import migrated


class Tiers(NamedTuple):
    """A catalog's part of tiers."""

    archive: Archive
    tiering: Tiering
    leases: Leases
    restores: Restores
    close: Callable[[], Awaitable[None]]


Open = Callable[[], Awaitable[Tiers]]


async def _over(database: SqliteFile | MysqlServer) -> Tiers:
    made = (CatalogArchive(database), CatalogTiering(database), CatalogLeases(database), CatalogRestores(database))
    return Tiers(*made, database.close)


async def _appearing(path: Path) -> Tiers:
    file = AppearingFile(path)
    await file.open_if_there()
    return Tiers(
        AppearingArchive(file), AppearingTiering(file), AppearingLeases(file), AppearingRestores(file), file.close
    )


@pytest.fixture(params=["sqlite", "sqlite, lazily", pytest.param("mysql", marks=pytest.mark.servers("mysql"))])
async def open_tiers(request: pytest.FixtureRequest, tmp_path: Path) -> Open:
    """Opens the same each time, as another process would."""
    path = tmp_path / "catalog.db"
    match request.param:
        case "mysql":
            mysql = request.getfixturevalue("mysql")
            catalog = await migrated(mysql)

            async def connected() -> Tiers:
                return await _over(await MysqlServer.open(catalog, mysql.password))

            return connected
        case "sqlite":

            async def opened() -> Tiers:
                return await _over(await SqliteFile.open(path))

            return opened
        case _:
            return lambda: _appearing(path)


@pytest.fixture
async def tiers(open_tiers: Open) -> AsyncIterator[Tiers]:
    opened = await open_tiers()
    yield opened
    await opened.close()


def _file(name: str, policy: str = "DEFAULT", day: int = 20_000, rows: int = 10, **more: object) -> ArchivedFile:
    given = {"hour": 5, "size_bytes": 100 * rows, "crc": 2**32 - 1, "pieces": bytes(range(24)), "raw_bytes": 300 * rows}
    made = {"skip_bytes": 7, "skip_crc": 3, "services": {"pay": rows - 1, "": 1}, **given, **more}
    return msgspec.convert({"name": name, "policy": policy, "day": day, "rows": rows, **made}, ArchivedFile)


async def test_what_was_added_is_known_to_every_process(open_tiers: Open, tiers: Tiers) -> None:
    assert await tiers.archive.days() == []
    files = [_file("archive/b", rows=20), _file("archive/a"), _file("archive/é", "pay", 20_001)]
    assert await tiers.archive.add(files, positions={0: 7, 3: 0})
    other = await open_tiers()
    assert await other.archive.files("DEFAULT", 20_000) == [files[1], files[0]]
    assert await other.archive.files("pay", 20_000) == []
    assert await other.archive.positions() == {0: 7, 3: 0}
    days = await other.archive.days()
    sums = {"size_bytes": 3_000, "skip_bytes": 14, "raw_bytes": 9_000}
    assert days[0] == ArchivedDay(policy="DEFAULT", day=20_000, version=1, files=2, rows=30, **sums)
    assert [(one.policy, one.day) for one in days] == [("DEFAULT", 20_000), ("pay", 20_001)]
    assert [one.day for one in await other.archive.days(20_001)] == [20_001]
    assert [one.day for one in await other.archive.days(None, 20_001)] == [20_000]
    await other.close()


async def test_the_same_again_changes_nothing(tiers: Tiers) -> None:
    assert await tiers.archive.add([_file("a")], positions={0: 7})
    assert await tiers.archive.add([_file("b")], ["a"])
    # What it gave was replaced meanwhile, and even forgotten: it must not come back.
    await tiers.archive.forget([one.name for one in await tiers.archive.garbage(now_us() + 1)])
    assert await tiers.archive.add([_file("a")], positions={0: 7})
    assert await tiers.archive.add([_file("b", rows=5)])
    assert [one.name for one in await tiers.archive.files("DEFAULT", 20_000)] == ["b"]
    assert (await tiers.archive.files("DEFAULT", 20_000))[0].rows == 10
    assert await tiers.archive.add([_file("c")], positions={0: 3})
    assert await tiers.archive.positions() == {0: 7}


async def test_of_several_who_replace_a_file_one_does(tiers: Tiers) -> None:
    await tiers.archive.add([_file("a"), _file("b")])
    done = await asyncio.gather(*(tiers.archive.add([_file(f"new-{n}")], ["a", "b"]) for n in range(4)))
    assert sorted(done) == [False, False, False, True]
    (left,) = await tiers.archive.files("DEFAULT", 20_000)
    assert left.name == f"new-{done.index(True)}"
    assert [day.files for day in await tiers.archive.days()] == [1]
    assert {one.name for one in await tiers.archive.garbage(now_us() + 1)} == {"a", "b"}
    assert await tiers.archive.garbage(0) == []


async def test_many_add_to_a_new_day_at_once(open_tiers: Open) -> None:
    opened = [await open_tiers() for _ in range(4)]
    await asyncio.gather(
        *(one.archive.add([_file(f"f{n}")], positions={n: n}) for n, one in enumerate(opened)),
    )
    assert [day.files for day in await opened[0].archive.days()] == [4]
    assert await opened[0].archive.positions() == {0: 0, 1: 1, 2: 2, 3: 3}
    for one in opened:
        await one.close()


async def test_a_day_without_files_has_another_version_once_it_has_some_again(tiers: Tiers) -> None:
    await tiers.archive.add([_file("a")])
    before = (await tiers.archive.days())[0].version
    await tiers.archive.add([], ["a"])
    assert await tiers.archive.days() == []
    await tiers.archive.add([_file("b")])
    assert (await tiers.archive.days())[0].version > before


async def test_what_is_put_aside_is_listed_with_its_reason_and_not_counted(tiers: Tiers) -> None:
    await tiers.archive.add([_file("a"), _file("b")])
    await tiers.archive.put_aside("a", "its checksum is wrong")
    await tiers.archive.put_aside("unknown", "?")
    assert [(one.name, one.reason) for one in await tiers.archive.files("DEFAULT", 20_000)] == [
        ("a", "its checksum is wrong"),
        ("b", ""),
    ]
    assert [day.files for day in await tiers.archive.days()] == [1]
    await tiers.archive.put_aside("b", "it is missing")
    assert [(day.files, day.rows) for day in await tiers.archive.days()] == [(0, 0)]
    assert await tiers.archive.add([], ["a", "b"])
    assert await tiers.archive.days() == []


async def test_boundaries_only_advance(open_tiers: Open, tiers: Tiers) -> None:
    assert await tiers.tiering.boundaries() == []
    await tiers.tiering.advance(Boundary(policy="pay", warm_before=10, cold_before=5))
    await tiers.tiering.advance(Boundary(policy="pay", warm_before=8, cold_before=7))
    await tiers.tiering.advance(Boundary(policy="DEFAULT", warm_before=1))
    other = await open_tiers()
    assert await other.tiering.boundaries() == [
        Boundary(policy="DEFAULT", warm_before=1),
        Boundary(policy="pay", warm_before=10, cold_before=7),
    ]
    await other.close()


async def test_steps(tiers: Tiers) -> None:
    assert await tiers.tiering.step("pay", 3) == {}
    await tiers.tiering.put_step("pay", 3, {"blocked": {"0": 7}})
    await tiers.tiering.put_step("pay", 3, {"blocked": {"0": 7}, "merged": True})
    await tiers.tiering.put_step("pay", 4, {"a": 1})
    assert await tiers.tiering.step("pay", 3) == {"blocked": {"0": 7}, "merged": True}
    await tiers.tiering.put_step("pay", 3, {})
    assert await tiers.tiering.step("pay", 3) == {}
    assert await tiers.tiering.step("pay", 4) == {"a": 1}


async def test_moves_are_listed_the_newest_first(tiers: Tiers) -> None:
    for number in range(5):
        await tiers.tiering.record(
            Move(at_us=number, policy="pay", day=number, what="warm", by="a", detail={"n": number})
        )
    found = await tiers.tiering.moves(2)
    assert [one.day for one in found] == [4, 3]
    assert found[0].detail == {"n": 4}
    assert [one.day for one in await tiers.tiering.moves(2, found[-1].number)] == [2, 1]


async def test_gaps_add_up(tiers: Tiers) -> None:
    assert await tiers.tiering.gap("pay", 3) == 0
    await asyncio.gather(*(tiers.tiering.count_gap({("pay", 3): 2, ("DEFAULT", 3): 1}) for _ in range(3)))
    assert await tiers.tiering.gap("pay", 3) == 6
    assert await tiers.tiering.gap("pay", 4) == 0


async def test_one_has_a_lease(open_tiers: Open, tiers: Tiers) -> None:
    other = await open_tiers()
    taken = await asyncio.gather(tiers.leases.take("x", "a", 60.0), other.leases.take("x", "b", 60.0))
    assert sorted(taken) == [False, True]
    owner, loser = ("a", "b") if taken[0] else ("b", "a")
    assert await tiers.leases.take("x", owner, 60.0)
    assert not await other.leases.take("x", loser, 60.0)
    await other.leases.give_up("x", loser)
    assert not await other.leases.take("x", loser, 60.0)
    await other.leases.give_up("x", owner)
    assert await other.leases.take("x", loser, 0.0)
    # That one was over as soon as it had begun.
    assert await tiers.leases.take("x", owner, 60.0)
    assert await tiers.leases.take("y", "c", 60.0)
    await other.close()


async def test_restores(open_tiers: Open, tiers: Tiers) -> None:
    asked = Restore(id="0" * 12, from_us=1, to_us=2, services=("pay",), expires_us=3, created_us=1)
    long_gone = Restore(id="1" * 12, from_us=1, to_us=2, expires_us=0, state="gone", created_us=0)
    await tiers.restores.put(long_gone)
    await tiers.restores.put(asked)
    await tiers.restores.put(msgspec.structs.replace(asked, state="done", indices=("restored-a",)))
    other = await open_tiers()
    assert await other.restores.all() == [msgspec.structs.replace(asked, state="done", indices=("restored-a",))]
    await other.close()
