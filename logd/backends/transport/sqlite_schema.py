"""The tables of the SQLite transport, their checksums, and how an older file becomes one of today.

    log_TOPIC  position (rises, never reused), taken µs, lines, key, headers (JSON), bytes_before, checksum, value
    topics     topic → next position, what is held, and what was ever appended, left out and expired
    sources    topic, source → next position of that source, and until when it is remembered
    groups     topic, group → position of the group's next message

`bytes_before` are the bytes of all values that were appended to the topic before, so that one row tells how much lies
behind a position. A row that came from format 1 has neither it nor a checksum, and is taken as it is.
"""

from __future__ import annotations

import logging
import sqlite3
from zlib import crc32

import msgspec

from logd.errors import ConfigError

log = logging.getLogger("logd.transport")
VERSION = 3
_TOPIC_PREFIX = "log_"


class Counts(msgspec.Struct):
    """A topic's row: the position of its next message, what it holds, and what ever went through; `bytes` of values.
    `expired` were over a limit, `replayed` moved to another topic, `removed` by hand."""

    next: int = 1
    messages: int = 0
    lines: int = 0
    bytes: int = 0
    appended_messages: int = 0
    appended_lines: int = 0
    appended_bytes: int = 0
    duplicate_messages: int = 0
    duplicate_lines: int = 0
    expired_messages: int = 0
    expired_lines: int = 0
    replayed_messages: int = 0
    replayed_lines: int = 0
    removed_messages: int = 0
    removed_lines: int = 0


_COUNTS = Counts.__struct_fields__
#: What format 2 hadn't.
_SINCE_3 = tuple(name for name in _COUNTS if name.startswith(("replayed", "removed")))
_COUNT_COLUMNS = ", ".join(f"{name} INTEGER NOT NULL" for name in _COUNTS)
_TOPICS = f"CREATE TABLE topics (topic TEXT PRIMARY KEY, {_COUNT_COLUMNS}, checksum INTEGER) WITHOUT ROWID"
_SOURCES = """CREATE TABLE sources (topic TEXT, source TEXT, next INTEGER NOT NULL, expires REAL NOT NULL,
  digest TEXT NOT NULL, checksum INTEGER, PRIMARY KEY (topic, source)) WITHOUT ROWID"""
_GROUPS = """CREATE TABLE groups (topic TEXT, name TEXT, position INTEGER NOT NULL, checksum INTEGER,
  PRIMARY KEY (topic, name)) WITHOUT ROWID"""


def prepare(db: sqlite3.Connection, path: object) -> None:
    """Makes a new file's tables, or an older file one of today, in one transaction. Raises ConfigError when it is of a
    newer logd, and sqlite3.Error, which changes nothing."""
    version = format_of(db)
    if version > VERSION:
        raise ConfigError(f"{path} has format {version}, this logd knows up to {VERSION}: use a newer logd")
    if version == VERSION:
        return
    db.execute("BEGIN IMMEDIATE")
    try:
        if version == 0:
            for table in (_TOPICS, _SOURCES, _GROUPS):
                db.execute(table)
        elif version == 1:
            _from_1(db)
        else:
            _from_2(db)
        db.execute(f"PRAGMA user_version = {VERSION}")
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise


def format_of(db: sqlite3.Connection) -> int:
    """0 for a file that is still empty."""
    version: int = db.execute("PRAGMA user_version").fetchone()[0]
    return version


def create_topic(db: sqlite3.Connection, topic: str) -> None:
    """Its table. AUTOINCREMENT tells how far a topic got should its counts be damaged."""
    db.execute(
        f"""CREATE TABLE IF NOT EXISTS {table_of(topic)} (position INTEGER PRIMARY KEY AUTOINCREMENT,
          taken INTEGER NOT NULL, lines INTEGER NOT NULL, key TEXT NOT NULL, headers BLOB NOT NULL,
          bytes_before INTEGER, checksum INTEGER, value BLOB NOT NULL)"""
    )


def topics_of(db: sqlite3.Connection) -> list[str]:
    query = "SELECT name FROM sqlite_master WHERE type = 'table' AND name GLOB ?"
    return [row[0].removeprefix(_TOPIC_PREFIX).replace("_", "-") for row in db.execute(query, (f"{_TOPIC_PREFIX}*",))]


