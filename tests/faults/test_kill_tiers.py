"""kill -9 at every named step of a move between the tiers of a real Elasticsearch: the next process goes on from there,
and in the end nothing is lost, left over, or done twice."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from logd.flow import crash
from logd.seams.retention import DEFAULT_POLICY
from tests.services import running
from tests.support.rows import DAY_US
from tests.support.tiers import D, World, late, own

pytestmark = [pytest.mark.servers("elasticsearch"), pytest.mark.timeout(1_200)]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A hot node and a warm one."""
    with running("elasticsearch", tmp_path_factory.mktemp("cluster"), members=2) as server:
        yield server.url


@pytest.fixture
async def world(cluster: str, tmp_path: Path) -> AsyncIterator[World]:
    world = await World.open(cluster, tmp_path)
    yield world
    await world.close()


async def _move(world: World, folder: Path, today: int, *, killed_at: str = "") -> None:
    arguments = [world.url, str(folder), str(world.outside.now_us + today * DAY_US), str(today), "7"]
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.support.tiers_child", *arguments, env={**os.environ, crash.VARIABLE: killed_at}
    )
    assert await child.wait() == (-signal.SIGKILL if killed_at else 0)


@pytest.mark.parametrize("point", [one for one in crash.TIER_POINTS if one.startswith("warm")])
async def test_killed_on_the_way_to_warm(world: World, tmp_path: Path, point: str) -> None:
    for first in range(3):  # several segments
        await world.day(D, 1, first=first)
        await world.index.refresh()
    await world.day(D + 1)
    await _move(world, tmp_path, D + 2, killed_at=point)
    assert len(await world.found()) == 8
    await world.day(D, 1, first=3)  # whatever it was killed at, it is taken
    await _move(world, tmp_path, D + 2)
    stored = await world.stored()
    assert (stored[own(D)].blocked, stored[own(D)].segments) == (True, 1)
    assert await world.nodes(own(D)) == {"node-2"}
    assert await world.nodes(own(D + 1)) == {"node-1"}
    assert (await world.boundary()).warm_before == D + 1
    assert await world.moves() == [(DEFAULT_POLICY, D, "warm")]
    assert len(await world.found()) == 9


@pytest.mark.parametrize("point", [one for one in crash.TIER_POINTS if one.startswith("cold")])
async def test_killed_on_the_way_out(world: World, tmp_path: Path, point: str) -> None:
    await world.day(D)
    await _move(world, tmp_path, D + 2)
    await world.day(D, 2, first=5)
    await world.day(D + 1)
    assert late(D) in await world.stored()
    await _move(world, tmp_path, D + 4, killed_at=point)
    has_left = (await world.boundary()).cold_before == D + 1
    assert has_left == (point not in ("cold.blocked", "cold.noted", "cold.proved"))
    assert len(await world.found()) == (5 if has_left else 12)
    await _move(world, tmp_path, D + 4)
    assert set(await world.stored()) == {own(D + 1)}
    assert (await world.boundary()).cold_before == D + 1
    cold = [move for move in await world.tiering.moves(100) if move.what == "cold"]
    assert [(move.day, move.detail["rows"]) for move in cold] == [(D, 7)]
    await world.day(D, 1, first=9)  # a late line, for which what the killed one left behind is tidied up
    await _move(world, tmp_path, D + 4)
    assert set(await world.stored()) == {own(D + 1)}
    step = await world.tiering.step(DEFAULT_POLICY, D)
    assert (step["phase"], step["gone"]) == ("", 8)
