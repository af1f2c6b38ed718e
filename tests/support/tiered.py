"""An index and an archive behind TieredSearches, as one index that the contract suites run over: two embedded ones,
each of which has its part of the rows."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import numpy as np
import pyarrow as pa

from logd.config.schema import Index as IndexLimits
from logd.config.schema import SearchLimits
from logd.flow.stage import Stage
from logd.seams import (
    Archived,
    Batch,
    Boundary,
    Buckets,
    Fields,
    Found,
    FoundFields,
    Groups,
    Histogram,
    Mined,
    Move,
    Patterns,
    Search,
    Searches,
    Stats,
    StreamPositions,
    Written,
)
from logd.tiers.merged.boundaries import Boundaries
from logd.tiers.merged.searching import TieredSearches
from tests.support.indexes import LIMITS, SearchedIndex, SegmentsStore

#: Of a policy all of whose days are cold.
ALL_COLD = 10_000_000
Answer = TypeVar("Answer", Found, Buckets, Groups, FoundFields, Mined)
Cold = Callable[[pa.Table], Sequence[bool]]


class KnownTiering:
    """seams.Tiering of boundaries that a test sets, or of a catalog that is away."""

    def __init__(self, *boundaries: Boundary) -> None:
        self.known: Sequence[Boundary] = boundaries
        self.fails: Exception | None = None
        self.reads = 0

    async def boundaries(self) -> Sequence[Boundary]:
        """See seams."""
        self.reads += 1
        if self.fails is not None:
            raise self.fails
        return self.known

    async def advance(self, boundary: Boundary) -> None:
        """See seams."""
        raise NotImplementedError

    async def step(self, policy: str, day: int) -> Mapping[str, Any]:
        """See seams."""
        raise NotImplementedError

    async def put_step(self, policy: str, day: int, step: Mapping[str, Any]) -> None:
        """See seams."""
        raise NotImplementedError

    async def record(self, move: Move) -> None:
        """See seams."""
        raise NotImplementedError

    async def moves(self, limit: int = 100, before: int | None = None) -> Sequence[Move]:
        """See seams."""
        raise NotImplementedError

    async def count_gap(self, lines: Mapping[tuple[str, int], int]) -> None:
        """See seams."""
        raise NotImplementedError

    async def gap(self, policy: str, day: int) -> int:
        """See seams."""
        raise NotImplementedError


class PartOf:
    """Searches of rows that were parted already, so that `archived` says nothing more of them; it is what is expected.
    What was asked is kept; `fails` is raised instead of an answer."""

    def __init__(self, behind: Searches, expected: Callable[[], Archived], tiers: tuple[str, ...] = ()) -> None:
        self.asked: list[Any] = []
        self.fails: BaseException | None = None
        self._behind = behind
        self._expected = expected
        self._tiers = tiers

    async def search(self, search: Search) -> Found:
        """See seams."""
        return self._told(await self._behind.search(self._checked(search)))

    async def histogram(self, histogram: Histogram) -> Buckets:
        """See seams."""
        return self._told(await self._behind.histogram(self._checked(histogram)))

    async def stats(self, stats: Stats) -> Groups:
        """See seams."""
        return self._told(await self._behind.stats(self._checked(stats)))

    async def fields(self, fields: Fields) -> FoundFields:
        """See seams."""
        return self._told(await self._behind.fields(self._checked(fields)))

    async def explain(self, search: Search) -> dict[str, Any]:
        """See seams."""
        return await self._behind.explain(self._checked(search))

    async def patterns(self, patterns: Patterns) -> Mined:
        """See seams."""
        return self._told(await self._behind.patterns(self._checked(patterns)))

    def _told(self, answer: Answer) -> Answer:
        return msgspec.structs.replace(answer, tiers=self._tiers)

    def _checked(self, asked: Any) -> Any:
        self.asked.append(asked)
        if self.fails is not None:
            raise self.fails
        assert asked.archived.items() <= self._expected().items()
        return msgspec.structs.replace(asked, archived={})


class TieredIndex:
    """Both, as one: `is_cold` says of rows which of them are the archive's."""

    def __init__(
        self, hot: SearchedIndex, cold: SearchedIndex, is_cold: Cold, boundaries: Sequence[Boundary], newest_us: int = 0
    ) -> None:
        self.tiering = KnownTiering(*boundaries)
        self.index = PartOf(hot, self._archived)
        self.archive = PartOf(cold, dict, ("cold",))
        self.archive_of: list[Archived | None] = []
        self.stages: Sequence[Stage] = hot.stages
        self.newest_us: int | None = newest_us
        self.seconds = 0.0
        boundaries_view = Boundaries(self.tiering, lambda: self.seconds)
        tiered = TieredSearches(self.index, self._of, boundaries_view, self._newest, lambda: self.seconds)
        self.search = tiered.search
        self.histogram = tiered.histogram
        self.stats = tiered.stats
        self.fields = tiered.fields
        self.explain = tiered.explain
        self.patterns = tiered.patterns
        self._both = (hot, cold)
        self._is_cold = is_cold

    def _archived(self) -> Archived:
        return {one.policy: one.cold_before for one in self.tiering.known}

    def _of(self, cold: Archived | None) -> Searches:
        self.archive_of.append(cold)
        if cold is not None:
            assert cold
            assert cold.items() <= self._archived().items()
        return self.archive

    async def _newest(self) -> int | None:
        return self.newest_us

    def durable(self) -> StreamPositions | None:
        """Of the hot one."""
        return self._both[0].durable()

    async def write(self, batch: Batch) -> Written:
        """See Index."""
        cold = np.array(self._is_cold(batch.table), bool)
        duplicates = 0
        for index, mask in zip(self._both, (~cold, cold), strict=True):
            chosen = pa.array(mask)
            own = None if batch.own_ids is None else batch.own_ids.filter(chosen)
            part = Batch(batch.table.filter(chosen), batch.positions, own)
            duplicates += (await index.write(part)).duplicates
        return Written(duplicates)

    async def flush(self) -> None:
        """See Index."""
        for index in self._both:
            await index.flush()

    async def status(self) -> dict[str, Any]:
        """Of the hot one."""
        return await self._both[0].status()

    async def disk_used_percent(self) -> float:
        """Of the hot one."""
        return await self._both[0].disk_used_percent()

    async def close(self) -> None:
        """See Index."""
        for index in self._both:
            await index.close()


