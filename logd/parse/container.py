r"""Container runtimes' records out of their wrapping: the text, when the runtime took it in, and from which stream.

    application/x-docker-json   {"log":"text\n","stream":"stdout","time":"2026-03-14T09:26:53.589793238Z"}
    application/x-cri           2026-03-14T09:26:53.589793238Z stdout F text

A line of a chunk is a record, or several with newlines between them, which the agent has found to belong together: the
parts of a long line (of Docker's all but the last lack the \n, of CRI's they have the tag P), or the lines of a trace.
Their texts become one; time and stream are those of the first. What is no record stays as it is.
"""

from __future__ import annotations

from collections.abc import Sequence

import duckdb
import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from logd.chunk import CRI, DOCKER, Chunk
from logd.parse.columns import STREAMS, Bools
from logd.parse.json import suspect
from logd.parse.lines import Ints, Lines
from logd.parse.prepared import PreparedQuery

_TIME = pa.timestamp("us", tz="UTC")
_HEAD = r"^\S+ (?:stdout|stderr) [PF]\S* ?"
_PART = r"^\S+ (?:stdout|stderr) P\S* ?"
#: A newline before the line's own at its end.
_SEVERAL = "strpos(line, chr(10)) BETWEEN 1 AND length(line) - 1"


class Unwrapped(msgspec.Struct, frozen=True):
    """`lines` with the texts that were wrapped. A row each: `times` are null, and `streams` 0, where there was no
    record; `streams` are 1 + an index into STREAMS; `broken` marks what should have been a record."""

    lines: Lines
    times: pa.Array
    streams: Ints
    broken: Bools


class Unwrapper:
    """Unwraps on the parser's DuckDB instance. Not thread-safe. Needs the macros of timestamp.py."""

    def __init__(self, sql: duckdb.DuckDBPyConnection) -> None:
        self._queries = {
            DOCKER: PreparedQuery(sql, "docker", _docker_query),
            CRI: PreparedQuery(sql, "cri", _cri_query),
        }

    def unwrap(self, chunks: Sequence[Chunk], lines: Lines) -> Unwrapped | None:
        """None when no chunk is a container's."""
        kinds = {chunk.content_type for chunk in chunks} & self._queries.keys()
        if not kinds:
            return None
        observed = np.array([chunk.observed_us for chunk in chunks], np.int64)[lines.chunk]
        rows = pa.table({"line": lines.text, "observed": pa.array(observed).cast(_TIME)})
        text = lines.text
        times: pa.Array = pa.nulls(len(lines), _TIME)
        streams = np.zeros(len(lines), np.int64)
        broken = np.zeros(len(lines), bool)
        for kind in sorted(kinds):
            here = np.array([chunk.content_type == kind for chunk in chunks], bool)[lines.chunk]
            mask = pa.array(here)
            found = self._queries[kind].run(rows.filter(mask))
            stream = pc.index_in(found["stream"].combine_chunks(), value_set=pa.array(STREAMS)).fill_null(-1)
            streams[here] = stream.to_numpy(zero_copy_only=False) + 1
            broken[here] = found["stream"].is_null().to_numpy()
            text = pc.replace_with_mask(text, mask, found["text"].combine_chunks().cast(pa.string()))
            times = pc.replace_with_mask(times, mask, found["time"].combine_chunks().cast(_TIME))
        return Unwrapped(msgspec.structs.replace(lines, text=text), times, streams, broken)


def times_of(own: pa.Array, is_json: pa.Array, given: pa.Array) -> pa.Array:
    """The runtime's times, unless a line is JSON and says its own: a time that only shows in a text has often no zone,
    and stays in the message anyway."""
    own = own.cast(_TIME)
    return pc.if_else(is_json, pc.coalesce(own, given), pc.coalesce(given, own))


def _cri_query(source: str) -> str:
    part = f"regexp_matches(part, '{_PART}')"
    text = f"regexp_replace(part, '{_HEAD}', '') || CASE WHEN {part} THEN '' ELSE chr(10) END"
    several = f"array_to_string(list_transform(string_split(rtrim(line, chr(10)), chr(10)), lambda part: {text}), '')"
    return f"""
WITH headed AS (
  SELECT line, observed, nullif(regexp_extract(line, '{_HEAD}'), '') AS head FROM {source}
)
SELECT logd_time(split_part(head, ' ', 1), observed) AS time, split_part(head, ' ', 2) AS stream,
  CASE WHEN head IS NULL THEN line WHEN {_SEVERAL} THEN {several} ELSE substr(line, length(head) + 1) END AS text
FROM headed"""


def _docker_query(source: str) -> str:
    logs = """list_transform(string_split(rtrim(line, chr(10)), chr(10)),
      lambda part: CASE WHEN json_valid(part) THEN coalesce(json_extract_string(part, '$.log'), part) ELSE part END)"""
    transform = '{"log":"VARCHAR","stream":"VARCHAR","time":"VARCHAR"}'
    return f"""
WITH parted AS (
  SELECT line, observed, starts_with(line, '{{"log":') AND NOT ({suspect("line")}) AS plain, {_SEVERAL} AS several
  FROM {source}
), parsed AS (
  SELECT line, observed, plain AND several AS several, CASE WHEN plain THEN try(json_transform(
    CASE WHEN several THEN split_part(line, chr(10), 1) ELSE line END, '{transform}')) END AS j
  FROM parted
)
SELECT logd_time(j.time, observed) AS time, CASE WHEN j.log IS NOT NULL THEN j.stream END AS stream,
  CASE WHEN j.log IS NULL OR j.stream IS NULL THEN line WHEN several THEN array_to_string({logs}, '')
    ELSE j.log END AS text
FROM parsed"""
