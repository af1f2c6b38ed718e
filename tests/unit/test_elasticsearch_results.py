"""What is to be done about what Elasticsearch says of a document, and metadata that it wouldn't take."""

from __future__ import annotations

import json

import pytest

from logd.backends.index.elasticsearch_body import KEPT
from logd.backends.index.elasticsearch_client import Failure
from logd.backends.index.elasticsearch_mend import left_out, mended
from logd.backends.index.elasticsearch_results import Fate, Result, fate
from tests.support.rows import DAY, batch, row


@pytest.mark.parametrize(
    ("status", "kind", "expected"),
    [
        (201, "", Fate.STORED),
        (200, "", Fate.STORED),
        (409, "version_conflict_engine_exception", Fate.KNOWN),
        (429, "es_rejected_execution_exception", Fate.AGAIN),
        (429, "cluster_block_exception", Fate.AGAIN),  # the disk's flood stage
        (503, "unavailable_shards_exception", Fate.AGAIN),
        (500, "illegal_state_exception", Fate.AGAIN),
        (404, "index_not_found_exception", Fate.AGAIN),
        (400, "index_closed_exception", Fate.AGAIN),
        (400, "validation_exception", Fate.AGAIN),  # the limit of shards
        (403, "security_exception", Fate.AGAIN),
        (403, "cluster_block_exception", Fate.BLOCKED),
        (400, "document_parsing_exception", Fate.UNFIT),
        (400, "illegal_argument_exception", Fate.UNFIT),
        (413, "too_large", Fate.REFUSED),
        (422, "request", Fate.REFUSED),
        (403, "other_exception", Fate.REFUSED),
    ],
)
def test_what_is_to_be_done(status: int, kind: str, expected: Fate) -> None:
    result = Result(status, Failure(kind, "why") if kind else None)
    assert fate(result) is expected
    assert result.reason == (f"{kind}: why" if kind else f"status {status}")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"":1," ":2}', '{"@blank":1}'),
        ('{"a":{"":{"\\t":1}}}', '{"a":{"@blank":{"@blank":1}}}'),
        ('{"a..b":1,".c":2,"d.":3,".":4}', '{"a.@blank.b":1,"@blank.c":2,"d.@blank":3,"@blank.@blank":4}'),
        ('{"a":1,"a":2,"b":[{"c":1,"c":2}]}', '{"a":1,"b":[{"c":1}]}'),
        ('{"a":1.50,"b":1e400,"c":-0,"d":123456789012345678901234567890}', None),
        ('{"a\\u0000b":"c\\u0000"}', '{"ab":"c\\u0000"}'),
        ('{"\\ud800":"\\udc00","a":["\\ud83d\\ude00"]}', '{"\ufffd":"\ufffd","a":["\U0001f600"]}'),
        ('{"a":NaN}', '{"a":"NaN"}'),
        ("no JSON", ""),
        ("[" * 100_000, ""),
    ],
)
def test_names_are_mended(text: str, expected: str | None) -> None:
    table = batch([row(DAY, "a", metadata=text)], 1).table
    found = mended(table)
    assert found["metadata"].to_pylist() == [text if expected is None else expected or None]
    assert found[KEPT].to_pylist() == [text]
    if expected:
        json.loads(expected)
    assert left_out(table).select(["metadata", KEPT]).to_pylist() == [{"metadata": None, KEPT: text}]
