"""What the embedded index has, by policy and day; seams.Holdings."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from logd.errors import Unavailable
from logd.record import SCHEMA
from logd.seams import Holding
from logd.store.inventory import Inventory
from logd.store.segments import Segment

_RAW = tuple(SCHEMA.get_field_index(name) for name in ("message", "metadata"))


class SegmentsHoldings:
    """Each segment is one part, with its skip index; what is only in memory isn't counted. Files are read once: they
    never change."""

    def __init__(self, inventory: Inventory, tier_of: Callable[[str, int], str]) -> None:
        """`tier_of` says of a policy's name and a day whether that is `hot` or `warm`."""
        self._inventory = inventory
        self._tier_of = tier_of
        self._raw: dict[int, int] = {}
        self._services: dict[int, Mapping[str, int]] = {}

    async def holdings(self, services: bool = False) -> Sequence[Holding]:
        """See Holdings."""
        with self._inventory.lease():
            segments = self._inventory.segments
            try:
                await asyncio.to_thread(self._look, segments, services)
            except (OSError, pa.ArrowException) as error:
                raise Unavailable(f"what {self._inventory.root} holds can't be told now: {error}") from error
        parts: dict[tuple[int, str], list[Segment]] = {}
        for segment in segments:
            parts.setdefault((segment.day, segment.policy), []).append(segment)
        found = [self._summed(policy, day, of_day) for (day, policy), of_day in sorted(parts.items())]
        if services:
            return found
        return [msgspec.structs.replace(one, services={}) for one in found]

    def _summed(self, policy: str, day: int, segments: Sequence[Segment]) -> Holding:
        services: Counter[str] = Counter()
        for segment in segments:
            services.update(self._services.get(segment.id, {}))
        return Holding(
            tier=self._tier_of(policy, day),
            policy=policy,
            day=day,
            parts=len(segments),
            rows=sum(segment.rows for segment in segments),
            size_bytes=sum(segment.size_bytes + segment.skip_bytes for segment in segments),
            raw_bytes=sum(self._raw[segment.id] for segment in segments),
            services=services,
        )

    def _look(self, segments: Sequence[Segment], services: bool) -> None:
        """In a thread."""
        there = {segment.id for segment in segments}
        self._raw = {number: size for number, size in self._raw.items() if number in there}
        self._services = {number: found for number, found in self._services.items() if number in there}
        for segment in segments:
            path = self._inventory.root / segment.file
            if segment.id not in self._raw:
                self._raw[segment.id] = _raw_bytes(path)
            if services and segment.id not in self._services:
                self._services[segment.id] = _rows_by_service(path)


def _raw_bytes(path: Path) -> int:
    """Of messages and metadata, before they were compressed: with their lengths, 4 bytes each."""
    metadata = pq.read_metadata(path)
    groups = map(metadata.row_group, range(metadata.num_row_groups))
    return sum(group.column(column).total_uncompressed_size for group in groups for column in _RAW)


def _rows_by_service(path: Path) -> Mapping[str, int]:
    counted = pc.value_counts(pq.read_table(path, columns=["service"], partitioning=None)["service"].cast(pa.string()))
    return {value or "": count for value, count in zip(*map(pa.Array.to_pylist, counted.flatten()), strict=True)}
