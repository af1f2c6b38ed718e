"""What alerters have counted, over Apache Kafka, for several machines: the compacted topic PREFIXalert-partials.

    publish ──> transport/kafka_producer: acknowledged by all     kafka_pages: the format
    take <── kafka_shards: a member of the group                  read <── kafka_reading: a reader without a group

Invariants:
* A shard is a partition, and the topic has as many as it was made with: nobody may add some, since rules would be in
  other shards then.
* A page is a record. `publish` returns once every replica in sync has it, whatever transport.kafka.acks is; Kafka
  doesn't wait for disks. Of what nobody has acknowledged in time, each page may be published all the same.
* Nothing is ever committed: the group only shares the shards, and who gains one reads it from its beginning.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterator, Mapping, Sequence

from aiokafka import errors

from logd.backends.partials.kafka_pages import record_of
from logd.backends.partials.kafka_reading import read
from logd.backends.partials.kafka_shards import KafkaShards
from logd.backends.transport.kafka_client import Connection
from logd.backends.transport.kafka_producer import Producer
from logd.backends.transport.kafka_reader import Topic
from logd.backends.transport.kafka_records import Record
from logd.backends.transport.kafka_topics import Topics
from logd.config.schema import Transport as Settings
from logd.errors import ConfigError, Unavailable
from logd.seams import Page, Taken

#: Topic and group, behind the prefix.
TOPIC, GROUP = "alert-partials", "alert-shards"
#: What is given to the producer at a time: it is acknowledged within an append's time limit on a slow network too, and
#: leaves room for what other calls publish.
_PORTION_BYTES = 8 * 1024 * 1024


class KafkaPartials:
    """seams.Partials over Kafka. Use `KafkaPartials.open`."""

    def __init__(self, topics: Topics, topic: Topic) -> None:
        self._topics = topics
        self._topic = topic
        self._producer = Producer(topic.connection, {}, "alerter.publish", acks="all")
        self._member = KafkaShards(topic, topic.connection.settings.prefix + GROUP)
        self._calls = 0
        self._idle = asyncio.Event()
        self._idle.set()
        self._closed = False

    @classmethod
    async def open(cls, settings: Settings, shards: int, environ: Mapping[str, str] | None = None) -> KafkaPartials:
        """Makes the topic with so many shards, if it isn't there. Raises ConfigError when no broker lets us in, or the
        topic can't be used."""
        connection = Connection(settings.kafka, os.environ if environ is None else environ)
        await connection.reach()
        name = settings.kafka.prefix + TOPIC
        topics = Topics(connection, settings.max_age_seconds, {name: shards})
        try:
            await topics.ensure(name)
            (described,) = await (await topics.admin()).describe_topics([name])
        except BaseException as error:
            await topics.close()
            if isinstance(error, Unavailable | errors.KafkaError | OSError):
                raise ConfigError(f"alerters can't share what they count: {error}") from error
            raise
        return cls(topics, Topic(connection, name, len(described["partitions"]), {}))

    @property
    def shards(self) -> int:
        return self._topic.partitions

    async def publish(self, pages: Sequence[Page]) -> None:
        self._begin()
        try:
            for portion in _portions(pages):
                self._refuse_if_closed()
                await self._producer.send(self._topic.name, portion)
        finally:
            self._end()

    async def take(self, wait_seconds: float) -> Taken:
        return await self._member.take(wait_seconds)

    async def read(self, wanted: Callable[[bytes], bool]) -> Sequence[Page]:
        self._begin()
        try:
            return await read(self._topic, wanted, lambda: self._closed)
        finally:
            self._end()

    async def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        await self._member.close()
        await self._idle.wait()
        await self._producer.close()
        await self._topics.close()

    def _begin(self) -> None:
        self._refuse_if_closed()
        self._calls += 1
        self._idle.clear()

    def _end(self) -> None:
        self._calls -= 1
        if not self._calls:
            self._idle.set()

    def _refuse_if_closed(self) -> None:
        if self._closed:
            raise Unavailable("the partials are closed")


def _portions(pages: Sequence[Page]) -> Iterator[Sequence[Record]]:
    portion: list[Record] = []
    size = 0
    for page in pages:
        record = record_of(page)
        portion.append(record)
        size += record.size
        if size >= _PORTION_BYTES:
            yield portion
            portion, size = [], 0
    if portion:
        yield portion
