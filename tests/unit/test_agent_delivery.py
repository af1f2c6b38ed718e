"""A target that goes away and comes back: rounds go into the spool and leave it in order, each line once."""

from __future__ import annotations

import asyncio
import random
import shutil
from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest

from logd.agent import spool as spool_module
from logd.agent.delivery import Delivery
from logd.agent.pace import Pace
from logd.chunk import Chunk
from logd.errors import BadRequest, Unavailable
from tests.support.agent import HeldClock, Running, Target, config_of, lines_of, running
from tests.unit.test_agent_ship import chunk_of

_FOR_EVER = 10**9


def append(folder: Path, first: int, last: int, name: str = "app.log") -> None:
    with (folder / "logs" / name).open("ab") as file:
        file.writelines(b"%d\n" % number for number in range(first, last))


def numbers(first: int, last: int) -> list[bytes]:
    return [b"%d" % number for number in range(first, last)]


def spooled(folder: Path) -> list[Path]:
    return list((folder / "data" / "spool").glob("*"))


def behind(agent: Running, folder: Path) -> int:
    """Bytes that aren't safe, of what is in the files now."""
    sizes = sum(path.stat().st_size for path in (folder / "logs").iterdir())
    return sizes - sum(int(file["offset"]) for file in agent.agent.files())


async def all_safe(agent: Running, folder: Path) -> None:
    await agent.until(lambda: behind(agent, folder) == 0)


async def test_files_are_read_on_while_the_target_is_away(tmp_path: Path) -> None:
    config, target = config_of(tmp_path, batch_seconds=0.0), Target()
    async with running(config, target, spools=True) as agent:
        append(tmp_path, 0, 10)
        await agent.until(lambda: target.texts == numbers(0, 10))
        assert spooled(tmp_path) == []
        target.refuse = _FOR_EVER
        for first in (10, 2_000, 4_000):
            append(tmp_path, first, {10: 2_000, 2_000: 4_000, 4_000: 8_000}[first])
            await all_safe(agent, tmp_path)
        status = agent.agent.status()
        assert (status["spool_lines"], status["replaying"], status["target_error"]) == (7_990, False, "away")
        assert status["spool_bytes"] == spooled(tmp_path)[0].stat().st_size
        assert status["spool_oldest_seconds"] > 0
        assert target.texts == numbers(0, 10)
        target.refuse = 0
        await agent.until(lambda: target.texts == numbers(0, 8_000))
        await agent.until(lambda: spooled(tmp_path) == [])
        append(tmp_path, 8_000, 8_100)
        await agent.until(lambda: target.texts == numbers(0, 8_100))
        status = agent.agent.status()
        assert (status["spool_lines"], status["spool_bytes"], status["target_error"]) == (0, 0, None)
        assert status["sent_lines"] == 8_100
        assert target.duplicates == 0
        await agent.end()


async def test_stopped_or_killed_while_the_target_is_away(tmp_path: Path) -> None:
    config, target = config_of(tmp_path, batch_seconds=0.0), Target()
    target.refuse = _FOR_EVER
    for turn in range(6):
        append(tmp_path, turn * 100, turn * 100 + 100)
        async with running(config, target, spools=True) as agent:
            await all_safe(agent, tmp_path)
            if turn % 2:
                await agent.end()
    assert target.texts == []
    shutil.rmtree(tmp_path / "logs")  # the spool alone has them
    (tmp_path / "logs").mkdir()
    target.refuse = 0
    async with running(config, target, spools=True) as agent:
        await agent.until(lambda: target.texts == numbers(0, 600))
        await agent.end()
    assert spooled(tmp_path) == []


async def test_stopping_spools_what_was_read(tmp_path: Path) -> None:
    config, target = config_of(tmp_path, batch_seconds=100.0), Target()
    target.refuse = _FOR_EVER
    append(tmp_path, 0, 10)
    async with running(config, target, spools=True) as agent:
        await agent.clock.idle()
        await agent.end()
    (tmp_path / "logs" / "app.log").unlink()
    target.refuse = 0
    async with running(config, target, spools=True) as agent:
        await agent.until(lambda: target.texts == numbers(0, 10))


def _noise(folder: Path, first: int, last: int) -> None:
    with (folder / "logs" / "app.log").open("ab") as file:
        file.writelines(b"%06d %s\n" % (n, random.Random(n).randbytes(50).hex().encode()) for n in range(first, last))


def _numbers(target: Target) -> list[int]:
    return [int(text[:6]) for text in target.texts]


