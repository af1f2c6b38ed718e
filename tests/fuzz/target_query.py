"""Any text is a query, or is refused with a column in it; and what is a query runs, everywhere alike."""

from __future__ import annotations

import atheris
import duckdb
import numpy as np
import pyarrow as pa

from logd.errors import BadRequest, QueryError
from logd.query.parse import parse
from logd.query.sql import compile_sql
from logd.query.tree import Node
from logd.record import SCHEMA
from logd.store import prune
from logd.store.sieve import sieve
from tests.support.rows import DAY, row

#: Mutations of these are nearer to queries than random text is.
SEEDS = (
    b'level:(ERROR OR warn) AND -"card declined"~2 service:pay*',
    b"metadata.latency_ms:[100 TO 5000} || !timeout && _exists_:user_id",
    rb"message.raw:/time(out|d)\s+out/ host:/db-[0-9]+/ roam~1 @timestamp:>=2026-11-22",
    b"10.0.0.1:80 http://a.b/c?d=e C:\\x\\y a^2 (b c)^3 \\(x\\) *:* fe80::1 src/main.py:42",
)
_ROWS = pa.Table.from_pylist([row(DAY, "a-1", "Payment failed: timeout", metadata='{"user_id":42}')], schema=SCHEMA)
_sql = duckdb.connect()


def test_one_input(data: bytes) -> None:
    """Fails on every exception but a refusal."""
    for text in (data.decode("utf-8", "replace"), atheris.FuzzedDataProvider(data).ConsumeUnicode(len(data))):
        try:
            tree = parse(text)
            found = _finds(tree)
        except QueryError as refusal:
            if not 1 <= refusal.column <= max(1, len(text)):
                raise AssertionError(f"column {refusal.column} of {text!r}") from refusal
            continue
        except BadRequest:
            continue
        first = sieve(tree)
        if first is not None:
            places, whole = first.places(_ROWS)
            passes = len(places) > 0
            assert passes == found if whole else passes >= found, text
        prune.may_match(tree, lambda mark: np.ones(1, np.bool_))


def _finds(tree: Node) -> bool:
    condition = compile_sql(tree)
    _sql.register("rows", _ROWS)
    query = f"SELECT log_id FROM rows WHERE {condition.sql}"
    return len(_sql.sql(query, params=condition.parameters).to_arrow_table()) > 0
