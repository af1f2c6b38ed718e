"""Figures that are kept of parts of segments: whatever becomes of these, an answer is that of the rows there are."""

from __future__ import annotations

import asyncio
import json
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from logd.backends.index.segments import SegmentsIndex
from logd.config.schema import SearchLimits
from logd.query.parse import parse
from logd.query.tree import And, Equals
from logd.seams import Aggregate, Function, Histogram, Stats
from logd.store import partials, segments
from tests.support.indexes import LIMITS, SegmentsStore
from tests.support.naive_groups import NaiveGroups
from tests.support.rows import DAY, DAY_US, NaiveIndex, batch, row
from tests.support.stats import BY, OF, QUERIES, RECORDS, SECOND, stats_of

EXAMPLES = 1_000 if os.environ.get("TEST_LONG") else 40
#: Two days, so that one can go.
TIMES = st.tuples(st.integers(0, 1), st.integers(0, 9)).map(lambda at: DAY + at[0] * DAY_US + at[1] * SECOND)
ENDS = st.none() | TIMES
HISTOGRAMS = st.builds(
    Histogram,
    query=st.sampled_from(QUERIES),
    interval_us=st.sampled_from([None, SECOND, 5 * SECOND, DAY_US]),
    by=st.sampled_from([None, "service", "level", "tags", "metadata.y", "metadata.a.b"]),
    top=st.integers(1, 3),
)
#: Its limits, as of a token, are part of a question.
ASKED = st.tuples(stats_of(BY, OF) | HISTOGRAMS, st.sampled_from([None, "a", "b"])).map(lambda one: _limited(*one))
CHANGES = st.one_of(
    st.lists(st.tuples(TIMES, RECORDS), min_size=1, max_size=12),
    st.sampled_from(["flush", "flush", "merge", "expire", "quarantine"]),
    st.tuples(ENDS, ENDS),
)


def _limited(asked: Any, service: str | None) -> Any:
    if service is None:
        return asked
    return msgspec.structs.replace(asked, query=And((asked.query, Equals("service", service))))


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(st.tuples(TIMES, RECORDS), min_size=8, max_size=16),
    st.lists(CHANGES, min_size=1, max_size=6),
    st.lists(ASKED, min_size=2, max_size=5),
    st.sampled_from([partials.MOST_BYTES, 5 * 4_096]),
    st.sampled_from([1_000_000, 60]),
)
def test_as_a_naive_list_would(
    first: list[Any], changes: list[Any], asked: list[Any], most_bytes: int, part_bytes: int
) -> None:
    """The same questions, twice after each change: of the rows, of their segments, or of the range."""
    with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory() as folder:
        _small(patch)
        patch.setattr(partials, "_PART_BYTES", part_bytes)
        patch.setattr(partials, "MOST_BYTES", most_bytes)
        asyncio.run(_same_as_naive(SegmentsStore(Path(folder)), [first, "flush", *changes], asked))


def _small(patch: pytest.MonkeyPatch) -> None:
    """Segments of few rows have many parts."""
    patch.setattr(segments, "ROW_GROUP_ROWS", 2)
    patch.setattr(partials, "PART_ROW_GROUPS", 2)
    patch.setattr(partials, "_READ_ROW_GROUPS", 3)


