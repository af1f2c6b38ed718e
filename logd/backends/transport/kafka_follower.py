"""A reader over Kafka that is in no group: all partitions, and nothing waits for it.

All, also for who wants one service's lines: a chunk's key is what its header says, each line may say another one, and
other producers place their records by other hashes (librdkafka's is no murmur2), or by none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from aiokafka import TopicPartition, errors

from logd.backends.transport.kafka_reader import KafkaReader, Topic, driver_of, opening, stop
from logd.chunk import Message
from logd.errors import Unavailable
from logd.seams import StreamPositions


class KafkaFollower:
    """seams.Follower. Use `KafkaFollower.open`."""

    def __init__(self, topic: Topic, release: Callable[[KafkaFollower], None]) -> None:
        self._release = release
        self._topic = topic
        self._driver = driver_of(topic.connection, topic.partitions)
        self._reader = KafkaReader(topic, self._driver, _lost)
        self._closed = False

    @classmethod
    async def open(
        cls,
        topic: Topic,
        start: StreamPositions | None,
        since_us: int | None,
        release: Callable[[KafkaFollower], None],
    ) -> KafkaFollower:
        """`release` is called when it is closed. Raises Unavailable."""
        self = cls(topic, release)
        async with opening(topic.connection, f"{topic.name} can't be followed", self.close):
            await self._driver.start()
            places = self._places(range(topic.partitions))
            self._driver.assign(places)
            positions = await self._driver.end_offsets(places)
            if start is not None:
                # A partition that isn't named wasn't there yet.
                oldest = await self._driver.beginning_offsets(places)
                positions = {
                    place: min(max(start.get(place.partition, 0), oldest[place]), end)
                    for place, end in positions.items()
                }
            elif since_us is not None:
                # The brokers have cut off the microseconds of theirs. What is taken from now on is not before the ends.
                found = await self._driver.offsets_for_times(dict.fromkeys(places, max(since_us, 0) // 1_000))
                positions |= {place: at.offset for place, at in found.items() if at is not None}
            await self._reader.begin({place.partition: at for place, at in positions.items()})
        return self

    @property
    def positions(self) -> StreamPositions:
        return dict(self._reader.next)

    async def fetch(self, max_lines: int, wait_seconds: float) -> Sequence[Message]:
        if self._closed:
            raise Unavailable(f"the follower of {self._topic.name} is closed")
        try:
            await self._take_new()
        except errors.KafkaError as error:
            raise self._topic.connection.failure(f"{self._topic.name} can't be followed", error) from error
        return await self._reader.fetch(max_lines, wait_seconds)

    def lag(self) -> int:
        return self._reader.lag()

    async def close(self) -> None:
        if not self._closed:
            self._closed = True
            self._release(self)
            self._reader.close()
            await stop(self._driver)

    async def _take_new(self) -> None:
        """Partitions that the topic has got come from their beginning: there was nothing before."""
        there = self._driver.partitions_for_topic(self._topic.name) or set()
        if new := self._places(there - self._reader.next.keys()):
            oldest = await self._driver.beginning_offsets(new)
            positions = {**self._reader.next, **{place.partition: oldest[place] for place in new}}
            self._driver.assign(self._places(positions))
            await self._reader.begin(positions)

    def _places(self, partitions: Iterable[int]) -> list[TopicPartition]:
        return [TopicPartition(self._topic.name, partition) for partition in sorted(partitions)]


def _lost(partition: int, position: int, count: int) -> None:
    """Those who follow see it by the positions."""
