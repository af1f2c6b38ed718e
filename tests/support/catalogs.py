"""Databases of a real MariaDB for one test each."""

from __future__ import annotations

import uuid

from logd.backends.catalog import mysql_server
from logd.config.schema import Catalog
from tests.support.servers import MysqlServer


def new_catalog(mysql: MysqlServer) -> Catalog:
    """A database that is empty."""
    database = f"logd_{uuid.uuid4().hex[:12]}"
    mysql.run(f"CREATE DATABASE {database} CHARACTER SET latin1")  # so that it is our own tables that know all letters
    return Catalog(type="mysql", address=mysql.address, database=database, user=mysql.USER)


async def migrated(mysql: MysqlServer) -> Catalog:
    """One with today's tables."""
    catalog = new_catalog(mysql)
    await mysql_server.migrate(catalog, mysql.PASSWORD)
    return catalog
