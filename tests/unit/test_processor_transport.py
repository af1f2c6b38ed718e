"""The processor when its transport can't be read: it waits, or it ends with one sentence after what could be read."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from logd.chunk import Envelope, Message
from logd.errors import Corrupt, Unavailable
from logd.roles import waiting
from logd.roles.processor import GROUP, Processor
from logd.seams import NOTHING, RAW_LOGS, Appended, Consumer, Follower, StreamPositions, Tally, Transport
from tests.support.processing import World, envelope


class Flaky:
    """A consumer that every other time can't be read."""

    def __init__(self, consumer: Consumer) -> None:
        self._consumer = consumer
        self.refused = 0
        self._turn = False

    async def fetch(self, max_lines: int, wait_seconds: float) -> Sequence[Message]:
        self._turn = not self._turn
        if self._turn:
            self.refused += 1
            raise Unavailable("the disk takes a break")
        return await self._consumer.fetch(max_lines, wait_seconds)

    async def commit(self, positions: StreamPositions, tally: Tally = NOTHING) -> None:
        await self._consumer.commit(positions, tally)

    def lag(self) -> int:
        return self._consumer.lag()

    def lags(self) -> Mapping[int, int]:
        return self._consumer.lags()


class Forgetful:
    """A consumer that was taken for dead: it leaves its first commit to others, and then is given the same again."""

    def __init__(self, consumer: Consumer) -> None:
        self._consumer = consumer
        self._again: Sequence[Message] = ()
        self._given: Sequence[Message] = ()
        self.commits: list[tuple[StreamPositions, Tally]] = []

    async def fetch(self, max_lines: int, wait_seconds: float) -> Sequence[Message]:
        again, self._again = self._again, ()
        found = again or await self._consumer.fetch(max_lines, wait_seconds)
        self._given = found or self._given
        return found

    async def commit(self, positions: StreamPositions, tally: Tally = NOTHING) -> None:
        self.commits.append((positions, tally))
        if len(self.commits) == 1:
            self._again = self._given

    def lag(self) -> int:
        return self._consumer.lag()

    def lags(self) -> Mapping[int, int]:
        return self._consumer.lags()


class Stuck:
    """A consumer that can be read, and takes no commit."""

    def __init__(self, consumer: Consumer) -> None:
        self._consumer = consumer
        self._refused = False
        self.fetches_since = asyncio.Semaphore(0)

    async def fetch(self, max_lines: int, wait_seconds: float) -> Sequence[Message]:
        if self._refused:
            self.fetches_since.release()
        return await self._consumer.fetch(max_lines, 0.01)

    async def commit(self, positions: StreamPositions, tally: Tally = NOTHING) -> None:
        self._refused = True
        raise Unavailable("the group is somebody else's")

    def lag(self) -> int:
        return self._consumer.lag()

    def lags(self) -> Mapping[int, int]:
        return self._consumer.lags()


class FlakyTransport:
    """A transport with such consumers."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self.stages = transport.stages
        self.consumers: list[Flaky] = []

    async def trouble(self) -> str:
        return await self._transport.trouble()

    async def append(self, topic: str, envelopes: Sequence[Envelope]) -> Appended:
        return await self._transport.append(topic, envelopes)

    async def consume(self, topic: str, group: str, start: StreamPositions | None = None) -> Consumer:
        consumer = Flaky(await self._transport.consume(topic, group, start))
        self.consumers.append(consumer)
        return consumer

    async def follow(self, topic: str, start: StreamPositions | None = None, since_us: int | None = None) -> Follower:
        return await self._transport.follow(topic, start, since_us)

    async def status(self) -> dict[str, object]:
        return await self._transport.status()

    async def close(self) -> None:
        await self._transport.close()


async def test_a_transport_that_is_unavailable_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "_RETRY_SECONDS", (0.001, 0.001))
    async with World.open(tmp_path / "data") as world:
        flaky = FlakyTransport(world.transport)
        stop = asyncio.Event()
        run = asyncio.create_task(Processor(world.config, flaky, world.index).run(stop), name="processor")
        for number in range(5):
            await world.append(envelope(number, f"line {number}"))
        await world.index.until(rows=5)
        stop.set()
        async with asyncio.timeout(60):
            await run
        assert flaky.consumers[0].refused > 0


async def test_a_commit_that_was_left_to_others_is_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with World.open(tmp_path / "data") as world:
        forgetful = Forgetful(await world.transport.consume(RAW_LOGS, GROUP))

        async def consume(*_: object) -> Consumer:
            return forgetful

        monkeypatch.setattr(world.transport, "consume", consume)
        monkeypatch.setattr(world.index, "durable", lambda: None)  # it leaves the positions to the transport
        async with world.running():
            await world.append(envelope(1, "a line"))
            await world.index.until(batches=2)
    assert [(positions, tally.taken) for positions, tally in forgetful.commits] == [({0: 2}, 1)] * 2


async def test_a_commit_that_fails_is_trouble_also_while_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting, "_RETRY_SECONDS", (1_000.0, 1_000.0))
    async with World.open(tmp_path / "data") as world:
        stuck = Stuck(await world.transport.consume(RAW_LOGS, GROUP))

        async def consume(*_: object) -> Consumer:
            return stuck

        monkeypatch.setattr(world.transport, "consume", consume)
        monkeypatch.setattr(world.index, "durable", lambda: None)
        reading = Processor(world.config, world.transport, world.index)
        run = asyncio.create_task(reading.run(asyncio.Event()), name="processor")
        await world.append(envelope(1, "a line"))
        async with asyncio.timeout(60):
            for _ in range(3):
                await stuck.fetches_since.acquire()
        assert reading.trouble() == "the group is somebody else's"
        run.cancel()
        with pytest.raises(asyncio.CancelledError):
            await run


async def test_a_damaged_file_ends_it_after_what_could_be_read(tmp_path: Path) -> None:
    async with World.open(tmp_path / "data", join_lines=10) as world:
        texts = ["x" * 20_000 + f"{number}" for number in range(200)]
        for number, text in enumerate(texts):
            good = envelope(number, text)
            padding = {**good.headers, "unknown": "x" * 20_000}
            await world.append(Envelope(good.key, padding, good.value))
        with (world.folder / "transport.db").open("r+b") as file:
            file.seek(40 * 65_536)
            file.write(bytes(65_536))
        with pytest.raises(Corrupt, match=r"transport\.db: it is damaged"):
            await Processor(world.config, world.transport, world.index).run(asyncio.Event())
        assert 0 < world.index.rows < 200
        assert world.index.durable() == {0: world.index.rows + 1}
