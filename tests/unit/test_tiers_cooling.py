"""Days of segments go into the archive, oldest first and hour by hour, and are found once all the time."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from logd.backends.index.segments import SegmentsIndex
from logd.errors import Unavailable
from logd.seams import BOUNDARY_SECONDS, ArchivedFile, LegalHold, Search
from logd.store import merge
from logd.store.segments import ROW_GROUP_ROWS
from logd.tiers.embedded import cooling as cooling_module
from tests.support.cooling import Cold
from tests.support.indexes import SegmentsStore
from tests.support.rows import DAY, DAY_US, batch, row

_DAY = DAY // DAY_US
_HOUR_US = DAY_US // 24
_WAIT_US = int(BOUNDARY_SECONDS * 1_000_000)
_DEFAULT = "DEFAULT"


@pytest.fixture
def store(tmp_path: Path) -> SegmentsStore:
    return SegmentsStore(tmp_path)


@pytest.fixture
async def cold(tmp_path: Path) -> AsyncIterator[Cold]:
    cold = Cold(tmp_path)
    await cold.open()
    cold.now_us = DAY + 100 * DAY_US
    yield cold
    await cold.close()


async def _filled(store: SegmentsStore, days: int = 2) -> SegmentsIndex:
    """Three rows in each of the hours 0, 5 and 23, in segments of their own for each hour."""
    index = await store.open()
    position = 0
    for day in range(days):
        for hour in (0, 5, 23):
            position += 1
            rows = [row(DAY + day * DAY_US + hour * _HOUR_US + n, f"{day}-{hour:02d}-{n}") for n in range(3)]
            await index.write(batch(rows, position))
            await index.flush()
    return index


async def _ids(index: SegmentsIndex, cold: Cold, archived: Any = None) -> list[str]:
    """What a search over both finds, as TieredSearches asks them."""
    boundaries = await cold.archived() if archived is None else archived
    found = await index.search(Search(limit=10_000, archived=boundaries))
    ids = found.table["log_id"].to_pylist()
    for day in await cold.archive.days():
        if day.day < boundaries.get(day.policy, 0):
            ids += [one["log_id"] for one in await cold.rows(day.policy, day.day)]
    return sorted(ids)


async def _until_it_waits(cooling: cooling_module.Cooling) -> None:
    while await cooling.step():
        pass


async def test_a_day_leaves_the_segments_and_is_found_once_at_every_step(store: SegmentsStore, cold: Cold) -> None:
    index = await _filled(store)
    everything = await _ids(index, cold)
    cold.cold_before[_DEFAULT] = _DAY + 1
    cooling = cold.cooling(index.inventory)
    while await cooling.step():
        assert await _ids(index, cold) == everything
    assert cooling.waits
    assert await cold.archived() == {_DEFAULT: _DAY + 1}
    assert len(index.inventory.segments) == 6  # a search that knows the old boundary still has them
    assert await _ids(index, cold, {}) == everything
    cold.now_us += _WAIT_US
    await _until_it_waits(cooling)
    assert {segment.day for segment in index.inventory.segments} == {_DAY + 1}
    assert await _ids(index, cold) == everything
    assert {file.hour for file in await cold.archive.files(_DEFAULT, _DAY)} == {0, 5, 23}
    assert index.inventory.ledger["rows_archived"] == 9
    assert not index.inventory.moving
    (move,) = await cold.tiering.moves()
    assert (move.what, move.policy, move.day, move.detail["rows"]) == ("cold", _DEFAULT, _DAY, 9)
    assert await cold.tiering.step(_DEFAULT, _DAY) == {}
    await cooling.close()
    await index.close()


async def test_nothing_moves_without_a_policy(store: SegmentsStore, cold: Cold) -> None:
    index = await _filled(store)
    cooling = cold.cooling(index.inventory)
    assert not await cooling.step()
    cold.expired_before[_DEFAULT] = cold.cold_before[_DEFAULT] = _DAY + 2
    assert not await cooling.step()  # it is deleted anyway
    await cooling.close()
    await index.close()


@pytest.mark.parametrize("steps", range(1, 29))
async def test_another_process_goes_on_after_each_step(store: SegmentsStore, cold: Cold, steps: int) -> None:
    index = await _filled(store, days=1)
    everything = await _ids(index, cold)
    cold.cold_before[_DEFAULT] = _DAY + 1
    first = cold.cooling(index.inventory)
    for _ in range(steps):
        await first.step()
    await first.close()
    await index.close()
    index = await store.open()
    await store.upkeep()  # may merge what the next one has not heard of
    second = cold.cooling(index.inventory)
    await _until_it_waits(second)
    cold.now_us += _WAIT_US
    await _until_it_waits(second)
    assert not index.inventory.segments
    assert await _ids(index, cold) == everything
    await second.close()
    await index.close()


async def test_late_lines_are_hidden_and_then_moved(store: SegmentsStore, cold: Cold) -> None:
    index = await _filled(store)
    cold.cold_before[_DEFAULT] = _DAY + 1
    cooling = cold.cooling(index.inventory)
    await _until_it_waits(cooling)
    cold.now_us += _WAIT_US
    await _until_it_waits(cooling)
    before = await _ids(index, cold)
    late = [row(DAY + 7 * _HOUR_US, "late"), row(DAY - 3 * DAY_US, "later"), row(DAY + DAY_US, "new")]
    await index.write(batch(late, 10))
    assert await _ids(index, cold) == sorted([*before, "new"])  # in memory
    await index.flush()
    assert await _ids(index, cold) == sorted([*before, "new"])
    cold.now_us += 60_000_000
    await _until_it_waits(cooling)
    assert await _ids(index, cold) == sorted([*before, "late", "later", "new"])
    assert {segment.day for segment in index.inventory.segments} == {_DAY + 1}
    await cooling.close()
    await index.close()


async def test_segments_on_their_way_arent_merged(store: SegmentsStore, cold: Cold) -> None:
    index = await _filled(store, days=1)
    cold.cold_before[_DEFAULT] = _DAY + 1
    cooling = cold.cooling(index.inventory)
    assert await cooling.step()
    ids = {segment.id for segment in index.inventory.segments}
    assert index.inventory.moving == ids
    await store.upkeep()
    assert {segment.id for segment in index.inventory.segments} == ids
    await cooling.close()
    await index.close()


async def test_a_damaged_segment_is_put_aside_and_the_others_are_moved(store: SegmentsStore, cold: Cold) -> None:
    index = await _filled(store, days=1)
    file = store.root / index.inventory.segments[1].file
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    cold.cold_before[_DEFAULT] = _DAY + 1
    cooling = cold.cooling(index.inventory)
    await _until_it_waits(cooling)
    cold.now_us += _WAIT_US
    await _until_it_waits(cooling)
    assert not index.inventory.segments
    assert await _ids(index, cold) == [f"0-{hour:02d}-{n}" for hour in (0, 23) for n in range(3)]
    assert len(index.inventory.quarantined) == 1
    await cooling.close()
    await index.close()


async def test_an_hour_is_read_in_parts(store: SegmentsStore, cold: Cold, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cooling_module, "_FILE_ROWS", 10_000)
    index = await store.open()
    for number in range(3):  # each overlaps with the others
        rows = [row(DAY + 3 * n + number, f"{number}-{n:05d}") for n in range(20_000)]
        await index.write(batch(rows, number + 1))
        await index.flush()
    cold.cold_before[_DEFAULT] = _DAY + 1
    cooling = cold.cooling(index.inventory)
    await _until_it_waits(cooling)
    assert await cold.archived() == {_DEFAULT: _DAY + 1}
    assert cold.hours.most_rows <= 10_000 + 3 * ROW_GROUP_ROWS
    assert sum(file.rows for file in await cold.archive.files(_DEFAULT, _DAY)) == 60_000
    assert len({one["log_id"] for one in await cold.rows(_DEFAULT, _DAY)}) == 60_000
    await cooling.close()
    await index.close()


async def test_what_is_there_twice_goes_once(store: SegmentsStore, cold: Cold) -> None:
    index = await store.open()
    for position in (1, 2):
        await index.write(batch([row(DAY + n, f"{n}") for n in range(5)], position))
        await index.flush()
    cold.cold_before[_DEFAULT] = _DAY + 1
    cooling = cold.cooling(index.inventory)
    await _until_it_waits(cooling)
    assert await _ids(index, cold) == [f"{n}" for n in range(5)]
    await cooling.close()
    await index.close()


async def test_rows_that_get_lost_keep_the_day(store: SegmentsStore, cold: Cold, monkeypatch: Any) -> None:
    index = await _filled(store, days=1)
    everything = await _ids(index, cold)
    cold.cold_before[_DEFAULT] = _DAY + 1
    cooling = cold.cooling(index.inventory)
    put = cold.hours.put

    async def lossy(policy: str, day: int, hour: int, rows: pa.Table) -> ArchivedFile:
        return await put(policy, day, hour, rows.slice(1) if hour == 5 else rows)

    monkeypatch.setattr(cold.hours, "put", lossy)
    with pytest.raises(Unavailable, match="has 2 rows of 3"):
        await _until_it_waits(cooling)
    monkeypatch.undo()
    real = merge.rows_between
    monkeypatch.setattr(merge, "rows_between", lambda *given: (table.slice(1) for table in real(*given)))
    with pytest.raises(Unavailable, match="9 rows of DEFAULT and day 20000 are in segments, but 7 were read"):
        await _until_it_waits(cooling)
    monkeypatch.undo()
    assert await cold.archived() == {}
    assert await cold.archive.files(_DEFAULT, _DAY) == []
    assert await _ids(index, cold) == everything
    await _until_it_waits(cooling)
    assert await cold.archived() == {_DEFAULT: _DAY + 1}
    assert await _ids(index, cold) == everything
    await cooling.close()
    await index.close()


async def test_what_waits_to_be_removed_is_not_merged_after_a_restart(store: SegmentsStore, cold: Cold) -> None:
    """Its rows would be taken for late ones, and be in the archive twice."""
    index = await store.open()
    for number in range(16):
        await index.write(batch([row(DAY + number, f"{number:02d}")], number + 1))
        await index.flush()
    everything = await _ids(index, cold)
    cold.cold_before[_DEFAULT] = _DAY + 1
    first = cold.cooling(index.inventory)
    await _until_it_waits(first)
    await first.close()
    await index.close()
    index = await store.open()
    second = cold.cooling(index.inventory)
    await store.upkeep()
    await second.step()
    await store.upkeep()
    for _ in range(4):
        cold.now_us += _WAIT_US
        await _until_it_waits(second)
    assert await _ids(index, cold) == everything
    await second.close()
    await index.close()


async def test_what_a_hold_keeps_is_moved_though_it_has_expired(store: SegmentsStore, cold: Cold) -> None:
    """The boundary of later days hides it, so it has to be in the archive."""
    index = await _filled(store)
    everything = await _ids(index, cold)
    cold.expired_before[_DEFAULT], cold.cold_before[_DEFAULT] = _DAY + 1, _DAY + 2
    cold.holds = [LegalHold(id="0123456789ab", name="case", to_us=DAY + DAY_US)]
    cooling = cold.cooling(index.inventory)
    for _ in range(2):
        await _until_it_waits(cooling)
        assert await _ids(index, cold) == everything
        cold.now_us += _WAIT_US
    assert not index.inventory.segments
    await cooling.close()
    await index.close()


async def test_a_move_ends_though_its_segments_went_before(store: SegmentsStore, cold: Cold) -> None:
    """As they do when the catalog is away in between; whoever waits for room would wait for ever."""
    index = await _filled(store, days=1)
    cold.cold_before[_DEFAULT] = _DAY + 1
    cooling = cold.cooling(index.inventory)
    await _until_it_waits(cooling)
    assert cooling.waits
    await index.inventory.remove(index.inventory.segments, "archive")
    cold.now_us += _WAIT_US
    await _until_it_waits(cooling)
    assert not cooling.waits
    assert [move.what for move in await cold.tiering.moves()] == ["cold"]
    await cooling.close()
    await index.close()
