"""Copies of followed files, as logrotate's `copytruncate` makes them: app.log is copied to app.log.1, then truncated.

A copy has a rotated name of its original and begins with the same bytes. As long as it may be one of a file that is
still there, it isn't followed; when the original is truncated or gone, its source goes on in the copy, from where it
had got to. So every line comes once, whether or not a glob finds copies.

Whether two files are the same is told by their first FINGERPRINT_BYTES and the ANCHOR_BYTES before what was read, and
while both are there also by their ends. What remains:

* a file that is no copy, but begins with all of a followed file's bytes that were read when that one was truncated, is
  taken for its copy: those bytes, the same as others that were sent, aren't sent again. Only files of which hardly more
  was read than the same heading can be so alike;
* a shorter file with the same heading is taken for an older copy of which all was read, which can't be told when its
  original was truncated: one that came and went unseen meanwhile is followed from its end;
* a file of less than FINGERPRINT_BYTES that is the beginning of a followed one is waited for UNDECIDED_SECONDS: then it
  is taken for a file of its own, and if it was a copy, its lines are there twice;
* lines that are written after the copy and before the truncation are lost by whoever does that;
* of a copy that is compressed before the truncation is seen, what wasn't read before is lost.
"""

from __future__ import annotations

import contextlib
import os
import stat
import zlib
from collections.abc import Iterable, Iterator, Mapping
from functools import partial

import msgspec

from logd.agent import rotated
from logd.agent.discover import Discovery
from logd.agent.handles import Handles, NoRoom
from logd.agent.identity import FINGERPRINT_BYTES, span
from logd.agent.rows import Source
from logd.agent.sources import Sources
from logd.agent.tail import Tail
from logd.config.schema import Files

#: A short file that is the beginning of another one, and doesn't grow, is no longer taken for its copy. A copy so short
#: is made and its original truncated within milliseconds.
UNDECIDED_SECONDS = 60.0
#: Of two files that begin alike, so much before the shorter one's end is compared: lines have times, so they differ.
_END_BYTES = 64 * 1024

_Key = tuple[int, int]


class Found(msgspec.Struct, frozen=True):
    """What a search gave: the copy to go on in, open, and older copies of which everything has been read."""

    path: str = ""
    fd: int | None = None
    read: tuple[str, ...] = ()


