"""Lines of JSON by columns are the bytes that records one by one give."""

from __future__ import annotations

import json
from typing import Any

import orjson
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from logd.http.ndjson import ndjson
from logd.http.records import records
from logd.record import SCHEMA
from tests.support.naive_time import EPOCH
from tests.support.rows import DAY, Row, row

_TEXTS = st.text(max_size=8) | st.sampled_from(['"', "\\", "a\nb", "\x00", "\x7f", "ü 日本 \U0001f600", "\u2028"])
_METADATA = st.sampled_from(
    [
        None,
        "{}",
        "{ }",
        '{"a":1}',
        '{"trace_id":"own"}',
        '{"a":{"trace_id":1}}',
        '{"a":1e999}',
        '{"a":' + "9" * 400 + "}",
        '{"a":"\\ud800"}',
        '{"a":"\\u00e9"}',
        '{"a":' + "[" * 300 + "]" * 300 + "}",
        '{"é": "x y"}',
    ]
)
_ROWS = st.lists(
    st.builds(
        lambda time_us, log_id, message, **columns: row(time_us, log_id, message, **columns),
        st.integers(-(10**15), 10**15) | st.integers(-5, 5).map(lambda n: DAY + 1_000 * n),
        _TEXTS,
        st.none() | _TEXTS,
        level=st.sampled_from(["INFO", None]),
        service=st.none() | _TEXTS,
        host=st.none() | _TEXTS,
        source=_TEXTS,
        tags=st.none() | st.lists(_TEXTS, max_size=2),
        trace_id=st.none() | _TEXTS,
        metadata=_METADATA | st.dictionaries(_TEXTS, st.integers() | _TEXTS, max_size=3).map(json.dumps),
    ),
    max_size=6,
)


def _spelled(rows: list[Row]) -> tuple[bytes, bytes]:
    """By columns, and one by one."""
    parts = [pa.Table.from_pylist(rows[start::2], SCHEMA) for start in (0, 1)]
    table = pa.concat_tables(parts)
    return ndjson(table), b"".join(orjson.dumps(one) + b"\n" for one in records(table))


@settings(max_examples=400, deadline=None)
@given(_ROWS)
def test_the_same_bytes(rows: list[Row]) -> None:
    by_columns, one_by_one = _spelled(rows)
    assert by_columns == one_by_one


@pytest.mark.parametrize("micros", [0, 1, 1_000, 999_999, 1_000_000, -1, -62_135_596_800_000_000])
def test_times(micros: int) -> None:
    columns: dict[str, Any] = {"ingested_at": EPOCH}
    by_columns, one_by_one = _spelled([row(micros, "a", **columns)])
    assert by_columns == one_by_one
    assert len(by_columns.splitlines()) == 1


@pytest.mark.parametrize("odd", [None, {"message": None}, {"message": 'a "b"'}, {"trace_id": None}, {"metadata": "{}"}])
def test_usual_lines(odd: dict[str, Any] | None) -> None:
    usual = {"trace_id": "4bf92f3577b34da6a3ce929d0e0e4736", "metadata": '{"user_id":7}', "host": "ip-10-0-0-1"}
    rows = [row(DAY + n, f"a-{n}", f"GET /cart/{n}", **usual) for n in range(4)]
    if odd is not None:
        rows[1].update(odd)
    by_columns, one_by_one = _spelled(rows)
    assert by_columns == one_by_one


def test_a_slice() -> None:
    table = pa.Table.from_pylist([row(DAY + n, f"{n}", f"m{n}") for n in range(10)], SCHEMA).slice(3, 4)
    assert [json.loads(line)["message"] for line in ndjson(table).splitlines()] == ["m3", "m4", "m5", "m6"]
