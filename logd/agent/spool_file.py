"""One file of the spool: chunks in order, and how far they have been sent.

    header   "LGSP" version  written: bytes, lines   sent: bytes, lines   checksum           4s I Q Q Q Q I
    then for each chunk
    head     "LGSC" bytes of the body  lines  source-id  end  checksum                        4s I I Q Q I
    body     a shipment of the chunk alone (see shipment.py), which has a checksum of its own

Numbers are little endian; the checksums here are the CRC-32 of what is before them in header or head.

Invariants:
* Chunks are acknowledged once they are synced, and the folder with them when the file is new.
* The header is a hint, written in place behind that and never synced. One that is behind, or damaged, costs a second
  look at the chunks, or that some are sent again, which the target leaves out. It needs no room on the disk.
* What is behind the written bytes was being written when the process ended: nobody was told that it is safe. It is
  taken where it is whole. A file that ends before them was cut.
* A process appends to files of its own only: what one left behind is read, and unlinked.
"""

from __future__ import annotations

import contextlib
import errno
import os
import struct
import zlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from logd import shipment
from logd.chunk import Chunk, Message, from_message
from logd.errors import BadRequest, Corrupt
from logd.flow import crash

VERSION = 1
_MAGIC, _CHUNK_MAGIC = b"LGSP", b"LGSC"
_HEADER = struct.Struct("<4sIQQQQ")
_HEAD = struct.Struct("<4sIIQQ")
_CHECKSUM = struct.Struct("<I")
_HEADER_BYTES = _HEADER.size + _CHECKSUM.size
_HEAD_BYTES = _HEAD.size + _CHECKSUM.size
#: More than a shipment of one chunk ever has: whoever says more is damaged.
_MOST_BYTES = 2 * 1024 * 1024
#: Head, shipment and the headers of a chunk with ordinary labels.
_ENVELOPE_BYTES = 1_024
_FLAGS = os.O_RDWR | os.O_CLOEXEC


class Frame(NamedTuple):
    """A chunk's place: its body begins at `body`, and `after` is the place of the next one."""

    at: int
    body: int
    after: int
    lines: int
    source_id: str
    end: int


class SpoolFile:
    """See the module. Blocks; not for more than one thread at a time. Raises OSError. The file is open while it is
    used: there may be thousands."""

    def __init__(self, path: Path) -> None:
        self.path = path
        #: Where the next chunk is written, and where the next one to be sent begins; with the lines before them.
        self.written = self.sent = _HEADER_BYTES
        self.written_lines = self.sent_lines = 0

    @classmethod
    def create(cls, path: Path) -> SpoolFile:
        """A new file, which isn't synced before something is appended."""
        file = cls(path)
        os.close(os.open(path, _FLAGS | os.O_CREAT | os.O_EXCL, 0o600))
        try:
            with file._opened() as fd:
                file._note(fd)
        except BaseException:
            file.unlink()
            raise
        return file

    @classmethod
    def load(cls, path: Path) -> tuple[SpoolFile, dict[str, int], int, str]:
        """A file of an earlier process; for each source where its chunks that wait end; how many lines are lost, and
        what is wrong, empty where nothing is."""
        file = cls(path)
        with file._opened() as fd:
            return (file, *file._recover(fd))

    @property
    def waiting_lines(self) -> int:
        """Of the chunks that weren't sent."""
        return self.written_lines - self.sent_lines

    @property
    def done(self) -> bool:
        """Every chunk was sent."""
        return self.sent >= self.written

    def append(self, encoded: Iterable[bytes], lines: int) -> None:
        """The frames, of so many lines together, are synced when this returns; when it raises, none is there."""
        at = self.written
        with self._opened() as fd:
            for part in encoded:
                _write(fd, part, at)
                at += len(part)
            crash.point("spool.written")
            os.fdatasync(fd)
            crash.point("spool.synced")
            self.written = at
            self.written_lines += lines
            with contextlib.suppress(OSError):  # only a hint
                self._note(fd)

    def take_back(self) -> None:
        """What is behind the written bytes goes: an append failed."""
        with contextlib.suppress(OSError):
            os.truncate(self.path, self.written)

    def read(self, most_chunks: int, most_bytes: int) -> tuple[list[Chunk], list[Frame]]:
        """The next chunks to be sent, with their frames; none where none is left. Damaged ones are passed over, and all
        are when the file is gone."""
        chunks: list[Chunk] = []
        frames: list[Frame] = []
        size = 0
        with contextlib.suppress(FileNotFoundError), self._opened() as fd:
            for frame in _frames(fd, self.sent, self.written):
                if chunks and (len(chunks) == most_chunks or size + frame.after - frame.at > most_bytes):
                    break
                chunk = _chunk(fd, frame)
                if chunk is not None:
                    chunks.append(chunk)
                    frames.append(frame)
                    size += frame.after - frame.at
        return chunks, frames

    def mark_sent(self, upto: int, lines: int) -> None:
        """Everything before `upto` was sent, `lines` lines more than before."""
        self.sent = upto
        self.sent_lines += lines
        with contextlib.suppress(OSError), self._opened() as fd:
            self._note(fd)

    def unlink(self) -> None:
        """Removes it."""
        self.path.unlink(missing_ok=True)

    @contextlib.contextmanager
    def _opened(self) -> Iterator[int]:
        fd = os.open(self.path, _FLAGS)
        try:
            yield fd
        finally:
            os.close(fd)

    def _recover(self, fd: int) -> tuple[dict[str, int], int, str]:
        size = os.fstat(fd).st_size
        known = self._read_header(fd)
        ends: dict[str, int] = {}
        sure = more = lost = 0
        upto, gap = _HEADER_BYTES, False
        for frame in _frames(fd, _HEADER_BYTES, size):
            gap |= frame.at > upto
            upto = frame.after
            if frame.at < self.sent and known:
                continue
            ends[frame.source_id] = frame.end
            if known and frame.after <= self.written:
                sure += frame.lines
            elif _chunk(fd, frame) is not None:
                more += frame.lines
            elif not known:
                lost += frame.lines
        wrong = ""
        if known:
            lost = max(0, self.waiting_lines - sure)
            if size < self.written:
                wrong = f"it was cut, {self.written - size} bytes are missing"
        elif size > _HEADER_BYTES:
            wrong = "its header is damaged, the chunks behind it are looked for"
        if not wrong and (lost or (gap and not more)):
            wrong = "not all of its chunks are whole"
        self.written, self.written_lines = upto, self.sent_lines + sure + more
        self.sent = min(self.sent, upto)
        return ends, lost, wrong

    def _read_header(self, fd: int) -> bool:
        """False when there is none that can be trusted."""
        raw = _pread(fd, _HEADER_BYTES, 0)
        if len(raw) < _HEADER_BYTES or zlib.crc32(raw[: _HEADER.size]) != _CHECKSUM.unpack_from(raw, _HEADER.size)[0]:
            return False
        magic, version, written, written_lines, sent, sent_lines = _HEADER.unpack_from(raw)
        if magic != _MAGIC or version != VERSION:
            return False
        self.written, self.written_lines, self.sent, self.sent_lines = written, written_lines, sent, sent_lines
        return True

    def _note(self, fd: int) -> None:
        header = _HEADER.pack(_MAGIC, VERSION, self.written, self.written_lines, self.sent, self.sent_lines)
        _write(fd, header + _CHECKSUM.pack(zlib.crc32(header)), 0)


