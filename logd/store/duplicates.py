"""Client-chosen ids: a log_id is kept once within its day, the first one that came."""

from __future__ import annotations

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from logd.store.find import Snapshot
from logd.store.segments import DAY_US


def without_known(sql: duckdb.DuckDBPyConnection, snapshot: Snapshot, table: pa.Table, own_ids: pa.Array) -> pa.Table:
    """The table without rows marked in `own_ids` whose log_id the snapshot, or an earlier row, has on the same day.
    Closes `sql`."""
    day = pa.array(np.floor_divide(table["timestamp"].cast(pa.int64()).to_numpy(), DAY_US))
    candidates = pa.table({"i": pa.array(np.arange(len(table))), "day": day, "log_id": table["log_id"]}).filter(own_ids)
    days = set(pc.unique(candidates["day"]).to_pylist())
    known = ["SELECT NULL::VARCHAR AS log_id, NULL::BIGINT AS day WHERE false"]
    for segment in snapshot.segments:
        if segment.day in days:
            path = str(snapshot.root / segment.file).replace("'", "''")
            known.append(f"SELECT log_id, {segment.day} AS day FROM read_parquet('{path}', hive_partitioning = false)")
    recent = [part.table for part in snapshot.recent if days & set(_days(part.piece.min_us, part.piece.max_us))]
    try:
        sql.register("candidates", candidates)
        if recent:
            sql.register("recent_ids", pa.concat_tables([part.select(["log_id", "timestamp"]) for part in recent]))
            known.append(f"SELECT log_id, epoch_us(timestamp) // {DAY_US} AS day FROM recent_ids")
        query = f"""
          WITH known AS ({" UNION ALL ".join(known)}),
          first AS (SELECT min(i) AS i, day, log_id FROM candidates GROUP BY day, log_id)
          SELECT i FROM first ANTI JOIN known USING (day, log_id)"""
        kept = sql.sql(query).to_arrow_table()["i"].to_numpy()
    finally:
        sql.close()
    keep = ~np.asarray(own_ids.to_numpy(zero_copy_only=False))
    keep[kept] = True
    return table if keep.all() else table.filter(pa.array(keep))


def _days(min_us: int, max_us: int) -> range:
    return range(min_us // DAY_US, max_us // DAY_US + 1)
