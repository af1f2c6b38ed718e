"""Ranges for threads: each byte fetched once, as long as it is kept, and nothing fetched for nobody."""

from __future__ import annotations

import asyncio
import itertools
import random
from collections.abc import AsyncIterator
from pathlib import Path

import duckdb
import pytest

from logd.backends.objects.folder import FolderObjects
from logd.errors import Corrupt, Unavailable
from logd.tiers.cold.blocks import Blocks, Waiting, merged
from logd.tiers.cold.kept import Kept
from tests.support.cold import Counted
from tests.support.objects import content

DATA = random.Random(1).randbytes(5_000)


@pytest.fixture
async def objects(tmp_path: Path) -> Counted:
    store = await FolderObjects.open(tmp_path / "objects")
    await store.put("a", content(DATA))
    return Counted(store)


@pytest.fixture
async def blocks(tmp_path: Path, objects: Counted) -> AsyncIterator[Blocks]:
    made = Blocks(objects, Kept(tmp_path / "kept", 1_000_000))
    yield made
    await made.close()
    assert not objects.under_way


async def _take(
    blocks: Blocks, *wanted: tuple[int, int], name: str = "a", waiting: Waiting | None = None
) -> list[bytes]:
    return await asyncio.to_thread(blocks.take, waiting or Waiting(), name, wanted)


async def test_each_byte_is_fetched_once(blocks: Blocks, objects: Counted) -> None:
    chance = random.Random(2)
    for _ in range(200):
        wanted = [tuple(sorted(chance.choices(range(5_001), k=2))) for _ in range(3)]
        assert await _take(blocks, *wanted) == [DATA[start:end] for start, end in wanted]  # type: ignore[arg-type]
    fetched = sorted((start, end or 0) for _, start, end in objects.read)
    assert all(one[1] <= other[0] for one, other in itertools.pairwise(fetched))
    assert sum(end - start for start, end in fetched) <= len(DATA)


async def test_many_threads_at_once(blocks: Blocks, objects: Counted) -> None:
    objects.going.clear()
    waiting = [asyncio.create_task(_take(blocks, (start, 5_000))) for start in (100, 100, 50, 200)]
    await objects.until_under_way(2)
    objects.going.set()
    assert [one for (one,) in await asyncio.gather(*waiting)] == [DATA[start:] for start in (100, 100, 50, 200)]
    assert sum((end or 0) - start for _, start, end in objects.read) <= 4_950


async def test_what_was_read_is_there_after_a_restart(blocks: Blocks, objects: Counted, tmp_path: Path) -> None:
    await _take(blocks, (10, 20))
    await blocks.close()
    again = Blocks(objects, Kept(tmp_path / "kept", 1_000_000))
    before = len(objects.read)
    assert await _take(again, (12, 19)) == [DATA[12:19]]
    assert len(objects.read) == before
    await again.close()


async def test_what_the_disk_has_lost_is_fetched_again(blocks: Blocks, objects: Counted, tmp_path: Path) -> None:
    await _take(blocks, (0, 1_000))
    await blocks.close()
    for path in (tmp_path / "kept").iterdir():
        path.write_bytes(path.read_bytes()[:-1] + b"!" if path.stat().st_size else b"")
    again = Blocks(objects, Kept(tmp_path / "kept", 1_000_000))
    assert await _take(again, (0, 1_000)) == [DATA[:1_000]]
    await again.close()


async def test_stopping_ends_what_nobody_else_waits_for(blocks: Blocks, objects: Counted) -> None:
    objects.going.clear()
    one, other = Waiting(), Waiting()
    first = asyncio.create_task(_take(blocks, (0, 10), (20, 30), waiting=one))
    blocks.begin(one, "a", [(100, 200)])
    blocks.begin(other, "a", [(20, 30)])
    second = asyncio.create_task(_take(blocks, (20, 30), waiting=other))
    await objects.until_under_way(3)
    blocks.stop(one)
    with pytest.raises(duckdb.InterruptException):
        await first
    await objects.until_under_way(1)
    objects.going.set()
    assert await second == [DATA[20:30]]
    with pytest.raises(duckdb.InterruptException):
        await _take(blocks, (0, 10), waiting=one)


async def test_objects_that_are_away(blocks: Blocks, objects: Counted) -> None:
    objects.fails = "no S3 today"
    with pytest.raises(Unavailable, match="no S3 today"):
        await _take(blocks, (0, 10))
    objects.fails = ""
    assert await _take(blocks, (0, 10)) == [DATA[:10]]


async def test_what_is_not_all_of_it(blocks: Blocks, objects: Counted) -> None:
    """A store that sends less than there is may send it all the next time; an object that ends before is damaged."""
    objects.cut = 3
    with pytest.raises(Unavailable, match="in part only: 7 of 10 bytes"):
        await _take(blocks, (0, 10))
    objects.cut = 0
    assert await _take(blocks, (0, 10)) == [DATA[:10]]
    with pytest.raises(Corrupt, match="a ends at 5000 bytes"):
        await _take(blocks, (4_990, 5_001))
    with pytest.raises(Corrupt, match="b isn't there any more"):
        await _take(blocks, (0, 1), name="b")


async def test_a_disk_that_takes_nothing(blocks: Blocks, tmp_path: Path) -> None:
    """Nothing is kept, and all is answered."""
    full = tmp_path / "kept"
    full.rmdir()
    assert await _take(blocks, (0, 10)) == [DATA[:10]]
    assert await _take(blocks, (5, 20)) == [DATA[5:20]]
    assert blocks.status()["cache_error"]


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ([], []),
        ([(5, 7), (0, 2)], [(0, 7)]),
        ([(0, 2), (2, 3)], [(0, 3)]),
        ([(0, 9), (1, 3)], [(0, 9)]),
        ([(0, 1), (8_193, 8_194)], [(0, 8_194)]),
        ([(0, 1), (8_194, 8_195)], [(0, 1), (8_194, 8_195)]),
    ],
)
def test_ranges_that_nearly_touch_are_one(wanted: list[tuple[int, int]], found: list[tuple[int, int]]) -> None:
    assert merged(wanted) == found
