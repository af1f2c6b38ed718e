"""The catalog's tables, the same on SQLite and MariaDB. A change here comes with a migration, which a test compares.

tokens   id → name, SHA-256 of the secret, scopes (`ingest,search`), services and hosts (JSON lists), times in µs,
         rates, checksum of all the others. Rows are never deleted: once there was a token, one is needed
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Double, MetaData, String, Table, Text

#: Names of keys and indexes are part of the schema: migrations drop them by name.
METADATA = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "ix": "ix_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s",
    }
)

TOKENS = Table(
    "tokens",
    METADATA,
    Column("id", String(12), primary_key=True),
    Column("name", String(200), nullable=False),
    Column("digest", String(64), nullable=False),
    Column("scopes", String(100), nullable=False),
    Column("services", Text, nullable=False),
    Column("hosts", Text, nullable=False),
    Column("created_us", BigInteger, nullable=False),
    Column("expires_us", BigInteger),
    Column("revoked_us", BigInteger),
    Column("requests_per_second", Double),
    Column("bytes_per_second", Double),
    Column("checksum", BigInteger, nullable=False),
)
