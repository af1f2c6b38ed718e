"""Figures of groups: those of parts of segments that are known from before, or one pass of DuckDB's over the columns
that they take. Both are exact, and within the memory that there is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from logd.errors import BadRequest
from logd.query.fields import METADATA
from logd.query.sql import Condition, compile_sql
from logd.query.times import ranged
from logd.query.tree import Everything
from logd.seams import MAX_CELLS, Cell, Function, Group, Groups, Stats
from logd.store.connection import Connection
from logd.store.count import count
from logd.store.group_values import Values, part_names, values
from logd.store.histogram import Axis, check_countable, interval_of
from logd.store.partials import Known, Partials, Question
from logd.store.ranked import Figure, How, Ranked, added, places, ranked
from logd.store.read import run, stretches
from logd.store.walk import Snapshot, Times, times_of

#: Of functions whose figures of parts can be put together; others need all values at once.
_ADDED: Mapping[Function, How] = {
    **dict.fromkeys((Function.SUM, Function.AVG, Function.BYTES), "sum"),
    Function.MIN: "min",
    Function.MAX: "max",
}


def group(connection: Connection, snapshot: Snapshot, asked: Stats, partials: Partials) -> Groups:
    """Answers it over the snapshot. Raises BadRequest when there are too many intervals, duckdb.Error when a segment
    can't be read, and duckdb.InterruptException when the connection is stopped."""
    interval_us = 0
    if asked.by_time:
        whole = times_of(snapshot, asked.from_us, asked.to_us)
        interval_us = asked.interval_us or interval_of(asked.from_us, asked.to_us, whole)
    query, from_us, to_us = ranged(asked.query, asked.from_us, asked.to_us)
    asked = msgspec.structs.replace(asked, query=query, from_us=from_us, to_us=to_us)
    times = times_of(snapshot, from_us, to_us)
    if times is None:
        return Groups(total=0, groups=[] if asked.by else [_nothing(asked)], interval_us=interval_us)
    axis = Axis(times, interval_us) if asked.by_time else None
    if all(one.function in _ADDED for one in asked.aggregates):
        known = partials.of(connection, snapshot, times, _question(asked, axis))
        if known is not None:
            # Where hits have several values, how many they are is another question.
            total = group(connection, snapshot, _all_of(asked), partials).total if _several(asked, known) else None
            return _added(asked, known, total, interval_us)
    return _at_once(connection, snapshot, asked, times, axis)


def _several(asked: Stats, known: Known) -> bool:
    return "tags" in asked.by or (known.instead and any(field.startswith(METADATA) for field in asked.by))


def _all_of(asked: Stats) -> Stats:
    return Stats(query=asked.query, from_us=asked.from_us, to_us=asked.to_us)


def _question(asked: Stats, axis: Axis | None, listed: bool = False) -> Question:
    """What is asked of a part; `listed` as of values."""
    kept = ["part"] if axis is None else ["part", f"{axis.sql} AS bucket"]
    grouped = values(asked, compile_sql(asked.query), kept, listed)
    keys = ["part", *(f"g{place}" for place in range(len(asked.by))), *(["bucket"] if axis else [])]
    figures = [f"{part} AS {name}" for name, part in grouped.parts.items()]
    selected = ", ".join([*keys, "count(*) AS n", f"{grouped.odd} AS odd", *figures])
    sql = f"SELECT {selected} FROM {grouped.sql} GROUP BY {', '.join(keys)}"
    plain = len(keys) == 2 and asked.by and asked.by[0] != "tags" and not asked.by[0].startswith(METADATA)
    counts = asked.by[0] if plain and isinstance(asked.query, Everything) and not asked.aggregates else None
    fields = [*asked.by, *(one.field for one in asked.aggregates)]
    may_be_odd = not listed and any(field.startswith(METADATA) for field in fields)
    instead = _question(asked, axis, listed=True) if may_be_odd else None
    return Question(asked.query, sql, grouped.parameters, instead, counts)


def _added(asked: Stats, known: Known, total: int | None, interval_us: int) -> Groups:
    """The answer by what is known of parts; `total` is None where each hit is there once."""
    names = [part_names(place, one.function) for place, one in enumerate(asked.aggregates)]
    figures = [Figure(some, _ADDED[one.function]) for some, one in zip(names, asked.aggregates, strict=True)]
    if not asked.by:  # which all have in common
        known = Known([one.append_column("g0", pa.repeat("", len(one))) for one in known.tables], known.instead)
    found = ranked(known.tables, max(1, len(asked.by)), figures, asked.order, asked.top, asked.prefix)
    rows = pc.sum(found.groups["n"]).as_py() or 0
    prefix = None if asked.prefix is None else pc.starts_with(found.groups["g0"], asked.prefix)
    matching = rows if prefix is None else _sum_where(found.groups, prefix)
    groups = _shown(asked, found, figures, interval_us)
    return Groups(
        total=rows if total is None else total,
        groups=groups if groups or asked.by else [_nothing(asked)],
        other=matching - sum(one.count for one in groups),
        without=0 if asked.prefix is None else _sum_where(found.groups, pc.is_null(found.groups["g0"])),
        interval_us=interval_us,
    )


def _sum_where(groups: pa.Table, mask: pa.ChunkedArray) -> int:
    return pc.sum(groups["n"].filter(mask)).as_py() or 0


def _shown(asked: Stats, found: Ranked, figures: list[Figure], interval_us: int) -> list[Group]:
    cells: list[list[Cell]] = [[] for _ in range(len(found.top))]
    if asked.by_time:
        at = places(found, max(1, len(asked.by)))
        of_top = found.rows.append_column("place", pa.array(at)).filter(pa.array(at >= 0))
        by_time = added(of_top, ["place", "bucket"], figures).sort_by("bucket")
        if len(by_time) > MAX_CELLS:
            raise too_many_cells(interval_us)
        for place, start_us, n, *some in _rows(by_time):
            cells[place].append(Cell(start_us, n, some))
    by, shown = max(1, len(asked.by)), []
    for row, own in zip(_rows(found.top), cells, strict=True):
        shown.append(Group(tuple(row[:by] if asked.by else ()), row[by], row[by + 1 :], own))
    return shown


def _rows(table: pa.Table) -> Iterable[tuple[Any, ...]]:
    return zip(*(column.to_pylist() for column in table.columns), strict=True)


def _at_once(connection: Connection, snapshot: Snapshot, asked: Stats, times: Times, axis: Axis | None) -> Groups:
    """The answer by all rows."""
    interval_us = 0 if axis is None else axis.interval_us
    among = [one for one in stretches(snapshot, asked.query, times) if times.overlaps(one.min_us, one.max_us)]
    if axis is not None:
        check_countable(axis, among)
    condition = compile_sql(asked.query)
    for listed in (False, True):
        grouped = values(asked, condition, [f"{axis.sql if axis else 0} AS bucket"], listed)
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


def _nothing(asked: Stats) -> Group:
    """What there is of no hits."""
    return Group((), 0, [one.function.of_nothing for one in asked.aggregates])


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
    counted = ", ".join([bucket, *keys, "count(*) AS n", f"({grouped.odd})::INT AS odd_n", *figures])
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
