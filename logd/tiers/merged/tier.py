"""What a request asks of a tier, whose part of the records it is about."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Literal, NamedTuple, TypeVar

import msgspec

from logd.errors import Unavailable
from logd.seams import (
    Archived,
    Buckets,
    Fields,
    Found,
    FoundFields,
    Groups,
    Histogram,
    Mined,
    Patterns,
    Search,
    Searches,
    Stats,
)

Name = Literal["index", "archive"]
A = TypeVar("A", Search, Histogram, Stats, Fields, Patterns)
F = TypeVar("F")
T = TypeVar("T")
#: Of the time that is left, what the archive has: without its answer there has to be time for the index's.
_SHARE = {"index": 1.0, "archive": 0.6}


class Away(Unavailable):
    """A tier that can't be asked now."""

    def __init__(self, tier: Name, why: Unavailable) -> None:
        super().__init__(str(why), why.retry_after_seconds, why.status)
        self.tier = tier


class Tier:
    """An index or an archive within one request. `cold` are the days that the archive answers for: its own, if this is
    the archive, whose searches are of these alone. `end` is when the answer has to be there, by time.monotonic. Every
    call raises Away."""

    def __init__(self, name: Name, searches: Searches, cold: Archived, end: float | None) -> None:
        self.name = name
        self.cold = cold
        self.read = False
        self._searches = searches
        self._end = end

    async def search(self, asked: Search) -> Found:
        """See seams.Searches."""
        return await self._ask(self._searches.search, asked)

    async def histogram(self, asked: Histogram) -> Buckets:
        """See seams.Searches."""
        return await self._ask(self._searches.histogram, asked)

    async def stats(self, asked: Stats) -> Groups:
        """See seams.Searches."""
        return await self._ask(self._searches.stats, asked)

    async def fields(self, asked: Fields) -> FoundFields:
        """See seams.Searches."""
        return await self._ask(self._searches.fields, asked)

    async def patterns(self, asked: Patterns) -> Mined:
        """See seams.Searches."""
        return await self._ask(self._searches.patterns, asked)

    async def explain(self, asked: Search) -> dict[str, Any]:
        """See seams.Searches."""
        return await self._ask(self._searches.explain, asked)

    async def _ask(self, ask: Callable[[A], Awaitable[F]], asked: A) -> F:
        self.read |= self.name == "index"
        if self.name == "index" and self.cold:
            asked = msgspec.structs.replace(asked, archived=self.cold)
        try:
            if self._end is None:
                return self._told(await ask(asked))
            seconds = max(0.001, self._end - time.monotonic()) * _SHARE[self.name]
            asked = msgspec.structs.replace(asked, within_seconds=seconds)
            if self.name == "index":
                return await ask(asked)
            try:
                async with asyncio.timeout(seconds):
                    return self._told(await ask(asked))
            except TimeoutError as error:
                raise Unavailable(f"it didn't answer within {seconds:.1f} s") from error
        except Unavailable as error:
            raise Away(self.name, error) from error

    def _told(self, answer: F) -> F:
        self.read |= "cold" in getattr(answer, "tiers", ())
        return answer


class Tiers(NamedTuple):
    """Those that a request asks; each record is in one of them."""

    each: Sequence[Tier]

    @property
    def names(self) -> set[Name]:
        """Of those that were read by now: the archive may have had nothing of the time."""
        return {tier.name for tier in self.each if tier.read}

    async def all(self, ask: Callable[[Tier], Awaitable[T]]) -> list[T]:
        """What all give, asked side by side. What one raises is raised once the others have ended, which are cancelled
        then, as all are when this is."""
        tasks = [asyncio.ensure_future(ask(tier)) for tier in self.each]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
            for task in tasks:
                if task.done():
                    task.result()
            return [await task for task in tasks]
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
            for task in tasks:
                if not task.cancelled():
                    task.exception()  # the first one is told
