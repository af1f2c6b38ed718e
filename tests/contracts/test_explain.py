"""What every index says of a search without doing it (seams.Searches.explain)."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from logd.query.parse import parse
from tests.support.indexes import SearchedIndex, Store
from tests.support.rows import DAY, DAY_US, batch, everything, row


@pytest.fixture
def store(index_store: Store) -> Store:
    return index_store


@pytest.fixture
async def index(store: Store) -> AsyncIterator[SearchedIndex]:
    opened = await store.open()
    yield opened
    await opened.close()


async def _three_days(index: SearchedIndex) -> None:
    """Ten rows a day, each day in a segment or an index of its own; `needle` is on the second."""
    for day in range(3):
        words = ["hello"] * 9 + ["needle" if day == 1 else "hay"]
        rows = [row(DAY + day * DAY_US + n, f"{day}{n}", word) for n, word in enumerate(words)]
        await index.write(batch(rows, day + 1))
        await index.flush()


async def _explained(index: SearchedIndex, **asked: Any) -> dict[str, Any]:
    plan = await index.explain(everything(**asked))
    assert json.loads(json.dumps(plan)) == plan
    return plan


async def test_nothing(index: SearchedIndex) -> None:
    plan = await _explained(index, query=parse("x"))
    assert (plan["rows"]["all"], plan["rows"]["to_read"], plan["each"]) == (0, 0, [])


async def test_other_times_are_left_out(index: SearchedIndex) -> None:
    await _three_days(index)
    for asked in ({"from_us": DAY + DAY_US, "to_us": DAY + 2 * DAY_US}, {"query": parse("timestamp:2024-10-05")}):
        plan = await _explained(index, **asked)
        assert (plan["rows"]["all"], plan["rows"]["to_read"]) == (30, 10)
        assert (plan["from"], plan["to"]) == ("2024-10-05T00:00:00Z", "2024-10-06T00:00:00Z")
        parts = plan.get("segments") or plan["indices"]
        assert (parts["all"], parts["out_of_time"], parts["read"]) == (3, 2, 1)
    whole = await _explained(index)
    assert (whole["rows"]["to_read"], whole["from"], whole["to"]) == (30, None, None)
    assert [one["rows"] for one in whole["each"]] == [10, 10, 10]


@pytest.mark.only("segments", reason="Elasticsearch has no skip index of ours, and no memory")
async def test_the_skip_index_rules_out(index: SearchedIndex, store: Store) -> None:
    await _three_days(index)
    before = await _explained(index, query=parse("needle"))
    assert (before["segments"]["read"], before["without_skip_index"]) == (3, 3)
    await store.upkeep()
    await index.write(batch([row(DAY, "recent")], 9))
    plan = await _explained(index, query=parse("needle OR absent"), columns=("level",))
    assert plan["segments"] == {"all": 3, "out_of_time": 0, "ruled_out": 2, "read": 1}
    assert plan["row_groups"] == {"all": 3, "out_of_time": 0, "ruled_out": 2, "read": 1}
    assert plan["rows"] == {"all": 31, "to_read": 11, "in_memory": 1}
    assert (plan["decides_by"], plan["shows"]) == (["message", "timestamp"], ["log_id", "timestamp", "level"])
    (read,) = (one for one in plan["each"] if one["row_groups"]["read"])
    assert "date=2024-10-05" in read["segment"]
    assert read["query"] == ["message has the word 'needle'"]


@pytest.mark.only("elasticsearch", reason="it is its own query")
async def test_the_query_of_elasticsearch(index: SearchedIndex) -> None:
    await _three_days(index)
    plan = await _explained(index, query=parse("needle"), from_us=DAY, to_us=DAY + 1)
    assert plan["asked"] == ["logs-*2024-10-04"]
    assert "needle" in json.dumps(plan["query"]["bool"]["filter"])
    assert [one["index"] for one in plan["each"] if one["read"]] == ["logs-2024-10-04"]
