"""What only the embedded index guarantees: rows in memory, and a folder of segments with a manifest."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
from pathlib import Path

import pyarrow as pa
import pytest

from logd.backends.index.policies import Assignment
from logd.backends.index.segments import SegmentsIndex
from logd.config.schema import Index as IndexLimits
from logd.config.schema import Policy, SearchLimits
from logd.errors import ConfigError, Unavailable
from logd.query.parse import parse
from logd.record import SCHEMA
from logd.seams import Batch, RetentionPolicy
from logd.store import segments
from tests.support.disk import full_disk
from tests.support.indexes import LIMITS, SegmentsStore, ids, many
from tests.support.rows import DAY, DAY_US, batch, everything, row


@pytest.fixture
def folder(tmp_path: Path) -> SegmentsStore:
    return SegmentsStore(tmp_path)


async def test_positions_are_durable_with_the_rows(folder: SegmentsStore) -> None:
    index = await folder.open()
    assert index.durable() == {}
    await index.write(batch([row(DAY, "a")], 5))
    assert index.durable() == {}
    left = await folder.after_crash()
    assert (await ids(left), left.durable()) == ([], {})
    await left.close()
    await index.flush()
    assert index.durable() == {0: 5}
    await index.write(Batch(SCHEMA.empty_table(), {0: 8, 1: 3}))
    await index.flush()
    left = await folder.after_crash()
    assert (await ids(left), left.durable()) == (["a"], {0: 8, 1: 3})
    await left.close()
    await index.close()


async def test_a_segment_for_each_day(folder: SegmentsStore) -> None:
    index = await folder.open()
    await index.write(batch([row(DAY + n * DAY_US // 2, f"{n}") for n in (3, 0, 2, 1)], 1))
    await index.flush()
    assert folder.parquet() == [
        "policy=DEFAULT/date=2024-10-04/000000000001.parquet",
        "policy=DEFAULT/date=2024-10-05/000000000002.parquet",
    ]
    assert (await index.status())["segments"] == 2
    await index.close()


async def test_a_segment_for_each_policy(tmp_path: Path) -> None:
    """Apart in files, found together."""
    policies = Assignment({"pay": Policy(services=["pay*"]), "web": Policy(services=["w?b"])})
    index = await SegmentsIndex.open(tmp_path, LIMITS, SearchLimits(threads=1), policies=policies)
    services = ["payments", "web", None, "web", "pay", "other"]
    for turn in range(2):
        rows = [row(DAY + n, f"{turn}{n}", service=service) for n, service in enumerate(services)]
        await index.write(batch(rows, turn + 1))
        await index.flush()
    found = [(segment.policy, segment.rows) for segment in index.inventory.segments]
    assert sorted(found) == [(name, 2) for name in ("DEFAULT", "DEFAULT", "pay", "pay", "web", "web")]
    assert {segment.file.split("/")[0] for segment in index.inventory.segments} == {
        f"policy={name}" for name, _ in found
    }
    assert await ids(index) == ["15", "05", "14", "04", "13", "03", "12", "02", "11", "01", "10", "00"]
    await index.close()


async def test_a_policy_that_is_made_meanwhile(tmp_path: Path) -> None:
    """What comes from then on lies with it; what is read again, where it lay."""
    policies = Assignment()
    index = await SegmentsIndex.open(tmp_path, LIMITS, SearchLimits(threads=1), policies=policies)
    rows = [row(DAY + n, f"{n}", service=service) for n, service in enumerate(["pay", "web", "pay", "web"])]
    await index.write(batch(rows[:2], 1))
    await index.flush()
    policies.learn([RetentionPolicy(name="payment", services=("pay",), from_us=DAY + 2)])  # taken in 1 µs later
    await index.write(batch(rows[2:], 2))
    await index.flush()
    await index.write(batch([row(DAY, "again", service="pay")], 3))
    await index.flush()
    found = [(segment.policy, segment.rows) for segment in index.inventory.segments]
    assert sorted(found) == [("DEFAULT", 1), ("DEFAULT", 1), ("DEFAULT", 2), ("payment", 1)]
    assert [one.file for one in index.inventory.segments if one.policy == "payment"] == [
        "policy=payment/date=2024-10-04/000000000003.parquet"
    ]
    await index.close()


async def test_alternatives_that_only_some_row_groups_have(
    folder: SegmentsStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The skip index knows which those are; one may be in all of them, and one is nowhere."""
    monkeypatch.setattr(segments, "ROW_GROUP_ROWS", 2)
    index = await folder.open()
    rows = [
        row(DAY + n, f"{n}", "red sky" if n == 2 else "blue sky", trace_id="t" if n == 7 else None) for n in range(10)
    ]
    await index.write(batch(rows, 1))
    await index.flush()
    await folder.upkeep()
    assert (await index.status())["skip_index_bytes"]
    for query, found in [
        ("red OR trace_id:t OR x:absent", ["7", "2"]),
        ('red OR trace_id:t OR "sky blue"', ["7", "2"]),
        ("blue AND (red OR trace_id:t)", ["7"]),
    ]:
        assert await ids(index, query=parse(query)) == found
    await index.close()


