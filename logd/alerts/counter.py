"""What an alerter counts of its parts of the stream, and publishes: pure, but for a DuckDB instance.

    batch ── Counting ── what wasn't counted before ── stores: cumulative ── pages of the cells that changed

What was counted up to a position is the same whoever did it, so a part may go from one alerter to another at any time:
the new one reads what the old one has published (`restore`), and of what comes leaves out what is in it, cell by cell.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import msgspec
import numpy as np
import orjson
import pyarrow as pa

from logd.alerts.counting import Counting, Counts
from logd.alerts.gauges import OTHERS, Gauge, Store
from logd.alerts.pages import CELLS, SAMPLE_BYTES, SKETCH_CELLS, Cells, cells_page, is_by, read_cells
from logd.alerts.sketches import KINDS, Sketches
from logd.alerts.windows import Group, Ints, Row
from logd.errors import Corrupt
from logd.seams import Page

#: Records that are kept of a cell, by how many cells of its bucket have some; and of how many in all of a batch.
_SAMPLES, _FEW_CELLS, _MOST_CELLS, _MOST_OF_A_BATCH = 5, 20, 200, 300
#: As records: what of a table is shown to people.
Shown = Callable[[pa.Table], Sequence[Mapping[str, Any]]]


class _Bucket(msgspec.Struct):
    """Of a gauge, a part and a bucket: its groups in the order in which they came, what is kept of their records, and
    the pages that have to be published."""

    groups: dict[Group, int]
    samples: dict[Group, list[bytes]]
    sample_bytes: int
    changed: set[int]


class _Counted:
    """What was counted for a gauge. Each part has a store of its own: one that is behind is late for no other."""

    def __init__(self, gauge: Gauge) -> None:
        self.gauge = gauge
        self.stores: dict[int, Store] = {}
        self.cells = SKETCH_CELLS if gauge.measure in KINDS else CELLS
        self.buckets: dict[tuple[int, int], _Bucket] = {}
        self.others = 0

    def store(self, part: int) -> Store:
        """Of a part."""
        found = self.stores.get(part)
        if found is None:
            found = self.stores[part] = self.gauge.store(self.gauge.max_groups)
        return found

    def bucket(self, part: int, number: int) -> _Bucket:
        """What there is of it."""
        found = self.buckets.get((part, number))
        if found is None:
            found = self.buckets[part, number] = _Bucket({}, {}, 0, set())
        return found

    def forget(self, part: int) -> None:
        """All of a part."""
        self.stores.pop(part, None)
        for key in [key for key in self.buckets if key[0] == part]:
            del self.buckets[key]

    def pages(self, name: str) -> list[Page]:
        """Of what has changed since the last call, and is kept."""
        found = []
        for (part, number), bucket in list(self.buckets.items()):
            if not self.store(part).is_kept(number):
                del self.buckets[part, number]
                continue
            if bucket.changed:
                groups = list(bucket.groups)
                for place in sorted(bucket.changed):
                    some = groups[place * self.cells : (place + 1) * self.cells]
                    found.append(cells_page(self.gauge, name, place, self._cells(part, number, some, bucket)))
                bucket.changed.clear()
        return found

    def _cells(self, part: int, number: int, groups: list[Group], bucket: _Bucket) -> Cells:
        rows = [Row(group, part) for group in groups]
        samples = [bucket.samples.get(group, []) for group in groups]
        store = self.store(part)
        if isinstance(store, Sketches):
            sketches, versions = store.cells(rows, number)
            packed = [(keys.astype(np.int32).tobytes(), numbers.tobytes()) for keys, numbers in sketches]
            return Cells(self.gauge.key, part, number, groups, versions.tobytes(), b"", packed, samples)
        numbers, versions = store.cells(rows, number)
        return Cells(self.gauge.key, part, number, groups, versions.tobytes(), numbers.tobytes(), [], samples)


class Counter:
    """Not thread-safe. `name` is no other alerter's; `shown` makes records of rows, as answers have them."""

    def __init__(self, name: str, gauges: Sequence[Gauge], shown: Shown) -> None:
        self._name = name
        self._counted = [_Counted(gauge) for gauge in gauges]
        self._counting = Counting([gauge.watch for gauge in gauges])
        self._shown = shown
        #: Of others, whose counts are ours now, and of rules that aren't there any more.
        self._others_pages: list[Page] = []

    @property
    def gauges(self) -> Sequence[Gauge]:
        """What is counted."""
        return [counted.gauge for counted in self._counted]

    def count(self, table: pa.Table, parts: Ints, positions: Ints, taken_us: Ints | None = None) -> None:
        """Records of record.SCHEMA, each of a part of the stream, with the position of the message that it came in;
        those of a part come in order, and a message's all in one call. `taken_us` is when the transport took each (Unix
        µs): one whose own time is later counts then, or windows would go on without all others. Raises
        filters.Failed."""
        if not len(table):
            return
        versions: Ints = np.zeros(int(parts.max()) + 1, np.int64)
        np.maximum.at(versions, parts, positions + 1)
        wanted: list[tuple[list[bytes], _Bucket, int]] = []
        for counted, found in zip(self._counted, self._counting.count(table, parts, taken_us), strict=True):
            for part, counts in () if found is None else _by_part(found):
                store = counted.store(part)
                placed = _with_room(counted, store, counts)
                if (new := _not_counted(store, placed, positions)) is not None:
                    _add(counted, store, new, int(versions[part]), wanted)
        self._sample(table, wanted)

    def pages(self) -> Sequence[Page]:
        """What has changed since the last call."""
        return [page for counted in self._counted for page in counted.pages(self._name)]

    def superseded(self) -> Sequence[Page]:
        """Takes away what others have published, once the pages that were given last are published; and what nobody
        counts any more, which would be there for ever."""
        theirs, self._others_pages = self._others_pages, []
        return theirs

    def restore(self, pages: Sequence[Page]) -> int:
        """Goes on from what was published of parts of which nothing was counted here, or was forgotten; how many pages
        were damaged, of which nothing counts."""
        damaged = 0
        by_key = {counted.gauge.key: counted for counted in self._counted}
        for page in pages:
            if not page.value:
                continue
            try:
                cells = read_cells(page)
            except Corrupt:
                damaged += 1
                continue
            counted = by_key.get(cells.gauge)
            if counted is not None and cells.groups:
                _restore(counted, cells)
            if counted is None or not is_by(page.key, self._name):
                self._others_pages.append(Page(page.shard, page.key, b""))
        return damaged

    def forget(self, part: int) -> None:
        """Nothing of this part was counted."""
        for counted in self._counted:
            counted.forget(part)

    def refused(self) -> Mapping[str, int]:
        """Of rules by id, how many records had no room to be counted by their group, since the last call."""
        found = {counted.gauge.rule_id: counted.others for counted in self._counted if counted.others}
        for counted in self._counted:
            counted.others = 0
        return found

    def take_over(self, other: Counter) -> None:
        """What it has counted for the same gauges; `other` isn't used any more."""
        self._others_pages += other._others_pages
        known = {counted.gauge.key: counted for counted in other._counted}
        self._counted = [known.get(counted.gauge.key, counted) for counted in self._counted]
        other.close()

    def close(self) -> None:
        """Gives its memory back."""
        self._counting.close()

    def _sample(self, table: pa.Table, wanted: Sequence[tuple[list[bytes], _Bucket, int]]) -> None:
        some = wanted[:_MOST_OF_A_BATCH]
        records = self._shown(table.take(pa.array([row for *_, row in some], pa.int64()))) if some else ()
        for (samples, bucket, _), record in zip(some, records, strict=True):
            text = orjson.dumps(record)
            if bucket.sample_bytes + len(text) <= SAMPLE_BYTES:
                bucket.sample_bytes += len(text)
                samples.append(text)


