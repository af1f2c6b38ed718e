"""The archive's files as a file system of DuckDB's: `cold://SEARCH/NAME`, where SEARCH is the number of who reads."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from fsspec.spec import AbstractFileSystem

from logd.tiers.cold.files import PROTOCOL, ColdFiles

#: They never change.
_WRITTEN = datetime(2000, 1, 1, tzinfo=UTC)


class ColdFileSystem(AbstractFileSystem):  # type: ignore[misc]
    """Knows the files of the searches that are mounted. What DuckDB asks of it, and no more."""

    protocol = PROTOCOL
    cachable = False

    def __init__(self) -> None:
        super().__init__()
        self._mounted: dict[int, ColdFiles] = {}

    def mount(self, number: int, files: ColdFiles) -> None:
        """For one search."""
        self._mounted[number] = files

    def unmount(self, number: int) -> None:
        """Idempotent."""
        self._mounted.pop(number, None)

    def open(self, path: str, mode: str = "rb", **options: Any) -> OpenColdFile:
        """For reading."""
        return OpenColdFile(*self._found(path))

    def glob(self, path: str, **options: Any) -> list[str]:
        """Names aren't patterns here."""
        return [path]

    def exists(self, path: str, **options: Any) -> bool:
        """Whether somebody reads it."""
        number, file = _parted(path)
        return number in self._mounted and bool(file)

    def isfile(self, path: str) -> bool:
        """See exists."""
        return self.exists(path)

    def size(self, path: str) -> int:
        """In bytes."""
        files, file = self._found(path)
        return files.size_of(file)

    def modified(self, path: str) -> datetime:
        """Never."""
        return _WRITTEN

    def _found(self, path: str) -> tuple[ColdFiles, str]:
        number, file = _parted(path)
        files = self._mounted.get(number)
        if files is None:
            raise FileNotFoundError(f"nobody reads {path} any more")
        return files, file


class OpenColdFile:
    """As DuckDB reads it."""

    def __init__(self, files: ColdFiles, file: str) -> None:
        self._files, self._file = files, file
        self.size = files.size_of(file)
        self._at = 0

    def read(self, size: int = -1) -> bytes:
        """From where it is."""
        end = self.size if size < 0 else min(self.size, self._at + size)
        if end <= self._at:
            return b""
        data = self._files.take_following(self._file, self._at, end)
        self._at = end
        return data

    def seek(self, place: int, whence: int = 0) -> int:
        """Where the next read begins."""
        self._at = place + (0, self._at, self.size)[whence]
        return self._at

    def tell(self) -> int:
        """Where it is."""
        return self._at

    def close(self) -> None:
        """Nothing is held."""


def _parted(path: str) -> tuple[int, str]:
    number, _, file = path.removeprefix(f"{PROTOCOL}://").partition("/")
    return int(number), file
