"""Passwords of other servers: from a file, or from the environment; never in logd.toml, and never part of a message."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from logd.errors import ConfigError


def read_password(table: str, password_file: str, environ: Mapping[str, str]) -> str:
    """The password for the table's server: what `password_file` holds without the line's end, else
    $LOGD_TABLE_PASSWORD, else nothing. Raises ConfigError when the file can't be read."""
    if not password_file:
        return environ.get(f"LOGD_{table.upper()}_PASSWORD", "")
    try:
        return Path(password_file).read_text().rstrip("\r\n")
    except (OSError, ValueError) as error:
        reason = str(getattr(error, "strerror", None) or "it is no text").lower()
        raise ConfigError(f"{table}.password_file {password_file!r} can't be read: {reason}") from error
