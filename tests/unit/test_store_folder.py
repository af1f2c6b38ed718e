"""What the start of an index does about files and a manifest that don't agree."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from logd.errors import ConfigError
from logd.store import folder, merge, segments
from logd.store.folder import Stream
from logd.store.manifest import NO_CRC, VERSION, Change, Manifest
from logd.store.segments import About, Segment
from logd.store.walk import FIRST_SLICE_ROWS, Slices, Stretch, Times
from tests.support.rows import DAY, batch, row

_DAY = 20_000
#: Nothing more has come than what is in the first two segments.
_STREAM = Stream({0: 2}, {0: 2})


def _segment(root: Path, number: int, upto: int = 0) -> Segment:
    rows = [row(DAY + number * 100 + place, f"{number}-{place}") for place in range(5)]
    return segments.write(
        batch(rows, 0).table, root, About(id=number, policy="P", day=_DAY, flushed={0: upto or number})
    )


@contextlib.contextmanager
def _opened(root: Path, stream: Stream = _STREAM) -> Iterator[Manifest]:
    with contextlib.closing(folder.open_manifest(root, stream)) as manifest:
        yield manifest


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """An index of the segments 1 and 2, which reach position 2."""
    found = [_segment(tmp_path, 1), _segment(tmp_path, 2)]
    with contextlib.closing(Manifest.open(tmp_path / "manifest.db")) as manifest:
        manifest.commit(Change(put=found, positions={0: 2}, counts={"rows_stored": 10}), "flush")
    return tmp_path


def _ids(manifest: Manifest) -> list[int]:
    return [segment.id for segment in manifest.segments()]


def _parquet(root: Path) -> list[str]:
    return [Path(file).name for file in folder.files_of(root, ".parquet")]


def test_nothing_is_wrong(root: Path) -> None:
    with _opened(root) as manifest:
        assert (_ids(manifest), manifest.quarantined(), manifest.positions()) == ([1, 2], [], {0: 2})


def test_what_was_not_finished_goes(root: Path) -> None:
    day = next(root.glob("policy=*/date=*"))
    for name in ("000000000003.tmp", "000000000003.skip.tmp", "000000000007.skip"):
        (day / name).write_bytes(b"half")
    with _opened(root) as manifest:
        assert (_ids(manifest), manifest.quarantined()) == ([1, 2], [])
    assert sorted(path.name for path in day.iterdir()) == ["000000000001.parquet", "000000000002.parquet"]


@pytest.mark.parametrize("gone", [False, True])
def test_a_named_segment_that_is_not_whole_is_put_aside(root: Path, gone: bool) -> None:
    path = next(root.rglob("*2.parquet"))
    if gone:
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[:-1])
    with _opened(root) as manifest:
        (aside,) = manifest.quarantined()
        assert (_ids(manifest), aside.rows, manifest.ledger()["rows_quarantined"]) == ([1], 5, 5)
        assert aside.reason
    assert len(list(root.glob("quarantine/*"))) == (not gone)


def test_a_flush_that_was_not_committed_comes_again(root: Path) -> None:
    _segment(root, 3)
    with _opened(root, Stream({0: 2}, {0: 3})) as manifest:
        assert (_ids(manifest), manifest.quarantined()) == ([1, 2], [])
    assert len(_parquet(root)) == 2


@pytest.mark.parametrize("upto", [2, 3])
def test_a_flush_that_does_not_come_again_is_kept_aside(root: Path, upto: int) -> None:
    """The stream ends before it, or the index says that it has its rows: who knows where they are."""
    orphan = _segment(root, 3, upto)
    with _opened(root) as manifest:
        (aside,) = manifest.quarantined()
        assert (_ids(manifest), aside.file, aside.rows) == ([1, 2], orphan.file, 5)
    assert len(list(root.glob("quarantine/*"))) == 1


def test_an_unreadable_file_is_kept_aside(root: Path) -> None:
    (next(root.glob("policy=*/date=*")) / "000000000009.parquet").write_bytes(b"PAR1 is all")
    with _opened(root) as manifest:
        assert [aside.rows for aside in manifest.quarantined()] == [0]
    assert len(list(root.glob("quarantine/*"))) == 1


def _merged(root: Path) -> Segment:
    with contextlib.closing(Manifest.open(root / "manifest.db")) as manifest:
        return merge.merge(root, manifest.segments(), 3, lambda: None)


def test_a_merge_that_was_not_committed_goes(root: Path) -> None:
    _merged(root)
    with _opened(root) as manifest:
        assert (_ids(manifest), manifest.quarantined()) == ([1, 2], [])
    assert len(_parquet(root)) == 2
    assert not list(root.rglob("*.skip"))


def test_a_merge_stands_in_for_what_is_gone(root: Path) -> None:
    """As under a manifest that was copied before the merge."""
    merged = _merged(root)
    next(root.rglob("*1.parquet")).unlink()
    with _opened(root) as manifest:
        assert (_ids(manifest), manifest.quarantined()) == ([3], [])
        assert manifest.segments()[0].rows == merged.rows == 10
    with _opened(root) as manifest:
        assert _ids(manifest) == [3]


def test_a_merge_of_unknown_segments_is_kept_aside(root: Path) -> None:
    """Its rows don't come again, though it says how far they reached."""
    merged = _merged(root)
    with contextlib.closing(Manifest.open(root / "manifest.db")) as manifest:
        manifest.commit(Change(removed=[1, 2], positions={0: 1}), "test")
    with _opened(root, Stream({0: 1}, {0: 9})) as manifest:
        assert merged.file in [aside.file for aside in manifest.quarantined()]
    assert any(merged.file.replace("/", "__") == path.name for path in root.glob("quarantine/*"))


