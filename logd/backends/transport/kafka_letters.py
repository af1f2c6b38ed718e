"""Dead letters over Kafka: one partition after the other, from the oldest letter on, less those that are done.

    dead-letters ── scan: a fetch at a time ── less kafka_done ── look, read
         │                     └── step: append to raw-logs, then mark ── replay     mark ── remove
         └── what is done at the beginning of a partition is deleted in Kafka too, if we may

Invariants:
* A letter's position is its partition times 2^40, and its offset and 1. logd makes the topic with one partition, where
  positions are as those of SQLite; another's has its letters in the order of its partitions.
* Every call begins by reading the marks to their end: what one process has moved or removed, no other shows.
* A replay appends first, and marks then: what is killed in between, and what two processes replay in the same moment,
  is in raw-logs twice, says `replayed`, and is stored once.
* At most FETCH_BYTES of letters are held at a time.
"""

from __future__ import annotations

import asyncio
import bisect
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any, Protocol, TypeVar

import msgspec
from aiokafka import AIOKafkaConsumer, TopicPartition, errors
from aiokafka.admin import RecordsToDelete

from logd.backends.transport import kafka_reader
from logd.backends.transport.kafka_client import Connection
from logd.backends.transport.kafka_done import Done, marks_of, parse
from logd.backends.transport.kafka_reader import driver_of, stop
from logd.backends.transport.kafka_records import message_of
from logd.backends.transport.kafka_topics import DONE, Topics
from logd.chunk import Envelope, Message, line_count
from logd.deadletters import replayed
from logd.errors import NotFound, RecordRejected
from logd.seams import DEAD_LETTERS, RAW_LOGS, Appended, Moved

log = logging.getLogger("logd.transport")
#: What is appended and marked together: what a crash in between sends twice.
_STEP_MESSAGES = 256
#: No partition has so many letters.
_OFFSETS = 2**40
#: Of one wait: an empty fetch is answered after half a second.
_WAIT_MS = 1_000
T = TypeVar("T")
Append = Callable[[str, Sequence[Envelope]], Awaitable[Appended]]
#: The offset of the next letter that is asked for, from one on; None for none.
Next = Callable[[int], int | None]


class _Take(Protocol):
    """Does something about letters of one partition; gives what came of it, and the offsets that are done."""

    async def __call__(self, letters: Sequence[Message]) -> tuple[Moved, str, Sequence[int]]: ...


