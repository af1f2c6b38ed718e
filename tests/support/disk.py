"""A disk that is full, or small, for as long as a test wants."""

from __future__ import annotations

import contextlib
import errno
import os
import resource
import subprocess
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def full_disk(file_bytes: int) -> Iterator[None]:
    """No file of this process can grow past `file_bytes` meanwhile. (Python ignores the signal that comes with it.)"""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (file_bytes, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


class SmallDisk:
    """A file system of its own at `root`."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._ballast = root / "ballast"

    def fill(self, but_bytes: int = 0) -> None:
        """Leaves room for `but_bytes`."""
        with self._ballast.open("ab", buffering=0) as file:
            try:
                while True:
                    file.write(bytes(65_536))
            except OSError as error:
                if error.errno != errno.ENOSPC:
                    raise
            file.truncate(max(0, file.seek(0, os.SEEK_END) - but_bytes))

    def make_room(self) -> None:
        """Takes back what `fill` did."""
        self._ballast.unlink()

    def read_only(self) -> None:
        """From now on."""
        subprocess.run(["mount", "-o", "remount,ro", self.root], check=True)


@contextlib.contextmanager
def small_disk(root: Path, size_bytes: int) -> Iterator[SmallDisk]:
    """Mounts one in memory at the new folder `root`; only root can. It goes when its last user does."""
    root.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size_bytes},mode=0755", "logd-test", root], check=True)
    try:
        yield SmallDisk(root)
    finally:
        subprocess.run(["umount", "--lazy", root], check=True)
