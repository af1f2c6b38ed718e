"""The SQL of the SQLite transport: the file's layout is described in sqlite.py. Every function runs in a thread."""

from __future__ import annotations

import contextlib
import sqlite3
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from logd.chunk import Envelope, line_count
from logd.errors import ConfigError

VERSION = 1
#: Chunks are tens of kilobytes: in large pages they take few, and the WAL's checksums and page headers cost a third.
_PAGE_BYTES = 65_536
_WAL_BYTES = 16 * 1024 * 1024
#: What one trim deletes at most, so that appends never wait long for it.
_TRIM_MESSAGES = 512
_TOPIC_PREFIX = "log_"


def open_writer(path: Path) -> tuple[sqlite3.Connection, dict[str, int]]:
    """The only connection that writes, and the next position of every topic. Raises ConfigError."""
    try:
        db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        db.execute(f"PRAGMA page_size = {_PAGE_BYTES}")
        db.execute("PRAGMA auto_vacuum = INCREMENTAL")
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = FULL")
        db.execute(f"PRAGMA wal_autocheckpoint = {_WAL_BYTES // _PAGE_BYTES}")
        db.execute("PRAGMA secure_delete = OFF")  # some builds overwrite what they delete, which is all that we write
        db.execute(f"PRAGMA journal_size_limit = {_WAL_BYTES}")
        db.execute("PRAGMA cache_size = -4096")
        version = db.execute("PRAGMA user_version").fetchone()[0]
        if version > VERSION:
            raise ConfigError(f"{path} has format {version}, this logd knows up to {VERSION}: use a newer logd")
        if version == 0:
            db.executescript(
                f"""
                BEGIN IMMEDIATE;
                CREATE TABLE sources (topic TEXT, source TEXT, next INTEGER NOT NULL, expires REAL NOT NULL,
                  digest TEXT NOT NULL,
                  PRIMARY KEY (topic, source)) WITHOUT ROWID;
                CREATE TABLE groups (topic TEXT, name TEXT, position INTEGER NOT NULL,
                  PRIMARY KEY (topic, name)) WITHOUT ROWID;
                PRAGMA user_version = {VERSION};
                COMMIT;
                """
            )
        newest = {topic: _newest(db, topic) for topic in _topics(db)}
        keep_sources(db, time.time())
    except sqlite3.Error as error:
        raise ConfigError(f"the transport {path} can't be opened: {error}") from error
    return db, newest


def open_reader(path: Path) -> sqlite3.Connection:
    """A connection that only reads; its calls may come from any one thread at a time."""
    db = sqlite3.connect(f"file:{path}?mode=ro", uri=True, isolation_level=None, check_same_thread=False)
    db.execute("PRAGMA cache_size = -2048")
    return db


def select_messages(topic: str) -> str:
    """position, taken, lines, key, headers, value from a position on."""
    return (
        f"SELECT position, taken, lines, key, headers, value FROM {_table(topic)} WHERE position >= ? ORDER BY position"
    )


def ensure_topic(db: sqlite3.Connection, topic: str) -> None:
    """AUTOINCREMENT, since a position must never name two messages, even after all were deleted."""
    db.execute(
        f"""CREATE TABLE IF NOT EXISTS {_table(topic)} (position INTEGER PRIMARY KEY AUTOINCREMENT,
          taken INTEGER NOT NULL, lines INTEGER NOT NULL, key TEXT NOT NULL, headers BLOB NOT NULL,
          value BLOB NOT NULL)"""
    )


def insert_messages(db: sqlite3.Connection, topic: str, envelopes: Sequence[Envelope], taken_us: int) -> int:
    """Gives the last one's position."""
    insert = f"INSERT INTO {_table(topic)} (taken, lines, key, headers, value) VALUES (?, ?, ?, ?, ?)"
    position = 0
    for envelope in envelopes:
        headers = msgspec.json.encode(envelope.headers)
        lines = line_count(envelope.headers)
        position = db.execute(insert, (taken_us, lines, envelope.key, headers, envelope.value)).lastrowid or 0
    return position


class Source(NamedTuple):
    """Everything below `sent` has been sent by the source, 0 for one that is new or forgotten; with what `digest`."""

    sent: int
    expires: float
    digest: str


