"""A file that rules read, and read again when it has changed."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Generic, TypeVar

log = logging.getLogger("logd.enrich")
#: A look at a file costs microseconds; people don't wait for a second.
_LOOK_SECONDS = 1.0
T = TypeVar("T")
#: When it was changed, its size, which file it is.
_State = tuple[int, int, int]


class Watched(Generic[T]):
    """What `read` makes of a file. It is called again for a later version; when that raises ValueError, what it made
    before goes on."""

    def __init__(self, file: str, read: Callable[[Path], T], now: Callable[[], float] = time.monotonic) -> None:
        """Raises ValueError when the file can't be used."""
        self._file = Path(file)
        self._read = read
        self._now = now
        self._state = self._stat()
        self._looked = now()
        self._content = read(self._file)

    def current(self) -> T:
        """Of the version that was there within the last second, if it can be used."""
        if self._now() - self._looked < _LOOK_SECONDS:
            return self._content
        self._looked = self._now()
        state = self._stat()
        if state != self._state:
            self._state = state  # also of one that can't be used: it is said once
            try:
                self._content = self._read(self._file)
                log.info("%s has changed and was read again", self._file)
            except ValueError as error:
                log.warning("a rule goes on with what was read before: %s", error)
        return self._content

    def _stat(self) -> _State | None:
        """None when it isn't there."""
        try:
            found = self._file.stat()
        except (OSError, ValueError):
            return None
        return found.st_mtime_ns, found.st_size, found.st_ino


def unreadable(file: Path, error: Exception) -> ValueError:
    """Says that a file can't be read, and why."""
    reason = str(getattr(error, "strerror", None) or error).lower()
    return ValueError(f"file {str(file)!r} can't be read: {reason}")
