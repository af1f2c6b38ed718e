"""What the archive has, and which tier answers for what."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.mysql import MEDIUMTEXT

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_LARGE = sa.Text().with_variant(MEDIUMTEXT(), "mysql")
_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_MYSQL = {"mysql_engine": "InnoDB", "mysql_charset": "utf8mb4", "mysql_collate": "utf8mb4_bin"}


def _numbers(*names: str) -> list[sa.Column[int]]:
    return [sa.Column(name, sa.BigInteger, nullable=False, autoincrement=False) for name in names]


def _text(name: str, characters: int) -> sa.Column[str]:
    return sa.Column(name, sa.String(characters), nullable=False)


def _large(name: str) -> sa.Column[str]:
    return sa.Column(name, _LARGE, nullable=False)


def _table(name: str, key: list[str], *columns: sa.Column[Any], **settings: Any) -> None:
    # MariaDB commits it at once, so a migration that was interrupted comes here again.
    primary = sa.PrimaryKeyConstraint(*key, name=f"pk_{name}")
    op.create_table(name, *columns, primary, if_not_exists=True, **settings, **_MYSQL)


def upgrade() -> None:
    """Their tables."""
    _table(
        "archive_files",
        ["name"],
        _text("name", 255),
        _text("policy", 100),
        *_numbers("day", "hour", "rows", "size_bytes", "crc", "skip_bytes", "skip_crc", "raw_bytes"),
        _large("pieces"),
        _large("services"),
        _text("state", 10),
        sa.Column("reason", sa.Text, nullable=False),
        *_numbers("at_us"),
    )
    op.create_index("ix_archive_files_day", "archive_files", ["day", "policy"], if_not_exists=True)
    op.create_index("ix_archive_files_state", "archive_files", ["state", "at_us"], if_not_exists=True)
    sums = _numbers("day", "version", "files", "rows", "size_bytes", "skip_bytes", "raw_bytes")
    _table("archive_days", ["policy", "day"], _text("policy", 100), *sums)
    _table("archive_positions", ["partition"], *_numbers("partition", "position"))
    _table("tier_boundaries", ["policy"], _text("policy", 100), *_numbers("warm_before", "cold_before"))
    _table("tier_steps", ["policy", "day"], _text("policy", 100), *_numbers("day"), _large("step"))
    _table(
        "tier_moves",
        ["number"],
        sa.Column("number", _NUMBER, nullable=False, autoincrement=True),
        *_numbers("at_us"),
        _text("policy", 100),
        *_numbers("day"),
        _text("what", 40),
        _text("by", 200),
        _large("detail"),
        sqlite_autoincrement=True,
    )
    _table("tier_gaps", ["policy", "day"], _text("policy", 100), *_numbers("day", "lines"))
    _table("leases", ["name"], _text("name", 100), _text("owner", 200), *_numbers("until_us"))
    _table("restores", ["id"], _text("id", 12), *_numbers("created_us"), _large("body"))