def known_source(db: sqlite3.Connection, topic: str, source: str, now: float) -> Source:
    query = "SELECT next, expires, digest FROM sources WHERE topic = ? AND source = ? AND expires > ?"
    row = db.execute(query, (topic, source, now)).fetchone()
    return Source(*row) if row else Source(0, 0.0, "")


def remember_sources(db: sqlite3.Connection, topic: str, sources: Mapping[str, Source]) -> None:
    db.executemany(
        "INSERT OR REPLACE INTO sources (topic, source, next, expires, digest) VALUES (?, ?, ?, ?, ?)",
        [(topic, source, known.sent, known.expires, known.digest) for source, known in sources.items()],
    )


def keep_sources(db: sqlite3.Connection, now: float) -> None:
    """A source whose time ran out while nobody served it gets an hour more, to send again what it had in flight."""
    db.execute("UPDATE sources SET expires = ? WHERE expires <= ?", (now + 3600, now))


def forget_sources(db: sqlite3.Connection, now: float) -> None:
    db.execute("DELETE FROM sources WHERE expires <= ?", (now,))


def group_position(path: Path, topic: str, group: str) -> int | None:
    with contextlib.closing(open_reader(path)) as db:
        query = "SELECT position FROM groups WHERE topic = ? AND name = ?"
        row = db.execute(query, (topic, group)).fetchone()
    return row[0] if row else None


def set_group_position(db: sqlite3.Connection, topic: str, group: str, position: int) -> None:
    """Registers the group if need be; never moves it backwards."""
    ensure_topic(db, topic)
    db.execute(
        """INSERT INTO groups (topic, name, position) VALUES (?, ?, ?)
          ON CONFLICT (topic, name) DO UPDATE SET position = max(position, excluded.position)""",
        (topic, group, position),
    )


def trim(db: sqlite3.Connection) -> bool:
    """Deletes some of the messages that every group of their topic is past. Their pages are used again; they are given
    back to the disk once nothing is left, since before that others would have to be moved. True when there is more."""
    left = more = False
    for topic, position in db.execute("SELECT topic, min(position) FROM groups GROUP BY topic").fetchall():
        oldest = db.execute(f"SELECT min(position) FROM {_table(topic)}").fetchone()[0]
        if oldest is not None and oldest < position:
            upto = min(position, oldest + _TRIM_MESSAGES)
            db.execute(f"DELETE FROM {_table(topic)} WHERE position < ?", (upto,))
            more = more or upto < position
        left = left or db.execute(f"SELECT EXISTS (SELECT 1 FROM {_table(topic)})").fetchone()[0]
    if not left:
        db.execute("PRAGMA incremental_vacuum").fetchall()
    return more


def status(path: Path) -> dict[str, Any]:
    """Messages and bytes by topic, lag by group."""
    with contextlib.closing(open_reader(path)) as db:
        topics = {}
        for topic in _topics(db):
            query = f"SELECT count(*), coalesce(sum(length(value)), 0), coalesce(sum(lines), 0) FROM {_table(topic)}"
            messages, size, lines = db.execute(query).fetchone()
            groups = db.execute("SELECT name, position FROM groups WHERE topic = ?", (topic,)).fetchall()
            newest = _newest(db, topic)
            topics[topic] = {
                "messages": messages,
                "lines": lines,
                "bytes": size,
                "next_position": newest,
                "groups": {name: {"position": at, "lag": newest - max(at, 1)} for name, at in groups},
            }
    return topics


def _topics(db: sqlite3.Connection) -> list[str]:
    query = "SELECT name FROM sqlite_master WHERE type = 'table' AND name GLOB ?"
    return [row[0].removeprefix(_TOPIC_PREFIX).replace("_", "-") for row in db.execute(query, (f"{_TOPIC_PREFIX}*",))]


def _newest(db: sqlite3.Connection, topic: str) -> int:
    row = db.execute("SELECT seq FROM sqlite_sequence WHERE name = ?", (_table(topic).strip('"'),)).fetchone()
    return (row[0] if row else 0) + 1


def _table(topic: str) -> str:
    if not topic.replace("-", "").isalnum():
        raise ValueError(f"topic {topic!r} is not made of letters, digits and hyphens")
    return f'"{_TOPIC_PREFIX}{topic.replace("-", "_")}"'
