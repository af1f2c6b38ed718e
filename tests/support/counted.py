"""A transport that counts what is taken from it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from logd.chunk import Envelope, Message
from logd.flow.stage import Stage
from logd.seams import NOTHING, Appended, Consumer, DeadLetters, Follower, StreamPositions, Tally, Transport


class CountedConsumer:
    """A consumer that counts the messages it gave."""

    def __init__(self, consumer: Consumer) -> None:
        self._consumer = consumer
        self.taken = 0

    async def fetch(self, max_lines: int, wait_seconds: float) -> Sequence[Message]:
        messages = await self._consumer.fetch(max_lines, wait_seconds)
        self.taken += len(messages)
        return messages

    async def commit(self, positions: StreamPositions, tally: Tally = NOTHING) -> None:
        await self._consumer.commit(positions, tally)

    def lag(self) -> int:
        return self._consumer.lag()

    def lags(self) -> Mapping[int, int]:
        return self._consumer.lags()


class CountedTransport:
    """A transport that counts what is taken from it."""

    def __init__(self, transport: Transport, dead_letters: DeadLetters) -> None:
        self.dead_letters = dead_letters
        self._transport = transport
        self._consumers: list[CountedConsumer] = []

    @property
    def taken(self) -> int:
        return sum(consumer.taken for consumer in self._consumers)

    @property
    def stages(self) -> Sequence[Stage]:
        return self._transport.stages

    async def append(self, topic: str, envelopes: Sequence[Envelope]) -> Appended:
        return await self._transport.append(topic, envelopes)

    async def consume(self, topic: str, group: str, start: StreamPositions | None = None) -> Consumer:
        self._consumers.append(CountedConsumer(await self._transport.consume(topic, group, start)))
        return self._consumers[-1]

    async def trouble(self) -> str:
        return await self._transport.trouble()

    async def follow(self, topic: str, start: StreamPositions | None = None, since_us: int | None = None) -> Follower:
        return await self._transport.follow(topic, start, since_us)

    async def status(self) -> dict[str, Any]:
        return await self._transport.status()

    async def close(self) -> None:
        await self._transport.close()
