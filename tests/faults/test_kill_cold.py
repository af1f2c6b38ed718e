"""kill -9 at every named step of a day's way into the archive: afterwards each line is in one place, once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from logd.flow import crash
from logd.seams import Search
from tests.support.cooling import Cold
from tests.support.indexes import SegmentsStore
from tests.support.rows import DAY, DAY_US, batch, row

_DAY = DAY // DAY_US
_HOUR_US = DAY_US // 24
_CHECKOUT = Path(__file__).parents[2]
_LIFE_SECONDS = 120.0


async def _fill(store: SegmentsStore, days: range, position: int) -> list[str]:
    index = await store.open()
    ids = []
    for day in days:
        for hour in (0, 23):
            position += 1
            rows = [
                row(DAY + day * DAY_US + hour * _HOUR_US + n, f"{position}-{day}-{hour:02d}-{n}") for n in range(20)
            ]
            ids += [one["log_id"] for one in rows]
            await index.write(batch(rows, position))
            await index.flush()
    await index.close()
    return ids


def _move(folder: Path, before_day: int, point: str = "") -> int:
    command = [sys.executable, "-m", "tests.support.cold_process", str(folder), str(before_day)]
    environment = {**os.environ, crash.VARIABLE: point} if point else dict(os.environ)
    done = subprocess.run(
        command, cwd=_CHECKOUT, env=environment, timeout=_LIFE_SECONDS, capture_output=True, check=False
    )
    assert done.returncode in (0, -signal.SIGKILL), done.stderr.decode()
    return done.returncode


async def _found(store: SegmentsStore, folder: Path) -> Counter[str]:
    """As a search over both tiers."""
    index, cold = await store.open(), Cold(folder)
    await cold.open()
    boundaries = await cold.archived()
    ids = Counter((await index.search(Search(limit=10_000, archived=boundaries))).table["log_id"].to_pylist())
    for day in await cold.archive.days():
        if day.day < boundaries.get(day.policy, 0):
            ids.update(one["log_id"] for one in await cold.rows(day.policy, day.day))
    await cold.close()
    await index.close()
    return ids


@pytest.mark.parametrize(
    ("point", "times", "late"),
    [
        *((point, 1, False) for point in crash.COOLING_POINTS),
        ("cooling.added", 2, False),
        ("manifest.archive.committed", 2, False),
        ("cooling.added", 1, True),
        ("manifest.archive", 1, True),
    ],
)
async def test_killed_at(tmp_path: Path, point: str, times: int, late: bool) -> None:
    """The second time is that of another hour, or another day."""
    store = SegmentsStore(tmp_path)
    ids = await _fill(store, range(1, 4), 0)
    if late:
        assert _move(tmp_path, _DAY + 3) == 0
        ids += await _fill(store, range(1, 3), 100)
    assert _move(tmp_path, _DAY + 3, f"{point}:{times}") == -signal.SIGKILL
    if not late:
        assert await _found(store, tmp_path) == Counter(ids)
    assert _move(tmp_path, _DAY + 3) == 0
    assert await _found(store, tmp_path) == Counter(ids)
    index = await store.open()
    assert {segment.day for segment in index.inventory.segments} == {_DAY + 3}
    ledger = index.inventory.ledger
    assert ledger["rows_stored"] == ledger["rows_archived"] + sum(one.rows for one in index.inventory.segments)
    await index.close()
