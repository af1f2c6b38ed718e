"""The last step of parsing: what the lines and their chunks say, as a table of record.SCHEMA."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import duckdb
import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from logd.chunk import POSITION_DIGITS, Chunk
from logd.parse.lines import Ints, Lines
from logd.parse.prepared import PreparedQuery
from logd.parse.window import Limits
from logd.record import SCHEMA

NDJSON = "application/x-ndjson"
UNPARSED = "unparsed"
AS_TEXT = "text"
Bools = np.ndarray[Any, np.dtype[np.bool_]]
_TIME = pa.timestamp("us", tz="UTC")
_HEX = np.frombuffer(b"0123456789abcdef", np.uint8)


class Share(msgspec.Struct, frozen=True):
    """The places of the rows that one step of a parser understood, or without a parser (an empty name) a form of lines:
    AS_TEXT are those that were taken for no more than a text, UNPARSED those that should have been more."""

    parser: str
    step: str
    rows: Ints


class Parsed(msgspec.Struct, frozen=True):
    """`table` has record.SCHEMA. `own_ids` marks rows that may have come before: a client chose their log_id, or their
    chunk is `replayed`. It is None when there is no such row. The counts are of lines; `chunk_lines` has one for each
    chunk that was parsed, in order: the rows are theirs. `kept` are the rows that no rule of shaping has left out, all
    if None; `shaped` says what rules did, by what ("dropped", "sampled", "redacted") and by rule or detector, and
    `left_out` has the places of the rows that were "dropped" or "sampled". Each row is in one of the `shares`."""

    table: pa.Table
    own_ids: pa.Array | None
    unparsed: int
    mended: int
    out_of_window: int
    chunk_lines: tuple[int, ...] = ()
    kept: pa.BooleanArray | None = None
    shaped: Mapping[tuple[str, str], int] = {}
    shares: tuple[Share, ...] = ()
    left_out: Mapping[tuple[str, str], Ints] = {}

    def done(self, what: str) -> int:
        """How many were "dropped", or "sampled", by all rules."""
        return sum(count for (done, _), count in self.shaped.items() if done == what)

    def stored(self) -> tuple[pa.Table, pa.BooleanArray | None]:
        """The rows that are kept, and which of them may have come before, as in `own_ids`."""
        if self.kept is None:
            return self.table, self.own_ids
        return self.table.filter(self.kept), None if self.own_ids is None else self.own_ids.filter(self.kept)

    def joined(self, other: Parsed) -> Parsed:
        """These records, then the other's."""
        own_ids = None
        if self.own_ids is not None or other.own_ids is not None:
            own_ids = pa.concat_arrays([_mask(self, self.own_ids, False), _mask(other, other.own_ids, False)])
        kept = None
        if self.kept is not None or other.kept is not None:
            kept = pa.concat_arrays([_mask(self, self.kept, True), _mask(other, other.kept, True)])
        return Parsed(
            pa.concat_tables([self.table, other.table]),
            own_ids,
            self.unparsed + other.unparsed,
            self.mended + other.mended,
            self.out_of_window + other.out_of_window,
            self.chunk_lines + other.chunk_lines,
            kept,
            Counter(self.shaped) + Counter(other.shaped),
            self.shares + tuple(Share(one.parser, one.step, one.rows + len(self.table)) for one in other.shares),
            self._left_out_with(other),
        )

    def _left_out_with(self, other: Parsed) -> Mapping[tuple[str, str], Ints]:
        both = dict(self.left_out)
        for key, rows in other.left_out.items():
            moved = rows + len(self.table)
            both[key] = np.concatenate([both[key], moved]) if key in both else moved
        return both


