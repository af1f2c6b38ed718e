"""Every implementation of seams.Partials over a store that outlives it, and one who takes from them."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from pathlib import Path
from typing import Protocol

from logd.backends.partials.kafka import KafkaPartials
from logd.backends.partials.sqlite import SqlitePartials
from logd.errors import Unavailable
from logd.seams import Page, Partials, Taken
from tests.support.transports import KafkaStore

#: A busy machine may take so long for whatever is waited for.
PATIENCE_SECONDS = 120


class Store(Protocol):
    """Where partials keep what they have; `folder` is the test's own."""

    def __init__(self, folder: Path) -> None: ...

    async def open(self, shards: int = 4) -> Partials:
        """Partials over it, as a starting process opens them; what makes shards makes so many."""
        ...


class SqliteFile:
    """One file, one shard."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "alerts.db"

    async def open(self, shards: int = 4) -> Partials:
        return await SqlitePartials.open(self.path)


class KafkaTopic:
    """A topic and a group of the folder's own."""

    def __init__(self, folder: Path) -> None:
        self.topics = KafkaStore(folder)

    async def open(self, shards: int = 4) -> Partials:
        return await KafkaPartials.open(self.topics.settings(acks="1"), shards)


STORES: dict[str, type[Store]] = {"sqlite": SqliteFile, "kafka": KafkaTopic}


@contextlib.asynccontextmanager
async def opened(store: Store, shards: int = 4) -> AsyncIterator[Partials]:
    """Partials over the store, closed afterwards."""
    partials = await store.open(shards)
    try:
        yield partials
    finally:
        async with asyncio.timeout(PATIENCE_SECONDS):
            await partials.close()


class Taker:
    """Takes as one who evaluates does, and checks that what it is told fits together."""

    def __init__(self, partials: Partials) -> None:
        self.partials = partials
        self.ours: set[int] = set()
        self.caught_up: set[int] = set()
        #: By shard, from when it was gained on, in order.
        self.pages: dict[int, list[Page]] = {}
        self.gains = 0

    async def take(self, wait_seconds: float = 0.25) -> Taken:
        """One call."""
        taken = await self.partials.take(wait_seconds)
        assert self.ours >= set(taken.lost), "only what was ours is lost"
        self.ours -= set(taken.lost)
        self.caught_up -= set(taken.lost)
        assert not self.ours & set(taken.gained), "what is ours isn't gained"
        self.ours |= set(taken.gained)
        self.gains += len(taken.gained)
        for shard in taken.gained:
            self.pages[shard] = []
        for page in taken.pages:
            assert page.shard in self.ours, "pages are of our shards"
            self.pages[page.shard].append(page)
        assert set(taken.caught_up) <= self.ours - self.caught_up
        self.caught_up |= set(taken.caught_up)
        return taken

    async def until(self, true: Callable[[], object]) -> None:
        """Takes until it is true."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not true():
            assert time.monotonic() < deadline
            await self.take()

    async def until_caught_up(self) -> None:
        """With all shards that there are."""
        await self.until(lambda: len(self.caught_up) == self.partials.shards)

    def last(self) -> dict[bytes, bytes]:
        """By key, of all shards that are ours, the last value; without those that are empty."""
        found = {page.key: page.value for shard in self.ours for page in self.pages[shard]}
        return {key: value for key, value in found.items() if value}


async def together(takers: Sequence[Taker], true: Callable[[], object]) -> None:
    """All of them take until it is true."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not true():
        assert time.monotonic() < deadline
        await asyncio.gather(*(taker.take(0.1) for taker in takers))


async def again(call: Callable[[], Awaitable[object]]) -> None:
    """As an alerter does: until it isn't Unavailable."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            await call()
            return
        except Unavailable:
            assert time.monotonic() < deadline
            await asyncio.sleep(0.1)


def pages_of(partials: Partials, numbers: Iterable[int], value: str = "") -> list[Page]:
    """A page for each number, its key, in one of the shards."""
    return [Page(number % partials.shards, b"%d" % number, (value or f"value {number}").encode()) for number in numbers]


def values_of(pages: Iterable[Page]) -> dict[bytes, bytes]:
    """By key, the last."""
    return {page.key: page.value for page in pages}
