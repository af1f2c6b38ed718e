"""How near a group is to losing messages: Kafka deletes what is older than a topic's retention, read or not.

    age of the oldest message that was given and isn't committed / retention.ms            ─┐ the greater one
    messages of a partition that aren't committed × bytes of one, about / retention.bytes  ─┴─► over SHARE: said

Looked at every LOOK_SECONDS, also while nobody fetches, as a full index has it. Of what was not fetched yet the age
isn't known: it is once it was, and what waits for an index always was.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from aiokafka import errors
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from logd.backends.transport.kafka_consumer import KafkaConsumer
from logd.backends.transport.kafka_topics import Topics
from logd.errors import Unavailable
from logd.telemetry import metrics

log = logging.getLogger("logd.transport")
#: Of the retention; past it there is a fifth of it left, days of a week, to do something.
SHARE = 0.8
LOOK_SECONDS = 10.0
#: Of a record, beside its value: key and headers, about.
_BESIDE_BYTES = 500


class Retention(NamedTuple):
    """Of a topic, each for every partition; below 0 is without a limit."""

    ms: int
    bytes: int


class RetentionWatch:
    """Looks at the consumers of one process, from `start` to `close`."""

    def __init__(self, topics: Topics) -> None:
        #: Why messages may be lost soon; empty when none may.
        self.trouble = ""
        self._topics = topics
        self._known: dict[str, Retention] = {}
        self._task: asyncio.Task[None] | None = None

    def start(self, consumers: Mapping[Any, KafkaConsumer]) -> None:
        """May be called again, and does nothing then. The consumers are those that there are at the time."""
        if self._task is None:
            self._task = asyncio.create_task(self._run(consumers), name="transport.retention")

    async def close(self) -> None:
        """May be called twice."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def _run(self, consumers: Mapping[Any, KafkaConsumer]) -> None:
        while True:
            await self._look(list(consumers.values()))
            await asyncio.sleep(LOOK_SECONDS)

    async def _look(self, consumers: Iterable[KafkaConsumer]) -> None:
        said = ""
        for consumer in consumers:
            await self._ask(consumer.topic)
            share, sentence = used(consumer, self._known.get(consumer.topic, Retention(-1, -1)), time.time())
            metrics.TRANSPORT_RETENTION_USED.labels(consumer.topic, consumer.group).set(share)
            if share > SHARE:
                said = said or sentence
        if said and not self.trouble:
            log.error("%s", said)
        elif self.trouble and not said:
            log.info("the groups have caught up with what Kafka will delete")
        self.trouble = said

    async def _ask(self, topic: str) -> None:
        """Anew each time: it is changed while we run. What was known stays while no broker answers."""
        with contextlib.suppress(Unavailable, errors.KafkaError, OSError, TimeoutError):
            admin = await self._topics.admin()
            (answer,) = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, topic)])
            configs = {entry[0]: entry[1] for resource in answer.resources for entry in resource[4]}
            if "retention.ms" in configs:
                self._known[topic] = Retention(int(configs["retention.ms"]), int(configs.get("retention.bytes", "-1")))


def used(consumer: KafkaConsumer, retention: Retention, now: float) -> tuple[float, str]:
    """How much of the retention a group's consumer has used, 1 is all of it, and what to say of that."""
    age_seconds = max((now - taken_us / 1e6 for taken_us in consumer.uncommitted_since().values()), default=0.0)
    by_age = age_seconds * 1000 / retention.ms if retention.ms > 0 else 0.0
    each = consumer.bytes_each() + _BESIDE_BYTES
    behind_bytes = max(consumer.uncommitted().values(), default=0) * each
    by_bytes = behind_bytes / retention.bytes if retention.bytes > 0 else 0.0
    share = max(by_age, by_bytes, 0.0)
    how = f"{age_seconds:.0f} s behind, and retention.ms is {retention.ms}"
    if by_bytes > by_age:
        how = f"about {behind_bytes:.0f} bytes behind in a partition, and retention.bytes is {retention.bytes}"
    sentence = f"group {consumer.group} is {how}: what is over that of {consumer.topic}, Kafka deletes unread"
    return share, sentence
