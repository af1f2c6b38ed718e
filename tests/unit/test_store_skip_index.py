"""Skip indexes: what was put in is reported, hardly anything else is, and a damaged file is known as such."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from logd.errors import Corrupt
from logd.record import SCHEMA
from logd.store import marks, prune, skip_index
from logd.store.segments import ROW_GROUP_ROWS
from tests.support.rows import DAY, row

_LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789"


def _write(path: Path, groups: Sequence[Sequence[int]]) -> tuple[int, int]:
    writer = skip_index.Writer(path)
    for group in groups:
        writer.add(np.array(group, np.uint32))
    return writer.finish()


def _ask(path: Path, mark: int) -> list[bool]:
    with prune.opened(path) as having:
        return [bool(one) for one in having(mark)]


_MARKS = st.lists(st.lists(st.integers(0, 2**32 - 1), max_size=40), min_size=1, max_size=11)


@settings(max_examples=100, deadline=None)
@given(_MARKS, st.integers(1, 4))
def test_what_is_in_a_row_group_is_reported(
    tmp_path_factory: pytest.TempPathFactory, groups: list[list[int]], panel: int
) -> None:
    path = tmp_path_factory.mktemp("skip") / "1.skip"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(skip_index, "_PANEL_GROUPS", panel)
        size, _ = _write(path, groups)
    assert path.stat().st_size == size
    for number, group in enumerate(groups):
        for mark in group:
            answer = _ask(path, mark)
            assert len(answer) == len(groups)
            assert answer[number]


def test_what_is_nowhere_is_hardly_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also of row groups with few marks beside one with many: theirs have room enough."""
    monkeypatch.setattr(skip_index, "_PANEL_GROUPS", 4)
    chance = np.random.default_rng(1)
    _write(tmp_path / "1.skip", [chance.integers(0, 2**31, count).tolist() for count in (5_000, 10, 5_000, 0, 5_000)])
    with prune.opened(tmp_path / "1.skip") as having:
        reported = np.mean([having(mark) for mark in chance.integers(2**31, 2**32, 2_000).tolist()], axis=0)
    assert reported.max() < 0.01
    assert reported[1] == reported[3] == 0


@pytest.mark.parametrize("system", ["HDFS", "Apache", "Linux", "OpenSSH", "Mac", "Spark"])
def test_words_that_real_logs_lack(tmp_path: Path, test_data: Path, system: str) -> None:
    lines = (test_data / "loghub" / f"{system}_2k.log").read_text(errors="replace").splitlines()
    rows = [row(DAY + n, f"{n // 100:016x}-{n:012x}", line) for n, line in enumerate(lines)]
    assert _reported(tmp_path, [pa.Table.from_pylist(rows, SCHEMA)]) < 0.02


def test_words_that_the_corpus_lacks(tmp_path: Path) -> None:
    assert _reported(tmp_path, list(_corpus(3))) < 0.02


def _corpus(groups: int) -> Iterator[pa.Table]:
    """Rows of the corpus's look, by row groups."""
    chance = random.Random(1)
    for _ in range(groups):
        yield pa.Table.from_pylist(
            [
                row(
                    DAY,
                    f"{n // 1_000:016x}-{n:012x}",
                    f"GET /api/v1/cart/{n}/items took {chance.random():.1f}ms request_id={chance.getrandbits(64):016x}",
                    trace_id=f"{chance.getrandbits(128):032x}",
                    metadata=f'{{"user_id":{chance.randint(1, 50_000)},"duration_ms":{chance.random() * 200:.2f}}}',
                )
                for n in range(ROW_GROUP_ROWS)
            ],
            SCHEMA,
        )


def _reported(folder: Path, groups: Sequence[pa.Table]) -> float:
    """The share of row groups that are reported for words which are in none."""
    writer = skip_index.Writer(folder / "1.skip")
    for group in groups:
        writer.add(marks.of_rows(group))
    writer.finish()
    chance = random.Random(2)
    words = ["".join(chance.choices(_LETTERS, k=chance.randint(9, 15))).encode() for _ in range(2_000)]
    with prune.opened(folder / "1.skip") as having:
        return float(np.mean([having(marks.of_word(word)) for word in words]))


class TestDamage:
    @pytest.fixture
    def whole(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        """Two panels, the last of them short."""
        monkeypatch.setattr(skip_index, "_PANEL_GROUPS", 2)
        _write(tmp_path / "1.skip", [[1, 2], [3], [4]])
        return tmp_path / "1.skip"

    def test_a_truncated_file(self, whole: Path) -> None:
        content = whole.read_bytes()
        for size in range(len(content)):
            whole.write_bytes(content[:size])
            with pytest.raises(Corrupt):
                _ask(whole, 1)

    def test_a_flipped_byte_is_found_or_harmless(self, whole: Path) -> None:
        """Whatever is damaged, what is in a row group isn't denied."""
        content = whole.read_bytes()
        known = 0
        for place in range(len(content)):
            for flip in (1, 0x10, 0x80, 0xFF):
                damaged = bytearray(content)
                damaged[place] ^= flip
                whole.write_bytes(damaged)
                for mark, group in [(1, 0), (2, 0), (3, 1), (4, 2)]:
                    try:
                        answer = _ask(whole, mark)
                    except Corrupt:
                        known += 1
                        continue
                    assert len(answer) == 3
                    assert answer[group], (place, flip, mark)
        assert known > 2 * len(content)

    def test_no_file(self, tmp_path: Path) -> None:
        with pytest.raises(FileNotFoundError):
            _ask(tmp_path / "2.skip", 1)

    def test_an_aborted_one_leaves_nothing(self, tmp_path: Path) -> None:
        writer = skip_index.Writer(tmp_path / "1.skip")
        writer.add(np.array([1], np.uint32))
        writer.abort()
        assert os.listdir(tmp_path) == []
