"""What the archive answers for is no part of the embedded index's answers, in memory and in segments, by policy."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from logd.backends.index.policies import Assignment
from logd.backends.index.segments import SegmentsIndex
from logd.config.schema import Policy, SearchLimits
from logd.query.parse import parse
from logd.seams import Archived, Fields, Histogram, Patterns, Place, Search, Stats
from tests.support.indexes import LIMITS
from tests.support.rows import DAY, DAY_US, Row, batch, row

_DAY = DAY // DAY_US
_PAY = Policy(services=["pay-*"])
_SOURCE = "ab00000000000001"


def _rows() -> list[Row]:
    """One for each service and day, in one file."""
    return [
        row(DAY + day * DAY_US + n, f"{_SOURCE}-{2 * day + n:012x}", f"line of {service}", service=service)
        for day in range(3)
        for n, service in enumerate(("web", "pay-1"))
    ]


@pytest.fixture(params=["memory", "segments", "both"])
async def index(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[SegmentsIndex]:
    limits = SearchLimits(threads=1)
    index = await SegmentsIndex.open(tmp_path / "index", LIMITS, limits, policies=Assignment({"pay": _PAY}))
    rows = _rows()
    cut = {"memory": 0, "segments": len(rows), "both": 3}[request.param]
    for number, some in enumerate((rows[:cut], rows[cut:]), 1):
        if some:
            await index.write(batch(some, number))
        if number == 1:
            await index.flush()
    yield index
    await index.close()


def _meant(archived: Archived) -> list[Row]:
    def policy(one: Row) -> str:
        return "pay" if one["service"] == "pay-1" else "DEFAULT"

    return [one for number, one in enumerate(_rows()) if _DAY + number // 2 >= archived.get(policy(one), 0)]


_BOUNDARIES: list[Archived] = [
    {},
    {"DEFAULT": _DAY},
    {"DEFAULT": _DAY + 1},
    {"pay": _DAY + 2},
    {"pay": _DAY + 1, "DEFAULT": _DAY + 2},
    {"pay": _DAY + 9, "DEFAULT": _DAY + 9},
    {"other": _DAY + 9},
]


@pytest.mark.parametrize("number", range(len(_BOUNDARIES)))
async def test_every_answer_leaves_it_out(index: SegmentsIndex, number: int) -> None:
    archived = _BOUNDARIES[number]
    meant = _meant(archived)
    query = parse("line")
    for _ in range(2):  # what is kept of parts of segments is the same with another boundary
        everything = await index.histogram(Histogram(query=query, interval_us=DAY_US))
        assert sum(everything.counts) == len(_rows())
        found = await index.search(Search(query=query, archived=archived))
        assert found.total == len(meant)
        assert sorted(found.table["log_id"].to_pylist()) == [one["log_id"] for one in meant]
        assert (await index.search(Search(archived=archived, limit=0))).total == len(meant)
        counted = await index.histogram(Histogram(query=query, interval_us=DAY_US, archived=archived, by="service"))
        assert sum(counted.counts) == len(meant)
        assert (await index.stats(Stats(query=query, archived=archived))).total == len(meant)
        assert (await index.fields(Fields(query=query, archived=archived))).total == len(meant)
        assert (await index.patterns(Patterns(query=query, archived=archived))).total == len(meant)
        assert (await index.explain(Search(query=query, archived=archived)))["rows"]["all"] == len(meant)


async def test_context_by_position_has_no_line_of_the_archive(index: SegmentsIndex) -> None:
    last = _rows()[-1]
    place = Place(DAY + 2 * DAY_US + 1, last["log_id"])
    asked = Search(by_position=True, after=place, newest_first=True, archived={"DEFAULT": _DAY + 1, "pay": _DAY + 2})
    ids = (await index.search(asked)).table["log_id"].to_pylist()
    assert ids == [_rows()[at]["log_id"] for at in (4, 2)]


async def test_what_is_known_isnt_stored_again_though_it_is_hidden(index: SegmentsIndex) -> None:
    written = await index.write(batch(_rows(), 9, own=range(6)))
    assert written.duplicates == 6
