"""Databases of a real MariaDB for one test each."""

from __future__ import annotations

import uuid
from pathlib import Path

from logd.backends.catalog import mysql_server
from logd.backends.catalog.mysql_server import MysqlServer
from logd.backends.catalog.sqlite_file import SqliteFile
from logd.backends.catalog.tokens import CatalogTokens
from logd.config.schema import Catalog
from tests.services import Running
from tests.services.mysql import ask

#: All that a new catalog takes, as people are told.
MIGRATIONS = [
    "0001 tokens",
    "0002 saved searches",
    "0003 alerts",
    "0004 alert states",
    "0005 alert turns",
    "0006 tiers",
    "0007 retention",
    "0008 web",
]


def new_catalog(mysql: Running) -> Catalog:
    """A database that is empty."""
    database = f"logd_{uuid.uuid4().hex[:12]}"
    # So that it is our own tables that know all letters.
    ask(mysql.port, mysql.password, f"CREATE DATABASE {database} CHARACTER SET latin1")
    return Catalog(type="mysql", address=f"127.0.0.1:{mysql.port}", database=database)


async def migrated(mysql: Running) -> Catalog:
    """One with today's tables."""
    catalog = new_catalog(mysql)
    await mysql_server.migrate(catalog, mysql.password)
    return catalog


async def sqlite_tokens(path: Path) -> CatalogTokens:
    """Those in a file."""
    return CatalogTokens(await SqliteFile.open(path))


async def mysql_tokens(catalog: Catalog, password: str) -> CatalogTokens:
    """Those in a database."""
    return CatalogTokens(await MysqlServer.open(catalog, password))
