"""Objects as files in a folder.

    .part/ID     being written, and what a crash has left: removed by the next start after a day
    NAME         whole and durable, never changed; the slashes of the name are folders

A file is written and synced in .part, then linked to its name, which fails when that is taken; then the folders are
synced that the link has changed.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import time
import uuid
from collections.abc import AsyncIterable, AsyncIterator, Iterator
from pathlib import Path
from typing import IO

from logd.backends.objects.names import check
from logd.errors import ConfigError, Conflict, NotFound, Unavailable
from logd.flow.threads import finished, opened
from logd.seams import StoredObject

_PART = ".part"
#: Nobody takes so long over one object; what is older was left by a crash.
_LEFT_OVER_SECONDS = 86_400
_BLOCK_BYTES = 1024 * 1024
#: Of a list, at once: a folder of a million files takes seconds.
_LISTED = 1_000


class FolderObjects:
    """See seams.Objects."""

    def __init__(self, root: Path) -> None:
        self._root = root

    @classmethod
    async def open(cls, root: Path) -> FolderObjects:
        """Makes the folder if need be. Raises ConfigError."""
        try:
            await asyncio.to_thread(_prepare, root)
        except OSError as error:
            raise ConfigError(f"objects.path {str(root)!r} can't be used: {_reason(error)}") from error
        return cls(root)

    async def put(self, name: str, content: AsyncIterable[bytes]) -> int:
        """See Objects."""
        check(name)
        part = self._root / _PART / uuid.uuid4().hex
        size = 0
        with _said("write", name):
            try:
                file = await opened(lambda: part.open("xb"))
                try:
                    async for block in content:
                        await finished(lambda block=block: file.write(block))  # type: ignore[misc]
                        size += len(block)
                    await finished(lambda: self._publish(file, part, name))
                finally:
                    await finished(lambda: _close(file))
            finally:
                await finished(lambda: part.unlink(missing_ok=True))
        return size

    @contextlib.asynccontextmanager
    async def get(self, name: str, start: int = 0, end: int | None = None) -> AsyncIterator[AsyncIterator[bytes]]:
        """See Objects."""
        check(name)
        with _said("read", name):
            file = await opened(lambda: self._opened(name))
        try:
            yield _blocks(file, name, start, end)
        finally:
            await finished(file.close)

    async def list(self, prefix: str = "", after: str = "") -> AsyncIterator[StoredObject]:
        """See Objects."""
        found = (one for one in _walk(self._root, "", prefix) if one.name > after)
        while True:
            with _said("list", prefix):
                some = await finished(lambda: list(itertools.islice(found, _LISTED)))
            for one in some:
                yield one
            if len(some) < _LISTED:
                return

    async def delete(self, name: str) -> None:
        """See Objects."""
        check(name)
        with _said("delete", name):
            await finished(lambda: self._delete(name))

    async def size(self, name: str) -> int:
        """See Objects."""
        check(name)
        with _said("read", name), await opened(lambda: self._opened(name)) as file:
            return os.fstat(file.fileno()).st_size

    async def close(self) -> None:
        """See Objects."""

    def _opened(self, name: str) -> IO[bytes]:
        path = self._root / name
        try:
            return path.open("rb", buffering=0)
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            raise NotFound(f"there is no object {name!r} in {self._root}") from None

    def _publish(self, file: IO[bytes], part: Path, name: str) -> None:
        file.flush()
        os.fsync(file.fileno())
        path = self._root / name
        try:
            _make_folders(path.parent, self._root)
            os.link(part, path)
        except (FileExistsError, NotADirectoryError):
            raise Conflict(f"there is an object {name!r} in {self._root} already") from None
        _sync(path.parent)

    def _delete(self, name: str) -> None:
        path = self._root / name
        with contextlib.suppress(FileNotFoundError, NotADirectoryError, IsADirectoryError):
            path.unlink()
            _sync(path.parent)


async def _blocks(file: IO[bytes], name: str, start: int, end: int | None) -> AsyncIterator[bytes]:
    at = start
    while end is None or at < end:
        length = _BLOCK_BYTES if end is None else min(_BLOCK_BYTES, end - at)
        with _said("read", name):
            block = await finished(lambda length=length, at=at: os.pread(file.fileno(), length, at))  # type: ignore[misc]
        if not block:
            return
        at += len(block)
        yield block


def _walk(folder: Path, above: str, prefix: str) -> Iterator[StoredObject]:
    """In the order of whole names: of a folder `a` and a file `a-b`, the file is first, since `-` is before `/`."""
    try:
        with os.scandir(folder) as entries:
            names = sorted(f"{entry.name}/" if entry.is_dir() else entry.name for entry in entries)
    except FileNotFoundError:
        return
    for each in names:
        name = above + each
        if each.startswith(".") or not (name.startswith(prefix) or prefix.startswith(name)):
            continue
        if each.endswith("/"):
            yield from _walk(folder / each, name, prefix)
            continue
        with contextlib.suppress(FileNotFoundError):  # deleted meanwhile
            yield StoredObject(name, (folder / each).stat().st_size)


def _prepare(root: Path) -> None:
    (root / _PART).mkdir(parents=True, exist_ok=True)
    long_ago = time.time() - _LEFT_OVER_SECONDS
    for part in (root / _PART).iterdir():
        with contextlib.suppress(FileNotFoundError):
            if part.stat().st_mtime < long_ago:
                part.unlink()
    _sync(root)


def _make_folders(folder: Path, root: Path) -> None:
    """Each is durable before there is something in it."""
    if folder == root or folder.is_dir():
        return
    _make_folders(folder.parent, root)
    folder.mkdir(exist_ok=True)
    _sync(folder.parent)


def _close(file: IO[bytes]) -> None:
    with contextlib.suppress(OSError):  # what couldn't be written can't be flushed either
        file.close()


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextlib.contextmanager
def _said(doing: str, name: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise Unavailable(f"can't {doing} object {name!r}: {_reason(error)}") from error


def _reason(error: OSError) -> str:
    return (error.strerror or str(error)).lower()