class Assembler:
    """Makes records of parsed fields, on the parser's DuckDB instance. Not thread-safe."""

    def __init__(self, sql: duckdb.DuckDBPyConnection, limits: Limits) -> None:
        self._limits = limits
        self._tags_query = PreparedQuery(sql, "tags", _tags_query)
        self._added_query = PreparedQuery(sql, "added", added_query)

    def assemble(
        self,
        fields: pa.Table,
        chunks: Sequence[Chunk],
        lines: Lines,
        taken_us: Sequence[int],
        unparsed: Bools,
        around: pa.StringArray | None = None,
    ) -> Parsed:
        """`fields` has a row for each line, in order, with i, time, level and message, and what JSON lines have
        besides; `unparsed` marks the lines to be tagged so. `around` are fields, a JSON object each or null, that
        count where a line has none of that name; its chunk's count after them."""
        of_line = pa.array(lines.chunk)
        given = _Given(fields)
        metadata = given.text("metadata")
        observed = np.array([chunk.observed_us for chunk in chunks], np.int64)[lines.chunk]
        time, outside = _accepted(fields["time"].combine_chunks(), observed, self._limits)
        late = int(outside.sum())
        if late:
            metadata = self._with_original(metadata, given, fields, outside)
        if around is not None or any(chunk.fields for chunk in chunks):
            metadata = self._with_fields(metadata, self._added(around, chunks, lines))
        log_ids = _log_ids(chunks, lines)
        own = given.text("log_id")
        own_ids = own.is_valid() if own.null_count < len(own) else None
        if any(chunk.replayed for chunk in chunks):
            again = pa.array(np.array([chunk.replayed for chunk in chunks], bool)[lines.chunk])
            own_ids = again if own_ids is None else pc.or_(own_ids, again)
        service_locked = np.array([chunk.service_locked for chunk in chunks], bool)[lines.chunk]
        host_locked = np.array([chunk.host_locked for chunk in chunks], bool)[lines.chunk]
        columns = {
            "log_id": log_ids if own_ids is None else pc.coalesce(own, log_ids),
            "timestamp": pa.array(time).cast(_TIME),
            "ingested_at": pa.array(np.asarray(taken_us, np.int64)[lines.chunk]).cast(_TIME),
            "level": given.text("level").dictionary_encode(),
            "service": _named(given.text("service"), [chunk.service for chunk in chunks], of_line, service_locked),
            "host": _named(given.text("host"), [chunk.host for chunk in chunks], of_line, host_locked),
            "source": _of_chunk([chunk.source for chunk in chunks], of_line),
            "tags": self._tags(given, chunks, of_line, unparsed),
            "trace_id": given.text("trace_id"),
            "message": given.text("message"),
            "metadata": metadata,
        }
        table = pa.table([columns[name] for name in SCHEMA.names], schema=SCHEMA)
        of_each = tuple(np.bincount(lines.chunk, minlength=len(chunks)).tolist())
        return Parsed(table, own_ids, int(unparsed.sum()), lines.mended, late, of_each)

    def _with_original(self, metadata: pa.Array, given: _Given, fields: pa.Table, outside: Bools) -> pa.Array:
        """The time that wasn't accepted, as it was written, under `original_timestamp`, unless the line has one of its
        own. A text that is a time has nothing to escape."""
        seen = pc.strftime(fields["time"].combine_chunks().cast(_TIME), format="%Y-%m-%dT%H:%M:%SZ")
        original = pc.coalesce(given.text("late_text"), seen)
        begun = pc.binary_join_element_wise('{"original_timestamp":"', original, '"', "")
        rest = pc.coalesce(pc.binary_join_element_wise(",", pc.utf8_slice_codeunits(metadata, 1), ""), pa.scalar("}"))
        found = pc.if_else(pa.array(outside), pc.binary_join_element_wise(begun, rest, ""), metadata)
        own = pc.and_(pa.array(outside), pc.match_substring(metadata, '"original_timestamp"').fill_null(False))
        if not bool(pc.any(own).as_py()):
            return found
        added = pc.binary_join_element_wise(begun, "}", "")
        return pc.replace_with_mask(found, own, self._with_fields(metadata.filter(own), added.filter(own)))

    def _with_fields(self, metadata: pa.Array, added: pa.Array) -> pa.Array:
        """More fields beside the line's own, which win."""
        table = pa.table({"own": metadata, "added": added})
        return self._added_query.run(table)["metadata"].combine_chunks().cast(pa.string())

    def _added(self, around: pa.StringArray | None, chunks: Sequence[Chunk], lines: Lines) -> pa.StringArray:
        """What is added to each line's fields. The same fields around lines of the same chunk are merged once."""
        of_chunk = pa.array(list(map(_fields, chunks)), pa.string())
        if around is None:
            return of_chunk.take(pa.array(lines.chunk))
        if of_chunk.null_count == len(of_chunk):
            return around
        encoded = around.dictionary_encode(null_encoding="encode")
        count = len(encoded.dictionary)
        pairs, of_line = np.unique(lines.chunk * np.int64(count) + encoded.indices.to_numpy(), return_inverse=True)
        own, more = encoded.dictionary.take(pa.array(pairs % count)), of_chunk.take(pa.array(pairs // count))
        return self._with_fields(own, more).take(pa.array(of_line))

    def _tags(self, given: _Given, chunks: Sequence[Chunk], of_line: pa.Array, unparsed: Bools) -> pa.Array:
        own = given.lists("tags")
        of_chunk = pa.array([list(chunk.tags) or None for chunk in chunks], pa.list_(pa.string())).take(of_line)
        if own.null_count == len(own) and not unparsed.any():
            return of_chunk
        table = pa.table({"own": own, "of_chunk": of_chunk, "unparsed": pa.array(unparsed)})
        return self._tags_query.run(table)["tags"].combine_chunks().cast(pa.list_(pa.string()))


class _Given:
    """The fields by name; a column that no line has is all null."""

    def __init__(self, fields: pa.Table) -> None:
        self._fields = fields

    def text(self, name: str) -> pa.StringArray:
        if name not in self._fields.column_names:
            return pa.nulls(len(self._fields), pa.string())
        return self._fields[name].combine_chunks().cast(pa.string())

    def lists(self, name: str) -> pa.ListArray:
        if name not in self._fields.column_names:
            return pa.nulls(len(self._fields), pa.list_(pa.string()))
        return self._fields[name].combine_chunks().cast(pa.list_(pa.string()))


def _accepted(time: pa.Array, observed: Ints, limits: Limits) -> tuple[Ints, Bools]:
    """Times in µs, the observed one where there is none or it is outside the accepted window; and where that is."""
    seen = time.is_valid().to_numpy(zero_copy_only=False)
    micros = time.cast(_TIME).cast(pa.int64()).fill_null(0).to_numpy(zero_copy_only=False)
    floor = observed - limits.max_age_seconds * 1_000_000 if limits.max_age_seconds else np.zeros(1, np.int64)
    outside = seen & ((micros > observed + limits.max_ahead_seconds * 1_000_000) | (micros < floor))
    return np.where(seen & ~outside, micros, observed), outside


def _of_chunk(values: Sequence[str], of_line: pa.Array) -> pa.DictionaryArray:
    encoded = pa.array(values, pa.string()).dictionary_encode()
    return pa.DictionaryArray.from_arrays(encoded.indices.take(of_line), encoded.dictionary)


def _named(
    own: pa.StringArray,
    values: Sequence[str],
    of_line: pa.Array,
    locked: Bools,
) -> pa.DictionaryArray:
    """The line's own value, else its chunk's, which wins where it is locked."""
    if own.null_count == len(own):
        return _of_chunk(values, of_line)
    if locked.any():
        own = pc.if_else(pa.array(locked), pa.scalar(None, pa.string()), own)
    if own.null_count:
        own = pc.coalesce(own, pa.array(values, pa.string()).take(of_line))
    return own.dictionary_encode()


def _log_ids(chunks: Sequence[Chunk], lines: Lines) -> pa.StringArray:
    """chunk.log_id for every line: a matrix of characters, so that no line costs a Python call."""
    sources = np.frombuffer("".join(chunk.source_id for chunk in chunks).encode(), "S16")
    width = 16 + 1 + POSITION_DIGITS
    text = np.empty((len(lines), width), np.uint8)
    text[:, :16] = sources[lines.chunk].view(np.uint8).reshape(-1, 16)
    text[:, 16] = ord("-")
    for place in range(POSITION_DIGITS):
        text[:, width - 1 - place] = _HEX[(lines.position >> (4 * place)) & 15]
    offsets = np.arange(0, width * (len(lines) + 1), width, dtype=np.int32)
    return pa.StringArray.from_buffers(len(lines), pa.py_buffer(offsets), pa.py_buffer(text.tobytes()))


def _mask(parsed: Parsed, mask: pa.BooleanArray | None, otherwise: bool) -> pa.BooleanArray:
    return pa.array(np.full(len(parsed.table), otherwise)) if mask is None else mask


def _fields(chunk: Chunk) -> str | None:
    return msgspec.json.encode(chunk.fields).decode() if chunk.fields else None


def added_query(source: str) -> str:
    """SQL over `source` (own, added: JSON objects or null) giving a row a line: metadata, the own members and those of
    the added whose names aren't there."""
    # Not json_merge_patch(added, own): that takes the line's own nulls for orders to delete.
    own_keys = "array_to_string(list_transform(json_keys(own), lambda key: to_json(key) || ':null'), ',')"
    return f"""SELECT CASE WHEN added IS NULL OR others = '{{}}' THEN own WHEN own IS NULL THEN added
      ELSE own[:-2] || ',' || others[2:] END AS metadata
    FROM (SELECT own, added, CASE WHEN NOT list_has_any(json_keys(own), json_keys(added)) THEN added
      WHEN own IS NOT NULL THEN json_merge_patch(added, '{{' || {own_keys} || '}}') END AS others FROM {source})"""


def _tags_query(source: str) -> str:
    return f"""SELECT nullif(list_filter(list_concat(coalesce(of_chunk, []), coalesce(own, []),
      CASE WHEN unparsed THEN ['{UNPARSED}'] ELSE [] END), lambda tag: tag IS NOT NULL), []) AS tags FROM {source}"""
