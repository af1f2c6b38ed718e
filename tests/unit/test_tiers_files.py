"""Files of the archive: their order, their pieces, their skip indexes, and what other programs make of them."""

from __future__ import annotations

import os
from pathlib import Path

import duckdb
import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest

from logd.record import SCHEMA
from logd.seams import ArchivedFile
from logd.store import marks, skip_index
from logd.store.files import opened
from logd.tiers import names
from logd.tiers.archive import files

_HOUR_US = 3_600_000_000
_DAY, _HOUR = 20_000, 5
_START_US = (_DAY * 24 + _HOUR) * _HOUR_US


def _table(count: int, hours: int = 1, text: str = "word") -> pa.Table:
    """Rows of three services, one of them without a name, in no order."""
    order = np.random.default_rng(1).permutation(count)
    micros = _START_US + (order * 1_000) % (hours * _HOUR_US)
    columns = {
        "log_id": [f"0123456789abcdef-{n:012x}" for n in order],
        "timestamp": pa.array(micros).cast(pa.timestamp("us", "UTC")),
        "ingested_at": pa.array(micros + 5).cast(pa.timestamp("us", "UTC")),
        "level": ["INFO"] * count,
        "service": [[None, "web", "order"][n % 3] for n in order],
        "host": ["h"] * count,
        "source": [None] * count,
        "tags": [["a", "b"] if n % 2 else None for n in order],
        "trace_id": [f"{n:032x}" for n in order],
        "message": [f"{text} {n}" for n in order],
        "metadata": ['{"n":1}' if n % 2 else None for n in order],
    }
    return pa.table(columns).cast(SCHEMA)


def _write(folder: Path, table: pa.Table) -> files.Local:
    ((day, hour, rows),) = files.by_hour(table)
    return files.write(folder, "payment", day, hour, files.new_id(1, files.STREAM), rows)


def _placed(root: Path, local: files.Local) -> Path:
    """Where a folder of objects has it."""
    path = root / local.file.name
    path.parent.mkdir(parents=True, exist_ok=True)
    os.rename(local.data, path)
    return path