def encoded(chunks: Sequence[Chunk]) -> Iterator[bytes]:
    """The frames of the chunks, one at a time."""
    for chunk in chunks:
        body = shipment.encode([chunk])
        head = _HEAD.pack(_CHUNK_MAGIC, len(body), chunk.lines, int(chunk.source_id, 16), chunk.end or 0)
        yield head + _CHECKSUM.pack(zlib.crc32(head)) + body


def frame_bytes(chunk: Chunk) -> int:
    """About how much a chunk takes, a little more rather than less."""
    return len(chunk.value) + _ENVELOPE_BYTES


def _write(fd: int, data: bytes, at: int) -> None:
    done = 0
    while done < len(data):
        done += os.pwrite(fd, memoryview(data)[done:], at + done)


def _frames(fd: int, at: int, upto: int) -> Iterator[Frame]:
    """The frames between the two places; where there is none, the first behind it."""
    while at < upto:
        frame = _frame(fd, at, upto) or _next_frame(fd, at + 1, upto)
        if frame is None:
            return
        yield frame
        at = frame.after


def _frame(fd: int, at: int, upto: int) -> Frame | None:
    raw = _pread(fd, _HEAD_BYTES, at)
    if len(raw) < _HEAD_BYTES or zlib.crc32(raw[: _HEAD.size]) != _CHECKSUM.unpack_from(raw, _HEAD.size)[0]:
        return None
    magic, size, lines, source, end = _HEAD.unpack_from(raw)
    body = at + _HEAD_BYTES
    if magic != _CHUNK_MAGIC or size > _MOST_BYTES or body + size > upto:
        return None
    return Frame(at, body, body + size, lines, f"{source:016x}", end)


def _next_frame(fd: int, at: int, upto: int) -> Frame | None:
    """Looks for one, a block at a time."""
    while at < upto:
        block = _pread(fd, _MOST_BYTES, at)
        place = block.find(_CHUNK_MAGIC)
        while place >= 0:
            if frame := _frame(fd, at + place, upto):
                return frame
            place = block.find(_CHUNK_MAGIC, place + 1)
        # A magic may be across two blocks.
        at += max(_MOST_BYTES - len(_CHUNK_MAGIC) + 1, 1)
    return None


def _chunk(fd: int, frame: Frame) -> Chunk | None:
    """None when it isn't what was appended."""
    try:
        (envelope,) = shipment.decode(_pread(fd, frame.after - frame.body, frame.body)).envelopes
        return from_message(Message(0, 0, 0, "", envelope.headers, envelope.value))
    except (BadRequest, Corrupt, ValueError):
        return None


def _pread(fd: int, length: int, at: int) -> bytes:
    """Fewer bytes at the file's end, and none where the disk can't read them, which is damage like any other."""
    try:
        return os.pread(fd, length, at)
    except OSError as error:
        if error.errno != errno.EIO:
            raise
        return b""