async def _same_as_naive(store: SegmentsStore, changes: Sequence[Any], asked: Sequence[Any]) -> None:
    index, naive = await store.open(), NaiveIndex()
    from_us: int | None = None
    to_us: int | None = None
    for number, change in enumerate(changes):
        match change:
            case "flush":
                await index.flush()
            case "merge":
                await store.upkeep()
            case "expire":
                await index.flush()
                await index.inventory.expire(DAY // DAY_US + 1)
                naive.rows = [one for one in naive.rows if one["log_id"] >= "1"]
            case "quarantine":
                await _put_aside(index, naive)
            case tuple():
                from_us, to_us = change
            case drawn:
                rows = [
                    row(time, f"{time // DAY_US - DAY // DAY_US}-{number:02}-{place:02}", **_columns(record))
                    for place, (time, record) in enumerate(drawn)
                ]
                naive.write(rows)
                await index.write(batch(rows, number + 1))
        for one in [*asked, *asked]:
            await _check(index, naive, msgspec.structs.replace(one, from_us=from_us, to_us=to_us))
        assert (await index.status())["partials"]["bytes"] <= partials.MOST_BYTES
    await index.close()


async def _put_aside(index: SegmentsIndex, naive: NaiveIndex) -> None:
    for segment in index.inventory.segments[:1]:
        gone = set(pq.read_table(index.inventory.root / segment.file, columns=["log_id"])["log_id"].to_pylist())
        await index.inventory.put_aside({segment.id: "drawn"})
        naive.rows = [one for one in naive.rows if one["log_id"] not in gone]


def _columns(record: Any) -> Any:
    return {**record, "metadata": None if record["metadata"] is None else json.dumps(record["metadata"])}


_OF_X = (Aggregate(Function.SUM, "metadata.x"), Aggregate(Function.AVG, "metadata.x"))
_QUESTIONS: list[Any] = [
    Stats(),
    Stats(by=("host",), query=parse("red")),
    Stats(by=("tags",), aggregates=(Aggregate(Function.MIN, "metadata.x"),)),
    Stats(by=("metadata.x",), top=2),
    Stats(by=("metadata.x", "service"), aggregates=_OF_X, order=0, by_time=True, interval_us=4 * SECOND),
    Stats(by=("service",), aggregates=(*_OF_X, Aggregate(Function.MAX, "metadata.x")), order=1),
    Stats(by=("service",), aggregates=(Aggregate(Function.P50, "metadata.x"),)),
    Histogram(interval_us=3 * SECOND, query=parse("red")),
    Histogram(interval_us=3 * SECOND, by="tags", top=1),
    Histogram(interval_us=3 * SECOND, by="metadata.y", top=1),
]
#: What one service has is in no answer about another.
_QUESTIONS += [_limited(one, service) for one in _QUESTIONS for service in ("a", "b")]


async def test_every_range(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A part that a range cuts, one with an array in it, one that came late, and all as one segment."""
    _small(monkeypatch)
    rows = [
        row(
            DAY + n * SECOND,
            f"{n:02}",
            "red" if n % 3 else "blue",
            service="ab"[n % 2],
            host=f"h{n % 5}",
            tags=["t", "u"][: n % 3] or None,
            metadata=json.dumps({"x": [n, 1] if n == 9 else n % 4, "y": n % 2}),
        )
        for n in range(18)
    ]
    store, naive = SegmentsStore(tmp_path), NaiveIndex()
    index = await store.open()
    for number, some in enumerate((rows[::2], rows[1::2], [])):
        if some:
            await index.write(batch(some, number + 1))
            naive.write(some)
        for settle in (index.flush, store.upkeep):
            for from_us, to_us in [
                (None, None),
                *((DAY + n * SECOND, DAY + (n + 9) * SECOND) for n in range(-4, 14, 3)),
            ]:
                for one in _QUESTIONS:
                    await _check(index, naive, msgspec.structs.replace(one, from_us=from_us, to_us=to_us))
            await settle()
    await index.close()


async def _check(index: SegmentsIndex, naive: NaiveIndex, asked: Stats | Histogram) -> None:
    if isinstance(asked, Stats):
        NaiveGroups(naive, asked).check(await index.stats(asked))
    else:
        await naive.check_histogram(asked, index.histogram(asked))


async def test_what_moves_is_read_and_nothing_else(tmp_path: Path) -> None:
    """Rows that are older than the newest aren't read again, which a damaged file shows."""
    store, naive = SegmentsStore(tmp_path), NaiveIndex()
    index = await store.open()
    for number in range(3):
        rows = [row(DAY + number * SECOND + n, f"{number}{n}", metadata=json.dumps({"x": n})) for n in range(10)]
        naive.write(rows)
        await index.write(batch(rows, number + 1))
        asked: list[Any] = [
            Stats(by=("metadata.x",), aggregates=_OF_X),
            Histogram(by="metadata.x", interval_us=SECOND),
        ]
        for one in asked:
            await _check(index, naive, one)
        await index.flush()
        for one in asked:
            await _check(index, naive, one)
        for file in store.parquet():
            (store.root / file).write_bytes(b"gone")
    assert (await index.status())["partials"]["kept"] == 6
    await index.close()


async def test_many_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In several threads, while segments come and are merged, and there is room for few."""
    _small(monkeypatch)
    monkeypatch.setattr(partials, "MOST_BYTES", 20 * 4_096)
    store, naive = SegmentsStore(tmp_path), NaiveIndex()
    index = await store.open(LIMITS, SearchLimits(threads=2, concurrent=4))
    rows = [row(DAY + n * SECOND, f"{n:03}", service="abc"[n % 3]) for n in range(120)]
    naive.write(rows)
    stats = [
        Stats(by=("service",), to_us=DAY + n * SECOND, query=parse(query))
        for n in (17, 120)
        for query in ("", "b", "hello")
    ]

    async def ask() -> None:
        for one in stats * 2:
            NaiveGroups(naive, one).check(await index.stats(one))

    for number in range(0, 120, 10):
        await index.write(batch(rows[number : number + 10], number + 10))
        await index.flush()
    async with asyncio.TaskGroup() as tasks:
        for _ in range(6):
            tasks.create_task(ask(), name="ask")
        tasks.create_task(store.upkeep(), name="upkeep")
    assert (await index.status())["partials"]["bytes"] <= partials.MOST_BYTES
    await index.close()
