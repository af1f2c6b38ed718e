"""A skip index: which of a segment's row groups can have a mark (marks.py). `ID.skip`, beside the segment.

    panels      for each block of the panel: for each of its row groups 128 bytes | CRC-32 of these
    directory   for each panel: blocks (uint32) | for each row group: which of marks.FREQUENT it has, a bit each (uint8)
    footer      row groups of each panel but the last | row groups | CRC-32 of the directory | version (uint32 each)
                | magic "logdskip"

Each row group has a split-block Bloom filter, as Parquet has it but with larger blocks: a mark chooses a block of 1,024
bits by its upper half, and by its lower half one bit in each of the block's eight lanes of 128. A panel's row groups
have filters of one size, and their blocks of the same number stand side by side, so that asking for a mark is one short
read a panel.

Invariants: written as .tmp, fsync, rename; immutable; a row group without the mark may be reported, one with it always
is, or the file is known to be damaged. All numbers are little endian.
"""

from __future__ import annotations

import contextlib
import os
import struct
import zlib
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt

from logd.errors import Corrupt
from logd.flow import crash
from logd.store.marks import FREQUENT, Marks
from logd.store.segments import checksum, sync

VERSION = 1
_MAGIC = b"logdskip"
_FOOTER = struct.Struct("<4I8s")
_CRC_BYTES = 4
#: A panel's marks are held while an index is made; one of a quarter million rows is asked with one read of 4 kB.
_PANEL_GROUPS = 32
#: One in 900 row groups without a word is read for it; with 12 it would be 300.
_BITS_A_MARK = 15
_BLOCK_BYTES = 128
_LANE_BITS = 128
#: A 32-bit hash gives the first 7 bits.
_LANE_SHIFT = np.uint32(32 - 7)
_LANES = np.array(
    [0x47B6137B, 0x44974D91, 0x8824AD5B, 0xA2B7289D, 0x705495C7, 0x2DF1424B, 0x9EFC4947, 0x5C6BFB31], np.uint32
)
_SPREAD = 0x9E3779B97F4A7C15
Groups = npt.NDArray[np.bool_]


class SkipIndex(msgspec.Struct, frozen=True):
    """A skip index's directory and footer: what `groups_with` needs besides the file."""

    path: Path
    groups: int
    panel_groups: int
    blocks: tuple[int, ...]
    frequent: bytes

    def groups_with(self, file: int, mark: int) -> Groups:
        """For each row group of the segment whether it can have the mark. `file` is the open file. Raises Corrupt."""
        if mark in FREQUENT:
            # Asked for with every word, so that a filter's mistakes about it would add to all others.
            return (np.frombuffer(self.frequent, np.uint8) >> FREQUENT.index(mark) & 1).astype(np.bool_)
        spread = mark * _SPREAD & 0xFFFFFFFFFFFFFFFF
        high, low = spread >> 32, np.uint32(spread & 0xFFFFFFFF)
        bits = _places(low)
        bytes_, wanted = bits // 8, np.uint8(1) << (bits % 8).astype(np.uint8)
        place = 0
        found = []
        for number, blocks in enumerate(self.blocks):
            groups = min(self.panel_groups, self.groups - number * self.panel_groups)
            row_bytes = _row_bytes(groups)
            data = os.pread(file, row_bytes, place + (high * blocks >> 32) * row_bytes)
            words, crc = data[:-_CRC_BYTES], data[-_CRC_BYTES:]
            if len(data) != row_bytes or zlib.crc32(words) != int.from_bytes(crc, "little"):
                raise Corrupt(f"{self.path} isn't what was written")
            filters = np.frombuffer(words, np.uint8).reshape(groups, _BLOCK_BYTES)
            found.append((filters[:, bytes_] & wanted).all(axis=1))
            place += blocks * row_bytes
        return np.concatenate(found)


def _places(low: np.uint32) -> npt.NDArray[np.uint32]:
    """The bits of a block that a mark has, by its lower half."""
    places: npt.NDArray[np.uint32] = ((_LANES * low) >> _LANE_SHIFT) + np.arange(
        len(_LANES), dtype=np.uint32
    ) * _LANE_BITS
    return places


def _row_bytes(groups: int) -> int:
    return groups * _BLOCK_BYTES + _CRC_BYTES


