"""Records as they appear in answers, against the slow way to say the same."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from logd.http.records import records, time_texts
from logd.record import SCHEMA
from tests.support.rows import DAY, row

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MIN, _MAX = -62_135_596_800_000_000, 253_402_300_799_999_999


@given(
    st.lists(st.integers(_MIN, _MAX) | st.integers(-10, 10).map(lambda n: n * 1_000) | st.sampled_from([_MIN, _MAX]))
)
def test_times(micros: list[int]) -> None:
    texts = time_texts(pa.array(micros, pa.timestamp("us", "UTC")))
    for at, text in zip(micros, texts, strict=True):
        precision = "microseconds" if at % 1_000 else "milliseconds"
        time = _EPOCH + timedelta(microseconds=at)
        assert text == time.replace(tzinfo=None).isoformat(timespec=precision) + "Z"
    assert time_texts(pa.chunked_array([pa.array([None], pa.timestamp("us", "UTC"))])) == [None]


@pytest.mark.parametrize(
    ("columns", "metadata"),
    [
        ({}, {}),
        ({"metadata": '{"a":1}'}, {"a": 1}),
        ({"metadata": '{"a":1}', "trace_id": 't"'}, {"trace_id": 't"', "a": 1}),
        ({"trace_id": "t"}, {"trace_id": "t"}),
        ({"metadata": '{"trace_id":2}', "trace_id": "t"}, {"trace_id": 2}),
        ({"metadata": "{}", "trace_id": "t"}, {"trace_id": "t"}),
        ({"level": None, "service": None, "source": None, "tags": ["ä", "b"]}, {}),
    ],
)
def test_a_record(columns: dict[str, Any], metadata: dict[str, Any]) -> None:
    one = row(DAY, "id", "käse 日本", **columns)
    (found,) = orjson.loads(orjson.dumps(records(pa.Table.from_pylist([one], schema=SCHEMA))))
    assert found.pop("timestamp") == "2024-10-04T00:00:00.000Z"
    assert found.pop("ingested_at") == "2024-10-04T00:00:00.000001Z"
    assert found.pop("metadata") == metadata
    assert found.pop("tags") == (one["tags"] or [])
    assert found == {name: one[name] for name in found}
    assert [record["log_id"] for record in records(SCHEMA.empty_table())] == []
