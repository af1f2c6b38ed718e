"""What the embedded index is made of: `INDEX/manifest.db`, the one place that says so.

    segments     id (never reused) | file | policy | day | rows | bytes | crc | pieces | skip index's bytes, crc | sum
    positions    partition → position of the next message of the stream that isn't in a segment yet | sum
    retired      files that were segments until they were merged or expired, and are to be unlinked
    quarantined  files that were segments until they were found damaged or missing, with the reason
    ledger       what became of the lines of the stream, counted since the index was made (ledger.py)

Invariants: segments, the positions that they reach and the ledger are committed in one transaction, so that after a
crash the stream is read again from exactly where the segments end. `sum` is the CRC-32 of a row, so that a flipped bit
is found and not followed.
"""

from __future__ import annotations

import contextlib
import sqlite3
import time
import zlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import msgspec
import numpy as np

from logd.errors import ConfigError
from logd.flow import crash
from logd.seams import StreamPositions
from logd.store.segments import Segment

VERSION = 2
#: Python reads SQLite's messages as UTF-8, and they quote what is damaged.
_DAMAGED = (sqlite3.Error, UnicodeDecodeError)
#: A segment of format 1 has no checksum: it isn't known.
NO_CRC = -1
_TABLES = """
    CREATE TABLE segments (id INTEGER PRIMARY KEY AUTOINCREMENT, file TEXT NOT NULL UNIQUE, policy TEXT NOT NULL,
      day INTEGER NOT NULL, rows INTEGER NOT NULL, bytes INTEGER NOT NULL, crc INTEGER NOT NULL, pieces BLOB NOT NULL,
      skip_bytes INTEGER NOT NULL, skip_crc INTEGER NOT NULL, sum INTEGER NOT NULL);
    CREATE TABLE positions (partition INTEGER PRIMARY KEY, position INTEGER NOT NULL, sum INTEGER NOT NULL);
    CREATE TABLE retired (file TEXT PRIMARY KEY) WITHOUT ROWID;
    CREATE TABLE quarantined (file TEXT PRIMARY KEY, rows INTEGER NOT NULL, bytes INTEGER NOT NULL,
      reason TEXT NOT NULL, at REAL NOT NULL) WITHOUT ROWID;
    CREATE TABLE ledger (name TEXT PRIMARY KEY, count INTEGER NOT NULL) WITHOUT ROWID;
"""
_PUT_SEGMENT = "INSERT OR REPLACE INTO segments VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"


class Quarantined(msgspec.Struct, frozen=True):
    """A file that was a segment. `rows` is what it held, `at` is Unix seconds."""

    file: str
    rows: int
    bytes: int
    reason: str
    at: float


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """What is committed together. A segment of an id that is there takes its place; `retired` are files to unlink."""

    put: Sequence[Segment] = ()
    removed: Sequence[int] = ()
    retired: Sequence[str] = ()
    quarantined: Sequence[Quarantined] = ()
    positions: StreamPositions = {}
    counts: Mapping[str, int] = {}


