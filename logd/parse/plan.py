"""Lines into records: the vectorised plan that every role runs over joined chunks.

    chunks ─ join ─┬─ lines that begin with "{" ── fields ── metadata ──┬─ assemble ── Arrow table of record.SCHEMA
    (unwrap)       │            └ what DuckDB can't read: mend ─ again ─┤
                   └─ other lines, and what couldn't be mended ── text ─┘

Per line there is only native code; Python runs per batch, per chunk, and per broken line. A Parser remembers the key
names that it has met, which keeps its queries small: that changes its speed, never its answers.
"""

from __future__ import annotations

from collections.abc import Sequence

import duckdb
import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from logd.chunk import Chunk, Positions
from logd.errors import ConfigError
from logd.parse import json, level, text, timestamp
from logd.parse.columns import NDJSON, Assembler, Parsed
from logd.parse.lines import Lines, join
from logd.parse.mend import mend
from logd.parse.prepared import PreparedQuery
from logd.parse.strict import not_json
from logd.parse.window import Limits
from logd.parse.wrapping import Unwrapper
from logd.record import SCHEMA

_TIME = pa.timestamp("us", tz="UTC")
_BRACE = ord("{")
#: After a line that was no JSON: what the careful query costs more in so many is what the failed one has cost.
_CAREFUL_BATCHES = 32


class _Fields(msgspec.Struct, frozen=True):
    """The parsed fields of JSON lines, and the rows (of the same shape as was put in) that are no JSON object."""

    table: pa.Table
    broken: pa.Table


class Parser:
    """Not thread-safe: one for each thread that parses. Owns a DuckDB instance, apart from the search's."""

    def __init__(
        self, timezone: str = "UTC", limits: Limits | None = None, memory_bytes: int = 512 * 1024 * 1024
    ) -> None:
        limits = limits or Limits()
        self._names = json.USUAL
        self._sql = duckdb.connect(config={"threads": 1, "memory_limit": f"{memory_bytes}B"})
        try:
            self._sql.execute(f"SET TimeZone = '{timezone}'")
        except duckdb.Error as error:
            raise ConfigError(f"parse.timezone is {timezone!r}, expected an IANA name that DuckDB knows") from error
        for macro in (*timestamp.MACROS, *level.MACROS):
            self._sql.execute(macro)
        self._unwrapper = Unwrapper(self._sql)
        self._assembler = Assembler(self._sql, limits)
        self._quick_fields = PreparedQuery(
            self._sql, "quick_fields", lambda rows: json.fields_query(rows, self._names, limits, careful=False)
        )
        self._careful_fields = PreparedQuery(
            self._sql, "careful_fields", lambda rows: json.fields_query(rows, self._names, limits, careful=True)
        )
        self._careful_batches = 0
        self._metadata_query = PreparedQuery(self._sql, "metadata", json.metadata_query)
        self._text_query = PreparedQuery(self._sql, "text", lambda rows: text.query(rows, limits.max_ahead_seconds))

    def usable(self) -> bool:
        """Whether the instance answers at all: after an internal error it never does again."""
        try:
            self._sql.execute("SELECT 1").fetchall()
        except duckdb.Error:
            return False
        return True

    def close(self) -> None:
        """Gives the instance's memory back."""
        self._sql.close()

    def parse(self, chunks: Sequence[Chunk], taken_us: Sequence[int]) -> Parsed:
        """A record for each line of the chunks, in order; `taken_us[i]` is when the transport took chunk i.

        The same chunks give the same records, always. Raises Corrupt when a chunk can't be read."""
        if not chunks:
            return Parsed(SCHEMA.empty_table(), None, 0, 0, 0)
        lines = join(chunks)
        unwrapped = self._unwrapper.unwrap(chunks, lines)
        if unwrapped is not None:
            lines = unwrapped.lines
        rows = _rows(chunks, lines)
        is_json = _begins_with_brace(lines)
        parts = []
        other = rows.filter(pc.invert(is_json)) if not _all(is_json) else rows.slice(0, 0)
        broken = rows.slice(0, 0)
        if _any(is_json):
            fields = self._json(rows if len(other) == 0 else rows.filter(is_json))
            parts.append(fields.table)
            broken = fields.broken
        if len(other) or len(broken):
            parts.append(self._text_query.run(pa.concat_tables([other, broken])))
        table = parts[0] if len(parts) == 1 else pa.concat_tables(parts, promote_options="default").sort_by("i")
        ndjson = [chunk.content_type == NDJSON for chunk in chunks]
        unparsed = np.zeros(len(lines), bool)
        if len(other) and any(ndjson):
            unparsed[other["i"]] = np.asarray(ndjson)[lines.chunk[other["i"]]]
        unparsed[broken["i"]] = True
        if unwrapped is None:
            return self._assembler.assemble(table, chunks, lines, taken_us, unparsed)
        table = unwrapped.beside(table, pc.and_(is_json, pa.array(~unparsed)))
        unparsed |= unwrapped.broken
        return self._assembler.assemble(table, chunks, lines, taken_us, unparsed, unwrapped.metadata)

    def _json(self, rows: pa.Table) -> _Fields:
        fields = self._fields(rows)
        to_mend = pc.or_(fields["mend"].combine_chunks(), not_json(fields["metadata"].combine_chunks()))
        if not _any(to_mend):
            return _Fields(fields, rows.slice(0, 0))
        suspects = rows.filter(to_mend)
        mended = pa.array([mend(line) for line in suspects["line"].to_pylist()], pa.string())
        good = mended.is_valid()
        repaired = suspects.set_column(suspects.schema.get_field_index("line"), "line", mended).filter(good)
        checked = pa.array(np.ones(len(repaired), bool))
        repaired = repaired.set_column(repaired.schema.get_field_index("checked"), "checked", checked)
        parts = [fields.filter(pc.invert(to_mend))]
        if len(repaired):
            parts.append(_with_message(self._fields(repaired), repaired["line"], suspects["line"].filter(good)))
        return _Fields(
            pa.concat_tables(parts, promote_options="default").sort_by("i"), suspects.filter(pc.invert(good))
        )

    def _fields(self, rows: pa.Table) -> pa.Table:
        fields = self._run_fields(rows)
        keys = fields["keys"].combine_chunks()
        if keys.null_count == len(keys):
            return fields
        met = set(pc.unique(pc.list_flatten(keys)).to_pylist()) & json.KNOWN
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


