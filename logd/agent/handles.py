"""Open files, at most so many at a time. The one not read for longest is closed first, if it can be found again."""

from __future__ import annotations

import os
from collections import OrderedDict

from logd.agent.tail import Tail

# O_NONBLOCK: opening a FIFO that took a file's place mustn't wait for somebody to write to it.
_FLAGS = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY


class NoRoom(Exception):
    """The limit is reached, and every open file would be lost if it were closed."""


class Handles:
    """At most `limit` file descriptors, each a tail's or just opened; one or two more while files are compared with
    tails'."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._used: OrderedDict[Tail, None] = OrderedDict()

    def __len__(self) -> int:
        return len(self._used)

    def open(self, path: str) -> int:
        """A descriptor that the caller gives to `adopt`, or closes, before opening another. Raises NoRoom, OSError."""
        while len(self._used) >= self._limit:
            self.close(self._closable())
        return os.open(path, _FLAGS)

    def adopt(self, tail: Tail, fd: int) -> None:
        """`fd` is the tail's from now on."""
        tail.fd = fd
        self._used[tail] = None

    def use(self, tail: Tail) -> int:
        """The tail's descriptor, opened again if need be. Raises NoRoom, OSError, and FileNotFoundError as well when
        another file has taken its path."""
        fd = tail.fd
        if fd is None:
            fd = self.open(tail.path)
            found = os.fstat(fd)
            if (found.st_dev, found.st_ino) != tail.key:
                os.close(fd)
                raise FileNotFoundError(f"{tail.path} is another file now")
            self.adopt(tail, fd)
        self._used.move_to_end(tail)
        return fd

    def hand_over(self, old: Tail, new: Tail) -> None:
        """The same file goes on as another tail."""
        fd, old.fd = old.fd, None
        if fd is not None:
            del self._used[old]
            self.adopt(new, fd)

    def close(self, tail: Tail) -> None:
        """Closes the tail's file, if it is open."""
        if tail.fd is not None:
            del self._used[tail]
            os.close(tail.fd)
            tail.fd = None
            tail.source.anchor.settle()

    def close_all(self) -> None:
        """Closes every file."""
        for tail in list(self._used):
            self.close(tail)

    def _closable(self) -> Tail:
        for tail in self._used:
            if tail.reachable or tail.read_position == tail.size:
                return tail
        raise NoRoom(
            f"all {self._limit} files that may be open are gone from their folders and not yet read to their end"
        )
