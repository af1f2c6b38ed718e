"""What people ask of the SQLite transport's file, beside a running server or without one."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from logd.backends.transport import sqlite_schema as schema
from logd.backends.transport.sqlite_open import failure, open_existing, open_reader
from logd.errors import Conflict, NotFound

#: Of a topic's counts, those of what ever went through.
_LEDGER = ("appended", "duplicate", "expired", "replayed", "removed")


def status(path: Path) -> dict[str, Any]:
    """By topic what it holds, its groups, and its ledger since the file was made; reads no messages. Raises
    Unavailable or Corrupt."""
    try:
        with contextlib.closing(open_reader(path)) as db:
            return read_status(db)
    except sqlite3.Error as error:
        raise failure(path, "read", error) from error


def status_of_file(path: Path) -> dict[str, Any]:
    """The same, for a command: raises ConfigError when there is no such file or it can't be used."""
    try:
        with contextlib.closing(open_existing(path)) as db:
            return read_status(db)
    except sqlite3.Error as error:
        raise failure(path, "read", error) from error


class Reading:
    """The file at one moment."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db
        db.execute("BEGIN")
        self._topics = frozenset(schema.topics_of(db))  # the transaction begins with its first read

    def counts(self, topic: str) -> schema.Counts:
        """Of a topic, 0 each when there is none of that name."""
        if topic not in self._topics:
            return schema.Counts()
        return schema.load_counts(self._db, topic) or schema.counted(self._db, topic)

    def next_position(self, topic: str) -> int:
        """The position that the next message will have."""
        return self.counts(topic).next

    def group_position(self, topic: str, group: str) -> int:
        """Up to where the group says that it is done; 0 when there is no such group."""
        return schema.load_groups(self._db, topic).get(group, 0)

    def oldest_position(self, topic: str) -> int:
        """The position of the oldest message held, or of the next one."""
        if topic not in self._topics:
            return 0
        oldest = self._db.execute(f"SELECT min(position) FROM {schema.table_of(topic)}").fetchone()[0]
        return self.next_position(topic) if oldest is None else int(oldest)

    def lines_from(self, topic: str, position: int) -> int:
        """Lines held in messages from that position on; reads them."""
        if topic not in self._topics:
            return 0
        query = f"SELECT coalesce(sum(lines), 0) FROM {schema.table_of(topic)} WHERE position >= ?"
        return int(self._db.execute(query, (position,)).fetchone()[0])


@contextlib.contextmanager
def reading(path: Path) -> Iterator[Reading]:
    """For a command. Raises ConfigError when there is no such file or it can't be used, Unavailable or Corrupt."""
    try:
        with contextlib.closing(open_existing(path)) as db:
            yield Reading(db)
    except sqlite3.Error as error:
        raise failure(path, "read", error) from error


def forget(path: Path, topic: str, group: str, running_roles: Sequence[str]) -> None:
    """Removes a group, so that nothing waits for it any more; a running server notices. Raises NotFound when there is
    no such group, Conflict when it is that of a role that is configured, ConfigError when the file can't be used,
    Unavailable when it can't be written now."""
    if group in running_roles:  # a role's group has its name
        raise Conflict(
            f"group {group!r} belongs to a role that this configuration runs: remove it from server.roles first"
        )
    try:
        with contextlib.closing(open_existing(path)) as db:
            known = {name: schema.load_groups(db, name) for name in schema.topics_of(db)}
            if group not in known.get(topic, {}):
                names = [f"{name} ({of})" for of, groups in sorted(known.items()) for name in sorted(groups)]
                there = f"there are {', '.join(names)}" if names else "there are none"
                raise NotFound(f"topic {topic} has no group {group!r}: {there}")
            db.execute("DELETE FROM groups WHERE topic = ? AND name = ?", (topic, group))
    except sqlite3.Error as error:
        raise failure(path, "write", error) from error


def _taken_us(db: sqlite3.Connection, topic: str, position: int) -> int | None:
    """When the first message was taken that a group isn't done with."""
    query = f"SELECT taken FROM {schema.table_of(topic)} WHERE position >= ? ORDER BY position LIMIT 1"
    row = db.execute(query, (position,)).fetchone()
    return None if row is None else int(row[0])


def read_status(db: sqlite3.Connection) -> dict[str, Any]:
    """See `status`; of one moment."""
    topics = {}
    db.execute("BEGIN")
    for name in schema.topics_of(db):
        counts = msgspec.structs.asdict(schema.load_counts(db, name) or schema.counted(db, name))
        newest = counts["next"]
        oldest = db.execute(f"SELECT taken FROM {schema.table_of(name)} ORDER BY position LIMIT 1").fetchone()
        topics[name] = {
            "messages": counts["messages"],
            "lines": counts["lines"],
            "bytes": counts["bytes"],
            "oldest_us": oldest[0] if oldest else None,
            "next_position": newest,
            "groups": {
                group: {"position": at, "lag": newest - max(at, 1), "waiting_us": _taken_us(db, name, at)}
                for group, at in schema.load_groups(db, name).items()
            },
            "ledger": {column: counts[column] for column in counts if column.startswith(_LEDGER)},
        }
    db.execute("COMMIT")
    return topics