async def test_a_full_spool_stops_the_reading(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    config, target = config_of(tmp_path, batch_seconds=0.0, spool_max_bytes=300_000), Target()
    target.refuse = _FOR_EVER
    async with running(config, target, spools=True) as agent:
        for first in range(0, 10_000, 1_000):
            _noise(tmp_path, first, first + 1_000)
            await agent.until(lambda: behind(agent, tmp_path) == 0 or agent.agent.status()["spool_error"])
        status = agent.agent.status()
        assert "is full" in status["spool_error"]
        assert 200_000 < status["spool_bytes"] <= 300_000
        assert status["behind_bytes"] > 0
        assert "nothing more is read until there is a place for it" in caplog.text
        target.refuse = 0
        await agent.until(lambda: _numbers(target) == list(range(10_000)))
        assert agent.agent.status()["spool_error"] is None
        await agent.end()


async def test_a_full_spool_that_drops_its_oldest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spool_module, "FILE_BYTES", 50_000)
    config = config_of(tmp_path, batch_seconds=0.0, spool_max_bytes=300_000, spool_when_full="drop_oldest")
    target = Target()
    target.refuse = _FOR_EVER
    async with running(config, target, spools=True) as agent:
        for first in range(0, 10_000, 500):
            _noise(tmp_path, first, first + 500)
            await all_safe(agent, tmp_path)
        dropped = agent.agent.status()["spool_dropped_lines"]
        assert 0 < dropped < 10_000
        target.refuse = 0
        await agent.until(lambda: _numbers(target)[-1:] == [9_999])
        assert _numbers(target) == list(range(dropped, 10_000))
        await agent.end()


class Picky(Target):
    """Refuses a line for good."""

    def take(self, chunks: Sequence[Chunk]) -> None:
        if not self.refuse and any(line.text == b"150" for item in chunks for line in lines_of(item)):
            raise BadRequest("bad_chunk", "wrong")
        super().take(chunks)


async def test_what_is_refused_for_good_leaves_the_spool_too(tmp_path: Path) -> None:
    config, target = config_of(tmp_path, batch_seconds=0.0), Picky()
    target.refuse = _FOR_EVER
    async with running(config, target, spools=True) as agent:
        for first in (0, 100, 200):
            append(tmp_path, first, first + 100)
            await all_safe(agent, tmp_path)
        target.refuse = 0
        await agent.until(lambda: spooled(tmp_path) == [])
        assert target.texts == numbers(0, 100) + numbers(200, 300)
        assert agent.agent.status()["refused_lines"] == 100
        await agent.end()
    assert len(list((tmp_path / "data" / "refused").iterdir())) == 1


async def test_a_spool_that_is_left_over_is_sent_though_none_is_wanted_any_more(tmp_path: Path) -> None:
    target = Target()
    target.refuse = _FOR_EVER
    config = config_of(tmp_path, batch_seconds=0.0)
    append(tmp_path, 0, 100)
    async with running(config, target, spools=True) as agent:
        await all_safe(agent, tmp_path)
    target.refuse = 0
    append(tmp_path, 100, 200)
    async with running(config_of(tmp_path, batch_seconds=0.0, spool_max_bytes=0), target, spools=True) as agent:
        await agent.until(lambda: target.texts == numbers(0, 200))
        await agent.end()


async def test_a_state_restored_from_an_hour_ago(tmp_path: Path) -> None:
    """And the spool with it, or not: batches are cut where they weren't before, and each line arrives once."""
    for spool_too in (False, True):
        folder = tmp_path / str(spool_too)
        folder.mkdir()
        config, target = config_of(folder, batch_seconds=0.0), Target()
        target.refuse = _FOR_EVER
        append(folder, 0, 130)
        async with running(config, target, spools=True) as agent:
            await all_safe(agent, folder)
            await agent.end()
        shutil.copytree(folder / "data", folder / "copy")
        for turn in range(1, 4):
            append(folder, turn * 130, turn * 130 + 130)
            target.refuse = 0 if turn == 2 else _FOR_EVER
            async with running(config, target, spools=True) as agent:
                await all_safe(agent, folder)
                await agent.end()
        spool = folder / "data" / "spool"
        if spool_too:
            shutil.rmtree(folder / "data")
            shutil.copytree(folder / "copy", folder / "data")
        else:
            shutil.copy(folder / "copy" / "agent.db", folder / "data" / "agent.db")
            for left in folder.glob("data/agent.db-*"):
                left.unlink()
            assert spool.exists()
        append(folder, 520, 600)
        target.refuse = 0
        async with running(config, target, spools=True) as agent:
            await agent.until(lambda: len(target.texts) >= 600)  # noqa: B023
            await agent.end()
        assert target.texts == numbers(0, 600)


