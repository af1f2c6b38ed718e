"""Bringing a catalog to today's schema. Alembic takes 12 MB and 130 ms, so it is loaded only where there is work."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa

from logd.errors import ConfigError

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection

#: The last of migrations/versions: they are numbered, so that an older logd can tell a newer schema.
VERSION = "0008"
_MIGRATIONS = Path(__file__).parent / "migrations"


async def prepare(connection: AsyncConnection, name: object) -> Sequence[str]:
    """Brings the catalog, which people know as `name`, to VERSION, within the connection's transaction; gives the
    migrations that this took, such as `0001 tokens`. Raises ConfigError when it is of a newer logd, or of something
    else. Where a transaction can't undo changes of tables, calling it again goes on."""
    version = await _known(connection, name)
    missing = [step for step in _steps() if step[:4] > version]
    if missing:
        await connection.run_sync(_upgrade)
    return missing


async def require(connection: AsyncConnection, name: object) -> None:
    """Raises ConfigError when the catalog is of any other version than VERSION."""
    version = await _known(connection, name)
    if version != VERSION:
        found = f"schema {version}" if version else "no tables yet"
        raise ConfigError(f"{name} has {found}, this logd needs {VERSION}: run `logd migrate`")


async def _known(connection: AsyncConnection, name: object) -> str:
    """The version, which is none of the future."""
    version = await connection.run_sync(_version)
    if version and not version.isdigit():
        raise ConfigError(f"{name} has schema {version!r}, which no logd has written")
    if version > VERSION:
        raise ConfigError(f"{name} has schema {version}, this logd knows up to {VERSION}: use a newer logd")
    return version


def _version(connection: sa.Connection) -> str:
    """Empty for a catalog that is new."""
    if not connection.dialect.has_table(connection, "alembic_version"):
        return ""
    return str(connection.scalar(sa.text("SELECT version_num FROM alembic_version")) or "")


def _steps() -> list[str]:
    """Every migration, the first one first: its number and its name."""
    names = sorted(path.stem for path in (_MIGRATIONS / "versions").glob("v*.py"))
    return [name[1:].replace("_", " ") for name in names]


def _upgrade(connection: sa.Connection) -> None:
    logging.getLogger("alembic").setLevel(logging.WARNING)  # it tells of every step

    from alembic import command
    from alembic.config import Config

    config = Config()
    # Alembic's file format takes % for a reference.
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    command.upgrade(config, VERSION)
