"""The catalog on MariaDB or MySQL: connecting, and what to say when that, or using it later, doesn't work."""

from __future__ import annotations

import asyncio
import contextlib
import os
import ssl
import struct
from collections.abc import AsyncIterator, Sequence
from functools import partial
from typing import Any

import aiomysql
import sqlalchemy as sa
from pymysql.constants import CLIENT, ER
from sqlalchemy.exc import DBAPIError, IntegrityError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from logd.backends.catalog import schema
from logd.config.address import parse_address
from logd.config.schema import Catalog
from logd.errors import ConfigError, Unavailable

#: Each call takes milliseconds; a server that is stopped doesn't answer at all.
_CALL_SECONDS = 10.0
_CONNECT_SECONDS = 5.0
#: Another process's migration is waited for.
_MIGRATION_SECONDS = 600.0
#: A server closes what is idle for wait_timeout, which is 8 hours unless somebody set less.
_RECYCLE_SECONDS = 1_800
#: Tokens are looked up one at a time, saved searches by a key, and both are made by hand.
_CONNECTIONS = 4
#: The second is of a user for whom a password is no way in; the driver has no name for it.
_DENIED = (ER.ACCESS_DENIED_ERROR, 1698)
_MODES = "SET SESSION sql_mode = 'TRADITIONAL', time_zone = '+00:00'"


class MysqlServer:
    """A few connections to the database, which other processes may use at the same time."""

    def __init__(self, name: str, engine: AsyncEngine) -> None:
        self._name = name
        self._engine = engine

    @classmethod
    async def open(cls, config: Catalog, password: str) -> MysqlServer:
        """Looks whether it is there, and of today's schema. Raises ConfigError that names the setting."""
        engine, name = _engine(config, password)
        try:
            async with _said_at_start(config, _CALL_SECONDS), engine.connect() as connection:
                await schema.require(connection, name)
        except BaseException:
            await engine.dispose()
            raise
        return cls(name, engine)

    @contextlib.asynccontextmanager
    async def reading(self) -> AsyncIterator[Any]:
        """See Database."""
        async with _said(self._name, "read"), self._engine.connect() as connection, _cut_off(connection):
            yield connection

    @contextlib.asynccontextmanager
    async def writing(self) -> AsyncIterator[Any]:
        """See Database."""
        async with _said(self._name, "write"), self._engine.begin() as connection, _cut_off(connection):
            yield connection

    async def close(self) -> None:
        """See Database."""
        await self._engine.dispose()


async def migrate(config: Catalog, password: str) -> tuple[str, Sequence[str]]:
    """What people call the database, and the migrations that brought it to today's schema; one process at a time.
    Raises ConfigError."""
    engine, name = _engine(config, password)
    try:
        async with _said_at_start(config, _MIGRATION_SECONDS), engine.begin() as connection:
            lock = {"name": f"logd.migrate.{config.database}"[:64], "seconds": _MIGRATION_SECONDS / 2}
            if await connection.scalar(sa.text("SELECT GET_LOCK(:name, :seconds)"), lock) != 1:
                raise ConfigError(f"{name} is being migrated by another process: wait for it")
            return name, await schema.prepare(connection, name)
    finally:
        await engine.dispose()  # which releases the lock


def _engine(config: Catalog, password: str) -> tuple[AsyncEngine, str]:
    """Nothing is connected yet."""
    host, port = parse_address(config.address)
    context = None
    if config.tls_ca:
        try:
            context = ssl.create_default_context(cafile=config.tls_ca)
        except OSError as error:
            reason = "it is no PEM file" if isinstance(error, ssl.SSLError) else str(error.strerror).lower()
            raise ConfigError(f"catalog.tls_ca {config.tls_ca!r} can't be used: {reason}") from error
    # The driver takes passwords for Latin-1; who set one by a client sent UTF-8.
    password = password.encode().decode("latin1")
    engine = create_async_engine(
        sa.URL.create("mysql+aiomysql", config.user, password, host, port, config.database, {"charset": "utf8mb4"}),
        connect_args={
            "init_command": _MODES,
            "ssl": context,
            "async_creator_fn": partial(_connect, config),
        },
        pool_size=_CONNECTIONS,
        max_overflow=0,
        pool_timeout=_CALL_SECONDS,
        pool_pre_ping=True,
        pool_recycle=_RECYCLE_SECONDS,
        # Else it locks what could come between rows, and alerters that record at the same time stop one another.
        isolation_level="READ COMMITTED",
        hide_parameters=True,  # in messages, which are logged
    )
    return engine, f"the catalog {config.database!r} at {config.address}"


