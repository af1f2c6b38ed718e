"""A connection that is stopped: at every step of a search, also between two queries, and while one is under way."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from logd.query.parse import parse
from logd.seams import Histogram, Search
from logd.store.connection import Connection
from logd.store.files import FolderFiles
from logd.store.find import find
from logd.store.footers import Footers
from logd.store.histogram import count_by_time
from logd.store.partials import Partials
from logd.store.walk import Recent, Snapshot
from tests.support.indexes import many
from tests.support.rows import DAY


@pytest.fixture
def database() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as opened:
        opened.execute("SET TimeZone = 'UTC'")
        yield opened


class _StoppedAfter(Connection):
    """Stopped by another between two of its steps."""

    def __init__(self, sql: duckdb.DuckDBPyConnection, steps: int) -> None:
        super().__init__(sql)
        self.left = steps

    def go_on(self) -> None:
        if self.left == 0:
            thread = threading.Thread(target=self.stop)
            thread.start()
            thread.join()
        self.left -= 1
        super().go_on()


def test_stopped_before_a_query(database: duckdb.DuckDBPyConnection) -> None:
    connection = Connection(database.cursor())
    assert connection.ask("SELECT 1 AS one")["one"].to_pylist() == [1]
    connection.stop()
    for _ in range(2):
        with pytest.raises(duckdb.InterruptException):
            connection.ask("SELECT 1")
    connection.close()
    connection.stop()
    connection.close()


def test_stopped_during_a_query(database: duckdb.DuckDBPyConnection) -> None:
    connection = Connection(database.cursor())
    ended = threading.Event()

    def stop() -> None:
        while not ended.wait(0.01):
            connection.stop()

    thread = threading.Thread(target=stop)
    thread.start()
    with pytest.raises(duckdb.InterruptException):
        connection.ask("SELECT count(*) FROM range(1_000_000) a, range(1_000_000) b WHERE a.range % 7 = b.range % 11")
    ended.set()
    thread.join()


def test_stopped_between_any_two_steps(database: duckdb.DuckDBPyConnection) -> None:
    footers = Footers()
    parts = [many(5_000).table for _ in range(4)]
    recent = [Recent(part, DAY, DAY + 4_999) for part in parts]
    snapshot = Snapshot(FolderFiles(Path("/"), footers), (), recent)
    search = Search(query=parse("NOT absent"), limit=10, count_limit=None)
    for ask in (
        lambda connection: find(connection, snapshot, search),
        lambda connection: count_by_time(connection, snapshot, Histogram(by="tags"), Partials()),
    ):
        steps = 0
        while True:
            connection = _StoppedAfter(database.cursor(), steps)
            try:
                ask(connection)
            except duckdb.InterruptException:
                steps += 1
            else:
                break
        assert steps >= 2
        assert connection.left >= 0
    footers.close()