def read(path: Path, file: int) -> SkipIndex:
    """The directory and footer of an open file. Raises Corrupt."""
    size = os.fstat(file).st_size
    footer = os.pread(file, _FOOTER.size, max(0, size - _FOOTER.size))
    if len(footer) < _FOOTER.size or not footer.endswith(_MAGIC):
        raise Corrupt(f"{path} is no skip index")
    panel_groups, groups, crc, version, _ = _FOOTER.unpack(footer)
    if version != VERSION:
        raise Corrupt(f"{path} has format {version}, this logd knows {VERSION}")
    panels = -(-groups // max(1, panel_groups))
    start = size - _FOOTER.size - 4 * panels - groups
    if panel_groups < 1 or groups < 1 or start < 0:
        raise Corrupt(f"{path} has no directory for {groups} row groups")
    directory = os.pread(file, 4 * panels + groups, start)
    if zlib.crc32(directory) != crc:
        raise Corrupt(f"{path} has a directory that isn't what was written")
    blocks = struct.unpack_from(f"<{panels}I", directory)
    last = groups - (panels - 1) * panel_groups
    if start != sum(blocks[:-1]) * _row_bytes(panel_groups) + blocks[-1] * _row_bytes(last):
        raise Corrupt(f"{path} has another size than its directory says")
    return SkipIndex(path, groups, panel_groups, blocks, directory[4 * panels :])


class Writer:
    """Writes one skip index, of so many bits a mark. Whoever makes it calls `finish` or `abort`. Raises OSError."""

    def __init__(self, path: Path, bits_a_mark: int = _BITS_A_MARK) -> None:
        self._path = path
        self._bits_a_mark = bits_a_mark
        self._temporary = path.with_suffix(".skip.tmp")
        self._file = self._temporary.open("wb")
        self._panel: list[Marks] = []
        self._blocks: list[int] = []
        self._frequent = bytearray()

    def add(self, marks: Marks) -> None:
        """Of the next row group."""
        self._panel.append(marks)
        self._frequent.append(sum(1 << bit for bit, mark in enumerate(FREQUENT) if mark in marks))
        if len(self._panel) == _PANEL_GROUPS:
            self._write_panel()

    def finish(self) -> tuple[int, int]:
        """The file's size and CRC-32, once it is durable."""
        try:
            if self._panel:
                self._write_panel()
            directory = struct.pack(f"<{len(self._blocks)}I", *self._blocks) + self._frequent
            self._file.write(directory)
            groups = len(self._frequent)
            self._file.write(_FOOTER.pack(_PANEL_GROUPS, groups, zlib.crc32(directory), VERSION, _MAGIC))
            self._file.close()
            sync(self._temporary)
            crash.point("skip.written")
            os.replace(self._temporary, self._path)
        except BaseException:
            self.abort()
            raise
        sync(self._path.parent)
        crash.point("skip.renamed")
        return checksum(self._path)

    def abort(self) -> None:
        """Leaves nothing behind."""
        with contextlib.suppress(OSError):
            self._file.close()
        self._temporary.unlink(missing_ok=True)

    def _write_panel(self) -> None:
        filters = _panel(self._panel, self._bits_a_mark)
        self._blocks.append(len(filters))
        for row in filters:
            self._file.write(row.tobytes())
            self._file.write(zlib.crc32(row).to_bytes(_CRC_BYTES, "little"))
        self._panel = []


def _panel(row_groups: list[Marks], bits_a_mark: int) -> npt.NDArray[np.uint8]:
    """(blocks, row groups, 128 bytes)."""
    most = max(len(one) for one in row_groups)
    blocks = max(1, -(-most * bits_a_mark // (8 * _BLOCK_BYTES)))
    filters = np.empty((blocks, len(row_groups), _BLOCK_BYTES), np.uint8)
    for number, one in enumerate(row_groups):
        spread = one.astype(np.uint64) * np.uint64(_SPREAD)
        block = ((spread >> np.uint64(32)) * np.uint64(blocks) >> np.uint64(32)).astype(np.intp)
        low = spread.astype(np.uint32)
        bits = np.zeros(blocks * 8 * _BLOCK_BYTES, np.bool_)
        for lane, salt in enumerate(_LANES):
            bits[block * (8 * _BLOCK_BYTES) + (_LANE_BITS * lane) + ((low * salt) >> _LANE_SHIFT)] = True
        filters[:, number] = np.packbits(bits, bitorder="little").reshape(blocks, _BLOCK_BYTES)
    return filters
