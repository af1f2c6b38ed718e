"""Client-chosen ids: a log_id is kept once within its day, the first one that came."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from logd.errors import Corrupt
from logd.store import marks, prune
from logd.store.connection import Connection
from logd.store.files import Files
from logd.store.segments import DAY_US, Segment, micros_of
from logd.store.walk import Snapshot

#: With more ids, hardly a row group could be left out.
_FEW_IDS = 64


def without_known(connection: Connection, snapshot: Snapshot, table: pa.Table, own_ids: pa.Array) -> pa.Table:
    """The table without rows marked in `own_ids` whose log_id the snapshot, or an earlier row, has on the same day.
    Raises duckdb.Error when a segment can't be read."""
    day = pa.array(np.floor_divide(micros_of(table), DAY_US))
    candidates = pa.table({"i": pa.array(np.arange(len(table))), "day": day, "log_id": table["log_id"]}).filter(own_ids)
    days = set(pc.unique(candidates["day"]).to_pylist())
    known = ["SELECT NULL::VARCHAR AS log_id, NULL::BIGINT AS day WHERE false"]
    for segment in snapshot.segments:
        if segment.day in days and (rows := _rows_to_read(snapshot.files, segment, candidates["log_id"])):
            path = snapshot.files.in_sql(segment.file).replace("'", "''")
            read = f"read_parquet('{path}', hive_partitioning = false, file_row_number = true)"
            known.append(f"SELECT log_id, {segment.day} AS day FROM {read} WHERE {rows}")
    recent = [part.table for part in snapshot.recent if days & set(_days(part.min_us, part.max_us))]
    tables = {"candidates": candidates}
    if recent:
        tables["recent_ids"] = pa.concat_tables([part.select(["log_id", "timestamp"]) for part in recent])
        known.append(f"SELECT log_id, epoch_us(timestamp) // {DAY_US} AS day FROM recent_ids")
    # The day's ids run past the few that are asked for: the other way round they would all be held in memory.
    query = f"""
      WITH first AS (SELECT min(i) AS i, day, log_id FROM candidates GROUP BY day, log_id),
      known AS (SELECT DISTINCT day, log_id FROM ({" UNION ALL ".join(known)})
        SEMI JOIN candidates USING (day, log_id))
      SELECT i FROM first ANTI JOIN known USING (day, log_id)"""
    kept = connection.ask(query, (), tables)["i"].to_numpy()
    keep = ~np.asarray(own_ids.to_numpy(zero_copy_only=False))
    keep[kept] = True
    return table if keep.all() else table.filter(pa.array(keep))


def _rows_to_read(files: Files, segment: Segment, ids: pa.ChunkedArray) -> str:
    """The condition for the rows of a segment that may have one of the ids; empty when none can."""
    if not segment.skip_bytes or len(ids) > _FEW_IDS:
        return "true"
    wanted = [marks.of_value("log_id", one) for one in ids.to_pylist()]
    if not all(wanted):
        return "true"
    try:
        with files.ranges(segment.skip_file, segment.skip_bytes) as file:
            having = prune.asking(file)
            may = np.logical_or.reduce([having(mark) for mark in wanted if mark])
    except (OSError, Corrupt):
        return "true"
    return segment.row_numbers(np.flatnonzero(may).tolist()) if len(may) == len(segment.pieces) else "true"


def _days(min_us: int, max_us: int) -> Sequence[int]:
    return range(min_us // DAY_US, max_us // DAY_US + 1)
