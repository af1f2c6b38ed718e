"""Patterns of a snapshot, where there is too little memory, and where nobody waits any more."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

from logd.record import SCHEMA
from logd.seams import Mined, Patterns
from logd.store.connection import Connection
from logd.store.files import FolderFiles
from logd.store.footers import Footers
from logd.store.mined import mine_patterns
from logd.store.partials import Partials
from logd.store.walk import Recent, Snapshot
from tests.support.rows import DAY, row


class _Forgetful(Connection):
    """Has too little memory for its first questions."""

    def __init__(self, sql: duckdb.DuckDBPyConnection, failures: int) -> None:
        super().__init__(sql)
        self.failures = failures

    def ask(
        self, query: str, parameters: Sequence[object] = (), tables: Mapping[str, pa.Table] | None = None
    ) -> pa.Table:
        if self.failures:
            self.failures -= 1
            raise duckdb.OutOfMemoryException("too little")
        return super().ask(query, parameters, tables)


class _StoppedAfter(Connection):
    """Stopped after so many steps."""

    def __init__(self, sql: duckdb.DuckDBPyConnection, steps: int) -> None:
        super().__init__(sql)
        self.left = steps

    def go_on(self) -> None:
        if self.left == 0:
            self.stop()
        self.left -= 1
        super().go_on()


@pytest.fixture
def database() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(config={"threads": 1}) as opened:
        opened.execute("SET TimeZone = 'UTC'")
        yield opened


@pytest.fixture
def snapshot() -> Iterator[Snapshot]:
    footers = Footers()
    rows = [row(DAY + n, f"{n}", f"a b {'xyz'[n % 3]} {n}") for n in range(9)]
    yield Snapshot(FolderFiles(Path("/"), footers), (), [Recent(pa.Table.from_pylist(rows, SCHEMA), DAY, DAY + 8)])
    footers.close()


def _templates(found: Mined) -> list[tuple[str, int]]:
    return [(one.template, one.count) for one in found.patterns]


def test_too_little_memory_makes_it_coarse(database: duckdb.DuckDBPyConnection, snapshot: Snapshot) -> None:
    fine = mine_patterns(_Forgetful(database.cursor(), 0), snapshot, Patterns(), Partials())
    assert (fine.coarse, fine.total, _templates(fine)) == (False, 9, [("a b <*> <*>", 9)])
    coarse = mine_patterns(_Forgetful(database.cursor(), 1), snapshot, Patterns(), Partials())
    assert (coarse.coarse, coarse.total, _templates(coarse)) == (True, 9, [("a b <*>", 9)])
    assert (coarse.patterns[0].log_id, coarse.patterns[0].message) == ("8", "a b z 8")
    with pytest.raises(duckdb.OutOfMemoryException):
        mine_patterns(_Forgetful(database.cursor(), 2), snapshot, Patterns(), Partials())


def test_stopped_between_any_two_steps(database: duckdb.DuckDBPyConnection, snapshot: Snapshot) -> None:
    for steps in range(6):  # three queries, before which lines are counted of two, and the templates between them
        with pytest.raises(duckdb.InterruptException):
            mine_patterns(_StoppedAfter(database.cursor(), steps), snapshot, Patterns(), Partials())
    assert mine_patterns(_StoppedAfter(database.cursor(), 6), snapshot, Patterns(), Partials()).total == 9
