"""Which files are followed: found by globs, known again by their sources, kept after they were renamed.

A followed file is a Tail under its (device, inode). It is `listed` while the globs find it. One that isn't any more is
read on through its handle, or where it is found in its folder.
"""

from __future__ import annotations

import contextlib
import logging
import os
import stat
from collections.abc import Iterable
from functools import partial

from logd.agent import rotated
from logd.agent.admission import ORDINARY, Admission, entry_key, is_old, look, stat_of
from logd.agent.copies import Copies, Found
from logd.agent.discover import Discovery, is_compressed
from logd.agent.handles import Handles, NoRoom
from logd.agent.identity import FINGERPRINT_BYTES
from logd.agent.labels import labels_of
from logd.agent.rows import Source
from logd.agent.sources import Sources
from logd.agent.tail import Counts, Tail
from logd.agent.vacated import Vacated
from logd.config.schema import Config, Files

logger = logging.getLogger("logd.agent")


class Roster:
    """See the module. `tails` is in the order in which files take their turns."""

    def __init__(self, config: Config, host: str, sources: Sources, started: set[bytes] | None, counts: Counts) -> None:
        """`started` are the entries that were started before: for others, `read_from` applies to the first scan. When
        it isn't known (None) all were: rather twice than not at all."""
        self.tails: dict[tuple[int, int], Tail] = {}
        self.handles = Handles(config.agent.max_open_files)
        #: Paths that can't be read at the moment, and why.
        self.unreadable: dict[str, str] = {}
        #: Entries that the first scan has started: to be stored with what it found.
        self.started = {entry_key(entry) for entry in config.agent.files} - (started or set())
        self._from_end = set(self.started) if started is not None else set()
        #: Those whose file is gone, since another tail goes on in one that was given its inode: to be flushed.
        self.replaced: list[Tail] = []
        self._host = host
        self._sources = sources
        self._counts = counts
        self._max_line_bytes = config.ingest.max_line_bytes
        self._discovery = Discovery(config.agent.files, config.data_dir)
        #: What may be a copy of a followed file.
        self.copies = Copies(self.handles, self.tails, sources, self._discovery)
        self.copies.missing = sources.live()
        #: When it isn't empty, a file has left its path since the last scan, so it is time for one.
        self.vacated = Vacated(self.copies.siblings)
        #: Paths of files that are too old to be followed, and what they looked like: else each scan would open them.
        self._old: dict[str, tuple[int, int, int]] = {}

    @property
    def passed_over(self) -> set[str]:
        """Paths that are found, but aren't followed at the moment."""
        return self._old.keys() | self.unreadable.keys()

    @property
    def unsettled(self) -> bool:
        """Something is found that isn't followed, which may change unseen."""
        return bool(self.unreadable) or self.copies.waiting

    def folders(self) -> set[str]:
        """See Discovery.folders."""
        return self._discovery.folders()

    def scan(self, now: float, now_us: int) -> None:
        """Looks up the globs: admits new files, notes which of the others moved."""
        self.copies.begin_scan(now)
        self.vacated.look(self._listed())
        places: dict[Tail, list[tuple[str, Files]]] = {}
        there = {tail.path for tail in self.tails.values()}
        # A file is known before its copies are asked for.
        for path, entry in sorted(self._discovery.find(), key=lambda found: rotated.looks_rotated(found[0])):
            there.add(path)
            if tail := self._at(path, entry, now_us):
                places.setdefault(tail, []).append((path, entry))
        for tail in self.tails.values():
            found = places.get(tail)
            if found is None:
                self._leave(tail, now)
                continue
            tail.listed = True
            if all(path != tail.path for path, _ in found):
                self.vacated.leave(tail.path, tail.entry)
                tail.path, tail.entry = found[0]
                tail.source.path = tail.path
                self._sources.change(tail.source, urgent=False)
        self.unreadable = {path: error for path, error in self.unreadable.items() if path in there}
        self._old = {path: seen for path, seen in self._old.items() if path in there}
        for path, entry, passed in self.vacated.newcomers(now):
            self._take_in(path, entry, now, now_us, Admission(passed))
        self.vacated.remember(self._listed())
        self._from_end.clear()

    def find_renamed(self, sources: Iterable[Source], now: float, now_us: int) -> None:
        """Looks for the files of `sources`, which no glob found, in the folders where they were."""
        folders: dict[str, dict[int, str]] = {}
        for source in sources:
            entry = self._discovery.entry_of(source.source)
            if entry is None:
                continue
            if not os.path.exists(source.path):
                self.vacated.miss(source.path, entry, now)
            folder = os.path.dirname(source.path)
            if folder not in folders:
                folders[folder] = rotated.inodes(folder)
            path = folders[folder].get(source.inode)
            if path is not None:
                # A file of another name, that was empty when last seen, can be any that was given its inode; one that
                # looks rotated was the log, and if it isn't recognised it was truncated before.
                names = os.path.basename(path), os.path.basename(source.path)
                renamed = path == source.path or rotated.is_rotation(*names)
                if renamed or source.fingerprint.length:
                    self._take_in(path, entry, now, now_us, Admission(source.source, known_only=not renamed))
            if path is None or self._was_emptied(source, path):
                read_to = self._sources.read_to(source)
                self._follow_copy(source, entry, self.copies.find(source, read_to, entry), now, now_us)
        self.copies.missing = []
        self.vacated.remember(self._listed())

    def _was_emptied(self, source: Source, path: str) -> bool:
        """The source's file, at `path`, was truncated, and isn't followed yet since an empty one may become a copy."""
        with contextlib.suppress(OSError):
            found = os.stat(path)
            return not found.st_size and (found.st_dev, found.st_ino) not in self.tails and not source.ended
        return False

    def locate(self, tail: Tail, now: float) -> os.stat_result | None:
        """The tail's file as it is now, under its path or not; None when it is nowhere. Raises OSError."""
        found = stat_of(tail.path)
        before, tail.reachable = tail.reachable, found is not None and (found.st_dev, found.st_ino) == tail.key
        if tail.reachable:
            return found
        self._leave(tail, now)
        opened = os.fstat(tail.fd) if tail.fd is not None else None
        # Once it isn't in its folder, it won't be, unless nothing else is known of it.
        if opened is None or (before and opened.st_nlink):
            renamed = rotated.find_inode(os.path.dirname(tail.path), tail.key)
            if renamed is not None:
                path, found = renamed
                logger.info("%s was renamed to %s", tail.path, path)
                tail.path = tail.source.path = path
                tail.reachable = True
                self._sources.change(tail.source, urgent=False)
                return found
        return opened

    def is_there(self, tail: Tail) -> bool:
        """The tail's path leads to its file."""
        try:
            found = stat_of(tail.path)
        except OSError:
            return False
        return found is not None and (found.st_dev, found.st_ino) == tail.key

    def keep(self, source: Source, fd: int, now: float) -> bool:
        """Follows a file that has no name any more through `fd`, unless it is followed, or no entry wants it. Raises
        OSError."""
        entry = self._discovery.entry_of(source.source)
        if entry is None or (source.device, source.inode) in self.tails:
            return False
        tail, found = self._tail(source, entry), os.fstat(fd)
        tail.seek(source.position, fd)
        tail.size, tail.modified_ns = found.st_size, found.st_mtime_ns
        tail.listed, tail.missing_since, tail.reachable = False, now, False
        self.tails[tail.key] = tail
        self.handles.adopt(tail, fd)
        return True

    def restart(self, tail: Tail, now_us: int) -> None:
        """The tail's file was truncated or is another one: it begins anew as another source, unless it may be a copy
        that was given the inode of the tail's. Raises NoRoom, OSError."""
        if self._gives_way(tail, tail.path, os.dup(self.handles.use(tail)), now_us):
            return
        self._begin_anew(tail, now_us, ())
        logger.info("%s was truncated or replaced, reading it from its beginning", tail.path)

    def _gives_way(self, tail: Tail, path: str, fd: int, now_us: int) -> bool:
        """The file at `path`, which has the tail's inode, may be a copy of another one: then the tail's is gone. Closes
        `fd`, which is open for it. Raises NoRoom, OSError."""
        waits = False
        # It isn't compared with itself.
        del self.tails[tail.key]
        try:
            waits = (tail.listed or os.fstat(fd).st_size > 0) and self._waits(path, tail.entry, fd)
        finally:
            os.close(fd)
            if not waits:
                self.tails[tail.key] = tail
        if waits:
            logger.info("%s is gone, its inode is that of %s", tail.path, path)
            self.handles.close(tail)
            self._sources.end(tail.source, now_us)
            self.vacated.leave(tail.path, tail.entry)
        return waits

    def go_on_in_copy(self, tail: Tail, now: float, now_us: int) -> bool:
        """If the tail's file was copied before it was truncated, as by logrotate's copytruncate, the tail goes on in
        the copy, and the file begins anew as another source. Raises NoRoom, OSError."""
        copy = self.copies.find(tail.source, tail.read_position, tail.entry)
        try:
            if copy.fd is not None:
                self._begin_anew(tail, now_us, (tail.source,))
                self._move(tail, copy.path, copy.fd, now, now_us)
        except BaseException:
            if copy.fd is not None:
                os.close(copy.fd)
            raise
        self._pass_by(copy, tail, now, now_us)
        return copy.fd is not None

    def go_on_after_it(self, tail: Tail, now: float, now_us: int) -> bool:
        """If the tail's file was copied before it was deleted, the tail goes on in the copy. Raises NoRoom."""
        copy = self.copies.find(tail.source, tail.read_position, tail.entry)
        if copy.fd is None:
            return False
        self.handles.close(self.tails.pop(tail.key))
        self._move(tail, copy.path, copy.fd, now, now_us)
        return True

    def forget(self, tail: Tail, ended: bool, now: float, now_us: int) -> None:
        """Follows the file no longer; when `ended`, it will have no more lines."""
        if self.copies.wait_for(tail):
            with contextlib.suppress(NoRoom, OSError):
                copy = self.copies.find(tail.source, tail.read_position + 1, tail.entry)
                if copy.fd is not None:
                    os.close(copy.fd)
                self._pass_by(copy, tail, now, now_us)
        self.handles.close(tail)
        del self.tails[tail.key]
        if ended:
            self._sources.end(tail.source, now_us)
        else:
            self._sources.lose(tail.source, now_us)

    def fail(self, path: str, error: Exception) -> None:
        """Notes, and says once, that the file can't be read. It is tried again."""
        text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        if self.unreadable.get(path) != text:
            logger.warning("%s can't be read, will try again: %s", path, text)
        self.unreadable[path] = text

    def _at(self, path: str, entry: Files, now_us: int, how: Admission = ORDINARY) -> Tail | None:
        """The tail of the file at `path`, admitted if need be."""
        try:
            found = stat_of(path)
        except OSError as error:
            self.fail(path, error)
            return None
        if found is None or not stat.S_ISREG(found.st_mode):
            self.unreadable.pop(path, None)
            return None
        known = self.tails.get((found.st_dev, found.st_ino))
        if known is None and self._old.get(path) == look(found):
            return None
        try:
            unsure = known is not None and known.unknown and found.st_size > 0 and rotated.looks_rotated(path)
            if known is not None and unsure and self._gives_way(known, path, self.handles.open(path), now_us):
                return None
        except (NoRoom, OSError) as error:
            self.fail(path, error)
            return None
        return known or self._admit(path, entry, now_us, how)

    def _admit(self, path: str, entry: Files, now_us: int, how: Admission) -> Tail | None:
        """Follows the file from where its source has got to, or, unless it may be a copy, as a new source."""
        try:
            fd = self.handles.open(path)
        except FileNotFoundError:
            return None
        except (NoRoom, OSError) as error:
            self.fail(path, error)
            return None
        tail: Tail | None = None
        try:
            found = os.fstat(fd)
            read = partial(os.pread, fd)
            prefix = read(FINGERPRINT_BYTES, 0)
            key = found.st_dev, found.st_ino
            known = self.tails.get(key)
            if known is not None or not stat.S_ISREG(found.st_mode):
                return known
            if is_compressed(prefix):
                raise OSError("it is compressed, or a journal")
            known_well = how.at_end or self._sources.knows(path, *key, prefix, found.st_size, read)
            waits = not known_well and self._waits(path, entry, fd)
            source = None if waits else self._sources.recognise(path, *key, prefix, found.st_size, read)
            if source is None and is_old(entry, found, now_us):
                self._old[path] = look(found)
                self.unreadable.pop(path, None)
            elif source is None and not how.known_only and not waits:
                source = self._begin(path, entry, found, prefix, how, now_us)
            if source is not None:
                tail = self._tail(source, entry)
                tail.seek(source.position, fd)
                tail.size, tail.modified_ns = found.st_size, found.st_mtime_ns
                self.tails[tail.key] = tail
                self.copies.add(tail)
                self.handles.adopt(tail, fd)
                self.unreadable.pop(path, None)
                logger.info("following %s from byte %d as source %s", path, source.position, source.source_id)
        except (NoRoom, OSError) as error:
            self.fail(path, error)
        finally:
            if tail is None:
                os.close(fd)
        return tail

    def _waits(self, path: str, entry: Files, fd: int) -> bool:
        """The file may be a copy. One that is only to be read from its end needn't wait."""
        if not rotated.looks_rotated(path) or (entry.read_from == "end" and entry_key(entry) in self._from_end):
            return False
        self.unreadable.pop(path, None)
        return self.copies.waits(path, fd)

    def _begin(
        self, path: str, entry: Files, found: os.stat_result, prefix: bytes, how: Admission, now_us: int
    ) -> Source:
        at_end = how.at_end or (entry.read_from == "end" and entry_key(entry) in self._from_end)
        position = found.st_size if at_end else 0
        if entry.encoding.startswith("utf-16"):
            position -= position % 2
        key = found.st_dev, found.st_ino
        replaced = self._sources.replaced(*key)
        copies = {
            source: copy
            for source in replaced
            if (copy := self.copies.find(source, self._sources.read_to(source), entry)).fd is not None
        }
        new = self._sources.begin(how.written_to or path, path, *key, prefix, position, now_us, copies)
        for source, copy in copies.items():
            self._follow_copy(source, entry, copy, self.copies.now, now_us)
        return new

    def _begin_anew(self, tail: Tail, now_us: int, going_on: tuple[Source, ...]) -> None:
        fd = self.handles.use(tail)
        prefix, found = os.pread(fd, FINGERPRINT_BYTES, 0), os.fstat(fd)
        source = self._sources.begin(
            tail.path if tail.listed else tail.source.source, tail.path, *tail.key, prefix, 0, now_us, going_on
        )
        anew = self._tail(source, tail.entry)
        anew.listed, anew.missing_since, anew.reachable = tail.listed, tail.missing_since, tail.reachable
        anew.size, anew.modified_ns = found.st_size, found.st_mtime_ns
        self.handles.hand_over(tail, anew)
        self.tails[tail.key] = anew
        self.copies.add(anew)
        # What came and went since, between two truncations, was copied.
        self.vacated.leave(tail.path, tail.entry)

    def _pass_by(self, copy: Found, tail: Tail, now: float, now_us: int) -> None:
        """Follows copies of which everything was read in the tail's file from their ends."""
        for path in copy.read:
            self._take_in(path, tail.entry, now, now_us, Admission(tail.source.source, at_end=True))

    def _move(self, tail: Tail, path: str, fd: int, now: float, now_us: int) -> None:
        """The tail, whose file has another tail or is gone, goes on in the copy at `path`."""
        found = os.fstat(fd)
        logger.info("%s was copied to %s and truncated, reading it on there", tail.path, path)
        self._sources.move(tail.source, path, found.st_dev, found.st_ino, now_us)
        tail.move(path, found)
        tail.listed, tail.missing_since = False, now
        if (before := self.tails.get(tail.key)) is not None:
            self.replaced.append(before)
        self.tails[tail.key] = tail
        self.handles.adopt(tail, fd)

    def _follow_copy(self, source: Source, entry: Files, copy: Found, now: float, now_us: int) -> None:
        """The source, whose file was replaced or is gone since the last stop, goes on in the copy."""
        if copy.fd is not None:
            tail = self._tail(source, entry)
            tail.seek(source.position, copy.fd)
            self._move(tail, copy.path, copy.fd, now, now_us)

    def _take_in(self, path: str, entry: Files, now: float, now_us: int, how: Admission) -> None:
        """Admits a file that no glob finds, unless it is followed."""
        followed, tail = len(self.tails), self._at(path, entry, now_us, how)
        if tail is not None and len(self.tails) > followed:
            tail.listed, tail.missing_since = False, now

    def _listed(self) -> set[str]:
        return {tail.path for tail in self.tails.values() if tail.listed}

    def _leave(self, tail: Tail, now: float) -> None:
        if tail.listed:
            tail.listed, tail.missing_since = False, now
            self.vacated.leave(tail.path, tail.entry)

    def _tail(self, source: Source, entry: Files) -> Tail:
        labels = labels_of(entry, source.source, self._host)
        return Tail(source, entry, labels, self._max_line_bytes, self._counts, self._sources.name)
