"""A new manifest from the segments' own metadata, where the old one is missing, damaged or of yesterday.

    manifest.new.db is written ── the old one gets a second name, manifest.broken-TIME.db ── the new one takes its name

Invariants: until the last step the folder is as it was, but for damaged files, which are in quarantine/ and will be
named by the new manifest; nothing is unlinked here: files that aren't needed are `retired`, and go with the next start.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from logd.errors import ConfigError
from logd.flow import crash
from logd.store import folder
from logd.store.folder import Stream
from logd.store.manifest import Change, Manifest, Quarantined
from logd.store.salvage import choose, ids_above
from logd.store.segments import About, Segment, about, sync

_NEW = "manifest.new.db"
_PARTS = ("", "-wal", "-shm")


class Repaired(msgspec.Struct, frozen=True):
    """What was done. `old` are the names that the old manifest's files have now, `positions` where the index ends."""

    segments: int
    rows: int
    dropped: Sequence[str]
    again: Sequence[str]
    damaged: Sequence[Quarantined]
    old: Sequence[str]
    positions: Mapping[int, int]
    #: Of the lines that the stream had up to there, those that are no rows: refused, expired, lost. Negative: too many.
    lines_unknown: int


def repair(
    root: Path, stream: Stream, oldest: Mapping[int, int], lines_below: Callable[[Mapping[int, int]], int]
) -> Repaired:
    """For a caller that has the lock. `oldest` as for salvage.choose; `lines_below` gives how many lines the
    transport ever stored below some positions. Raises OSError, sqlite3.Error, ConfigError."""
    if not root.is_dir():
        raise ConfigError(f"{root} does not exist: there is nothing to repair")
    found, damaged = _whole_files(root)
    choice = choose([told for told, _ in found.values()], stream, oldest)
    kept = [segment for told, segment in found.values() if told.id in choice.kept]
    rows = sum(segment.rows for segment in kept)
    lines = lines_below(choice.positions)
    change = Change(
        put=kept,
        retired=[file for file, (told, _) in found.items() if told.id not in choice.kept],
        quarantined=damaged,
        positions=choice.positions,
        counts={"rows_stored": rows, "lines_taken": lines, "lines_unknown": lines - rows},
    )
    for part in _PARTS:
        (root / f"{_NEW}{part}").unlink(missing_ok=True)
    with contextlib.closing(Manifest.open(root / _NEW)) as manifest:
        manifest.commit(change, "repair")
        manifest.begin_ids_at(max(ids_above(told for told, _ in found.values()), _id_after(damaged)))
    crash.point("repair.written")
    old = _replace_manifest(root)
    return Repaired(
        len(kept),
        rows,
        _files(found, choice.dropped),
        _files(found, choice.again),
        damaged,
        old,
        choice.positions,
        lines - rows,
    )


def _whole_files(root: Path) -> tuple[dict[str, tuple[About, Segment]], list[Quarantined]]:
    """The segments by their names, read whole, in the order of their ids; and what is damaged, which is put aside."""
    found: dict[str, tuple[About, Segment]] = {}
    damaged: list[Quarantined] = []
    for file in folder.files_of(root, ".parquet"):
        rows = 0
        try:
            told = about(root / file)
            segment = folder.segment_of(root, file, told)
            rows = segment.rows
            _read_whole(root / file)
            if Path(file).stem != f"{told.id:012d}":
                raise ValueError(f"it says that it is segment {told.id}")
            found[file] = told, segment
        except (OSError, ValueError, pa.ArrowException) as error:
            size = (root / file).stat().st_size
            damaged.append(Quarantined(file, rows, size, str(error), time.time()))
            folder.put_aside(root, file)
    return dict(sorted(found.items(), key=lambda item: item[1][0].id)), damaged


def _read_whole(path: Path) -> None:
    """Raises what reading it raises. Without the old manifest there is no checksum to compare."""
    with pq.ParquetFile(path) as file:
        for number in range(file.num_row_groups):
            file.read_row_group(number, use_threads=False).validate(full=True)


def _replace_manifest(root: Path) -> list[str]:
    """Gives the old manifest another name and the new one its name. SQLite would take an old -wal for the new one's."""
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%fZ")
    old = []
    for part in _PARTS[:2]:
        file = root / f"{folder.MANIFEST}{part}"
        if file.exists():
            kept = f"manifest.broken-{stamp}.db{part}"
            os.link(file, root / kept)
            old.append(kept)
    sync(root)
    crash.point("repair.kept")
    for part in _PARTS[1:]:
        (root / f"{folder.MANIFEST}{part}").unlink(missing_ok=True)
    sync(root)
    os.replace(root / _NEW, root / folder.MANIFEST)
    sync(root)
    return old


def _files(found: Mapping[str, tuple[About, Segment]], ids: frozenset[int]) -> list[str]:
    return [file for file, (told, _) in found.items() if told.id in ids]


def _id_after(damaged: Sequence[Quarantined]) -> int:
    names = [Path(one.file).stem for one in damaged]
    return max((int(name) for name in names if name.isdecimal()), default=0) + 1
