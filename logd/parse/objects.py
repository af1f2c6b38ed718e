"""JSON lines into record columns, whatever is wrong with some of them.

    rows ── fields ── metadata of those with more keys ──┬── fields
               └ what DuckDB can't read: mend ─ again ───┘ └ broken: no JSON object, or too deep

A JsonLines remembers the key names that it has met, which keeps its queries small: that changes its speed, never its
answers.
"""

from __future__ import annotations

import duckdb
import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from logd.parse import json
from logd.parse.mend import mend
from logd.parse.prepared import PreparedQuery
from logd.parse.strict import not_json
from logd.parse.window import Limits

#: After a line that was no JSON: what the careful query costs more in so many is what the failed one has cost.
_CAREFUL_BATCHES = 32


class Fields(msgspec.Struct, frozen=True):
    """The parsed fields of JSON lines, by their i, and the rows (of the same shape as was put in) that are no JSON
    object."""

    table: pa.Table
    broken: pa.Table


class JsonLines:
    """Not thread-safe. On the parser's DuckDB instance, with its macros. `left` are names of json.KNOWN that are no
    columns here."""

    def __init__(
        self, sql: duckdb.DuckDBPyConnection, limits: Limits, prefix: str = "", left: frozenset[str] = frozenset()
    ) -> None:
        self._known = json.KNOWN - left
        self._names = json.USUAL - left
        self._quick_fields = PreparedQuery(
            sql, f"{prefix}quick_fields", lambda rows: json.fields_query(rows, self._names, limits, careful=False)
        )
        self._careful_fields = PreparedQuery(
            sql, f"{prefix}careful_fields", lambda rows: json.fields_query(rows, self._names, limits, careful=True)
        )
        self._careful_batches = 0
        self._metadata_query = PreparedQuery(sql, f"{prefix}metadata", json.metadata_query)

    def parse(self, rows: pa.Table) -> Fields:
        """The fields of `rows` (i, line, observed, takes_ids, checked), whose lines begin with a brace."""
        fields = self._fields(rows)
        to_mend = pc.or_(fields["mend"].combine_chunks(), not_json(fields["metadata"].combine_chunks()))
        if not _any(to_mend):
            return Fields(fields, rows.slice(0, 0))
        suspects = rows.filter(to_mend)
        mended = pa.array([mend(line) for line in suspects["line"].to_pylist()], pa.string())
        good = mended.is_valid()
        repaired = suspects.set_column(suspects.schema.get_field_index("line"), "line", mended).filter(good)
        checked = pa.array(np.ones(len(repaired), bool))
        repaired = repaired.set_column(repaired.schema.get_field_index("checked"), "checked", checked)
        parts = [fields.filter(pc.invert(to_mend))]
        if len(repaired):
            parts.append(with_message(self._fields(repaired), repaired["line"], suspects["line"].filter(good)))
        return Fields(pa.concat_tables(parts, promote_options="default").sort_by("i"), suspects.filter(pc.invert(good)))

    def _fields(self, rows: pa.Table) -> pa.Table:
        fields = self._run_fields(rows)
        keys = fields["keys"].combine_chunks()
        if keys.null_count == len(keys):
            return fields
        met = set(pc.unique(pc.list_flatten(keys)).to_pylist()) & self._known
        if not met <= self._names:
            self._names |= met
            self._quick_fields.forget()
            self._careful_fields.forget()
            return self._fields(rows)
        more = keys.is_valid()
        rest = fields.append_column("line", rows["line"]).filter(more)
        merged = self._metadata_query.run(rest.select(json.METADATA_INPUT))
        for name in ("mend", "trace_id", "metadata"):
            column = pc.replace_with_mask(fields[name].combine_chunks(), more, merged[name].combine_chunks())
            fields = fields.set_column(fields.schema.get_field_index(name), name, column)
        return fields

    def _run_fields(self, rows: pa.Table) -> pa.Table:
        """Quickly, as long as every line is JSON; where one wasn't, more of them are likely for a while."""
        if self._careful_batches == 0:
            try:
                return self._quick_fields.run(rows)
            except (duckdb.Error, UnicodeDecodeError):  # the latter of a message that quotes half a character
                self._careful_batches = _CAREFUL_BATCHES
        self._careful_batches -= 1
        return self._careful_fields.run(rows)


def with_message(fields: pa.Table, repaired: pa.ChunkedArray, lines: pa.ChunkedArray) -> pa.Table:
    """The fields of repaired lines; where the line itself is the message, it is the line that came."""
    came = pc.replace_substring_regex(lines, r"(\r\n|\n|\r)\z", "")
    message = pc.if_else(pc.equal(fields["message"], repaired), came, fields["message"])
    return fields.set_column(fields.schema.get_field_index("message"), "message", message)


def _any(mask: pa.BooleanArray) -> bool:
    return bool(pc.any(mask).as_py())
