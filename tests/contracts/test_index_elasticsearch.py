"""The index on a real Elasticsearch: what every index gives, and what becomes of documents that it doesn't take."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest

from logd.backends.index.elasticsearch import ElasticsearchIndex
from logd.backends.index.elasticsearch_client import Client
from logd.backends.index.elasticsearch_names import indices
from logd.backends.index.elasticsearch_refused import letters
from logd.backends.index.policies import Assignment
from logd.chunk import Message, decompress
from logd.config.schema import Elasticsearch as Settings
from logd.config.schema import Policy, SearchLimits
from logd.deadletters import replayed, summary
from logd.errors import BadRequest, ConfigError, Unavailable
from logd.query.parse import parse
from logd.seams import Aggregate, Function, Histogram, Place, RetentionPolicy, Search, Stats
from tests.contracts.scenarios.corpus import CORPUS
from tests.support.elastic import Buried, Server, delete_all
from tests.support.indexes import ids
from tests.support.rows import DAY, DAY_US, NaiveIndex, batch, everything, row

_NAMES = "logs-2024-10-04"
_LATE = "logs-late-default-2024-10-04"
#: Small bulks, so that a few documents are several.
_SETTINGS = Settings(shards=2, replicas=0, bulk_rows=10, bulks_in_flight=3)


@pytest.fixture
def buried() -> Buried:
    return Buried()


@pytest.fixture
async def client(elasticsearch: Server) -> AsyncIterator[Client]:
    """For what a person would do to the cluster. No index of records is there before or after."""
    client = Client(Settings(urls=[elasticsearch.url]))
    await delete_all(client)
    yield client
    await delete_all(client)
    await client.close()


@pytest.fixture
async def index(elasticsearch: Server, client: Client, buried: Buried) -> AsyncIterator[ElasticsearchIndex]:
    settings = msgspec.structs.replace(_SETTINGS, urls=[elasticsearch.url])
    index = await ElasticsearchIndex.open(settings, SearchLimits(deadline_seconds=120), buried)
    yield index
    await index.close()


async def _with_corpus(index: ElasticsearchIndex) -> NaiveIndex:
    naive = NaiveIndex()
    naive.write(CORPUS)
    await index.write(batch(CORPUS, 1))
    await index.refresh()
    return naive


async def test_rows_come_back_whole(index: ElasticsearchIndex) -> None:
    rows = [
        row(DAY + 1, "b", "käse 日本 \x00 \n", tags=["a", "ü"], metadata='{"a":[1,{"b":null}]}', trace_id="t"),
        row(DAY, 'a"\\é', "", level=None, service="", host="h", source=None, tags=[]),
    ]
    assert (await index.write(batch(rows, 1))).duplicates == 0
    await index.refresh()
    assert (await index.search(everything(limit=10))).table.to_pylist() == rows


async def test_disks_are_as_full_as_the_cluster_says(index: ElasticsearchIndex, client: Client) -> None:
    (node,) = msgspec.json.decode(await client.ask("GET", "/_cat/allocation", parameters={"format": "json"}))
    assert await index.disk_used_percent() == pytest.approx(float(node["disk.percent"]), abs=1.5)


async def test_pages_and_totals(index: ElasticsearchIndex) -> None:
    corpus = list(CORPUS)
    naive = NaiveIndex()
    naive.write(corpus)
    await index.write(batch(corpus, 1))
    await index.refresh()
    for search in (
        everything(limit=9_999),
        everything(limit=5, offset=3),
        everything(limit=5, newest_first=False),
        everything(limit=0),
        everything(limit=7, after=Place(DAY + 9, "i"), count_limit=0),
        everything(limit=7, offset=2, after=Place(DAY + 9, "i"), newest_first=False),
        everything(query=parse("timeout"), limit=2),
        everything(limit=3, count_limit=5),
        everything(limit=30, from_us=DAY + DAY_US, to_us=DAY + 2 * DAY_US),
        everything(limit=30, from_us=DAY + 4, to_us=DAY + 4),
        everything(limit=30, query=parse("timestamp:>=2024-10-05")),
        everything(limit=30, from_us=0, to_us=DAY),
    ):
        naive.check(search, await index.search(search))
    with pytest.raises(BadRequest, match="at most 10000"):
        await index.search(Search(limit=5_000, offset=5_001))


async def test_nothing_is_there_yet(index: ElasticsearchIndex) -> None:
    found = await index.search(everything(limit=10))
    assert (len(found.table), found.total, found.exact, found.more) == (0, 0, True, False)
    assert (await index.histogram(Histogram())).starts == []


async def test_counts_by_time(index: ElasticsearchIndex) -> None:
    naive = await _with_corpus(index)
    for asked in (
        Histogram(),
        Histogram(interval_us=1_000_000),
        Histogram(by="service", top=3),
        Histogram(by="tags", interval_us=1_000),
        Histogram(by="level", interval_us=DAY_US),
        Histogram(query=parse("timeout OR get"), by="host", interval_us=DAY_US),
        Histogram(fill=True, interval_us=DAY_US // 24, from_us=DAY, to_us=DAY + 3 * DAY_US),
        Histogram(fill=True, interval_us=1_000),
    ):
        await naive.check_histogram(asked, index.histogram(asked))


async def test_bytes_of_documents_of_an_older_logd_are_estimated(index: ElasticsearchIndex, client: Client) -> None:
    await index.write(batch([row(DAY, "a", "four"), row(DAY + 1, "b", "fünf")], 1))
    await index.refresh()
    for by in ((), ("service",), ("service", "host")):
        asked = Stats(by=by, aggregates=(Aggregate(Function.DISTINCT, "host"), Aggregate(Function.BYTES, "message")))
        found = await index.stats(asked)
        assert (found.groups[0].figures[1], list(found.estimated)) == (9, [0])
    old = {"log_id": "c", "timestamp": "2024-10-04T00:00:00.000002Z", "message": "old", "service": "web", "host": "h"}
    await client.ask("PUT", f"/{_NAMES}/_create/c", old, {"refresh": "true"})
    for by in ((), ("service",), ("service", "host")):
        asked = Stats(by=by, aggregates=(Aggregate(Function.DISTINCT, "host"), Aggregate(Function.BYTES, "message")))
        found = await index.stats(asked)
        assert (sum(group.figures[1] or 0 for group in found.groups), list(found.estimated)) == (9, [0, 1])


async def test_what_comes_again_is_stored_once(index: ElasticsearchIndex) -> None:
    rows = [row(DAY + number, f"{number:02}") for number in range(45)]
    assert (await index.write(batch(rows[:30], 1))).duplicates == 0
    assert (await index.write(batch(rows, 2))).duplicates == 30
    await index.refresh()
    assert await ids(index, limit=100, newest_first=False) == [f"{number:02}" for number in range(45)]


async def test_what_cant_be_stored_is_a_dead_letter_alone(index: ElasticsearchIndex, buried: Buried) -> None:
    bad = {"i" * 513: row(DAY + 2, "i" * 513), "j" * 600: row(DAY + 3, "j" * 600, metadata='{"":1}')}
    good = [row(DAY + 10 + number, f"{number:02}") for number in range(25)]
    await index.write(batch([*good[:7], *bad.values(), *good[7:]], 1))
    await index.refresh()
    assert sorted(await ids(index, limit=100)) == [f"{number:02}" for number in range(25)]
    assert buried.refused.keys() == bad.keys()
    assert all("Validation Failed: 1: id" in reason for reason in buried.refused.values())


async def test_metadata_that_cant_be_indexed_as_it_is(index: ElasticsearchIndex, buried: Buried) -> None:
    long_name = '{"' + "n" * 40_000 + '":{"z":true},"' + "m" * 33_000 + '":"' + "v" * 2_000 + '"}'
    texts = {
        "blank": '{"":1,"user":"a"}',
        "blank within": '{"x":[{" ":{"y":2}}],"user":"b"}',
        "twice": '{"b":1e2,"b":2,"user":"c"}',
        "twice within": '{"c":{"d":1,"d":2},"user":"d"}',
        "long names": long_name,
    }
    rows = [row(DAY + number, name, metadata=text) for number, (name, text) in enumerate(texts.items())]
    assert (await index.write(batch(rows, 1))).duplicates == 0
    assert (await index.write(batch(rows, 2))).duplicates == len(rows)
    await index.refresh()
    found = await index.search(everything(limit=10, newest_first=False))
    assert found.table.to_pylist() == rows
    for query, expected in {"user:b": "blank within", "b:100": "twice", "c.d:1": "twice within"}.items():
        assert await ids(index, query=parse(query), limit=10) == [expected], query
    for query in ("b:2", "c.d:2"):
        assert await ids(index, query=parse(query), limit=10) == [], query
    assert buried.refused == {}


def test_a_dead_letter_can_be_replayed() -> None:
    rows = [row(DAY + 5, "mine", "text", host="h", tags=["t"], metadata='{"":1}')]
    letter, again = (next(letters(batch(rows, 1).table, ["a reason"])) for _ in range(2))
    assert letter == again
    message = Message(0, 7, DAY, letter.key, letter.headers, letter.value)
    assert (summary(message).reason, summary(message).replayable) == ("a reason", True)
    line = msgspec.json.decode(decompress(replayed(message).value))
    expected = {"log_id": "mine", "message": "text", "service": "web", "host": "h", "metadata": {"": 1}}
    assert expected.items() <= line.items()
    assert line["timestamp"].startswith("2024-10-04T00:00:00.000005")


async def test_what_comes_after_the_index_is_write_blocked(index: ElasticsearchIndex, client: Client) -> None:
    await index.write(batch([row(DAY + number, f"{number:02}") for number in range(20)], 1))
    await client.ask("PUT", f"/{_NAMES}/_settings", {"index.blocks.write": True})
    late = batch([row(DAY + number, f"{number:02}") for number in range(15, 30)], 2)
    assert (await index.write(late)).duplicates == 5
    assert (await index.write(late)).duplicates == 15
    await index.refresh()
    assert await ids(index, limit=100, newest_first=False) == [f"{number:02}" for number in range(30)]
    assert set(msgspec.json.decode(await client.ask("GET", "/logs-*"))) == {_NAMES, _LATE}


async def test_what_went_to_a_late_index_comes_again(index: ElasticsearchIndex, client: Client) -> None:
    """Also once the index of the day takes documents again, in several bulks, and beside new ones."""
    rows = [row(DAY + number, f"{number:02}") for number in range(40)]
    await index.write(batch(rows[:10], 1))
    await client.ask("PUT", f"/{_NAMES}/_settings", {"index.blocks.write": True})
    assert (await index.write(batch(rows[:25], 2))).duplicates == 10
    await client.ask("PUT", f"/{_NAMES}/_settings", {"index.blocks.write": None})
    assert (await index.write(batch(rows, 3))).duplicates == 25
    await index.refresh()
    found = await index.search(everything(limit=100, newest_first=False))
    assert (found.table["log_id"].to_pylist(), found.total) == ([one["log_id"] for one in rows], 40)
    counted = msgspec.json.decode(await client.ask("GET", f"/{_LATE}/_count"))
    assert counted["count"] == 15


async def test_a_late_index_that_cant_be_asked_is_waited_for(index: ElasticsearchIndex, client: Client) -> None:
    """Else what it has would be stored twice."""
    await index.write(batch([row(DAY, "a")], 1))
    await client.ask("PUT", f"/{_NAMES}/_settings", {"index.blocks.write": True})
    await index.write(batch([row(DAY + 1, "b")], 2))
    await client.ask("PUT", f"/{_NAMES}/_settings", {"index.blocks.write": None})
    await client.ask("POST", f"/{_LATE}/_close")
    with pytest.raises(Unavailable, match=f"what {_LATE} has can't be told now"):
        await index.write(batch([row(DAY + 1, "b")], 2))
    await client.ask("POST", f"/{_LATE}/_open", None, {"wait_for_active_shards": "all"})
    assert (await index.write(batch([row(DAY + 1, "b")], 2))).duplicates == 1


async def test_policies_have_indices_of_their_own(client: Client, elasticsearch: Server, buried: Buried) -> None:
    policies = Assignment({"pay": Policy(services=["pay*"]), "web": Policy(services=["w?b", "payments-web"])})
    settings = msgspec.structs.replace(_SETTINGS, urls=[elasticsearch.url])
    index = await ElasticsearchIndex.open(settings, SearchLimits(deadline_seconds=120), buried, policies)
    services = ["payments", "web", None, "web", "payments-web", "other"]
    rows = [row(DAY + n * DAY_US // 3, f"{n}", service=service) for n, service in enumerate(services)]
    assert (await index.write(batch(rows, 1))).duplicates == 0
    await client.ask("PUT", "/logs-pay-2024-10-04/_settings", {"index.blocks.write": True})
    late = [rows[0], row(DAY + 9, "late", service="pay")]
    assert (await index.write(batch(late, 2))).duplicates == 1
    await index.refresh()
    found = set(msgspec.json.decode(await client.ask("GET", "/logs-*")))
    of_pay = {"logs-pay-2024-10-04", "logs-pay-2024-10-05", "logs-late-pay-2024-10-04"}
    assert found == {*of_pay, "logs-web-2024-10-04", "logs-web-2024-10-05", _NAMES, "logs-2024-10-05"}
    assert await ids(index, limit=10, from_us=DAY, to_us=DAY + DAY_US) == ["2", "1", "late", "0"]
    assert (await index.search(everything(limit=10))).total == 7
    await index.close()


async def test_a_policy_that_is_made_meanwhile(client: Client, elasticsearch: Server, buried: Buried) -> None:
    """What comes from then on is in its index; what is read again is where it was, so it is known there."""
    policies = Assignment()
    settings = msgspec.structs.replace(_SETTINGS, urls=[elasticsearch.url])
    index = await ElasticsearchIndex.open(settings, SearchLimits(deadline_seconds=120), buried, policies)
    rows = [row(DAY + n, f"{n}", service="pay") for n in range(4)]
    await index.write(batch(rows[:2], 1))
    policies.learn([RetentionPolicy(name="payment", services=("pay",), from_us=DAY + 3)])  # taken in 1 µs later
    assert (await index.write(batch(rows, 2))).duplicates == 2
    await index.refresh()
    for name, ids_in_it in ((_NAMES, {"0", "1"}), ("logs-payment-2024-10-04", {"2", "3"})):
        hits = msgspec.json.decode(await client.ask("GET", f"/{name}/_search"))["hits"]["hits"]
        assert {hit["_id"] for hit in hits} == ids_in_it
    await index.close()


async def test_a_full_cluster_is_waited_for(
    index: ElasticsearchIndex, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("logd.backends.index.elasticsearch_bulk._FIRST_WAIT_SECONDS", 0.01)
    await index.write(batch([row(DAY, "a")], 1))
    await client.ask("PUT", f"/{_NAMES}/_settings", {"index.blocks.read_only_allow_delete": True})
    with pytest.raises(Unavailable, match=r"takes no more documents .* flood|read-only"):
        await index.write(batch([row(DAY + 1, "b")], 2))
    assert "takes no more documents" in (await index.status())["flush_error"]
    await client.ask("PUT", f"/{_NAMES}/_settings", {"index.blocks.read_only_allow_delete": None})
    assert (await index.write(batch([row(DAY, "a"), row(DAY + 1, "b")], 2))).duplicates == 1
    assert (await index.status())["flush_error"] is None


async def test_types_that_contradict_each_other_and_many_names(
    index: ElasticsearchIndex, buried: Buried, client: Client
) -> None:
    metadata = ['{"x":1}', '{"x":"a"}', '{"x":{"y":2}}', '{"x":[true,"b"]}', '{"x":"2026-01-01"}', '{"x":null}']
    many = msgspec.json.encode({f"key{number}": number for number in range(5_000)}).decode()
    deep = '{"d":' * 600 + "1" + "}" * 600
    rows = [row(DAY + number, f"{number}", metadata=text) for number, text in enumerate([*metadata, many, deep])]
    await index.write(batch(rows, 1))
    await index.refresh()
    assert buried.refused == {}
    found = await index.search(everything(limit=100, newest_first=False))
    assert found.table["metadata"].to_pylist() == [one["metadata"] for one in rows]
    for query, expected in {"x:1": "0", "x:a": "1", "x.y:2": "2", "x:true": "3", "x:>0": "0"}.items():
        assert await ids(index, query=parse(query), limit=10) == [expected], query


async def test_an_expression_that_is_too_much_is_refused(index: ElasticsearchIndex) -> None:
    await index.write(batch([row(DAY, "a", "b" * 300)], 1))
    await index.refresh()
    with pytest.raises(BadRequest, match="Determinizing"):
        await index.search(everything(query=parse("message.raw:/.*b.{0,200}c$/"), limit=10))


async def test_wrong_addresses_and_files(buried: Buried) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 5\r\n\r\n<html")
        with contextlib.suppress(OSError):
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server:
        says = {f"http://127.0.0.1:{port}": "index.elasticsearch.urls: what answers", "http://127.0.0.1:1": "reached"}
        for url, said in says.items():
            settings = msgspec.structs.replace(_SETTINGS, urls=[url])
            index = await ElasticsearchIndex.open(settings, SearchLimits(), buried)
            with pytest.raises(Unavailable, match=said):
                await index.write(batch([row(DAY, "a")], 1))
            assert said in (await index.status())["flush_error"]
            await index.close()
    for setting in ({"api_key_file": "/nowhere"}, {"user": "u", "password_file": "/nowhere"}):
        with pytest.raises(ConfigError, match=r"index.elasticsearch.\w+_file '/nowhere' can't be read"):
            Client(msgspec.structs.replace(_SETTINGS, **setting))


async def test_status(index: ElasticsearchIndex) -> None:
    await index.write(batch([row(DAY + number * DAY_US, f"{number}") for number in range(3)], 1))
    await index.refresh()
    status: dict[str, Any] = await index.status()
    assert (status["rows"], status["indices"]) == (3, 3)


@pytest.mark.parametrize(
    ("from_us", "to_us", "names"),
    [
        (None, None, ["logs-*"]),
        (DAY, None, ["logs-*"]),
        (DAY, DAY + 1, ["logs-*2024-10-04"]),
        (DAY, DAY + DAY_US, ["logs-*2024-10-04"]),
        (DAY - 1, DAY + DAY_US + 1, ["logs-*2024-10-03", "logs-*2024-10-04", "logs-*2024-10-05"]),
        (DAY, DAY + 100 * DAY_US, ["logs-*"]),
        (-5, 1, ["logs-*1970-01-01"]),
        (DAY + 5, DAY, ["logs-*"]),
    ],
)
def test_the_indices_of_a_range(from_us: int | None, to_us: int | None, names: list[str]) -> None:
    assert indices(from_us, to_us) == names
