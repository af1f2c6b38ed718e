"""Lines by a regular expression with named groups: Arrow takes the groups out, DuckDB makes columns of them.

Expressions are RE2's, which look at each byte a bounded number of times, whatever the expression and the line. ⏱ µs a
line: Apache's combined log with 9 groups 1.8 here, 2.5 by DuckDB's regexp_extract; then its time 0.5, its fields 0.6.
"""

from __future__ import annotations

from collections.abc import Sequence

import duckdb
import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from logd.parse import named, timestamp
from logd.parse.named import Field, Meaning
from logd.parse.prepared import PreparedQuery
from logd.parse.window import Limits

Bytes = np.ndarray[tuple[int], np.dtype[np.uint8]]
#: Lines that are tried first.
_SAMPLE = 16
#: After times of no form that is cheap alone: what the queries that didn't help cost more in so many is little.
_WIDE_BATCHES = 32


class Pattern(msgspec.Struct, frozen=True):
    """`regex` has the named groups g0, g1, …, one for each field, and no other that captures. In a `quoted` one
    doubled quotes are halved (csv). `at_start`, if any, is the expression at the text's beginning: where it matches,
    both give the same, and it takes a third less time."""

    regex: str
    fields: tuple[Field, ...]
    meaning: Meaning = Meaning()
    quoted: bool = False
    at_start: str = ""


class Matched(msgspec.Struct, frozen=True):
    """`table` has a row for each of the matched rows: their fields."""

    table: pa.Table
    rows: pa.BooleanArray


class Matcher:
    """Runs one pattern, on a DuckDB connection whose TimeZone is that of its times. Not thread-safe."""

    def __init__(self, sql: duckdb.DuckDBPyConnection, name: str, pattern: Pattern, limits: Limits) -> None:
        self._pattern = pattern
        fields, meaning = pattern.fields, pattern.meaning

        def prepared(time: str) -> PreparedQuery:
            return PreparedQuery(
                sql, f"{name}_{time}", lambda source: named.query(source, fields, meaning, limits, time)
            )

        self._narrow = {time: prepared(time) for time in timestamp.NARROW}
        self._wide = prepared("logd_time")
        self._time = timestamp.NARROW[0]
        self._wide_batches = 0

    def match(self, rows: pa.Table) -> Matched | None:
        """Over `rows` (i, text, observed, takes_ids). None when no row matches."""
        if not self._pattern.at_start:
            return self._match(rows, self._pattern.regex)
        begun = self._match(rows, self._pattern.at_start)
        if begun is None:
            return self._match(rows, self._pattern.regex)
        others = pc.invert(begun.rows)
        found = self._match(rows.filter(others), self._pattern.regex) if bool(pc.any(others).as_py()) else None
        if found is None:
            return begun
        everywhere = pc.replace_with_mask(begun.rows, others, found.rows)
        return Matched(pa.concat_tables([begun.table, found.table]), everywhere)

    def _match(self, rows: pa.Table, regex: str) -> Matched | None:
        text = rows["text"].combine_chunks()
        if pc.extract_regex(text[:_SAMPLE], regex).null_count:
            # Groups of lines that don't match cost as much as of those that do: those are left out first.
            matched = pc.match_substring_regex(text, regex)
            count = pc.sum(matched).as_py() or 0
            if count == 0:
                return None
            some = rows if count == len(rows) else rows.filter(matched)
            groups = pc.extract_regex(some["text"].combine_chunks(), regex)
        else:
            groups = pc.extract_regex(text, regex)
            matched = groups.is_valid()
            some = rows
            if groups.null_count:
                some, groups = rows.filter(matched), groups.filter(matched)
        columns = {name: some[name] for name in ("i", "text", "observed", "takes_ids")}
        for place, group in enumerate(groups.flatten()):
            columns[f"f{place}"] = pc.replace_substring(group, '""', '"') if self._pattern.quoted else group
        return Matched(self._fields(pa.table(columns)), matched)

    def _fields(self, rows: pa.Table) -> pa.Table:
        """By a query that knows the form of these times alone, as long as that is one of a few."""
        if self._wide_batches == 0:
            fields = self._narrow[self._time].run(rows)
            if not _unread(fields):
                return fields
            for time, query in self._narrow.items():
                if not _unread(query.run(rows[:_SAMPLE])) and not _unread(fields := query.run(rows)):
                    self._time = time
                    return fields
            self._wide_batches = _WIDE_BATCHES
        self._wide_batches -= 1
        return self._wide.run(rows)


def _unread(fields: pa.Table) -> bool:
    return bool(pc.any(fields["unread"]).as_py())


def rest(rows: pa.Table, matched: pa.BooleanArray) -> pa.Table:
    """The rows that weren't matched."""
    return rows.filter(pc.invert(matched))


def first_bytes(text: pa.StringArray) -> Bytes:
    """The first byte of each text, 0 of an empty one."""
    return _bytes_at(text, last=False)


def last_bytes(text: pa.StringArray) -> Bytes:
    """The last byte of each text, 0 of an empty one."""
    return _bytes_at(text, last=True)


def _bytes_at(text: pa.StringArray, *, last: bool) -> Bytes:
    _, offsets, data = text.buffers()
    bounds = np.frombuffer(offsets, np.int32)[text.offset : text.offset + len(text) + 1]
    content = np.frombuffer(data, np.uint8) if data is not None and data.size else np.zeros(1, np.uint8)
    found = content[bounds[1:] - 1 if last else np.minimum(bounds[:-1], len(content) - 1)]
    return np.where(bounds[1:] > bounds[:-1], found, np.uint8(0))


def groups(regex: str, names: Sequence[str]) -> str:
    """The expression with its named groups called g0, g1, … in the order of `names`."""
    for place, name in enumerate(names):
        regex = regex.replace(f"(?P<{name}>", f"(?P<g{place}>", 1)
    return regex
