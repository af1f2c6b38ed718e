"""The part of a backup that days have which left the segments: files of the archive in data_dir's own folder."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from logd.backup import files
from logd.backup.about import Damaged

#: Where [objects] are unless they are elsewhere, which is a matter of its own.
OBJECTS = Path("objects")
_PARTS = ("archive", "archive-index", "archive-manifests")
_LIVE = "SELECT name, rows, size_bytes, crc FROM archive_files WHERE state = 'live'"


class _Listed(NamedTuple):
    rows: int
    size_bytes: int
    crc: int


def copy_archive(
    data_dir: Path, directory: Path, catalog: Path, check: Callable[[], None]
) -> tuple[dict[str, tuple[int, int]], list[Damaged]]:
    """Size and CRC-32 of what was copied, by name, and which files of the copied catalog's list aren't there as they
    were written. What comes meanwhile, or goes as nothing names it, does no harm. Raises OSError, sqlite3.Error."""
    copied: dict[str, tuple[int, int]] = {}
    listed = _listed(directory / catalog)
    for part in _PARTS:
        for path in sorted((data_dir / OBJECTS / part).rglob("*")):
            name = path.relative_to(data_dir)
            if path.is_file():
                with contextlib.suppress(files.Unreadable):
                    copied[str(name)] = files.copy(path, directory / name, check)
    damaged = []
    for file, told in listed.items():
        found = copied.get(str(OBJECTS / file))
        if found is None:
            damaged.append(Damaged(file, told.rows, "it isn't there, or went while the backup was made"))
        elif found != (told.size_bytes, told.crc):
            damaged.append(Damaged(file, told.rows, f"it has {found[0]} bytes and checksum {found[1]:08x}"))
    return copied, damaged


def _listed(catalog: Path) -> dict[str, _Listed]:
    """By name; nothing where there never was an archive."""
    if not catalog.exists():
        return {}
    with contextlib.closing(sqlite3.connect(catalog)) as db:
        if not db.execute("SELECT 1 FROM sqlite_master WHERE name = 'archive_files'").fetchone():
            return {}
        return {name: _Listed(*told) for name, *told in db.execute(_LIVE)}
