"""Alert rules, silences and acknowledgements."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.mysql import MEDIUMTEXT

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_LARGE = sa.Text().with_variant(MEDIUMTEXT(), "mysql")
_MYSQL = {"mysql_engine": "InnoDB", "mysql_charset": "utf8mb4", "mysql_collate": "utf8mb4_bin"}


def upgrade() -> None:
    """Their tables."""
    op.create_table(
        "alert_rules",
        sa.Column("id", sa.String(12), nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("rule", _LARGE, nullable=False),
        sa.Column("owner", sa.String(12), nullable=False),
        sa.Column("created_by", sa.String(200), nullable=False),
        sa.Column("updated_by", sa.String(200), nullable=False),
        sa.Column("created_us", sa.BigInteger, nullable=False),
        sa.Column("updated_us", sa.BigInteger, nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_alert_rules"),
        sa.UniqueConstraint("name", name="uq_alert_rules"),
        # MariaDB commits it at once, so a migration that was interrupted comes here again.
        if_not_exists=True,
        **_MYSQL,
    )
    op.create_table(
        "silences",
        sa.Column("id", sa.String(12), nullable=False),
        sa.Column("rule", sa.String(200), nullable=False),
        sa.Column("labels", _LARGE, nullable=False),
        sa.Column("group", _LARGE, nullable=False),
        sa.Column("from_us", sa.BigInteger, nullable=False),
        sa.Column("to_us", sa.BigInteger, nullable=False),
        sa.Column("why", sa.Text, nullable=False),
        sa.Column("owner", sa.String(12), nullable=False),
        sa.Column("created_by", sa.String(200), nullable=False),
        sa.Column("created_us", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_silences"),
        if_not_exists=True,
        **_MYSQL,
    )
    op.create_table(
        "acknowledgements",
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("rule_id", sa.String(20), nullable=False),
        sa.Column("group", _LARGE, nullable=False),
        sa.Column("fired_us", sa.BigInteger, nullable=False),
        sa.Column("by", sa.String(200), nullable=False),
        sa.Column("why", sa.Text, nullable=False),
        sa.Column("at_us", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_acknowledgements"),
        if_not_exists=True,
        **_MYSQL,
    )
    op.create_index("ix_acknowledgements_rule_id", "acknowledgements", ["rule_id"], if_not_exists=True)
