"""A group's reader over Kafka.

    brokers ── the driver: fetches ahead ── KafkaReader: buffer ── fetch ── … ── the sink's ack ── commit ── brokers
                   │ partitions are taken away: no more is given; what was given has REVOKE_SECONDS to be committed
                   │ partitions came: the first call after it asks where they begin, and goes on there

Invariants:
* A position is committed only by `commit`, only for a partition that is ours, and never backwards.
* A partition that comes (back) is read from what its group has committed. What we were given and have not committed is
  read again by whoever has it then, perhaps by us.
* A group that has committed nothing yet commits where it begins: so it is known, and sees what is deleted before it
  has read it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any

from aiokafka import TopicPartition, errors
from aiokafka.admin import AIOKafkaAdminClient

from logd.backends.transport import kafka_reader
from logd.backends.transport.kafka_account import Account, accounts
from logd.backends.transport.kafka_membership import REVOKE_SECONDS, Listener, membership
from logd.backends.transport.kafka_reader import KafkaReader, Topic, driver_of, opening, stop
from logd.chunk import Message
from logd.errors import ConfigError, Unavailable
from logd.seams import NOTHING, StreamPositions, Tally
from logd.telemetry import metrics

log = logging.getLogger("logd.transport")


class KafkaConsumer:
    """seams.Consumer. Use `KafkaConsumer.open`."""

    def __init__(
        self,
        topic: Topic,
        group: str,
        start: StreamPositions | None,
        admin: Callable[[], Awaitable[AIOKafkaAdminClient]],
    ) -> None:
        self._connection = topic.connection
        self.topic = self._topic = topic.name
        self.group = self._group = group
        self._start = dict(start or {})
        self._ends = topic.ends
        self._admin = admin
        self._driver = driver_of(topic.connection, topic.partitions, group_id=group, **membership())
        self._reader = KafkaReader(topic, self._driver, self._count_lost)
        self._committed: dict[int, int] = {}
        #: By partition, of each batch that was given: the first message's position, and when Kafka took it.
        self._given: dict[int, deque[tuple[int, int]]] = {}
        self._accounts: dict[int, Account] = {}
        self._lost: list[tuple[int, int, int]] = []  # partition, position, messages: not committed yet
        self._owned = asyncio.Event()
        self._without_since = time.monotonic()
        self._fresh = False  # partitions came, and nobody has asked yet where they begin
        self._beginning = asyncio.Lock()
        self._progress = asyncio.Event()
        self._closed = False

    @classmethod
    async def open(
        cls,
        topic: Topic,
        group: str,
        start: StreamPositions | None,
        admin: Callable[[], Awaitable[AIOKafkaAdminClient]],
    ) -> KafkaConsumer:
        """Joins the group. Raises Unavailable."""
        self = cls(topic, group, start, admin)
        async with opening(topic.connection, f"{topic.name} can't be read as group {group}", self.close):
            await self._driver.start()
            _keep_quiet(self._driver._coordinator)
            self._driver.subscribe([topic.name], listener=Listener(self._revoked, self._assigned))
            await self._owned.wait()
            await self._begin()
        return self

    async def fetch(self, max_lines: int, wait_seconds: float) -> Sequence[Message]:
        deadline = time.monotonic() + wait_seconds
        while True:
            if self._closed:
                raise Unavailable(f"the reader of {self._topic} is closed")
            left = max(deadline - time.monotonic(), 0.0)
            try:
                async with asyncio.timeout(left):
                    await self._owned.wait()
            except TimeoutError:
                if time.monotonic() - self._without_since > kafka_reader.SILENT_SECONDS:
                    what = f"group {self._group} is without partitions of {self._topic}"
                    raise await self._connection.explained(what) from None
                return []
            await self._begin_anew()
            if messages := await self._reader.fetch(max_lines, max(deadline - time.monotonic(), 0.0)):
                for partition, first in {message.partition: message for message in reversed(messages)}.items():
                    self._given.setdefault(partition, deque()).append((first.position, first.timestamp_us))
                return messages
            if time.monotonic() >= deadline:
                return []

    async def commit(self, positions: StreamPositions, tally: Tally = NOTHING) -> None:
        """See Consumer.commit. What isn't ours any more is left to who has it now."""
        if self._closed:
            raise Unavailable(f"the reader of {self._topic} is closed")
        await self._begin_anew()
        ours = {where.partition for where in self._driver.assignment()}
        ahead = {
            partition: position
            for partition, position in positions.items()
            if partition in ours and position > self._committed.get(partition, -1)
        }
        await self._commit(ahead, tally)
        self._progress.set()

    def lag(self) -> int:
        return self._reader.lag()

    def lags(self) -> Mapping[int, int]:
        """See Consumer.lags. While partitions are handed out anew, and until it is known where they begin: none."""
        known = self._owned.is_set() and not self._fresh and not self._beginning.locked()
        return self._reader.lags() if known else {}

    def bytes_each(self) -> float:
        """Of the values of the messages that were given last."""
        return self._reader.bytes_each

    def uncommitted(self) -> dict[int, int]:
        """By partition: messages that there are and that are not committed."""
        committed = self._committed
        return {number: max(0, self._ends.get(number, 0) - committed[number]) for number in committed}

    def uncommitted_since(self) -> dict[int, int]:
        """By partition: when Kafka took the oldest message that was given and is not committed, or one that was given
        along with it, in Unix µs."""
        since: dict[int, int] = {}
        for partition, batches in self._given.items():
            committed = self._committed.get(partition, 0)
            while len(batches) > 1 and batches[1][0] <= committed:
                batches.popleft()
            if batches and committed >= self._reader.next.get(partition, 0):
                batches.clear()
            if batches:
                since[partition] = batches[0][1]
        return since

    async def rewind(self, start: StreamPositions | None) -> None:
        """Becomes the reader that another `consume` of the same group would be. Raises Unavailable."""
        self._start = dict(start or {})
        self._reader.drop()
        self._fresh = True
        await self._begin_anew()

    async def close(self) -> None:
        """Leaves the group. May be called twice."""
        if not self._closed:
            self._closed = True
            self._reader.close()
            self._progress.set()
            await stop(self._driver)

    async def _begin_anew(self) -> None:
        if self._fresh:
            try:
                async with asyncio.timeout(kafka_reader.SILENT_SECONDS):
                    await self._begin()
            except TimeoutError:
                what = f"{self._topic} can't be read as group {self._group}"
                raise await self._connection.explained(what) from None
            except errors.KafkaError as error:
                raise self._connection.failure(f"{self._topic} can't be read as group {self._group}", error) from error

    async def _begin(self) -> None:
        """Goes on where the partitions that came begin, which takes three requests. Raises KafkaError."""
        async with self._beginning:
            if not self._fresh:
                return
            self._fresh = False
            try:
                places = sorted(self._driver.assignment())
                oldest = await self._driver.beginning_offsets(places) if places else {}
                committed = await asyncio.gather(*map(self._driver.committed, places))
                given = {place: at for place, at in zip(places, committed, strict=True) if at is not None}
                self._accounts = await accounts(await self._admin(), self._group, given)
                self._lost = []
                known = {place.partition: at for place, at in given.items()}
                positions = {place.partition: known.get(place.partition, oldest[place]) for place in places}
                positions |= {number: at for number, at in self._start.items() if number in positions}
                await self._reader.begin(positions)
                self._given = {}
                self._refuse_ahead()
                self._committed = known
                await self._commit({number: at for number, at in positions.items() if number not in known})
            except BaseException:
                self._fresh = True
                raise
            self._start = {}

    def _refuse_ahead(self) -> None:
        for partition, position in self._start.items():
            if position > (end := self._ends.get(partition, 0)):
                raise ConfigError(
                    f"the index has partition {partition} of {self._topic} up to {position}, Kafka up to {end}: "
                    "it is another Kafka, or the topic was made anew; see transport.kafka.servers and prefix"
                )

    async def _commit(self, positions: dict[int, int], tally: Tally = NOTHING) -> None:
        if not positions:
            return
        passed = [gap for gap in self._lost if gap[1] < positions.get(gap[0], 0)]
        now = {
            partition: self._accounts.get(partition, Account(at)).plus(
                tally if partition == min(positions) else NOTHING,
                sum(count for number, _, count in passed if number == partition),
            )
            for partition, at in positions.items()
        }
        offsets = {TopicPartition(self._topic, number): (at, now[number].encode()) for number, at in positions.items()}
        try:
            # The driver would try until a broker is there.
            async with asyncio.timeout(kafka_reader.SILENT_SECONDS):
                await self._driver.commit(offsets)
        except (errors.CommitFailedError, errors.IllegalStateError, errors.RebalanceInProgressError) as error:
            log.warning("group %s has other members now, who read again what wasn't committed: %s", self._group, error)
            return
        except TimeoutError:
            raise await self._connection.explained(f"group {self._group} can't commit to {self._topic}") from None
        except errors.KafkaError as error:
            raise self._connection.failure(f"group {self._group} can't commit to {self._topic}", error) from error
        self._committed |= positions
        self._accounts |= now
        self._lost = [gap for gap in self._lost if gap not in passed]

    async def _revoked(self, partitions: Iterable[TopicPartition]) -> None:
        """The driver waits for this before it lets go of them."""
        if self._owned.is_set():
            self._without_since = time.monotonic()
        self._owned.clear()
        self._reader.drop()
        given = {place.partition: self._reader.next.get(place.partition, 0) for place in partitions}
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(REVOKE_SECONDS):
                while not self._closed and self._uncommitted(given):
                    self._progress.clear()
                    await self._progress.wait()
        if left := self._uncommitted(given):
            log.warning(
                "group %s: %d messages of %s that were under way are left to the next owner",
                self._group,
                left,
                self._topic,
            )

    def _uncommitted(self, given: dict[int, int]) -> int:
        return sum(max(0, at - self._committed.get(partition, at)) for partition, at in given.items())

    def _assigned(self, partitions: Iterable[TopicPartition]) -> None:
        self._reader.drop()
        self._reader.next = {}  # nothing was given of them yet
        self._fresh = True
        self._owned.set()

    def _count_lost(self, partition: int, position: int, count: int) -> None:
        metrics.TRANSPORT_GAP.labels(self._topic, self._group).inc(count)
        self._lost.append((partition, position, count))
        log.error(
            "group %s LOST %d messages: Kafka deleted partition %d of %s from position %d on before they were read; "
            "its retention is too short for how far the group was behind",
            *(self._group, count, partition, self._topic, position),
        )


def _keep_quiet(coordinator: Any) -> None:
    """Of a commit that nobody waits for any more the driver leaves a task, of whose error asyncio would tell people."""
    commit = coordinator._do_commit_offsets

    def begun(*arguments: Any) -> asyncio.Task[Any]:
        task: asyncio.Task[Any] = asyncio.ensure_future(commit(*arguments))
        task.add_done_callback(lambda done: done.cancelled() or done.exception())
        return task

    coordinator._do_commit_offsets = begun
