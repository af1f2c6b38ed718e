"""Retention policies and legal holds."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.mysql import MEDIUMTEXT

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_MYSQL = {"mysql_engine": "InnoDB", "mysql_charset": "utf8mb4", "mysql_collate": "utf8mb4_bin"}
_LARGE = sa.Text().with_variant(MEDIUMTEXT(), "mysql")


def upgrade() -> None:
    """Their tables."""
    op.create_table(
        "retention_policies",
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False, autoincrement=False),
        sa.Column("services", _LARGE, nullable=False),
        sa.Column("hot_days", sa.BigInteger, nullable=False),
        sa.Column("warm_days", sa.BigInteger, nullable=False),
        sa.Column("cold_days", sa.BigInteger, nullable=False),
        sa.Column("description", sa.Text, nullable=False),
        sa.Column("from_us", sa.BigInteger, nullable=False),
        sa.Column("until_us", sa.BigInteger),
        sa.Column("updated_by", sa.String(200), nullable=False),
        sa.Column("updated_us", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("name", "version", name="pk_retention_policies"),
        # MariaDB commits it at once, so a migration that was interrupted comes here again.
        if_not_exists=True,
        **_MYSQL,
    )
    op.create_table(
        "legal_holds",
        sa.Column("id", sa.String(12), nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("query", _LARGE, nullable=False),
        sa.Column("services", _LARGE, nullable=False),
        sa.Column("from_us", sa.BigInteger),
        sa.Column("to_us", sa.BigInteger),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("created_by", sa.String(200), nullable=False),
        sa.Column("created_us", sa.BigInteger, nullable=False),
        sa.Column("released_by", sa.String(200), nullable=False),
        sa.Column("released_us", sa.BigInteger),
        sa.PrimaryKeyConstraint("id", name="pk_legal_holds"),
        sa.UniqueConstraint("name", name="uq_legal_holds"),
        if_not_exists=True,
        **_MYSQL,
    )
