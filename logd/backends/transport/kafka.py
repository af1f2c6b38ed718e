"""The transport over Apache Kafka, for several machines.

    append ──> kafka_producer: batches, acknowledged     kafka_topics: made and looked at   kafka_status: what is there
    fetch, commit <── kafka_consumer: a group's member     follow <── kafka_follower        kafka_client: connections
                           └──── kafka_reader: buffer, gaps, lag ────┘                      kafka_records: the format
    dead letters: kafka_letters, less kafka_done           kafka_retention: who may lose messages soon

Invariants:
* A chunk is one record. With acks = all, an append returns once every replica in sync has it, and there have to be
  min.insync.replicas of them; Kafka doesn't wait for disks.
* The chunks of one source are in one partition, in the order in which they were appended; positions are Kafka's
  offsets.
* Kafka knows no sources: what is sent again is stored again, with the same ids, and the index leaves it out.
* What nobody has acknowledged in time is Unavailable to its sender, and may be stored all the same.
* Retention is the topic's, whether a group has read it or not: a group that comes near to it is said to, and one that
  finds a gap counts it and says so.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import time
from collections.abc import AsyncIterator, Awaitable, Mapping, Sequence
from typing import Any, TypeVar

from aiokafka import errors

from logd.backends.transport.kafka_client import Connection
from logd.backends.transport.kafka_consumer import KafkaConsumer
from logd.backends.transport.kafka_follower import KafkaFollower
from logd.backends.transport.kafka_letters import KafkaDeadLetters
from logd.backends.transport.kafka_producer import APPEND_SECONDS, LETTER_BYTES, Producer
from logd.backends.transport.kafka_reader import Topic
from logd.backends.transport.kafka_records import record_of
from logd.backends.transport.kafka_retention import RetentionWatch
from logd.backends.transport.kafka_status import group_name, status
from logd.backends.transport.kafka_topics import DONE, Topics
from logd.chunk import Envelope
from logd.config.schema import Transport as Settings
from logd.deadletters import fitted
from logd.errors import LogdError, Unavailable
from logd.seams import DEAD_LETTERS, RAW_LOGS, Appended, Consumer, Follower, StreamPositions

log = logging.getLogger("logd.transport")
# The driver tells of each of its tries, as an error; what they come to is said here, once. A level that is set stays.
_driver_log = logging.getLogger("aiokafka")
if _driver_log.level == logging.NOTSET:
    _driver_log.setLevel(logging.CRITICAL)
#: As long as appends fail, and so long after: without anything to write, nobody would see that it works again.
_TROUBLE_SECONDS = 30.0
T = TypeVar("T")


class KafkaTransport:
    """seams.Transport over Kafka. Use `KafkaTransport.open`."""

    def __init__(self, connection: Connection, settings: Settings) -> None:
        self._connection = connection
        self._prefix = settings.kafka.prefix
        self._topics = Topics(connection, settings.max_age_seconds)
        #: By topic and partition, the position behind the last message that is known of.
        self._ends: dict[str, dict[int, int]] = {}
        self._producer = Producer(connection, self._ends)
        self.stages = (self._producer.pending,)
        self._consumers: dict[tuple[str, str], KafkaConsumer] = {}
        self._followers: set[KafkaFollower] = set()
        self._retention = RetentionWatch(self._topics)
        self._joining = asyncio.Lock()
        self._appending = 0
        self._idle = asyncio.Event()
        self._idle.set()
        self._trouble = ""
        self._trouble_until = 0.0
        self._letters = KafkaDeadLetters(connection, self._topics, self.append, self._prefix)
        self._closed = False

    @classmethod
    async def open(cls, settings: Settings, environ: Mapping[str, str] | None = None) -> KafkaTransport:
        """Raises ConfigError when no broker lets us in."""
        connection = Connection(settings.kafka, os.environ if environ is None else environ)
        await connection.reach()
        return cls(connection, settings)

    def dead_letters(self) -> KafkaDeadLetters:
        """seams.DeadLetters over the same Kafka."""
        return self._letters

    @contextlib.asynccontextmanager
    async def paused(self) -> AsyncIterator[None]:
        """A backup of this machine's folder has nothing to do with what is in Kafka."""
        yield

    async def append(self, topic: str, envelopes: Sequence[Envelope]) -> Appended:
        if self._closed:
            raise Unavailable("the transport is closed")
        if not envelopes:
            return Appended(0, 0)
        if topic == DEAD_LETTERS:
            envelopes = [fitted(letter, LETTER_BYTES) for letter in envelopes]
        records = [record_of(envelope) for envelope in envelopes]
        name = self._prefix + topic
        self._appending += 1
        self._idle.clear()
        try:
            await self._ensure(name)
            await self._producer.send(name, records)
        except Unavailable as error:
            self._trouble, self._trouble_until = str(error), time.monotonic() + _TROUBLE_SECONDS
            raise
        finally:
            self._appending -= 1
            if not self._appending:
                self._idle.set()
        self._trouble = ""
        return Appended(len(records), 0)

    async def consume(self, topic: str, group: str, start: StreamPositions | None = None) -> Consumer:
        async with self._joining:
            self._refuse_if_closed()
            if (known := self._consumers.get((topic, group))) is not None:
                await known.rewind(start)
                return known
            name_of_group = group_name(self._prefix, topic, group)
            consumer = await KafkaConsumer.open(await self._known(topic), name_of_group, start, self._topics.admin)
            self._consumers[topic, group] = consumer
            self._retention.start(self._consumers)
            return consumer

    async def follow(self, topic: str, start: StreamPositions | None = None, since_us: int | None = None) -> Follower:
        if start is not None and since_us is not None:
            raise ValueError("a reader begins at a position or at a time, not at both")
        self._refuse_if_closed()
        follower = await KafkaFollower.open(await self._known(topic), start, since_us, self._followers.discard)
        self._followers.add(follower)
        return follower

    async def trouble(self) -> str:
        if self._trouble and time.monotonic() < self._trouble_until:
            return self._trouble
        try:
            await self._connection.look()
        except LogdError as error:
            return str(error)
        return self._retention.trouble

    async def status(self) -> dict[str, Any]:
        admin = await self._topics.admin()
        topics = {RAW_LOGS, DEAD_LETTERS, *(name.removeprefix(self._prefix) for name in self._ends)} - {DONE}
        found = await self._asked(status(self._connection, admin, sorted(topics), self._prefix))
        if found.get(DEAD_LETTERS, {}).get("messages"):
            found[DEAD_LETTERS]["messages"] = await self._letters.held()
        return found

    async def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        await self._retention.close()
        await self._idle.wait()
        readers: list[KafkaConsumer | KafkaFollower] = [*self._consumers.values(), *self._followers]
        await asyncio.gather(*(reader.close() for reader in readers))
        await self._producer.close()
        await self._topics.close()

    async def _ensure(self, name: str) -> None:
        """For an append, which doesn't wait for ever."""
        try:
            async with asyncio.timeout(APPEND_SECONDS):
                await self._topics.ensure(name)
        except TimeoutError:
            raise Unavailable(f"no broker has said within {APPEND_SECONDS:g} s whether there is {name}") from None

    async def _known(self, topic: str) -> Topic:
        name = self._prefix + topic
        await self._topics.ensure(name)
        admin = await self._topics.admin()
        (described,) = await self._asked(admin.describe_topics([name]))
        return Topic(self._connection, name, len(described["partitions"]), self._ends.setdefault(name, {}))

    async def _asked(self, answer: Awaitable[T]) -> T:
        try:
            return await answer
        except (errors.KafkaError, OSError, TimeoutError) as error:
            raise self._connection.failure("Kafka can't be asked", error) from error

    def _refuse_if_closed(self) -> None:
        if self._closed:
            raise Unavailable("the transport is closed")