class Copies:
    """See the module."""

    def __init__(self, handles: Handles, tails: Mapping[_Key, Tail], sources: Sources, discovery: Discovery) -> None:
        """`tails` are the followed files, as they change."""
        self.siblings = rotated.Siblings(self._may_be)
        #: Sources whose files haven't been found since the start; each may be in a copy.
        self.missing: list[Source] = []
        self._handles = handles
        self._tails = tails
        self._sources = sources
        self._discovery = discovery
        self._stems: dict[str, list[Tail]] | None = None
        #: When the last scan began.
        self.now = 0.0
        #: Files that wait, by the scan before and by this one: for which tail, their size, and since when it is that.
        self._waiting: dict[_Key, tuple[Tail, int, float]] = {}
        self._seen: dict[_Key, tuple[Tail, int, float]] = {}

    @property
    def waiting(self) -> bool:
        """There are files that may be copies, and have come or changed lately."""
        return any(self.now - since < UNDECIDED_SECONDS for *_, since in self._seen.values())

    def begin_scan(self, now: float) -> None:
        """To be called before the files that a scan finds are asked for."""
        self.now, self._stems = now, None
        self._waiting, self._seen = self._seen, {}

    def add(self, tail: Tail) -> None:
        """The tail is followed since the scan began."""
        if self._stems is not None:
            for name in {os.path.basename(path) for path in original_paths(tail.source)}:
                self._stems.setdefault(rotated.stem(name), []).append(tail)

    def waits(self, path: str, fd: int) -> bool:
        """The file, which isn't followed, may be a copy of one that is, or was before the start. Raises NoRoom."""
        found = os.fstat(fd)
        prefix = os.pread(fd, FINGERPRINT_BYTES, 0)
        if any(_goes_on(source, fd, prefix) and _names(source, path) for source in self.missing):
            return True
        tail = next((tail for tail in self._originals(path) if self._is_of(tail, fd, prefix, found.st_size)), None)
        if tail is None:
            return False
        key = (found.st_dev, found.st_ino)
        _, size, since = self._waiting.get(key, (tail, -1, self.now))
        since = since if size == found.st_size else self.now
        self._seen[key] = (tail, found.st_size, since)
        if not 0 < found.st_size < FINGERPRINT_BYTES or self.now - since < UNDECIDED_SECONDS:
            return True
        # Nobody may have looked at its original all that time.
        return self._to_be_looked_at(tail)

    def wait_for(self, tail: Tail) -> bool:
        """There are files that may be copies of the tail's."""
        return any(original is tail for original, *_ in (*self._waiting.values(), *self._seen.values()))

    def find(self, source: Source, read_to: int, entry: Files) -> Found:
        """The copy of the source's file, if there is one, in which it goes on from `read_to`: the oldest. It is looked
        for beside the file, and where the globs of its entry find it. Raises NoRoom."""
        found = Found()
        for original in original_paths(source):
            for _ in rotated.looks(os.path.dirname(original)):
                found = self._among(source, read_to, self.siblings.unknown(original))
                if found.fd is not None or found.read:
                    return found
        folders = {os.path.dirname(original) for original in original_paths(source)}
        if {os.path.dirname(os.path.abspath(pattern)) for pattern in entry.paths} <= folders:
            return found
        elsewhere = (path for path, _ in self._discovery.find() if os.path.dirname(path) not in folders)
        return self._among(source, read_to, [path for path in elsewhere if _names(source, path)])

    def compressed_bytes(self, tail: Tail) -> int | None:
        """How much of the tail's file wasn't read before it was copied, compressed by gzip and truncated; None when it
        wasn't compressed."""
        paths = [path for original in original_paths(tail.source) for path in rotated.compressed(original)]
        size = _compressed_size(tail.source, paths)
        return None if size is None else max(0, size - tail.read_position)

    def _may_be(self, path: str, inode: int) -> bool:
        """A file that nobody may follow yet may be a copy, or have come and gone in a way that a look at its original
        will show. So may one of which nothing can be told, since another one is at `path` by now."""
        try:
            found = os.stat(path, follow_symlinks=False)
            tail = self._tails.get((found.st_dev, inode))
            # Of files that are rotated and followed there are many, each by its name a rotation of all others.
            if tail is not None and tail.fd is not None:
                return False
            originals = self._originals(path)
            if not originals:
                return False
            fd = self._handles.open(path)
            try:
                if os.fstat(fd).st_ino != inode and not stat.S_ISLNK(found.st_mode):
                    return True
                if self._follows(fd):
                    return False
                return any(self._to_be_looked_at(original) for original in originals) or self.waits(path, fd)
            finally:
                os.close(fd)
        except (NoRoom, FileNotFoundError):
            return True
        except OSError:
            return False

    def _follows(self, fd: int) -> bool:
        """The file is followed, and isn't another one that was given the inode of one that was closed and deleted.
        Raises OSError."""
        found = os.fstat(fd)
        tail = self._tails.get((found.st_dev, found.st_ino))
        return tail is not None and (tail.fd is not None or (not tail.unknown and _intact(tail, fd)))

    def _to_be_looked_at(self, tail: Tail) -> bool:
        """The tail's file left its path, was truncated, or may have been if it was empty. Raises NoRoom."""
        try:
            found = _stat(tail)
            if (found.st_dev, found.st_ino) != tail.key:
                # One that left before and was closed is only known by its fingerprint, which `waits` compares.
                return tail.listed
            if _unchanged(tail, found):
                return False
            fd = self._handles.use(tail)
        except FileNotFoundError:
            return tail.listed
        except OSError:
            return False
        emptied = not tail.scanned and os.fstat(fd).st_mtime_ns != tail.modified_ns
        return emptied or not _intact(tail, fd)

    def _among(self, source: Source, read_to: int, paths: Iterable[str]) -> Found:
        read: list[str] = []
        for path in sorted(set(paths), key=_modified_ns):
            try:
                fd = self._handles.open(path)
            except OSError:
                continue
            found = os.fstat(fd)
            prefix = os.pread(fd, FINGERPRINT_BYTES, 0)
            fits = stat.S_ISREG(found.st_mode) and not self._follows(fd)
            if fits and _goes_on(source, fd, prefix):
                known = self._sources.knows(
                    path, found.st_dev, found.st_ino, prefix, found.st_size, partial(os.pread, fd)
                )
                if not known and found.st_size >= read_to:
                    return Found(path, fd, tuple(read))
                if not known:
                    read.append(path)
            os.close(fd)
        return Found(read=tuple(read))

    def _originals(self, path: str) -> list[Tail]:
        """The followed files of which this one may be a copy, by their names."""
        if self._stems is None:
            self._stems = {}
            for tail in self._tails.values():
                self.add(tail)
        name = os.path.basename(path)
        tails = {tail for stem in rotated.stems(name) for tail in self._stems.get(stem, ())}
        return [tail for tail in tails if self._tails.get(tail.key) is tail and _names(tail.source, path)]

    def _is_of(self, tail: Tail, fd: int, prefix: bytes, size: int) -> bool:
        """A file that begins with `prefix` is a copy of the tail's, or becomes one, as far as can be told."""
        known = tail.source.fingerprint
        # That there are other bytes needn't be read again.
        if not tail.unread and size >= known.length and not known.matches(prefix):
            with contextlib.suppress(OSError):
                if _unchanged(tail, _stat(tail)):
                    return False
        ours: int | None = None
        with contextlib.suppress(OSError):
            ours = self._handles.use(tail)
        # It can have been copied since it was truncated, which the next look at it will show.
        if ours is not None and size <= os.fstat(ours).st_size and _alike(ours, fd, prefix, size):
            return True
        # Its original may have been truncated meanwhile.
        return _goes_on(tail.source, fd, prefix) and (ours is None or not _intact(tail, ours))