def _rows(chunks: Sequence[Chunk], lines: Lines) -> pa.Table:
    of_line = pa.array(lines.chunk)
    observed = pa.array([chunk.observed_us for chunk in chunks], pa.int64()).cast(_TIME)
    takes_ids = pa.array([chunk.positions is Positions.LINE for chunk in chunks], pa.bool_())
    return pa.table(
        {
            "i": pa.array(np.arange(len(lines))),
            "line": lines.text,
            "observed": observed.take(of_line),
            "takes_ids": takes_ids.take(of_line),
            "checked": pa.array(np.zeros(len(lines), bool)),
        }
    )


def _with_message(fields: pa.Table, repaired: pa.ChunkedArray, lines: pa.ChunkedArray) -> pa.Table:
    """The fields of repaired lines; where the line itself is the message, it is the line that came."""
    came = pc.replace_substring_regex(lines, r"(\r\n|\n|\r)\z", "")
    message = pc.if_else(pc.equal(fields["message"], repaired), came, fields["message"])
    return fields.set_column(fields.schema.get_field_index("message"), "message", message)


def _begins_with_brace(lines: Lines) -> pa.BooleanArray:
    """Lines whose first character, white space aside, is an opening brace: JSON, or meant to be."""
    _, offsets, data = lines.text.buffers()
    bounds = np.frombuffer(offsets, np.int32)
    starts = bounds[:-1]
    content = np.frombuffer(data, np.uint8)
    first = content[np.minimum(starts, max(len(content) - 1, 0))] if len(content) else np.zeros(len(starts), np.uint8)
    plain = (first == _BRACE) & (bounds[1:] > starts)  # the first byte of an empty line is the next line's
    blank = (first == 32) | (first == 9)
    if not blank.any():
        return pa.array(plain)
    return pc.starts_with(pc.utf8_ltrim(lines.text, " \t"), "{")


def _any(mask: pa.BooleanArray) -> bool:
    return bool(pc.any(mask).as_py())


def _all(mask: pa.BooleanArray) -> bool:
    return bool(pc.all(mask).as_py())
