"""Counts by time, and by the values of a field: one pass of DuckDB's over the columns that it takes.

What is in a row group that has no more than one interval is known without reading, where nothing else is asked.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from logd.errors import BadRequest
from logd.query.fields import METADATA, path_of
from logd.query.sql import Condition, compile_sql
from logd.query.tree import Everything
from logd.seams import MAX_BUCKETS, Buckets, Histogram
from logd.store.connection import Connection
from logd.store.partials import Partials, Question
from logd.store.ranked import added, places, ranked
from logd.store.read import run, stretches
from logd.store.walk import Snapshot, Stretch, Times, times_of

#: So many intervals may be counted, which takes some 100 MB, to find out that too many have hits.
_MOST_COUNTED = 1_000_000
#: With so many, the answer is that they are too many, whichever they are.
_ENOUGH = MAX_BUCKETS + 1
#: What "auto" aims at.
_FEW_BUCKETS = 100
_SECOND_US, _DAY_US = 1_000_000, 86_400_000_000
#: What people read as round.
_ROUND_US: tuple[int, ...] = (
    *(milliseconds * 1_000 for milliseconds in (1, 2, 5, 10, 20, 50, 100, 200, 500)),
    *(seconds * _SECOND_US for seconds in (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800)),
    *(hours * 3_600 * _SECOND_US for hours in (1, 2, 3, 6, 12)),
    *(days * 10**power * _DAY_US for power in range(6) for days in (1, 2, 5)),
)
#: Added to any time it is a positive one.
_BEFORE_ALL_US = 2**62
Numbers = npt.NDArray[np.int64]


class Axis(msgspec.Struct, frozen=True):
    """Intervals, aligned to the epoch."""

    times: Times
    interval_us: int

    def number(self, time_us: int) -> int:
        """Of the interval that has this moment."""
        return time_us // self.interval_us

    @property
    def sql(self) -> str:
        """The first moment of a row's interval, in Unix µs."""
        # DuckDB rounds towards 0; no time is before this.
        origin_us = _BEFORE_ALL_US // self.interval_us * self.interval_us
        return f"(epoch_us(timestamp) + {origin_us}) // {self.interval_us} * {self.interval_us} - {origin_us}"


def count_by_time(connection: Connection, snapshot: Snapshot, asked: Histogram, partials: Partials) -> Buckets:
    """Answers it over the snapshot. Raises BadRequest when there are too many intervals, duckdb.Error when a segment
    can't be read, and duckdb.InterruptException when the connection is stopped."""
    times = times_of(snapshot, asked.from_us, asked.to_us)
    interval_us = asked.interval_us or interval_of(asked.from_us, asked.to_us, times)
    if asked.fill and asked.from_us is not None and asked.to_us is not None:
        check_filled(asked.from_us, asked.to_us, interval_us)
    if times is None:
        return filled(Buckets(interval_us, (), ()), asked)
    axis = Axis(times, interval_us)
    found = _known(connection, snapshot, axis, asked, partials)
    if found is None:
        found = _counted(connection, snapshot, axis, asked)
    if len(found.starts) > MAX_BUCKETS:
        raise too_many("more", interval_us)
    return filled(found, asked)


def _known(
    connection: Connection, snapshot: Snapshot, axis: Axis, asked: Histogram, partials: Partials
) -> Buckets | None:
    """By what is known of parts; None when it is too much, or there is no need."""
    condition = compile_sql(asked.query)
    sql = f"SELECT part, {axis.sql} AS bucket, count(*) AS n FROM rows WHERE {condition.sql} GROUP BY ALL"
    once = Question(asked.query, sql, condition.parameters)
    if asked.by is None:
        if isinstance(asked.query, Everything):
            return None
        known = partials.of(connection, snapshot, axis.times, once)
        return None if known is None else _buckets(axis, added(pa.concat_tables(known.tables), ["bucket"]))
    source, value, parameters = _value(asked.by, condition)
    sql = f"SELECT part, {axis.sql} AS bucket, {value} AS g0, count(*) AS n FROM {source} GROUP BY ALL"
    known = partials.of(connection, snapshot, axis.times, Question(asked.query, sql, parameters))
    if known is None:
        return None
    found = ranked(known.tables, 1, (), None, asked.top, None)
    at = places(found, 1)
    cells = found.rows.append_column("rank", pa.array(np.where(at < 0, asked.top, at)))
    counts = None
    if asked.by == "tags":  # which a record has several of
        all_of = partials.of(connection, snapshot, axis.times, once)
        if all_of is None:
            return None
        counts = added(pa.concat_tables(all_of.tables), ["bucket"]).sort_by("bucket")["n"].to_numpy()
    return _buckets(axis, cells, dict(enumerate(found.top["g0"].to_pylist())), asked.top, counts)


