"""One followed file: its bytes become batches, in order, each byte once.

    0 ── acknowledged ── start ══ held ══ read ┈┈ unfinished line ┈┈ scanned ── size
         (source.position)

* below `start`: in batches that were handed out;
* `held`: whole lines, in memory until their batch is full or `batch_seconds` old;
* from `read` to `scanned`: the beginning of a line whose newline hasn't come. It is not kept in memory, however long;
* from `scanned` to `size`: not looked at yet.

Reading is done in blocks, and every block is followed by a look at the file's beginning: if that has changed, the file
was truncated and written again, the block is forgotten, and Replaced is raised.
"""

from __future__ import annotations

import os

import msgspec

from logd import chunk
from logd.agent import lines
from logd.agent.batches import Batch, Cargo, Labels, cut_line, load, read_exactly
from logd.agent.identity import FINGERPRINT_BYTES, fingerprint
from logd.agent.rows import Source
from logd.config.schema import Files

#: A block that is read: as much as one chunk takes.
BLOCK_BYTES = chunk.TARGET_BODY_BYTES


class Replaced(Exception):
    """The file's beginning isn't what it was: these are other bytes than those read before."""


class Counts(msgspec.Struct):
    """What happened since the start; only ever counts up."""

    read_bytes: int = 0
    cut_lines: int = 0
    cut_bytes: int = 0
    truncations: int = 0
    lost_bytes: int = 0
    damaged_rows: int = 0


