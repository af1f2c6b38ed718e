"""The data folder belongs to one process at a time: `DATA_DIR/lock`, held by flock for as long as the process lives.

While `DATA_DIR/restoring` is there, what else is in the folder is half of a backup: nobody gets the lock.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from logd.errors import ConfigError

LOCK = "lock"
RESTORING = "restoring"

#: A tenth of it takes days to fill for most.
LARGE_DISK_BYTES = 200 * 1024**3


@contextlib.contextmanager
def locked(data_dir: Path) -> Iterator[None]:
    """Holds the data folder, which is made if need be. Raises ConfigError when it can't be used or another process
    has it."""
    with lock_if_free(data_dir) as held:
        if not held:
            raise ConfigError(f"data_dir {str(data_dir)!r} is in use by another logd process")
        yield


@contextlib.contextmanager
def lock_if_free(data_dir: Path) -> Iterator[bool]:
    """As `locked`, but gives False when another process has it."""
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        handle = os.open(data_dir / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise ConfigError(f"data_dir {str(data_dir)!r} can't be used: {str(error.strerror).lower()}") from error
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        if (data_dir / RESTORING).exists():
            raise ConfigError(
                f"data_dir {str(data_dir)!r} holds a restore that was not finished: remove what is in it and restore "
                "again"
            )
        yield True
    finally:
        os.close(handle)


def disk_used_percent(folder: Path) -> float:
    """How full the disk is on which a folder lies, as df counts: what is reserved for root is neither used nor free.
    Raises OSError."""
    usage = shutil.disk_usage(folder)
    return 100 * usage.used / max(1, usage.used + usage.free)


def fullness_percent(folder: Path) -> float:
    """The same, but a disk of over LARGE_DISK_BYTES counts as one of that size: with terabytes free none is nearly
    full, whatever part of it is used. Raises OSError."""
    usage = shutil.disk_usage(folder)
    return 100 * max(0.0, 1 - usage.free / max(1, min(usage.used + usage.free, LARGE_DISK_BYTES)))
