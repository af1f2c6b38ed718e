"""Copying files with their checksums."""

from __future__ import annotations

import os
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, TypeVar

T = TypeVar("T")
_READ_BYTES = 1024 * 1024


class Unreadable(Exception):
    """The file that is to be copied can't be read; that the copy can't be written is an OSError."""


def copy(source: Path, target: Path, check: Callable[[], None] = lambda: None) -> tuple[int, int]:
    """A durable copy; gives its size and CRC-32. Its folders are made, and not synced. Calls `check` all the time,
    which may raise. Raises Unreadable and OSError."""
    size = crc = 0
    target.parent.mkdir(parents=True, exist_ok=True)
    handle = _unless_unreadable(lambda: os.open(source, os.O_RDONLY | os.O_CLOEXEC))
    try:
        with target.open("xb", buffering=0) as file:
            while part := _unless_unreadable(lambda: os.read(handle, _READ_BYTES)):
                check()
                size += len(part)
                crc = zlib.crc32(part, crc)
                rest = memoryview(part)
                while rest:
                    rest = rest[file.write(rest) :]
            os.fsync(file.fileno())
    finally:
        os.close(handle)
    return size, crc


def checksum(file: BinaryIO, check: Callable[[], None] = lambda: None) -> tuple[int, int]:
    """Size and CRC-32 of an open file. Calls `check` as `copy` does. Raises OSError."""
    size = crc = 0
    while part := file.read(_READ_BYTES):
        check()
        size += len(part)
        crc = zlib.crc32(part, crc)
    return size, crc


def sync_folders(root: Path) -> None:
    """fsync of a folder and all folders in it. Raises OSError."""
    for folder, _, _ in os.walk(root, topdown=False):
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _unless_unreadable(read: Callable[[], T]) -> T:
    try:
        return read()
    except OSError as error:
        raise Unreadable(error.strerror or str(error)) from error
