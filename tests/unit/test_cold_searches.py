"""Searching an archive in place, where not all of it is as it should be."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pyarrow as pa
import pytest

from logd.backends.objects.folder import FolderObjects
from logd.errors import Unavailable
from logd.query.parse import parse
from logd.record import SCHEMA
from logd.seams import ArchivedFile, Histogram, Search, Stats
from logd.tiers import names
from logd.tiers.cold import damage as cold_damage
from tests.support.cold import HOUR_US, ArchivedRows, Counted
from tests.support.objects import content
from tests.support.rows import DAY, DAY_US, row

FILES = 4


@pytest.fixture
async def objects(tmp_path: Path) -> Counted:
    return Counted(await FolderObjects.open(tmp_path / "objects"))


@pytest.fixture
async def rows(tmp_path: Path, objects: Counted) -> AsyncIterator[ArchivedRows]:
    """A file an hour, of a hundred rows."""
    made = await ArchivedRows.open(tmp_path, objects)
    yield made
    await made.close()
    assert not objects.under_way


async def _added(rows: ArchivedRows) -> list[ArchivedFile]:
    found = []
    for hour in range(FILES):
        some = [
            row(DAY + hour * HOUR_US + n, f"{hour}-{n:03}", f"word{n} of {hour}", service=f"s{n % 3}")
            for n in range(100)
        ]
        found += await rows.add(pa.Table.from_pylist(some, SCHEMA))
    return found


async def _rewritten(objects: Counted, name: str, data: bytes) -> None:
    await objects.delete(name)
    await objects.put(name, content(data))


async def _ids(rows: ArchivedRows, query: str = "", **asked: int) -> tuple[list[str], list[str]]:
    found = await rows.search(Search(query=parse(query), limit=1_000, count_limit=None, **asked))  # type: ignore[arg-type]
    assert found.total == len(found.table)
    return found.table["log_id"].to_pylist(), list(found.missing)


ALL = [f"{hour}-{n:03}" for hour in reversed(range(FILES)) for n in reversed(range(100))]


@pytest.mark.parametrize("query", ["", "of", "word7", "service:s1", "NOT absent"])
async def test_a_file_that_is_not_there(
    rows: ArchivedRows, objects: Counted, query: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is left out, but only for now: the store may have it again."""
    files = await _added(rows)
    whole, _ = await _ids(rows, query)
    async with objects.objects.get(files[1].name) as blocks:
        data = b"".join([block async for block in blocks])
    await objects.delete(files[1].name)
    fresh = await _reopened(rows, objects)
    found, missing = await _ids(fresh, query)
    assert found == [one for one in whole if not one.startswith("1-")]
    assert [files[1].name in why and "isn't there any more" in why for why in missing] == [True]
    again = await fresh.histogram(Histogram(query=parse(query)))
    assert (sum(again.counts), len(again.missing)) == (len(found), 1)
    assert [one.name for one in await fresh.archive.files("DEFAULT", DAY // DAY_US) if one.reason] == []
    await objects.put(files[1].name, content(data))
    monkeypatch.setattr(cold_damage, "_GONE_SECONDS", 0.0)
    assert await _ids(fresh, query) == (whole, [])
    await fresh.searches.close()


async def _reopened(rows: ArchivedRows, objects: Counted) -> ArchivedRows:
    """As another process has it, whose disk has nothing yet."""
    return await rows.beside(f"cache-{len(objects.read)}")


@pytest.mark.parametrize("query", ["", "of", "word7", "service:s1", "NOT absent"])
@pytest.mark.parametrize("damage", ["shorter", "longer", "head", "middle", "tail"])
async def test_a_damaged_file_is_put_aside_and_the_others_are_answered(
    rows: ArchivedRows, objects: Counted, query: str, damage: str
) -> None:
    files = await _added(rows)
    whole, _ = await _ids(rows, query)
    async with objects.objects.get(files[2].name) as blocks:
        data = bytearray(b"".join([block async for block in blocks]))
    match damage:
        case "shorter":
            data = data[: len(data) // 2]
        case "longer":
            data += b"PAR1"
        case "head":
            data[: len(data) // 3] = bytes(len(data) // 3)
        case "middle":
            data[len(data) // 3 : len(data) // 2] = b"\xff" * (len(data) // 2 - len(data) // 3)
        case "tail":
            data[-200:] = bytes(200)
    await _rewritten(objects, files[2].name, bytes(data))
    fresh = await _reopened(rows, objects)
    found, missing = await _ids(fresh, query)
    others = [one for one in whole if not one.startswith("2-")]
    if damage == "longer" or (damage == "middle" and not missing):
        assert found in (whole, others)  # what was read of it may be as it was
    else:
        assert found == others
        assert [files[2].name in why for why in missing] == [True]
        assert missing == (await _ids(fresh, query))[1]
    await fresh.searches.close()


async def test_a_damaged_skip_index_costs_reading_only(rows: ArchivedRows, objects: Counted) -> None:
    files = await _added(rows)
    for file in files:
        await _rewritten(objects, names.skip_of(file.name), bytes(file.skip_bytes))
    assert await _ids(rows, "word7") == ([f"{hour}-007" for hour in reversed(range(FILES))], [])
    await objects.delete(names.skip_of(files[0].name))
    fresh = await _reopened(rows, objects)
    assert await _ids(fresh, "word8") == ([f"{hour}-008" for hour in reversed(range(FILES))], [])
    await fresh.searches.close()


@pytest.mark.parametrize("query", ["", "word7", "service:s1", "NOT absent"])
async def test_objects_that_are_away(rows: ArchivedRows, objects: Counted, query: str) -> None:
    await _added(rows)
    objects.fails = "S3 answers 503"
    with pytest.raises(Unavailable, match="the archive can't be read now: S3 answers 503"):
        await _ids(rows, query)
    with pytest.raises(Unavailable, match="the archive can't be read now: S3 answers 503"):
        await rows.stats(Stats(query=parse(query), by=("level",)))
    objects.fails = ""
    assert len((await _ids(rows, query))[0]) > 0
    assert not [one for one in await rows.archive.files("DEFAULT", DAY // DAY_US) if one.reason]


@pytest.mark.parametrize("query", ["", "word7", "NOT absent"])
async def test_a_cancelled_search_fetches_no_more(rows: ArchivedRows, objects: Counted, query: str) -> None:
    await _added(rows)
    objects.going.clear()
    asked = asyncio.create_task(_ids(rows, query))
    await objects.until_reading()
    asked.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asked
    await objects.until_under_way(0)
    objects.going.set()
    assert len((await _ids(rows, query))[0]) > 0


async def test_files_that_are_replaced_meanwhile(rows: ArchivedRows, objects: Counted) -> None:
    """Compaction deletes what it has put together, though not at once."""
    files = await _added(rows)
    whole, _ = await _ids(rows)
    fresh = await _reopened(rows, objects)
    objects.going.clear()
    asked = asyncio.create_task(_ids(fresh))
    await objects.until_reading()
    async with objects.objects.get(files[1].name) as blocks:
        data = b"".join([block async for block in blocks])
    new = msgspec.structs.replace(files[1], name=files[1].name.replace(".parquet", "-c.parquet"), skip_bytes=0)
    await objects.put(new.name, content(data))
    assert await rows.archive.add([new], [files[1].name])
    await objects.delete(files[1].name)
    objects.going.set()
    assert await asked == (whole, [])
    assert not [one for one in await rows.archive.files("DEFAULT", DAY // DAY_US) if one.reason]
    await fresh.searches.close()


async def test_days_of_somebody_else_are_left_out(rows: ArchivedRows) -> None:
    for day in range(3):
        for policy in ("DEFAULT", "debug"):
            one = row(DAY + day * DAY_US, f"{policy}-{day}")
            await rows.add(pa.Table.from_pylist([one], SCHEMA), policy)
    first = DAY // DAY_US
    for cold, expected in (
        (None, {f"{policy}-{day}" for policy in ("DEFAULT", "debug") for day in range(3)}),
        ({}, set()),
        ({"DEFAULT": first + 2}, {"DEFAULT-0", "DEFAULT-1"}),
        ({"DEFAULT": first + 1, "debug": first + 9}, {"DEFAULT-0", "debug-0", "debug-1", "debug-2"}),
    ):
        found = await rows.searches.of(cold).search(Search())
        assert set(found.table["log_id"].to_pylist()) == expected
        assert found.tiers == (("cold",) if expected else ())
        counted = await rows.searches.of(cold).stats(Stats(from_us=DAY + DAY_US, to_us=DAY + 2 * DAY_US))
        assert counted.total == len([one for one in expected if one.endswith("1")])


async def test_explained(rows: ArchivedRows) -> None:
    files = await _added(rows)
    told = await rows.explain(Search(query=parse("word7"), from_us=DAY + HOUR_US))
    assert told["engine"] == "archive"
    assert told["segments"] == {"all": 3, "out_of_time": 0, "ruled_out": 0, "read": 3}
    assert told["row_groups"]["ruled_out"] > told["row_groups"]["read"]
    assert 0 < told["bytes"]["to_decide"] < told["bytes"]["all"] == sum(file.size_bytes for file in files[1:])
    assert {one["segment"] for one in told["each"]} == {file.name for file in files[1:]}


async def test_a_word_reads_few_bytes_and_the_second_time_none(rows: ArchivedRows, objects: Counted) -> None:
    await _added(rows)
    await _ids(rows, "word7")
    read = len(objects.read)
    assert rows.searches.status()["fetched_bytes"] > 0
    await _ids(rows, "word7")
    assert len(objects.read) == read
