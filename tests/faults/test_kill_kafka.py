"""Brokers that die under a writer and a reader: what was accepted is there, and stored once."""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import ParamSpec, TypeVar

import pytest

from logd.backends.transport import kafka_producer
from logd.backends.transport.kafka import KafkaTransport
from logd.chunk import Envelope, Message
from logd.errors import Unavailable
from logd.seams import RAW_LOGS
from tests.services import Running, running
from tests.support.transports import KAFKA_VARIABLE, KafkaStore

pytestmark = [pytest.mark.servers("kafka"), pytest.mark.timeout(600)]
PATIENCE_SECONDS = 120
T = TypeVar("T")
P = ParamSpec("P")


class Traffic:
    """Numbered envelopes, one after the other, and a reader that commits all it gets."""

    def __init__(self, transport: KafkaTransport) -> None:
        self._transport = transport
        self.tried = 0
        self.accepted: set[int] = set()
        self.refused: list[str] = []
        self.seen: list[Message] = []
        self._end = asyncio.Event()
        self._written = False

    async def write(self) -> None:
        while not self._end.is_set():
            number = self.tried
            self.tried += 1
            envelope = Envelope(f"service-{number % 5}", {"logd-chunk": "1", "lines": "1"}, b"%d" % number)
            try:
                await self._transport.append(RAW_LOGS, [envelope])
                self.accepted.add(number)
            except Unavailable as error:
                self.refused.append(str(error))
            await asyncio.sleep(0.01)  # a steady rate
        self._written = True

    async def read(self) -> None:
        consumer = await self._transport.consume(RAW_LOGS, "g")
        while not self._written or not self.accepted <= self.numbers():
            messages = await _again(consumer.fetch, 100, 0.25)
            await _again(consumer.commit, {message.partition: message.position + 1 for message in messages})
            self.seen += messages

    def numbers(self) -> set[int]:
        return {int(message.value) for message in self.seen}

    async def more(self, count: int) -> None:
        """Waits until so many more were accepted."""
        wanted = len(self.accepted) + count
        await until(lambda: len(self.accepted) >= wanted)

    async def refusals(self, count: int) -> None:
        """Waits until so many were refused in all."""
        await until(lambda: len(self.refused) >= count)

    def end(self) -> None:
        self._end.set()

    def check(self) -> None:
        places = {(message.partition, message.position) for message in self.seen}
        assert self.accepted <= self.numbers(), "nothing that was accepted is lost"
        assert len(places) == len(self.numbers()), "the driver's own tries are stored once"


async def _again(call: Callable[P, Awaitable[T]], *arguments: P.args, **named: P.kwargs) -> T:
    """As a processor does: until it isn't Unavailable."""
    while True:
        try:
            return await call(*arguments, **named)
        except Unavailable:
            await asyncio.sleep(0.1)


async def until(true: Callable[[], object]) -> None:
    """Polls, as what is waited for comes from the brokers."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not true():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.05)


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Running]:
    with running("kafka", tmp_path / "kafka") as server:
        yield server


@pytest.fixture
def three(tmp_path: Path) -> Iterator[Running]:
    with running("kafka", tmp_path / "kafka", members=3) as server:
        yield server


async def test_the_only_broker_is_killed_and_comes_back(
    broker: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(KAFKA_VARIABLE, broker.url)
    monkeypatch.setattr(kafka_producer, "APPEND_SECONDS", 2.0)
    transport = await KafkaTransport.open(KafkaStore(tmp_path).settings())
    try:
        traffic = Traffic(transport)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(traffic.write())
            tasks.create_task(traffic.read())
            await until(lambda: traffic.seen)
            for _ in range(2):
                await traffic.more(20)
                refused = len(traffic.refused)
                broker.kill()
                await traffic.refusals(refused + 2)
                assert "can't be reached: connection refused" in await transport.trouble()
                broker.start()
                await traffic.more(20)
                assert await transport.trouble() == ""
            traffic.end()
        traffic.check()
        broker.kill()
    finally:
        async with asyncio.timeout(PATIENCE_SECONDS):
            await transport.close()


async def test_what_no_broker_took_ends_with_the_transport(
    broker: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(KAFKA_VARIABLE, broker.url)
    monkeypatch.setattr(kafka_producer, "APPEND_SECONDS", 2.0)
    wrong: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: wrong.append(context))
    transport = await KafkaTransport.open(KafkaStore(tmp_path).settings())
    envelope = Envelope("service", {"logd-chunk": "1", "lines": "1"}, b"line")
    await transport.append(RAW_LOGS, [envelope])
    broker.kill()
    for _ in range(3):  # one that was sent before, and those behind it
        with pytest.raises(Unavailable):
            await transport.append(RAW_LOGS, [envelope])
    async with asyncio.timeout(PATIENCE_SECONDS):
        await transport.close()
    gc.collect()  # what nobody has looked at is told then
    await asyncio.sleep(0)
    assert wrong == []


async def test_one_of_three_brokers_is_killed(three: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KAFKA_VARIABLE, three.url)
    settings = KafkaStore(tmp_path).settings(replication=3, partitions=6)
    transport = await KafkaTransport.open(settings)
    try:
        traffic = Traffic(transport)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(traffic.write())
            tasks.create_task(traffic.read())
            await until(lambda: traffic.seen)
            three.kill(1)
            await traffic.more(50)
            traffic.end()
        traffic.check()
        assert traffic.refused == [], "two of three copies are enough"
    finally:
        await transport.close()
