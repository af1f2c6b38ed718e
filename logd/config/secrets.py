"""Passwords and keys for other servers: from files or the environment; never in logd.toml or in a message."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from logd.errors import ConfigError


def read_password(table: str, password_file: str, environ: Mapping[str, str]) -> str:
    """The password for the table's server: what `password_file` holds without the line's end, else
    $LOGD_TABLE_PASSWORD, else nothing. Raises ConfigError when the file can't be read."""
    if not password_file:
        return environ.get(f"LOGD_{table.upper()}_PASSWORD", "")
    return read_secret(f"{table}.password_file", password_file)


def read_secret(key: str, file: str) -> str:
    """What the file that the key names holds, without the line's end. Raises ConfigError when it can't be read."""
    try:
        return Path(file).read_text().rstrip("\r\n")
    except (OSError, ValueError) as error:
        reason = str(getattr(error, "strerror", None) or "it is no text").lower()
        raise ConfigError(f"{key} {file!r} can't be read: {reason}") from error


def is_reference(text: str) -> bool:
    """Whether it says where a secret is, `env:NAME` or `file:PATH`, rather than what it is."""
    return text.startswith(("env:", "file:"))


def follow(key: str, reference: str, environ: Mapping[str, str]) -> str:
    """The secret. Raises ConfigError, with the key and the reference, when there is none or an empty one."""
    kind, _, name = reference.partition(":")
    secret = environ.get(name, "") if kind == "env" else read_secret(key, name)
    if not secret:
        raise ConfigError(f"{key} is {reference}, which is empty or isn't there")
    return secret