def _counted(connection: Connection, snapshot: Snapshot, axis: Axis, asked: Histogram) -> Buckets:
    """By all rows. Raises BadRequest when they are too many."""
    among = [one for one in stretches(snapshot, asked.query, axis.times) if axis.times.overlaps(one.min_us, one.max_us)]
    check_countable(axis, among)
    condition = compile_sql(asked.query)
    if asked.by is None:
        return _counts(connection, snapshot, axis, among, asked, condition)
    return _counts_by_value(connection, snapshot, axis, among, asked.by, asked.top, condition)


def _counts(
    connection: Connection,
    snapshot: Snapshot,
    axis: Axis,
    among: Sequence[Stretch],
    asked: Histogram,
    condition: Condition,
) -> Buckets:
    counts: Counter[int] = Counter()
    unknown = []
    for stretch in among:
        number = axis.number(stretch.min_us)
        inside = axis.times.holds(stretch.min_us, stretch.max_us) and axis.number(stretch.max_us) == number
        if inside and isinstance(asked.query, Everything):
            counts[number * axis.interval_us] += stretch.rows
        else:
            unknown.append(stretch)
    if unknown:
        counted = f"SELECT {axis.sql} AS bucket, count(*) AS n FROM rows WHERE {condition.sql}"
        query = f"{counted} GROUP BY bucket LIMIT {_ENOUGH}"
        read = run(connection, snapshot, axis.times, unknown, query, condition)
        counts.update(dict(zip(read["bucket"].to_pylist(), read["n"].to_pylist(), strict=True)))
    starts = sorted(counts)
    return Buckets(axis.interval_us, starts, [counts[start] for start in starts])


def _counts_by_value(
    connection: Connection,
    snapshot: Snapshot,
    axis: Axis,
    among: Sequence[Stretch],
    by: str,
    top: int,
    condition: Condition,
) -> Buckets:
    """What isn't among the most frequent values is added up in the engine, however many there are."""
    source, value, parameters = _value(by, condition)
    query = f"""WITH cells AS MATERIALIZED (
        SELECT {axis.sql} AS bucket, {value} AS value, count(*) AS n FROM {source} GROUP BY ALL),
      ranked AS (
        SELECT value, row_number() OVER (ORDER BY n DESC, value NULLS LAST) - 1 AS rank
        FROM (SELECT value, sum(n) AS n FROM cells GROUP BY value) QUALIFY rank < {top})
      SELECT bucket, coalesce(rank, {top}) AS rank, any_value(ranked.value) AS value, sum(n)::BIGINT AS n
      FROM cells LEFT JOIN ranked ON cells.value IS NOT DISTINCT FROM ranked.value
      GROUP BY bucket, rank LIMIT {_ENOUGH * (top + 1)}"""
    filled = Condition(condition.sql, parameters, condition.columns)
    found = run(connection, snapshot, axis.times, among, query, filled)
    values: dict[int, str | None] = dict(zip(found["rank"].to_pylist(), found["value"].to_pylist(), strict=True))
    counts = None
    if by == "tags" and len(found["bucket"].unique()) < _ENOUGH:  # which a record has several of
        query = f"SELECT {axis.sql} AS bucket, count(*) AS n FROM rows WHERE {condition.sql}"
        query = f"{query} GROUP BY bucket ORDER BY bucket"
        counts = run(connection, snapshot, axis.times, among, query, condition)["n"].to_numpy()
    return _buckets(axis, found, values, top, counts)


def _buckets(
    axis: Axis,
    found: pa.Table,
    values: Mapping[int, str | None] | None = None,
    top: int = 0,
    counts: Numbers | None = None,
) -> Buckets:
    """Of cells by `bucket`, and by the `rank` of values if there are any: `top` is that of all others. `counts` are
    those of records, if they have several values."""
    starts, numbers = np.unique(found["bucket"].to_numpy(), return_inverse=True)
    cells = np.zeros((top + 1, len(starts)), np.int64)
    ranks = np.zeros(len(found), np.int64) if values is None else found["rank"].to_numpy()
    np.add.at(cells, (ranks, numbers), found["n"].to_numpy())
    if counts is None:
        counts = cells.sum(axis=0)
    if values is None:
        return Buckets(axis.interval_us, starts.tolist(), counts.tolist())
    known = sorted(rank for rank in values if rank < top)
    by_value, other = cells[known].tolist(), cells[top].tolist()
    return Buckets(
        axis.interval_us, starts.tolist(), counts.tolist(), [values[rank] for rank in known], by_value, other
    )


