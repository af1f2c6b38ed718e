"""What the archive answers for is left out of every answer of a real Elasticsearch, by policy and day, whatever other
policies are called."""

from __future__ import annotations

from collections.abc import AsyncIterator

import msgspec
import pytest

from logd.backends.index.elasticsearch import ElasticsearchIndex
from logd.backends.index.elasticsearch_client import Client
from logd.backends.index.elasticsearch_names import IndexName, name_of, parsed
from logd.backends.index.policies import DEFAULT, Assignment
from logd.config.schema import Elasticsearch as Settings
from logd.config.schema import Policy, SearchLimits
from logd.seams import Aggregate, Archived, Fields, Function, Histogram, Patterns, Stats
from tests.support.elastic import Buried, Server, delete_all
from tests.support.indexes import ids
from tests.support.rows import DAY, DAY_US, batch, everything, row

#: Names of which one begins as another, and as the years.
_POLICIES = ("pay", "pay-2", "pay-2024", "pay-x-y", "x")
_SERVICES = {DEFAULT: "web", **{name: f"of-{name}" for name in _POLICIES}}
_D = DAY // DAY_US


@pytest.fixture
async def client(elasticsearch: Server) -> AsyncIterator[Client]:
    client = Client(Settings(urls=[elasticsearch.url]))
    await delete_all(client)
    yield client
    await delete_all(client)
    await client.close()


@pytest.fixture
async def index(elasticsearch: Server, client: Client) -> AsyncIterator[ElasticsearchIndex]:
    """With a record of each policy in each of three days, and late ones of the first."""
    settings = Settings(urls=[elasticsearch.url], shards=1, replicas=0)
    policies = Assignment({name: Policy(services=[_SERVICES[name]]) for name in _POLICIES})
    index = await ElasticsearchIndex.open(settings, SearchLimits(deadline_seconds=120), Buried(), policies)
    rows = [
        row(DAY + day * DAY_US + 5, f"{policy} {day}", service=service)
        for day in range(3)
        for policy, service in _SERVICES.items()
    ]
    assert (await index.write(batch(rows, 1))).refused == 0
    for late in range(1, 3):
        for policy in _SERVICES:
            await client.ask(
                "PUT", f"/{name_of(IndexName(policy, _D, late - 1))}/_settings", {"index.blocks.write": True}
            )
        rows = [row(DAY + late, f"{policy} late {late}", service=service) for policy, service in _SERVICES.items()]
        assert (await index.write(batch(rows, 2))).refused == 0
    await index.refresh()
    yield index
    await index.close()


def _all() -> set[str]:
    late = {f"{policy} late {late}" for policy in _SERVICES for late in (1, 2)}
    return late | {f"{policy} {day}" for policy in _SERVICES for day in range(3)}


@pytest.mark.parametrize(
    "archived",
    [
        {},
        {DEFAULT: _D + 1},
        {"pay": _D + 2},
        {"pay-2": _D + 1, "pay-2024": _D + 3},
        {DEFAULT: _D, "x": 0, "pay-x-y": _D + 100_000},
        dict.fromkeys(_SERVICES, _D + 1),
        {"nobody": _D + 3},
    ],
)
async def test_no_answer_has_what_is_archived(index: ElasticsearchIndex, archived: Archived) -> None:
    def is_meant(log_id: str) -> bool:
        policy, day = log_id.split(" ", 1)
        return _D + (0 if "late" in day else int(day)) >= archived.get(policy, 0)

    meant = {one for one in _all() if is_meant(one)}
    assert set(await ids(index, archived=archived, limit=100)) == meant
    found = await index.search(everything(archived=archived, limit=3))
    assert (found.total, found.missing) == (len(meant), [])
    assert sum((await index.histogram(Histogram(archived=archived))).counts) == len(meant)
    asked = Stats(archived=archived, by=("service",), aggregates=(Aggregate(Function.DISTINCT, "log_id"),))
    groups = await index.stats(asked)
    assert groups.total == len(meant)
    assert {one.values[0]: one.count for one in groups.groups} == {
        service: sum(one.split(" ")[0] == policy for one in meant)
        for policy, service in _SERVICES.items()
        if any(one.split(" ")[0] == policy for one in meant)
    }
    assert (await index.fields(Fields(archived=archived))).total == len(meant)
    assert (await index.patterns(Patterns(archived=archived))).total == len(meant)
    read = {one["index"] for one in (await index.explain(everything(archived=archived)))["each"] if one["read"]}
    assert read == {name_of(_index_of(one)) for one in meant}


def _index_of(log_id: str) -> IndexName:
    policy, *late, day = log_id.split(" ")
    return IndexName(policy, _D, int(day)) if late else IndexName(policy, _D + int(day))


async def test_many_policies(index: ElasticsearchIndex) -> None:
    archived = {f"p{number}": _D + number for number in range(199)} | {DEFAULT: _D + 3}
    assert len(await ids(index, archived=archived, limit=100)) == len(_all()) * 5 // 6


async def test_what_begins_later_is_asked_for_as_ever(index: ElasticsearchIndex) -> None:
    archived = dict.fromkeys(_SERVICES, _D + 1)
    asked = everything(archived=archived, from_us=DAY + DAY_US)
    assert "must_not" not in str((await index.explain(asked))["query"])
    asked = msgspec.structs.replace(asked, from_us=DAY + DAY_US - 1)
    assert "must_not" in str((await index.explain(asked))["query"])


@pytest.mark.parametrize("policy", _SERVICES)
@pytest.mark.parametrize("late", range(3))
def test_names_say_what_they_are_for(policy: str, late: int) -> None:
    of = IndexName(policy, _D, late)
    assert parsed(name_of(of)) == of


@pytest.mark.parametrize("name", ["logs-2024-13-01", "logs-late-2024-10-04", "logs-", "restored-x-2024-10-04-0", ".x"])
def test_other_names_say_nothing(name: str) -> None:
    assert parsed(name) is None
