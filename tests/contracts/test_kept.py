"""What every keeper of saved searches and dashboards guarantees: see seams.Kept."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest

from logd.backends.catalog.appearing import AppearingFile
from logd.backends.catalog.appearing_named import appearing_dashboards, appearing_saved
from logd.backends.catalog.dashboards import catalog_dashboards
from logd.backends.catalog.database import Database
from logd.backends.catalog.mysql_server import MysqlServer
from logd.backends.catalog.saved import catalog_saved
from logd.backends.catalog.sqlite_file import SqliteFile
from logd.errors import Conflict, NotFound
from logd.seams import MAX_DASHBOARD_BYTES, MAX_DASHBOARDS, MAX_SAVED, Dashboard, Kept, SavedSearch
from logd.tokens import new_id
from tests.support.catalogs import migrated


class _Kind(NamedTuple):
    """What is kept: how it is opened, what it is called, how many there may be; its own fields, small ones, large ones
    and others."""

    over: Callable[[Database], Kept[Any]]
    appearing: Callable[[AppearingFile], Kept[Any]]
    type: type[Any]
    one: str
    most: str
    small: Mapping[str, Any]
    large: Mapping[str, Any]
    other: Mapping[str, Any]


_PANEL = {"id": "ü", "type": "top", "x": 0, "y": 0, "w": 6, "h": 4, "by": ["service"], "search": {"q": "𝄞 'a' %s"}}
_KINDS = {
    "saved": _Kind(
        catalog_saved,
        appearing_saved,
        SavedSearch,
        "a saved search",
        f"{MAX_SAVED:,} saved searches",
        {"parameters": {"q": "a"}},
        {
            "description": "two\nlines, 𝄞",
            "parameters": {
                "q": 'level:ERROR AND "𝄞"', "service": ["a", "b,c"], "from": "-1h", "limit": 7, "highlight": True
            },
        },
        {"parameters": {"q": "theirs"}},
    ),
    "dashboards": _Kind(
        catalog_dashboards,
        appearing_dashboards,
        Dashboard,
        "a dashboard",
        f"{MAX_DASHBOARDS} dashboards",
        {"refresh_seconds": 0, "time": {"from": "-1h", "to": "now"}, "panels": []},
        {
            "description": "two\nlines, 𝄞",
            "refresh_seconds": 30,
            "time": {"from": 1_764_000_000, "to": "now"},
            # As large as the API lets one be.
            "panels": [_PANEL, {**_PANEL, "id": "b", "title": "𝄞" * (MAX_DASHBOARD_BYTES // 4 - 200)}],
        },
        {"refresh_seconds": 5, "panels": [_PANEL]},
    ),
}  # fmt: skip
Open = Callable[[], Awaitable[Kept[Any]]]


@pytest.fixture(params=sorted(_KINDS))
def of(request: pytest.FixtureRequest) -> _Kind:
    return _KINDS[request.param]


@pytest.fixture(params=["sqlite", "sqlite, lazily", pytest.param("mysql", marks=pytest.mark.servers("mysql"))])
async def open_kept(request: pytest.FixtureRequest, of: _Kind, tmp_path: Path) -> Open:
    """Opens the same each time, as another process would."""
    path = tmp_path / "catalog.db"
    if request.param == "mysql":
        mysql = request.getfixturevalue("mysql")
        catalog = await migrated(mysql)

    async def opened() -> Kept[Any]:
        match request.param:
            case "mysql":
                return of.over(await MysqlServer.open(catalog, mysql.password))
            case "sqlite":
                return of.over(await SqliteFile.open(path))
        file = AppearingFile(path)
        await file.open_if_there()
        return of.appearing(file)

    return opened


@pytest.fixture
async def kept(open_kept: Open) -> AsyncIterator[Kept[Any]]:
    opened = await open_kept()
    yield opened
    await opened.close()


def _one(of: _Kind, name: str, **given: object) -> Any:
    return of.type(**{"id": new_id(), "name": name, "created_us": 1, "updated_us": 1, **of.small, **given})


def _full(of: _Kind) -> Any:
    return _one(
        of,
        "ünïcode 'quotes' \"and\" %s 𝄞 /",
        owner=new_id(),
        created_by="ü",
        updated_by="𝄞",
        created_us=2**53 + 1,
        updated_us=2**60 + 1,
        **of.large,
    )


async def test_nothing_at_first(of: _Kind, kept: Kept[Any]) -> None:
    assert list(await kept.all()) == []
    for key in ("0" * 12, "a name"):
        assert await kept.find(key) is None
    sentence = f"there is no {of.one.partition(' ')[2]} '000000000000'"
    with pytest.raises(NotFound, match=sentence):
        await kept.delete("0" * 12, 1)
    with pytest.raises(NotFound, match=sentence):
        await kept.update(_one(of, "a", id="0" * 12))


async def test_what_is_kept_is_found(of: _Kind, kept: Kept[Any], open_kept: Open) -> None:
    full, small, great, also = _full(of), _one(of, "b"), _one(of, "B"), _one(of, "ß")
    for one in (full, small, great, also):
        await kept.create(one)
    others = await open_kept()
    for asked in (kept, others):
        # Names differ by case and by accents, and are in the order of code points.
        assert list(await asked.all()) == [great, small, also, full]
        for one in (full, small, great, also):
            assert await asked.find(one.id) == one
            assert await asked.find(one.name) == one
        for key in ("ss", "unïcode", new_id(), full.id.upper() + "x", ""):
            assert await asked.find(key) is None
    await others.close()


async def test_a_name_is_taken_once(of: _Kind, kept: Kept[Any]) -> None:
    first, second = _one(of, "first"), _one(of, "second")
    await kept.create(first)
    await kept.create(second)
    with pytest.raises(Conflict, match=f"there is {of.one} 'first' already") as refused:
        await kept.create(_one(of, "first"))
    assert refused.value.where == "name"
    with pytest.raises(Conflict, match=f"there is {of.one} 'first' already") as refused:
        await kept.update(msgspec.structs.replace(second, name="first"))
    assert refused.value.where == "name"
    assert list(await kept.all()) == [first, second]
    await kept.delete(first.id, 1)
    assert (await kept.update(msgspec.structs.replace(second, name="first"))).version == 2
    assert await kept.find("second") is None


async def test_nobodys_change_is_lost(of: _Kind, kept: Kept[Any], open_kept: Open) -> None:
    full = _full(of)
    await kept.create(full)
    others = await open_kept()
    theirs = msgspec.structs.replace(full, updated_by="they", updated_us=9, **of.other)
    assert await others.update(theirs) == msgspec.structs.replace(theirs, version=2)
    with pytest.raises(Conflict, match="was changed meanwhile by 'they': it has version 2, not 1") as refused:
        await kept.update(msgspec.structs.replace(full, description="ours"))
    assert refused.value.where == "version"
    with pytest.raises(Conflict, match="it has version 2, not 1"):
        await kept.delete(full.id, 1)
    assert await kept.find(full.id) == msgspec.structs.replace(theirs, version=2)
    await others.delete(full.id, 2)
    await others.close()
    assert await kept.find(full.id) is None
    with pytest.raises(NotFound, match=full.id):
        await kept.update(full)


async def test_many_at_the_same_time(of: _Kind, kept: Kept[Any], open_kept: Open) -> None:
    others = await open_kept()
    both = (kept, others)
    same = await asyncio.gather(*(both[n % 2].create(_one(of, "same")) for n in range(10)), return_exceptions=True)
    assert sorted(type(result).__name__ for result in same) == ["Conflict"] * 9 + ["NoneType"]
    found = await kept.find("same")
    assert found is not None
    changes = [both[n % 2].update(msgspec.structs.replace(found, description=str(n))) for n in range(10)]
    changed = await asyncio.gather(*changes, return_exceptions=True)
    (won,) = [result for result in changed if isinstance(result, of.type)]
    assert sum(isinstance(result, Conflict) for result in changed) == 9
    assert await others.find("same") == won
    assert (won.version, won.description) == (2, str(changed.index(won)))
    await others.close()


async def test_there_is_a_most(of: _Kind, kept: Kept[Any]) -> None:
    most = int(of.most.partition(" ")[0].replace(",", ""))
    every = [_one(of, f"{n:04}") for n in range(most)]
    for one in every:
        await kept.create(one)
    with pytest.raises(Conflict, match=f"there are {of.most}, more is too many: delete one"):
        await kept.create(_one(of, "more"))
    await kept.delete(every[0].id, 1)
    await kept.create(_one(of, "more"))
    assert len(await kept.all()) == most
