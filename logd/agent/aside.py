"""Chunks that the server refuses for good, kept on this host: DATA_DIR/refused/SOURCE-OFFSET.shipment.

A file is a body of one chunk (see shipment.py). It is there so that no line is lost before somebody has looked at it.
`logd resend` sends them again, as `replayed`: the source's later lines have been sent, so that the server would take
them for a resend.
"""

from __future__ import annotations

import os
from pathlib import Path

from logd import shipment
from logd.chunk import POSITION_DIGITS, Chunk
from logd.errors import Unavailable

#: Some 5 million ordinary lines. If so much is refused, it isn't the chunks that are wrong: then the agent waits.
LIMIT_BYTES = 256 * 1024 * 1024

_SUFFIX = ".shipment"


class Aside:
    """See the module. Blocks."""

    def __init__(self, data_dir: Path, limit_bytes: int = LIMIT_BYTES) -> None:
        self.folder = data_dir / "refused"
        self._limit_bytes = limit_bytes

    def kept(self) -> list[Path]:
        """The files, in the order of their sources and lines."""
        return sorted(self.folder.glob(f"*{_SUFFIX}"))

    def keep(self, chunk: Chunk) -> None:
        """The chunk is on the disk when this returns. Raises Unavailable when it can't be, or there are too many."""
        body = shipment.encode([chunk])
        path = self.folder / f"{chunk.source_id}-{chunk.offset:0{POSITION_DIGITS}x}{_SUFFIX}"
        part = path.with_suffix(".part")
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            kept = sum(entry.stat().st_size for entry in os.scandir(self.folder))
            if kept + len(body) > self._limit_bytes:
                raise Unavailable(
                    f"{self.folder} holds {kept} bytes of refused chunks, look at them and delete or resend them"
                )
            with part.open("wb") as file:
                file.write(body)
                file.flush()
                os.fsync(file.fileno())
            part.replace(path)
            folder = os.open(self.folder, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
        except OSError as error:
            raise Unavailable(f"a refused chunk can't be kept in {self.folder}: {error}") from error