class Tail:
    """See the module. Times are the monotonic clock's, except `observed_us`. Not for more than one thread at a time."""

    def __init__(self, source: Source, entry: Files, labels: Labels, max_line_bytes: int, counts: Counts) -> None:
        self.source = source
        self.key = (source.device, source.inode)
        self.entry = entry
        self.labels = labels
        self.path = source.path
        self.fd: int | None = None
        #: The last scan found the file under a path that is to be followed; else, since when it isn't.
        self.listed = True
        self.missing_since = 0.0
        #: `path` leads to the file.
        self.reachable = True
        self.start = source.position
        self.held = b""
        self.held_since = 0.0
        self.scanned = self.start
        self.size = self.start
        self.modified_ns = 0
        self.grew_at = 0.0
        #: The byte before `start` is no newline, since an unfinished line was shipped.
        self.mid_line = False
        self._held_lines = 0
        self._max_line_bytes = max_line_bytes
        self._counts = counts

    @property
    def read_position(self) -> int:
        """Where the lines begin that aren't held yet."""
        return self.start + len(self.held)

    @property
    def unread(self) -> bool:
        """There are bytes that nobody has looked at."""
        return self.size > self.scanned

    @property
    def complete(self) -> bool:
        """Every byte there is, is in a batch that was handed out."""
        return self.size == self.start

    def seek(self, position: int, fd: int) -> None:
        """Goes on from `position`, which batches made earlier have reached."""
        self.start = self.scanned = position
        self.mid_line = position > 0 and os.pread(fd, 1, position - 1) not in (b"\n", b"")

    def read(self, fd: int, now: float, observed_us: int) -> list[Cargo]:
        """Reads one block; gives the batches that it filled. Raises Replaced, OSError."""
        # A short beginning of a line is read again with what follows it; a long one is only searched for its end.
        at = self.read_position if self.scanned - self.read_position < BLOCK_BYTES // 2 else self.scanned
        block = os.pread(fd, BLOCK_BYTES, at)
        self.check(fd)
        self._counts.read_bytes += max(0, at + len(block) - self.scanned)
        self.grew_at = now
        if at + len(block) <= self.scanned:
            self.size = min(self.size, self.scanned)
            return []
        if at > self.read_position:
            line_end = at + block.find(b"\n") + 1
            if line_end > at:
                return self._long_line(fd, line_end, 1, observed_us)
        last = block.rfind(b"\n") + 1 if at == self.read_position else 0
        # Of a full block the rest is read again, with the next one; of the file's last bytes it isn't.
        self.scanned = at + (last if last and len(block) == BLOCK_BYTES else len(block))
        return self._hold(block[:last], now, observed_us) if last else []

    def check(self, fd: int) -> None:
        """Compares the file's beginning with its fingerprint, which grows with the file. Raises Replaced."""
        known = self.source.fingerprint
        prefix = os.pread(fd, FINGERPRINT_BYTES, 0)
        if not known.matches(prefix):
            raise Replaced(self.path)
        if len(prefix) > known.length:
            self.source.fingerprint = fingerprint(prefix)

    def close(self, observed_us: int) -> list[Cargo]:
        """Batches of everything held."""
        return self._cut(True, observed_us)

    def finish_line(self, fd: int, observed_us: int) -> list[Cargo]:
        """Batches of everything held and of the unfinished line, as far as it goes. Raises Replaced, OSError."""
        length = self.scanned - self.read_position
        if length > BLOCK_BYTES:
            cargo = self._long_line(fd, self.scanned, 0, observed_us)
        else:
            rest = os.pread(fd, length, self.read_position)
            self.check(fd)
            if len(rest) < length:
                self.scanned = self.read_position
                return []
            self.held += rest
            cargo = self.close(observed_us)
            self.scanned = self.start
        self.mid_line = True
        return cargo

    def _hold(self, data: bytes, now: float, observed_us: int) -> list[Cargo]:
        """Takes whole lines that were read from `read_position`."""
        if self.mid_line:
            # The newline of a line that was shipped without it isn't an empty line.
            self.mid_line = False
            skip = 1 if data.startswith(b"\n") else 2 if data.startswith(b"\r\n") else 0
            self.start += skip
            data = data[skip:]
        if not data:
            return []
        if not self.held:
            self.held_since = now
        self.held += data
        self._held_lines += lines.newlines(data)
        if self._held_lines < chunk.MAX_CHUNK_LINES and len(self.held) < chunk.TARGET_BODY_BYTES:
            return []
        cargo = self._cut(False, observed_us)
        # What was held before is in the first batch, so the rest is new.
        self.held_since = now
        return cargo

    def _cut(self, close: bool, observed_us: int) -> list[Cargo]:
        """Batches of what is held: of full ones, or with `close` of everything."""
        cargo: list[Cargo] = []
        end = 0
        for piece in lines.cut(self.held, self._max_line_bytes, close):
            batch = self._batch(self.start + piece.start, self.start + piece.end, piece.lines, observed_us)
            end = piece.end if piece.kept is None else piece.start + piece.kept
            body = self.held[piece.start : end]
            cargo.append(Cargo(batch, chunk.compress(body)) if piece.kept is None else self._cut_line(batch, body))
            end = piece.end
        self.start += end
        self.held = self.held[end:]
        self._held_lines = lines.newlines(self.held)
        return cargo

    def _long_line(self, fd: int, end: int, newline_bytes: int, observed_us: int) -> list[Cargo]:
        """Batches of everything held, and of the line behind it up to `end`, which is only now read, if it may be
        kept. The line has a batch of its own."""
        start = self.read_position
        batch = self._batch(start, end, 1, observed_us)
        length = end - start - newline_bytes
        try:
            line = load(batch, fd) if length <= self._max_line_bytes else None
            if line is None or len(line.value) > chunk.MAX_VALUE_BYTES:
                line = self._cut_line(batch, read_exactly(fd, min(length, self._max_line_bytes), start))
        except EOFError as error:
            raise Replaced(self.path) from error
        # Only now, when nothing can fail any more, do positions move.
        cargo = [*self.close(observed_us), line]
        self.start = self.scanned = end
        self.mid_line = False
        return cargo

    def _cut_line(self, batch: Batch, text: bytes) -> Cargo:
        cargo = cut_line(batch, text)
        self._counts.cut_lines += 1
        self._counts.cut_bytes += cargo.batch.dropped_bytes
        return cargo

    def _batch(self, start: int, end: int, count: int, observed_us: int) -> Batch:
        return Batch(
            source_id=self.source.source_id,
            start=start,
            end=end,
            lines=count,
            observed_us=observed_us,
            labels=self.labels,
        )
