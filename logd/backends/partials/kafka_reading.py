"""Every shard read from its beginning to its end of now, by whoever has it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition

from logd.backends.partials.kafka_pages import Fetching, page_of
from logd.backends.transport.kafka_reader import Topic, driver_of, opening, stop
from logd.errors import Unavailable
from logd.seams import Page

#: Connecting takes some milliseconds.
_START_SECONDS = 5.0


async def read(topic: Topic, wanted: Callable[[bytes], bool], closed: Callable[[], bool]) -> Sequence[Page]:
    """See Partials.read; holds what is wanted, compressed, and what the driver fetches ahead. Ends soon once it is
    `closed`. Raises Unavailable."""
    driver = driver_of(topic.connection, topic.partitions)
    places = [TopicPartition(topic.name, shard) for shard in range(topic.partitions)]
    async with opening(topic.connection, f"{topic.name} can't be read", lambda: stop(driver)):
        await _start(driver)
        driver.assign(places)
        oldest, ends = await driver.beginning_offsets(places), await driver.end_offsets(places)
        for place in places:
            driver.seek(place, oldest[place])
    try:
        kept = await _last_of_each(Fetching(topic, driver), driver, ends, wanted, closed)
    finally:
        await stop(driver)
    return [page for record in kept if (page := page_of(record)) is not None]


async def _start(driver: AIOKafkaConsumer) -> None:
    """Where it is interrupted, the driver leaves connections behind: who is cancelled waits for it, if not for long."""
    starting = asyncio.create_task(driver.start(), name="alerter.read")
    try:
        await asyncio.shield(starting)
    except asyncio.CancelledError:
        await asyncio.wait([starting], timeout=_START_SECONDS)
        starting.cancel()
        await asyncio.wait([starting])
        raise


async def _last_of_each(
    fetching: Fetching,
    driver: AIOKafkaConsumer,
    ends: dict[TopicPartition, int],
    wanted: Callable[[bytes], bool],
    closed: Callable[[], bool],
) -> Sequence[Any]:
    """The records, those of a shard in their order."""
    kept: dict[tuple[int, bytes], Any] = {}
    behind = {place for place in ends if (await fetching.reached(place) or 0) < ends[place]}
    while behind:
        if closed():
            raise Unavailable("the partials are closed")
        for place, records in (await fetching.fetch(1.0)).items():
            for record in records:
                key = record.key or b""
                if wanted(key):
                    kept.pop((place.partition, key), None)
                    kept[place.partition, key] = record
        for place in list(behind):
            if (await fetching.reached(place) or 0) >= ends[place]:
                behind.remove(place)
                driver.pause(place)  # what came since is of no interest
    return list(kept.values())
