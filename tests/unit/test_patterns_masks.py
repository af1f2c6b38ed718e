"""Masks: what varies in a message, in SQL as in Python."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from logd.patterns import masks
from logd.record import SCHEMA
from tests.support import loghub, naive_patterns
from tests.support.rows import DAY, row

_PIECES = st.sampled_from(
    [
        *("a", "b7", "7", "<*>", "é", "日本", "٣", "\u00a0", "\x0b", "\x1f", "\x00", "%", "_", "?", "\\", "'", "\\1"),
        *(" ", "  ", "\t", "\n", "\r\n", "\f", " \n ", "Jun", "Friday,", "Jun 17 07:07:00", "Fri Jun  7 07:07:00 2005"),
        *("Jun 17 07:07:00.5 UTC 2005", "xJun 17 07:07:00", "17 07:07:00", " 07:07:00", "word " * 300, "x" * 990),
    ]
)
MESSAGES = st.lists(_PIECES | st.text(max_size=5), max_size=8).map("".join)


@pytest.fixture(scope="module")
def database() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(config={"threads": 1}) as opened:
        opened.execute("SET TimeZone = 'UTC'")
        yield opened


def _cells(
    database: duckdb.DuckDBPyConnection, messages: Sequence[str | None], most: int = 100, coarse: bool = False
) -> Any:
    rows = [row(DAY, f"{number:06}", message) for number, message in enumerate(messages)]  # type: ignore[arg-type]
    database.register("rows", pa.Table.from_pylist(rows, SCHEMA))
    return database.sql(masks.cells("true", most, coarse)).to_arrow_table().to_pylist()


@pytest.mark.parametrize(
    ("message", "mask"),
    [
        (None, ""),
        ("", ""),
        (" \n ", ""),
        ("no digit here", "no digit here"),
        ("  user alice\t logged  in ", "user alice logged in"),
        ("took 12ms, id=a7f", "took <*> <*>"),
        ("a <*> b", "a <*> b"),
        ("[Fri Jun 17 07:07:00 2005] up", "[<*>] up"),
        ("at Jun 7 07:07:00: up", "at <*>: up"),
        ("\tJun\t7 07:07:00\ra7\tb", "<*> <*> b"),
        ("MyJun 17 07:07:00", "MyJun <*> <*>"),
        ("Traceback:\n  File x.py, line 3\nKeyError", "Traceback:"),
        ("\n\r\n  second 2\nthird", "second <*>"),
        ("٣ is a digit elsewhere", "٣ is a digit elsewhere"),
        ("x" * 1_000 + "7", "x" * 1_000),
        ("käse" * 250 + "7", "käse" * 250),
    ],
)
def test_a_mask(database: duckdb.DuckDBPyConnection, message: str | None, mask: str) -> None:
    assert naive_patterns.mask(message) == mask
    assert [cell["mask"] for cell in _cells(database, [message])] == [mask]


@given(st.lists(MESSAGES, min_size=1, max_size=20))
def test_as_in_python(database: duckdb.DuckDBPyConnection, messages: list[str]) -> None:
    found = {cell["mask"]: cell["n"] for cell in _cells(database, messages, 1_000)}
    rows = [row(DAY, "", message) for message in messages]
    assert found == {name: count[0] for name, count in naive_patterns.counts(rows).items()}
    sampled = masks.samples("true", [DAY, DAY + 1], len(found), coarse=False)
    answer = database.sql(sampled, params=sorted(found)).to_arrow_table().to_pylist()
    assert sorted(sample["mask"] for sample in answer) == sorted(found)
    for sample in answer:
        assert sample["log_id"] == max(
            f"{number:06}" for number, message in enumerate(messages) if naive_patterns.mask(message) == sample["mask"]
        )
        assert sample["message"] == messages[int(sample["log_id"])][:1_000]


def test_the_most_frequent_are_kept_and_the_rest_is_counted(database: duckdb.DuckDBPyConnection) -> None:
    messages = [*["a"] * 3, *["c"] * 2, *["b"] * 2, "d", "e"]
    found = {cell["mask"]: cell["n"] for cell in _cells(database, messages, 2)}
    assert found == {"a": 3, "b": 2, None: 4}


def test_coarse_ones(database: duckdb.DuckDBPyConnection) -> None:
    messages = ["a  b c d", "a b 3", "a b", "a", "7 x y"]
    found = {cell["mask"]: cell["n"] for cell in _cells(database, messages, coarse=True)}
    assert found == {"a b <*>": 2, "a b": 1, "a": 1, "<*> x <*>": 1}


@pytest.mark.parametrize("system", loghub.SYSTEMS)
def test_of_real_logs(database: duckdb.DuckDBPyConnection, test_data: Path, system: str) -> None:
    contents = [one["Content"] for one in loghub.rows(test_data, system)]
    found = {cell["mask"]: cell["n"] for cell in _cells(database, contents, 10_000)}
    assert found == {
        name: count[0] for name, count in naive_patterns.counts([row(DAY, "", m) for m in contents]).items()
    }