async def test_a_segment_without_a_manifest_entry_is_none(folder: SegmentsStore) -> None:
    """As a kill leaves it between the segment's write and the manifest's commit, or in the middle of the write."""
    index = await folder.open()
    await index.write(batch([row(DAY, "a")], 1))
    await index.close()
    (first,) = folder.parquet()
    orphan = folder.root / first.replace("001.parquet", "002.parquet")
    shutil.copy(folder.root / first, orphan)
    orphan.with_name("000000000003.tmp").write_bytes(b"PAR1 half")
    index = await folder.open()
    assert await ids(index) == ["a"]
    for number, log_id in enumerate("bc"):
        await index.write(batch([row(DAY, log_id)], number + 2, own=[0]))
        await index.flush()
    assert await ids(index) == ["c", "b", "a"]
    await index.close()
    index = await folder.open()
    assert await ids(index) == ["c", "b", "a"]
    await index.close()


async def test_flushed_by_rows(folder: SegmentsStore) -> None:
    index = await folder.open(IndexLimits(flush_rows=10, flush_bytes=2**40, flush_seconds=1_000_000))
    for number in range(3):
        await index.write(batch([row(DAY + n, f"{number}.{n}") for n in range(4)], number + 1))
        assert (await index.search(everything())).total == 4 * (number + 1)
    await _until_flushed(index)
    assert index.durable() == {0: 3}
    await index.close()


async def test_flushed_by_bytes(folder: SegmentsStore) -> None:
    index = await folder.open(IndexLimits(flush_rows=1_000_000, flush_bytes=1_000, flush_seconds=1_000_000))
    await index.write(batch([row(DAY, "a", "x" * 2_000)], 1))
    await _until_flushed(index)
    await index.close()


async def test_flushed_by_age(folder: SegmentsStore) -> None:
    index = await folder.open(IndexLimits(flush_rows=1_000_000, flush_bytes=2**40, flush_seconds=0.01))
    for number in range(3):
        await index.write(batch([row(DAY, f"{number}")], number + 1))
        await _until_flushed(index)
        assert index.durable() == {0: number + 1}
    await index.close()


