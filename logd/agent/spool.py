"""The spool: chunks that the target couldn't take, on this host's disk, in order: DATA_DIR/spool/NUMBER.spool.

spool_file.py has the layout of a file. A file is closed at FILE_BYTES and unlinked when all of it was sent, which needs
no room; the folder is empty while the target takes chunks.

Files of our own rather than a queue in SQLite, which was measured and would have done: a cut costs just what is behind
it, how many lines that is is known, and a disk that the spool has filled gets its room back as it is sent.
"""

from __future__ import annotations

import contextlib
import logging
import os
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from logd import shipment
from logd.agent.spool_file import SpoolFile, encoded, frame_bytes
from logd.chunk import Chunk
from logd.errors import ConfigError, Unavailable
from logd.flow import crash

logger = logging.getLogger("logd.agent")

FOLDER = "spool"
#: What is given back at once, or dropped at once: a quarter of the least `agent.spool_max_bytes` that is allowed.
FILE_BYTES = 4 * 1024 * 1024
#: Room comes with the next file that was sent.
_FULL_SECONDS = 1.0
_SUFFIX = ".spool"


class Counts(msgspec.Struct):
    """What happened since the start; only ever counts up. `overflowed` were dropped, by setting, as it was full, though
    a send that was under way may have brought them. `damaged` are lost."""

    spooled_lines: int = 0
    overflowed_lines: int = 0
    damaged_lines: int = 0


class Waiting(NamedTuple):
    """Chunks that are to be sent next, and what `sent` wants to know about them."""

    chunks: list[Chunk]
    file: SpoolFile
    upto: int
    lines: int


