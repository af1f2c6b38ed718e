"""Opening the SQLite transport's file, and what to say when that, or reading it later, doesn't work."""

from __future__ import annotations

import contextlib
import logging
import os
import sqlite3
import threading
from pathlib import Path

from logd.backends.transport import sqlite_schema as schema
from logd.errors import ConfigError, Corrupt, Unavailable

log = logging.getLogger("logd.transport")
#: Chunks are tens of kilobytes: in large pages they take few, and the WAL's checksums and page headers cost a third.
_PAGE_BYTES = 65_536
_WAL_BYTES = 16 * 1024 * 1024
#: How long a lock of another program is waited for; what `logd transport` does takes milliseconds.
BUSY_SECONDS = 5.0
#: The check at start reads the whole file, some GB a second once it is cached: most queues fit, and a start is quick.
_CHECK_SECONDS = 10.0
#: Python reads SQLite's messages as UTF-8, and they quote what is damaged.
AT_START = (sqlite3.Error, UnicodeDecodeError)
_DAMAGE_CODES = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
_HOLDS = "it holds what was accepted and not yet indexed"


def open_writer(path: Path) -> sqlite3.Connection:
    """The connection that writes, in a file that is made if need be, checked, and brought to today's format. Raises
    ConfigError with one sentence that names the file and says what to do."""
    _check_access(path)
    try:
        db = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
        with contextlib.ExitStack() as undo:
            undo.callback(db.close)
            db.execute(f"PRAGMA page_size = {_PAGE_BYTES}")
            db.execute("PRAGMA auto_vacuum = INCREMENTAL")
            db.execute("PRAGMA journal_mode = WAL")
            db.execute("PRAGMA synchronous = FULL")
            db.execute(f"PRAGMA wal_autocheckpoint = {_WAL_BYTES // _PAGE_BYTES}")
            # Some builds overwrite what they delete, which is all that we write.
            db.execute("PRAGMA secure_delete = OFF")
            db.execute(f"PRAGMA journal_size_limit = {_WAL_BYTES}")
            db.execute("PRAGMA cache_size = -4096")
            _check_pages(db, path)
            schema.prepare(db, path)
            undo.pop_all()
    except AT_START as error:
        raise refusal(path, error) from error
    return db


def open_reader(path: Path) -> sqlite3.Connection:
    """A connection that only reads; its calls may come from any one thread at a time. Raises sqlite3.Error."""
    uri = f"{path.absolute().as_uri()}?mode=ro"
    db = sqlite3.connect(uri, uri=True, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    db.execute("PRAGMA cache_size = -2048")
    return db


def open_existing(path: Path) -> sqlite3.Connection:
    """A connection for one command, beside a server or without one. Raises ConfigError when there is no such file,
    when it can't be used, or when it isn't of today's format."""
    if not path.exists():
        raise ConfigError(f"{path} does not exist: no server has used this data_dir yet")
    _check_access(path)
    try:
        db = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None)
        with contextlib.ExitStack() as undo:
            undo.callback(db.close)
            if (version := schema.format_of(db)) != schema.VERSION:
                instead = "start its server once" if version < schema.VERSION else "use a newer logd"
                raise ConfigError(f"{path} has format {version}, this logd works on {schema.VERSION}: {instead}")
            undo.pop_all()
    except AT_START as error:
        raise refusal(path, error) from error
    return db


def failure(path: Path, doing: str, error: sqlite3.Error) -> Corrupt | Unavailable:
    """What an error at run time means: Corrupt when SQLite can't make sense of the file any more, for which there is
    no next try; else Unavailable."""
    if _code(error) in _DAMAGE_CODES:
        return Corrupt(f"the transport can't {doing} {path}: it is damaged ({error}); {_repair(path)}")
    full = _code(error) == sqlite3.SQLITE_FULL
    return Unavailable(f"the transport can't {doing} {path}: {error}", status=507 if full else 429)


def _check_access(path: Path) -> None:
    """SQLite would open a file that it can't write, and fail later."""
    if path.is_dir():
        raise ConfigError(f"the transport {path} is a folder, not a file: move it away")
    if not path.parent.is_dir():
        raise ConfigError(f"the transport {path} can't be opened: its folder does not exist")
    for part in (path, Path(f"{path}-wal"), Path(f"{path}-shm"), path.parent):
        if part.exists() and not os.access(part, os.R_OK | os.W_OK):
            raise ConfigError(
                f"the transport {path} can't be opened: user {os.getuid()} may not read and write {part}, which "
                f"belongs to user {part.stat().st_uid}; give it to the user that runs logd, since {_HOLDS}"
            )


def _check_pages(db: sqlite3.Connection, path: Path) -> None:
    """Raises ConfigError when the file's structure is damaged. A file that is too large to be read within
    _CHECK_SECONDS is taken: what is damaged in it will be met when it is read."""
    timer = threading.Timer(_CHECK_SECONDS, db.interrupt)
    timer.start()
    try:
        found = str(db.execute("PRAGMA quick_check(1)").fetchone()[0])
    except sqlite3.OperationalError as error:
        if _code(error) != sqlite3.SQLITE_INTERRUPT:
            raise
        log.info("%s is too large to be checked whole within %g s", path, _CHECK_SECONDS)
        return
    finally:
        timer.cancel()
        timer.join()
    if found != "ok":
        raise ConfigError(f"the transport {path} is damaged ({' '.join(found.split())[:200]}); {_repair(path)}")


def refusal(path: Path, error: sqlite3.Error | UnicodeDecodeError) -> ConfigError:
    """The sentence for an error at start."""
    match _code(error):
        case sqlite3.SQLITE_NOTADB:
            return ConfigError(
                f"the transport {path} is no SQLite database, or its beginning is damaged; {_repair(path)}"
            )
        case sqlite3.SQLITE_CORRUPT:
            return ConfigError(f"the transport {path} is damaged ({error}); {_repair(path)}")
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return ConfigError(
                f"the transport {path} is locked by another program: end that program, or wait for it, and start again"
            )
        case sqlite3.SQLITE_FULL:
            return ConfigError(f"the transport {path} can't be opened: the disk is full; make room, since {_HOLDS}")
        case _:
            return ConfigError(f"the transport {path} can't be opened: {error}; {_HOLDS}, so don't remove it")


def _repair(path: Path) -> str:
    return (
        f"{_HOLDS}: repair it with `sqlite3 {path.name} .recover`, or move it and {path.name}-wal away to start with "
        "an empty queue"
    )


def _code(error: sqlite3.Error | UnicodeDecodeError) -> int:
    """SQLite's primary result code; 0 for an error of Python's module."""
    if isinstance(error, UnicodeDecodeError):
        return sqlite3.SQLITE_CORRUPT
    code: int = getattr(error, "sqlite_errorcode", 0)
    return code & 0xFF
