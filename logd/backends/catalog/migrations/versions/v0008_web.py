"""Dashboards, and what agents say of themselves."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.mysql import MEDIUMTEXT

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_MYSQL = {"mysql_engine": "InnoDB", "mysql_charset": "utf8mb4", "mysql_collate": "utf8mb4_bin"}
_LARGE = sa.Text().with_variant(MEDIUMTEXT(), "mysql")


def upgrade() -> None:
    """Their tables."""
    op.create_table(
        "dashboards",
        sa.Column("id", sa.String(12), nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("description", sa.Text, nullable=False),
        sa.Column("panels", _LARGE, nullable=False),
        sa.Column("owner", sa.String(12), nullable=False),
        sa.Column("created_by", sa.String(200), nullable=False),
        sa.Column("updated_by", sa.String(200), nullable=False),
        sa.Column("created_us", sa.BigInteger, nullable=False),
        sa.Column("updated_us", sa.BigInteger, nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_dashboards"),
        sa.UniqueConstraint("name", name="uq_dashboards"),
        # MariaDB commits it at once, so a migration that was interrupted comes here again.
        if_not_exists=True,
        **_MYSQL,
    )
    op.create_table(
        "agents",
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("host", sa.String(255), nullable=False),
        sa.Column("report", _LARGE, nullable=False),
        sa.Column("seen_us", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_agents"),
        if_not_exists=True,
        **_MYSQL,
    )
    op.create_index("ix_agents_seen_us", "agents", ["seen_us"], if_not_exists=True)
