"""How a file comes to be followed, and what is asked of it before."""

from __future__ import annotations

import os

import msgspec

from logd.config.schema import Files


class Admission(msgspec.Struct, frozen=True):
    """`written_to` is the path that the file had while it was written to, if another one; `known_only`: not as a new
    source; `at_end`: from its end, since it has been read elsewhere."""

    written_to: str | None = None
    known_only: bool = False
    at_end: bool = False


#: Of a file that a glob finds.
ORDINARY = Admission()


def look(found: os.stat_result) -> tuple[int, int, int]:
    """What tells whether the file at a path changed."""
    return found.st_ino, found.st_size, found.st_mtime_ns


def is_old(entry: Files, found: os.stat_result, now_us: int) -> bool:
    """The file was last written to too long ago to be followed, until it is written to again."""
    return 0 < entry.ignore_older_seconds < now_us / 1e6 - found.st_mtime


def stat_of(path: str) -> os.stat_result | None:
    """None when there is nothing. Raises OSError."""
    try:
        return os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None


def entry_key(entry: Files) -> bytes:
    """By it the state knows that an entry was started before."""
    return os.fsencode("\0".join(entry.paths))
