"""What the agent remembers on disk, in one SQLite file: how far each source is acknowledged, and what is under way.

Layout (PRAGMA user_version 4; earlier ones are brought up to it: 1 had no checksums, a logd of 2 may know neither
encodings nor events of several pieces, and would send other bytes from those rows, and 3 had no anchors):
* `sources`: a row per source-id. (device, inode, fingerprint, anchor) recognise the file; `position` is acknowledged:
  the transport has everything below it. The anchor is where the file has been read to, which is `position` or behind
  it. `gone_us` says since when no file was found for it. An `ended` source will never have more lines: its file was
  deleted, truncated or replaced; it is kept so that a reused inode gets another generation.
* `pending`: a row per batch that was, or may have been, sent and isn't acknowledged. Rows of a source follow upon one
  another, the first upon its `position`.
* `entries`: the `paths` of each `[[agent.files]]` that was started before, for `read_from = "end"`.

Invariants: a batch is in `pending`, and its source in `sources`, before its first send. A commit is durable when it
returns (WAL, synchronous=FULL). Paths are bytes, and device and inode text, because the kernel's don't always fit.
Every row ends with a checksum of its values (see rows.py). A row that fails it is said, counted, and taken for what
loses nothing: a source is read again from its beginning, a batch is made anew from its source's position. Under the
same source-id the target leaves out what it has had.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import msgspec

from logd.agent.batches import Batch
from logd.agent.rows import (
    Row,
    Source,
    batch,
    batch_row,
    checked,
    intact,
    mended,
    of_version_3,
    source,
    source_row,
)
from logd.chunk import REMEMBER_SECONDS
from logd.errors import ConfigError, Unavailable
from logd.flow.clock import now_us

logger = logging.getLogger("logd.agent")

VERSION = 4
_TABLES = {
    "sources": """CREATE TABLE sources (
        source_id TEXT PRIMARY KEY, source BLOB NOT NULL, path BLOB NOT NULL, device TEXT NOT NULL,
        inode TEXT NOT NULL, generation INTEGER NOT NULL, digest BLOB NOT NULL, digest_bytes INTEGER NOT NULL,
        position INTEGER NOT NULL, gone_us INTEGER, ended INTEGER NOT NULL, anchor BLOB NOT NULL,
        anchor_end INTEGER NOT NULL, checksum INTEGER NOT NULL) WITHOUT ROWID""",
    "pending": """CREATE TABLE pending (
        source_id TEXT NOT NULL, "start" INTEGER NOT NULL, "end" INTEGER NOT NULL, lines INTEGER NOT NULL,
        observed_us INTEGER NOT NULL, labels BLOB NOT NULL, events BLOB NOT NULL, checksum INTEGER NOT NULL,
        PRIMARY KEY (source_id, "start")) WITHOUT ROWID""",
    "entries": "CREATE TABLE entries (paths BLOB PRIMARY KEY, checksum INTEGER NOT NULL) WITHOUT ROWID",
}
_INDEX = "CREATE INDEX sources_by_inode ON sources (inode)"
_SCHEMA = {b" ".join(sql.encode().split()) for sql in (*_TABLES.values(), _INDEX)}
_PUT_SOURCE = "REPLACE INTO sources VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?)"
#: What somebody wants to know who thinks of deleting the file.
_WITHOUT_IT = (
    "without this file all files are read again from their beginning, and what the server still remembers isn't stored "
    "twice"
)


class Remembered(msgspec.Struct, frozen=True):
    """What a start needs: sources that had a file at last, batches in the order of their source's positions, entries
    that were started before (None: some were, and it isn't known which), and how many rows were damaged."""

    sources: list[Source]
    pending: list[Batch]
    entries: set[bytes] | None
    damaged: int


class State:
    """The state file. Calls block, and must come one at a time."""

    def __init__(self, path: Path, busy_seconds: float = 1.0) -> None:
        """Opens or creates it. Raises ConfigError when it can't be used, is a newer logd's or no state at all."""
        self._path = path
        #: False while a damaged row leaves open which entries were started.
        self._entries_known = True
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self.db = sqlite3.connect(path, busy_seconds, isolation_level=None, check_same_thread=False)
        except (OSError, sqlite3.Error) as error:
            raise self._unusable(error) from error
        try:
            self._prepare()
        except (sqlite3.Error, UnicodeError) as error:
            self.db.close()
            raise self._unusable(error) from error
        except ConfigError:
            self.db.close()
            raise

    def _prepare(self) -> None:
        # Damaged text comes as it is, to be seen by its checksum.
        self.db.text_factory = lambda data: data.decode("utf-8", "surrogateescape")
        version = int(self.db.execute("PRAGMA user_version").fetchone()[0])
        if version > VERSION:
            raise ConfigError(
                f"the agent's state {self._path} has version {version}, this logd knows {VERSION}: use a newer logd; "
                f"{_WITHOUT_IT}"
            )
        self.db.execute("PRAGMA journal_mode = WAL")
        self.db.execute("PRAGMA synchronous = FULL")
        self._check()
        self.db.execute("BEGIN IMMEDIATE")
        if version < 2:
            kept = {name: self._of_version_1(name) if version else [] for name in _TABLES}
            for name, create in _TABLES.items():
                self.db.execute(create)
                for row in map(of_version_3, kept[name]) if name == "sources" else kept[name]:
                    self.db.execute(f"INSERT INTO {name} VALUES ({','.join('?' * len(row))})", row)
            self.db.execute(_INDEX)
        elif version < VERSION:
            self._add_anchors()
        self.db.execute(f"PRAGMA user_version = {VERSION}")  # whether it can be written is known now, not at a batch
        self.db.execute("COMMIT")
        stored = self.db.execute("SELECT CAST(sql AS BLOB) FROM sqlite_master").fetchall()
        if {b" ".join(sql.split()) for (sql,) in stored} != _SCHEMA:
            raise sqlite3.DatabaseError(f"its tables are not those of version {VERSION}")

    def _of_version_1(self, name: str) -> Sequence[Row]:
        rows = [checked(*row) for row in self.db.execute(f"SELECT * FROM {name}").fetchall()]
        self.db.execute(f"DROP TABLE {name}")
        return rows

    def _add_anchors(self) -> None:
        rows = [of_version_3(row) for row in self.db.execute("SELECT * FROM sources").fetchall() if intact(row)]
        self.db.execute("ALTER TABLE sources RENAME TO before")
        self.db.execute(_TABLES["sources"])
        # Damaged rows stay as they are: no checksum is below 0.
        columns = "source_id, source, path, device, inode, generation, digest, digest_bytes, position, gone_us, ended"
        self.db.execute(f"INSERT INTO sources SELECT {columns}, x'', 0, -1 FROM before")
        self.db.executemany(_PUT_SOURCE, rows)
        self.db.execute("DROP TABLE before")
        self.db.execute(_INDEX)

    def _check(self) -> None:
        """Raises sqlite3.DatabaseError when the structure of the file is damaged. An index is made anew."""
        query = "PRAGMA integrity_check(1)"
        if self.db.execute(query).fetchone()[0] == "ok":
            return
        self.db.execute("REINDEX")
        found = self.db.execute(query).fetchone()[0]
        if found != "ok":
            raise sqlite3.DatabaseError(found.replace("\n", " "))
        logger.warning("the agent's state %s had a damaged index, which was made anew", self._path)

    def _unusable(self, error: Exception) -> ConfigError:
        # SQLite calls what it can't do now an OperationalError.
        wrong = not isinstance(error, sqlite3.OperationalError | OSError)
        what = "is damaged or is none" if wrong else "can't be opened"
        return ConfigError(f"the agent's state {self._path} {what}: {error}; {_WITHOUT_IT}")

    def read(self, at_us: int) -> Remembered:
        """What a start needs, after mending what is damaged, and forgetting sources that have been gone for as long as
        transports remember them. Raises Unavailable, as all that follow do."""
        rows = self._all("SELECT * FROM sources")
        sources = {found.source_id: found for row in rows if (found := self._source(row))}
        batches = self._all('SELECT * FROM pending ORDER BY source_id, "start"')
        pending = self._unbroken(batches, sources)
        entries = self._all("SELECT * FROM entries")
        self._entries_known = all(map(intact, entries))
        damaged = sum(not intact(row) for row in (*rows, *batches, *entries))
        if damaged or len(pending) < len(batches):
            self._rewrite(sources.values(), pending)
        forget_us = at_us - REMEMBER_SECONDS * 1_000_000
        forgotten = {found.source_id for found in sources.values() if (found.gone_us or at_us) < forget_us}
        if forgotten:
            self.commit([], dropped=forgotten, forgotten=forgotten)
        return Remembered(
            [found for found in sources.values() if found.gone_us is None],
            [found for found in pending if found.source_id not in forgotten],
            {row[0] for row in entries} if self._entries_known else None,
            damaged,
        )

    def by_inode(self, inode: int) -> list[Source]:
        """All sources, gone ones too, whose file had this inode."""
        rows = self._all("SELECT * FROM sources WHERE inode = ?", str(inode))
        return [found for row in rows if (found := self._source(row))]

    def by_id(self, source_id: str) -> Source | None:
        """The source of that id."""
        rows = self._all("SELECT * FROM sources WHERE source_id = ?", source_id)
        return self._source(rows[0]) if rows else None

    def _source(self, row: Row) -> Source | None:
        if intact(row):
            return source(row)
        found = mended(row, now_us())
        then = "read again from its beginning" if found and not found.ended else "not known any more"
        logger.error("%s: the row of source %r is damaged, it is %s", self._path, row[0], then)
        return found

    def _rewrite(self, sources: Iterable[Source], pending: Iterable[Batch]) -> None:
        """Replaces both tables: a damaged row may not be found under its key."""
        with self._transaction() as cursor:
            cursor.execute("DELETE FROM pending")
            cursor.execute("DELETE FROM sources")
            self._put(cursor, sources, pending)

    def _unbroken(self, rows: Iterable[Row], sources: Mapping[str, Source]) -> list[Batch]:
        """The batches of the sources whose rows are all intact and follow upon one another: were one sent without one
        before it, the target would take that for sent."""
        reached = {found.source_id: found.position for found in sources.values()}
        kept: list[Batch] = []
        broken: set[str] = set()
        for row in rows:
            found = batch(row) if intact(row) else None
            if found is None or reached.get(found.source_id, found.start) != found.start:
                broken.add(row[0])
            else:
                reached[found.source_id] = found.end
                kept.append(found)
        for source_id in broken:
            logger.error("%s: batches of source %r are damaged, they are made anew", self._path, source_id)
        return [found for found in kept if found.source_id not in broken]

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
        started = [checked(paths) for paths in entries]
        with self._transaction() as cursor:
            cursor.executemany("DELETE FROM pending WHERE source_id = ?", [(name,) for name in dropped])
            cursor.executemany("DELETE FROM sources WHERE source_id = ?", [(name,) for name in forgotten])
            cursor.executemany(
                'DELETE FROM pending WHERE source_id = ? AND "end" <= ?',
                [(source.source_id, source.position) for source in sources],
            )
            self._put(cursor, sources, pending)
            if started and not self._entries_known:
                cursor.execute("DELETE FROM entries")
            cursor.executemany("REPLACE INTO entries VALUES (?,?)", started)
        self._entries_known = self._entries_known or bool(started)

    def close(self) -> None:
        """Releases the file."""
        self.db.close()

    def _put(self, cursor: sqlite3.Cursor, sources: Iterable[Source], pending: Iterable[Batch]) -> None:
        cursor.executemany(_PUT_SOURCE, map(source_row, sources))
        cursor.executemany("REPLACE INTO pending VALUES (?,?,?,?,?,?,?,?)", map(batch_row, pending))

    def _all(self, statement: str, *values: object) -> list[Any]:
        try:
            return self.db.execute(statement, values).fetchall()
        except sqlite3.Error as error:
            raise Unavailable(f"the agent's state {self._path} can't be read: {error}") from error

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Cursor]:
        try:
            with closing(self.db.cursor()) as cursor:
                cursor.execute("BEGIN IMMEDIATE")
                try:
                    yield cursor
                    cursor.execute("COMMIT")
                finally:
                    if self.db.in_transaction:
                        cursor.execute("ROLLBACK")
        except sqlite3.Error as error:
            raise Unavailable(f"the agent's state {self._path} can't be written: {error}") from error
