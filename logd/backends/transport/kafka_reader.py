"""What both kinds of Kafka reader have: messages as they come from the driver, in the order of each partition.

The driver fetches ahead, at most FETCH_BYTES for a request and its part of HELD_BYTES for a partition; of a partition
whose messages weren't taken it asks for no more. So who doesn't fetch makes nothing grow; and once nobody has fetched
for IDLE_SECONDS, all partitions are paused, until somebody does.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from typing import Any, NamedTuple

from aiokafka import AIOKafkaConsumer, TopicPartition, errors

from logd.backends.transport.kafka_client import Connection
from logd.backends.transport.kafka_records import message_of
from logd.chunk import Message, line_count
from logd.errors import Corrupt, Unavailable

log = logging.getLogger("logd.transport")
#: One fetch holds at most this of values, and one request to a broker asks for no more.
FETCH_BYTES = 16 * 1024 * 1024
#: What the driver may hold of all partitions, and the least of one: a few chunks, which are fetched together.
HELD_BYTES = 48 * 1024 * 1024
_PARTITION_BYTES = (128 * 1024, 1024 * 1024)
#: A wait is cut into pieces: between them it is seen that partitions were taken away, or came.
_SLICE_SECONDS = 0.5
#: A reader that hears nothing for so long is told; a new leader is found sooner.
SILENT_SECONDS = 15.0
#: Longer than an index takes for a batch: to stop and go on would cost what was fetched ahead.
IDLE_SECONDS = 30.0
#: A topic's new partitions are seen after so long, by groups and by followers.
METADATA_SECONDS = 60.0
#: For the first assignment: the brokers wait for other members, and for those that are dead.
_OPEN_SECONDS = 60.0
#: Leaving a group is one request; a broker that doesn't answer must not hold up the end of the process.
_STOP_SECONDS = 10.0


class Topic(NamedTuple):
    """What a reader reads: its name, how many partitions it has, and the positions behind what is known to be in it, by
    partition, which appends of this process move too."""

    connection: Connection
    name: str
    partitions: int
    ends: dict[int, int]


@contextlib.asynccontextmanager
async def opening(connection: Connection, what: str, close: Callable[[], Awaitable[None]]) -> AsyncIterator[None]:
    """What fails within this is closed. Raises Unavailable for what is Kafka's fault, and when it takes too long;
    `what` is then what can't be done."""
    try:
        async with asyncio.timeout(_OPEN_SECONDS):
            yield
    except TimeoutError:
        await close()
        raise Unavailable(f"{what}: Kafka gives it nothing within {_OPEN_SECONDS:g} s") from None
    except errors.KafkaError as error:
        await close()
        raise connection.failure(what, error) from error
    except BaseException:
        await close()
        raise


