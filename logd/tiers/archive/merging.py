"""Files of an hour become few: their rows in order, each log_id once. For a thread, over files that lie in a local
folder; DuckDB sorts, and has the disk for what doesn't fit into its memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from logd.record import SCHEMA
from logd.tiers.archive.files import ROW_GROUP_ROWS, Local, Writer

#: A file ends here: some 400 MB, which Spark and Athena like.
_FILE_ROWS = 8_000_000
_MEMORY = "512MB"
_COLUMNS = ", ".join(f'"{name}"' for name in SCHEMA.names)
#: By the place of a file: the numbers of its rows that others have too.
Losers = dict[int, list[int]]


class Merging:
    """One connection. Whoever makes it calls `close`. Its methods raise OSError, duckdb.Error and ArrowException."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._sql = duckdb.connect(
            config={"memory_limit": _MEMORY, "threads": 1, "temp_directory": str(folder / "sorting")}
        )
        self._sql.execute("SET TimeZone = 'UTC'")
        self._sql.execute("CREATE TABLE ids (log_id VARCHAR, ingested_at BIGINT, file INTEGER, row BIGINT)")
        self._files = 0

    def look(self, path: Path) -> None:
        """Takes a file's ids; its place is how many came before it."""
        with pq.ParquetFile(path) as parquet:
            row = 0
            for batch in parquet.iter_batches(ROW_GROUP_ROWS, columns=["log_id", "ingested_at"], use_threads=False):
                ids = pa.table(
                    {
                        "log_id": batch["log_id"],
                        "ingested_at": batch["ingested_at"].cast(pa.int64()),
                        "file": pa.repeat(pa.scalar(self._files, pa.int32()), len(batch)),
                        "row": pa.array(range(row, row + len(batch)), pa.int64()),
                    }
                )
                self._sql.register("some_ids", ids)
                self._sql.execute("INSERT INTO ids SELECT * FROM some_ids")
                self._sql.unregister("some_ids")
                row += len(batch)
        self._files += 1

    def losers(self) -> Losers:
        """Of all rows that were looked at with an id that others have: all but the one that was taken in first."""
        self._sql.execute("CREATE TABLE twice AS SELECT log_id FROM ids GROUP BY log_id HAVING count(*) > 1")
        found = self._sql.execute(
            """SELECT file, list(row) FROM (
                 SELECT file, row, row_number() OVER (PARTITION BY log_id ORDER BY ingested_at, file, row) AS place
                 FROM ids WHERE log_id IN (SELECT log_id FROM twice))
               WHERE place > 1 GROUP BY file"""
        ).fetchall()
        self._sql.execute("DROP TABLE twice")
        return {file: sorted(rows) for file, rows in found}

    def merged(
        self, paths: Sequence[tuple[int, Path]], losers: Losers, begin: Callable[[], Writer], check: Callable[[], None]
    ) -> Sequence[Local]:
        """The files at these places without their losers, as few. Calls `check` all the time, which may raise; leaves
        nothing behind then."""
        self._sql.execute("CREATE OR REPLACE TABLE lost (file INTEGER, row BIGINT)")
        for place, _ in paths:
            if place in losers:
                gone = pa.table({"row": pa.array(losers[place], pa.int64())})
                self._sql.register("gone", gone)
                self._sql.execute(f"INSERT INTO lost SELECT {place}, row FROM gone")
                self._sql.unregister("gone")
        written: list[Local] = []
        try:
            for part in _in_files(self._sorted(paths, losers)):
                writer = begin()
                with writer.undone_on_error():
                    for group in part:
                        check()
                        writer.add(group)
                    written.append(writer.finish())
        except BaseException:
            for local in written:
                local.unlink()
            raise
        return written

    def close(self) -> None:
        """Gives memory and disk back."""
        self._sql.close()

    def _sorted(self, paths: Sequence[tuple[int, Path]], losers: Losers) -> Iterator[pa.Table]:
        """Row groups, in order."""
        whole = [str(path) for place, path in paths if place not in losers]
        selects = []
        if whole:
            quoted = ", ".join(f"'{path.replace(chr(39), chr(39) * 2)}'" for path in whole)
            selects.append(f"SELECT {_COLUMNS} FROM read_parquet([{quoted}], hive_partitioning = false)")
        for place, path in paths:
            if place in losers:
                quoted = "'" + str(path).replace("'", "''") + "'"
                selects.append(
                    f"""SELECT {_COLUMNS} FROM read_parquet({quoted}, hive_partitioning = false, file_row_number = true)
                        WHERE file_row_number NOT IN (SELECT row FROM lost WHERE file = {place})"""
                )
        union = " UNION ALL ".join(f"({select})" for select in selects)
        query = f"SELECT * FROM ({union}) ORDER BY service NULLS FIRST, timestamp, log_id"
        waiting: list[pa.RecordBatch] = []
        rows = 0
        reader: pa.RecordBatchReader = self._sql.sql(query).to_arrow_reader(ROW_GROUP_ROWS)
        for batch in reader:
            waiting.append(batch)
            rows += len(batch)
            while rows >= ROW_GROUP_ROWS:
                table = pa.Table.from_batches(waiting)
                yield _record(table.slice(0, ROW_GROUP_ROWS))
                rows -= ROW_GROUP_ROWS
                waiting = table.slice(ROW_GROUP_ROWS).to_batches()
        if rows:
            yield _record(pa.Table.from_batches(waiting))


def _record(table: pa.Table) -> pa.Table:
    return table.select(SCHEMA.names).combine_chunks().cast(SCHEMA)


def _in_files(groups: Iterator[pa.Table]) -> Iterator[Iterator[pa.Table]]:
    """Some row groups at a time, each to be read to its end."""
    first = next(groups, None)
    while first is not None:
        left: list[pa.Table] = []

        def part(begin: pa.Table = first, left: list[pa.Table] = left) -> Iterator[pa.Table]:
            rows = len(begin)
            yield begin
            for group in groups:
                if rows >= _FILE_ROWS:
                    left.append(group)
                    return
                rows += len(group)
                yield group

        yield part()
        first = left.pop() if left else None
