"""JSON lines into record columns, whatever is wrong with some of them.

    rows ── fields ──────────────────────────────────┬── fields
               └ what DuckDB can't read: mend ─ again ─┘ └ broken: no JSON object, or too deep

A JsonLines remembers the key names that it has met, which keeps its queries small, and the layouts that are frequent:
that changes its speed, never its answers.
"""

from __future__ import annotations

import contextlib
from functools import partial

import duckdb
import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from logd.parse import json
from logd.parse.layouts import Layouts
from logd.parse.lines import Ints
from logd.parse.mend import mend
from logd.parse.prepared import PreparedQuery
from logd.parse.strict import not_json
from logd.parse.window import Limits

#: After a line that was no JSON: what the careful query costs more in so many is what the failed one has cost.
_CAREFUL_BATCHES = 32
#: Layouts that are remembered; of more, as lines with ever new keys have, keys are looked at again.
_MAX_MET = 50_000


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
        self._layouts = Layouts(self._known)
        #: Hashes of layouts without names that would have to be looked for and aren't.
        self._met = np.zeros(0, np.uint64)
        self._quick_fields = PreparedQuery(sql, f"{prefix}quick_fields", partial(self._query, limits, False))
        self._careful_fields = PreparedQuery(sql, f"{prefix}careful_fields", partial(self._query, limits, True))
        self._keys = PreparedQuery(sql, f"{prefix}keys", lambda rows: f"SELECT json_keys(line) AS keys FROM {rows}")
        self._careful_batches = 0

    def _query(self, limits: Limits, careful: bool, source: str) -> str:
        return json.fields_query(source, self._names, self._layouts.known, limits, careful=careful)

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
        layout = fields["layout"].combine_chunks()
        if layout.null_count == len(layout):
            return fields
        there = np.flatnonzero(layout.is_valid().to_numpy(zero_copy_only=False))
        hashes, first, counts = np.unique(layout.drop_null().to_numpy(), return_index=True, return_counts=True)
        examples = there[first]
        new = ~np.isin(hashes, self._met)
        if new.any():
            names = self._known.intersection(pc.unique(pc.list_flatten(self._keys_of(rows, examples[new]))).to_pylist())
            if not names <= self._names:
                self._names |= names
                self._forget()
                return self._fields(rows)
            self._met = np.concatenate([self._met[-_MAX_MET:], hashes[new]])
        before = self._layouts.known
        frequent = self._layouts.frequent(hashes, counts)
        if len(frequent):
            keys = self._keys_of(rows, examples[np.isin(hashes, frequent)])
            for hashed, names in zip(frequent.tolist(), keys.to_pylist(), strict=True):
                self._layouts.learn(hashed, names)
        if self._layouts.known != before:
            self._forget()
        return fields

    def _keys_of(self, rows: pa.Table, places: Ints) -> pa.ListArray:
        return self._keys.run(rows.select(["line"]).take(pa.array(places)))["keys"].combine_chunks()

    def _forget(self) -> None:
        self._quick_fields.forget()
        self._careful_fields.forget()

    def _run_fields(self, rows: pa.Table) -> pa.Table:
        """Quickly, as long as every line is JSON and its time of a usual form; where one wasn't, more of them are
        likely for a while."""
        if self._careful_batches == 0:
            with contextlib.suppress(duckdb.Error, UnicodeDecodeError):  # the latter: a message quotes half a character
                fields = self._quick_fields.run(rows)
                if not _any(fields["unread"]):
                    return fields
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
