"""A record within a message: JSON behind a line's head, or a line within a JSON document.

    Nov 24 10:00:00 web1 app[12]: {"level":"error","msg":"no cart","cart":7}
    {"@timestamp":"2026-11-24T10:00:01Z","message":"10.0.0.7 - - [24/Nov/2026:10:00:00 +0000] …","agent":{…}}

What is within counts as it does in a line of its own. What stands around it counts where that doesn't say it itself, as
what wrapping.py takes off does.
"""

from __future__ import annotations

from collections.abc import Sequence

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from logd.parse.columns import Share, added_query
from logd.parse.lines import Ints
from logd.parse.prepared import PreparedQuery

_TIME = pa.timestamp("us", tz="UTC")
_TAGS = pa.list_(pa.string())


class Within:
    """Not thread-safe."""

    def __init__(self, sql: duckdb.DuckDBPyConnection) -> None:
        self._fields = PreparedQuery(sql, "within", added_query)
        self._tags = PreparedQuery(
            sql, "within_tags", lambda source: f"SELECT list_concat(around, own) AS tags FROM {source}"
        )

    def merged(self, around: pa.Table, within: pa.Table, shown: bool) -> pa.Table:
        """`around`, in the order of i, with what was found within some of its messages. Its level doesn't count there
        if it only `shown` in the text."""
        own = within.sort_by("i")
        places = pc.index_in(own["i"].combine_chunks(), around["i"].combine_chunks())
        outer = around.take(places)
        time = _column(own, "time", _TIME)
        given = _column(own, "metadata"), _column(outer, "metadata")
        columns = {
            "i": own["i"].combine_chunks(),
            "time": pc.coalesce(time, _column(outer, "time", _TIME)),
            "late_text": pc.if_else(time.is_valid(), _column(own, "late_text"), _column(outer, "late_text")),
            "level": _column(own, "level") if shown else _first(own, outer, "level"),
            **{name: _first(own, outer, name) for name in ("service", "host", "trace_id", "log_id")},
            "message": _column(own, "message"),
            "metadata": self._fields.run(pa.table(dict(zip(("own", "added"), given, strict=True))))["metadata"],
            "tags": self._both(_column(own, "tags", _TAGS), _column(outer, "tags", _TAGS)),
        }
        left = np.ones(len(around), bool)
        left[places.to_numpy()] = False
        parts = [around.filter(pa.array(left)), pa.table(columns)]
        return pa.concat_tables([part for part in parts if len(part)], promote_options="permissive").sort_by("i")

    def _both(self, own: pa.ListArray, around: pa.ListArray) -> pa.ListArray:
        if own.null_count == len(own) or around.null_count == len(around):
            return pc.coalesce(own, around)
        # Of a list and none, that is the list.
        return self._tags.run(pa.table({"own": own, "around": around}))["tags"].combine_chunks().cast(_TAGS)


def as_lines(rows: pa.Table, messages: pa.StringArray) -> pa.Table:
    """The rows with the messages as their lines."""
    columns = {
        "i": rows["i"],
        "line": messages,
        "observed": rows["observed"],
        "takes_ids": rows["takes_ids"],
        "checked": pa.array(np.zeros(len(rows), bool)),
    }
    return pa.table(columns)


def shared(share: Share, inner: Sequence[Share], within: pa.Table) -> Sequence[Share]:
    """Who took which rows: of those in `within` both."""
    found = within["i"].to_numpy()
    shares = [Share(share.parser, share.step, np.setdiff1d(share.rows, found))]
    for one in inner:
        rows = one.rows[np.isin(one.rows, found)]
        shares.append(Share(share.parser, f"{share.step} > {one.step}", rows))
    return [one for one in shares if len(one.rows)]


def timed(table: pa.Table) -> Ints:
    """The i of rows that have a time."""
    rows: Ints = table["i"].filter(table["time"].is_valid()).to_numpy()
    return rows


def _first(own: pa.Table, outer: pa.Table, name: str) -> pa.StringArray:
    return pc.coalesce(_column(own, name), _column(outer, name))


def _column(table: pa.Table, name: str, kind: pa.DataType = pa.string()) -> pa.Array:  # noqa: B008
    if name not in table.column_names:
        return pa.nulls(len(table), kind)
    return table[name].combine_chunks().cast(kind)
