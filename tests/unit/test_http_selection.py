"""The parameter `fields`: what of a record an answer has."""

from __future__ import annotations

import json
from typing import Any

import pyarrow as pa
import pytest
from multidict import MultiDict

from logd.errors import BadRequest
from logd.http.answers import json_bytes
from logd.http.records import records
from logd.http.selection import read_selection
from logd.record import SCHEMA, part_of_schema
from tests.support.rows import DAY, row

_METADATA = '{"a":{"b":1,"c":[2]},"a.b":3,"n":12345678901234567890,"x":1e3,"null":null,"list":[{"a":1}]}'


def _record(*fields: str, metadata: str | None = _METADATA) -> Any:
    selection = read_selection(MultiDict(("fields", text) for text in fields))
    assert selection is not None
    whole = pa.Table.from_pylist([row(DAY, "id", trace_id="t", metadata=metadata, level=None)], schema=SCHEMA)
    read = whole.select(part_of_schema(selection.reads).names)
    return json.loads(json_bytes(records(read, selection)[0]))


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        (["message"], {"message": "hello"}),
        (["level, message", "service"], {"level": None, "message": "hello", "service": "web"}),
        (["timestamp"], {"timestamp": "2024-10-04T00:00:00.000Z"}),
        (["@timestamp", "service.name"], {"timestamp": "2024-10-04T00:00:00.000Z", "service": "web"}),
        (["tags", "host"], {"tags": [], "host": None}),
        (["trace_id"], {"trace_id": "t"}),
        (["metadata.trace_id"], {"metadata": {"trace_id": "t"}}),
        (["metadata.n"], {"metadata": {"n": 12345678901234567890}}),
        (["n", "metadata.null", "list"], {"metadata": {"n": 12345678901234567890, "null": None, "list": [{"a": 1}]}}),
        (["metadata.a.b"], {"metadata": {"a": {"b": 1}, "a.b": 3}}),
        (["metadata.a.c", "message"], {"metadata": {"a": {"c": [2]}}, "message": "hello"}),
        (["metadata.a.b.c", "metadata.list.a", "metadata.", "nobody"], {"metadata": {}}),
        (["metadata"], {"metadata": {"trace_id": "t", **json.loads(_METADATA)}}),
        (["metadata.a", "metadata"], {"metadata": {"trace_id": "t", **json.loads(_METADATA)}}),
    ],
)
def test_what_is_shown(fields: list[str], expected: dict[str, Any]) -> None:
    found = _record(*fields)
    assert found == expected
    assert list(found) == list(expected)


@pytest.mark.parametrize("metadata", [None, "{}"])
def test_without_metadata(metadata: str | None) -> None:
    assert _record("metadata.a,message", metadata=metadata) == {"metadata": {}, "message": "hello"}


def test_numbers_are_as_they_were_written() -> None:
    selection = read_selection(MultiDict({"fields": "metadata.x"}))
    assert selection is not None
    assert selection.of_metadata(_METADATA) == '{"x":1e3}'


@pytest.mark.parametrize("fields", ["", ",", " , "])
def test_everything(fields: str) -> None:
    assert read_selection(MultiDict({"fields": fields})) is None


def test_too_many() -> None:
    with pytest.raises(BadRequest, match="fields has 101 names, at most 100"):
        read_selection(MultiDict({"fields": ",".join(f"f{n}" for n in range(101))}))


def test_what_is_read() -> None:
    """No more than what is shown: the metadata only for its members, trace ids where they belong there."""
    for fields, reads in (
        ("message,level", {"message", "level"}),
        ("user_id", {"metadata"}),
        ("metadata", {"metadata", "trace_id"}),
        ("metadata.trace_id", {"metadata", "trace_id"}),
    ):
        selection = read_selection(MultiDict({"fields": fields}))
        assert selection is not None
        assert set(selection.reads) == reads