def test_rows_are_in_order_by_hour(tmp_path: Path) -> None:
    table = _table(9_000, hours=3)
    found = list(files.by_hour(table))
    assert [(day, hour) for day, hour, _ in found] == [(_DAY, _HOUR), (_DAY, _HOUR + 1), (_DAY, _HOUR + 2)][
        : len(found)
    ]
    assert sum(len(rows) for *_, rows in found) == len(table)
    for day, hour, rows in found:
        micros = rows["timestamp"].cast(pa.int64()).to_pylist()
        assert {at // _HOUR_US for at in micros} == {day * 24 + hour}
        keys = list(
            zip([s or "" for s in rows["service"].to_pylist()], micros, rows["log_id"].to_pylist(), strict=True)
        )
        assert keys == sorted(keys)


def test_same_times_are_by_log_id() -> None:
    table = _table(1_000)
    same = pa.array(np.full(len(table), _START_US)).cast(pa.timestamp("us", "UTC"))
    table = table.set_column(1, SCHEMA.field("timestamp"), same)
    ((_, _, rows),) = files.by_hour(table)
    keys = list(zip([s or "" for s in rows["service"].to_pylist()], rows["log_id"].to_pylist(), strict=True))
    assert keys == sorted(keys)


def test_what_the_list_knows_of_a_file(tmp_path: Path) -> None:
    count = files.ROW_GROUP_ROWS * 2 + 10
    local = _write(tmp_path, _table(count))
    file = local.file
    assert file.name == names.data_of("payment", _DAY, _HOUR, local.data.stem)
    assert (file.rows, file.size_bytes) == (count, local.data.stat().st_size)
    pieces = np.frombuffer(file.pieces, "<i8").reshape(-1, 3)
    assert pieces[:, 2].tolist() == [files.ROW_GROUP_ROWS] * 2 + [10]
    parquet = pq.ParquetFile(local.data)
    for number, (first, last, rows) in enumerate(pieces.tolist()):
        micros = parquet.read_row_group(number, ["timestamp"])["timestamp"].cast(pa.int64()).to_numpy()
        assert (micros.min(), micros.max(), len(micros)) == (first, last, rows)
    assert sorted(file.services) == ["", "order", "web"]
    assert sum(file.services.values()) == count
    table = _table(count)
    assert file.raw_bytes == sum(
        len(text or "") for name in ("message", "metadata") for text in table[name].to_pylist()
    )


def test_the_skip_index_finds_row_groups(tmp_path: Path) -> None:
    count = files.ROW_GROUP_ROWS * 3
    local = _write(tmp_path, _table(count))
    assert local.skip is not None
    assert local.file.skip_bytes == local.skip.stat().st_size
    with opened(local.skip) as file:
        index = skip_index.read(file)
        assert index.groups == 3
        parquet = pq.ParquetFile(local.data)
        for group in range(3):
            value = parquet.read_row_group(group, ["trace_id"])["trace_id"][7].as_py()
            mark = marks.of_value("trace_id", value)
            assert mark is not None
            assert index.groups_with(file, mark)[group]
        wrong = [index.groups_with(file, marks.of_word(f"w{n}".encode())).sum() for n in range(1_000)]
    assert sum(wrong) < 3_000 * 0.03  # one in a hundred, and luck


def test_a_file_without_a_skip_index(tmp_path: Path) -> None:
    ((day, hour, rows),) = files.by_hour(_table(100))
    local = files.write(tmp_path, "payment", day, hour, "x", rows, with_skips=False)
    assert (local.skip, local.file.skip_bytes) == (None, 0)
    local.unlink()
    assert list(tmp_path.iterdir()) == []


def test_long_lines_make_small_row_groups(tmp_path: Path) -> None:
    local = _write(tmp_path, _table(300, text="x" * 1024 * 1024))
    pieces = np.frombuffer(local.file.pieces, "<i8").reshape(-1, 3)
    assert len(pieces) == 8
    assert pieces[:, 2].max() <= 64


def test_what_fails_leaves_nothing(tmp_path: Path) -> None:
    table = _table(10).drop_columns(["message"])
    with pytest.raises(ValueError, match="schema"):
        files.write(tmp_path, "payment", _DAY, _HOUR, "x", table)
    assert list(tmp_path.iterdir()) == []


def test_ids_tell_when_and_by_whom() -> None:
    name = names.data_of("payment", 1, 2, files.new_id(1_795_600_000_000_000, files.COMPACTION))
    assert files.id_of(name) == (1_795_600_000_000_000, "c")
    assert files.id_of(names.skip_of(name)) == (1_795_600_000_000_000, "c")
    assert files.id_of("archive/policy=P/date=2026-11-22/hour=05/000001.parquet") is None


def test_the_parquet_schema_is_plain(tmp_path: Path) -> None:
    """What Spark and Athena take: strings, lists in three levels, and times in µs that are UTC."""
    schema = pq.ParquetFile(_write(tmp_path, _table(10)).data).schema
    found = {}
    for number in range(len(schema.names)):
        column = schema.column(number)
        found[column.path] = (column.physical_type, str(column.logical_type), column.converted_type)
    time = (
        "INT64",
        "Timestamp(isAdjustedToUTC=true, timeUnit=microseconds, is_from_converted_type=false, "
        "force_set_converted_type=false)",
        "TIMESTAMP_MICROS",
    )
    text = ("BYTE_ARRAY", "String", "UTF8")
    assert found == {
        "log_id": text,
        "timestamp": time,
        "ingested_at": time,
        **dict.fromkeys(("level", "service", "host", "source"), text),
        "tags.list.element": text,
        **dict.fromkeys(("trace_id", "message", "metadata"), text),
    }


def test_other_programs_read_it(tmp_path: Path) -> None:
    count = 30_000
    for day, hour, rows in files.by_hour(_table(count, hours=3)):
        _placed(tmp_path, files.write(tmp_path, "payment", day, hour, files.new_id(1, files.STREAM), rows))
    root = tmp_path / "archive"
    query = f"""SELECT policy, hour, count(*), count(DISTINCT log_id), max(service)
        FROM read_parquet('{root}/*/*/*/*.parquet', hive_partitioning = true)
        WHERE date = DATE '2024-10-04' GROUP BY ALL ORDER BY hour"""
    hours = 1 + (count * 1_000 - 1) // _HOUR_US
    with duckdb.connect() as connection:
        found = connection.sql(query).fetchall()
    assert len(found) == hours
    assert sum(rows for _, _, rows, *_ in found) == count
    assert {(policy, service) for policy, *_, service in found} == {("payment", "web")}
    table = ds.dataset(root, format="parquet", partitioning="hive").to_table(filter=ds.field("service") == "order")
    assert len(table) == count // 3
    assert table["timestamp"].type == pa.timestamp("us", "UTC")
    assert {"policy", "date", "hour"} < set(table.column_names)


def test_a_file_is_a_struct_that_json_keeps(tmp_path: Path) -> None:
    file = _write(tmp_path, _table(10)).file
    assert msgspec.json.decode(msgspec.json.encode(file), type=ArchivedFile) == file