def _value(by: str, condition: Condition) -> tuple[str, str, list[str | float]]:
    """Of the hits: what to select from, the value as an expression on it, and the parameters of both, as they come."""
    where = f"rows WHERE {condition.sql}"
    if by == "tags":
        tags = "CASE WHEN len(tags) > 0 THEN list_distinct(tags) ELSE [NULL] END"
        return f"(SELECT part, timestamp, unnest({tags}) AS tag FROM {where})", "tag", condition.parameters
    if not by.startswith(METADATA):
        return where, by, condition.parameters
    pointers = list(_pointers(path_of(by)))
    values = ", ".join("try(json_extract_string(metadata, ?))" for _ in pointers)
    return where, f"coalesce({values}, NULL)", [*pointers, *condition.parameters]


def _pointers(path: Sequence[str]) -> Iterator[str]:
    """Every way to nest or join the parts, as JSON pointers (RFC 6901): the most nested first."""
    for joints in itertools.product("/.", repeat=len(path) - 1):
        parts = [part.replace("~", "~0").replace("/", "~1") for part in path]
        yield "/" + parts[0] + "".join(joint + part for joint, part in zip(joints, parts[1:], strict=True))


def check_countable(axis: Axis, among: Iterable[Stretch]) -> None:
    """Raises BadRequest when more intervals than may be counted can have rows: neither more than the stretches reach
    over, together, nor more than there are rows."""
    spans = sorted((one.min_us, one.max_us, one.rows) for one in among)
    covered, rows, upto = 0, 0, -1
    for first_us, last_us, count in spans:
        first = max(axis.number(max(first_us, axis.times.from_us)), upto + 1)
        last = axis.number(min(last_us, axis.times.to_us - 1))
        covered += max(0, last + 1 - first)
        rows += count
        upto = max(upto, last)
    if min(covered, rows) > _MOST_COUNTED:
        raise too_many(f"up to {min(covered, rows)}", axis.interval_us)


def interval_of(from_us: int | None, to_us: int | None, times: Times | None) -> int:
    """The smallest round one of which the range that is asked for, and where it is open the rows there are, has few."""
    low = from_us if from_us is not None else times.from_us if times else None
    high = to_us if to_us is not None else times.to_us if times else None
    return round_interval(0 if low is None or high is None else high - low)


def round_interval(span_us: int) -> int:
    """The smallest round one of which the span has few."""
    return next((interval for interval in _ROUND_US if span_us <= _FEW_BUCKETS * interval), _ROUND_US[-1])


def filled(found: Buckets, asked: Histogram) -> Buckets:
    """With the empty intervals, if they are asked for. Raises BadRequest when they are too many."""
    interval = found.interval_us
    low = asked.from_us if asked.from_us is not None else min(found.starts, default=None)
    high = asked.to_us if asked.to_us is not None else max(found.starts, default=None)
    if not asked.fill or low is None or high is None:
        return found
    if asked.to_us is None:
        high += 1
    check_filled(low, high, interval)
    starts = np.array(range(low - low % interval, high, interval), np.int64)  # arange counts in doubles
    places = np.searchsorted(starts, np.array(found.starts, np.int64))

    def spread(counts: Sequence[int]) -> list[int]:
        whole = np.zeros(len(starts), np.int64)
        whole[places] = counts
        return whole.tolist()

    by_value = [spread(counts) for counts in found.by_value]
    other = spread(found.other) if found.values else ()
    return Buckets(interval, starts.tolist(), spread(found.counts), found.values, by_value, other)


def check_filled(from_us: int, to_us: int, interval_us: int) -> None:
    count = -(-(to_us - (from_us - from_us % interval_us)) // interval_us)
    if count > MAX_BUCKETS:
        raise too_many(str(count), interval_us)


def too_many(count: str, interval_us: int) -> BadRequest:
    seconds = interval_us / _SECOND_US
    message = f"there would be {count} intervals of {seconds:g} s, at most {MAX_BUCKETS}: a longer one, or less time"
    return BadRequest("too_many_buckets", message, "interval")
