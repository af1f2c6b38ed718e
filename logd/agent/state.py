"""What the agent remembers on disk, in one SQLite file: how far each source is acknowledged, and what is under way.

Layout (PRAGMA user_version 1):
* `sources`: a row per source-id. (device, inode, fingerprint) recognise the file; `position` is acknowledged: the
  transport has everything below it. `gone_us` says since when no file was found for it. An `ended` source will never
  have more lines: its file was deleted, truncated or replaced; it is kept so that a reused inode gets another
  generation.
* `pending`: a row per batch that was, or may have been, sent and isn't acknowledged. Rows of a source don't overlap.
* `entries`: the `paths` of each `[[agent.files]]` that was started before, for `read_from = "end"`.

Invariants: a batch is in `pending`, and its source in `sources`, before its first send. A commit is durable when it
returns (WAL, synchronous=FULL). Paths are bytes, and device and inode text, because the kernel's don't always fit.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec

from logd.agent.batches import Batch, Event, Labels
from logd.agent.identity import Fingerprint
from logd.chunk import REMEMBER_SECONDS
from logd.errors import ConfigError, Unavailable

VERSION = 1

_SCHEMA = """
CREATE TABLE sources (
    source_id TEXT PRIMARY KEY, source BLOB NOT NULL, path BLOB NOT NULL, device TEXT NOT NULL, inode TEXT NOT NULL,
    generation INTEGER NOT NULL, digest BLOB NOT NULL, digest_bytes INTEGER NOT NULL, position INTEGER NOT NULL,
    gone_us INTEGER, ended INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX sources_by_inode ON sources (inode);
CREATE TABLE pending (
    source_id TEXT NOT NULL, "start" INTEGER NOT NULL, "end" INTEGER NOT NULL, lines INTEGER NOT NULL,
    observed_us INTEGER NOT NULL, labels BLOB NOT NULL, events BLOB NOT NULL, PRIMARY KEY (source_id, "start")
) WITHOUT ROWID;
CREATE TABLE entries (paths BLOB PRIMARY KEY) WITHOUT ROWID;
PRAGMA user_version = 1;
"""


class Source(msgspec.Struct, kw_only=True, eq=False):
    """A row of `sources`. `source` is the path as first seen, `path` where the file was last found."""

    source_id: str
    source: str
    path: str
    device: int
    inode: int
    generation: int
    fingerprint: Fingerprint
    position: int
    gone_us: int | None = None
    ended: bool = False


class Remembered(msgspec.Struct, frozen=True):
    """What a start needs: sources that had a file at last, batches in the order of their source's positions."""

    sources: list[Source]
    pending: list[Batch]
    entries: set[bytes]


class State:
    """The state file. Calls block, and must come one at a time."""

    def __init__(self, path: Path, busy_seconds: float = 1.0) -> None:
        """Opens or creates it. Raises ConfigError when it is another logd's or no state at all, Unavailable when it
        can't be used now."""
        self._path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self.db = sqlite3.connect(path, busy_seconds, isolation_level=None, check_same_thread=False)
        except (OSError, sqlite3.Error) as error:
            raise Unavailable(f"the agent's state {path} can't be opened: {error}") from error
        try:
            version = self._prepare()
            if version > VERSION:
                raise ConfigError(f"the agent's state {path} has version {version}, this logd knows {VERSION}")
        except sqlite3.OperationalError as error:
            self.db.close()
            raise Unavailable(f"the agent's state {path} can't be opened: {error}") from error
        except sqlite3.DatabaseError as error:
            self.db.close()
            raise ConfigError(f"{path} is not the agent's state: {error}") from error
        except ConfigError:
            self.db.close()
            raise

    def _prepare(self) -> int:
        self.db.execute("PRAGMA journal_mode = WAL")
        self.db.execute("PRAGMA synchronous = FULL")
        version = int(self.db.execute("PRAGMA user_version").fetchone()[0])
        if version == 0:
            self.db.executescript(f"BEGIN IMMEDIATE; {_SCHEMA} COMMIT;")
            return VERSION
        return version

    def read(self, now_us: int) -> Remembered:
        """What a start needs, after forgetting sources that have been gone for as long as transports remember them.
        Raises Unavailable, as all that follow do."""
        forget_us = now_us - REMEMBER_SECONDS * 1_000_000
        self._all("DELETE FROM pending WHERE source_id IN (SELECT source_id FROM sources WHERE gone_us < ?)", forget_us)
        self._all("DELETE FROM sources WHERE gone_us < ?", forget_us)
        return Remembered(
            [_source(row) for row in self._all("SELECT * FROM sources WHERE gone_us IS NULL")],
            [_batch(row) for row in self._all('SELECT * FROM pending ORDER BY source_id, "start"')],
            {row[0] for row in self._all("SELECT paths FROM entries")},
        )

    def by_inode(self, inode: int) -> list[Source]:
        """All sources, gone ones too, whose file had this inode."""
        return [_source(row) for row in self._all("SELECT * FROM sources WHERE inode = ?", str(inode))]

    def by_id(self, source_id: str) -> Source | None:
        """The source of that id."""
        rows = self._all("SELECT * FROM sources WHERE source_id = ?", source_id)
        return _source(rows[0]) if rows else None

    def _all(self, statement: str, *values: object) -> list[Any]:
        try:
            return self.db.execute(statement, values).fetchall()
        except sqlite3.Error as error:
            raise Unavailable(f"the agent's state {self._path} can't be read: {error}") from error

    def commit(
        self,
        sources: Sequence[Source],
        pending: Iterable[Batch] = (),
        entries: Iterable[bytes] = (),
        dropped: Iterable[str] = (),
        forgotten: Iterable[str] = (),
    ) -> None:
        """In one transaction, durable on return: stores `sources`, and forgets the batches below their positions; adds
        `pending` and `entries`; forgets all batches of the source-ids `dropped`, and the sources `forgotten`. When it
        raises, nothing has changed."""
        try:
            with closing(self.db.cursor()) as cursor:
                cursor.execute("BEGIN IMMEDIATE")
                try:
                    cursor.executemany("DELETE FROM pending WHERE source_id = ?", [(name,) for name in dropped])
                    cursor.executemany("DELETE FROM sources WHERE source_id = ?", [(name,) for name in forgotten])
                    cursor.executemany("REPLACE INTO sources VALUES (?,?,?,?,?,?,?,?,?,?,?)", map(_source_row, sources))
                    cursor.executemany(
                        'DELETE FROM pending WHERE source_id = ? AND "end" <= ?',
                        [(source.source_id, source.position) for source in sources],
                    )
                    cursor.executemany("REPLACE INTO pending VALUES (?,?,?,?,?,?,?)", map(_batch_row, pending))
                    cursor.executemany("INSERT OR IGNORE INTO entries VALUES (?)", [(paths,) for paths in entries])
                    cursor.execute("COMMIT")
                finally:
                    if self.db.in_transaction:
                        cursor.execute("ROLLBACK")
        except sqlite3.Error as error:
            raise Unavailable(f"the agent's state {self._path} can't be written: {error}") from error

    def close(self) -> None:
        """Releases the file."""
        self.db.close()


def _source_row(source: Source) -> tuple[object, ...]:
    return (
        source.source_id,
        os.fsencode(source.source),
        os.fsencode(source.path),
        str(source.device),
        str(source.inode),
        source.generation,
        source.fingerprint.digest,
        source.fingerprint.length,
        source.position,
        source.gone_us,
        source.ended,
    )


def _source(row: Sequence[Any]) -> Source:
    return Source(
        source_id=row[0],
        source=os.fsdecode(row[1]),
        path=os.fsdecode(row[2]),
        device=int(row[3]),
        inode=int(row[4]),
        generation=row[5],
        fingerprint=Fingerprint(row[6], row[7]),
        position=row[8],
        gone_us=row[9],
        ended=bool(row[10]),
    )


def _batch_row(batch: Batch) -> tuple[object, ...]:
    return (
        batch.source_id,
        batch.start,
        batch.end,
        batch.lines,
        batch.observed_us,
        msgspec.json.encode(batch.labels),
        msgspec.msgpack.encode(batch.events),
    )


def _batch(row: Sequence[Any]) -> Batch:
    source_id, start, end, lines, observed_us, labels, events = row
    return Batch(
        source_id=source_id,
        start=start,
        end=end,
        lines=lines,
        observed_us=observed_us,
        labels=msgspec.json.decode(labels, type=Labels),
        events=msgspec.msgpack.decode(events, type=tuple[Event, ...]),
    )
