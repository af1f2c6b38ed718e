"""Damage that is met while the index runs: the file is named, counted and put aside once, all else is still found."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from logd.backends.index.segments import SegmentsIndex
from logd.query.parse import parse
from logd.store import folder
from logd.telemetry import metrics
from tests.support.indexes import SegmentsStore, ids
from tests.support.rows import DAY, batch, everything, row


@pytest.fixture
def store(tmp_path: Path) -> SegmentsStore:
    return SegmentsStore(tmp_path)


async def _two_segments(store: SegmentsStore) -> SegmentsIndex:
    """Rows a0 to a2 in the first, b0 to b2 in the second."""
    index = await store.open()
    for number, name in enumerate("ab"):
        await index.write(batch([row(DAY + 10 * number + n, f"{name}{n}") for n in range(3)], number + 1))
        await index.flush()
    return index


def _flip(path: Path, at: int) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= 0xFF
    path.write_bytes(data)


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:100])


def _footer(path: Path) -> None:
    _flip(path, path.stat().st_size - 20)


_DAMAGES: list[Callable[[Path], None]] = [_cut, _footer, Path.unlink]


async def _only_b_is_left(index: SegmentsIndex, store: SegmentsStore, file: str) -> None:
    assert await ids(index) == ["b2", "b1", "b0"]
    status = await index.status()
    assert [(one["file"], one["rows"]) for one in status["quarantined"]] == [(file, 3)]
    assert metrics.INDEX_QUARANTINED._value.get() == 1
    assert index.inventory.ledger["rows_quarantined"] == 3
    assert store.parquet() != []
    assert file not in store.parquet()


@pytest.mark.parametrize("harm", _DAMAGES)
async def test_searches_that_meet_a_damaged_segment(store: SegmentsStore, harm: Callable[[Path], None]) -> None:
    """All at once: it is counted once."""
    index = await _two_segments(store)
    file = store.parquet()[0]
    there = harm is not Path.unlink
    harm(store.root / file)
    answers = await asyncio.gather(*(index.search(everything(query=parse("hello"))) for _ in range(8)))
    assert [answer.total for answer in answers] == [3] * 8
    await _only_b_is_left(index, store, file)
    assert (store.root / folder.QUARANTINE / file.replace("/", "__")).exists() == there
    await index.close()
    index = await store.open()
    await _only_b_is_left(index, store, file)
    await index.close()


async def test_damage_that_decodes_to_no_text(store: SegmentsStore) -> None:
    index = await _two_segments(store)
    file = store.parquet()[0]
    _flip(store.root / file, (store.root / file).read_bytes().index(b"hello") + 1)
    assert (await index.search(everything())).table["log_id"].to_pylist() == ["b2", "b1", "b0"]
    await _only_b_is_left(index, store, file)
    await index.close()


async def test_a_search_that_is_cancelled_when_it_finds_damage(store: SegmentsStore) -> None:
    """Memory and manifest say the same."""
    index = await _two_segments(store)
    file = store.parquet()[0]
    _cut(store.root / file)
    with contextlib.closing(sqlite3.connect(store.root / "manifest.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        aside = asyncio.create_task(index.inventory.put_aside({1: "it is damaged"}), name="search")
        for _ in range(10):  # the commit begins, and waits for the other
            await asyncio.to_thread(str)
        aside.cancel()
        await asyncio.gather(aside, return_exceptions=True)
        other.execute("ROLLBACK")
    await _only_b_is_left(index, store, file)
    await index.close()
    index = await store.open()
    await _only_b_is_left(index, store, file)
    await index.close()


async def test_a_write_with_own_ids_that_meets_a_damaged_segment(store: SegmentsStore) -> None:
    index = await _two_segments(store)
    file = store.parquet()[0]
    _cut(store.root / file)
    rows = [row(DAY + n, name) for n, name in enumerate(("a0", "b0", "c0"))]
    assert (await index.write(batch(rows, 3, own=range(3)))).duplicates == 1  # the a0 that was stored is gone
    assert sorted(await ids(index)) == ["a0", "b0", "b1", "b2", "c0"]
    assert index.inventory.ledger["rows_quarantined"] == 3
    await index.close()


async def test_a_flipped_byte_that_nobody_reads(store: SegmentsStore) -> None:
    await (await _two_segments(store)).close()
    file = store.parquet()[0]
    _flip(store.root / file, (store.root / file).stat().st_size // 2)
    index = await store.open()
    await store.upkeep(quiet_seconds=1_000_000)
    await _only_b_is_left(index, store, file)
    await index.close()


async def test_a_damaged_skip_index_is_made_anew(store: SegmentsStore) -> None:
    index = await _two_segments(store)
    await store.upkeep()
    await index.close()
    skip = sorted(store.root.glob("policy=*/*/*.skip"))[0]
    whole = skip.read_bytes()
    _flip(skip, 40)
    index = await store.open()
    assert len(await ids(index, query=parse("hello"))) == 6
    await store.upkeep()
    assert skip.read_bytes() == whole
    assert len(await ids(index, query=parse("hello"))) == 6
    assert (await index.status())["quarantined"] == []
    await index.close()


async def test_a_file_that_cannot_be_opened_just_now_is_not_damaged(store: SegmentsStore) -> None:
    """As when a process has too many files open; here a link to itself stands for it."""
    index = await _two_segments(store)
    segment = index.inventory.segments[0]
    path = store.root / segment.file
    moved = path.rename(path.with_suffix(".moved"))
    path.symlink_to(path)  # ELOOP
    with pytest.raises(OSError, match="symbolic links"):
        await index.inventory.damage_among([segment])
    path.unlink()
    moved.rename(path)
    assert await index.inventory.damage_among([segment]) == {}
    assert pq.read_metadata(path).num_rows == 3
    await index.close()
