"""What fires, what became of it, and who has to be told."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.mysql import MEDIUMTEXT

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_LARGE = sa.Text().with_variant(MEDIUMTEXT(), "mysql")
_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_MYSQL = {"mysql_engine": "InnoDB", "mysql_charset": "utf8mb4", "mysql_collate": "utf8mb4_bin"}


def upgrade() -> None:
    """Their tables."""
    op.create_table(
        "alert_shards",
        sa.Column("shard", sa.BigInteger, nullable=False, autoincrement=False),
        sa.Column("shards", sa.BigInteger, nullable=False),
        sa.Column("epoch", sa.BigInteger, nullable=False),
        sa.Column("clock_us", sa.BigInteger),
        sa.PrimaryKeyConstraint("shard", name="pk_alert_shards"),
        # MariaDB commits it at once, so a migration that was interrupted comes here again.
        if_not_exists=True,
        **_MYSQL,
    )
    op.create_table(
        "alerts",
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("rule_crc", sa.BigInteger, nullable=False),
        sa.Column("since_us", sa.BigInteger, nullable=False),
        sa.Column("fired_us", sa.BigInteger),
        sa.Column("body", _LARGE, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_alerts"),
        if_not_exists=True,
        **_MYSQL,
    )
    op.create_table(
        "alert_events",
        sa.Column("number", _NUMBER, nullable=False, autoincrement=True),
        sa.Column("rule_id", sa.String(20), nullable=False),
        sa.Column("at_us", sa.BigInteger, nullable=False),
        sa.Column("body", _LARGE, nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_alert_events"),
        if_not_exists=True,
        sqlite_autoincrement=True,
        **_MYSQL,
    )
    op.create_table(
        "alert_deliveries",
        sa.Column("number", _NUMBER, nullable=False, autoincrement=True),
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("rule_id", sa.String(20), nullable=False),
        sa.Column("rule_crc", sa.BigInteger, nullable=False),
        sa.Column("status", sa.String(20), nullable=False),
        sa.Column("made_us", sa.BigInteger, nullable=False),
        sa.Column("body", _LARGE, nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_alert_deliveries"),
        sa.UniqueConstraint("id", name="uq_alert_deliveries"),
        if_not_exists=True,
        sqlite_autoincrement=True,
        **_MYSQL,
    )
    for table, column in (
        ("alert_events", "rule_id"),
        ("alert_events", "at_us"),
        ("alert_deliveries", "rule_id"),
        ("alert_deliveries", "status"),
        ("alert_deliveries", "made_us"),
    ):
        op.create_index(f"ix_{table}_{column}", table, [column], if_not_exists=True)