def driver_of(connection: Connection, partitions: int, **options: Any) -> AIOKafkaConsumer:
    """A consumer of the driver, not started, for a topic with so many partitions."""
    least, most = _PARTITION_BYTES
    return AIOKafkaConsumer(
        **connection.options,
        **options,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        metadata_max_age_ms=int(METADATA_SECONDS * 1000),
        fetch_max_bytes=FETCH_BYTES,
        max_partition_fetch_bytes=max(least, min(most, HELD_BYTES // max(partitions, 1))),
    )


async def stop(driver: AIOKafkaConsumer) -> None:
    """Leaves its group and closes its connections, also while no broker answers."""
    with contextlib.suppress(errors.KafkaError, TimeoutError):
        try:
            async with asyncio.timeout(_STOP_SECONDS):
                await driver.stop()
        except asyncio.CancelledError:
            # The driver raises this by itself where a request of it waited to be tried again, and stops there.
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
        finally:
            await driver._client.close()


class KafkaReader:
    """Not for two callers at once. `lost` is told of messages that were deleted before they were read."""

    def __init__(self, topic: Topic, driver: AIOKafkaConsumer, lost: Callable[[int, int, int], None]) -> None:
        self._connection = topic.connection
        self._driver = driver
        self._topic = topic.name
        self._ends = topic.ends
        self._lost = lost
        #: By partition the position of the message that is given next, unless it is gone by then.
        self.next: dict[int, int] = {}
        self._reached: dict[int, int] = {}  # of those in the buffer
        self._buffer: list[Message] = []
        self._gaps: list[tuple[int, int, int]] = []
        self._lines_each = 1.0
        #: Of the values of the messages that were given last.
        self.bytes_each = 0.0
        self._idle: asyncio.TimerHandle | None = None
        self._closed = False
        self._turn = 0
        self._begun_ms = 0.0

    async def begin(self, positions: dict[int, int]) -> None:
        """Goes on there, and nowhere else. Raises KafkaError."""
        partitions = [TopicPartition(self._topic, partition) for partition in positions]
        ends = await self._driver.end_offsets(partitions) if partitions else {}
        for partition in partitions:
            self._ends[partition.partition] = max(self._ends.get(partition.partition, 0), ends[partition])
            self._driver.seek(partition, positions[partition.partition])
        self._begun_ms = time.time() * 1000
        self.next = dict(positions)
        self._reached = dict(positions)
        self.drop()

    def drop(self) -> None:
        """What was fetched ahead is of no interest any more."""
        self._buffer = []
        self._gaps = []
        self._turn += 1
        self._rest()

    def close(self) -> None:
        """No more is given."""
        self._closed = True
        self.drop()
        self._wake()

    def lag(self) -> int:
        """Messages that there are behind those that were given."""
        return sum(self.lags().values())

    def lags(self) -> dict[int, int]:
        """The same, by partition."""
        return {partition: max(0, self._ends.get(partition, 0) - at) for partition, at in self.next.items()}

    async def fetch(self, max_lines: int, wait_seconds: float) -> Sequence[Message]:
        """See Consumer.fetch; comes back early, with nothing, after `drop` and `begin`."""
        self._wake()
        try:
            return await self._fetch(max_lines, wait_seconds)
        finally:
            self._rest()

    async def _fetch(self, max_lines: int, wait_seconds: float) -> Sequence[Message]:
        deadline = time.monotonic() + wait_seconds
        turn, taken, lines, size = self._turn, 0, 0, 0
        while True:
            while taken < len(self._buffer):
                message = self._buffer[taken]
                taken += 1
                lines += line_count(message.headers)
                size += len(message.value)
                if lines >= max_lines or size >= FETCH_BYTES:
                    return self._take(taken, lines)
            wait = 0.0 if taken else deadline - time.monotonic()
            more = await self._fill(max_lines - lines, min(max(wait, 0.0), _SLICE_SECONDS))
            if turn != self._turn:
                return []
            if not more and (taken or time.monotonic() >= deadline):
                return self._take(taken, lines)

    def _take(self, count: int, lines: int) -> Sequence[Message]:
        messages, self._buffer = self._buffer[:count], self._buffer[count:]
        for message in messages:
            self.next[message.partition] = message.position + 1
        if count:
            self._lines_each = lines / count
            self.bytes_each = sum(len(message.value) for message in messages) / count
        return messages

    def _wake(self) -> None:
        if self._idle is not None:
            self._idle.cancel()
            self._idle = None
        if paused := self._driver.paused():
            self._driver.resume(*paused)
            self._begun_ms = time.time() * 1000  # nobody was asked for a while, and so nobody has answered

    def _rest(self) -> None:
        """The driver asks for no more unless somebody fetches soon."""
        if self._idle is None and not self._closed:
            self._idle = asyncio.get_running_loop().call_later(IDLE_SECONDS, self._pause)

    def _pause(self) -> None:
        self._idle = None
        self._driver.pause(*self._driver.assignment())

    async def _fill(self, lines: int, wait_seconds: float) -> bool:
        """Adds what the driver has; whether that was anything. Nothing is lost when this is cancelled."""
        turn = self._turn
        count = max(1, int(lines / max(self._lines_each, 1.0)))
        fetched: dict[TopicPartition, list[Any]] = {}
        try:
            # The driver's own time limit isn't kept while partitions are handed out anew.
            async with asyncio.timeout(wait_seconds + 0.1):
                fetched = await self._driver.getmany(timeout_ms=int(wait_seconds * 1000), max_records=count)
        except TimeoutError:
            pass
        except (errors.CorruptRecordException, UnicodeDecodeError) as error:
            raise Corrupt(f"{self._topic} has a record that can't be read: {error}") from error
        except errors.KafkaError as error:
            raise self._connection.failure(f"{self._topic} can't be read", error) from error
        if turn != self._turn:
            return False  # they are of partitions as they were; they will be fetched again
        for partition, records in fetched.items():
            self._add(partition.partition, records)
        self._see_ends()
        if not fetched and self.lag():
            await self._pass_missing()
        if not fetched and self._is_silent():
            raise await self._connection.explained(f"no broker has answered for {self._topic} of late")
        if self._gaps:
            await self._tell_gaps()
        return bool(fetched)

    def _add(self, partition: int, records: Sequence[Any]) -> None:
        expected, found = self._reached.get(partition), records[0].offset
        if expected is not None and found != expected:
            self._gaps.append((partition, expected, found))
        self._buffer.extend(map(message_of, records))
        self._reached[partition] = records[-1].offset + 1
        self._ends[partition] = max(self._ends.get(partition, 0), records[-1].offset + 1)

    def _is_silent(self) -> bool:
        """Brokers answer each fetch within half a second, also when there is nothing."""
        answers = [self._driver.last_poll_timestamp(partition) or 0 for partition in self._driver.assignment()]
        return bool(answers) and time.time() - max(*answers, self._begun_ms) / 1000 > SILENT_SECONDS

    def _see_ends(self) -> None:
        for partition in self._driver.assignment():
            end = self._driver.highwater(partition)
            if end is not None:
                self._ends[partition.partition] = max(self._ends.get(partition.partition, 0), end)

    async def _pass_missing(self) -> None:
        """Where there is no message left before the end, the driver goes on behind what is missing."""
        for partition in self._assigned(self.next):
            number = partition.partition
            if self._ends.get(number, 0) <= self.next[number] or self._reached[number] != self.next[number]:
                continue
            turn = self._turn
            position = None
            with contextlib.suppress(TimeoutError, errors.KafkaError):
                async with asyncio.timeout(0.1):
                    position = await self._driver.position(partition)
            if turn == self._turn and position is not None and position > self.next[number]:
                self._gaps.append((number, self.next[number], position))
                self.next[number] = self._reached[number] = position

    async def _tell_gaps(self) -> None:
        """A gap may also be what a transaction's end takes: only what is below the oldest message was deleted."""
        while self._gaps:
            partition, expected, found = self._gaps[0]
            turn = self._turn
            where = TopicPartition(self._topic, partition)
            try:
                oldest = (await self._driver.beginning_offsets([where]))[where]
            except errors.KafkaError:
                return  # the next fetch asks again
            if turn != self._turn:
                return
            del self._gaps[0]
            if found < expected:
                log.warning(
                    "partition %d of %s goes on at %d, not at %d: what is there is read again",
                    *(partition, self._topic, found, expected),
                )
            elif (lost := min(oldest, found) - expected) > 0:
                self._lost(partition, expected, lost)

    def _assigned(self, partitions: Iterable[int]) -> list[TopicPartition]:
        here = self._driver.assignment()
        return [where for where in (TopicPartition(self._topic, number) for number in partitions) if where in here]
