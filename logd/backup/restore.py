"""A backup becomes a data folder.

Everything is copied to DATA_DIR/restoring, checked, and then moved up; while that folder is there no server starts.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from logd.backup import about, files
from logd.backup.about import Backup
from logd.datadir import LOCK, RESTORING
from logd.errors import ConfigError, Corrupt, Unavailable
from logd.flow import crash


def refuse_if_used(data_dir: Path) -> None:
    """Raises ConfigError when there is something in the data folder already."""
    try:
        if data_dir.exists() and {entry.name for entry in data_dir.iterdir()} - {LOCK}:
            raise ConfigError(f"data_dir {str(data_dir)!r} is not empty: restore into a folder of its own")
    except OSError as error:
        raise ConfigError(f"data_dir {str(data_dir)!r} can't be used: {error.strerror}") from error


def restore(directory: Path, data_dir: Path) -> Backup:
    """For a caller that has the lock. Raises ConfigError when the directory is no whole backup or the data folder is
    used, Corrupt when a file isn't what was backed up, Unavailable when it can't be written; then the folder is empty,
    or refuses to be used."""
    backup = about.read(directory)
    refuse_if_used(data_dir)
    restoring = data_dir / RESTORING
    try:
        restoring.mkdir()
        try:
            for name, expected in backup.files.items():
                _copy_checked(directory / name, restoring / name, expected)
                crash.point("restore.copied")
            files.sync_folders(restoring)
        except BaseException:
            shutil.rmtree(restoring, ignore_errors=True)
            raise
        for entry in sorted(restoring.iterdir()):
            entry.rename(data_dir / entry.name)
            crash.point("restore.moved")
        files.sync_folders(data_dir)
        restoring.rmdir()
        files.sync_folders(data_dir)
    except OSError as error:
        raise Unavailable(f"data_dir {str(data_dir)!r} can't be written: {error.strerror or error}") from error
    return backup


def _copy_checked(source: Path, target: Path, expected: tuple[int, int]) -> None:
    try:
        found = files.copy(source, target)
    except files.Unreadable as error:
        raise Corrupt(f"the backup can't be restored: {source}: {str(error).lower()}") from error
    if found != expected:
        raise Corrupt(
            f"the backup can't be restored: {source} has {found[0]} bytes and checksum {found[1]:08x}, it was backed "
            f"up with {expected[0]} and {expected[1]:08x}"
        )