def _by_part(counts: Counts) -> Iterator[tuple[int, Counts]]:
    """The counts of each part."""
    each = np.unique(counts.parts).tolist()
    if len(each) == 1:
        yield each[0], counts
        return
    of_rows = counts.parts[counts.cell]
    for part in each:
        if (some := counts.only(of_rows == part)) is not None:
            yield part, some


def _not_counted(store: Store, found: Counts, positions: Ints) -> Counts | None:
    """What of it isn't in the cells yet, which a version says up to what position they go."""
    rows = [Row(group, part) for group, part in zip(found.groups, found.parts.tolist(), strict=True)]
    versions = store.versions(rows, found.buckets)
    at = positions[found.rows]
    if versions.max() <= at.min():
        return found
    return found.only(at >= versions[found.cell])


def _add(
    counted: _Counted, store: Store, counts: Counts, version: int, wanted: list[tuple[list[bytes], _Bucket, int]]
) -> None:
    """Counts of one part, with its version now."""
    rows = [Row(group, part) for group, part in zip(counts.groups, counts.parts.tolist(), strict=True)]
    numbers = counted.gauge.numbers(counts)
    # Each store takes what its own gauge gives.
    store.add(rows, counts.buckets, numbers, np.full(len(rows), version))  # type: ignore[arg-type]
    firsts = np.searchsorted(counts.cell, np.arange(len(rows) + 1))
    for place, (row, number) in enumerate(zip(rows, counts.buckets.tolist(), strict=True)):
        if not (store.has(row) and store.is_kept(number)):
            continue
        bucket = counted.bucket(row.part, number)
        bucket.changed.add(bucket.groups.setdefault(row.group, len(bucket.groups)) // counted.cells)
        samples = bucket.samples.get(row.group)
        if samples is None:
            if len(bucket.samples) >= _MOST_CELLS:
                continue
            samples = bucket.samples[row.group] = []
        room = (_SAMPLES if len(bucket.samples) <= _FEW_CELLS else 1) - len(samples)
        if room > 0:
            some = counts.rows[firsts[place] : min(firsts[place] + room, firsts[place + 1])]
            wanted += [(samples, bucket, at) for at in some.tolist()]


def _with_room(counted: _Counted, store: Store, counts: Counts) -> Counts:
    """Cells of groups for which there is no room are those of OTHERS."""
    groups = store.groups
    if len(groups) + len(counts.groups) <= counted.gauge.max_groups or not counts.groups[0]:
        return counts
    # Those of which nothing is kept any more have to make room first.
    store.move_on(int(counts.buckets.max()))
    store.clear()
    room = counted.gauge.max_groups - len(groups)
    kept: set[Group] = set()
    others = (OTHERS,) * len(counts.groups[0])
    named: list[Group] = []
    for group in counts.groups:
        if group in groups or group in kept or group == others:
            named.append(group)
        elif len(kept) < room - 1:
            kept.add(group)
            named.append(group)
        else:
            named.append(others)
    cells = list(zip(named, counts.parts.tolist(), counts.buckets.tolist(), strict=True))
    if others not in named:
        return counts
    counted.others += int(counts.numbers[[name == others for name in named]].sum())
    numbers = {cell: number for number, cell in enumerate(dict.fromkeys(cells))}
    cell = np.array([numbers[one] for one in cells])[counts.cell]
    order = np.argsort(cell, kind="stable")
    return Counts(
        [group for group, _, _ in numbers],
        np.array([part for _, part, _ in numbers]),
        np.array([bucket for _, _, bucket in numbers]),
        counts.rows[order],
        cell[order],
        None if counts.values is None else counts.values[order],
        None if counts.texts is None else counts.texts.take(pa.array(order)),
    )


def _restore(counted: _Counted, cells: Cells) -> None:
    rows = [Row(group, cells.part) for group in cells.groups]
    buckets = np.full(len(rows), cells.bucket)
    values = cells.values(counted.gauge)
    store = counted.store(cells.part)
    store.put(rows, buckets, values, cells.version_numbers)  # type: ignore[arg-type]
    bucket = counted.bucket(cells.part, cells.bucket)
    for place, row in enumerate(rows):
        if store.has(row) and store.is_kept(cells.bucket):
            place_in_bucket = bucket.groups.setdefault(row.group, len(bucket.groups))
            bucket.changed.add(place_in_bucket // counted.cells)
            if cells.samples and cells.samples[place] and row.group not in bucket.samples:
                bucket.samples[row.group] = list(cells.samples[place])
                bucket.sample_bytes += sum(map(len, cells.samples[place]))
