"""A member of the group that shares the shards.

    the driver's tasks ── heartbeats, and which shards are ours ── _assigned
                                                                      │ what we had stays where it was read to
    take ── join, once ── begin: where do new ones begin and end ─────┘
              └── fetch ── pages ── caught up, when the position has passed that end

Invariants:
* Heartbeats are the driver's own, and go on while nobody takes; it holds what it has fetched ahead, and asks for no
  more.
* A shard stays ours as long as no generation of the group is missed: what others may have had meanwhile was lost, and
  is gained once more.
* What wasn't taken when a call was cancelled is taken by the next one. Of a shard that was lost nothing is given any
  more.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable

from aiokafka import AIOKafkaConsumer, TopicPartition, errors

from logd.backends.partials.kafka_pages import Fetching, page_of
from logd.backends.transport import kafka_reader
from logd.backends.transport.kafka_membership import Listener, membership
from logd.backends.transport.kafka_reader import Topic, driver_of, opening, stop
from logd.errors import Unavailable
from logd.seams import Page, Taken


class KafkaShards:
    """Not for two callers at once."""

    def __init__(self, topic: Topic, group: str) -> None:
        self._topic = topic
        self._group = group
        self._driver: AIOKafkaConsumer | None = None
        self._fetching: Fetching | None = None
        self._joining: asyncio.Task[Fetching] | None = None
        self._owned = asyncio.Event()
        self._without_since = 0.0
        self._generation = -1
        #: Ours, and nobody has asked yet where they begin.
        self._new: set[int] = set()
        #: By shard that is ours, the position behind what was read of it.
        self._next: dict[int, int] = {}
        #: By shard that isn't caught up, where it ended after it was gained.
        self._ends: dict[int, int] = {}
        # To be given by the next call.
        self._pages: list[Page] = []
        self._gained: set[int] = set()
        self._lost: set[int] = set()
        self._caught_up: set[int] = set()
        self._closed = False

    async def take(self, wait_seconds: float) -> Taken:
        """See Partials.take. Raises Unavailable."""
        deadline = time.monotonic() + wait_seconds
        fetching = await self._joined()
        while True:
            if await self._has_shards(deadline - time.monotonic()):
                await self._begin()
                await self._read(fetching, 0.0 if self._has_news() else deadline - time.monotonic())
            if self._closed:
                raise Unavailable("the partials are closed")
            if self._has_news() or time.monotonic() >= deadline:
                return self._given()

    async def close(self) -> None:
        """Leaves the group. May be called twice."""
        self._closed = True
        self._owned.set()
        if self._joining is not None:
            await asyncio.wait([self._joining])
        driver, self._driver = self._driver, None
        if driver is not None:
            await stop(driver)

    async def _joined(self) -> Fetching:
        if self._closed:
            raise Unavailable("the partials are closed")
        if self._fetching is None:
            if self._joining is None or self._joining.done():
                self._joining = asyncio.create_task(self._join(), name="alerter.join")
            # It goes on when this call is cancelled: the next one needs it.
            return await asyncio.shield(self._joining)
        return self._fetching

    async def _join(self) -> Fetching:
        topic = self._topic
        driver = driver_of(topic.connection, topic.partitions, group_id=self._group, **membership())
        async with opening(topic.connection, f"group {self._group} can't be joined", lambda: stop(driver)):
            await driver.start()
            self._without_since = time.monotonic()
            driver.subscribe([topic.name], listener=Listener(self._revoked, self._assigned))
        self._driver, self._fetching = driver, Fetching(topic, driver)
        return self._fetching

    async def _has_shards(self, wait_seconds: float) -> bool:
        """Whether it is known which are ours, and be it none."""
        try:
            async with asyncio.timeout(max(wait_seconds, 0.0)):
                await self._owned.wait()
        except TimeoutError:
            if time.monotonic() - self._without_since > kafka_reader.SILENT_SECONDS:
                what = f"group {self._group} doesn't say which shards are ours"
                raise await self._topic.connection.explained(what) from None
            return False
        return True

    async def _begin(self) -> None:
        """New shards are read from their beginning."""
        driver, new = self._driver, frozenset(self._new)
        if not new or driver is None:
            return
        generation = self._generation
        places = [TopicPartition(self._topic.name, shard) for shard in sorted(new)]
        try:
            async with asyncio.timeout(kafka_reader.SILENT_SECONDS):
                oldest, ends = await driver.beginning_offsets(places), await driver.end_offsets(places)
        except TimeoutError:
            raise await self._topic.connection.explained(f"{self._topic.name} can't be read") from None
        except errors.KafkaError as error:
            raise self._topic.connection.failure(f"{self._topic.name} can't be read", error) from error
        if generation != self._generation or not self._owned.is_set() or self._closed:
            return  # they may be somebody else's
        if self._fetching is not None:
            self._fetching.heard()
        for place in places:
            driver.seek(place, oldest[place])
            self._next[place.partition] = oldest[place]
            self._ends[place.partition] = ends[place]
        self._new -= new
        self._gained |= new

    async def _read(self, fetching: Fetching, wait_seconds: float) -> None:
        for place, records in (await fetching.fetch(wait_seconds)).items():
            if place.partition in self._next:  # else it isn't begun, and will be read again
                self._next[place.partition] = records[-1].offset + 1
                self._pages += [page for record in records if (page := page_of(record)) is not None]
        for shard in list(self._ends):
            reached = await fetching.reached(TopicPartition(self._topic.name, shard))
            if shard in self._ends and reached is not None and reached >= self._ends[shard]:
                del self._ends[shard]
                self._caught_up.add(shard)

    def _has_news(self) -> bool:
        return bool(self._pages or self._gained or self._lost or self._caught_up)

    def _given(self) -> Taken:
        taken = Taken(self._pages, sorted(self._gained), sorted(self._lost), sorted(self._caught_up))
        self._pages = []
        for told in (self._gained, self._lost, self._caught_up):
            told.clear()
        return taken

    async def _revoked(self, _: Iterable[TopicPartition]) -> None:
        """The driver waits for this before it joins again. It takes no time: who has a shard next fences us."""
        if self._owned.is_set() and not self._closed:
            self._without_since = time.monotonic()
            self._owned.clear()

    def _assigned(self, places: Iterable[TopicPartition]) -> None:
        driver, fetching = self._driver, self._fetching
        if driver is None or fetching is None:
            return
        fetching.heard()
        ours = {place.partition for place in places if place.partition < self._topic.partitions}
        before, self._generation = self._generation, driver._coordinator.generation
        kept = ours & self._next.keys() if self._generation == before + 1 else set()
        gone = self._next.keys() - kept
        self._lost |= gone - self._gained
        self._gained -= gone
        self._caught_up -= gone
        self._pages = [page for page in self._pages if page.shard not in gone]
        self._next = {shard: self._next[shard] for shard in kept}
        self._ends = {shard: end for shard, end in self._ends.items() if shard in kept}
        for shard, position in self._next.items():
            driver.seek(TopicPartition(self._topic.name, shard), position)
        self._new = ours - kept
        self._owned.set()
