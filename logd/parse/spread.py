"""A field that holds pairs (`pod="shop/cart-7" n=3`) or a JSON object, whose members become fields beside it.

It stays as it is where it holds anything else, where one of its names is there already, and where it has a name twice:
nothing is dropped.
"""

from __future__ import annotations

import duckdb
import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from logd.parse.json import suspect
from logd.parse.literals import literal, path
from logd.parse.pairs import Pairs
from logd.parse.prepared import PreparedQuery
from logd.parse.strict import not_json


class Spread:
    """Spreads out one field of a step. Not thread-safe. `logfmt` reads the pairs."""

    def __init__(self, sql: duckdb.DuckDBPyConnection, name: str, field: str, logfmt: Pairs) -> None:
        self._logfmt = logfmt
        self._given = PreparedQuery(sql, f"{name}_given", lambda source: _given_query(source, field))
        self._merge = PreparedQuery(sql, f"{name}_merge", lambda source: _merge_query(source, field))

    def run(self, table: pa.Table) -> pa.Table:
        """`table`, with the column `metadata` (JSON objects or null), with its members."""
        metadata = table["metadata"].combine_chunks().cast(pa.string())
        given = self._given.run(pa.table({"metadata": metadata}))["given"].combine_chunks().cast(pa.string())
        if given.null_count == len(given):
            return table
        given = pc.fill_null(given, "")
        objects = pc.if_else(pc.starts_with(given, "{"), given, self._logfmt.objects(given))
        merged = self._merge.run(pa.table({"metadata": metadata, "object": objects}))["metadata"]
        merged = merged.combine_chunks().cast(pa.string())
        merged = pc.if_else(not_json(merged), metadata, merged)
        return table.set_column(table.schema.get_field_index("metadata"), "metadata", merged)


def _given_query(source: str, field: str) -> str:
    return f"SELECT json_extract_string(metadata, {path(field)}) AS given FROM {source}"


def _merge_query(source: str, field: str) -> str:
    without = f"json_merge_patch(metadata, {literal('{' + msgspec.json.encode(field).decode() + ':null}')})"
    return f"""
WITH judged AS (
  SELECT metadata, CASE WHEN object IS NOT NULL AND NOT ({suspect("object")}) AND json_valid(object) THEN object END
    AS object
  FROM {source}
), split AS (
  SELECT metadata, object, CASE WHEN object IS NOT NULL THEN {without} END AS others, json_keys(object) AS names
  FROM judged
)
SELECT CASE WHEN object IS NULL OR len(list_distinct(names)) <> len(names) OR list_has_any(names, json_keys(others))
  THEN metadata ELSE nullif(json_merge_patch(object, others), '{{}}') END AS metadata
FROM split"""
