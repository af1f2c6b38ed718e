"""A reader over Kafka that is in no group: all partitions, and nothing waits for it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from aiokafka import TopicPartition, errors

from logd.backends.transport.kafka_client import Connection
from logd.backends.transport.kafka_reader import KafkaReader, driver_of, stop
from logd.chunk import Message
from logd.errors import Unavailable
from logd.seams import StreamPositions


class KafkaFollower:
    """seams.Follower. Use `KafkaFollower.open`."""

    def __init__(
        self,
        connection: Connection,
        topic: str,
        partitions: int,
        ends: dict[int, int],
        release: Callable[[KafkaFollower], None],
    ) -> None:
        self._release = release
        self._topic = topic
        self._driver = driver_of(connection, partitions)
        self._reader = KafkaReader(connection, self._driver, topic, ends, _lost)
        self._closed = False

    @classmethod
    async def open(
        cls,
        connection: Connection,
        topic: str,
        partitions: int,
        start: StreamPositions | None,
        ends: dict[int, int],
        release: Callable[[KafkaFollower], None],
    ) -> KafkaFollower:
        """`release` is called when it is closed. Raises Unavailable."""
        self = cls(connection, topic, partitions, ends, release)
        try:
            await self._driver.start()
            places = [TopicPartition(topic, partition) for partition in range(partitions)]
            self._driver.assign(places)
            if start is None:
                positions = await self._driver.end_offsets(places)
            else:
                # A partition that isn't named wasn't there yet.
                oldest = await self._driver.beginning_offsets(places)
                ends_now = await self._driver.end_offsets(places)
                positions = {
                    place: min(max(start.get(place.partition, 0), oldest[place]), ends_now[place]) for place in places
                }
            await self._reader.begin({place.partition: at for place, at in positions.items()})
        except errors.KafkaError as error:
            await self.close()
            raise connection.failure(f"{topic} can't be followed", error) from error
        except BaseException:
            await self.close()
            raise
        return self

    @property
    def positions(self) -> StreamPositions:
        return dict(self._reader.next)

    async def fetch(self, max_lines: int, wait_seconds: float) -> Sequence[Message]:
        if self._closed:
            raise Unavailable(f"the follower of {self._topic} is closed")
        return await self._reader.fetch(max_lines, wait_seconds)

    def lag(self) -> int:
        return self._reader.lag()

    async def close(self) -> None:
        if not self._closed:
            self._closed = True
            self._release(self)
            self._reader.drop()
            await stop(self._driver)


def _lost(partition: int, position: int, count: int) -> None:
    """Those who follow see it by the positions."""
