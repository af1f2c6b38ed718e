"""What every keeper of retention policies and legal holds guarantees: see seams/retention.py."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import NamedTuple

import msgspec
import pytest

from logd.backends.catalog.appearing import AppearingFile
from logd.backends.catalog.appearing_tiers import AppearingHolds, AppearingRetention
from logd.backends.catalog.database import Database
from logd.backends.catalog.holds import CatalogHolds
from logd.backends.catalog.mysql_server import MysqlServer
from logd.backends.catalog.retention import CatalogRetention
from logd.backends.catalog.sqlite_file import SqliteFile
from logd.backends.catalog.tables import LEGAL_HOLDS, RETENTION_POLICIES
from logd.errors import Conflict, Corrupt, NotFound
from logd.seams import MAX_HOLDS, MAX_POLICIES, LegalHold, LegalHolds, RetentionPolicies, RetentionPolicy
from logd.tokens import new_id
from tests.support.catalogs import migrated


class Kept(NamedTuple):
    """A process's view of the catalog."""

    policies: RetentionPolicies
    holds: LegalHolds
    database: Database | AppearingFile

    async def close(self) -> None:
        await self.database.close()


Open = Callable[[], Awaitable[Kept]]


def _of(database: Database) -> Kept:
    return Kept(CatalogRetention(database), CatalogHolds(database), database)


async def _appearing(path: Path) -> Kept:
    file = AppearingFile(path)
    await file.open_if_there()
    return Kept(AppearingRetention(file), AppearingHolds(file), file)


async def _at_once(path: Path) -> Kept:
    return _of(await SqliteFile.open(path))


_FILES: dict[str, Callable[[Path], Awaitable[Kept]]] = {"sqlite": _at_once, "sqlite, lazily": _appearing}


@pytest.fixture(params=[*sorted(_FILES), pytest.param("mysql", marks=pytest.mark.servers("mysql"))])
async def open_kept(request: pytest.FixtureRequest, tmp_path: Path) -> Open:
    """Opens the same catalog each time, as another process would."""
    if request.param == "mysql":
        mysql = request.getfixturevalue("mysql")
        catalog = await migrated(mysql)

        async def connected() -> Kept:
            return _of(await MysqlServer.open(catalog, mysql.password))

        return connected
    keeper = _FILES[request.param]
    return lambda: keeper(tmp_path / "catalog.db")


@pytest.fixture
async def kept(open_kept: Open) -> AsyncIterator[Kept]:
    opened = await open_kept()
    yield opened
    await opened.close()


PAYMENT = RetentionPolicy(
    name="payment",
    services=("payment-*", "ünïcode 'quotes' %s 𝄞"),
    hot_days=7,
    warm_days=30,
    cold_days=365,
    description="two\nlines, 𝄞",
    from_us=2**53 + 1,
    updated_by="ü",
    updated_us=2**60 + 1,
)
DEFAULT = RetentionPolicy(name="DEFAULT", cold_days=90, from_us=5)


async def test_nothing_at_first(kept: Kept) -> None:
    assert list(await kept.policies.all()) == list(await kept.policies.history()) == []
    assert list(await kept.holds.all()) == []
    with pytest.raises(NotFound, match="payment"):
        await kept.policies.replace(PAYMENT)
    with pytest.raises(NotFound, match="payment"):
        await kept.policies.delete("payment", 1, 5)
    with pytest.raises(NotFound, match="000000000000"):
        await kept.holds.release("0" * 12, "me", 5)


async def test_versions_follow_one_another(kept: Kept, open_kept: Open) -> None:
    policies = kept.policies
    assert await policies.create(PAYMENT) == PAYMENT
    assert await policies.create(DEFAULT) == DEFAULT
    with pytest.raises(Conflict, match="there is a retention policy 'payment' already") as refused:
        await policies.create(PAYMENT)
    assert refused.value.where == "name"
    changed = msgspec.structs.replace(PAYMENT, services=("payment",), cold_days=0, from_us=2**54)
    second = msgspec.structs.replace(changed, version=2)
    assert await policies.replace(changed) == second
    first = msgspec.structs.replace(PAYMENT, until_us=2**54)
    others = await open_kept()
    for asked in (policies, others.policies):
        assert list(await asked.all()) == [DEFAULT, second]
        assert list(await asked.history()) == [DEFAULT, first, second]
    await others.policies.delete("payment", 2, 2**55)
    await others.close()
    second = msgspec.structs.replace(second, until_us=2**55)
    assert list(await policies.all()) == [DEFAULT]
    assert list(await policies.history()) == [DEFAULT, first, second]
    for call in (policies.replace(second), policies.delete("payment", 2, 2**55)):
        with pytest.raises(NotFound, match="there is no retention policy 'payment'"):
            await call
    again = await policies.create(msgspec.structs.replace(PAYMENT, from_us=2**56))
    assert (again.version, again.from_us, again.until_us) == (3, 2**56, None)
    assert list(await policies.history()) == [DEFAULT, first, second, again]


