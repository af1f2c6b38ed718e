"""The fixtures of the suites of transports and indexes: each test runs over each implementation in STORES, but where it
is marked `only`, with the reason why the guarantee isn't one of the others."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from logd.backends.catalog.mysql_server import MysqlServer
from logd.seams import Transport
from tests.services import Running
from tests.support import indexes, partials
from tests.support.catalogs import migrated
from tests.support.cold import ArchiveStore
from tests.support.kept_alerts import FILES, Kept, Open, over
from tests.support.tiered import TieredStore
from tests.support.transports import KAFKA_VARIABLE, STORES, KafkaStore, Store

#: The suites of those who ask, which TieredSearches has to answer as well.
_ASKED = {"test_searches", "test_stats", "test_patterns", "test_context", "test_page_bytes", "test_scenarios"}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Over which implementations a test runs."""
    for fixture, stores in (
        ("kind", STORES),
        ("index_kind", {**indexes.STORES, "archive": ArchiveStore}),
        ("partials_kind", partials.STORES),
    ):
        if fixture not in metafunc.fixturenames:
            continue
        kinds = set(stores)
        if fixture == "index_kind" and not getattr(metafunc.module, "ARCHIVE_TOO", False):
            kinds.discard("archive")  # only searched, not written to as an index is
        if fixture == "index_kind" and metafunc.module.__name__.rpartition(".")[2] in _ASKED:
            kinds.add("tiered")
        for mark in metafunc.definition.iter_markers("only"):
            assert mark.kwargs["reason"], "a difference has a reason"
            kinds &= set(mark.args)
        servers = {name: [pytest.mark.servers(name)] for name in ("kafka", "elasticsearch")}
        metafunc.parametrize(fixture, [pytest.param(kind, marks=servers.get(kind, [])) for kind in sorted(kinds)])


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leaves out what is the same on Elasticsearch, where a flush does nothing and no slice is ours."""
    if same := [item for item in items if _is_the_same(item)]:
        items[:] = [item for item in items if not _is_the_same(item)]
        config.hook.pytest_deselected(items=same)


def _is_the_same(item: pytest.Item) -> bool:
    call = getattr(item, "callspec", None)
    given = {} if call is None else call.params
    same = given.get("flushed") is False or given.get("large_slices") is True
    return given.get("index_kind") == "elasticsearch" and same


@pytest.fixture
def index_store(
    index_kind: str, tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[indexes.Store]:
    """Where an index is, that has nothing yet."""
    if index_kind == "archive":
        yield ArchiveStore(tmp_path)
        return
    if index_kind == "tiered":
        yield TieredStore(tmp_path)
        return
    if index_kind != "elasticsearch":
        yield indexes.STORES[index_kind](tmp_path)
        return
    server: Running = request.getfixturevalue("elasticsearch")
    monkeypatch.setenv(indexes.ELASTICSEARCH_VARIABLE, server.url)
    store = indexes.ElasticsearchStore(tmp_path)
    yield store
    store.clear()


@pytest.fixture
def remote(elasticsearch: Running, monkeypatch: pytest.MonkeyPatch) -> Running:
    """An Elasticsearch for tests that make an ElasticsearchStore themselves, for each of their examples."""
    monkeypatch.setenv(indexes.ELASTICSEARCH_VARIABLE, elasticsearch.url)
    return elasticsearch


@pytest.fixture
def topics(kafka: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> KafkaStore:
    """Topics and groups of the test's own."""
    monkeypatch.setenv(KAFKA_VARIABLE, kafka.url)
    return KafkaStore(tmp_path)


@pytest.fixture
def store(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> Store:
    if kind == "kafka":
        topics: KafkaStore = request.getfixturevalue("topics")
        return topics
    return STORES[kind](tmp_path)


@pytest.fixture
async def transport(store: Store) -> AsyncIterator[Transport]:
    opened = await store.open()
    yield opened
    await opened.close()


@pytest.fixture
def partials_store(
    partials_kind: str, tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> partials.Store:
    """Where partials are, that has nothing yet."""
    if partials_kind == "kafka":
        server: Running = request.getfixturevalue("kafka")
        monkeypatch.setenv(KAFKA_VARIABLE, server.url)
    return partials.STORES[partials_kind](tmp_path)


@pytest.fixture(params=[*sorted(FILES), pytest.param("mysql", marks=pytest.mark.servers("mysql"))])
async def open_kept(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Open]:
    """Opens the same ones each time, as another process would."""
    opened = []
    if request.param == "mysql":
        mysql = request.getfixturevalue("mysql")
        catalog = await migrated(mysql)

        async def made() -> Kept:
            return over(await MysqlServer.open(catalog, mysql.password))
    else:

        async def made() -> Kept:
            return await FILES[request.param](tmp_path / "catalog.db")

    async def kept() -> Kept:
        opened.append(await made())
        return opened[-1]

    yield kept
    for one in opened:
        await one.alerts.close()


@pytest.fixture
async def kept(open_kept: Open) -> Kept:
    return await open_kept()
