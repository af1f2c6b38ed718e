"""Which file systems tell inotify of every change: those that nobody else writes to."""

from __future__ import annotations

import os
import re

#: Of any other, such as NFS, CIFS, 9p and FUSE, another host or program can change files without this kernel.
_LOCAL = {"bcachefs", "btrfs", "exfat", "ext2", "ext3", "ext4", "f2fs", "hfsplus", "jfs", "nilfs2", "ntfs3", "overlay"}
_LOCAL |= {"ramfs", "reiserfs", "tmpfs", "vfat", "xfs", "zfs"}
_ESCAPED = re.compile(r"\\([0-7]{3})")


class Mounts:
    """The mounts of this process, as they are now."""

    def __init__(self, mountinfo: str = "/proc/self/mountinfo") -> None:
        self._types: dict[str, str] = {}
        try:
            with open(mountinfo, encoding="utf-8", errors="surrogateescape") as file:
                for line in file:
                    # ID PARENT DEVICE ROOT POINT OPTIONS [FIELD…] - TYPE SOURCE OPTIONS; the last of a point is seen.
                    before, _, after = line.partition(" - ")
                    point = _ESCAPED.sub(lambda found: chr(int(found[1], 8)), before.split(" ")[4])
                    self._types[point] = after.split(" ")[0]
        except (OSError, IndexError):
            pass  # unknown: polled

    def type_of(self, real_path: str) -> str:
        """The type of the file system that the path, which leads over no link, is on; "" when it isn't known."""
        while real_path not in self._types and real_path != "/":
            real_path = os.path.dirname(real_path)
        return self._types.get(real_path, "")

    def local(self, real_path: str) -> bool:
        """Every change of the path comes from this kernel."""
        return self.type_of(real_path) in _LOCAL
