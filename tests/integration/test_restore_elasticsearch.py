"""Ranges of an archive, back into a real Elasticsearch: what is asked for and nothing else, once, for a while."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import msgspec
import pytest

from logd.backends.index.elasticsearch_names import restored_name
from logd.errors import Unavailable
from tests.services import running
from tests.support.restores import ID, Archived
from tests.support.rows import DAY_US, Row, row
from tests.support.tiers import D

pytestmark = [pytest.mark.servers("elasticsearch"), pytest.mark.timeout(1_200)]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A hot node and a warm one."""
    with running("elasticsearch", tmp_path_factory.mktemp("cluster"), members=2) as server:
        yield server.url


@pytest.fixture
async def archived(cluster: str, tmp_path: Path) -> AsyncIterator[Archived]:
    archived = await Archived.open(cluster, tmp_path)
    yield archived
    for name in await archived.indices.names(ID):
        await archived.indices.delete(name)
    await archived.close()
    await archived.world.close()


def _rows(day: int, count: int, service: str = "web") -> list[Row]:
    return [
        row(day * DAY_US + n, f"{service}-{day}-{n:04}", f"line {n}", service=service, metadata='{"a":1.50,"b":[2]}')
        for n in range(count)
    ]


async def test_a_range_comes_back(archived: Archived) -> None:
    web, pay = _rows(D, 200), _rows(D, 100, "pay")
    await archived.add("DEFAULT", D, web)
    await archived.add("pay", D, pay)
    await archived.add("DEFAULT", D + 1, _rows(D + 1, 10))
    await archived.add("DEFAULT", D + 2, _rows(D + 2, 10))
    await archived.wanted(D * DAY_US + 120, (D + 1) * DAY_US + 5)
    await archived.restorer.step()
    one = await archived.is_now()
    names = [restored_name("DEFAULT", D, ID), restored_name("DEFAULT", D + 1, ID)]
    assert (one.state, one.rows, one.done_rows, one.error) == ("done", 85, 85, "")
    assert list(one.indices) == names
    assert names[0] == f"restored-default-2024-10-04-{ID}"
    assert await archived.found() == {
        names[0]: [f"web-{D}-{n:04}" for n in range(120, 200)],
        names[1]: [f"web-{D + 1}-{n:04}" for n in range(5)],
    }
    shown = json.loads(
        await archived.world.client.ask("GET", f"/{names[0]}/_settings", None, {"flat_settings": "true"})
    )
    its = shown[names[0]]["settings"]
    assert (its["index.number_of_replicas"], its["index.blocks.write"]) == ("0", "true")
    assert await archived.world.found() == [], "logd's own searches go by the archive"
    await archived.restorer.step()
    assert await archived.is_now() == one


async def test_only_some_services(archived: Archived) -> None:
    rows = sorted([*_rows(D, 60), *_rows(D, 60, "pay")], key=lambda one: (one["service"], one["timestamp"]))
    await archived.add("DEFAULT", D, rows)
    await archived.wanted(D * DAY_US, D * DAY_US + 30, "pay", "other")
    await archived.restorer.step()
    assert await archived.found() == {restored_name("DEFAULT", D, ID): [f"pay-{D}-{n:04}" for n in range(30)]}


async def test_it_expires_or_is_ended(archived: Archived) -> None:
    await archived.add("DEFAULT", D, _rows(D, 10))
    await archived.wanted(D * DAY_US, (D + 1) * DAY_US)
    await archived.restorer.step()
    assert await archived.found()
    archived.world.outside.now_us += DAY_US
    await archived.restorer.step()
    assert await archived.found() == {}
    one = await archived.is_now()
    assert (one.state, one.indices) == ("gone", ())
    ended = msgspec.structs.replace(one, state="waiting")
    await archived.restores.put(ended)
    await archived.restorer.step()
    assert (await archived.is_now()).state == "gone", "what has expired is never begun"


async def test_a_damaged_file_is_left_out_and_said(archived: Archived) -> None:
    await archived.add("DEFAULT", D, _rows(D, 10))
    bad = await archived.add("DEFAULT", D, _rows(D, 20, "pay"), "b", crc=1)
    await archived.wanted(D * DAY_US, (D + 1) * DAY_US)
    await archived.restorer.step()
    one = await archived.is_now()
    assert (one.state, one.rows) == ("done", 10)
    assert one.error.startswith(f"{bad}: its checksum is ")


async def test_what_was_begun_goes_on(archived: Archived) -> None:
    await archived.add("DEFAULT", D, _rows(D, 10))
    gone = await archived.add("DEFAULT", D, _rows(D, 20, "pay"), "b")
    await archived.wanted(D * DAY_US, (D + 1) * DAY_US)
    await archived.objects.delete(gone)  # as when it has just been compacted
    with pytest.raises(Unavailable, match="is no part of the archive any more"):
        await archived.restorer.step()
    assert (await archived.is_now()).done_rows == 10
    assert await archived.archive.add([], [gone])
    await archived.add("DEFAULT", D, _rows(D, 30, "pay"), "c")
    await archived.restorer.step()
    one = await archived.is_now()
    assert (one.state, one.rows) == ("done", 40)
