"""Records through rules of shaping, as dicts."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

from logd.config.shaping import ShapeTable
from logd.enrich.rules import compile_rules
from logd.enrich.shaping import Shaped, Shaping
from logd.enrich.shedding import Shed
from logd.record import SCHEMA

WHEN = datetime(2026, 11, 22, tzinfo=UTC)
Row = dict[str, Any]


def table(records: Sequence[Mapping[str, Any]]) -> pa.Table:
    """Of record.SCHEMA; `metadata` is JSON, or what is to be."""
    rows = []
    for number, record in enumerate(records):
        metadata = record.get("metadata")
        rows.append(
            {
                **{name: record.get(name) for name in SCHEMA.names},
                "log_id": record.get("log_id", f"{number:016x}-{number:012x}"),
                "timestamp": record.get("timestamp", WHEN),
                "ingested_at": record.get("ingested_at", WHEN),
                "metadata": metadata if metadata is None or isinstance(metadata, str) else json.dumps(metadata),
            }
        )
    return pa.Table.from_pylist(rows, SCHEMA)


@contextlib.contextmanager
def shaping(*rules: ShapeTable) -> Iterator[Shaping]:
    """By these rules."""
    made = Shaping(compile_rules(rules))
    try:
        yield made
    finally:
        made.close()


def shape(records: Sequence[Mapping[str, Any]], *rules: ShapeTable) -> Shaped:
    """The records after the rules."""
    with shaping(*rules) as made:
        return made.shape(table(records))


def rows(shaped: Shaped | Shed) -> list[Row]:
    """The kept ones, with the metadata read."""
    found = shaped.table if shaped.kept is None else shaped.table.filter(shaped.kept)
    assert found.schema == SCHEMA
    found.validate(full=True)
    return [
        {**row, "metadata": None if row["metadata"] is None else json.loads(row["metadata"])}
        for row in found.to_pylist()
    ]
