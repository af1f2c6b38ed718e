"""Ranges of objects that are kept on the local disk, so that they needn't be fetched again.

    FOLDER/000000000001.slab    records: header | name (UTF-8) | bytes
    header                      magic "cold" | name's length (uint32) | bytes (uint64) | start in the object (uint64)
                                | flags (uint32), 1 is precious | CRC-32 of the bytes | CRC-32 of all that is before,
                                and of the name

Slabs are appended to and deleted whole, the oldest first: what of it is precious, and what was used lately, has been
written again before. Invariants: all slabs together have no more than the limit, also after a restart; nothing is
synced, so after a crash a slab may end in a record that is cut or has other bytes: the checksums tell. Little endian.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import struct
import threading
import zlib
from collections import deque
from collections.abc import Iterator
from pathlib import Path

_MAGIC = b"cold"
_HEADER = struct.Struct("<4sIQQIII")
_UNSIGNED = _HEADER.size - 4
_PRECIOUS = 1
#: Of the limit: more slabs delete less at once.
_SLABS = 16
#: Of the limit: what is precious may have so much, or nothing else would fit.
_MOST_PRECIOUS = 4
#: Slabs that are the next to go: what is read of these is written again, so that it stays.
_OLD_SLABS = _SLABS // 4
_NAME_BYTES = 4_096


class Record:
    """A range of an object: bytes `start` to before `end`. `place` is where it is now, None once it is gone."""

    __slots__ = ("crc", "end", "name", "place", "precious", "start")

    def __init__(self, name: str, start: int, end: int, precious: bool, crc: int, place: tuple[Slab, int]) -> None:
        self.name, self.start, self.end, self.precious, self.crc = name, start, end, precious, crc
        self.place: tuple[Slab, int] | None = place


class Slab:
    """An open file of records. It is closed when nobody has it any more, deleted or not."""

    def __init__(self, path: Path, number: int) -> None:
        self.path, self.number = path, number
        self.handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self.size = os.fstat(self.handle).st_size
        self.records: list[Record] = []

    def __del__(self) -> None:
        with contextlib.suppress(AttributeError, OSError):
            os.close(self.handle)


class Kept:
    """Those of a folder, which is this process's own. For any number of threads. Raises OSError."""

    def __init__(self, folder: Path, most_bytes: int) -> None:
        self._folder = folder
        self._most_bytes = most_bytes
        self._slab_bytes = most_bytes // _SLABS
        self._lock = threading.Lock()
        self._slabs: deque[Slab] = deque()
        folder.mkdir(parents=True, exist_ok=True)
        for path in sorted(folder.glob("*.slab")):
            slab = Slab(path, int(path.stem))
            slab.records = list(_scanned(slab))
            self._slabs.append(slab)
        self._numbers = itertools.count(self._slabs[-1].number + 1 if self._slabs else 1)
        self._writable: Slab | None = None
        with self._lock:
            self._make_room(0)

    @property
    def records(self) -> list[Record]:
        """All that there are, the oldest first."""
        with self._lock:
            return [record for slab in self._slabs for record in slab.records]

    @property
    def size_bytes(self) -> int:
        """On disk."""
        with self._lock:
            return sum(slab.size for slab in self._slabs)

    def add(self, name: str, start: int, data: bytes, precious: bool) -> tuple[Record | None, list[Record]]:
        """Keeps a range, None when it is too large for that; and those that had to go."""
        with self._lock:
            if _size(name, len(data)) > self._slab_bytes:
                return None, []
            gone = self._make_room(_size(name, len(data)))
            crc = zlib.crc32(data)
            place = self._append(name, start, data, precious, crc)
            record = Record(name, start, start + len(data), precious, crc, place)
            place[0].records.append(record)
            return record, gone

    def read(self, record: Record) -> bytes | None:
        """None when it isn't what was written, or is gone."""
        place = record.place
        if place is None:
            return None
        data = os.pread(place[0].handle, record.end - record.start, place[1])
        if len(data) != record.end - record.start or zlib.crc32(data) != record.crc:
            return None
        return data

    def use(self, record: Record, data: bytes) -> list[Record]:
        """It was of use: if it would go soon, it is written again; those that had to go for it."""
        with self._lock:
            if record.place is None or len(self._slabs) < _SLABS - _OLD_SLABS:
                return []
            if record.place[0].number > self._slabs[_OLD_SLABS - 1].number:
                return []
            gone = self._make_room(_size(record.name, len(data)))
            if record.place is not None:
                self._move(record, data)
            return gone

    def _move(self, record: Record, data: bytes) -> None:
        record.place = self._append(record.name, record.start, data, record.precious, record.crc)
        record.place[0].records.append(record)

    def _append(self, name: str, start: int, data: bytes, precious: bool, crc: int) -> tuple[Slab, int]:
        slab = self._writable
        if slab is None or slab.size + len(data) > self._slab_bytes:
            number = next(self._numbers)
            slab = self._writable = Slab(self._folder / f"{number:012d}.slab", number)
            self._slabs.append(slab)
        text = name.encode()
        head = _HEADER.pack(_MAGIC, len(text), len(data), start, _PRECIOUS if precious else 0, crc, 0)[:_UNSIGNED]
        signed = head + zlib.crc32(text, zlib.crc32(head)).to_bytes(4, "little") + text
        try:
            written = os.pwritev(slab.handle, [signed, data], slab.size)
            if written != len(signed) + len(data):
                raise OSError(f"{slab.path} takes no more")
        except OSError:
            self._writable = None  # whatever is behind its end now is cut off by the next start
            raise
        at = slab.size + len(signed)
        slab.size += written
        return slab, at

    def _make_room(self, more: int) -> list[Record]:
        gone: list[Record] = []
        while self._slabs and sum(slab.size for slab in self._slabs) + more > self._most_bytes:
            slab = self._slabs.popleft()
            if slab is self._writable:
                self._writable = None
            slab.path.unlink(missing_ok=True)
            left = self._most_bytes // _MOST_PRECIOUS - sum(
                record.end - record.start for one in self._slabs for record in one.records if record.precious
            )
            for record in slab.records:
                if record.place is None or record.place[0] is not slab:
                    continue  # it was moved before
                left -= record.end - record.start if record.precious else 0
                data = self.read(record) if record.precious and left >= 0 else None
                if data is None:
                    record.place = None
                    gone.append(record)
                else:
                    self._move(record, data)
        return gone


def _size(name: str, length: int) -> int:
    return _HEADER.size + len(name.encode()) + length


def _scanned(slab: Slab) -> Iterator[Record]:
    """The records of a slab, up to the first that isn't whole; what is behind that is cut off."""
    at = 0
    while at < slab.size:
        head = os.pread(slab.handle, _HEADER.size + _NAME_BYTES, at)
        if len(head) < _HEADER.size:
            break
        magic, name_bytes, length, start, flags, crc, signed = _HEADER.unpack_from(head)
        text = head[_HEADER.size : _HEADER.size + name_bytes]
        begin = at + _HEADER.size + name_bytes
        whole = magic == _MAGIC and len(text) == name_bytes and begin + length <= slab.size
        if not whole or zlib.crc32(text, zlib.crc32(head[:_UNSIGNED])) != signed:
            break
        yield Record(text.decode(), start, start + length, bool(flags & _PRECIOUS), crc, (slab, begin))
        at = begin + length
    if at < slab.size:
        os.ftruncate(slab.handle, at)
        slab.size = at