@pytest.mark.parametrize("seed", range(12))
async def test_any_order_of_things(tmp_path: Path, seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two files, a target that comes and goes and forgets to answer, kills and stops: each line once, in order."""
    monkeypatch.setattr(spool_module, "FILE_BYTES", 2_000)
    chance = random.Random(seed)
    config, target = config_of(tmp_path, batch_seconds=0.0), Target()
    written = {"a.log": 0, "b.log": 0}
    for _ in range(8):
        async with running(config, target, spools=True) as agent:
            for _ in range(chance.randrange(6)):
                name = chance.choice(("a.log", "b.log"))
                more = chance.choice((1, 30, 1_500))
                append(tmp_path, written[name], written[name] + more, name)
                written[name] += more
                target.refuse = chance.choice((0, 0, 1, 5, _FOR_EVER))
                target.forget = chance.choice((0, 0, 1))
                for _ in range(chance.randrange(20)):
                    agent.clock.wake(chance.choice((0.1, 0.3, 40.0)))
                    await asyncio.sleep(0.001)
            if chance.random() < 0.4:
                await agent.end()
    target.refuse = target.forget = 0
    async with running(config, target, spools=True) as agent:
        await agent.until(lambda: len(target.texts) >= sum(written.values()) and not spooled(tmp_path))
        await agent.end()
    for name, count in written.items():
        assert [line.text for line in target.lines if line.source.endswith(name)] == numbers(0, count)


async def test_the_target_is_asked_when_it_said_so_though_nothing_can_be_spooled(tmp_path: Path) -> None:
    """With a spool that has no room at all it is as without one."""

    class Later(Target):
        def take(self, chunks: Sequence[Chunk]) -> None:
            self.attempts += chunks
            raise Unavailable("later", 100.0)

    target, clock = Later(), HeldClock()
    delivery = Delivery(target, clock, lambda _: None)
    delivery.spool = spool_module.Spool(tmp_path, 10, False)
    sending = asyncio.create_task(delivery.deliver([chunk_of(0, 1)], asyncio.Event()))
    async with asyncio.timeout(120):
        await clock.idle()
    assert delivery.spool_error is not None
    clock.wake(99)
    await asyncio.sleep(0.01)
    assert len(target.attempts) == 1
    sending.cancel()
    await asyncio.wait([sending])


async def test_bandwidth_is_limited() -> None:
    class Noting(HeldClock):
        waits: list[float] = []  # noqa: RUF012

        async def wait(self, seconds: float, stop: asyncio.Event) -> None:
            self.waits.append(seconds)
            self.seconds += seconds

    clock, stop = Noting(), asyncio.Event()
    pace = Pace(1_000.0, clock)
    begun = clock.seconds
    for size in (500, 500, 2_000, 100, 4_000, 10):
        await pace.wait(size, stop)
    # A second's worth at once, and the last one's debt is for who comes next.
    assert clock.seconds - begun == pytest.approx((500 + 500 + 2_000 + 100 + 4_000 - 1_000) / 1_000)
    clock.seconds += 100
    before = clock.seconds
    await pace.wait(1_000, stop)
    await pace.wait(10, stop)
    assert clock.seconds == before, "what wasn't used is good for a second"
    pace.bytes_per_second = 0.0
    await pace.wait(10**12, stop)
    assert clock.seconds == before


async def test_a_limited_bandwidth_sends_little_at_a_time() -> None:
    sizes: list[int] = []

    class Noting:
        async def send(self, chunks: Sequence[Chunk]) -> None:
            sizes.append(sum(len(item.value) for item in chunks))

    clock = HeldClock()
    large = msgspec.structs.replace(chunk_of(0, 1), value=bytes(100_000))
    delivery = Delivery(Noting(), clock, lambda _: None, 200_000.0)
    sending = asyncio.create_task(delivery.deliver([large] * 12, asyncio.Event()))
    while not sending.done():
        clock.wake(0.5)
        await asyncio.sleep(0.001)
    assert sizes == [200_000] * 6
    # A second's worth is free at the beginning, and the last has been paid for in part only.
    assert 4.0 <= clock.seconds - 1_000 <= 8.0