def table_of(topic: str) -> str:
    """The table's name, quoted. Raises ValueError for a topic that has no plain name."""
    if not topic.replace("-", "").isalnum():
        raise ValueError(f"topic {topic!r} is not made of letters, digits and hyphens")
    return f'"{_TOPIC_PREFIX}{topic.replace("-", "_")}"'


def message_checksum(taken_us: int, lines: int, key: bytes, headers: bytes, value: bytes) -> int:
    """Of all that a message is but its position. Raises TypeError when damage made something else of a part."""
    return crc32(value, crc32(headers, crc32(key, (taken_us ^ lines) & 0xFFFFFFFF)))


def row_checksum(*parts: object) -> int:
    """Of a row of the other tables."""
    return crc32(repr(parts).encode())


def counted(db: sqlite3.Connection, topic: str) -> Counts:
    """A topic's counts as its messages tell: all that is held counts as appended, and what was is forgotten."""
    table = table_of(topic)
    query = f"SELECT count(*), coalesce(sum(lines), 0), coalesce(sum(length(value)), 0) FROM {table}"
    held = db.execute(query).fetchone()
    row = db.execute("SELECT seq FROM sqlite_sequence WHERE name = ?", (table.strip('"'),)).fetchone()
    return Counts((row[0] if row else 0) + 1, *held, *held)


def _from_1(db: sqlite3.Connection) -> None:
    db.execute(_TOPICS)
    db.execute("ALTER TABLE sources ADD COLUMN checksum INTEGER")
    db.execute("ALTER TABLE groups ADD COLUMN checksum INTEGER")
    for topic in topics_of(db):
        db.execute(f"ALTER TABLE {table_of(topic)} ADD COLUMN bytes_before INTEGER")
        db.execute(f"ALTER TABLE {table_of(topic)} ADD COLUMN checksum INTEGER")
        save_counts(db, topic, counted(db, topic))


def _from_2(db: sqlite3.Connection) -> None:
    """A row that is damaged stays so, and is known for it."""
    before = [name for name in _COUNTS if name not in _SINCE_3]
    rows = db.execute(f"SELECT topic, {', '.join(before)}, checksum FROM topics").fetchall()
    for name in _SINCE_3:
        db.execute(f"ALTER TABLE topics ADD COLUMN {name} INTEGER NOT NULL DEFAULT 0")
    for topic, *values, checksum in rows:
        if checksum == row_checksum(topic, *values):
            save_counts(db, topic, Counts(**dict(zip(before, values, strict=True))))


def save_counts(db: sqlite3.Connection, topic: str, counts: Counts) -> None:
    row = msgspec.structs.astuple(counts)
    insert = f"INSERT OR REPLACE INTO topics (topic, {', '.join(_COUNTS)}, checksum)"
    db.execute(f"{insert} VALUES ({', '.join('?' * (len(row) + 2))})", (topic, *row, row_checksum(topic, *row)))


def load_counts(db: sqlite3.Connection, topic: str) -> Counts | None:
    """None when there are none, or when they are damaged."""
    row = db.execute(f"SELECT {', '.join(_COUNTS)}, checksum FROM topics WHERE topic = ?", (topic,)).fetchone()
    if row is None or row[-1] != row_checksum(topic, *row[:-1]):
        return None
    return Counts(*row[:-1])


def save_group(db: sqlite3.Connection, topic: str, group: str, position: int) -> None:
    row = (topic, group, position, row_checksum(topic, group, position))
    db.execute("INSERT OR REPLACE INTO groups (topic, name, position, checksum) VALUES (?, ?, ?, ?)", row)


def load_groups(db: sqlite3.Connection, topic: str) -> dict[str, int]:
    """Positions by group. One that is damaged is 0, as if nothing was taken: better twice than never."""
    groups = {}
    for name, position, checksum in db.execute("SELECT name, position, checksum FROM groups WHERE topic = ?", (topic,)):
        intact = checksum is None or checksum == row_checksum(topic, name, position)
        if not intact:
            log.error("the position of group %s in topic %s is damaged: it begins again with the oldest", name, topic)
        groups[name] = position if intact else 0
    return groups