async def test_searches_during_flushes_see_each_row_once(folder: SegmentsStore) -> None:
    index = await folder.open(IndexLimits(flush_rows=200, flush_bytes=2**40, flush_seconds=1_000_000))
    written = 0

    async def write() -> None:
        nonlocal written
        for number in range(40):
            rows = [row(DAY + n % 7 * DAY_US // 4, f"{number:03}.{n:03}") for n in range(50)]
            await index.write(batch(rows, number + 1))
            written += 50

    async def look() -> int:
        looks = 0
        while written < 2_000:
            before = written
            found = await index.search(everything())
            seen = found.table["log_id"].to_pylist()
            assert len(seen) == len(set(seen)) == found.total
            assert before <= len(seen) <= written + 50
            looks += 1
        return looks

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(write(), name="write")
        looking = [tasks.create_task(look(), name="look") for _ in range(3)]
    assert all(task.result() > 1 for task in looking)
    assert len(folder.parquet()) > 2
    assert (await index.search(everything())).total == 2_000
    await index.close()


@pytest.mark.parametrize("query", ["absent", "hello AND NOT absent"])
async def test_a_search_over_long_lines_holds_few_of_them(folder: SegmentsStore, query: str) -> None:
    """400 MB of them, in fewer rows than are read at once."""
    index = await folder.open()
    for number in range(25):
        rows = [row(DAY + number, f"{number:02}.{n:02}", "hello" + " x" * 500_000) for n in range(16)]
        await index.write(batch(rows, number + 1))
        await index.flush()
    usual = pa.default_memory_pool()
    measured = pa.proxy_memory_pool(usual)
    pa.set_memory_pool(measured)
    try:
        found = await ids(index, query=parse(query), limit=1, count_limit=0)
    finally:
        pa.set_memory_pool(usual)
    assert found == ([] if query == "absent" else ["24.15"])
    assert 16_000_000 < measured.max_memory() < 300_000_000
    await index.close()


async def test_a_flush_that_fails_is_bounded_loses_nothing_and_recovers(folder: SegmentsStore) -> None:
    index = await folder.open(IndexLimits(flush_rows=10, flush_bytes=2**40, flush_seconds=1_000_000))
    in_the_way = folder.root / "policy=DEFAULT"
    in_the_way.write_text("not a folder")
    taken: list[str] = []
    for number in range(5):  # 20 rows: twice flush_rows
        rows = [row(DAY + number, f"{number:03}.{n}") for n in range(4)]
        await index.write(batch(rows, number + 1))
        taken += [one["log_id"] for one in rows]
    with pytest.raises(Unavailable, match="segments can't be written"):
        await index.write(batch([row(DAY, "before")], 6))
    assert sorted(await ids(index)) == taken
    assert index.durable() == {}
    with pytest.raises(Unavailable):
        await index.flush()
    assert (await index.status())["flush_error"]
    in_the_way.unlink()
    await index.write(batch([row(DAY, "after")], 6))
    await index.flush()
    assert (await index.status())["flush_error"] is None
    assert index.durable() == {0: 6}
    await index.close()
    index = await folder.open()
    assert sorted(await ids(index)) == [*taken, "after"]
    await index.close()


async def test_a_flush_that_fails_half_way_leaves_no_file(folder: SegmentsStore) -> None:
    index = await folder.open()
    in_the_way = folder.root / "policy=DEFAULT" / "date=2024-10-05"
    in_the_way.parent.mkdir()
    in_the_way.write_text("not a folder")
    await index.write(batch([row(DAY, "a"), row(DAY + DAY_US, "b")], 1))
    for _ in range(3):
        with pytest.raises(Unavailable):
            await index.flush()
    in_the_way.unlink()
    assert folder.parquet() == []
    await index.close()
    assert len(folder.parquet()) == 2


async def test_a_full_disk(folder: SegmentsStore) -> None:
    index = await folder.open()
    await index.write(many(20_000))
    with full_disk(10_000), pytest.raises(Unavailable):
        await index.flush()
    assert folder.parquet() == []
    assert (await index.search(everything(limit=1))).total == 20_000
    await index.flush()
    assert (await index.search(everything(limit=1))).total == 20_000
    await index.close()


async def test_closing_while_nothing_can_be_written(folder: SegmentsStore, caplog: pytest.LogCaptureFixture) -> None:
    index = await folder.open()
    (folder.root / "policy=DEFAULT").write_text("not a folder")
    await index.write(batch([row(DAY, "a")], 1))
    await index.close()
    assert "1 rows only in the transport" in caplog.text
    (folder.root / "policy=DEFAULT").unlink()
    index = await folder.open()
    assert (await ids(index), index.durable()) == ([], {})
    await index.close()


async def test_a_newer_format_is_refused(folder: SegmentsStore) -> None:
    await (await folder.open()).close()
    db = sqlite3.connect(folder.root / "manifest.db")
    db.execute("PRAGMA user_version = 99")
    db.close()
    with pytest.raises(ConfigError, match=r"manifest\.db has format 99"):
        await folder.open()


async def test_what_is_no_database_is_refused(folder: SegmentsStore) -> None:
    folder.root.mkdir()
    (folder.root / "manifest.db").write_bytes(b"these are not the bytes you are looking for" * 100)
    with pytest.raises(ConfigError, match=r"manifest\.db"):
        await folder.open()


async def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "index").write_text("a file")
    with pytest.raises(ConfigError, match="index"):
        await SegmentsStore(tmp_path).open()


async def _until_flushed(index: SegmentsIndex) -> None:
    async with asyncio.timeout(60):
        while (await index.status())["recent_rows"]:  # noqa: ASYNC110
            await asyncio.sleep(0)