def _compressed_size(source: Source, paths: Iterable[str]) -> int | None:
    """How long a copy of the source's file was that is among `paths`, files compressed by gzip. A gzip file says at its
    end how much it holds."""
    for path in sorted(paths, key=_modified_ns, reverse=True):
        with contextlib.suppress(OSError, zlib.error), open(path, "rb") as file:
            beginning = zlib.decompressobj(31).decompress(file.read(2 * FINGERPRINT_BYTES), FINGERPRINT_BYTES)
            if _begins(source, beginning):
                file.seek(-4, os.SEEK_END)
                return int.from_bytes(file.read(4), "little")
    return None


def original_paths(source: Source) -> Iterator[str]:
    """The paths beside which copies of the source's file can be."""
    yield from {source.path, source.source}


def _names(source: Source, path: str) -> bool:
    name = os.path.basename(path)
    return any(rotated.is_rotation(name, os.path.basename(at)) for at in original_paths(source) if at != path)


def _begins(source: Source, prefix: bytes) -> bool:
    return source.fingerprint.length > 0 and source.fingerprint.matches(prefix)


def _goes_on(source: Source, fd: int, prefix: bytes) -> bool:
    """The file, which begins with `prefix`, has what was read of the source's, or so far as it goes."""
    return _begins(source, prefix) and (os.fstat(fd).st_size < source.anchor.end or _has_anchor(source, fd))


def _stat(tail: Tail) -> os.stat_result:
    """What is at the tail's path, or, when it left that, its file as long as it is open. Raises OSError."""
    return os.stat(tail.path) if tail.listed or tail.fd is None else os.fstat(tail.fd)


def _unchanged(tail: Tail, found: os.stat_result) -> bool:
    """The tail's file is `found`, and as it was when it was read to its end."""
    same = (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns) == (*tail.key, tail.size, tail.modified_ns)
    return same and not tail.unread


def _intact(tail: Tail, fd: int) -> bool:
    """What was read of the file is still in it."""
    prefix = os.pread(fd, FINGERPRINT_BYTES, 0)
    grown = os.fstat(fd).st_size >= tail.read_position and tail.source.fingerprint.matches(prefix)
    return grown and _has_anchor(tail.source, fd)


def _has_anchor(source: Source, fd: int) -> bool:
    return source.anchor.matches(os.pread(fd, *span(source.anchor.end)))


def _alike(one: int, other: int, prefix: bytes, size: int) -> bool:
    """The first `size` bytes of both are the same, as far as their beginnings and ends tell. `other` has `prefix`."""
    if os.pread(one, min(size, FINGERPRINT_BYTES), 0) != prefix[:size]:
        return False
    end = max(0, size - _END_BYTES)
    return os.pread(one, size - end, end) == os.pread(other, size - end, end)


def _modified_ns(path: str) -> int:
    try:
        return os.stat(path).st_mtime_ns
    except OSError:
        return 0