async def test_they_never_overlap(kept: Kept) -> None:
    """Though clocks of servers differ."""
    policies = kept.policies
    await policies.create(msgspec.structs.replace(PAYMENT, from_us=100))
    second = await policies.replace(msgspec.structs.replace(PAYMENT, from_us=90))
    await policies.delete("payment", 2, 80)
    third = await policies.create(msgspec.structs.replace(PAYMENT, from_us=70))
    assert (second.from_us, third.from_us) == (100, 100)
    assert [(one.version, one.from_us, one.until_us) for one in await policies.history()] == [
        (1, 100, 100),
        (2, 100, 100),
        (3, 100, None),
    ]


async def test_nobodys_change_is_lost(kept: Kept, open_kept: Open) -> None:
    await kept.policies.create(PAYMENT)
    others = await open_kept()
    await others.policies.replace(msgspec.structs.replace(PAYMENT, updated_by="they", from_us=2**54))
    with pytest.raises(Conflict, match="was changed meanwhile by 'they': it has version 2, not 1") as refused:
        await kept.policies.replace(PAYMENT)
    assert refused.value.where == "version"
    with pytest.raises(Conflict, match="it has version 2, not 1"):
        await kept.policies.delete("payment", 1, 2**55)
    both = (kept.policies, others.policies)
    second = (await kept.policies.all())[0]
    changes = [both[n % 2].replace(msgspec.structs.replace(second, description=str(n))) for n in range(10)]
    changed = await asyncio.gather(*changes, return_exceptions=True)
    (won,) = [result for result in changed if isinstance(result, RetentionPolicy)]
    assert sum(isinstance(result, Conflict) for result in changed) == 9
    assert list(await others.policies.all()) == [won]
    made = await asyncio.gather(*(both[n % 2].create(DEFAULT) for n in range(10)), return_exceptions=True)
    assert sorted(type(result).__name__ for result in made) == ["Conflict"] * 9 + ["RetentionPolicy"]
    assert len(await others.policies.history()) == 4
    await others.close()


async def test_there_is_a_most(kept: Kept) -> None:
    for n in range(MAX_POLICIES):
        await kept.policies.create(msgspec.structs.replace(DEFAULT, name=f"p{n:04}"))
    with pytest.raises(Conflict, match=f"there are {MAX_POLICIES} retention policies"):
        await kept.policies.create(PAYMENT)
    await kept.policies.delete("p0000", 1, 5)
    await kept.policies.create(PAYMENT)


HOLD = LegalHold(
    id=new_id(),
    name="case 7, 𝄞",
    query='level:ERROR AND "𝄞"',
    services=("payment", "a,b"),
    from_us=2**53 + 1,
    to_us=2**60 + 1,
    reason="two\nlines",
    created_by="ü",
    created_us=2**53 + 3,
)
EVERYTHING = LegalHold(id=new_id(), name="everything", created_us=7)


async def test_holds(kept: Kept, open_kept: Open) -> None:
    await kept.holds.create(HOLD)
    await kept.holds.create(EVERYTHING)
    others = await open_kept()
    assert list(await others.holds.all()) == [EVERYTHING, HOLD]
    for taken in (msgspec.structs.replace(HOLD, id=new_id()), msgspec.structs.replace(HOLD, name="another")):
        with pytest.raises(Conflict, match="already"):
            await others.holds.create(taken)
    released = msgspec.structs.replace(HOLD, released_by="𝄞", released_us=2**55)
    assert await others.holds.release(HOLD.id, "𝄞", 2**55) == released
    assert await kept.holds.release(HOLD.id, "me", 2**56) == released
    assert list(await kept.holds.all()) == [EVERYTHING, released]
    await others.close()


async def test_there_is_a_most_of_holds(kept: Kept) -> None:
    for n in range(MAX_HOLDS):
        await kept.holds.create(msgspec.structs.replace(EVERYTHING, id=f"{n:012}", name=str(n)))
    with pytest.raises(Conflict, match="there are 1,000 legal holds"):
        await kept.holds.create(HOLD)
    await kept.holds.release("000000000000", "me", 5)
    await kept.holds.create(HOLD)


async def test_damage_is_said(tmp_path: Path) -> None:
    """A policy or a hold that can't be read isn't left out: something might be deleted."""
    file = await SqliteFile.open(tmp_path / "catalog.db")
    kept = _of(file)
    await kept.policies.create(PAYMENT)
    await kept.holds.create(HOLD)
    async with file.writing() as connection:
        for table in (RETENTION_POLICIES, LEGAL_HOLDS):
            await connection.execute(table.update().values(services="[1]"))
    with pytest.raises(Corrupt, match="the retention policy 'payment' is damaged"):
        await kept.policies.all()
    with pytest.raises(Corrupt, match="the retention policy 'payment' is damaged"):
        await kept.policies.history()
    with pytest.raises(Corrupt, match="the legal hold 'case 7, 𝄞' is damaged"):
        await kept.holds.all()
    await file.close()


async def test_to_look_makes_no_file(tmp_path: Path) -> None:
    kept = await _appearing(tmp_path / "catalog.db")
    assert not [*await kept.policies.all(), *await kept.policies.history(), *await kept.holds.all()]
    assert not (tmp_path / "catalog.db").exists()
    await kept.policies.create(DEFAULT)
    assert (tmp_path / "catalog.db").exists()
    await kept.close()
