"""What only the topic of partials guarantees: how it is made, and what its members do while nobody takes."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from logd.backends.partials.kafka import TOPIC, KafkaPartials
from logd.backends.transport import kafka_membership
from logd.errors import ConfigError
from logd.seams import Page, Partials
from tests.support.kafka import PATIENCE_SECONDS, admin
from tests.support.partials import KafkaTopic, Taker, opened, pages_of, together, values_of
from tests.support.transports import KafkaStore


@pytest.fixture
def topic(topics: KafkaStore, tmp_path: Path) -> KafkaTopic:
    return KafkaTopic(tmp_path)


def _name(topic: KafkaTopic) -> str:
    return topic.topics.settings().kafka.prefix + TOPIC


async def _configs(topic: KafkaTopic) -> dict[str, Any]:
    async with admin(topic.topics) as client:
        (answer,) = await client.describe_configs([ConfigResource(ConfigResourceType.TOPIC, _name(topic))])
    return {entry[0]: entry[1] for resource in answer.resources for entry in resource[4]}


async def test_how_the_topic_is_made(topic: KafkaTopic) -> None:
    async with opened(topic, shards=5) as partials:
        assert partials.shards == 5
        configs = await _configs(topic)
        assert configs["cleanup.policy"] == "compact"
        assert (configs["min.insync.replicas"], configs["retention.ms"]) == ("1", "-1")
        assert (configs["segment.bytes"], configs["min.cleanable.dirty.ratio"]) == ("16777216", "0.1")
    async with opened(topic, shards=8) as partials:
        assert partials.shards == 5, "they are what the topic has"


async def test_a_topic_that_isnt_compacted_is_said(topic: KafkaTopic, caplog: pytest.LogCaptureFixture) -> None:
    async with admin(topic.topics) as client:
        await client.create_topics([NewTopic(_name(topic), 2, 1)])
        deadline = time.monotonic() + PATIENCE_SECONDS
        while _name(topic) not in await client.list_topics():
            assert time.monotonic() < deadline
    async with opened(topic) as partials:
        assert partials.shards == 2
    assert "has cleanup.policy = delete: it grows, or forgets what is still needed; set it to compact" in caplog.text


async def test_what_others_wrote_is_left_out(topic: KafkaTopic, caplog: pytest.LogCaptureFixture) -> None:
    async with opened(topic, shards=1) as partials:
        await partials.publish([Page(0, b"before", b"1")])
        async with AIOKafkaProducer(bootstrap_servers=topic.topics.settings().kafka.servers) as other:
            await other.send_and_wait(_name(topic), b"no zstd", b"key")
        await partials.publish([Page(0, b"after", b"2")])
        taker = Taker(partials)
        await taker.until_caught_up()
        assert values_of(await partials.read(lambda _: True)) == taker.last() == {b"before": b"1", b"after": b"2"}
    assert "position 1 of shard 0 is left out" in caplog.text


async def test_a_member_that_is_busy_keeps_its_shards(topic: KafkaTopic) -> None:
    async with opened(topic) as first, opened(topic) as second:
        busy, other = Taker(first), Taker(second)
        await busy.until_caught_up()
        # It takes no more: the other one gets its part all the same …
        await other.until(lambda: len(other.caught_up) == 2)
        # … and no more than that, though the session would have ended.
        until = time.monotonic() + kafka_membership._SESSION_SECONDS + 2
        while time.monotonic() < until:
            await other.take()
        assert len(other.ours) == 2
        await first.publish(pages_of(first, range(20)))
        await together([busy, other], lambda: len(busy.last() | other.last()) == 20)
        assert busy.ours | other.ours == {0, 1, 2, 3}
        assert busy.gains == 4, "what it kept it didn't lose"


async def test_a_member_that_is_dead_is_replaced(topic: KafkaTopic, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kafka_membership, "_SESSION_SECONDS", 6.0)  # the least that brokers take
    async with opened(topic) as first, opened(topic) as second:
        dead, other = Taker(first), Taker(second)
        await first.publish(pages_of(first, range(20)))
        await together([dead, other], lambda: len(dead.caught_up) == len(other.caught_up) == 2)
        before = dead.ours
        awake = _hang(first, monkeypatch)
        await other.until_caught_up()
        assert other.last() == values_of(pages_of(first, range(20)))
        awake.set()
        # Others had all shards meanwhile: what it gets again it has lost first, and reads once more.
        await together([dead, other], lambda: len(dead.caught_up) == len(other.caught_up) == 2 and dead.gains >= 4)
        assert dead.ours | other.ours == {0, 1, 2, 3}
        assert dead.last() | other.last() == values_of(pages_of(first, range(20)))
        assert len(before) == 2


def _hang(partials: Partials, monkeypatch: pytest.MonkeyPatch) -> asyncio.Event:
    """Its heartbeats don't leave any more until the event is set."""
    assert isinstance(partials, KafkaPartials)
    assert partials._member._driver is not None
    coordinator, awake = partials._member._driver._coordinator, asyncio.Event()
    heartbeat = coordinator._do_heartbeat

    async def later() -> object:
        await awake.wait()
        return await heartbeat()

    monkeypatch.setattr(coordinator, "_do_heartbeat", later)
    return awake


async def test_no_broker(topic: KafkaTopic) -> None:
    settings = topic.topics.settings(servers=["127.0.0.1:9"], connect_seconds=0)
    with pytest.raises(ConfigError, match="connection refused"):
        await KafkaPartials.open(settings, 4)
