"""One seams.Searches over two: the index, and the archive of days that are cold.

Which days these are goes by boundaries, by policy: the archive answers for them, and the index for everything else, so
that no record is found twice or not at all while a day is moved. A range that no cold day reaches into is the index's
alone. When one of them is away the answer is the other's, and says what is missing: in the index's place the archive
answers for everything that it has.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import msgspec

from logd.errors import Corrupt, Unavailable
from logd.query.times import Bounds, narrowed
from logd.seams import (
    BOUNDARY_SECONDS,
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
from logd.tiers.merged import counts, groups, pages, samples
from logd.tiers.merged.boundaries import Boundaries, Known
from logd.tiers.merged.tier import Away, Name, Tier, Tiers

A = TypeVar("A", Search, Histogram, Stats, Fields, Patterns)
F = TypeVar("F", Found, Buckets, Groups, FoundFields, Mined)
#: The archive's searches of those days alone, by policy, that are before the one given; None is everything it has.
ArchiveOf = Callable[[Archived | None], Searches]
#: The time of the last record that the archive has, in Unix µs; None when it has none. Raises Unavailable.
Newest = Callable[[], Awaitable[int | None]]
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
#: That has a name.
_LAST_DAY = (datetime.max.replace(tzinfo=UTC) - _EPOCH).days


class TieredSearches:
    """seams.Searches. As long as there are no boundaries, and the index can be asked, its answers are the index's."""

    def __init__(
        self,
        index: Searches,
        archive: ArchiveOf,
        boundaries: Boundaries,
        newest: Newest,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`clock` is that of the boundaries."""
        self._index = index
        self._archive = archive
        self._boundaries = boundaries
        self._newest = newest
        self._clock = clock

    async def search(self, search: Search) -> Found:
        """See seams.Searches, and pages.page of the total."""
        return await self._answer(search, pages.page)

    async def histogram(self, histogram: Histogram) -> Buckets:
        """See seams.Searches."""
        return await self._answer(histogram, counts.histogram)

    async def stats(self, stats: Stats) -> Groups:
        """See seams.Searches. Percentiles of both tiers are estimated."""
        return await self._answer(stats, groups.stats)

    async def fields(self, fields: Fields) -> FoundFields:
        """See seams.Searches."""
        return await self._answer(fields, samples.fields)

    async def patterns(self, patterns: Patterns) -> Mined:
        """See seams.Searches."""
        return await self._answer(patterns, samples.patterns)

    async def explain(self, search: Search) -> dict[str, Any]:
        """The index's plan, or the plans of both where both are asked."""
        known = await self._boundaries.now()
        cold = known.cold(_range(search))
        if not cold:
            return await self._index.explain(search)
        end = None if search.within_seconds is None else time.monotonic() + search.within_seconds
        tiers = self._tiers(cold, end)

        async def plan(tier: Tier) -> Mapping[str, Any]:
            try:
                return await tier.explain(search)
            except Away as error:
                return {"unavailable": str(error)}

        index, archive = await tiers.all(plan)
        before = {policy: _day(day) for policy, day in cold.items()}
        return {"engine": "tiered", "archive_before": before, "index": index, "archive": archive}

    async def _answer(self, asked: A, ask: Callable[[Tiers, A], Awaitable[F]]) -> F:
        end = None if asked.within_seconds is None else time.monotonic() + asked.within_seconds
        known = await self._boundaries.now()
        while True:
            answer = await self._with(known, asked, ask, end)
            # What took longer than boundaries last may lack a day that was moved meanwhile.
            if self._clock() - known.read_at <= BOUNDARY_SECONDS or known.unsure:
                return answer
            before, known = known, await self._boundaries.now()
            if known.cold(_range(asked)) == before.cold(_range(asked)):
                return _saying(answer, _reasons(known.unsure))

    async def _with(self, known: Known, asked: A, ask: Callable[[Tiers, A], Awaitable[F]], end: float | None) -> F:
        range_ = _range(asked)
        cold = known.cold(range_)
        unsure = _reasons(known.unsure)
        if not cold:
            try:
                alone = Tier("index", self._index, {}, end)
                answer = await ask(Tiers([alone]), asked)
            except Away as away:
                return await self._archive_alone(asked, ask, away, end)
            return _said(answer, known, range_, {"index"}, unsure)
        tiers = self._tiers(cold, end)
        try:
            answer = await ask(tiers, asked)
        except Away as away:
            if away.tier == "index":
                return await self._archive_alone(asked, ask, away, end)
            return await self._index_alone(known, cold, asked, ask, away, end)
        return _said(answer, known, range_, tiers.names, unsure)

    def _tiers(self, cold: Archived, end: float | None) -> Tiers:
        return Tiers([Tier("index", self._index, cold, end), Tier("archive", self._archive(cold), cold, end)])

    async def _archive_alone(
        self, asked: A, ask: Callable[[Tiers, A], Awaitable[F]], away: Away, end: float | None
    ) -> F:
        """The answer of everything that is archived. Raises Unavailable when nothing is."""
        try:
            newest_us = await self._newest()
            if newest_us is not None:
                answer = await ask(Tiers([Tier("archive", self._archive(None), {}, end)]), asked)
        except (Unavailable, Corrupt) as error:
            raise Unavailable(f"{away}; and the archive: {error}", away.retry_after_seconds, away.status) from error
        if newest_us is None:
            raise away
        upto = (_EPOCH + timedelta(microseconds=newest_us)).strftime("%Y-%m-%dT%H:%M:%SZ")
        why = f"the index can't be asked now, so this is what the archive has, up to {upto}: {away}"
        return _saying(answer, _reasons(why))

    async def _index_alone(
        self,
        known: Known,
        cold: Archived,
        asked: A,
        ask: Callable[[Tiers, A], Awaitable[F]],
        away: Away,
        end: float | None,
    ) -> F:
        """The answer without what is cold."""
        try:
            answer = await ask(Tiers([Tier("index", self._index, cold, end)]), asked)
        except Away as error:
            raise Unavailable(f"{error}; and the archive: {away}", error.retry_after_seconds, error.status) from error
        some = ", ".join(f"{_day(day)} of {policy}" for policy, day in sorted(cold.items())[:3])
        more = f" and of {len(cold) - 3} other policies" if len(cold) > 3 else ""
        why = f"the archive can't be asked now, so what is before {some}{more} is missing: {away}"
        return _said(answer, known, _range(asked), {"index"}, _reasons(known.unsure, why))


def _range(asked: Search | Histogram | Stats | Fields | Patterns) -> Bounds:
    return narrowed(asked.query, asked.from_us, asked.to_us)


def _day(day: int) -> str:
    return (_EPOCH + timedelta(days=min(day, _LAST_DAY))).date().isoformat()


def _said(answer: F, known: Known, range_: Bounds, names: set[Name], missing: tuple[str, ...]) -> F:
    """With the tiers that were asked, and what is missing beside what the answer says."""
    tiers = (*(known.of_index(range_) if "index" in names else ()), *(("cold",) if "archive" in names else ()))
    if tiers and tuple(answer.tiers) != tiers:
        answer = msgspec.structs.replace(answer, tiers=tiers)
    return _saying(answer, missing)


def _reasons(*some: str) -> tuple[str, ...]:
    return tuple(filter(None, some))


def _saying(answer: F, missing: tuple[str, ...]) -> F:
    return msgspec.structs.replace(answer, missing=(*answer.missing, *missing)) if missing else answer
