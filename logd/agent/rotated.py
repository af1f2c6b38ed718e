"""Where a file went when it was renamed, and which files came and went between two looks at a path.

When a path is rotated twice between two looks, the file in the middle was never seen under it. It is found by its name,
which is the path's with a number or a date, and by not having been there before the rotation. So is a copy that was
made before its file was truncated: what may be one isn't known as an old file, however often it is looked at.
"""

from __future__ import annotations

import os
import re
import time
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator

import msgspec

from logd.agent.discover import is_compressed_name

_Identity = tuple[int, int, int]
#: What rotation puts behind a name, or between it and its extension.
_ROTATION = re.compile(r"[-_.](?:\d{1,5}|\d{4}-?\d{2}-?\d{2}[-_T.:\d]*|\d{10,}|old|bak)")
#: What comes behind the original's name, or the part of it before its extension, begins with one of these.
_SEPARATORS = "-_."
#: The name has something of it at its end, or before its extension.
_LOOKS_ROTATED = re.compile(_ROTATION.pattern + r"(?:\.[^.]*)?$")
#: A folder in which files are renamed all the time is listed so often, and then taken as it is.
_LOOKS = 5
#: A folder changed so recently may change again without its time changing: file systems' clocks are coarse.
_COARSE_NS = 1_000_000_000


def inodes(folder: str) -> dict[int, str]:
    """The paths of the files in `folder` by their inodes; none when it can't be read."""
    try:
        with os.scandir(folder) as entries:
            return {entry.inode(): entry.path for entry in entries if entry.is_file(follow_symlinks=False)}
    except OSError:
        return {}


def find_inode(folder: str, key: tuple[int, int]) -> tuple[str, os.stat_result] | None:
    """The path in `folder` of the file that is (device, inode) `key`, and what it is like, while others are renamed
    too."""
    if (found := _at_inode(folder, key)) is not None:
        return found
    for _ in looks(folder):
        if (found := _at_inode(folder, key)) is not None:
            return found
    return None


class _Known(msgspec.Struct, frozen=True):
    """The rotated files of a path."""

    #: Since then no name in the folder changed; 0 when that can't be told yet.
    changed_ns: int = 0
    identities: frozenset[_Identity] = frozenset()
    #: Paths of those that may be copies, which aren't known: they grow without their folder changing.
    waiting: tuple[str, ...] = ()


class Siblings:
    """Rotated files beside followed paths: those that were there when they were last looked at, and those that came
    since."""

    def __init__(self, may_be_copy: Callable[[str, int], bool]) -> None:
        """`may_be_copy` is asked for files that are new, by path and inode: one that may be, stays so."""
        self._may_be_copy = may_be_copy
        self._known: dict[str, _Known] = {}
        self._looked: dict[str, _Known] = {}

    def look(self, paths: Iterable[str]) -> None:
        """Notes what is there beside `paths`, for `remember`. To be called before the paths themselves are looked at:
        what takes one and leaves it in between is a newcomer then. A folder that hasn't changed isn't listed."""
        self._looked = self._found(paths)

    def remember(self, paths: Iterable[str], taken: Iterable[str] = ()) -> None:
        """Knows what was there at `look`, and from now on that of `paths`, all that are followed. Of those `taken`
        since, it wasn't known then what may be a copy."""
        looked, self._looked = self._looked, {}
        wanted = set(paths)
        for path in taken:
            looked.pop(path, None)
        self._known = self._found(wanted - looked.keys()) | {path: looked[path] for path in wanted & looked.keys()}

    def newcomers(self, path: str) -> list[str]:
        """Rotated files of `path` that it doesn't know; none while it knows nothing. A rotation leaves a file's
        identity, size and time as they are; an inode that was given to a new file comes with others."""
        return self.unknown(path) if path in self._known else []

    def unknown(self, path: str) -> list[str]:
        """The same, and all of them while it knows nothing."""
        folder, name = os.path.split(path)
        known = self._known.get(path, _Known())
        try:
            if os.stat(folder).st_mtime_ns == known.changed_ns:
                found = _identities(known.waiting, {})
            else:
                found = _rotated(folder, name, sorted(os.listdir(folder)), {})
        except OSError:
            return []
        return [at for at, identity in found if identity not in known.identities]

    def _found(self, paths: Iterable[str]) -> dict[str, _Known]:
        names: dict[str, list[str]] = {}
        for path in paths:
            folder, name = os.path.split(path)
            names.setdefault(folder, []).append(name)
        found: dict[str, _Known] = {}
        for folder, followed in names.items():
            listing: list[str] | None = None
            may_be: dict[_Identity, bool] = {}
            stats: dict[str, _Identity | None] = {}
            try:
                changed_ns = os.stat(folder).st_mtime_ns
                settled = time.time_ns() - changed_ns > _COARSE_NS
                for name in followed:
                    path = os.path.join(folder, name)
                    known = self._known.get(path, _Known())
                    if known.changed_ns == changed_ns:
                        there, old = dict(_identities(known.waiting, stats)), known.identities
                    else:
                        listing = sorted(os.listdir(folder)) if listing is None else listing
                        there, old = dict(_rotated(folder, name, listing, stats)), frozenset[_Identity]()
                    if there or known.changed_ns != changed_ns:
                        for at, its in there.items():
                            if its not in known.identities and its not in may_be:
                                may_be[its] = self._may_be_copy(at, its[0])
                        waiting = tuple(at for at, its in there.items() if its not in known.identities and may_be[its])
                        old = old.union(its for at, its in there.items() if at not in waiting)
                        known = _Known(changed_ns if settled else 0, old, waiting)
                    found[path] = known
            except OSError:
                continue
        return found


