"""What a merge gives, in every column and in its skip index, and how much memory it takes."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from logd.query.parse import parse
from logd.record import SCHEMA
from logd.store import merge, prune
from logd.store.segments import ROW_GROUP_ROWS, About, Segment, write
from tests.support.rows import DAY, DAY_US, Row, row

_DAY = DAY // DAY_US


def _rows(start: int, count: int, step: int, name: str) -> list[Row]:
    """Every column varies; some are null."""
    return [
        row(
            DAY + start + n * step,
            f"{name}{n:06}",
            f"word{name} {n}",
            service=f"service {name} {n % 7}",
            host=f"host{n % 3}" if n % 2 else None,
            level=None if n % 5 == 0 else "WARN",
            tags=[f"{name}{n % 4}", "all"] if n % 3 else None,
            metadata=f'{{"n":{n}}}' if n % 4 else None,
        )
        for n in range(count)
    ]


def _segments(root: Path, parts: Sequence[Sequence[Row]]) -> list[Segment]:
    return [
        write(pa.Table.from_pylist(list(rows), SCHEMA), root, About(id=n, policy="D", day=_DAY, flushed={0: n}))
        for n, rows in enumerate(parts, 1)
    ]


#: Made when they are needed: they are 120,000 rows.
_CASES: Mapping[str, Callable[[], list[list[Row]]]] = {
    "one after another": lambda: [_rows(100_000 * n, 5_000, 3, str(n)) for n in range(4)],
    "overlapping": lambda: [_rows(6_000 * n, 5_000, 3, str(n)) for n in range(4)],
    "all at once": lambda: [_rows(0, 5_000, 3, str(n)) for n in range(4)],
    "equal times": lambda: [_rows(7, 5_000, 0, str(n)) for n in range(4)],
    "one within another": lambda: [_rows(0, 20_000, 1, "0"), _rows(500, 10, 2, "1")],
    "exactly a row group": lambda: [_rows(0, ROW_GROUP_ROWS, 1, "0"), _rows(ROW_GROUP_ROWS, ROW_GROUP_ROWS, 1, "1")],
    "a row each": lambda: [_rows(9 - n, 1, 1, str(n)) for n in range(9)],
}


@cache
def _parts(case: str) -> list[list[Row]]:
    return _CASES[case]()


@pytest.mark.parametrize("held_rows", [merge._HELD_ROWS, 0], ids=["swept", "sliced"])
@pytest.mark.parametrize("slice_bytes", [merge._SLICE_BYTES, 100_000])
@pytest.mark.parametrize("case", _CASES)
def test_the_same_rows_in_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, case: str, slice_bytes: int, held_rows: int
) -> None:
    monkeypatch.setattr(merge, "_HELD_ROWS", held_rows)
    monkeypatch.setattr(merge, "_SLICE_BYTES", slice_bytes)
    monkeypatch.setattr(merge, "_STEPS", 50)
    parts = _parts(case)
    segments = _segments(tmp_path, parts)
    merged = merge.merge(tmp_path, segments, 99, lambda: None)
    with pq.ParquetFile(tmp_path / merged.file) as file:
        assert file.schema_arrow.equals(SCHEMA)
        groups = [file.metadata.row_group(n).num_rows for n in range(file.num_row_groups)]
        found = file.read().to_pylist()
    assert found == sorted((one for part in parts for one in part), key=lambda one: (one["timestamp"], one["log_id"]))
    assert groups == merged.pieces[:, 2].tolist()
    assert set(groups[:-1]) <= {ROW_GROUP_ROWS}
    assert (merged.rows, merged.min_us, merged.max_us) == (
        len(found),
        min(segment.min_us for segment in segments),
        max(segment.max_us for segment in segments),
    )
    for number, part in enumerate(parts):
        name = part[0]["message"].split()[0]
        has = [any(name in one["message"] for one in group) for group in _cut(found, groups)]
        with prune.opened(tmp_path / merged.skip_file) as having:
            may = prune.may_match(parse(name), having)
        assert may is not None
        assert all(one for one, wanted in zip(may, has, strict=True) if wanted), number
    assert not list(tmp_path.rglob("*tmp"))


def _cut(rows: list[Row], groups: list[int]) -> list[list[Row]]:
    ends = np.cumsum(groups).tolist()
    return [rows[end - count : end] for end, count in zip(ends, groups, strict=True)]


#: How many MB more the process took at most while it merged 16 segments of 100,000 rows.
_MEASURE = """
import sys
from pathlib import Path
import pyarrow as pa
from logd.store import merge
from logd.store.segments import About, write
from tests.support.indexes import many
from tests.support.rows import DAY, DAY_US
root = Path(sys.argv[1])
table = many(100_000).table
def at(n):
    times = pa.array(range(DAY + n * int(sys.argv[2]), DAY + n * int(sys.argv[2]) + 100_000), pa.int64())
    return table.set_column(1, table.schema.field(1), times.cast(table.schema.field(1).type))
found = [write(at(n), root, About(id=n + 1, policy="D", day=DAY // DAY_US)) for n in range(16)]
del table
Path("/proc/self/clear_refs").write_text("5")  # the peak counts from now on
def kilobytes(name):
    return int(next(line.split()[1] for line in open("/proc/self/status") if line.startswith(name)))
before = kilobytes("VmRSS:")
merged = merge.merge(root, found, 99, lambda: None)
assert merged.rows == 1_600_000
print((kilobytes("VmHWM:") - before) // 1_000)
"""


@pytest.mark.parametrize("step", [100_000, 50_000, 0], ids=["one after another", "overlapping", "all at once"])
def test_memory_is_bounded(tmp_path: Path, step: int) -> None:
    command = [sys.executable, "-c", _MEASURE, str(tmp_path), str(step)]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=120, check=False, cwd=Path(__file__).parents[2]
    )
    assert done.returncode == 0, done.stderr
    print(step, done.stdout)
    assert int(done.stdout) < 100
