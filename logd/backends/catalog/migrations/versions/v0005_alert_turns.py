"""When targets may be told something."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_MYSQL = {"mysql_engine": "InnoDB", "mysql_charset": "utf8mb4", "mysql_collate": "utf8mb4_bin"}


def upgrade() -> None:
    """Their table."""
    op.create_table(
        "alert_turns",
        sa.Column("target", sa.String(64), nullable=False),
        sa.Column("next_us", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("target", name="pk_alert_turns"),
        # MariaDB commits it at once, so a migration that was interrupted comes here again.
        if_not_exists=True,
        **_MYSQL,
    )