class Manifest:
    """Used by one thread at a time."""

    def __init__(self, db: sqlite3.Connection, path: Path) -> None:
        self._db = db
        self._path = path

    @classmethod
    def open(cls, path: Path) -> Manifest:
        """Creates the file if need be; brings one of format 1 up to date. Raises ConfigError when it can't be opened,
        is damaged, or is of a newer logd."""
        return cls._over(path, "rwc", _set_up)

    @classmethod
    def open_to_read(cls, path: Path) -> Manifest:
        """For a look beside a running server. Raises ConfigError when there is none, or as `open`, also for format 1:
        that needs a server's start."""
        if not path.exists():
            raise damaged(path, "it is missing")
        return cls._over(path, "ro", _look)

    @classmethod
    def _over(cls, path: Path, mode: str, prepare: Callable[[sqlite3.Connection, Path], None]) -> Manifest:
        try:
            uri = f"{path.absolute().as_uri()}?mode={mode}"
            db = sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False)
            try:
                prepare(db, path)
            except BaseException:
                db.close()
                raise
        except _DAMAGED as error:
            raise damaged(path, str(error)) from error
        return cls(db, path)

    def segments(self) -> list[Segment]:
        """Raises ConfigError when a row isn't what was written."""
        found = []
        for *values, total in self._read("SELECT * FROM segments ORDER BY id"):
            if total != _sum(values):
                raise damaged(self._path, f"segment {values[0]} isn't what was written")
            number, file, policy, day, rows, size, crc, pieces, skip_bytes, skip_crc = values
            table = np.frombuffer(pieces, "<i8").reshape(-1, 3)
            found.append(Segment(number, file, policy, day, rows, size, crc, table, skip_bytes, skip_crc))
        return found

    def positions(self) -> dict[int, int]:
        """Raises ConfigError when a row isn't what was written."""
        rows = self._read("SELECT partition, position, sum FROM positions")
        if any(total != _sum((partition, position)) for partition, position, total in rows):
            raise damaged(self._path, "the positions aren't what was written")
        return {partition: position for partition, position, _ in rows}

    def ledger(self) -> dict[str, int]:
        return dict(self._read("SELECT name, count FROM ledger"))

    def account(self) -> tuple[dict[str, int], int, dict[int, int]]:
        """The ledger, the rows of all segments, and the positions, of one moment. Raises as `segments`."""
        self._db.execute("BEGIN")
        try:
            positions = self.positions()
            return self.ledger(), sum(segment.rows for segment in self.segments()), positions
        finally:
            self._db.execute("ROLLBACK")

    def retired(self) -> list[str]:
        return [file for (file,) in self._read("SELECT file FROM retired")]

    def quarantined(self) -> list[Quarantined]:
        rows = self._read("SELECT file, rows, bytes, reason, at FROM quarantined ORDER BY at, file")
        return [Quarantined(*row) for row in rows]

    def next_id(self) -> int:
        """An id above every one that was ever committed."""
        # The counter has no checksum, and an id that is given again would take a segment's place.
        counters = "SELECT seq FROM sqlite_sequence WHERE name = 'segments' UNION SELECT id FROM segments"
        return int(self._read(f"SELECT coalesce(max(seq), 0) FROM ({counters})")[0][0]) + 1

    def begin_ids_at(self, number: int) -> None:
        """`next_id` gives at least this from now on. Raises sqlite3.Error."""
        if number > self.next_id():
            self._db.execute("BEGIN IMMEDIATE")
            self._db.execute("DELETE FROM sqlite_sequence WHERE name = 'segments'")
            self._db.execute("INSERT INTO sqlite_sequence VALUES ('segments', ?)", (number - 1,))
            self._db.execute("COMMIT")

    def commit(self, change: Change, what: str) -> None:
        """Durably and together. Raises sqlite3.Error and changes nothing. `what` names the crash points."""
        self._db.execute("BEGIN IMMEDIATE")
        try:
            # The id stays in sqlite_sequence, so that it isn't given to other rows.
            self._db.executemany(_PUT_SEGMENT, [_row(segment) for segment in change.put])
            self._db.executemany("DELETE FROM segments WHERE id = ?", [(number,) for number in change.removed])
            self._db.executemany("INSERT OR IGNORE INTO retired VALUES (?)", [(file,) for file in change.retired])
            self._db.executemany(
                "INSERT OR REPLACE INTO quarantined VALUES (?, ?, ?, ?, ?)",
                [(q.file, q.rows, q.bytes, q.reason, q.at) for q in change.quarantined],
            )
            positions = [(*place, _sum(place)) for place in change.positions.items()]
            self._db.executemany("INSERT OR REPLACE INTO positions VALUES (?, ?, ?)", positions)
            self._db.executemany(
                """INSERT INTO ledger VALUES (?, ?)
                  ON CONFLICT (name) DO UPDATE SET count = count + excluded.count""",
                list(change.counts.items()),
            )
            crash.point(f"manifest.{what}")
            self._db.execute("COMMIT")
        except BaseException:
            with contextlib.suppress(sqlite3.Error):
                self._db.execute("ROLLBACK")
            raise
        crash.point(f"manifest.{what}.committed")

    def forget_retired(self, files: Sequence[str]) -> None:
        """The files are unlinked. Raises sqlite3.Error."""
        self._db.executemany("DELETE FROM retired WHERE file = ?", [(file,) for file in files])

    def close(self) -> None:
        self._db.close()

    def _read(self, query: str) -> list[tuple]:  # type: ignore[type-arg]
        try:
            return self._db.execute(query).fetchall()
        except _DAMAGED as error:
            raise damaged(self._path, str(error)) from error


