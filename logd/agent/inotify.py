"""A Watch by inotify. It watches folders, so that there are as many watches as folders, however many files.

asyncinotify opens it and adds the watches. Its events are read here, as bytes, many at a time: an object for each would
cost a busy host 10 µs per write, this costs less than 1, and what is said twice is kept once.
"""

from __future__ import annotations

import errno
import logging
import os
import struct
from collections.abc import Iterable

from asyncinotify import Inotify, Mask
from asyncinotify import Watch as FolderWatch

from logd.agent.links import Links
from logd.agent.mounts import Mounts
from logd.agent.watch import Hints, Watched

logger = logging.getLogger("logd.agent")

_EVENTS = (
    Mask.MODIFY
    | Mask.ATTRIB
    | Mask.CREATE
    | Mask.DELETE
    | Mask.MOVED_FROM
    | Mask.MOVED_TO
    | Mask.DELETE_SELF
    | Mask.MOVE_SELF
    | Mask.ONLYDIR
)
_WRITTEN = int(Mask.MODIFY | Mask.ATTRIB)
_OVERFLOW, _IGNORED = int(Mask.Q_OVERFLOW), int(Mask.IGNORED)
#: inotify_event: wd, mask, cookie, and how many bytes its name has, zeros behind it included.
_HEADER = struct.Struct("=iIII")
_READ_BYTES = 64 * 1024
#: A full queue, of 16,384 events by default, has less. Who writes faster than this is read, is looked at anyway.
_MOST_BYTES = 2 * 1024 * 1024
#: asyncinotify keeps an object for each folder that was ever watched: after so many it is opened anew.
_MOST_GONE = 1_000


class InotifyWatch:
    """See the module, and Watch. Raises OSError when there can be no more instances."""

    def __init__(self) -> None:
        self._inotify = _open()
        #: The folders' paths: links may lead to a folder by several.
        self._paths: dict[int, set[str]] = {}
        self._watches: dict[int, FolderWatch] = {}
        self._gone = 0
        self._missed = False
        self._limited = False
        self._remote: set[str] = set()

    @property
    def fd(self) -> int:
        """See Watch."""
        return self._inotify.fd

    def follow(self, folders: Iterable[str]) -> Watched:
        """See Watch. At the limit of watches, which is said once, folders are polled."""
        if self._gone > max(_MOST_GONE, len(self._watches)):
            self._open_again()
        paths: dict[int, set[str]] = {}
        known = {(wd, path) for wd, of_wd in self._paths.items() for path in of_wd}
        fresh, polled, remote = set[str](), set[str](), set[str]()
        mounts, links, limit = Mounts(), Links(), ""
        for folder in folders:
            if not limit and self._is_local(folder, mounts, links, remote):
                try:
                    watch = self._inotify.add_watch(folder, _EVENTS)
                except OSError as error:
                    if error.errno in (errno.ENOSPC, errno.ENOMEM):
                        limit = str(error.strerror).lower()
                else:
                    self._watches[watch.wd] = watch
                    paths.setdefault(watch.wd, set()).add(folder)
                    if (watch.wd, folder) not in known:
                        fresh.add(folder)
                    continue
            polled.add(folder)
        for wd in self._paths.keys() - paths.keys():
            self._leave(wd)
        self._paths, self._remote = paths, remote
        if limit and not self._limited:
            logger.warning(
                "%d folders are polled, as no more can be watched (fs.inotify.max_user_watches): %s", len(polled), limit
            )
        self._limited = bool(limit)
        return Watched(fresh, polled)

    def hints(self) -> Hints:
        """See Watch."""
        hints = Hints(set(), set(), self._missed)
        self._missed = False
        for wd, mask, name in self._events():
            if mask & _OVERFLOW:
                hints.everything = True
                continue
            paths = self._paths.get(wd, ())
            if mask & _IGNORED:
                # It is gone, and its number may come again.
                self._paths.pop(wd, None)
                self._watches.pop(wd, None)
                self._gone += 1
            into = hints.written if mask & _WRITTEN and name else hints.named
            for path in paths:
                into.add(os.path.join(path, os.fsdecode(name)) if name else path)
        return hints

    def close(self) -> None:
        """See Watch."""
        self._inotify.close()

    def _events(self) -> set[tuple[int, int, bytes]]:
        events: set[tuple[int, int, bytes]] = set()
        left = _MOST_BYTES
        while left > 0:
            try:
                data = os.read(self._inotify.fd, _READ_BYTES)
            except BlockingIOError:
                return events
            left -= len(data)
            at = 0
            while at < len(data):
                wd, mask, _, length = _HEADER.unpack_from(data, at)
                at += _HEADER.size + length
                events.add((wd, mask, data[at - length : at].rstrip(b"\0")))
        events.add((-1, _OVERFLOW, b""))
        return events

    def _is_local(self, folder: str, mounts: Mounts, links: Links, remote: set[str]) -> bool:
        real, _ = links.folder(folder)
        if mounts.local(real):
            return True
        if folder not in self._remote:
            logger.info("%s is polled, as it is on %s", folder, mounts.type_of(real) or "an unknown file system")
        remote.add(folder)
        return False

    def _leave(self, wd: int) -> None:
        watch = self._watches.pop(wd, None)
        if watch is not None:
            self._gone += 1
            try:
                self._inotify.rm_watch(watch)
            except OSError:
                pass  # gone with its folder

    def _open_again(self) -> None:
        """Raises no error: the old one stays where there can't be another."""
        try:
            anew = _open()
        except OSError:
            return
        self._inotify.close()
        self._inotify = anew
        self._paths, self._watches, self._gone, self._missed = {}, {}, 0, True


def _open() -> Inotify:
    opened = Inotify()
    # Its own flag for that is another one's.
    os.set_blocking(opened.fd, False)
    return opened
