"""kill -9 at every named step of a restore into a real Elasticsearch, and of its end: the next process goes on."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from logd.backends.index.elasticsearch_names import restored_name
from logd.flow import crash
from tests.services import running
from tests.support.restores import ID, Archived
from tests.support.rows import DAY_US, row
from tests.support.tiers import D

pytestmark = [pytest.mark.servers("elasticsearch"), pytest.mark.timeout(1_200)]
_ROWS = 30


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running("elasticsearch", tmp_path_factory.mktemp("cluster")) as server:
        yield server.url


@pytest.fixture
async def archived(cluster: str, tmp_path: Path) -> AsyncIterator[Archived]:
    archived = await Archived.open(cluster, tmp_path)
    yield archived
    for name in await archived.indices.names(ID):
        await archived.indices.delete(name)
    await archived.close()
    await archived.world.close()


async def _run(archived: Archived, folder: Path, *, killed_at: str = "") -> None:
    arguments = [archived.world.url, str(folder), str(archived.world.outside.now_us)]
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.support.restore_child", *arguments, env={**os.environ, crash.VARIABLE: killed_at}
    )
    assert await child.wait() == (-signal.SIGKILL if killed_at else 0)


@pytest.mark.parametrize("point", crash.RESTORE_POINTS)
async def test_killed_at(archived: Archived, tmp_path: Path, point: str) -> None:
    for day in (D, D + 1):
        rows = [row(day * DAY_US + n, f"{day}-{n:04}") for n in range(_ROWS)]
        await archived.add("DEFAULT", day, rows)
    await archived.wanted(D * DAY_US, (D + 2) * DAY_US)
    is_end = point == "restore.deleted"
    if not is_end:
        await _run(archived, tmp_path, killed_at=point)
    await _run(archived, tmp_path)
    one = await archived.is_now()
    assert (one.state, one.rows, one.done_rows) == ("done", 2 * _ROWS, 2 * _ROWS)
    assert await archived.found() == {
        restored_name("DEFAULT", day, ID): [f"{day}-{n:04}" for n in range(_ROWS)] for day in (D, D + 1)
    }
    archived.world.outside.now_us += DAY_US
    if is_end:
        await _run(archived, tmp_path, killed_at=point)
    await _run(archived, tmp_path)
    assert await archived.found() == {}
    assert (await archived.is_now()).state == "gone"
    assert await archived.world.tiering.step(f"restore-{ID}", D) == {}