def damaged(path: Path, reason: str) -> ConfigError:
    """The sentence about a manifest that can't be used."""
    return ConfigError(
        f"the manifest {path} can't be used ({' '.join(reason.split())}): restore it from a backup,"
        " or have it made anew from the segments with `logd store repair`"
    )


def _look(db: sqlite3.Connection, path: Path) -> None:
    if (version := _format(db, path)) != VERSION:
        raise ConfigError(f"{path} has format {version}, this logd reads {VERSION}: start its server once")
    _check(db, path)


def _set_up(db: sqlite3.Connection, path: Path) -> None:
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = FULL")
    version = _format(db, path)
    if version:
        _check(db, path)
    if version == 0:
        db.executescript(f"BEGIN IMMEDIATE; {_TABLES} PRAGMA user_version = {VERSION}; COMMIT;")
    elif version == 1:
        _from_1(db)
    else:
        db.execute(f"PRAGMA user_version = {VERSION}")  # what can't be written is known now, not at the first flush


def _format(db: sqlite3.Connection, path: Path) -> int:
    """0 for a file that is still empty. Raises ConfigError when it is of a newer logd."""
    version: int = db.execute("PRAGMA user_version").fetchone()[0]
    if version > VERSION:
        raise ConfigError(f"{path} has format {version}, this logd knows up to {VERSION}: use a newer logd")
    return version


def _check(db: sqlite3.Connection, path: Path) -> None:
    """Raises ConfigError when the file's structure is damaged."""
    if (found := db.execute("PRAGMA quick_check(1)").fetchone()[0]) != "ok":
        raise damaged(path, found)


def _from_1(db: sqlite3.Connection) -> None:
    """Format 1 had pieces as JSON, and neither checksums nor what else is in _TABLES."""
    db.execute("BEGIN IMMEDIATE")
    segments = db.execute("SELECT id, file, policy, day, rows, bytes, pieces FROM segments").fetchall()
    positions = db.execute("SELECT partition, position FROM positions").fetchall()
    last = db.execute("SELECT seq FROM sqlite_sequence WHERE name = 'segments'").fetchone()
    db.execute("DROP TABLE segments")
    db.execute("DROP TABLE positions")
    for statement in filter(str.strip, _TABLES.split(";")):
        db.execute(statement)
    for number, file, policy, day, rows, size, pieces in segments:
        table = np.array(msgspec.json.decode(pieces), np.int64).reshape(-1, 3)
        db.execute(_PUT_SEGMENT, _row(Segment(number, file, policy, day, rows, size, NO_CRC, table)))
    db.executemany("INSERT INTO positions VALUES (?, ?, ?)", [(*place, _sum(place)) for place in positions])
    stored = sum(segment[4] for segment in segments)
    db.execute("INSERT INTO ledger VALUES ('rows_stored', ?), ('lines_unknown', ?)", (stored, -stored))
    if last:
        db.execute("DELETE FROM sqlite_sequence WHERE name = 'segments'")
        db.execute("INSERT INTO sqlite_sequence VALUES ('segments', ?)", last)
    db.execute(f"PRAGMA user_version = {VERSION}")
    db.execute("COMMIT")


def _row(segment: Segment) -> tuple[object, ...]:
    values = (
        segment.id,
        segment.file,
        segment.policy,
        segment.day,
        segment.rows,
        segment.size_bytes,
        segment.crc,
        segment.pieces.astype("<i8").tobytes(),
        segment.skip_bytes,
        segment.skip_crc,
    )
    return (*values, _sum(values))


def _sum(values: Sequence[object]) -> int:
    return zlib.crc32(msgspec.msgpack.encode(values))


def quarantined_now(segment: Segment, reason: str) -> Quarantined:
    """The segment as one that is put aside now."""
    return Quarantined(segment.file, segment.rows, segment.size_bytes, reason, time.time())
