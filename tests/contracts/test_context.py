"""What every index guarantees of the lines before and after one in its file (seams.Search, `by_position`)."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from typing import Any

import pytest

from logd.chunk import log_id
from logd.query.parse import parse
from logd.query.tree import And, Equals
from logd.seams import Place, Search
from tests.support.indexes import SearchedIndex, Store
from tests.support.naive_query import matches
from tests.support.naive_time import EPOCH
from tests.support.rows import DAY, DAY_US, Row, batch, row

ARCHIVE_TOO = True
SECOND = 1_000_000
SOURCES = ("6f1c2a9be03d4457", "6f1c2a9be03d4458", "ffffffffffffffff")


@pytest.fixture
def store(index_store: Store) -> Store:
    return index_store


@pytest.fixture
async def index(store: Store) -> AsyncIterator[SearchedIndex]:
    opened = await store.open()
    yield opened
    await opened.close()


def _line(number: int, time_us: int, source: str = SOURCES[0], taken_us: int | None = None, **columns: Any) -> Row:
    """Line `number` of a source; taken in a second a line after the first, unless told."""
    taken = EPOCH + timedelta(microseconds=DAY + number * SECOND if taken_us is None else taken_us)
    return row(time_us, log_id(source, 100 * number), f"line{number}", ingested_at=taken, **columns)


def _micros(line: Row) -> int:
    return int((line["timestamp"] - EPOCH) // timedelta(microseconds=1))


async def _beside(index: SearchedIndex, line: Row, limit: int, *, after: bool, **asked: Any) -> list[str]:
    place = Place(_micros(line), line["log_id"])
    search = Search(after=place, by_position=True, limit=limit, newest_first=not after, **asked)
    found = await index.search(search)
    assert (found.total, list(found.missing)) == (None, [])
    assert len(found.table) == limit or not found.more
    return [str(text) for text in found.table["message"].to_pylist()]


def _expected(rows: Sequence[Row], line: Row, limit: int, *, after: bool, **asked: Any) -> list[str]:
    """By a look at each row."""
    query, low, high = asked.get("query"), asked.get("from_us"), asked.get("to_us")
    of_source = [
        one
        for one in rows
        if one["log_id"][:17] == line["log_id"][:17]
        and (one["log_id"] > line["log_id"] if after else one["log_id"] < line["log_id"])
        and (query is None or matches(query, one))
        and (low is None or _micros(one) >= low)
        and (high is None or _micros(one) < high)
    ]
    nearest = sorted(of_source, key=lambda one: str(one["log_id"]), reverse=not after)[:limit]
    return [one["message"] for one in nearest]


@pytest.mark.parametrize("flushed", [False, True])
async def test_by_position_whatever_the_times_are(index: SearchedIndex, store: Store, flushed: bool) -> None:
    """Some lines have the time of another day, some all the same one; sources lie between one another."""
    rng = random.Random(7)
    rows = []
    for number in range(60):
        for source in SOURCES:
            time_us = DAY + number * SECOND + rng.choice([0, 0, 0, -3, 5, 90_000, -30 * 86_400, 400 * 86_400]) * SECOND
            rows.append(_line(number, time_us, source, service=rng.choice(["web", "cart"])))
    shuffled = rng.sample(rows, len(rows))
    for part in range(4):
        await index.write(batch(shuffled[part::4], part + 1))
        if flushed and part != 3:
            await index.flush()
    if flushed:
        await store.upkeep()
    cart = Equals("service", "cart")
    asked: list[dict[str, Any]] = [
        {},
        {"query": cart},
        {"query": And((cart, parse("line1* OR line2*")))},
        {"query": parse("absent")},
        {"from_us": DAY, "to_us": DAY + DAY_US},
    ]
    for line in [rows[0], rows[-1], *rng.sample(rows, 12)]:
        for parameters in asked:
            for limit, after in ((3, True), (5, False), (100, rng.random() < 0.5)):
                expected = _expected(rows, line, limit, after=after, **parameters)
                assert await _beside(index, line, limit, after=after, **parameters) == expected, (line, parameters)


@pytest.mark.parametrize("flushed", [False, True])
async def test_ids_that_only_sort_among_those_of_the_source(index: SearchedIndex, flushed: bool) -> None:
    """A client may choose any; these are no lines of the file."""
    lines = [_line(number, DAY + number) for number in range(6)]
    odd = [f"{line['log_id']}{end}" for line in lines for end in ("x", "0", "\n", *(f"-{n}" for n in range(20)))]
    odd += [f"{SOURCES[0]}-{end}" for end in ("0000000000ZZ", "0000000000C8", "000", "00000000000é", "")]
    await index.write(batch(lines, 1))
    await index.write(batch([row(DAY + 2, log_id, "odd") for log_id in odd], 2, own=range(len(odd))))
    if flushed:
        await index.flush()
    assert await _beside(index, lines[1], 3, after=True) == ["line2", "line3", "line4"]
    assert await _beside(index, lines[1], 99, after=True) == ["line2", "line3", "line4", "line5"]
    assert await _beside(index, lines[4], 3, after=False) == ["line3", "line2", "line1"]
    assert await _beside(index, lines[4], 99, after=False) == ["line3", "line2", "line1", "line0"]


async def test_only_some_columns(index: SearchedIndex) -> None:
    await index.write(batch([_line(number, DAY + number) for number in range(4)], 1))
    await index.flush()
    place = Place(DAY + 1, log_id(SOURCES[0], 100))
    found = await index.search(
        Search(after=place, by_position=True, limit=2, newest_first=False, columns=("message", "service"))
    )
    assert found.table.column_names == ["log_id", "timestamp", "service", "message"]
    assert found.table["message"].to_pylist() == ["line2", "line3"]


async def test_nothing_beside_it(index: SearchedIndex) -> None:
    alone = _line(3, DAY)
    assert await _beside(index, alone, 5, after=True) == []
    await index.write(batch([alone, _line(3, DAY, SOURCES[1])], 1))
    for after in (True, False):
        assert await _beside(index, alone, 5, after=after) == []
        assert await _beside(index, alone, 0, after=after) == []


async def test_the_line_itself_may_be_gone(index: SearchedIndex) -> None:
    await index.write(batch([_line(number, DAY + number) for number in (1, 2, 4, 5)], 1))
    await index.flush()
    assert await _beside(index, _line(3, DAY + 3), 1, after=True) == ["line4"]
    assert await _beside(index, _line(3, DAY + 3), 9, after=False) == ["line2", "line1"]


@pytest.mark.only("segments", reason="Elasticsearch looks into the ids themselves")
class TestManyRowGroups:
    """Row groups of 16 rows, so that most of them aren't near the line."""

    @pytest.fixture(autouse=True)
    def _small(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("logd.store.segments.ROW_GROUP_ROWS", 16)

    async def test_a_far_time_that_was_taken_in_with_its_neighbours(self, index: SearchedIndex) -> None:
        """Line 5000 has the time of a month ago, line 5001 that of the next day."""
        rows = [_line(number, DAY + number * SECOND, SOURCES[number % 2]) for number in range(10_000)]
        rows[5_000] = _line(5_000, DAY - 30 * DAY_US)
        rows[5_002] = _line(5_002, DAY + DAY_US)
        await index.write(batch(rows, 1))
        await index.flush()
        expected = ["line4996", "line4998", "line5000", "line5002", "line5004", "line5006"]
        for number in (5_000, 5_002, 4_998, 5_004):
            before = await _beside(index, rows[number], 3, after=False)
            assert before == [f"line{number - 2 * n}" for n in (1, 2, 3)]
            after = await _beside(index, rows[number], 3, after=True)
            assert after == [f"line{number + 2 * n}" for n in (1, 2, 3)]
        assert await _beside(index, rows[4_994], 6, after=True) == expected

    async def test_what_is_far_in_both_times_may_be_missing(self, index: SearchedIndex) -> None:
        """As the guarantee says: a line of another month that was replayed a day later isn't looked for."""
        rows = [_line(number, DAY + number * SECOND, SOURCES[number % 2]) for number in range(10_000)]
        rows[5_000] = _line(5_000, DAY - 30 * DAY_US, taken_us=DAY + DAY_US)
        rows += [_line(n, DAY - 30 * DAY_US + n, taken_us=DAY + DAY_US) for n in range(20_000, 20_040, 2)]
        await index.write(batch(rows, 1))
        await index.flush()
        assert await _beside(index, rows[4_998], 2, after=True) == ["line5002", "line5004"]