def test_retired_files_go(root: Path) -> None:
    with contextlib.closing(Manifest.open(root / "manifest.db")) as manifest:
        first = manifest.segments()[0]
        manifest.commit(Change(removed=[1], retired=[first.file], counts={"rows_expired": 5}), "expire")
    with _opened(root) as manifest:
        assert (_ids(manifest), manifest.retired(), manifest.next_id()) == ([2], [], 3)
    assert len(_parquet(root)) == 1


def test_a_manifest_of_yesterday_is_refused(root: Path) -> None:
    with pytest.raises(ConfigError, match="logd store repair"), _opened(root, Stream({0: 7}, {0: 9})):
        pass


def test_format_1_is_brought_up_to_date(tmp_path: Path) -> None:
    old = _segment(tmp_path, 4)
    with contextlib.closing(sqlite3.connect(tmp_path / "manifest.db", isolation_level=None)) as db:
        db.executescript(
            """CREATE TABLE segments (id INTEGER PRIMARY KEY AUTOINCREMENT, file TEXT NOT NULL UNIQUE,
              policy TEXT NOT NULL, day INTEGER NOT NULL, rows INTEGER NOT NULL, bytes INTEGER NOT NULL,
              pieces BLOB NOT NULL);
            CREATE TABLE positions (partition INTEGER PRIMARY KEY, position INTEGER NOT NULL);
            PRAGMA user_version = 1;"""
        )
        pieces = msgspec.json.encode(old.pieces.tolist())
        row = (old.id, old.file, old.policy, old.day, old.rows, old.size_bytes, pieces)
        db.execute("INSERT INTO segments VALUES (?, ?, ?, ?, ?, ?, ?)", row)
        db.execute("INSERT INTO segments VALUES (9, 'gone', 'P', 1, 1, 1, '[]')")
        db.execute("DELETE FROM segments WHERE id = 9")
        db.execute("INSERT INTO positions VALUES (0, 4)")
    for _ in range(2):
        with _opened(tmp_path, Stream({0: 4}, {0: 4})) as manifest:
            (found,) = manifest.segments()
            assert (found.file, found.rows, found.crc, found.pieces.tolist()) == (
                old.file,
                5,
                NO_CRC,
                old.pieces.tolist(),
            )
            assert (manifest.positions(), manifest.next_id()) == ({0: 4}, 10)
            assert folder.damage(tmp_path, found) == ""


def test_a_newer_format_is_refused(root: Path) -> None:
    with contextlib.closing(sqlite3.connect(root / "manifest.db")) as db:
        db.execute(f"PRAGMA user_version = {VERSION + 1}")
    with pytest.raises(ConfigError, match="use a newer logd"), _opened(root):
        pass
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(segments, "VERSION", segments.VERSION - 1)
        with pytest.raises(ConfigError, match="use a newer logd"):
            segments.about(next(root.rglob("*1.parquet")))


def test_a_flipped_byte_of_the_manifest_is_never_believed(root: Path) -> None:
    path = root / "manifest.db"
    with contextlib.closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA journal_mode = DELETE")
    whole = path.read_bytes()
    refused: list[str] = []
    for place in range(0, len(whole), 97):
        damaged = bytearray(whole)
        damaged[place] ^= 0x04
        path.write_bytes(damaged)
        try:
            with _opened(root) as manifest:
                assert (_ids(manifest), manifest.positions()) == ([1, 2], {0: 2}), place
        except ConfigError as error:
            refused.append(str(error))
    assert refused
    assert not any("\n" in sentence for sentence in refused)


def test_slices_cover_all_newest_first() -> None:
    stretches = [
        Stretch(low, high, FIRST_SLICE_ROWS, None, 0, None) for low, high in [(0, 9), (10, 30), (20, 40), (35, 60)]
    ]
    times = Times(5, 55)
    walk = Slices(iter(sorted(stretches, key=lambda stretch: -stretch.max_us)), times, newest_first=True)
    end, seen = times.to_us, 0
    while part := walk.next(1):
        assert part.times.to_us == end
        overlapping = {stretch for stretch in stretches if part.times.overlaps(stretch.min_us, stretch.max_us)}
        assert overlapping <= set(part.stretches)
        end, seen = part.times.from_us, seen + 1
    assert (end, seen) == (times.from_us, 4)
