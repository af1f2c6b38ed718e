"""The catalog's SQLite file: opening it, and what to say when that, or using it later, doesn't work."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sqlite3
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.util import await_only

from logd.backends.catalog import schema
from logd.errors import ConfigError, Corrupt, Unavailable

#: How long another process's write is waited for; each takes milliseconds.
_BUSY_SECONDS = 5.0
_AGAIN_SECONDS = 0.01
_DAMAGE_CODES = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
_HOLDS = "it holds the tokens and the saved searches"


class SqliteFile:
    """One connection to the file, which other processes may use at the same time."""

    def __init__(self, path: Path, engine: AsyncEngine, migrated: Sequence[str]) -> None:
        self._path = path
        self._engine = engine
        #: What brought it to today's schema; see schema.prepare.
        self.migrated = migrated

    @classmethod
    async def open(cls, path: Path) -> SqliteFile:
        """Makes the file if need be, checks it, and brings it to today's schema. Raises ConfigError."""
        await asyncio.to_thread(_make, path)
        engine = create_async_engine(
            sa.URL.create("sqlite+aiosqlite", database=str(path)),
            connect_args={"timeout": _BUSY_SECONDS},
            pool_size=1,
            max_overflow=0,
            hide_parameters=True,  # in messages, which are logged
        )
        event.listen(engine.sync_engine, "connect", _set_up)
        event.listen(engine.sync_engine, "begin", _begin)
        try:
            with _said_at_start(path):
                async with engine.connect() as connection:
                    found = str((await connection.execute(sa.text("PRAGMA quick_check(1)"))).scalar())
                if found != "ok":
                    raise ConfigError(f"the catalog {path} is damaged ({' '.join(found.split())[:200]}); {_advice()}")
                async with engine.execution_options(logd_writes=True).begin() as connection:
                    migrated = await schema.prepare(connection, path)
        except BaseException:
            await engine.dispose()
            raise
        return cls(path, engine, migrated)

    @contextlib.asynccontextmanager
    async def reading(self) -> AsyncIterator[Any]:
        """A connection within a transaction. Raises Unavailable, and Corrupt when the file is damaged."""
        with _said(self._path, "read"):
            async with self._engine.connect() as connection:
                yield connection

    @contextlib.asynccontextmanager
    async def writing(self) -> AsyncIterator[Any]:
        """The same with the right to write; what was done is durable once the block has ended, or undone. Raises
        IntegrityError too."""
        with _said(self._path, "write"):
            async with self._engine.execution_options(logd_writes=True).begin() as connection:
                yield connection

    async def close(self) -> None:
        """Closes the connection."""
        await self._engine.dispose()


def _set_up(connection: Any, _: object) -> None:
    connection.isolation_level = None  # BEGIN is ours
    cursor = connection.cursor()
    _to_wal(cursor)
    for pragma in ("synchronous = FULL", "foreign_keys = ON", "cache_size = -512"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _to_wal(cursor: Any) -> None:
    """Of several programs that make the file at once, SQLite lets none wait for who changes the mode."""
    deadline = time.monotonic() + _BUSY_SECONDS
    while True:
        try:
            cursor.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if _cause(error)[0] != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
        await_only(asyncio.sleep(_AGAIN_SECONDS))


def _begin(connection: sa.Connection) -> None:
    """Who is going to write says so first, else it might read what another writes at the same time."""
    writes = connection.get_execution_options().get("logd_writes")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _make(path: Path) -> None:
    """Readable by its owner only. Who runs `logd token create` as root must not lock out the service's user."""
    if path.is_dir():
        raise ConfigError(f"the catalog {path} is a folder, not a file: move it away")
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except FileExistsError:
        _check_access(path)
        return
    except OSError as error:
        raise ConfigError(f"the catalog {path} can't be made: {str(error.strerror).lower()}") from error
    try:
        if os.geteuid() == 0:
            owner = path.parent.stat()
            os.fchown(handle, owner.st_uid, owner.st_gid)
    finally:
        os.close(handle)


def _check_access(path: Path) -> None:
    """SQLite would open a file that it can't write, and fail later."""
    for part in (path, Path(f"{path}-wal"), Path(f"{path}-shm"), path.parent):
        if part.exists() and not os.access(part, os.R_OK | os.W_OK):
            raise ConfigError(
                f"the catalog {path} can't be opened: user {os.getuid()} may not read and write {part}, which belongs "
                f"to user {part.stat().st_uid}: be that user"
            )


@contextlib.contextmanager
def _said_at_start(path: Path) -> Iterator[None]:
    try:
        yield
    except (DBAPIError, sqlite3.Error, UnicodeDecodeError) as error:
        code, text = _cause(error)
        match code:
            case sqlite3.SQLITE_NOTADB:
                said = f"is no SQLite database, or its beginning is damaged; {_advice()}"
            case sqlite3.SQLITE_CORRUPT:
                said = f"is damaged ({text}); {_advice()}"
            case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
                said = "is locked by another program: end that program, or wait for it"
            case _:
                said = f"can't be opened: {text}; {_HOLDS}, so don't remove it"
        raise ConfigError(f"the catalog {path} {said}") from error


@contextlib.contextmanager
def _said(path: Path, doing: str) -> Iterator[None]:
    try:
        yield
    except IntegrityError:
        raise  # what was asked for contradicts what is there
    except (DBAPIError, sqlite3.Error, UnicodeDecodeError) as error:
        code, text = _cause(error)
        if code in _DAMAGE_CODES:
            raise Corrupt(f"can't {doing} the catalog {path}: it is damaged ({text}); {_advice()}") from error
        raise Unavailable(f"can't {doing} the catalog {path}: {text}") from error


def _advice() -> str:
    return f"{_HOLDS}: take it from a backup, or move it and its -wal away and create tokens anew"


def _cause(error: Exception) -> tuple[int, str]:
    """SQLite's primary result code, and what it says."""
    cause = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
    inner = cause if isinstance(cause, sqlite3.Error) else cause.__cause__ or cause
    if isinstance(inner, UnicodeDecodeError):  # SQLite's messages quote what is damaged
        return sqlite3.SQLITE_CORRUPT, "not readable"
    return getattr(inner, "sqlite_errorcode", 0) & 0xFF, str(inner)