def by_id(rows: pa.Table) -> list[bool]:
    """About half of them, whatever they are."""
    return [zlib.crc32(str(log_id).encode()) % 2 == 0 for log_id in rows["log_id"].to_pylist()]


class TieredStore:
    """Two folders. About half of the rows, at all times, are of a policy that is cold altogether."""

    def __init__(
        self,
        folder: Path,
        is_cold: Cold = by_id,
        boundaries: Sequence[Boundary] = (Boundary(policy="old", cold_before=ALL_COLD, warm_before=ALL_COLD),),
    ) -> None:
        self._stores = [SegmentsStore(folder / name) for name in ("hot", "cold")]
        for store in self._stores:
            store.folder.mkdir(exist_ok=True, parents=True)
        self._is_cold = is_cold
        self._boundaries = boundaries

    async def open(self, limits: IndexLimits = LIMITS, search: SearchLimits = SearchLimits(threads=1)) -> TieredIndex:  # noqa: B008
        hot, cold = [await store.open(limits, search) for store in self._stores]
        return TieredIndex(hot, cold, self._is_cold, self._boundaries)

    async def after_crash(self) -> TieredIndex:
        hot, cold = [await store.after_crash() for store in self._stores]
        return TieredIndex(hot, cold, self._is_cold, self._boundaries)

    async def upkeep(self) -> None:
        for store in self._stores:
            await store.upkeep()
