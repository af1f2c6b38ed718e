"""Every implementation of seams.Transport over a store that outlives it, and what tests send through them."""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
import time
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

import msgspec

from logd.backends.transport.kafka import KafkaTransport
from logd.backends.transport.sqlite import SqliteTransport
from logd.chunk import Envelope, Message
from logd.config.schema import Kafka
from logd.config.schema import Transport as Limits
from logd.seams import RAW_LOGS, Consumer, DeadLetters, Transport

A, B = "a" * 16, "b" * 16


class Store(Protocol):
    """Where a transport keeps what it has; `folder` is the test's own."""

    def __init__(self, folder: Path) -> None: ...

    async def open(self, limits: Limits | None = None, clock: Callable[[], float] = time.time) -> Transport:
        """A transport over it, as a starting process opens it."""
        ...

    async def after_power_cut(self) -> Transport:
        """A transport over what would be left if the machine stopped now. The other one lives on, and apart."""
        ...

    def dead_letters(self, transport: Transport) -> DeadLetters:
        """Those of a transport that this has opened."""
        ...


class SqliteStore:
    """One file; what counts after a power cut is that and its write-ahead log, not the shared memory."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / "transport.db"

    async def open(self, limits: Limits | None = None, clock: Callable[[], float] = time.time) -> Transport:
        return await SqliteTransport.open(self.path, limits, clock)

    async def after_power_cut(self) -> Transport:
        copy = Path(tempfile.mkdtemp(dir=self.folder))
        for suffix in ("", "-wal"):
            shutil.copy(f"{self.path}{suffix}", f"{copy / self.path.name}{suffix}")
        return await SqliteTransport.open(copy / self.path.name)

    def dead_letters(self, transport: Transport) -> DeadLetters:
        assert isinstance(transport, SqliteTransport)
        return transport.dead_letters()


class KafkaStore:
    """Topics and groups of the folder's own, in the Kafka at $LOGD_TEST_KAFKA. Its clock is the brokers', and the power
    of all of them can't be cut here: what survives a broker is in test_transport_kafka.py."""

    def __init__(self, folder: Path) -> None:
        self._prefix = folder / "prefix"

    def settings(self, limits: Limits | None = None, **kafka: Any) -> Limits:
        """The configuration of a transport over it."""
        if not self._prefix.exists():
            self._prefix.write_text(f"test-{uuid.uuid4().hex[:12]}.")
        servers = os.environ[KAFKA_VARIABLE].split(",")
        ours = {"servers": servers, "prefix": self._prefix.read_text(), "partitions": 3, "replication": 1}
        return msgspec.structs.replace(limits or Limits(), type="kafka", kafka=Kafka(**{**ours, **kafka}))

    async def open(self, limits: Limits | None = None, clock: Callable[[], float] = time.time) -> Transport:
        return await KafkaTransport.open(self.settings(limits))

    async def after_power_cut(self) -> Transport:
        raise NotImplementedError

    def dead_letters(self, transport: Transport) -> DeadLetters:
        assert isinstance(transport, KafkaTransport)
        return transport.dead_letters()


STORES: dict[str, type[Store]] = {"sqlite": SqliteStore, "kafka": KafkaStore}
#: Where the tests' Kafka is: the fixture sets it, and processes that tests start inherit it.
KAFKA_VARIABLE = "LOGD_TEST_KAFKA"


def plain(*texts: str, **headers: str) -> list[Envelope]:
    """Envelopes that nobody remembers: they have no `end`."""
    return [Envelope("service", {"logd-chunk": "1", "lines": "1", **headers}, text.encode()) for text in texts]


def sent(source: str, offset: int, end: int, text: str = "", **headers: str) -> Envelope:
    """An envelope of a source that is remembered."""
    place = {"source-id": source, "offset": str(offset), "end": str(end), "lines": "1", "remember": "3600"}
    return Envelope("service", {"logd-chunk": "1", **place, **headers}, (text or f"{source[0]}{offset}-{end}").encode())


async def rest(consumer: Consumer) -> list[Message]:
    """All messages that there are, from the consumer's place on."""
    messages: list[Message] = []
    async with asyncio.timeout(30):
        while consumer.lag() > 0:
            messages += await consumer.fetch(10_000, 5)
    return messages


async def held(transport: Transport, topic: str = RAW_LOGS, group: str = "all") -> list[str]:
    """The values of all messages, in order."""
    return texts(await rest(await transport.consume(topic, group)))


def texts(messages: Sequence[Message]) -> list[str]:
    return [message.value.decode() for message in messages]


def past(message: Message) -> dict[int, int]:
    """The positions that say the message is done."""
    return {message.partition: message.position + 1}


class Clock:
    """Unix seconds that a test sets."""

    def __init__(self) -> None:
        self.seconds = 1_700_000_000.0

    def __call__(self) -> float:
        return self.seconds
