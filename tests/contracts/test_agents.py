"""What every keeper of agents' reports guarantees: see seams.Agents."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import msgspec
import pytest
from sqlalchemy import update

from logd.backends.catalog import agents as kept_agents
from logd.backends.catalog.agents import CatalogAgents
from logd.backends.catalog.appearing import AppearingFile
from logd.backends.catalog.appearing_agents import AppearingAgents
from logd.backends.catalog.database import Database
from logd.backends.catalog.mysql_server import MysqlServer
from logd.backends.catalog.sqlite_file import SqliteFile
from logd.backends.catalog.tables import AGENTS
from logd.flow.clock import now_us
from logd.seams import AgentReport, Agents, AgentStatus, SeenAgent
from tests.support.catalogs import migrated


class Kept(NamedTuple):
    """A process's view of the catalog."""

    agents: Agents
    database: Database | AppearingFile

    async def close(self) -> None:
        await self.database.close()


Open = Callable[[], Awaitable[Kept]]


async def _at_once(path: Path) -> Kept:
    file = await SqliteFile.open(path)
    return Kept(CatalogAgents(file), file)


async def _appearing(path: Path) -> Kept:
    await (await SqliteFile.open(path)).close()
    file = AppearingFile(path)
    await file.open_if_there()
    return Kept(AppearingAgents(file), file)


_FILES: dict[str, Callable[[Path], Awaitable[Kept]]] = {"sqlite": _at_once, "sqlite, lazily": _appearing}


@pytest.fixture(params=[*sorted(_FILES), pytest.param("mysql", marks=pytest.mark.servers("mysql"))])
async def open_kept(request: pytest.FixtureRequest, tmp_path: Path) -> Open:
    """Opens the same catalog each time, as another process would."""
    if request.param == "mysql":
        mysql = request.getfixturevalue("mysql")
        catalog = await migrated(mysql)

        async def connected() -> Kept:
            server = await MysqlServer.open(catalog, mysql.password)
            return Kept(CatalogAgents(server), server)

        return connected
    keeper = _FILES[request.param]
    return lambda: keeper(tmp_path / "catalog.db")


@pytest.fixture
async def kept(open_kept: Open) -> AsyncIterator[Kept]:
    opened = await open_kept()
    yield opened
    await opened.close()


def _seen(number: int, seen_us: int, **status: int | str) -> SeenAgent:
    report = AgentReport(
        id=f"{number:016x}",
        host=f"wéb-{number}",
        started=datetime(2026, 11, 28, tzinfo=UTC),
        status=msgspec.convert(status, AgentStatus),
    )
    return SeenAgent(report, seen_us)


async def test_the_last_report_of_each(open_kept: Open, kept: Kept) -> None:
    assert await kept.agents.put([_seen(1, 10, target_error="„nö\\ \N{PILE OF POO}"), _seen(2, 20)])
    assert await kept.agents.put([_seen(2, 30, files=5), _seen(3, 25)])
    other = await open_kept()
    found = await other.agents.all()
    await other.close()
    assert found == [_seen(2, 30, files=5), _seen(3, 25), _seen(1, 10, target_error="„nö\\ \N{PILE OF POO}")]


async def test_an_older_report_changes_nothing(kept: Kept) -> None:
    await kept.agents.put([_seen(1, 30, files=2)])
    await kept.agents.put([_seen(1, 20, files=1), _seen(2, 20)])
    assert await kept.agents.all() == [_seen(1, 30, files=2), _seen(2, 20)]


async def test_one_from_the_future_is_replaced(kept: Kept) -> None:
    """A clock that was a day ahead has been put right: an agent would look the same for a day."""
    now = now_us()
    await kept.agents.put([_seen(1, now + 86_400_000_000, files=1), _seen(2, now + 2_000_000, files=1)])
    await kept.agents.put([_seen(1, now, files=2), _seen(2, now, files=2)])
    assert await kept.agents.all() == [_seen(2, now + 2_000_000, files=1), _seen(1, now, files=2)]


async def test_the_same_id_on_another_host_is_another_agent(kept: Kept) -> None:
    copied = msgspec.structs.replace(_seen(1, 5).report, host="copy")
    await kept.agents.put([_seen(1, 9), SeenAgent(copied, 5)])
    assert [one.report.host for one in await kept.agents.all()] == ["wéb-1", "copy"]


async def test_they_are_forgotten(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    await kept.agents.put([_seen(n, n) for n in range(10)])
    assert await kept.agents.forget(3) == 3
    assert [one.seen_us for one in await kept.agents.all()] == [9, 8, 7, 6, 5, 4, 3]
    monkeypatch.setattr(kept_agents, "MAX_AGENTS", 4)
    assert await kept.agents.forget(3) == 3
    assert [one.seen_us for one in await kept.agents.all()] == [9, 8, 7, 6]


async def test_two_write_at_the_same_time(open_kept: Open, kept: Kept) -> None:
    other = await open_kept()
    for round_ in range(1, 4):
        rows = [_seen(n, round_ * 10) for n in range(50)]
        done = await asyncio.gather(
            kept.agents.put(rows), other.agents.put(list(reversed(rows))), return_exceptions=True
        )
        assert True in done  # the other one may have to come again
    await other.close()
    assert [one.seen_us for one in await kept.agents.all()] == [30] * 50


async def test_many_at_once(kept: Kept) -> None:
    await kept.agents.put([_seen(n, 1) for n in range(2_500)])
    await kept.agents.put([_seen(n, 2) for n in range(2_500)])
    found = await kept.agents.all()
    assert (len(found), {one.seen_us for one in found}) == (2_500, {2})


async def test_a_damaged_one_is_left_out(kept: Kept, caplog: pytest.LogCaptureFixture) -> None:
    await kept.agents.put([_seen(1, 1), _seen(2, 2)])
    if isinstance(kept.database, AppearingFile):
        return
    async with kept.database.writing() as connection:
        await connection.execute(update(AGENTS).where(AGENTS.c.host == "wéb-1").values(report="{"))
    assert await kept.agents.all() == [_seen(2, 2)]
    assert "is damaged" in caplog.text
    caplog.clear()


async def test_no_file_is_made_for_it(tmp_path: Path) -> None:
    file = AppearingFile(tmp_path / "catalog.db")
    agents = AppearingAgents(file)
    assert not await agents.put([_seen(1, 1)])
    assert await agents.all() == []
    assert await agents.forget(10) == 0
    assert not file.path.exists()
