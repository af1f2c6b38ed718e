"""A Kafka of the tests looked at and driven: transports, an admin client, a group's reader, and what is waited for."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient
from prometheus_client import REGISTRY

from logd.backends.transport.kafka import KafkaTransport
from logd.chunk import Envelope, Message
from logd.config.schema import Transport as Limits
from logd.seams import RAW_LOGS, Consumer
from tests.support.transports import KafkaStore

#: A busy machine may take so long for whatever is waited for.
PATIENCE_SECONDS = 120


@contextlib.asynccontextmanager
async def opened(topics: KafkaStore, limits: Limits | None = None, **kafka: Any) -> AsyncIterator[KafkaTransport]:
    """A transport over these topics, closed afterwards."""
    transport = await KafkaTransport.open(topics.settings(limits, **kafka))
    try:
        yield transport
    finally:
        await transport.close()


@contextlib.asynccontextmanager
async def admin(topics: KafkaStore) -> AsyncIterator[AIOKafkaAdminClient]:
    """An admin client of the same brokers."""
    client = AIOKafkaAdminClient(bootstrap_servers=topics.settings().kafka.servers)
    await client.start()
    try:
        yield client
    finally:
        await client.close()


def of_services(count: int, each: int = 1) -> list[Envelope]:
    """Envelopes of so many services, which are in all partitions."""
    return [Envelope(f"service-{n % count}", {"logd-chunk": "1", "lines": "1"}, b"%d" % n) for n in range(count * each)]


def ends(messages: Sequence[Message]) -> dict[int, int]:
    """The positions that say all of them are done."""
    return {message.partition: message.position + 1 for message in messages}


class Reader:
    """Fetches and commits in the background, as a processor does; `seen` has what was committed."""

    def __init__(self, consumer: Consumer) -> None:
        self.consumer = consumer
        self.seen: list[Message] = []
        self._task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        while True:
            messages = await self.consumer.fetch(10, 0.25)
            if messages:
                await self.consumer.commit(ends(messages))
                self.seen += messages

    async def stop(self) -> None:
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task


async def until(true: Callable[[], object]) -> None:
    """Polls, as what is waited for comes from the brokers."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not true():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.05)


async def until_trouble(transport: KafkaTransport, there: bool) -> None:
    """Until the transport says that there is trouble, or none."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while bool(await transport.trouble()) is not there:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.05)


async def until_gap(consumer: Consumer, topic: str, count: int) -> None:
    """Until so many messages were counted as lost to the group `g`."""
    labels = {"topic": topic, "group": topic.replace(RAW_LOGS, "g")}
    async with asyncio.timeout(PATIENCE_SECONDS):
        while REGISTRY.get_sample_value("logd_transport_gap_messages_total", labels) != count:
            await consumer.fetch(10, 0.1)
