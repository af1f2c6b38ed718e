"""A backup is a folder with a data folder as it was at one moment.

    DIR/agent.db, alerts.db, catalog.db, transport.db       SQLite files, without a WAL: those that there were
    DIR/index/manifest.db                                   another
    DIR/index/policy=POLICY/date=YYYY-MM-DD/ID.parquet      the segments that the manifest names, and their skip indexes
    DIR/objects/archive…                                    what the archive has in data_dir, which the catalog lists
    DIR/backup.json                                         Backup, with the size and CRC-32 of every other file

Invariants: backup.json is written when all else is on disk, so a folder without it is no backup; what the agent counts
as sent is in the transport, and every message is in the transport or, parsed, in a segment, never in both.
"""

from __future__ import annotations

import os
import zlib
from pathlib import Path, PurePosixPath

import msgspec

from logd.errors import ConfigError

FORMAT = 1
NAME = "backup.json"


class Damaged(msgspec.Struct, frozen=True):
    """A segment that the backup doesn't have, because its file wasn't what had been written, or a file of the archive
    that isn't there as it was."""

    file: str
    rows: int
    reason: str


class Backup(msgspec.Struct, frozen=True, kw_only=True):
    """backup.json. `at` is ISO 8601; `positions` is where the segments end in the stream; `files` has, by name relative
    to the folder, size and CRC-32; `checksum` is the CRC-32 of the same without it."""

    format: int = FORMAT
    logd: str
    at: str
    positions: dict[int, int]
    segments: int
    rows: int
    bytes: int
    files: dict[str, tuple[int, int]]
    damaged: list[Damaged] = []
    checksum: int = 0


class _Format(msgspec.Struct):
    format: int


def write(directory: Path, backup: Backup) -> None:
    """Makes the folder a backup, durably. Raises OSError."""
    temporary = directory / f"{NAME}.tmp"
    whole = msgspec.structs.replace(backup, checksum=_checksum(backup))
    with temporary.open("wb") as file:
        file.write(msgspec.json.format(msgspec.json.encode(whole)))
        file.flush()
        os.fsync(file.fileno())
    temporary.rename(directory / NAME)


def read(directory: Path) -> Backup:
    """Raises ConfigError when the folder is no whole backup, or one of another logd's format."""
    path = directory / NAME
    try:
        text = path.read_bytes()
    except FileNotFoundError:
        raise ConfigError(f"{directory} is no backup, or one that was not finished: it has no {NAME}") from None
    except OSError as error:
        raise ConfigError(f"{path} can't be read: {error.strerror}") from error
    try:
        version = msgspec.json.decode(text, type=_Format).format
        if version > FORMAT:
            raise ConfigError(f"{path} has format {version}, this logd knows up to {FORMAT}: use a newer logd")
        backup = msgspec.json.decode(text, type=Backup)
        if version < 1 or backup.checksum != _checksum(backup) or not all(map(_is_inside, backup.files)):
            raise ValueError("it is not what was written")
    except (ValueError, msgspec.MsgspecError) as error:
        raise ConfigError(f"{path} is damaged: {error}") from error
    return backup


def _checksum(backup: Backup) -> int:
    return zlib.crc32(msgspec.json.encode(msgspec.structs.replace(backup, checksum=0)))


def _is_inside(name: str) -> bool:
    path = PurePosixPath(name)
    return not path.is_absolute() and ".." not in path.parts