class Spool:
    """See the module. Everything blocks, and may be called from any thread."""

    def __init__(self, data_dir: Path, max_bytes: int, drop_oldest: bool) -> None:
        """Opens what an earlier process left. When it is full it takes no more, or with `drop_oldest` drops its oldest.
        Raises ConfigError when the folder can't be used."""
        self.folder = data_dir / FOLDER
        self.counts = Counts()
        self.max_bytes = max_bytes
        self.drop_oldest = drop_oldest
        #: When the chunk was read that is sent next; of those that wait.
        self.oldest_us: int | None = None
        self._files: list[SpoolFile] = []
        self._current: SpoolFile | None = None
        #: For each source that has chunks here, where the last one ends.
        self._ends: dict[str, int] = {}
        self._number = 0
        self._lock = threading.Lock()
        try:
            self._load()
        except OSError as error:
            raise ConfigError(f"the agent's spool {self.folder} can't be opened: {_said(error)}") from error

    @property
    def waiting(self) -> bool:
        """There are chunks, or what is left of them, that weren't sent: nothing may overtake them."""
        return bool(self._files)

    @property
    def bytes(self) -> int:
        """On the disk."""
        return sum(file.written for file in self._files)

    @property
    def lines(self) -> int:
        """Of the chunks that wait."""
        return sum(file.waiting_lines for file in self._files)

    def append(self, chunks: Sequence[Chunk]) -> None:
        """The chunks are safe when this returns; those that are here already are left out. Raises Unavailable when
        there is no room, or they can't be written; then none is here. Raises BadRequest for one that no server would
        take either."""
        with self._lock:
            fresh = [item for item in chunks if item.end is None or item.end > self._ends.get(item.source_id, 0)]
            if not fresh:
                return
            for item in fresh:
                shipment.decode(shipment.encode([item]))
            self._make_room(sum(map(frame_bytes, fresh)))
            lines = sum(item.lines for item in fresh)
            try:
                file = self._file()
                file.append(encoded(fresh), lines)
            except OSError as error:
                self._give_up_current()
                raise Unavailable(f"the agent's spool {self.folder} can't be written: {_said(error)}") from error
            crash.point("spool.noted")
            self.counts.spooled_lines += lines
            if self.oldest_us is None:
                self.oldest_us = fresh[0].observed_us
            self._ends.update((item.source_id, item.end) for item in fresh if item.end is not None)
            if file.written >= FILE_BYTES:
                self._current = None

    def peek(self, most_chunks: int, most_bytes: int) -> Waiting | None:
        """The next chunks, at least one; None when nothing waits. Damaged ones are passed over, counted and said.
        Raises Unavailable when they can't be read now."""
        with self._lock:
            try:
                while self._files:
                    file = self._files[0]
                    chunks, frames = file.read(most_chunks, most_bytes)
                    if chunks:
                        self.oldest_us = chunks[0].observed_us
                        return Waiting(chunks, file, frames[-1].after, sum(frame.lines for frame in frames))
                    self._finish(file)
            except OSError as error:
                raise Unavailable(f"the agent's spool {self.folder} can't be read: {_said(error)}") from error
            return None

    def has(self, waiting: Waiting) -> bool:
        """They weren't dropped since."""
        return waiting.file in self._files

    def sent(self, waiting: Waiting) -> None:
        """They are durable at the target. Doesn't raise, whatever the disk says: at worst they are sent once more."""
        crash.point("spool.sent")
        with self._lock:
            file = waiting.file
            if file not in self._files:
                return  # dropped meanwhile
            file.mark_sent(waiting.upto, waiting.lines)
            crash.point("spool.marked")
            if file.done:
                self._finish(file)

    def _load(self) -> None:
        if not self.folder.is_dir():
            return
        for path in sorted(self.folder.glob(f"*{_SUFFIX}")):
            file, ends, lost, wrong = SpoolFile.load(path)
            self._files.append(file)
            self._number = max(self._number, int(path.stem) if path.stem.isdecimal() else 0)
            self._ends.update(ends)
            self.counts.damaged_lines += lost
            if wrong:
                logger.error(
                    "the agent's spool file %s is damaged: %s; %d lines of it are lost, %d are sent",
                    path,
                    wrong,
                    lost,
                    file.waiting_lines,
                )
        for file in [file for file in self._files if file.done]:
            self._finish(file)
        if self._files:
            logger.info("%d lines wait in the agent's spool %s", self.lines, self.folder)

    def _file(self) -> SpoolFile:
        """The one to append to. Raises OSError."""
        if self._current is None:
            self.folder.mkdir(exist_ok=True)
            self._current = SpoolFile.create(self.folder / f"{self._number + 1:012}{_SUFFIX}")
            self._number += 1
            self._files.append(self._current)
            _sync(self.folder)
            _sync(self.folder.parent)
        return self._current

    def _make_room(self, size: int) -> None:
        """Raises Unavailable when there is none."""
        while (held := self.bytes) + size > self.max_bytes:
            if not self.drop_oldest or not self._files:
                raise Unavailable(
                    f"the agent's spool {self.folder} is full: {held} bytes wait, and agent.spool_max_bytes is "
                    f"{self.max_bytes}",
                    _FULL_SECONDS,
                )
            oldest = self._files[0]
            self.counts.overflowed_lines += oldest.waiting_lines
            logger.error(
                "the agent's spool is full: its oldest %d lines are dropped, as agent.spool_when_full says",
                oldest.waiting_lines,
            )
            self._remove(oldest)

    def _give_up_current(self) -> None:
        """After a failed write nobody knows what the disk has of it: what comes next goes into another file."""
        file, self._current = self._current, None
        if file is None:
            return
        file.take_back()
        if file.done:
            self._remove(file)

    def _finish(self, file: SpoolFile) -> None:
        """Nothing in the file is left to be sent."""
        if file.waiting_lines:
            self.counts.damaged_lines += file.waiting_lines
            logger.error(
                "the agent's spool file %s was damaged: %d lines of it are lost", file.path, file.waiting_lines
            )
        self._remove(file)

    def _remove(self, file: SpoolFile) -> None:
        if self._current is file:
            self._current = None
        self._files.remove(file)
        # One that can't be unlinked is found to be sent at the next start.
        with contextlib.suppress(OSError):
            file.unlink()
        crash.point("spool.unlinked")
        if not self._files:
            self._ends.clear()
            self.oldest_us = None


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _said(error: OSError) -> str:
    return (error.strerror or str(error)).lower()
