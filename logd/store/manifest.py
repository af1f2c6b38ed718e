"""What the embedded index is made of: `INDEX/manifest.db`, the one place that says so.

    segments   id (never reused) | file | policy | day | rows | bytes | pieces (JSON)
    positions  partition → position of the next message of the stream that isn't in a segment yet

Invariant: segments and the positions that they reach are committed in one transaction, so that after a crash the
stream is read again from exactly where the segments end.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Sequence
from pathlib import Path

import msgspec

from logd.errors import ConfigError
from logd.seams import StreamPositions
from logd.store.segments import Piece, Segment

VERSION = 1


class Manifest:
    """Used by one thread at a time."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    @classmethod
    def open(cls, path: Path) -> Manifest:
        """Creates the file if need be. Raises ConfigError when it can't be opened or is of a newer logd."""
        try:
            db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
            db.execute("PRAGMA journal_mode = WAL")
            db.execute("PRAGMA synchronous = FULL")
            version = db.execute("PRAGMA user_version").fetchone()[0]
            if version > VERSION:
                raise ConfigError(f"{path} has format {version}, this logd knows up to {VERSION}: use a newer logd")
            if version == 0:
                db.executescript(
                    f"""
                    BEGIN IMMEDIATE;
                    CREATE TABLE segments (id INTEGER PRIMARY KEY AUTOINCREMENT, file TEXT NOT NULL UNIQUE,
                      policy TEXT NOT NULL, day INTEGER NOT NULL, rows INTEGER NOT NULL, bytes INTEGER NOT NULL,
                      pieces BLOB NOT NULL);
                    CREATE TABLE positions (partition INTEGER PRIMARY KEY, position INTEGER NOT NULL);
                    PRAGMA user_version = {VERSION};
                    COMMIT;
                    """
                )
            db.execute(f"PRAGMA user_version = {VERSION}")  # what can't be written is known now, not at the first flush
        except sqlite3.Error as error:
            raise ConfigError(f"the manifest {path} can't be opened: {error}") from error
        return cls(db)

    def segments(self) -> list[Segment]:
        rows = self._db.execute("SELECT id, file, policy, day, rows, bytes, pieces FROM segments ORDER BY id")
        return [
            Segment(number, file, policy, day, count, size, msgspec.json.decode(pieces, type=tuple[Piece, ...]))
            for number, file, policy, day, count, size, pieces in rows
        ]

    def positions(self) -> dict[int, int]:
        return dict(self._db.execute("SELECT partition, position FROM positions"))

    def next_id(self) -> int:
        """An id above every one that was ever committed."""
        row = self._db.execute("SELECT seq FROM sqlite_sequence WHERE name = 'segments'").fetchone()
        return (row[0] if row else 0) + 1

    def commit(self, added: Sequence[Segment], positions: StreamPositions) -> None:
        """Adds segments and moves the positions, durably and together. Raises sqlite3.Error and changes nothing."""
        self._db.execute("BEGIN IMMEDIATE")
        try:
            self._db.executemany(
                "INSERT INTO segments (id, file, policy, day, rows, bytes, pieces) VALUES (?, ?, ?, ?, ?, ?, ?)",
                [(s.id, s.file, s.policy, s.day, s.rows, s.size_bytes, msgspec.json.encode(s.pieces)) for s in added],
            )
            self._db.executemany("INSERT OR REPLACE INTO positions VALUES (?, ?)", list(positions.items()))
            self._db.execute("COMMIT")
        except BaseException:
            with contextlib.suppress(sqlite3.Error):
                self._db.execute("ROLLBACK")
            raise

    def close(self) -> None:
        self._db.close()
