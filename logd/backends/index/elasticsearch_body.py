"""Records as Elasticsearch takes them: for each an action and a document, two lines of JSON, made for a whole table at
once.

    {"create":{"_id":"0011223344556677-000000000123"}}
    {"log_id":…,"timestamp":"2026-11-22T10:00:00.123456Z",…,"message":…,"message_bytes":14,"words":"payment failed",…}

`words` and `runs` are what query/elasticsearch_text.py searches. The one is made by exchanging bytes where the text is
ASCII (0.15 µs a line; regular expressions take 3 µs), so blanks may follow blanks in it. `metadata_text` is there where
Elasticsearch would give numbers of the metadata back in another spelling (0.15 µs a line to find out), or can't have it
as it is; answers take it from there.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from logd.backends.index.elasticsearch_mapping import MESSAGE_BYTES
from logd.backends.index.policies import ONE_POLICY, Assignment
from logd.query.elasticsearch_text import MAX_WORD
from logd.query.tokens import tokens
from logd.query.words import NOT_SEPARATOR, TOKEN

#: A column that the table may have beside those of the schema: the metadata as it was, for rows where it was mended.
KEPT = "metadata_text"
#: Numbers that a double, as Java writes it, may spell otherwise: `1e3`, `1.50`, `-0`, many digits, large and small.
_OTHERWISE = r"[:,\[\s](?:-0[,}\]\s]|-?[0-9]+(?:[eE]|\.(?:000|[0-9]+0[,}\]\s]|[0-9]{9}|[0-9]+[eE]))|-?[0-9]{8,}\.)"
_DAY_US = 86_400_000_000
_NAIVE = pa.timestamp("us")
#: What is in no word becomes a blank, what is in one a lower-case letter; beyond ASCII all stays.
_LOWERED = bytes(ord((tokens(chr(byte)) or " ")[0]) if byte < 0x80 else byte for byte in range(256))


def _words(expression: str) -> str:
    return f"list_transform(regexp_extract_all(lower(message), '{expression}'), lambda w: w[:{MAX_WORD}])"


_LONG_ASCII = f"strlen(message) > {MAX_WORD} AND regexp_matches(message, '[0-9A-Za-z_]{{{MAX_WORD + 1}}}')"
#: The regular expressions run where the text isn't ASCII, and where a word must be cut.
_PREPARED = f"""
    SELECT *,
        CASE WHEN strlen(message) <> length(message) OR ({_LONG_ASCII}) THEN
            array_to_string({_words(TOKEN)}, ' ') ELSE lowered END AS words,
        CASE WHEN strlen(message) <> length(message) THEN
            array_to_string({_words(f"{NOT_SEPARATOR}+")}, ' ') END AS all_runs
    FROM rows
"""


def _field(name: str) -> str:
    return f"""'"{name}":', coalesce(to_json({name}), 'null'), ','"""


#: `concat` takes half the time of `||`, and a third of that of to_json on a struct. Metadata has no line's end but
#: between its values, where a blank does.
_LINES = f"""
    SELECT concat(
        '{{"create":{{"_id":', to_json(log_id), '}}}}\n{{', {_field("log_id")},
        '"timestamp":"', strftime(timestamp, '%Y-%m-%dT%H:%M:%S.%fZ'), '","ingested_at":"', ingested_at, '",',
        {", ".join(map(_field, ("level", "service", "host", "source", "tags", "trace_id", "message")))},
        '"{MESSAGE_BYTES}":', coalesce(strlen(message), 0),
        ',"words":"', words, '"', CASE WHEN all_runs <> words THEN concat(',"runs":"', all_runs, '"') END,
        CASE WHEN {KEPT} IS NOT NULL THEN concat(',"{KEPT}":', to_json({KEPT})) END,
        ',"metadata":', coalesce(replace(metadata, chr(10), ' '), 'null'), '}}\n'
    ) AS line FROM ({_PREPARED})
