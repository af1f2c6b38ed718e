"""Pages as Kafka records, and what both readers of them have.

key        the page's key
value      zstd of the page's value; of an empty one none, which Kafka forgets once it is a day old
partition  the shard
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping, Sequence
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition, errors

from logd.backends.transport import kafka_reader
from logd.backends.transport.kafka_reader import Topic
from logd.backends.transport.kafka_records import Record
from logd.chunk import compress, decompress
from logd.errors import Corrupt, Unavailable
from logd.seams import MAX_PAGE_BYTES, Page

log = logging.getLogger("logd.alerts")
#: Given at a time: some milliseconds' work.
_RECORDS = 1_000
#: A wait is cut into pieces: between them it is seen that shards were taken away, or came, and that nobody answers.
_SLICE_SECONDS = 0.5


def record_of(page: Page) -> Record:
    """A page as it is sent. The driver can compress by gzip only, which takes ten times as long."""
    return Record(page.key, [], compress(page.value) if page.value else None, partition=page.shard)


def page_of(record: Any) -> Page | None:
    """A record as the driver gives it; None for one that is none of ours, which is logged."""
    try:
        value = decompress(record.value, MAX_PAGE_BYTES) if record.value else b""
    except Corrupt as error:
        log.error("position %d of shard %d is left out: %s", record.offset, record.partition, error)
        return None
    return Page(record.partition, record.key or b"", value)


class Fetching:
    """What a driver fetches of a topic, and whether any broker answers it. Not for two callers at once."""

    def __init__(self, topic: Topic, driver: AIOKafkaConsumer) -> None:
        self._topic = topic
        self._driver = driver
        self._heard_ms = 0.0
        self.heard()

    def heard(self) -> None:
        """A broker has answered; each fetch that it answers is noticed by itself."""
        self._heard_ms = time.time() * 1000

    async def fetch(self, wait_seconds: float) -> Mapping[TopicPartition, Sequence[Any]]:
        """The next records, in the order of each partition; nothing when none comes in time, or in a part of it.
        Nothing is lost when this is cancelled. Raises Unavailable."""
        wait_seconds = min(max(wait_seconds, 0.0), _SLICE_SECONDS)
        fetched: Mapping[TopicPartition, Sequence[Any]] = {}
        try:
            # The driver's own time limit isn't kept while partitions are handed out anew.
            async with asyncio.timeout(wait_seconds + 0.1):
                fetched = await self._driver.getmany(timeout_ms=int(wait_seconds * 1000), max_records=_RECORDS)
        except TimeoutError:
            pass
        except errors.ConsumerStoppedError:
            raise Unavailable("the partials are closed") from None
        except errors.KafkaError as error:
            raise self._topic.connection.failure(f"{self._topic.name} can't be read", error) from error
        if fetched:
            self.heard()  # while they waited to be taken, no more of their partitions was asked for
        elif self._is_silent():
            raise await self._topic.connection.explained(f"no broker has answered for {self._topic.name} of late")
        return fetched

    async def reached(self, place: TopicPartition) -> int | None:
        """The position behind what was fetched, also where there is no record left before it; None when it isn't known
        now."""
        try:
            async with asyncio.timeout(0.1):
                position: int = await self._driver.position(place)
        except (TimeoutError, errors.KafkaError):
            return None
        return position

    def _is_silent(self) -> bool:
        """Brokers answer each fetch within half a second, also when there is nothing."""
        answers = [self._driver.last_poll_timestamp(place) or 0 for place in self._driver.assignment()]
        silent_ms = time.time() * 1000 - max(*answers, self._heard_ms) if answers else 0.0
        return silent_ms > kafka_reader.SILENT_SECONDS * 1000