def looks(folder: str) -> Iterator[None]:
    """Once, and again as long as names in the folder changed meanwhile: while files are renamed, one that is at neither
    its old name nor its new one would be missed."""
    before = _names(folder)
    for _ in range(_LOOKS):
        yield
        after = _names(folder)
        if after == before:
            return
        before = after


def stem(name: str) -> str:
    """What all rotated files of `name` begin with."""
    return os.path.splitext(name)[0]


def stems(name: str) -> Iterator[str]:
    """The stems of all names of which this one can be a rotation."""
    return (name[:at] for at, character in enumerate(name) if at and character in _SEPARATORS)


def looks_rotated(name: str) -> bool:
    """There may be a file of which this one is a rotation."""
    return _LOOKS_ROTATED.search(name) is not None


def compressed(path: str) -> list[str]:
    """The rotated files of `path` that were compressed by gzip."""
    folder, name = os.path.split(path)
    try:
        listing = os.listdir(folder)
    except OSError:
        return []
    wanted = (found for found in listing if found.endswith(".gz") and is_rotation(found.removesuffix(".gz"), name))
    return [os.path.join(folder, found) for found in sorted(wanted)]


def is_rotation(name: str, original: str) -> bool:
    """A file of this name can be `original` rotated: app.log → app.log.1, app.log-20260314, app.1.log."""
    return _is_rotation(name, *os.path.splitext(original))


def _is_rotation(name: str, beginning: str, extension: str) -> bool:
    if not name.startswith(beginning) or is_compressed_name(name):
        return False
    rest = name[len(beginning) :]
    rest = rest.removeprefix(extension) if rest.startswith(extension) else rest.removesuffix(extension)
    return _ROTATION.fullmatch(rest) is not None


def _at_inode(folder: str, key: tuple[int, int]) -> tuple[str, os.stat_result] | None:
    path = inodes(folder).get(key[1])
    try:
        found = os.stat(path, follow_symlinks=False) if path is not None else None
    except OSError:
        return None
    return (path, found) if path is not None and found is not None and (found.st_dev, found.st_ino) == key else None


def _names(folder: str) -> set[tuple[str, int]]:
    try:
        with os.scandir(folder) as entries:
            return {(entry.name, entry.inode()) for entry in entries}
    except OSError:
        return set()


def _rotated(
    folder: str, name: str, listing: list[str], stats: dict[str, _Identity | None]
) -> Iterator[tuple[str, _Identity]]:
    """The rotated files of `name` in the sorted names of `folder`. `stats` are what was found of each path, since of
    rotated files that are followed each one is a rotation of all others."""
    beginning, extension = os.path.splitext(name)
    for place in range(bisect_left(listing, beginning), len(listing)):
        if not listing[place].startswith(beginning):
            return
        if not _is_rotation(listing[place], beginning, extension):
            continue
        yield from _identities((os.path.join(folder, listing[place]),), stats)


def _identities(paths: Iterable[str], stats: dict[str, _Identity | None]) -> Iterator[tuple[str, _Identity]]:
    for path in paths:
        if path not in stats:
            stats[path] = _identity(path)
        if (found := stats[path]) is not None:
            yield path, found


def _identity(path: str) -> _Identity | None:
    try:
        found = os.stat(path, follow_symlinks=False)
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns
