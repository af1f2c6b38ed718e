"""What people ask of the Kafka transport: all of it is asked of the brokers."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from logd.backends.transport.kafka_account import decode, summed
from logd.backends.transport.kafka_client import Connection
from logd.seams import RAW_LOGS


def group_name(prefix: str, topic: str, group: str) -> str:
    """A group's name in Kafka. Members of one group wait for one another whatever their topics are: so each topic has
    its own, and those that people look for have plain names."""
    return prefix + ("" if topic == RAW_LOGS else f"{topic}.") + group


async def status(
    connection: Connection, admin: AIOKafkaAdminClient, topics: Sequence[str], prefix: str
) -> dict[str, Any]:
    """By topic, without the prefix: messages held, the next position of each partition, and the groups that have
    committed to it. Brokers know neither lines nor what was ever appended. Raises KafkaError."""
    there = set(await admin.list_topics())
    wanted = [topic for topic in topics if prefix + topic in there]
    described = await admin.describe_topics([prefix + topic for topic in wanted]) if wanted else []
    places = {
        topic["topic"]: [TopicPartition(topic["topic"], partition["partition"]) for partition in topic["partitions"]]
        for topic in described
    }
    every = [place for some in places.values() for place in some]
    asking = AIOKafkaConsumer(**connection.options)
    try:
        await asking.start()
        oldest, ends = await asyncio.gather(asking.beginning_offsets(every), asking.end_offsets(every))
    finally:
        await asking.stop()
    names = sorted(name for name, *_ in await admin.list_consumer_groups() if name.startswith(prefix))
    offsets = dict(zip(names, await asyncio.gather(*map(admin.list_consumer_group_offsets, names)), strict=True))
    return {
        topic: {
            "messages": sum(ends[place] - oldest[place] for place in places[prefix + topic]),
            "lines": None,
            "bytes": None,
            "oldest_us": None,
            "next_positions": {str(place.partition): ends[place] for place in places[prefix + topic]},
            "groups": {
                name.removeprefix(group_name(prefix, topic, "")): group
                for name in names
                if (group := _group(places[prefix + topic], oldest, ends, offsets[name]))
            },
        }
        for topic in wanted
    }


def _group(
    places: Sequence[TopicPartition],
    oldest: Mapping[TopicPartition, int],
    ends: Mapping[TopicPartition, int],
    offsets: Mapping[TopicPartition, Any],
) -> dict[str, Any]:
    """Empty for a group that has committed nothing to the topic."""
    positions = {
        str(place.partition): int(offsets[place].offset)
        for place in places
        if place in offsets and offsets[place].offset >= 0
    }
    if not positions:
        return {}
    lag = sum(ends[place] - max(positions.get(str(place.partition), 0), oldest[place]) for place in places)
    kept = {
        place.partition: decode(offsets[place].metadata or "", offsets[place].offset)
        for place in places
        if str(place.partition) in positions
    }
    return {
        "positions": positions,
        "lag": lag,
        "passed": sum(positions[str(partition)] - account.since for partition, account in kept.items()),
        "lost": sum(account.lost for account in kept.values()),
        "tally": msgspec.structs.asdict(summed(kept)),
    }
