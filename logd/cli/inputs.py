"""What `logd import` reads: plain, gzip and zstd files and standard input, as blocks of text, whatever their size."""

from __future__ import annotations

import os
import sys
import zlib
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

import zstandard

from logd.errors import Corrupt, NotFound

STDIN = "-"
_BLOCK_BYTES = 1024 * 1024
#: A zstd block of 4 bytes can stand for 128 KiB: this much input makes at most 16 MiB.
_ZSTD_STEP_BYTES = 512
#: The longest beginning that tells a format.
_PEEK_BYTES = 8
_GZIP, _ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"
#: Formats that aren't read, by how they begin.
_OTHERS = {
    b"\xfd7zXZ\0": "xz",
    b"BZh": "bzip2",
    b"\x04\x22\x4d\x18": "lz4",
    b"PK\x03\x04": "zip",
    b"\x1f\x9d": "compress",
    b"LPKSHHRH": "systemd's journal format",
}


class Identity(NamedTuple):
    """What a file is called by the system, from the moment when it was opened."""

    device: int
    inode: int
    size: int
    modified_us: int


class Input:
    """An open file. `raw` is at its beginning and belongs to this; `peek` are its first bytes."""

    def __init__(self, name: str, raw: BinaryIO, peek: bytes) -> None:
        self.name = name
        self._raw = raw
        self._peek = peek
        self._plain = not peek.startswith((_GZIP, _ZSTD))
        self._pipe = name == STDIN or not raw.seekable()
        self._read = 0

    @property
    def seekable(self) -> bool:
        """Whether reading may begin anywhere."""
        return self._plain and not self._pipe

    def identity(self) -> Identity | None:
        """None for what is no regular file."""
        if self._pipe:
            return None
        status = os.fstat(self._raw.fileno())
        return Identity(status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns // 1000)

    def raw_position(self) -> int:
        """How many bytes of the file were read, compressed as they may be."""
        return self._read

    def blocks(self, start: int = 0) -> Iterator[bytes]:
        """The text from byte `start` on; of a pipe, once, and from 0. None of them is empty. Raises Corrupt at the
        place where a file can't be read any further; what comes before has been given then."""
        try:
            if not self._pipe:
                self._read = self._raw.seek(start if self._plain else 0)
            skip = 0 if self._plain else start
            for block in self._text():
                if skip < len(block):
                    yield block[skip:]
                skip = max(0, skip - len(block))
        except OSError as error:
            raise Corrupt(f"{self.name} can't be read at byte {self._read}: {error.strerror or error}") from error

    def read_at(self, position: int, size: int) -> bytes:
        """Bytes of a seekable file; fewer where it ends. Raises Corrupt."""
        try:
            return os.pread(self._raw.fileno(), size, position)
        except OSError as error:
            raise Corrupt(f"{self.name} can't be read at byte {position}: {error.strerror or error}") from error

    def close(self) -> None:
        """Closes the file."""
        self._raw.close()

    def _take(self, size: int) -> bytes:
        part = self._raw.read(size)
        self._read += len(part)
        return part

    def _text(self) -> Iterator[bytes]:
        if self._peek.startswith(_GZIP):
            return self._gunzip()
        if self._peek.startswith(_ZSTD):
            return self._unzstd()
        return self._parts()

    def _parts(self) -> Iterator[bytes]:
        """The file as it is."""
        if self._pipe:
            self._read = len(self._peek)
            yield self._peek
        yield from iter(lambda: self._take(_BLOCK_BYTES), b"")

    def _gunzip(self) -> Iterator[bytes]:
        """All members of the file."""
        stream = zlib.decompressobj(wbits=31)
        for part in self._parts():
            rest = part
            while rest:
                if stream.eof:
                    rest = rest.lstrip(b"\0")  # tapes and some tools pad with them
                    if not rest:
                        break
                    stream = zlib.decompressobj(wbits=31)
                try:
                    yield stream.decompress(rest, _BLOCK_BYTES)
                except zlib.error as error:
                    raise self._damaged("gzip", str(error)) from error
                rest = stream.unused_data if stream.eof else stream.unconsumed_tail
        if not stream.eof:
            raise self._damaged("gzip", "it ends in the middle")

    def _unzstd(self) -> Iterator[bytes]:
        """All frames of the file."""
        decompressor = zstandard.ZstdDecompressor(max_window_size=2**27)
        stream = decompressor.decompressobj()
        for rest in (
            part[at : at + _ZSTD_STEP_BYTES] for part in self._parts() for at in range(0, len(part), _ZSTD_STEP_BYTES)
        ):
            while rest:
                if stream.eof:
                    stream = decompressor.decompressobj()
                try:
                    yield stream.decompress(rest)
                except zstandard.ZstdError as error:
                    raise self._damaged("zstd", str(error)) from error
                rest = stream.unused_data if stream.eof else b""
        if not stream.eof:
            raise self._damaged("zstd", "it ends in the middle")

    def _damaged(self, kind: str, what: str) -> Corrupt:
        return Corrupt(f"{self.name} can't be read beyond byte {self._read}: its {kind} stream is damaged: {what}")


def opened(name: str) -> Input:
    """The file, or standard input for `-`. Raises NotFound when it can't be opened, Corrupt when it is no text."""
    try:
        raw: BinaryIO = sys.stdin.buffer if name == STDIN else open(name, "rb", buffering=0)  # noqa: SIM115
        peek = raw.read(_PEEK_BYTES) or b""
        if name != STDIN and raw.seekable():
            raw.seek(0)
    except OSError as error:
        raise NotFound(f"can't read {name}: {(error.strerror or str(error)).lower()}") from error
    for magic, what in _OTHERS.items():
        if peek.startswith(magic):
            raw.close()
            raise Corrupt(f"{name} is {what}, expected text, gzip or zstd: unpack it and give it as -")
    return Input(name, raw, peek)
