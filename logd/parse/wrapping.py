"""Lines out of what others have put around them: a container runtime's record, or a syslog message's header.

What is in it is parsed like any other line. What the wrapping says besides counts where the line itself doesn't say it.
"""

from __future__ import annotations

from collections.abc import Sequence

import duckdb
import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from logd.chunk import CRI, CUT_TAG, DOCKER, SYSLOG, Chunk
from logd.parse import container, syslog
from logd.parse.columns import Bools
from logd.parse.kinds import KINDS
from logd.parse.lines import Ints, Lines
from logd.parse.prepared import PreparedQuery

_TIME = pa.timestamp("us", tz="UTC")
_SAID = ("level", "service", "host")


class Unwrapped(msgspec.Struct, frozen=True):
    """`lines` with the texts that were wrapped. A row each: `times` and `metadata` (JSON objects) are null where
    nothing was said; `broken` marks what should have been wrapped and isn't. `said` has columns of the record by name;
    those that nobody says are left out."""

    lines: Lines
    times: pa.Array
    metadata: pa.StringArray
    broken: Bools
    said: dict[str, pa.StringArray]

    def beside(self, table: pa.Table, sure: pa.BooleanArray) -> pa.Table:
        """`table`, of parsed lines, with what was said around them. Unless a line's own fields are `sure`, the
        wrapping's time and level count: those that only show in a text may be others', and stay in it anyway."""
        given = {"time": self.times, **self.said}
        for name, values in given.items():
            known = name in table.column_names
            own = table[name].combine_chunks().cast(values.type) if known else pa.nulls(len(table), values.type)
            counts = own if name not in ("time", "level") else pc.if_else(sure, own, pa.scalar(None, own.type))
            merged = pc.coalesce(counts, values, own)
            place = table.schema.get_field_index(name)
            table = table.set_column(place, name, merged) if known else table.append_column(name, merged)
        return table


class Unwrapper:
    """Unwraps on the parser's DuckDB instance. Not thread-safe. Needs the macros of timestamp.py.

    A query is over `source` (line VARCHAR, observed TIMESTAMPTZ, host_locked BOOLEAN: the chunk's host counts), giving
    a row a line: known, text, time, metadata, and any of level, service and host."""

    def __init__(self, sql: duckdb.DuckDBPyConnection) -> None:
        self._queries = {
            DOCKER: PreparedQuery(sql, "docker", container.docker_query),
            CRI: PreparedQuery(sql, "cri", container.cri_query),
            SYSLOG: PreparedQuery(sql, "syslog", syslog.query),
        }

    def unwrap(self, chunks: Sequence[Chunk], lines: Lines, kinds: Ints) -> Unwrapped | None:
        """`kinds` has for each line its code of KINDS. None when no line is wrapped."""
        codes = np.unique(kinds[kinds > 0]).tolist()
        if not codes:
            return None
        observed = np.array([chunk.observed_us for chunk in chunks], np.int64)[lines.chunk]
        locked = np.array([chunk.host_locked for chunk in chunks], bool)[lines.chunk]
        rows = pa.table(
            {"line": lines.text, "observed": pa.array(observed).cast(_TIME), "host_locked": pa.array(locked)}
        )
        columns: dict[str, pa.Array] = {"text": lines.text, "time": pa.nulls(len(lines), _TIME)}
        broken = np.zeros(len(lines), bool)
        for code in codes:
            kind, here = KINDS[code], kinds == code
            mask = pa.array(here)
            found = self._queries[kind].run(rows.filter(mask))
            if kind == DOCKER:
                cut = np.array([CUT_TAG in chunk.tags for chunk in chunks], bool)[lines.chunk]
                found = _with_cut(found, cut[here])
            # Whoever sends a line without a header to a syslog port has said all there is.
            broken[here] = kind != SYSLOG and ~found["known"].to_numpy()
            for name in found.column_names:
                if name != "known":
                    column = columns.get(name, pa.nulls(len(lines), pa.string()))
                    columns[name] = pc.replace_with_mask(column, mask, found[name].combine_chunks().cast(column.type))
        return Unwrapped(
            msgspec.structs.replace(lines, text=columns["text"]),
            columns["time"],
            columns["metadata"],
            broken,
            {name: columns[name] for name in _SAID if name in columns},
        )


def _with_cut(found: pa.Table, cut: Bools) -> pa.Table:
    """What was found in Docker's records, and of those that were cut the text. They are few: one a chunk."""
    rows = np.flatnonzero(cut & ~found["known"].to_numpy())
    if len(rows) == 0:
        return found
    texts = [container.text_of_cut(line) for line in found["text"].take(rows).to_pylist()]
    known, text = found["known"].to_numpy().copy(), found["text"].combine_chunks()
    known[rows] = [found_text is not None for found_text in texts]
    mask = np.zeros(len(found), bool)
    mask[rows] = known[rows]
    text = pc.replace_with_mask(text, pa.array(mask), pa.array([one for one in texts if one is not None], text.type))
    for name, column in (("known", pa.array(known)), ("text", text)):
        found = found.set_column(found.schema.get_field_index(name), name, column)
    return found
