"""Figures of groups: one pass of DuckDB's over the columns that they take, exact, within the memory that it has. Counts
by the values of a column, of all that there is in a time, are known of whole segments from before.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from logd.errors import BadRequest
from logd.query.fields import METADATA
from logd.query.sql import Condition, compile_sql
from logd.query.times import narrowed
from logd.query.tree import Everything
from logd.seams import MAX_CELLS, Cell, Function, Group, Groups, Stats
from logd.store.connection import Connection
from logd.store.count import count
from logd.store.group_values import Values, values
from logd.store.histogram import Axis, check_countable, interval_of
from logd.store.read import run, stretches
from logd.store.tallies import Counts, Tallies
from logd.store.walk import Snapshot, times_of


def group(connection: Connection, snapshot: Snapshot, asked: Stats, tallies: Tallies) -> Groups:
    """Answers it over the snapshot. Raises BadRequest when there are too many intervals, duckdb.Error when a segment
    can't be read, and duckdb.InterruptException when the connection is stopped."""
    interval_us = 0
    if asked.by_time:
        whole = times_of(snapshot, asked.from_us, asked.to_us)
        interval_us = asked.interval_us or interval_of(asked.from_us, asked.to_us, whole)
    times = times_of(snapshot, *narrowed(asked.query, asked.from_us, asked.to_us))
    if times is None:
        return Groups(total=0, groups=[] if asked.by else [_nothing(asked)], interval_us=interval_us)
    if _is_plain(asked) and (counts := tallies.of(connection, snapshot, times, asked.by[0])) is not None:
        return _plain(asked, counts)
    among = [one for one in stretches(snapshot, asked.query, times) if times.overlaps(one.min_us, one.max_us)]
    bucket = "0"
    if asked.by_time:
        axis = Axis(times, interval_us)
        check_countable(axis, among)
        bucket = f"({axis.sql}) * {interval_us} + {axis.origin_us}"
    condition = compile_sql(asked.query)
    for listed in (False, True):
        grouped = values(asked, condition, bucket, listed)
        query = _query(asked, grouped)
        prefix = [] if asked.prefix is None else [asked.prefix]
        filled = Condition("", [*grouped.parameters, *prefix], frozenset())
        rows = run(connection, snapshot, times, among, query, filled).to_pylist()
        if not rows[0]["odd"]:
            break
    total = rows[0]["total"]
    if grouped.several:
        total = count(connection, snapshot, times, asked.query, condition, None)[0]
    if sum(row["bucket"] is not None for row in rows) > MAX_CELLS:
        raise too_many_cells(interval_us)
    groups = _groups(asked, rows)
    return Groups(
        total=total,
        groups=groups,
        other=rows[0]["matching"] - sum(one.count for one in groups),
        without=0 if asked.prefix is None else rows[0]["without"],
        interval_us=interval_us,
    )


def too_many_cells(interval_us: int) -> BadRequest:
    """The refusal."""
    message = f"there would be over {MAX_CELLS} figures by {interval_us / 1e6:g} s: a longer interval, or fewer groups"
    return BadRequest("too_many_buckets", message, "interval")


def _is_plain(asked: Stats) -> bool:
    """It is how many records there are by a column of one value."""
    by_column = len(asked.by) == 1 and asked.by[0] != "tags" and not asked.by[0].startswith(METADATA)
    return by_column and isinstance(asked.query, Everything) and not asked.aggregates and not asked.by_time


def _plain(asked: Stats, counts: Counts) -> Groups:
    ranked = sorted(counts.items(), key=lambda one: (-one[1], one[0] is None, one[0] or ""))
    if asked.prefix is not None:
        ranked = [one for one in ranked if one[0] is not None and one[0].startswith(asked.prefix)]
    top = [Group((value,), count) for value, count in ranked[: asked.top]]
    return Groups(
        total=counts.total(),
        groups=top,
        other=sum(count for _, count in ranked[asked.top :]),
        without=0 if asked.prefix is None else counts[None],
    )


def _nothing(asked: Stats) -> Group:
    """What there is of no hits."""
    return Group((), 0, [0 if one.function is Function.DISTINCT else None for one in asked.aggregates])


def _query(asked: Stats, grouped: Values) -> str:
    """A row for each of the top groups, and for each of its intervals, with sums over all groups in each row."""
    keys = [f"g{place}" for place in range(len(asked.by))]
    figures = [f"{figure} AS a{place}" for place, figure in enumerate(grouped.figures)]
    sets, whole = ("", "true")
    if asked.by_time:
        sets, whole = (
            f" GROUP BY GROUPING SETS (({', '.join(keys)}), ({', '.join([*keys, 'bucket'])}))",
            "bucket IS NULL",
        )
    elif keys:
        sets = f" GROUP BY {', '.join(keys)}"
    bucket = "bucket" if asked.by_time else "NULL AS bucket"
    counted = ", ".join([bucket, *keys, "count(*) AS n", "count_if(odd) AS odd_n", *figures])
    matching = "true" if asked.prefix is None else "coalesce(starts_with(g0, ?), false)"
    missing = "g0 IS NULL" if keys else "false"
    most = "n" if asked.order is None else f"a{asked.order}"
    order = ", ".join([f"{most} DESC NULLS LAST", *(f"{key} NULLS LAST" for key in keys)])
    same = " AND ".join(["true", *(f"cells.{key} IS NOT DISTINCT FROM top.{key}" for key in keys)])
    return f"""WITH counted AS (SELECT {counted} FROM {grouped.sql}{sets}),
      cells AS MATERIALIZED (SELECT *, {matching} AS matching FROM counted),
      sums AS (SELECT coalesce(sum(n), 0)::BIGINT AS total, coalesce(sum(n) FILTER (matching), 0)::BIGINT AS matching,
        coalesce(sum(n) FILTER ({missing}), 0)::BIGINT AS without, coalesce(sum(odd_n), 0)::BIGINT AS odd
        FROM cells WHERE {whole}),
      firsts AS (SELECT * FROM cells WHERE {whole} AND matching ORDER BY {order} LIMIT {asked.top}),
      top AS (SELECT *, row_number() OVER (ORDER BY {order}) AS rank FROM firsts),
      shown AS (SELECT top.rank, cells.* EXCLUDE (matching, odd_n) FROM cells JOIN top ON {same}
        LIMIT {asked.top + MAX_CELLS + 1})
      SELECT sums.*, shown.* FROM sums LEFT JOIN shown ON true"""


def _groups(asked: Stats, rows: Iterable[dict[str, Any]]) -> list[Group]:
    """In their order."""
    wholes: dict[int, dict[str, Any]] = {}
    cells: dict[int, list[Cell]] = {}

    def figures(row: dict[str, Any]) -> list[float | None]:
        return [row[f"a{place}"] for place in range(len(asked.aggregates))]

    for row in rows:
        if row["rank"] is None:
            continue
        if row["bucket"] is None:
            wholes[row["rank"]] = row
        else:
            cells.setdefault(row["rank"], []).append(Cell(row["bucket"], row["n"], figures(row)))
    return [
        Group(
            tuple(row[f"g{place}"] for place in range(len(asked.by))),
            row["n"],
            figures(row),
            sorted(cells.get(rank, ()), key=lambda cell: cell.start_us),
        )
        for rank, row in sorted(wholes.items())
    ]
