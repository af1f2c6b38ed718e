"""Ranges on the local disk: what was used last stays, within a limit, over restarts, and never as what it isn't."""

from __future__ import annotations

from pathlib import Path

import pytest

from logd.tiers.cold.kept import Kept, Record

LIMIT = 64_000
KILO = bytes(range(250)) * 4


def _add(kept: Kept, name: str, start: int, data: bytes, precious: bool = False) -> Record:
    record, _ = kept.add(name, start, data, precious)
    assert record is not None
    return record


def _on_disk(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.iterdir())


def test_what_was_added_is_there_after_a_restart(tmp_path: Path) -> None:
    kept = Kept(tmp_path, LIMIT)
    _add(kept, "a/b", 5, b"hello", precious=True)
    _add(kept, "ü", 2**40, b"")
    found = Kept(tmp_path, LIMIT)
    assert [(one.name, one.start, one.end, one.precious) for one in found.records] == [
        ("a/b", 5, 10, True),
        ("ü", 2**40, 2**40, False),
    ]
    assert [found.read(one) for one in found.records] == [b"hello", b""]


def test_the_limit_holds_over_restarts(tmp_path: Path) -> None:
    for _ in range(3):
        kept = Kept(tmp_path, LIMIT)
        for number in range(100):
            _add(kept, f"{number}", 0, KILO)
            assert _on_disk(tmp_path) == kept.size_bytes <= LIMIT
        assert kept.read(kept.records[-1]) == KILO
    smaller = Kept(tmp_path, LIMIT // 4)
    assert _on_disk(tmp_path) == smaller.size_bytes <= LIMIT // 4
    assert smaller.records


def test_the_oldest_go_and_are_told(tmp_path: Path) -> None:
    kept = Kept(tmp_path, LIMIT)
    records, gone = [], []
    for number in range(100):
        record, told = kept.add(f"{number}", 0, KILO, precious=False)
        records.append(record)
        gone += told
    assert gone
    assert gone == records[: len(gone)]
    assert [kept.read(one) for one in gone] == [None] * len(gone)
    assert all(kept.read(one) == KILO for one in records[len(gone) :] if one is not None)


def test_what_is_used_or_precious_stays(tmp_path: Path) -> None:
    kept = Kept(tmp_path, LIMIT)
    used, precious, other = (_add(kept, name, 0, KILO, name == "precious") for name in ("used", "precious", "other"))
    for number in range(300):
        _add(kept, f"{number}", 0, KILO)
        kept.use(used, KILO)
    assert (kept.read(used), kept.read(precious), kept.read(other)) == (KILO, KILO, None)
    names = {one.name for one in Kept(tmp_path, LIMIT).records}
    assert {"used", "precious"} <= names
    assert kept.size_bytes <= LIMIT


def test_what_is_precious_has_not_all_of_it(tmp_path: Path) -> None:
    kept = Kept(tmp_path, LIMIT)
    for number in range(300):
        _add(kept, f"{number}", 0, KILO, precious=True)
        assert kept.size_bytes <= LIMIT
    assert kept.read(kept.records[-1]) == KILO


def test_what_is_too_large_is_not_kept(tmp_path: Path) -> None:
    kept = Kept(tmp_path, LIMIT)
    assert kept.add("a", 0, bytes(LIMIT // 2), precious=True) == (None, [])
    assert kept.size_bytes == 0


def test_a_crash_anywhere_leaves_what_was_whole(tmp_path: Path) -> None:
    kept = Kept(tmp_path / "whole", LIMIT)
    sizes = []
    for number in range(4):
        _add(kept, f"name{number}", number, b"x" * 20 * number)
        sizes.append(kept.size_bytes)
    (path,) = (tmp_path / "whole").iterdir()
    written = path.read_bytes()
    for upto in range(len(written)):
        folder = tmp_path / f"{upto}"
        folder.mkdir()
        (folder / path.name).write_bytes(written[:upto])
        left = Kept(folder, LIMIT)
        assert [one.name for one in left.records] == [f"name{n}" for n, size in enumerate(sizes) if size <= upto]
        assert all(left.read(one) == b"x" * 20 * one.start for one in left.records)
        added = _add(left, "more", 0, b"abc")
        assert left.read(added) == b"abc"
        assert "more" in [one.name for one in Kept(folder, LIMIT).records]


@pytest.mark.parametrize("zeroed", [False, True])
def test_a_flipped_bit_is_never_an_answer(tmp_path: Path, zeroed: bool) -> None:
    """Nor what a crash has left as zeros."""
    kept = Kept(tmp_path / "whole", LIMIT)
    for number in range(3):
        _add(kept, f"n{number}", number, b"some text %d" % number)
    (path,) = (tmp_path / "whole").iterdir()
    written = path.read_bytes()
    for place in range(len(written)):
        folder = tmp_path / f"{place}"
        folder.mkdir()
        changed = bytearray(written)
        if zeroed:
            changed[place:] = bytes(len(written) - place)
        else:
            changed[place] ^= 0x10
        if bytes(changed) == written:
            continue
        (folder / path.name).write_bytes(changed)
        left = Kept(folder, LIMIT)
        found = [left.read(one) for one in left.records]
        assert len([data for data in found if data is not None]) < 3
        for one, data in zip(left.records, found, strict=True):
            assert data in (None, b"some text %d" % one.start)
            assert one.name == f"n{one.start}"