"""


class Body(NamedTuple):
    """The documents of one policy and day, which is a number of days since 1970. `ends` are the places in `text`, of
    which the first is 0, where each document's lines end; `rows` are the documents' rows in the table they were made
    from."""

    policy: str
    day: int
    text: memoryview
    ends: np.ndarray[tuple[int], np.dtype[np.int32]]
    rows: np.ndarray[tuple[int], np.dtype[np.int64]]

    def __len__(self) -> int:
        return len(self.rows)

    def part(self, first: int, end: int) -> memoryview:
        """The lines of some documents."""
        return self.text[int(self.ends[first]) : int(self.ends[end])]

    def text_of(self, numbers: Sequence[int]) -> memoryview | bytes:
        """The lines of these documents, which need no copy where they stand side by side."""
        if _side_by_side(numbers):
            return self.part(numbers[0], numbers[-1] + 1)
        return b"".join(self.part(number, number + 1) for number in numbers)

    def size(self, numbers: Sequence[int]) -> int:
        """Of that in bytes, or a bit more where some between them are left out."""
        return int(self.ends[numbers[-1] + 1] - self.ends[numbers[0]])


def _side_by_side(numbers: Sequence[int]) -> bool:
    return numbers[-1] - numbers[0] == len(numbers) - 1


def bodies(connection: duckdb.DuckDBPyConnection, table: pa.Table, policies: Assignment = ONE_POLICY) -> Iterator[Body]:
    """A body for each policy and day of the table's records, none of which may be over 2 GB. Raises duckdb.Error."""
    days = pc.divide(table["timestamp"].cast(pa.int64()), _DAY_US).to_numpy()
    codes = policies.codes(table)
    names = policies.names  # not before: there may be more of them by now
    kinds = days * len(names) + codes
    for kind in np.unique(kinds):
        rows = np.flatnonzero(kinds == kind)
        of_kind = table if len(rows) == len(table) else table.take(pa.array(rows))
        day, policy = divmod(int(kind), len(names))
        yield Body(names[policy], day, *_lines(connection, of_kind), rows)


def _lines(
    connection: duckdb.DuckDBPyConnection, table: pa.Table
) -> tuple[memoryview, np.ndarray[tuple[int], np.dtype[np.int32]]]:
    # With a zone DuckDB would load ICU.
    table = _with(table, "timestamp", table["timestamp"].cast(_NAIVE))
    table = _with(table, "ingested_at", _written(table["ingested_at"]))
    if KEPT not in table.column_names:
        table = table.append_column(KEPT, _kept(table["metadata"]))
    connection.register("rows", table.append_column("lowered", _lowered(table["message"])))
    lines = connection.sql(_LINES).to_arrow_table()["line"].cast(pa.string()).combine_chunks()
    lines = lines.chunk(0) if isinstance(lines, pa.ChunkedArray) else lines
    _, ends, text = lines.buffers()
    numbers = np.frombuffer(ends, np.int32)[lines.offset : lines.offset + len(lines) + 1]
    return memoryview(text)[: numbers[-1]], numbers


def _with(table: pa.Table, name: str, column: pa.Array | pa.ChunkedArray) -> pa.Table:
    return table.set_column(table.schema.get_field_index(name), name, column)


def _written(times: pa.ChunkedArray) -> pa.DictionaryArray:
    """The times as text, each only once: all lines of a chunk have the same."""
    encoded = times.combine_chunks().dictionary_encode()
    encoded = encoded.combine_chunks() if isinstance(encoded, pa.ChunkedArray) else encoded
    written = pc.strftime(encoded.dictionary.cast(_NAIVE), format="%Y-%m-%dT%H:%M:%SZ")
    return pa.DictionaryArray.from_arrays(encoded.indices, written)


def _lowered(texts: pa.ChunkedArray) -> pa.Array:
    """The texts with their ASCII lower-cased, and blanks for what of it is in no word. As long as they are."""
    array = texts.combine_chunks()
    array = array.chunk(0) if isinstance(array, pa.ChunkedArray) else array
    valid, ends, text = array.buffers()
    lowered = pa.py_buffer((text.to_pybytes() if text else b"").translate(_LOWERED))
    return pa.Array.from_buffers(pa.string(), len(array), [valid, ends, lowered], offset=array.offset)


def _kept(metadata: pa.ChunkedArray) -> pa.ChunkedArray:
    """The metadata that has to be kept as text."""
    differs = pc.match_substring_regex(metadata, _OTHERWISE)
    return pc.if_else(differs, metadata, pa.scalar(None, pa.string()))
