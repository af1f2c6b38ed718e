"""Merging segments: which, and what comes out."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from logd.record import SCHEMA
from logd.store import merge, segments
from logd.store.merge import FAN_IN, FEW, MAX_ROWS, SMALL_ROWS, Day, due
from logd.store.segments import About, Segment
from tests.support.rows import DAY, row

_DAY = 20_000


def _nothing() -> None:
    """No stop is asked for."""


def _of(rows: int, number: int = 0) -> Segment:
    return Segment(number, f"{number}", "P", _DAY, rows, 0, 0, np.array([[0, 1, rows]], np.int64))


def _due(rows: Sequence[int], quiet: bool = False, over: bool = False) -> list[int]:
    return [segment.rows for segment in due([Day([_of(count) for count in rows], quiet, over)])]


@pytest.mark.parametrize(
    ("rows", "quiet", "over", "chosen"),
    [
        ([], True, True, []),
        ([5], True, True, []),
        ([70_000] * (FAN_IN - 1), False, False, []),
        ([70_000] * FAN_IN, False, False, [70_000] * FAN_IN),
        ([70_000] * (FEW - 1), True, False, []),
        ([70_000] * FEW, True, False, [70_000] * FEW),
        ([SMALL_ROWS + 1] * FEW, True, False, []),
        ([100, 70_000, 2_000_000, 3], True, False, []),
        ([100, 70_000, 2_000_000, 3], False, True, [3, 100, 70_000, 2_000_000]),
        ([MAX_ROWS, 7], False, True, []),
        ([MAX_ROWS // 2 + 1] * 2, False, True, []),
        ([MAX_ROWS // 2] * 3, False, True, [MAX_ROWS // 2] * 2),
        ([MAX_ROWS // 10] * FAN_IN, False, False, [MAX_ROWS // 10] * 10),
        ([MAX_ROWS - 1] * FAN_IN, False, False, []),
    ],
)
def test_which_are_due(rows: list[int], quiet: bool, over: bool, chosen: list[int]) -> None:
    assert _due(rows, quiet, over) == chosen


@pytest.mark.parametrize("size", [(48_000, 48_000), (1, 100), (1, 90_000)])
@pytest.mark.parametrize("quiet", [False, True])
def test_few_files_and_little_written_again(size: tuple[int, int], quiet: bool) -> None:
    chance = random.Random(f"{size} {quiet}")
    have: list[int] = []
    written = flushed = 0
    for _ in range(1_000):
        have.append(chance.randint(*size))
        flushed += have[-1]
        while chosen := _due(have, quiet):
            for rows in chosen:
                have.remove(rows)
            have.append(sum(chosen))
            written += sum(chosen)
    assert len(have) < 4 * FAN_IN
    # 1,000 flushes: each line once for every FAN_IN-fold, or for every FEW-fold of the small ones.
    assert written <= (6 if quiet else 3) * flushed


def _segment(root: Path, number: int, times: Sequence[int], **columns: Any) -> Segment:
    rows = [
        row(DAY + time, f"{number:02}-{place:04}", f"m{number} {place}", **columns) for place, time in enumerate(times)
    ]
    table = pa.Table.from_pylist(rows, schema=SCHEMA)
    return segments.write(table, root, About(id=number, policy="P", day=_DAY, flushed={0: number}))


@pytest.mark.parametrize("held_rows", [10**6, 5])
@pytest.mark.parametrize(
    "times",
    [
        [range(30), range(30, 60), range(60, 75)],
        [range(0, 90, 3), range(1, 90, 3), range(2, 90, 3)],
        [range(50), range(50), [7] * 40],
        [[5] * 20, [5] * 20, [4, 6]],
        [[40, 3, 20], range(10), range(9, 0, -1)],
    ],
)
def test_rows_in_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, times: list[Sequence[int]], held_rows: int
) -> None:
    for module in (merge, segments):
        monkeypatch.setattr(module, "ROW_GROUP_ROWS", 8)
    monkeypatch.setattr(merge, "_HELD_ROWS", held_rows)
    columns: list[dict[str, Any]] = [
        {"service": "a", "tags": ["x"]},
        {"service": None, "host": "h"},
        {"service": "b", "trace_id": "t"},
    ]
    inputs = [_segment(tmp_path, number + 1, some, **columns[number]) for number, some in enumerate(times)]
    merged = merge.merge(tmp_path, inputs, 9, _nothing)
    table = pq.read_table(tmp_path / merged.file).cast(SCHEMA)
    expected = pa.concat_tables([pq.read_table(tmp_path / one.file).cast(SCHEMA) for one in inputs])
    order = [("timestamp", "ascending"), ("log_id", "ascending")]
    assert table.to_pylist() == expected.sort_by(order).to_pylist()
    assert merged.rows == len(table) == merged.pieces[:, 2].sum()
    assert set(merged.pieces[:-1, 2].tolist()) <= {8}
    assert np.array_equal(merged.pieces, segments.pieces_of(tmp_path / merged.file))
    assert (tmp_path / merged.skip_file).stat().st_size == merged.skip_bytes
    told = segments.about(tmp_path / merged.file)
    assert (told.merged, told.flushed) == ((1, 2, 3), {0: 3})


def test_long_lines_make_small_row_groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(merge, "_GROUP_BYTES", 100_000)
    inputs = [
        _segment(tmp_path, number, range(number * 10, number * 10 + 10), metadata="x" * 30_000) for number in (1, 2)
    ]
    merged = merge.merge(tmp_path, inputs, 9, _nothing)
    assert merged.rows == 20
    assert merged.pieces[:, 2].max() < 20


def test_a_halt_leaves_nothing(tmp_path: Path) -> None:
    def halt() -> None:
        raise KeyboardInterrupt

    inputs = [_segment(tmp_path, number, range(9)) for number in (1, 2)]
    before = sorted(tmp_path.rglob("*.*"))
    with pytest.raises(KeyboardInterrupt):
        merge.merge(tmp_path, inputs, 9, halt)
    with pytest.raises(KeyboardInterrupt):
        merge.with_skip_index(tmp_path, inputs[0], halt)
    assert sorted(tmp_path.rglob("*.*")) == before