class KafkaDeadLetters:
    """seams.DeadLetters. `append` is the transport's."""

    def __init__(self, connection: Connection, topics: Topics, append: Append, prefix: str) -> None:
        self._connection = connection
        self._topics = topics
        self._append = append
        self._letters, self._marks = prefix + DEAD_LETTERS, prefix + DONE
        self._done = Done()
        self._read_up_to: dict[int, int] = {}  # of the marks
        self._reading = asyncio.Lock()
        self._moving = asyncio.Lock()

    async def look(self, after: int, limit: int, see: Callable[[Message], T]) -> list[T]:
        found: list[T] = []
        async with self._asking() as driver:
            for place, begin, end in await self._places(driver):
                begin = max(begin, _offset_after(place.partition, after))
                async for letters in self._scan(driver, place, begin, end, self._undone(place), limit - len(found)):
                    wanted = letters[: limit - len(found)]
                    found += await asyncio.to_thread(lambda some: [see(letter) for letter in some], wanted)
                    if len(found) >= limit:
                        return found
        return found

    async def read(self, position: int) -> Message:
        found = await self.look(position - 1, 1, lambda message: message)
        if not found or found[0].position != position:
            raise NotFound(f"there is no dead letter at position {position}")
        return found[0]

    async def replay(self, positions: Sequence[int] | None) -> Moved:
        return await self._move(positions, self._replay)

    async def remove(self, positions: Sequence[int] | None, before_us: int | None = None) -> Moved:
        async def take(letters: Sequence[Message]) -> tuple[Moved, str, Sequence[int]]:
            old = [one for one in letters if before_us is None or one.timestamp_us < before_us]
            lines = sum(line_count(letter.headers) for letter in old)
            return Moved(len(old), lines), "removed", [_offset(letter) for letter in old]

        return await self._move(positions, take)

    async def held(self) -> int:
        """How many there are, of which some may not be letters: a topic's other producers. Raises Unavailable."""
        async with self._asking() as driver:
            places = await self._places(driver)
            return sum(end - begin - self._done.count(place.partition, begin, end) for place, begin, end in places)

    async def _move(self, positions: Sequence[int] | None, take: _Take) -> Moved:
        """Those that there are at the beginning, in steps, each of which is marked before the next one."""
        done, found = Moved(), set[int]()
        wanted = None if positions is None else sorted(set(positions))
        async with self._moving, self._asking() as driver:
            places = await self._places(driver)
            for place, begin, end in places:
                asked = self._undone(place) if wanted is None else self._named(place, wanted)
                async for letters in self._scan(driver, place, begin, end, asked, _STEP_MESSAGES):
                    moved, how, offsets = await take(letters)
                    await self._mark(place.partition, offsets, how)
                    done += moved
                    found.update(letter.position for letter in letters)
            await self._tidy({place: begin for place, begin, _ in places})
        return done + Moved(missing=[position for position in wanted or () if position not in found])

    async def _replay(self, letters: Sequence[Message]) -> tuple[Moved, str, Sequence[int]]:
        envelopes: dict[int, Envelope] = {}
        refused: dict[int, str] = {}
        for letter in letters:
            try:
                envelopes[_offset(letter)] = replayed(letter)
            except RecordRejected as error:
                refused[letter.position] = str(error)
        await self._append(RAW_LOGS, list(envelopes.values()))
        lines = sum(line_count(letter.headers) for letter in letters if letter.position not in refused)
        return Moved(len(envelopes), lines, (), refused), "replayed", list(envelopes)

    async def _mark(self, partition: int, offsets: Sequence[int], how: str) -> None:
        marks = marks_of(partition, offsets, self._done)
        await self._append(DONE, [mark.envelope(how) for mark in marks])
        for mark in marks:
            self._done.add(mark)

    async def _tidy(self, begins: dict[TopicPartition, int]) -> None:
        """Has Kafka delete the letters before the first that isn't done, and the marks that nobody needs then. Who may
        not do that has them hidden all the same, until they are too old."""
        oldest = {place: self._done.skip(place.partition, begin) for place, begin in begins.items()}
        gone = {place: RecordsToDelete(at) for place, at in oldest.items() if at > begins[place]}
        try:
            admin = await self._topics.admin()
            if gone:
                await admin.delete_records(gone)
            passed = self._done.forget({place.partition: at for place, at in oldest.items()})
            if passed:
                marks = {TopicPartition(self._marks, number): RecordsToDelete(at) for number, at in passed.items()}
                await admin.delete_records(marks)
        except (errors.KafkaError, OSError, TimeoutError) as error:
            log.info("what is done of %s stays in Kafka until it is too old: %r", self._letters, error)

    @contextlib.asynccontextmanager
    async def _asking(self) -> AsyncIterator[AIOKafkaConsumer]:
        """A connection for one call, once all marks are read. Raises Unavailable."""
        for name in (self._letters, self._marks):
            await self._topics.ensure(name)
        driver = driver_of(self._connection, 1)
        try:
            await driver.start()
            async with self._reading:
                await self._read_marks(driver)
            yield driver
        except (errors.KafkaError, OSError, TimeoutError) as error:
            raise self._connection.failure("the dead letters can't be read", error) from error
        finally:
            await stop(driver)

    async def _read_marks(self, driver: AIOKafkaConsumer) -> None:
        for place, begin, end in await _ends(driver, await self._partitions(self._marks), self._marks):
            known = self._read_up_to.get(place.partition, 0)
            if known > end:  # the topic was made anew
                known = 0
            async for records in _records(driver, place, max(begin, known), end, lambda offset: offset, _STEP_MESSAGES):
                for record in records:
                    if (mark := parse(record.key)) is not None:
                        self._done.read(mark, place.partition, record.offset)
            self._read_up_to[place.partition] = end

    async def _places(self, driver: AIOKafkaConsumer) -> list[tuple[TopicPartition, int, int]]:
        """Each partition with letters, where its first one is, and where the next one will be."""
        return await _ends(driver, await self._partitions(self._letters), self._letters)

    async def _partitions(self, name: str) -> int:
        (topic,) = await (await self._topics.admin()).describe_topics([name])
        return len(topic["partitions"])

    async def _scan(
        self, driver: AIOKafkaConsumer, place: TopicPartition, begin: int, end: int, asked: Next, limit: int
    ) -> AsyncIterator[Sequence[Message]]:
        """The letters in a part of a partition that are asked for, at most `limit` at a time."""
        async for records in _records(driver, place, begin, end, asked, limit):
            letters = map(message_of, records)
            yield [msgspec.structs.replace(one, position=_position(one.partition, one.position)) for one in letters]

    def _undone(self, place: TopicPartition) -> Next:
        return lambda offset: self._done.skip(place.partition, offset)

    def _named(self, place: TopicPartition, wanted: Sequence[int]) -> Next:
        def following(offset: int) -> int | None:
            while True:
                at = bisect.bisect_left(wanted, _position(place.partition, offset))
                if at == len(wanted) or wanted[at] > _position(place.partition, _OFFSETS - 2):
                    return None
                named = wanted[at] - _position(place.partition, 0)
                offset = self._done.skip(place.partition, named)
                if offset == named:
                    return named

        return following


async def _ends(driver: AIOKafkaConsumer, partitions: int, topic: str) -> list[tuple[TopicPartition, int, int]]:
    places = [TopicPartition(topic, number) for number in range(partitions)]
    begins, ends = await asyncio.gather(driver.beginning_offsets(places), driver.end_offsets(places))
    return [(place, begins[place], ends[place]) for place in places if begins[place] < ends[place]]


async def _records(
    driver: AIOKafkaConsumer, place: TopicPartition, begin: int, end: int, asked: Next, limit: int
) -> AsyncIterator[Sequence[Any]]:
    """The driver's records before `end` that are asked for. Raises KafkaError, and TimeoutError when none comes."""
    position = asked(begin)
    if position is None or position >= end:
        return
    driver.assign([place])
    driver.seek(place, position)
    while position is not None and position < end:
        records: Sequence[Any] = ()
        async with asyncio.timeout(kafka_reader.SILENT_SECONDS):
            while not records and position < end:
                records = (await driver.getmany(place, timeout_ms=_WAIT_MS, max_records=limit)).get(place, ())
                if not records:  # there may be nothing but gaps before the end
                    position = max(position, await driver.position(place))
        found = [record for record in records if record.offset < end and asked(record.offset) == record.offset]
        reached = records[-1].offset + 1 if records else position
        if found:
            yield found
        position = asked(reached)
        if position is not None and position > reached and position < end:
            driver.seek(place, position)


def _position(partition: int, offset: int) -> int:
    return partition * _OFFSETS + offset + 1


def _offset(letter: Message) -> int:
    return letter.position - _position(letter.partition, 0)


def _offset_after(partition: int, position: int) -> int:
    """The first offset of a partition whose letter is behind a position."""
    return max(0, min(_OFFSETS, position + 1 - _position(partition, 0)))
