"""Kafka's retention waits for nobody: what it deletes unread is counted, and said before it happens."""

from __future__ import annotations

import asyncio
import re
import time

import pytest
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.admin import NewTopic, RecordsToDelete
from prometheus_client import REGISTRY

from logd.backends.transport import kafka_retention
from logd.chunk import Message
from logd.seams import RAW_LOGS
from tests.support.kafka import (
    PATIENCE_SECONDS,
    admin,
    opened,
    until,
    until_gap,
    until_trouble,
)
from tests.support.transports import KafkaStore, past, plain, rest, texts


class TestGap:
    async def test_what_was_deleted_unread_is_counted_and_said(
        self, topics: KafkaStore, caplog: pytest.LogCaptureFixture
    ) -> None:
        name = topics.settings().kafka.prefix + RAW_LOGS
        async with opened(topics) as transport, admin(topics) as brokers:
            await transport.consume(RAW_LOGS, "g")
            await transport.append(RAW_LOGS, plain(*"abcdef"))
            (partition,) = (n for n, end in (await transport.status())[RAW_LOGS]["next_positions"].items() if end)
            await brokers.delete_records({TopicPartition(name, int(partition)): RecordsToDelete(4)})
            consumer = await transport.consume(RAW_LOGS, "g")
            assert texts(await rest(consumer)) == ["e", "f"]
            await until_gap(consumer, name, 4)
            assert "LOST 4 messages" in caplog.text
            await transport.append(RAW_LOGS, plain("g"))
            await brokers.delete_records({TopicPartition(name, int(partition)): RecordsToDelete(7)})
            consumer = await transport.consume(RAW_LOGS, "g")
            await until_gap(consumer, name, 11)  # the four again, as nothing was committed, and three more
            assert consumer.lag() == 0


class TestRetention:
    async def test_a_group_that_is_far_behind_is_said_until_it_is_not(
        self, topics: KafkaStore, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        monkeypatch.setattr(kafka_retention, "LOOK_SECONDS", 0.05)
        name = topics.settings().kafka.prefix + RAW_LOGS
        labels = {"topic": name, "group": topics.settings().kafka.prefix + "g"}

        def ratio() -> float:
            return REGISTRY.get_sample_value("logd_transport_retention_used_ratio", labels) or 0.0

        async with admin(topics) as brokers:
            await brokers.create_topics([NewTopic(name, 1, 1, topic_configs={"retention.ms": "8000000"})])
        async with opened(topics) as transport:
            consumer = await transport.consume(RAW_LOGS, "g")
            async with AIOKafkaProducer(bootstrap_servers=topics.settings().kafka.servers) as other:
                for age_seconds in (7_200, 60):
                    taken_ms = int((time.time() - age_seconds) * 1000)
                    await other.send_and_wait(name, b"old", timestamp_ms=taken_ms)
            messages: list[Message] = []
            async with asyncio.timeout(PATIENCE_SECONDS):
                while len(messages) < 2:
                    messages += await consumer.fetch(1, 0.25)
            old, new = messages
            await until_trouble(transport, True)
            said = await transport.trouble()
            assert re.search(r"group \S+\.g is 72\d\d s behind, and retention.ms is 8000000: what is over that", said)
            assert 0.9 <= ratio() < 0.95
            assert said in caplog.text
            await consumer.commit(past(old))
            await until_trouble(transport, False)
            await consumer.commit(past(new))
            await until(lambda: ratio() == 0)

    async def test_bytes(self, topics: KafkaStore, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(kafka_retention, "LOOK_SECONDS", 0.05)
        name = topics.settings().kafka.prefix + RAW_LOGS
        async with admin(topics) as brokers:
            configs = {"retention.bytes": "100000", "segment.bytes": "10000000"}
            await brokers.create_topics([NewTopic(name, 1, 1, topic_configs=configs)])
        async with opened(topics) as transport:
            consumer = await transport.consume(RAW_LOGS, "g")
            await transport.append(RAW_LOGS, plain(*(["x" * 9_500] * 9)))
            messages = await rest(consumer)
            await until_trouble(transport, True)
            said = await transport.trouble()
            assert "g is about 90000 bytes behind in a partition, and retention.bytes is 100000" in said
            await consumer.commit(past(messages[2]))
            await until_trouble(transport, False)
