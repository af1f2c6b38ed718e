"""Where downloads and builds are kept, outside the checkout: each made once, whole or not at all, by one of many."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path


def cache() -> Path:
    """$XDG_CACHE_HOME/logd-services, else ~/.cache/logd-services; made when it isn't there."""
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = home / "logd-services"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def open_cache() -> Path:
    """For what runs as another user where we are root: the cache, or where that is closed to others,
    /var/cache/logd-services."""
    folder = cache()
    if is_open(folder):
        return folder
    folder = Path("/var/cache/logd-services")
    folder.mkdir(mode=0o755, parents=True, exist_ok=True)
    return folder


def is_open(folder: Path) -> bool:
    """Whether whoever a server runs as may enter it: ourselves, or any user where we are root."""
    return os.geteuid() != 0 or all(part.stat().st_mode & 0o001 for part in (folder, *folder.parents))


def once(name: str, make: Callable[[Path], None], folder: Path | None = None) -> Path:
    """The folder of that name in the cache (or in `folder`), filled by `make` when it isn't there.

    It appears by a rename when `make` has returned: one that raises, or is killed, leaves nothing under the name. Of
    several callers at once, one makes it and the others wait."""
    home = folder or cache()
    made, part = home / name, home / f"{name}.part"
    if made.exists():
        return made
    with locked(home / f"{name}.lock"):
        if not made.exists():
            shutil.rmtree(part, ignore_errors=True)  # of one that was killed
            part.mkdir()
            try:
                make(part)
                part.rename(made)
            finally:
                shutil.rmtree(part, ignore_errors=True)
    return made


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """One at a time, processes and threads. The kernel lets go of it when a holder is killed; the file stays."""
    with path.open("ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
