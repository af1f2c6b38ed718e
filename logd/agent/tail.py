"""One followed file: its bytes become batches, in order, each byte once.

    0 ── acknowledged ── start ══ held ══ read ┈┈ unfinished line ┈┈ scanned ── size
         (source.position)

* below `start`: in batches that were handed out, or lines that were refused;
* `held`: whole lines, in memory until their batch is full or `batch_seconds` old, or their event is complete;
* from `read` to `scanned`: the beginning of a line whose newline hasn't come. It is not kept in memory, however long;
* from `scanned` to `size`: not looked at yet.

Reading is done in blocks, and every block is followed by a look at the file's beginning, and at what is before `read`:
if that has changed, the file was truncated and written again, the block is forgotten, and Replaced is raised.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from itertools import pairwise

import msgspec

from logd import chunk
from logd.agent import lines
from logd.agent.batches import Batch, Cargo, Event, Labels, cut_line, fill, read_exactly
from logd.agent.encodings import BY_NAME, UTF_8, UTF_16_LE
from logd.agent.framing import Close, Framing, framing_of
from logd.agent.identity import ANCHOR_BYTES, FINGERPRINT_BYTES, anchor, fingerprint, span
from logd.agent.rows import Source
from logd.chunk import TEXT
from logd.config.schema import Files

#: A block that is read: as much as one chunk takes.
BLOCK_BYTES = chunk.TARGET_BODY_BYTES


class Replaced(Exception):
    """The file isn't what it was: these are other bytes than those read before."""


class Counts(msgspec.Struct):
    """What happened since the start; only ever counts up."""

    read_bytes: int = 0
    cut_lines: int = 0
    cut_bytes: int = 0
    dropped_lines: int = 0
    truncations: int = 0
    lost_bytes: int = 0
    damaged_rows: int = 0
    unknown_pods: int = 0


