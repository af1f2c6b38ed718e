"""The file of partials: opening it, or beginning anew, and its rows."""

from __future__ import annotations

import contextlib
import logging
import os
import sqlite3
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path

from logd.errors import ConfigError, Unavailable
from logd.seams import Page

log = logging.getLogger("logd.alerts")
VERSION = 1
SHARD = 0
#: The seq is never given twice: who reads up to one sees nothing that was published later.
_TABLE = """CREATE TABLE pages (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, key BLOB NOT NULL UNIQUE, value BLOB NOT NULL, checksum INTEGER NOT NULL)"""
_PUT = "REPLACE INTO pages (key, value, checksum) VALUES (?, ?, ?)"
_WAL_BYTES = 16 * 1024 * 1024
_BUSY_SECONDS = 5.0
_DAMAGE_CODES = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


class _Damaged(Exception):
    """The file's structure isn't what was written."""


def open_file(path: Path) -> sqlite3.Connection:
    """The connection that writes, whose calls may come from any one thread at a time, in a file that is made if need
    be; one that is damaged is put aside. Raises ConfigError."""
    _check_access(path)
    try:
        try:
            return _open(path)
        except _Damaged as error:
            aside = path.with_name(f"{path.name}.damaged")
            log.warning(
                "%s is damaged (%s) and put aside as %s: alerts begin anew, and may miss what was counted of windows "
                "that have begun already",
                *(path, error, aside.name),
            )
            path.replace(aside)
            for suffix in ("-wal", "-shm"):  # they would be taken for the new file's
                path.with_name(f"{path.name}{suffix}").unlink(missing_ok=True)
            return _open(path)
    except (sqlite3.Error, OSError, _Damaged) as error:
        raise ConfigError(f"what alerts have counted, {path}, can't be opened: {error}") from error


def failure(path: Path, error: sqlite3.Error) -> Unavailable:
    """What an error at run time means."""
    advice = ": it is damaged, and put aside at the next start" if _code(error) in _DAMAGE_CODES else ""
    return Unavailable(f"what alerts have counted, {path}, can't be used{advice} ({error})")


def put(db: sqlite3.Connection, pages: Sequence[Page]) -> None:
    """All of the pages in one transaction, or none. Raises sqlite3.Error."""
    try:
        db.execute("BEGIN IMMEDIATE")
        for page in pages:
            if page.value:
                db.execute(_PUT, (page.key, page.value, _checksum(page.key, page.value)))
            else:
                db.execute("DELETE FROM pages WHERE key = ?", (page.key,))
        db.execute("COMMIT")
    except BaseException:
        with contextlib.suppress(sqlite3.Error):
            if db.in_transaction:
                db.execute("ROLLBACK")
        raise


def newest(db: sqlite3.Connection) -> int:
    """The seq of the page that was published last. Raises sqlite3.Error."""
    found: int = db.execute("SELECT coalesce(max(seq), 0) FROM pages").fetchone()[0]
    return found


def portion(db: sqlite3.Connection, after: int, end: int, most_bytes: int) -> tuple[Sequence[Page], int, bool]:
    """Pages from behind a seq up to another, in order, with about so many bytes of values at most; the last one's seq;
    whether these were all. Raises sqlite3.Error."""
    pages: list[Page] = []
    size = 0
    rows = db.execute(
        "SELECT seq, key, value, checksum FROM pages WHERE seq > ? AND seq <= ? ORDER BY seq", (after, end)
    )
    with contextlib.closing(rows):
        for seq, key, value, checksum in rows:
            pages += _checked(key, value, checksum)
            size += len(value)
            if size >= most_bytes:
                return pages, seq, False
    return pages, end, True


def read(path: Path, wanted: Callable[[bytes], bool]) -> Sequence[Page]:
    """See Partials.read; values are read of wanted keys only. Raises sqlite3.Error."""
    uri = f"{path.absolute().as_uri()}?mode=ro"
    pages: list[Page] = []
    with contextlib.closing(sqlite3.connect(uri, uri=True, timeout=_BUSY_SECONDS, isolation_level=None)) as db:
        db.execute("BEGIN")
        for seq, key in db.execute("SELECT seq, key FROM pages ORDER BY seq"):
            if wanted(key):
                value, checksum = db.execute("SELECT value, checksum FROM pages WHERE seq = ?", (seq,)).fetchone()
                pages += _checked(key, value, checksum)
    return pages


def _open(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    with contextlib.ExitStack() as undo:
        undo.callback(db.close)
        try:
            version = db.execute("PRAGMA user_version").fetchone()[0]
            if version > VERSION:
                raise ConfigError(f"{path} has version {version}, this logd knows {VERSION}: use a newer logd")
            db.execute("PRAGMA journal_mode = WAL")
            db.execute("PRAGMA synchronous = NORMAL")
            db.execute(f"PRAGMA journal_size_limit = {_WAL_BYTES}")
            db.execute("PRAGMA cache_size = -4096")
            if version == 0:
                db.execute("BEGIN IMMEDIATE")
                db.execute(_TABLE)
                db.execute(f"PRAGMA user_version = {VERSION}")
                db.execute("COMMIT")
            if (found := str(db.execute("PRAGMA quick_check(1)").fetchone()[0])) != "ok":
                raise _Damaged(" ".join(found.split())[:200])
            newest(db)
        except UnicodeDecodeError as error:  # SQLite's messages quote what is damaged
            raise _Damaged("not readable") from error
        except sqlite3.Error as error:
            if _code(error) in _DAMAGE_CODES or _is_other(error):
                raise _Damaged(str(error)) from error
            raise
        undo.pop_all()
    return db


def _is_other(error: sqlite3.Error) -> bool:
    """The file can be read, and has no such table, or one although it is new."""
    return _code(error) == sqlite3.SQLITE_ERROR


def _checked(key: bytes, value: bytes, checksum: int) -> Sequence[Page]:
    """The page, unless it isn't what was published, which is logged."""
    if checksum != _checksum(key, value):
        log.error("what alerts have counted of %r is damaged, and left out", key)
        return ()
    return (Page(SHARD, key, value),)


def _checksum(key: bytes, value: bytes) -> int:
    return zlib.crc32(value, zlib.crc32(key))


def _check_access(path: Path) -> None:
    """SQLite would open a file that it can't write, and fail later."""
    if path.is_dir():
        raise ConfigError(f"what alerts have counted, {path}, is a folder, not a file: move it away")
    for part in (path, Path(f"{path}-wal"), Path(f"{path}-shm"), path.parent):
        if part.exists() and not os.access(part, os.R_OK | os.W_OK):
            raise ConfigError(
                f"what alerts have counted, {path}, can't be opened: user {os.getuid()} may not read and write {part}, "
                f"which belongs to user {part.stat().st_uid}"
            )


def _code(error: sqlite3.Error) -> int:
    """SQLite's primary result code; 0 for an error of Python's module."""
    code: int = getattr(error, "sqlite_errorcode", 0)
    return code & 0xFF
