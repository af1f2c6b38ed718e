"""The index folder at the start with damage in it: nothing is lost without a word, and nothing wrong is believed."""

from __future__ import annotations

import contextlib
import random
import shutil
import sqlite3
from pathlib import Path

import pytest

from logd.errors import ConfigError
from logd.store import folder, merge
from logd.store.folder import Stream, open_manifest
from logd.store.manifest import Change, Manifest
from logd.store.segments import About, Segment, write
from tests.support.rows import DAY, DAY_US, batch, row

_DAY = DAY // DAY_US


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Segments 1 to 3, of three rows each, flushed at the positions 10, 20 and 30."""
    root = tmp_path / "index"
    manifest = open_manifest(root, folder.NO_STREAM)
    for number in (1, 2, 3):
        manifest.commit(
            Change(put=[_written(root, number)], positions={0: 10 * number}, counts={"rows_stored": 3}), "flush"
        )
    manifest.close()
    return root


def _written(root: Path, number: int) -> Segment:
    rows = [row(DAY + 10 * number + n, f"{number}.{n}") for n in range(3)]
    return write(batch(rows, 1).table, root, About(id=number, policy="D", day=_DAY, flushed={0: 10 * number}))


def _opened(root: Path, told: int = 0, next_position: int = 100) -> tuple[list[int], list[str]]:
    """The segments that there are, and the names of what is put aside."""
    manifest = open_manifest(root, Stream({0: told}, {0: next_position}))
    with contextlib.closing(manifest):
        aside = [one.file for one in manifest.quarantined()]
        assert {file.replace("/", "__") for file in aside} >= {one.name for one in (root / "quarantine").glob("*")}
        assert sorted(folder.files_of(root, ".parquet")) == sorted(segment.file for segment in manifest.segments())
        return [segment.id for segment in manifest.segments()], [Path(file).stem[-1] for file in aside]


def _file(root: Path, number: int) -> Path:
    return next(root.glob(f"policy=*/*/{number:012d}.parquet"))


def _merged(root: Path) -> Segment:
    manifest = Manifest.open(root / folder.MANIFEST)
    with contextlib.closing(manifest):
        return merge.merge(root, manifest.segments(), 4, lambda: None)


def test_a_segment_that_may_not_be_looked_at_just_now(root: Path) -> None:
    path = _file(root, 2)
    path.rename(root / "away")
    path.symlink_to(path)  # ELOOP
    with pytest.raises(ConfigError, match="can't be used"):
        open_manifest(root, folder.NO_STREAM)
    path.unlink()
    (root / "away").rename(path)
    assert _opened(root) == ([1, 2, 3], [])


@pytest.mark.parametrize("place", ["all", "start", "footer", "end", "empty"])
def test_a_file_that_cannot_be_read_and_is_not_named(root: Path, place: str) -> None:
    data = bytearray(_file(root, 1).read_bytes())
    match place:
        case "all":
            data = bytearray(b"not parquet")
        case "footer":
            data[-40] ^= 0xFF
        case "end":
            data[-6] ^= 0xFF
        case "start":
            data[:4] = b"    "
        case _:
            data = bytearray()
    _file(root, 1).with_name("000000000009.parquet").write_bytes(data)
    for _ in range(2):
        assert _opened(root) == ([1, 2, 3], ["9"])


def test_every_bit_of_an_unnamed_footer(root: Path) -> None:
    """It is unlinked or put aside; it never keeps the index from opening."""
    whole = _file(root, 1).read_bytes()
    for at in range(len(whole) - 1_000, len(whole), 7):
        data = bytearray(whole)
        data[at] ^= 0xFF
        _file(root, 1).with_name("000000000009.parquet").write_bytes(data)
        assert _opened(root)[0] == [1, 2, 3], at


def test_a_damaged_merge_and_its_inputs_gone(root: Path) -> None:
    path = root / _merged(root).file
    path.write_bytes(path.read_bytes()[:-30])
    for number in (1, 2, 3):
        _file(root, number).unlink()
    segments, aside = _opened(root)
    assert (segments, sorted(aside)) == ([], ["1", "2", "3", "4"])


def test_what_is_named_is_never_unlinked(root: Path) -> None:
    """A flipped bit in the name of a retired file makes it the name of another."""
    manifest = Manifest.open(root / folder.MANIFEST)
    manifest.commit(Change(retired=[str(_file(root, 2).relative_to(root))]), "expire")
    manifest.close()
    assert _opened(root) == ([1, 2, 3], [])


def test_an_id_is_never_used_twice(root: Path) -> None:
    """Even when a flipped bit takes the counter back."""
    with contextlib.closing(sqlite3.connect(root / folder.MANIFEST)) as db, db:
        db.execute("UPDATE sqlite_sequence SET seq = 1")
    manifest = Manifest.open(root / folder.MANIFEST)
    assert manifest.next_id() == 4
    manifest.close()


def test_a_missing_manifest(root: Path) -> None:
    (root / folder.MANIFEST).unlink()
    with pytest.raises(ConfigError, match="logd store repair"):
        open_manifest(root, Stream({0: 30}, {0: 30}))
    assert len(list(folder.files_of(root, ".parquet"))) == 3


def test_a_manifest_with_a_flipped_byte(root: Path, tmp_path: Path) -> None:
    """It is refused, or all is as it was; or what isn't is put aside by name."""
    whole = (root / folder.MANIFEST).read_bytes()
    chance = random.Random(1)
    places = chance.sample([at for at, byte in enumerate(whole) if byte], 250) + chance.sample(range(len(whole)), 50)
    refused = 0
    for number, at in enumerate([*range(100), *places]):
        copy = tmp_path / f"copy{number}"
        shutil.copytree(root, copy)
        data = bytearray(whole)
        data[at] ^= chance.choice([0xFF, 1 << chance.randrange(8)])
        (copy / folder.MANIFEST).write_bytes(data)
        try:
            with contextlib.closing(open_manifest(copy, Stream({0: 30}, {0: 30}))) as manifest:
                assert manifest.positions() == {0: 30}
                left = {segment.id: segment.rows for segment in manifest.segments()}
                aside = {int(Path(one.file).stem) for one in manifest.quarantined()}
                assert left == {number: 3 for number in (1, 2, 3) if number not in aside}, at
                assert manifest.next_id() >= 4, at
        except ConfigError:
            refused += 1
        assert len(list(copy.rglob("*.parquet"))) == 3, at
        shutil.rmtree(copy)
    assert refused > 50


@pytest.mark.parametrize("part", [0.1, 0.5, 0.9])
def test_a_manifest_that_is_cut(root: Path, part: float) -> None:
    whole = (root / folder.MANIFEST).read_bytes()
    (root / folder.MANIFEST).write_bytes(whole[: int(len(whole) * part)])
    with pytest.raises(ConfigError, match="logd store repair"):
        open_manifest(root, Stream({0: 30}, {0: 30}))
