"""What every keeper of saved searches guarantees: see seams.SavedSearches."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import msgspec
import pytest

from logd.backends.catalog.appearing import AppearingFile
from logd.backends.catalog.appearing_named import appearing_saved
from logd.backends.catalog.mysql_server import MysqlServer
from logd.backends.catalog.saved import catalog_saved
from logd.backends.catalog.sqlite_file import SqliteFile
from logd.errors import Conflict, NotFound
from logd.seams import MAX_SAVED, SavedSearch, SavedSearches
from logd.tokens import new_id
from tests.support.catalogs import migrated

Open = Callable[[], Awaitable[SavedSearches]]


async def _appearing(path: Path) -> SavedSearches:
    file = AppearingFile(path)
    await file.open_if_there()
    return appearing_saved(file)


async def _at_once(path: Path) -> SavedSearches:
    return catalog_saved(await SqliteFile.open(path))


_FILES: dict[str, Callable[[Path], Awaitable[SavedSearches]]] = {"sqlite": _at_once, "sqlite, lazily": _appearing}


@pytest.fixture(params=[*sorted(_FILES), pytest.param("mysql", marks=pytest.mark.servers("mysql"))])
async def open_saved(request: pytest.FixtureRequest, tmp_path: Path) -> Open:
    """Opens the same searches each time, as another process would."""
    if request.param == "mysql":
        mysql = request.getfixturevalue("mysql")
        catalog = await migrated(mysql)

        async def connected() -> SavedSearches:
            return catalog_saved(await MysqlServer.open(catalog, mysql.password))

        return connected
    keeper = _FILES[request.param]
    return lambda: keeper(tmp_path / "catalog.db")


@pytest.fixture
async def saved(open_saved: Open) -> AsyncIterator[SavedSearches]:
    opened = await open_saved()
    yield opened
    await opened.close()


def _search(name: str, **given: object) -> SavedSearch:
    plain = SavedSearch(id=new_id(), name=name, parameters={"q": "a"}, created_us=1, updated_us=1)
    return msgspec.structs.replace(plain, **given)


_FULL = _search(
    "ünïcode 'quotes' \"and\" %s 𝄞 /",
    description="two\nlines, 𝄞",
    parameters={"q": 'level:ERROR AND "𝄞"', "service": ["a", "b,c"], "from": "-1h", "limit": 7, "highlight": True},
    owner=new_id(),
    created_by="ü",
    updated_by="𝄞",
    created_us=2**53 + 1,
    updated_us=2**60 + 1,
)


async def test_nothing_at_first(saved: SavedSearches) -> None:
    assert list(await saved.all()) == []
    for key in ("0" * 12, "a name"):
        assert await saved.find(key) is None
    with pytest.raises(NotFound, match="000000000000"):
        await saved.delete("0" * 12, 1)
    with pytest.raises(NotFound, match="000000000000"):
        await saved.update(_search("a", id="0" * 12))


async def test_what_is_kept_is_found(saved: SavedSearches, open_saved: Open) -> None:
    small, great, also = _search("b"), _search("B"), _search("ß")
    for search in (_FULL, small, great, also):
        await saved.create(search)
    others = await open_saved()
    for asked in (saved, others):
        # Names differ by case and by accents, and are in the order of code points.
        assert list(await asked.all()) == [great, small, also, _FULL]
        for search in (_FULL, small, great, also):
            assert await asked.find(search.id) == search
            assert await asked.find(search.name) == search
        for key in ("ss", "unïcode", new_id(), _FULL.id.upper() + "x", ""):
            assert await asked.find(key) is None
    await others.close()


async def test_a_name_is_taken_once(saved: SavedSearches) -> None:
    first, second = _search("first"), _search("second")
    await saved.create(first)
    await saved.create(second)
    with pytest.raises(Conflict, match="there is a saved search 'first' already") as refused:
        await saved.create(_search("first"))
    assert refused.value.where == "name"
    with pytest.raises(Conflict, match="there is a saved search 'first' already") as refused:
        await saved.update(msgspec.structs.replace(second, name="first"))
    assert refused.value.where == "name"
    assert list(await saved.all()) == [first, second]
    await saved.delete(first.id, 1)
    assert (await saved.update(msgspec.structs.replace(second, name="first"))).version == 2
    assert await saved.find("second") is None


async def test_nobodys_change_is_lost(saved: SavedSearches, open_saved: Open) -> None:
    await saved.create(_FULL)
    others = await open_saved()
    theirs = msgspec.structs.replace(_FULL, parameters={"q": "theirs"}, updated_by="they", updated_us=9)
    assert await others.update(theirs) == msgspec.structs.replace(theirs, version=2)
    with pytest.raises(Conflict, match="was changed meanwhile by 'they': it has version 2, not 1") as refused:
        await saved.update(msgspec.structs.replace(_FULL, parameters={"q": "ours"}))
    assert refused.value.where == "version"
    with pytest.raises(Conflict, match="it has version 2, not 1"):
        await saved.delete(_FULL.id, 1)
    assert await saved.find(_FULL.id) == msgspec.structs.replace(theirs, version=2)
    await others.delete(_FULL.id, 2)
    await others.close()
    assert await saved.find(_FULL.id) is None
    with pytest.raises(NotFound, match=_FULL.id):
        await saved.update(_FULL)


async def test_many_at_the_same_time(saved: SavedSearches, open_saved: Open) -> None:
    others = await open_saved()
    both = (saved, others)
    same = await asyncio.gather(*(both[n % 2].create(_search("same")) for n in range(10)), return_exceptions=True)
    assert sorted(type(result).__name__ for result in same) == ["Conflict"] * 9 + ["NoneType"]
    kept = await saved.find("same")
    assert kept is not None
    changes = [both[n % 2].update(msgspec.structs.replace(kept, description=str(n))) for n in range(10)]
    changed = await asyncio.gather(*changes, return_exceptions=True)
    (won,) = [result for result in changed if isinstance(result, SavedSearch)]
    assert sum(isinstance(result, Conflict) for result in changed) == 9
    assert await others.find("same") == won
    assert (won.version, won.description) == (2, str(changed.index(won)))
    await others.close()


async def test_there_is_a_most(saved: SavedSearches) -> None:
    searches = [_search(f"{n:04}") for n in range(MAX_SAVED)]
    for search in searches:
        await saved.create(search)
    with pytest.raises(Conflict, match="there are 1,000 saved searches"):
        await saved.create(_search("more"))
    await saved.delete(searches[0].id, 1)
    await saved.create(_search("more"))
    assert len(await saved.all()) == MAX_SAVED
