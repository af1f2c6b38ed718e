"""Bringing a catalog to today's schema. Alembic takes 12 MB and 130 ms, so it is loaded only where there is work."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa

from logd.errors import ConfigError

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection

#: The last of migrations/versions: they are numbered, so that an older logd can tell a newer schema.
VERSION = "0001"
_MIGRATIONS = Path(__file__).parent / "migrations"


async def prepare(connection: AsyncConnection, name: object) -> None:
    """Brings the catalog, which people know as `name`, to VERSION, within the connection's transaction. Raises
    ConfigError when it is of a newer logd, or of something else."""
    version = await connection.run_sync(_version)
    if version == VERSION:
        return
    if version and not version.isdigit():
        raise ConfigError(f"{name} has schema {version!r}, which no logd has written")
    if version > VERSION:
        raise ConfigError(f"{name} has schema {version}, this logd knows up to {VERSION}: use a newer logd")
    await connection.run_sync(_upgrade)


def _version(connection: sa.Connection) -> str:
    """Empty for a catalog that is new."""
    if not connection.dialect.has_table(connection, "alembic_version"):
        return ""
    return str(connection.scalar(sa.text("SELECT version_num FROM alembic_version")) or "")


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
