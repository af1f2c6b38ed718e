"""What every pace guarantees, whoever shares it: see seams.Pace."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logd.backends.cache.memory_pace import MemoryPace
from logd.backends.cache.redis_pace import RedisPace
from logd.backends.catalog.mysql_server import MysqlServer
from logd.backends.catalog.pace import CatalogPace
from logd.backends.catalog.sqlite_file import SqliteFile
from logd.config.schema import Cache
from logd.errors import Unavailable
from logd.seams import Pace, spread
from tests.services import Running
from tests.support.catalogs import migrated
from tests.support.process import PATIENCE_SECONDS, free_port

NOW = 1_700_000_000_000_000
MINUTE = 60_000_000
Open = Callable[[], Awaitable[Pace]]


@pytest.fixture(
    params=[
        "memory",
        "sqlite",
        pytest.param("mysql", marks=pytest.mark.servers("mysql")),
        pytest.param("redis", marks=pytest.mark.servers("redis")),
    ]
)
async def open_pace(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Open]:
    """Opens the same each time, as another process would; in memory there is only one."""
    opened: list[Pace] = []
    prefix = f"test-{uuid.uuid4()}"
    server: Running | None = None
    if request.param in ("mysql", "redis"):
        server = request.getfixturevalue(request.param)
    catalog = await migrated(server) if request.param == "mysql" and server is not None else None

    async def made() -> Pace:
        if server is None:
            if request.param == "sqlite":
                return CatalogPace(await SqliteFile.open(tmp_path / "catalog.db"))
            return opened[0] if opened else MemoryPace()
        if catalog is not None:
            return CatalogPace(await MysqlServer.open(catalog, server.password))
        config = Cache(type="redis", url=f"redis://127.0.0.1:{server.port}/1", prefix=prefix)
        return RedisPace(config, "", call_seconds=PATIENCE_SECONDS)

    async def pace() -> Pace:
        opened.append(await made())
        return opened[-1]

    yield pace
    for one in opened:
        await one.close()


async def taken(pace: Pace, target: str, per_minute: int, from_us: int, to_us: int) -> list[int]:
    """When there are turns for somebody who waits for each."""
    found = []
    now_us = from_us
    while now_us < to_us:
        if wait_us := await pace.take(target, per_minute, now_us):
            now_us += wait_us
        else:
            found.append(now_us)
    return found


@pytest.mark.parametrize("per_minute", [1, 2, 7, 60])
async def test_no_minute_has_more(open_pace: Open, per_minute: int) -> None:
    turns = await taken(await open_pace(), "a", per_minute, NOW, NOW + 3 * MINUTE)
    assert all(turns[n + per_minute] - turns[n] >= MINUTE for n in range(len(turns) - per_minute))
    assert turns.count(NOW) == max(1, per_minute // 3)
    assert sum(turn < NOW + MINUTE for turn in turns) == per_minute
    assert len(turns) >= 2 * per_minute


async def test_targets_have_turns_of_their_own(open_pace: Open) -> None:
    pace = await open_pace()
    assert await pace.take("a", 1, NOW) == 0
    assert await pace.take("b", 1, NOW) == 0
    assert await pace.take("a", 1, NOW) == MINUTE
    assert await pace.take("a", 1, NOW + MINUTE - 1) == 1
    assert await pace.take("a", 1, NOW + MINUTE) == 0


async def test_several_share_it(open_pace: Open) -> None:
    paces = [await open_pace() for _ in range(3)]
    waits = await asyncio.gather(*(pace.take("a", 30, NOW) for _ in range(10) for pace in paces))
    assert waits.count(0) == 10


async def test_a_clock_that_was_wrong_stops_nobody(open_pace: Open) -> None:
    pace = await open_pace()
    year = 365 * 1_440 * MINUTE
    assert await pace.take("a", 1, NOW + year) == 0
    assert await pace.take("a", 1, NOW) == 0
    assert await pace.take("a", 1, NOW) == MINUTE
    assert await pace.take("a", 1, NOW + year) == 0


async def test_old_targets_are_forgotten(open_pace: Open) -> None:
    pace = await open_pace()
    for n in range(10):
        assert await pace.take(str(n), 1, NOW) == 0
    assert await pace.take("new", 1, NOW + 2 * 1_440 * MINUTE) == 0
    assert await pace.take("1", 1, NOW + 2 * 1_440 * MINUTE) == 0


async def test_redis_that_is_away() -> None:
    pace = RedisPace(Cache(type="redis", url=f"redis://127.0.0.1:{free_port()}/0"), "")
    with pytest.raises(Unavailable, match=r"cache\.url redis://127\.0\.0\.1:"):
        await pace.take("a", 1, NOW)
    await pace.close()


@given(st.integers(1, 1_000), st.lists(st.integers(0, 20_000_000), max_size=200))
async def test_no_minute_has_more_whenever_they_come(per_minute: int, gaps: list[int]) -> None:
    pace = MemoryPace()
    turns = []
    now_us = NOW
    for gap in gaps:
        now_us += gap * 10 // (per_minute + 10)
        if not await pace.take("a", per_minute, now_us):
            turns.append(now_us)
    assert all(turns[n + per_minute] - turns[n] >= MINUTE for n in range(len(turns) - per_minute))
    assert spread(per_minute).step_us * per_minute >= MINUTE
