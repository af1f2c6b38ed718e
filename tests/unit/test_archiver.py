"""The role archiver: old days go, with their files once nobody reads them; stopping is quick; the disk is watched."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sqlite3
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest

from logd.config.schema import Archiver as Settings
from logd.config.schema import Config
from logd.errors import Unavailable
from logd.flow.clock import now_us
from logd.roles import archiver
from logd.store.upkeep import SegmentsUpkeep
from logd.telemetry import metrics
from tests.support.indexes import SegmentsStore, ids, many
from tests.support.rows import DAY_US, batch, everything, row


@pytest.fixture
def store(tmp_path: Path) -> SegmentsStore:
    return SegmentsStore(tmp_path)


async def test_days_older_than_the_retention_go(store: SegmentsStore) -> None:
    index = await store.open()
    today = now_us() // DAY_US * DAY_US
    for position, days in enumerate((5, 4, 3, 2, 0), 1):
        await index.write(batch([row(today - days * DAY_US, f"{days}")], position))
        await index.flush()
    await store.upkeep(keep_days=3)
    assert await ids(index) == ["0", "2", "3"]
    assert len(store.parquet()) == 3
    assert index.inventory.ledger["rows_expired"] == 2
    assert len(list(store.root.rglob("*.skip"))) == 3
    await index.close()


@pytest.mark.parametrize("what", ["merge", "expire"])
async def test_files_stay_while_they_are_read(store: SegmentsStore, what: str) -> None:
    index = await store.open()
    for number in range(4):
        await index.write(batch([row(number, f"{number}")], number + 1))
        await index.flush()
    before = set(store.parquet())
    upkeep = SegmentsUpkeep(index.inventory, 3 if what == "expire" else 0, 0)
    with index.inventory.lease():
        while await upkeep.step():
            pass
        assert before <= set(store.parquet())
        assert (await index.search(everything())).total == (4 if what == "merge" else 0)
    while await upkeep.step():
        pass
    assert not before & set(store.parquet())
    await upkeep.close()
    await index.close()


async def test_cancelled_searches_give_their_files_back(store: SegmentsStore) -> None:
    index = await store.open()
    for number in range(4):
        await index.write(many(2_000))
        await index.write(batch([row(number, f"{number}")], number + 2))
        await index.flush()
    before = set(store.parquet())
    searches = [asyncio.create_task(index.search(everything()), name=f"{n}") for n in range(20)]
    for search in searches:
        await asyncio.sleep(0)
        search.cancel()
    await asyncio.gather(*searches, return_exceptions=True)
    await store.upkeep()
    await index.search(everything())  # comes after the cancelled ones in the threads
    async with asyncio.timeout(60):
        while before & set(store.parquet()):
            await store.upkeep()
    await index.close()


async def test_a_merge_is_given_up_when_the_process_stops(store: SegmentsStore) -> None:
    index = await store.open()
    for number in range(4):
        await index.write(msgspec.structs.replace(many(60_000), positions={0: number + 1}))
        await index.flush()
    files = sorted(store.root.rglob("*.parquet"))
    upkeep = SegmentsUpkeep(index.inventory, 0, 0)
    step = asyncio.create_task(upkeep.step(), name="step")
    while not list(store.root.rglob("*.tmp")):  # noqa: ASYNC110
        await asyncio.sleep(0)
    upkeep.halt()
    assert await step is False
    await upkeep.close()
    assert sorted(store.root.rglob("*.parquet")) == files
    assert not [path for path in store.root.rglob("*") if path.suffix in (".tmp", ".skip")]
    assert upkeep.status()["merged_segments"] == 0
    await index.close()


async def test_a_merge_that_cannot_be_committed_leaves_one_file_and_is_committed_later(store: SegmentsStore) -> None:
    """However often it is tried on a full disk, which every further file would make fuller."""
    index = await store.open()
    for number in range(4):
        await index.write(batch([row(number, f"{number}")], number + 1))
        await index.flush()
    upkeep = SegmentsUpkeep(index.inventory, 0, 0)
    with contextlib.closing(sqlite3.connect(store.root / "manifest.db")) as other:
        other.execute("CREATE TRIGGER full BEFORE INSERT ON retired BEGIN SELECT RAISE(ABORT, 'disk is full'); END")
        for _ in range(3):
            with pytest.raises(Unavailable, match="disk is full"):
                await upkeep.step()
            assert len(store.parquet()) == 5
        assert len(await ids(index)) == 4
        other.execute("DROP TRIGGER full")
    while await upkeep.step():
        pass
    assert len(store.parquet()) == 1
    assert upkeep.status()["merged_segments"] == 4
    assert await ids(index) == ["3", "2", "1", "0"]
    await upkeep.close()
    await index.close()


class _Usage(NamedTuple):
    """Half of the disk is root's."""

    total: int = 200
    used: int = 45
    free: int = 55


class _Failing:
    """Upkeep that can't be done, a few times."""

    def __init__(self) -> None:
        self.steps = 0
        self.tried = asyncio.Event()

    async def step(self) -> bool:
        self.steps += 1
        if self.steps == 5:
            self.tried.set()
        raise Unavailable("the disk is away", 0.0)

    def halt(self) -> None: ...

    async def close(self) -> None: ...

    def status(self) -> dict[str, Any]:
        return {"merged_segments": 7}


async def test_what_is_wrong_is_said_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archiver, "_DISK_SECONDS", 0.0)
    config = Config(data_dir=str(tmp_path), archiver=Settings(disk_warning_percent=1))
    monkeypatch.setattr("shutil.disk_usage", lambda path: _Usage())
    upkeep, stop = _Failing(), asyncio.Event()
    role = archiver.Archiver(config, upkeep)
    with caplog.at_level(logging.WARNING):
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(role.run(stop), name="run")
            await upkeep.tried.wait()
            stop.set()
    assert [one.getMessage() for one in caplog.records] == [
        f"the disk of {tmp_path} is 45 % full",
        "the disk is away; trying again in 0 s",
    ]
    assert role.status() == {
        "merged_segments": 7,
        "error": "the disk is away",
        "disk_used_percent": 45.0,
        "disk_warning": True,
    }
    assert metrics.DISK_USED_RATIO._value.get() == 0.45
