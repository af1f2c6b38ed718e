"""A backup of an index and a transport in this process: what happens to them meanwhile, and what may go wrong."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import pytest

from logd.backends.transport.sqlite import SqliteTransport
from logd.backup import about
from logd.backup.live import AT_REST, Live
from logd.backup.make import make
from logd.backup.restore import restore
from logd.errors import ConfigError, Unavailable
from logd.seams import RAW_LOGS
from tests.support.disk import full_disk
from tests.support.indexes import SegmentsStore, ids
from tests.support.rows import DAY, DAY_US, batch, row
from tests.support.transports import A, sent

_DAYS = 20


async def _filled(folder: Path) -> SegmentsStore:
    """A segment for each of some days."""
    store = SegmentsStore(folder)
    index = await store.open()
    for day in range(_DAYS):
        await index.write(batch([row(DAY + day * DAY_US, f"{day:03}")], day + 1))
        await index.flush()
    await index.close()
    return store


async def _restored(directory: Path, folder: Path) -> list[str]:
    await asyncio.to_thread(folder.mkdir)
    restore(directory, folder)
    index = await SegmentsStore(folder).open()
    found = await ids(index)
    await index.close()
    return found


async def test_what_expires_meanwhile_is_in_the_backup(tmp_path: Path) -> None:
    store = await _filled(tmp_path / "data")
    index = await store.open()
    inventory = index.inventory

    @contextlib.asynccontextmanager
    async def paused() -> AsyncIterator[None]:
        """All expires between the moment and the copying."""
        yield
        await inventory.expire(DAY // DAY_US + _DAYS)
        await inventory.unlink_retired()

    backup = await make(tmp_path / "data", tmp_path / "backup", Live(paused, inventory.lease, inventory.put_aside))
    assert backup.segments == backup.rows == _DAYS
    assert len(store.parquet()) == _DAYS
    assert await inventory.unlink_retired() > 0
    assert store.parquet() == []
    await index.close()
    assert len(await _restored(tmp_path / "backup", tmp_path / "restored")) == _DAYS


async def test_what_is_merged_meanwhile_is_in_the_backup(tmp_path: Path) -> None:
    store = SegmentsStore(tmp_path / "data")
    index = await store.open()
    for number in range(40):
        await index.write(batch([row(DAY + number, f"{number:03}")], number + 1))
        await index.flush()

    @contextlib.asynccontextmanager
    async def paused() -> AsyncIterator[None]:
        yield
        await store.upkeep()

    live = Live(paused, index.inventory.lease, index.inventory.put_aside)
    backup = await make(tmp_path / "data", tmp_path / "backup", live)
    assert (backup.segments, backup.rows) == (40, 40)
    assert len(index.inventory.segments) < 40
    await index.close()
    assert len(await _restored(tmp_path / "backup", tmp_path / "restored")) == 40


async def test_all_is_of_one_moment(tmp_path: Path) -> None:
    store = SegmentsStore(tmp_path / "data")
    index = await store.open()
    transport = await SqliteTransport.open(tmp_path / "data/transport.db")
    consumer = await transport.consume(RAW_LOGS, "processor")

    async def take(number: int) -> None:
        await transport.append(RAW_LOGS, [sent(A, number, number + 1)])
        await index.write(batch([row(DAY, f"{number}")], number + 2))
        await index.flush()

    await take(0)

    @contextlib.asynccontextmanager
    async def paused() -> AsyncIterator[None]:
        """After it, more comes, and all is deleted that is stored."""
        async with transport.paused():
            yield
        await take(1)
        await consumer.commit({0: 3})

    backup = await make(
        tmp_path / "data", tmp_path / "backup", Live(paused, index.inventory.lease, index.inventory.put_aside)
    )
    assert backup.positions == {0: 2}
    await index.close()
    await transport.close()
    assert await _restored(tmp_path / "backup", tmp_path / "restored") == ["0"]
    transport = await SqliteTransport.open(tmp_path / "restored/transport.db")
    status = (await transport.status())[RAW_LOGS]
    assert (status["messages"], status["next_position"], status["groups"]["processor"]["position"]) == (1, 2, 0)
    assert (await transport.append(RAW_LOGS, [sent(A, 0, 1), sent(A, 1, 2)])).duplicates == 1
    await transport.close()


async def test_without_room_for_it(tmp_path: Path) -> None:
    await _filled(tmp_path / "data")
    for limit in (1_000, 5_000, 20_000):
        with full_disk(limit), pytest.raises(Unavailable, match="no backup was made in"):
            await make(tmp_path / "data", tmp_path / "backup", AT_REST)
        assert list((tmp_path / "backup").iterdir()) == []
    assert (await make(tmp_path / "data", tmp_path / "backup", AT_REST)).rows == _DAYS


async def test_a_cancelled_backup_leaves_nothing(tmp_path: Path) -> None:
    await _filled(tmp_path / "data")
    begun = asyncio.Event()

    @contextlib.asynccontextmanager
    async def paused() -> AsyncIterator[None]:
        yield
        begun.set()

    made = asyncio.create_task(
        make(tmp_path / "data", tmp_path / "backup", AT_REST._replace(paused=paused)), name="backup"
    )
    await begun.wait()
    made.cancel()
    with pytest.raises(asyncio.CancelledError):
        await made
    assert list((tmp_path / "backup").iterdir()) == []


async def test_a_damaged_manifest_is_said_by_its_own_name(tmp_path: Path) -> None:
    store = await _filled(tmp_path / "data")
    path = store.root / "manifest.db"
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("UPDATE segments SET rows = rows + 1 WHERE id = 3")
    with pytest.raises(ConfigError) as error:
        await make(tmp_path / "data", tmp_path / "backup", AT_REST)
    assert f"the manifest {path} can't be used" in str(error.value)
    assert list((tmp_path / "backup").iterdir()) == []


async def test_a_damaged_skip_index_is_made_anew_after_the_restore(tmp_path: Path) -> None:
    store = SegmentsStore(tmp_path / "data")
    index = await store.open()
    for number in range(20):
        await index.write(batch([row(DAY + number, f"{number:03}")], number + 1))
        await index.flush()
    await store.upkeep()
    await index.close()
    (skip,) = store.root.glob("*/*/*.skip")
    skip.write_bytes(skip.read_bytes()[:-1])
    put_aside: dict[int, str] = {}

    async def take(damaged: Mapping[int, str]) -> None:
        put_aside.update(damaged)

    backup = await make(tmp_path / "data", tmp_path / "backup", AT_REST._replace(put_aside=take))
    assert (backup.rows, backup.damaged, put_aside) == (20, [], {})
    assert not any(name.endswith(".skip") for name in backup.files)
    assert len(await _restored(tmp_path / "backup", tmp_path / "restored")) == 20


async def test_a_pause_of_the_transport(tmp_path: Path) -> None:
    """Nothing is stored within it, and what waits is stored after it, once."""
    transport = await SqliteTransport.open(tmp_path / "transport.db")
    await transport.append(RAW_LOGS, [sent(A, 0, 10)])
    async with asyncio.TaskGroup() as tasks, transport.paused():
        waiting = tasks.create_task(transport.append(RAW_LOGS, [sent(A, 10, 20)]), name="append")
        for _ in range(10):
            assert (await transport.status())[RAW_LOGS]["messages"] == 1
        assert not waiting.done()
    assert waiting.result().stored == 1
    assert (await transport.status())[RAW_LOGS]["messages"] == 2
    with pytest.raises(RuntimeError, match="of the caller"):
        async with transport.paused():
            raise RuntimeError("of the caller")
    assert (await transport.append(RAW_LOGS, [sent(A, 20, 30)])).stored == 1
    await transport.close()
    with pytest.raises(Unavailable, match="closed"):
        async with transport.paused():
            raise AssertionError("it can't be paused")


async def test_a_pause_that_takes_too_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("logd.backends.transport.sqlite._PAUSE_SECONDS", 0.01)
    transport = await SqliteTransport.open(tmp_path / "transport.db")
    with pytest.raises(Unavailable, match=r"held for more than 0\.01 s"):
        async with transport.paused():
            assert (await transport.append(RAW_LOGS, [sent(A, 0, 10)])).stored == 1
    await transport.close()


def test_about_refuses_names_outside_of_it(tmp_path: Path) -> None:
    for name in ("/etc/passwd", "../data", "index/../../data"):
        backup = about.Backup(logd="1", at="", positions={}, segments=0, rows=0, bytes=0, files={name: (0, 0)})
        about.write(tmp_path, backup)
        with pytest.raises(ConfigError, match="is damaged"):
            about.read(tmp_path)


async def test_while_lines_wait_in_the_spool_of_an_agent(tmp_path: Path) -> None:
    """Its state takes them for sent, and a backup wouldn't have them."""
    spooled = tmp_path / "data" / "spool" / "000000000001.spool"
    spooled.parent.mkdir(parents=True)
    spooled.touch()
    with pytest.raises(Unavailable, match="lines wait in the agent's spool"):
        await make(tmp_path / "data", tmp_path / "backup", AT_REST)
    assert not list((tmp_path / "backup").glob("*"))
    spooled.unlink()
    await make(tmp_path / "data", tmp_path / "backup", AT_REST)
