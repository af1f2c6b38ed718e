"""What alerters have counted of their parts of the stream: how it comes to who evaluates it, and through a restart."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

import msgspec

#: Of a page's value: Kafka's records are limited.
MAX_PAGE_BYTES = 900_000


class Page(msgspec.Struct, frozen=True):
    """What was counted, in the place of all that was published with the same key before. Whose rules it is of goes by
    the `shard`, from 0."""

    shard: int
    key: bytes
    value: bytes


class Taken(NamedTuple):
    """What is new to who evaluates. `lost` shards are somebody else's now. `gained` ones are ours from now on, and
    everything that was published of them will come; of those that are `caught_up`, all that had been published before
    they came has come, with these pages or earlier. Pages of a shard come in the order in which they were published; of
    those with the same key at least the last one. A shard that is lost and gained was lost first: somebody else may
    have had it in between."""

    pages: Sequence[Page] = ()
    gained: Sequence[int] = ()
    lost: Sequence[int] = ()
    caught_up: Sequence[int] = ()


class Partials(Protocol):
    """Every alerter's counts, for every alerter. The shards are shared by the processes that `take`: each is
    somebody's, soon after one came or went. Every call raises Unavailable when it can't be done now; then it changed
    nothing, or some pages were published."""

    @property
    def shards(self) -> int:
        """How many there are; for ever the same."""
        ...

    async def publish(self, pages: Sequence[Page]) -> None:
        """Keeps the pages, each in the place of what had its key, so that they outlive this process, and gives them to
        those who have their shards. Those of one shard are kept in order."""
        ...

    async def take(self, wait_seconds: float) -> Taken:
        """What came since the last call: something, unless nothing came within `wait_seconds`. The first call joins."""
        ...

    async def read(self, wanted: Callable[[bytes], bool]) -> Sequence[Page]:
        """Of all shards, every page that was published before this call and whose key is wanted; of those with the same
        key the last one."""
        ...

    async def close(self) -> None:
        """Leaves; what was published stays. May be called twice."""
        ...
