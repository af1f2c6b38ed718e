"""What every keeper of alert rules, silences and acknowledgements guarantees: see seams/alerts.py."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import NamedTuple

import msgspec
import pytest

from logd.backends.catalog.alert_rules import catalog_alert_rules
from logd.backends.catalog.appearing import AppearingFile
from logd.backends.catalog.appearing_alerts import AppearingAcknowledgements, AppearingSilences
from logd.backends.catalog.appearing_named import appearing_alert_rules
from logd.backends.catalog.database import Database
from logd.backends.catalog.mysql_server import MysqlServer
from logd.backends.catalog.silences import CatalogAcknowledgements, CatalogSilences
from logd.backends.catalog.sqlite_file import SqliteFile
from logd.errors import Conflict, NotFound
from logd.seams import (
    MAX_SILENCES,
    SILENCE_KEPT_US,
    Acknowledgement,
    Acknowledgements,
    AlertRule,
    AlertRules,
    Silence,
    Silences,
)
from logd.tokens import new_id
from tests.support.catalogs import migrated


class Kept(NamedTuple):
    """Over the same connections."""

    rules: AlertRules
    silences: Silences
    acknowledgements: Acknowledgements


Open = Callable[[], Awaitable[Kept]]


def _over(database: Database) -> Kept:
    return Kept(catalog_alert_rules(database), CatalogSilences(database), CatalogAcknowledgements(database))


async def _appearing(path: Path) -> Kept:
    file = AppearingFile(path)
    await file.open_if_there()
    return Kept(appearing_alert_rules(file), AppearingSilences(file), AppearingAcknowledgements(file))


async def _at_once(path: Path) -> Kept:
    return _over(await SqliteFile.open(path))


_FILES: dict[str, Callable[[Path], Awaitable[Kept]]] = {"sqlite": _at_once, "sqlite, lazily": _appearing}


@pytest.fixture(params=[*sorted(_FILES), pytest.param("mysql", marks=pytest.mark.servers("mysql"))])
async def open_kept(request: pytest.FixtureRequest, tmp_path: Path) -> Open:
    """Opens the same ones each time, as another process would."""
    if request.param == "mysql":
        mysql = request.getfixturevalue("mysql")
        catalog = await migrated(mysql)

        async def connected() -> Kept:
            return _over(await MysqlServer.open(catalog, mysql.password))

        return connected
    keeper = _FILES[request.param]
    return lambda: keeper(tmp_path / "catalog.db")


@pytest.fixture
async def kept(open_kept: Open) -> AsyncIterator[Kept]:
    opened = await open_kept()
    yield opened
    await opened.rules.close()


def _rule(name: str, **given: object) -> AlertRule:
    rule = {"name": name, "condition": {"threshold": 1.5}, "enabled": True}
    return msgspec.structs.replace(AlertRule(id=new_id(), name=name, rule=rule, created_us=1, updated_us=1), **given)


_FULL = _rule(
    "ünïcode 'quotes' \"and\" %s 𝄞 /",
    rule={
        "condition": {"query": "𝄞", "conditions": [{"threshold": 2**53}]},
        "labels": {"a": "𝄞"},
        "text": "x" * 70_000,
    },
    owner=new_id(),
    created_by="ü",
    updated_by="𝄞",
    created_us=2**53 + 1,
    updated_us=2**60 + 1,
)


def _silence(to_us: int, **given: object) -> Silence:
    return msgspec.structs.replace(Silence(id=new_id(), from_us=1, to_us=to_us, created_us=1), **given)


async def test_nothing_at_first(kept: Kept) -> None:
    assert [*await kept.rules.all(), *await kept.silences.all(), *await kept.acknowledgements.all()] == []
    nobody = "0" * 12
    for found in (await kept.rules.find(nobody), await kept.rules.find("a name"), await kept.silences.find(nobody)):
        assert found is None
    assert await kept.acknowledgements.remove(nobody) == 0
    for call in (
        kept.rules.delete(nobody, 1),
        kept.rules.update(_rule("a", id=nobody)),
        kept.silences.delete(nobody),
    ):
        with pytest.raises(NotFound, match=nobody):
            await call


async def test_rules_that_are_kept_are_found(kept: Kept, open_kept: Open) -> None:
    small, great, also = _rule("b"), _rule("B"), _rule("ß")
    for rule in (_FULL, small, great, also):
        await kept.rules.create(rule)
    others = await open_kept()
    for asked in (kept.rules, others.rules):
        assert list(await asked.all()) == [great, small, also, _FULL]
        for rule in (_FULL, small, great, also):
            assert await asked.find(rule.id) == rule
            assert await asked.find(rule.name) == rule
        for key in ("ss", "unïcode", new_id(), ""):
            assert await asked.find(key) is None
    await others.rules.close()


async def test_a_rules_name_is_taken_once(kept: Kept) -> None:
    first, second = _rule("first"), _rule("second")
    await kept.rules.create(first)
    await kept.rules.create(second)
    with pytest.raises(Conflict, match="there is an alert rule 'first' already") as refused:
        await kept.rules.create(_rule("first"))
    assert refused.value.where == "name"
    with pytest.raises(Conflict, match="there is an alert rule 'first' already"):
        await kept.rules.update(msgspec.structs.replace(second, name="first"))
    await kept.rules.delete(first.id, 1)
    assert (await kept.rules.update(msgspec.structs.replace(second, name="first"))).version == 2


async def test_nobodys_change_of_a_rule_is_lost(kept: Kept, open_kept: Open) -> None:
    await kept.rules.create(_FULL)
    others = await open_kept()
    theirs = msgspec.structs.replace(_FULL, rule={"name": "theirs"}, updated_by="they", updated_us=9)
    assert await others.rules.update(theirs) == msgspec.structs.replace(theirs, version=2)
    with pytest.raises(Conflict, match="was changed meanwhile by 'they': it has version 2, not 1") as refused:
        await kept.rules.update(_FULL)
    assert refused.value.where == "version"
    with pytest.raises(Conflict, match="it has version 2, not 1"):
        await kept.rules.delete(_FULL.id, 1)
    assert await kept.rules.find(_FULL.id) == msgspec.structs.replace(theirs, version=2)
    both = (kept.rules, others.rules)
    changes = [both[n % 2].update(msgspec.structs.replace(theirs, version=2, updated_us=n)) for n in range(10)]
    changed = await asyncio.gather(*changes, return_exceptions=True)
    assert sorted(type(result).__name__ for result in changed) == ["AlertRule"] + ["Conflict"] * 9
    await others.rules.delete(_FULL.id, 3)
    await others.rules.close()
    assert await kept.rules.find(_FULL.id) is None


async def test_silences(kept: Kept, open_kept: Open) -> None:
    full = _silence(
        2**60,
        rule="pay *",
        labels={"team": "ü*"},
        group={"host": "𝄞"},
        why="two\nlines",
        owner=new_id(),
        created_by="ü",
    )
    first = _silence(2)
    await kept.silences.create(full)
    await kept.silences.create(first)
    with pytest.raises(Conflict, match=first.id):
        await kept.silences.create(first)
    others = await open_kept()
    assert list(await others.silences.all()) == [first, full]
    assert await others.silences.find(full.id) == full
    await others.silences.delete(full.id)
    assert list(await kept.silences.all()) == [first]
    # Those that ended long ago go with the next one.
    late = _silence(2**60, created_us=first.to_us + SILENCE_KEPT_US)
    await others.silences.create(late)
    assert list(await kept.silences.all()) == [first, late]
    later = _silence(2**60, created_us=first.to_us + SILENCE_KEPT_US + 1)
    await others.silences.create(later)
    assert {one.id for one in await kept.silences.all()} == {late.id, later.id}
    await others.silences.close()


async def test_there_is_a_most_of_silences(kept: Kept) -> None:
    silences = [_silence(9) for _ in range(MAX_SILENCES)]
    for silence in silences:
        await kept.silences.create(silence)
    with pytest.raises(Conflict, match="there are 1,000 silences"):
        await kept.silences.create(_silence(9))
    await kept.silences.delete(silences[0].id)
    await kept.silences.create(_silence(9))


async def test_acknowledgements(kept: Kept, open_kept: Open) -> None:
    def made(group: tuple[str | None, ...], at_us: int, rule_id: str = "file-0123456789ab") -> Acknowledgement:
        return Acknowledgement(rule_id=rule_id, group=group, fired_us=2**53 + 1, by="ü", why="𝄞", at_us=at_us)

    long = ("x" * 200, "𝄞" * 200, None)
    for one in (made(long, 3), made((), 2), made(("a", None), 1), made((), 4, "0" * 12)):
        await kept.acknowledgements.put(one)
    others = await open_kept()
    assert [one.at_us for one in await others.acknowledgements.all()] == [1, 2, 3, 4]
    again = msgspec.structs.replace(made(long, 9), fired_us=7, by="")
    await others.acknowledgements.put(again)
    await others.acknowledgements.put(again)
    assert (await kept.acknowledgements.all())[-1] == again
    both = (kept.acknowledgements, others.acknowledgements)
    await asyncio.gather(*(both[n % 2].put(made(("new",), 10 + n)) for n in range(10)))
    assert sum(one.group == ("new",) for one in await kept.acknowledgements.all()) == 1
    assert await others.acknowledgements.remove("file-0123456789ab", long) == 1
    assert await others.acknowledgements.remove("file-0123456789ab", long) == 0
    assert await others.acknowledgements.remove("file-0123456789ab") == 3
    assert [one.rule_id for one in await kept.acknowledgements.all()] == ["0" * 12]
    await others.acknowledgements.close()
