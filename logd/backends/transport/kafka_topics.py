"""The topics of the Kafka transport: made once, and looked at before they are used."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import msgspec
from aiokafka import errors
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from logd.backends.transport.kafka_client import Connection
from logd.config.schema import Kafka
from logd.seams import DEAD_LETTERS

log = logging.getLogger("logd.transport")
#: Which dead letters are done: kafka_done.py.
DONE = "dead-letters-done"
#: With so many copies, one may be away and two still have what is accepted.
_SAFE_COPIES, _SAFE_IN_SYNC = 3, 2
#: A topic that was just made has its leaders within a second; on a slow machine it takes longer.
_LEADERS_SECONDS = 30.0
_LEADERS_POLL_SECONDS = 0.1
_TOPIC_ALREADY_EXISTS = 36
#: Of a topic that is read from its beginning at every start. The newest segment is never compacted: it is closed once
#: it is so large, or so old. Brokers would wait until half of the rest may have been replaced.
_COMPACTED = {
    "cleanup.policy": "compact",
    "segment.bytes": str(16 * 1024 * 1024),
    "segment.ms": "600000",
    "min.cleanable.dirty.ratio": "0.1",
}


class Kind(NamedTuple):
    """How a topic should be; an age of -1 is none. A compacted one keeps the last record of each key for ever."""

    settings: Kafka
    max_age_ms: int
    compacted: bool = False


class Topics:
    """What there is on the brokers. One admin client, which connects again by itself. `compacted` are the topics that
    are, by name, with how many partitions they are made."""

    def __init__(
        self, connection: Connection, max_age_seconds: float, compacted: Mapping[str, int] | None = None
    ) -> None:
        self._connection = connection
        settings, max_age_ms = connection.settings, int(max_age_seconds * 1000)
        alone = msgspec.structs.replace(settings, partitions=1)
        self._usual = Kind(settings, max_age_ms)
        #: Letters are few, and stand in the order in which they were refused: that is one partition's.
        self._kinds = {settings.prefix + DEAD_LETTERS: Kind(alone, max_age_ms), settings.prefix + DONE: Kind(alone, -1)}
        for name, partitions in (compacted or {}).items():
            self._kinds[name] = Kind(msgspec.structs.replace(settings, partitions=partitions), -1, compacted=True)
        self._admin: AIOKafkaAdminClient | None = None
        self._ready: set[str] = set()
        self._one = asyncio.Lock()

    async def ensure(self, name: str) -> None:
        """The topic is there, with a leader for each partition, and was looked at. Raises Unavailable."""
        if name in self._ready:
            return
        async with self._one:
            if name in self._ready:
                return
            try:
                admin = await self._open()
                if name in await admin.list_topics():
                    await self._look(admin, name)
                else:
                    await self._create(admin, name)
                await self._await_leaders(admin, name)
            except (errors.KafkaError, OSError, TimeoutError) as error:
                raise self._connection.failure(f"topic {name} can't be used", error) from error
            self._ready.add(name)

    async def admin(self) -> AIOKafkaAdminClient:
        """For what else is asked of brokers. Raises Unavailable."""
        async with self._one:
            try:
                return await self._open()
            except (errors.KafkaError, OSError, TimeoutError) as error:
                raise self._connection.failure("Kafka can't be asked", error) from error

    async def close(self) -> None:
        if self._admin is not None:
            admin, self._admin = self._admin, None
            await admin.close()

    async def _open(self) -> AIOKafkaAdminClient:
        if self._admin is None:
            admin = AIOKafkaAdminClient(**self._connection.options)
            try:
                await admin.start()
            except BaseException:
                await admin.close()
                raise
            self._admin = admin
        return self._admin

    async def _create(self, admin: AIOKafkaAdminClient, name: str) -> None:
        settings, max_age_ms, compacted = self._kinds.get(name, self._usual)
        brokers = len((await admin.describe_cluster())["brokers"])
        copies = min(settings.replication, brokers)
        if copies < settings.replication:
            log.warning(
                "topic %s gets %d copies, not transport.kafka.replication = %d: there are no more brokers",
                name,
                copies,
                settings.replication,
            )
        configs = wanted(copies, max_age_ms) | (_COMPACTED if compacted else {})
        response = await admin.create_topics([NewTopic(name, settings.partitions, copies, topic_configs=configs)])
        for _, code, *message in response.topic_errors:
            if code not in (0, _TOPIC_ALREADY_EXISTS):
                raise errors.for_code(code)(*message)
        log.info("topic %s: %d partitions, %d copies, %s", name, settings.partitions, copies, configs)

    async def _look(self, admin: AIOKafkaAdminClient, name: str) -> None:
        (topic,) = await admin.describe_topics([name])
        (answer,) = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, name)])
        # A resource is: error code, error message, type, name, entries; an entry begins with name and value.
        configs = {entry[0]: entry[1] for resource in answer.resources for entry in resource[4]}
        for complaint in complaints(topic, configs, *self._kinds.get(name, self._usual)):
            log.warning("topic %s %s", name, complaint)

    async def _await_leaders(self, admin: AIOKafkaAdminClient, name: str) -> None:
        async with asyncio.timeout(_LEADERS_SECONDS):
            while True:
                (topic,) = await admin.describe_topics([name])
                partitions = topic["partitions"]
                if partitions and all(partition["leader"] >= 0 for partition in partitions):
                    return
                await asyncio.sleep(_LEADERS_POLL_SECONDS)


def wanted(copies: int, max_age_ms: int) -> dict[str, str]:
    """The settings of a topic with so many copies; an age of -1 is none. A message's time is when the broker took it:
    it says the same to all who read it again, whatever the clock of who wrote it."""
    in_sync = _SAFE_IN_SYNC if copies >= _SAFE_COPIES else 1
    return {
        "min.insync.replicas": str(in_sync),
        "retention.ms": str(max_age_ms),
        "message.timestamp.type": "LogAppendTime",
    }


def complaints(
    topic: Mapping[str, Any], configs: Mapping[str, str], settings: Kafka, max_age_ms: int, compacted: bool = False
) -> Iterator[str]:
    """What a topic that was there has less than it should. `topic` is as the driver describes it."""
    partitions = topic["partitions"]
    if len(partitions) < settings.partitions and not compacted:
        yield f"has {len(partitions)} partitions, fewer than transport.kafka.partitions = {settings.partitions}"
    copies = min((len(partition["replicas"]) for partition in partitions), default=0)
    if copies < settings.replication:
        yield f"has {copies} copies, fewer than transport.kafka.replication = {settings.replication}"
    in_sync = int(configs.get("min.insync.replicas", "1"))
    if settings.acks == "all" and settings.replication >= _SAFE_COPIES and in_sync < _SAFE_IN_SYNC:
        yield (
            f"has min.insync.replicas = {in_sync}: what is accepted may be on one broker only, whose disk is not "
            f"waited for; set it to {_SAFE_IN_SYNC}"
        )
    retention_ms = int(configs.get("retention.ms", "-1"))
    if 0 <= retention_ms < max_age_ms:
        yield (
            f"keeps messages for {retention_ms / 1000:g} s, less than transport.max_age_seconds = {max_age_ms / 1000:g}"
        )
    policy = configs.get("cleanup.policy", "")
    if compacted and policy != "compact":
        yield f"has cleanup.policy = {policy}: it grows, or forgets what is still needed; set it to compact"
    if "compact" in policy and not compacted:
        yield "is compacted: Kafka deletes all but the last chunk of a service, unread; set cleanup.policy = delete"