class Tail:
    """See the module. Times are the monotonic clock's, except `observed_us`. Not for more than one thread at a time."""

    def __init__(
        self,
        source: Source,
        entry: Files,
        labels: Labels,
        max_line_bytes: int,
        counts: Counts,
        name: Callable[[Source, bytes], None],
    ) -> None:
        """`name` is told how the file begins until it has a batch: see Sources.name."""
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
        #: How many names the file had at the last look.
        self.names = 1
        self.start = source.position
        self.held = b""
        self.held_since = 0.0
        self.scanned = self.start
        self.size = self.start
        self.modified_ns = 0
        self.grew_at = 0.0
        #: Nothing is read until its pod is known, see labelling.py; and which version of the pods its labels are of.
        self.awaits_pod = False
        self.labelled = -1
        #: The byte before `start` is no newline, since an unfinished line was shipped.
        self.mid_line = False
        self._held_lines = 0
        #: Where refused lines begin that no batch has taken along yet.
        self._refused_from: int | None = None
        self._max_line_bytes = max_line_bytes
        self._counts = counts
        self._name = name
        #: None while the file is too short to tell.
        self._framing: Framing | None = None
        self._look_at(b"")

    @property
    def joins(self) -> bool:
        """What is held may be an event that grows."""
        return self._framing is not None and self._framing.joins

    @property
    def behind_bytes(self) -> int:
        """Bytes that were there at the last look, aren't acknowledged, and will be sent."""
        refused = 0 if self._refused_from is None else self.start - self._refused_from
        return max(0, self.size - self.source.position - refused)

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

    @property
    def unknown(self) -> bool:
        """It was empty and is closed: its inode may be another file's by now, and nothing would tell."""
        return self.fd is None and not self.source.fingerprint.length

    def relabel(self, labels: Labels) -> None:
        """Batches that are made from now on have these."""
        self.labels = msgspec.structs.replace(
            labels, content_type=self.labels.content_type, encoding=self.labels.encoding
        )

    def move(self, path: str, found: os.stat_result) -> None:
        """Goes on in another file that begins with the same bytes, whose source has been moved."""
        self.key, self.path, self.reachable = (found.st_dev, found.st_ino), path, True
        self.scanned = self.read_position
        self.size, self.modified_ns = found.st_size, found.st_mtime_ns

    def seek(self, position: int, fd: int) -> None:
        """Goes on from `position`, which batches made earlier have reached."""
        self._refused_from = None
        self._look_at(os.pread(fd, FINGERPRINT_BYTES, 0))
        newline = self._framing.encoding.newline if self._framing is not None else UTF_8.newline
        self.start = self.scanned = position
        before = os.pread(fd, *span(position))
        self.source.anchor = anchor(before, position)
        self.mid_line = bool(before) and not before.endswith(newline)

    def read(self, fd: int, now: float, observed_us: int) -> list[Cargo]:
        """Reads one block; gives the batches that it filled. Raises Replaced, OSError."""
        # A short beginning of a line is read again with what follows it; a long one is only searched for its end.
        at = self.read_position if self.scanned - self.read_position < BLOCK_BYTES // 2 else self.scanned
        block = os.pread(fd, BLOCK_BYTES, at)
        prefix, before = self.check(fd)
        if self.start == 0:
            self._name(self.source, prefix)
        self._counts.read_bytes += max(0, at + len(block) - self.scanned)
        self.grew_at = now
        if at + len(block) <= self.scanned:
            self.size = min(self.size, self.scanned)
            return []
        if self._framing is None:
            self.scanned = at + len(block)
            return []
        encoding = self._framing.encoding
        if at > self.read_position:
            odd = (at - self.read_position) % encoding.unit
            line_end = encoding.first_end(block[odd:])
            if line_end:
                return self._long_line(fd, at + odd + line_end, encoding.unit, observed_us)
        last = encoding.last_end(block) if at == self.read_position else 0
        # Of a full block the rest is read again, with the next one; of the file's last bytes it isn't.
        self.scanned = at + (last if last and len(block) == BLOCK_BYTES else len(block))
        if not last:
            return []
        self.source.anchor = anchor(before + block[max(0, last - ANCHOR_BYTES) : last], at + last)
        return self._hold(block[:last], now, observed_us)

    def check(self, fd: int) -> tuple[bytes, bytes]:
        """Compares the file's beginning with its fingerprint, which grows with the file, and what is before
        `read_position` with its anchor; gives both. Raises Replaced, OSError."""
        known = self.source.fingerprint
        prefix = os.pread(fd, FINGERPRINT_BYTES, 0)
        before = os.pread(fd, *span(self.source.anchor.end))
        if not known.matches(prefix) or not self.source.anchor.matches(before):
            raise Replaced(self.path)
        if self._framing is None:
            self._look_at(prefix)
        if len(prefix) > known.length:
            self.source.fingerprint = fingerprint(prefix)
        return prefix, before

    def close(self, observed_us: int) -> list[Cargo]:
        """Batches of everything held but an event that may grow."""
        return self._cut(Close.COMPLETE, observed_us)

    def flush(self, observed_us: int) -> list[Cargo]:
        """Batches of everything held."""
        return self._cut(Close.ALL, observed_us)

    def finish_line(self, fd: int, observed_us: int) -> list[Cargo]:
        """Batches of everything held and of the unfinished line, as far as it goes. Raises Replaced, OSError."""
        length = self.scanned - self.read_position
        length -= length % self._known.encoding.unit
        if length > BLOCK_BYTES:
            cargo = self._long_line(fd, self.read_position + length, 0, observed_us)
        else:
            rest = os.pread(fd, length, self.read_position)
            _, before = self.check(fd)
            if len(rest) < length:
                self.scanned = self.read_position
                return []
            self.source.anchor = anchor(before + rest, self.read_position + length)
            self.held += rest
            cargo = self.flush(observed_us)
            self.scanned = self.start
        self.mid_line = True
        return cargo

    def _hold(self, data: bytes, now: float, observed_us: int) -> list[Cargo]:
        """Takes whole lines that were read from `read_position`."""
        if self.mid_line:
            # The newline of a line that was shipped without it isn't an empty line.
            self.mid_line = False
            skip = self._known.encoding.line_ending(data)
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
        cargo = self._cut(Close.FULL, observed_us)
        # What was held before is in the first batch, so the rest is new.
        self.held_since = now
        return cargo

    def _cut(self, close: Close, observed_us: int) -> list[Cargo]:
        """Batches of what is held."""
        if not self.held:
            return []
        cargo: list[Cargo] = []
        end = 0
        for piece in self._known.cut(self.held, self.start, close):
            end = piece.end
            if piece.kept is not None:
                body = self.held[piece.start : piece.start + piece.kept]
                cargo += self._over_limit(self.start + piece.start, self.start + end, body, observed_us)
            else:
                start = self.start + piece.start
                events = piece.events or self._events(self.held[piece.start : end], start)
                batch = self._batch(start, self.start + end, piece.lines, events, observed_us)
                cargo.append(fill(batch, self.held, self.start))
        self.start += end
        self.held = self.held[end:]
        self._held_lines = lines.newlines(self.held)
        return cargo

    def _long_line(self, fd: int, end: int, newline_bytes: int, observed_us: int) -> list[Cargo]:
        """Batches of everything held, and of the line behind it up to `end`, which is only now read, if it may be
        kept. The line has a batch of its own."""
        start = self.read_position
        length = end - start - newline_bytes
        kept = end - start if length <= self._max_line_bytes else self._known.kept_bytes
        try:
            line = read_exactly(fd, kept, start)
            before = read_exactly(fd, *span(end))
        except EOFError as error:
            raise Replaced(self.path) from error
        # Only now, when nothing can fail any more, do positions move.
        cargo = self.flush(observed_us)
        if length > self._max_line_bytes:
            cargo += self._over_limit(start, end, line, observed_us)
        else:
            whole = fill(self._batch(start, end, 1, self._events(line, start), observed_us), line, start)
            fits = len(whole.value) <= chunk.MAX_VALUE_BYTES
            cargo.append(whole if fits else self._cut_line(whole.batch, start, line[:length]))
        self.start = self.scanned = end
        self.source.anchor = anchor(before, end)
        self.mid_line = False
        return cargo

    def _over_limit(self, start: int, end: int, text: bytes, observed_us: int) -> list[Cargo]:
        """What becomes of a line that is too long: its beginning `text`, or nothing."""
        if self.entry.long_lines == "cut":
            return [self._cut_line(self._batch(start, end, 1, (), observed_us), start, text)]
        self._counts.dropped_lines += 1
        self._counts.cut_bytes += end - start
        if self._refused_from is None:
            self._refused_from = start
        return []

    def _cut_line(self, batch: Batch, position: int, text: bytes) -> Cargo:
        cargo = cut_line(batch, text, position)
        self._counts.cut_lines += 1
        self._counts.cut_bytes += batch.end - position - cargo.batch.events[0].length
        return cargo

    def _events(self, data: bytes, position: int) -> tuple[Event, ...]:
        """The lines of `data`, where a batch has to say them, since refused lines are in it too."""
        if self._refused_from is None:
            return ()
        starts = self._known.encoding.starts(data)
        newline = self._known.encoding.newline
        return tuple(
            Event(position + start, len(data[start:end].removesuffix(newline))) for start, end in pairwise(starts)
        )

    def _batch(self, start: int, end: int, count: int, events: tuple[Event, ...], observed_us: int) -> Batch:
        """Takes refused lines before it along, so that the source's position moves past them."""
        if self._refused_from is not None:
            start, self._refused_from = self._refused_from, None
        return Batch(
            source_id=self.source.source_id,
            start=start,
            end=end,
            lines=count,
            observed_us=observed_us,
            labels=self.labels,
            events=events,
        )

    @property
    def _known(self) -> Framing:
        """The framing, or what stands for it in a file that never got so long that it shows."""
        if self._framing is not None:
            return self._framing
        return Framing(self.entry, BY_NAME.get(self.entry.encoding, UTF_16_LE), TEXT, self._max_line_bytes)

    def _look_at(self, prefix: bytes) -> None:
        """Learns the framing, if it can be known by now."""
        self._framing = framing_of(self.entry, prefix, self._max_line_bytes)
        if self._framing is not None:
            self.labels = msgspec.structs.replace(
                self.labels, content_type=self._framing.content_type, encoding=self._framing.encoding.name
            )