async def _connect(config: Catalog, *args: Any, **given: Any) -> Any:
    """The driver goes on in the clear where the server has no TLS."""
    try:
        async with asyncio.timeout(_CONNECT_SECONDS):  # the driver's own is for TCP alone
            connection = await aiomysql.connect(*args, **given)
    except (struct.error, LookupError, ValueError) as error:
        raise ConnectionError("what it says is not the protocol of MySQL") from error
    if given["ssl"] is not None and not connection.server_capabilities & CLIENT.SSL:
        connection.close()
        raise ConfigError(f"catalog.tls_ca is set, but the server at {config.address} doesn't offer TLS")
    return connection


@contextlib.asynccontextmanager
async def _said_at_start(config: Catalog, seconds: float) -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(seconds):
            yield
    except TimeoutError as error:
        raise ConfigError(f"catalog.address {config.address!r} doesn't answer: is it MariaDB or MySQL?") from error
    except (SQLAlchemyError, OSError) as error:
        raise ConfigError(_wrong(config, error)) from error


def _wrong(config: Catalog, error: Exception) -> str:
    code, text = _cause(error)
    match code:
        case code if code in _DENIED:
            return (
                f"catalog.user {config.user!r} is not let in by {config.address}: check catalog.user, and the password "
                "in catalog.password_file or $LOGD_CATALOG_PASSWORD"
            )
        case ER.DBACCESS_DENIED_ERROR | ER.TABLEACCESS_DENIED_ERROR:
            return f"catalog.user {config.user!r} may not use catalog.database {config.database!r}: {text}"
        case ER.BAD_DB_ERROR:
            return (
                f"catalog.database {config.database!r} doesn't exist at {config.address}: make it with "
                f"CREATE DATABASE `{config.database}` CHARACTER SET utf8mb4"
            )
        case _ if (refused := _of_tls(error)) is not None:
            return f"catalog.tls_ca {config.tls_ca!r} doesn't vouch for {config.address}: {refused}"
        case _:
            return f"catalog.address {config.address!r} can't be used: {text}"


def _of_tls(error: BaseException | None) -> str | None:
    """What TLS says, when it is to blame."""
    while error is not None:
        if isinstance(error, ssl.SSLError):
            return str(getattr(error, "verify_message", "") or error.reason or error)
        error = error.__cause__ or error.__context__
    return None


@contextlib.asynccontextmanager
async def _cut_off(connection: AsyncConnection) -> AsyncIterator[None]:
    """Around a call that may be cancelled: ending its transaction would wait for the server, however long."""
    try:
        yield
    except asyncio.CancelledError:
        await connection.invalidate()
        raise


@contextlib.asynccontextmanager
async def _said(name: str, doing: str) -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(_CALL_SECONDS):
            yield
    except IntegrityError:
        raise  # what was asked for contradicts what is there
    except TimeoutError as error:
        raise Unavailable(f"can't {doing} {name}: no answer within {_CALL_SECONDS:g} s") from error
    except (SQLAlchemyError, OSError) as error:
        raise Unavailable(f"can't {doing} {name}: {_cause(error)[1]}") from error


def _cause(error: Exception) -> tuple[int, str]:
    """The server's or the driver's code, 0 where there is none, and what it says, or the system where it does."""
    cause = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
    code, *texts = cause.args if cause.args and isinstance(cause.args[0], int) else (0, str(cause))
    system = _of_system(cause)
    text = system or " ".join(map(str, texts))
    return code, " ".join(text.split())[:200]


def _of_system(error: BaseException | None) -> str:
    """`connection refused`, `name or service not known` …"""
    while error is not None:
        if isinstance(error, OSError) and error.errno:
            # asyncio writes its own text for a positive one, getaddrinfo has negative ones.
            return (os.strerror(error.errno) if error.errno > 0 else str(error.strerror)).lower()
        error = error.__cause__
    return ""
