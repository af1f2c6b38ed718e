"""Follows the files of `[[agent.files]]` and turns their bytes into batches, a round at a time.

Everything here blocks and is called from one thread. A round looks once at every followed file that may have changed
(looks.py), reads at most ROUND_BYTES, files taking turns, and gives the batches that are full or old enough. The caller
has to `store` them before their first send and to `acknowledge` them after it, and calls no other round in between:
that is backpressure.

What became of a file is seen by comparing what its path leads to with what is followed:

* another inode, or none: it was renamed or deleted. It is read on through its handle, or where it is found in its
  folder, until it has been complete for GIVE_UP_SECONDS;
* shorter than what was read, or other bytes there: it was truncated, and begins anew as another source. If it was
  copied before, its lines are read on in the copy (see copies.py);
* an inode that nobody follows: a file known from before (same inode, same beginning), or a new one.
"""

from __future__ import annotations

import contextlib
import logging
import os
import socket
from collections.abc import Callable, Mapping
from itertools import groupby
from pathlib import Path
from typing import Any

import msgspec

from logd.agent import losses
from logd.agent.batches import Batch, Cargo, load
from logd.agent.behind import Behind
from logd.agent.handles import NoRoom
from logd.agent.labelling import Labelling, PodSource
from logd.agent.looks import GIVE_UP_SECONDS, Looks
from logd.agent.roster import Roster
from logd.agent.sources import Sources
from logd.agent.state import State
from logd.agent.tail import BLOCK_BYTES, Counts, Replaced, Tail
from logd.agent.watch import open_watch
from logd.chunk import TARGET_BODY_BYTES
from logd.config.schema import Config
from logd.flow.timer import Clock

logger = logging.getLogger("logd.agent")

#: What one round reads: some 15,000 lines share the two fsyncs on their way, and a round ends within tens of ms.
ROUND_BYTES = 4 * 1024 * 1024
#: Less than this in a round is read as well a second later: it is half a chunk.
_CALM_BYTES = TARGET_BODY_BYTES // 2
_CALM_SECONDS = 1.0
#: That batches have arrived is stored with the next ones, if these come so soon.
_REMEMBER_SECONDS = 1.0
#: A file's turn costs the round at least this, however little there is to read.
_TURN_BYTES = 4 * 1024
#: What all files together may hold in memory; past it their batches are closed early.
HELD_BYTES = 8 * 1024 * 1024


class Round(msgspec.Struct, frozen=True):
    """What a round gave. `more`: there are bytes left to read, so don't wait for the next one. By the monotonic clock:
    `not_before` is when the next one pays, whatever changes, and `until` when there has to be one, though nothing is
    said to have changed."""

    cargo: list[Cargo]
    more: bool
    not_before: float
    until: float


_Step = Callable[[Tail, float, int], list[Cargo]]


class Follower:
    """See the module. `counts`, `tails`, `behind_bytes`, `behind_seconds` and `unreadable` may be asked by other
    threads."""

    def __init__(
        self, config: Config, clock: Clock, counts: Counts | None = None, pods: PodSource | None = None
    ) -> None:
        """Opens the state and looks up the files. `counts` are those of a follower before it. Raises ConfigError,
        Unavailable."""
        self.counts = counts or Counts()
        self._settings = config.agent
        self._clock = clock
        self._acknowledged: list[Batch] = []
        #: Some batches have arrived, and the state doesn't say so yet.
        self._arrived = self._holds = False
        self._stored_at = clock.monotonic()
        self._state = State(Path(config.data_dir) / "agent.db")
        self._looks = Looks(open_watch(config.agent), config.agent)
        host = config.agent.host or socket.gethostname()
        self._labelling: Labelling | None = None
        if pods is not None:
            self._labelling = Labelling(pods, config.agent.kubernetes, host, self.counts)
        now, now_us = clock.monotonic(), clock.now_us()
        try:
            remembered = self._state.read(now_us)
            self.counts.damaged_rows += remembered.damaged
            self._unsent = remembered.pending
            self._sources = Sources(self._state, remembered.sources, host, remembered.pending)
            self._roster = Roster(config, host, self._sources, remembered.entries, self.counts)
            self._roster.scan(now, now_us)
            found = {tail.source.source_id for tail in self.tails}
            missing = [source for source in remembered.sources if not source.ended and source.source_id not in found]
            self._roster.find_renamed(missing, now, now_us)
            self._looks.scanned(self._roster.tails, self._roster.folders(), now)
            self._behind = Behind(self._roster.tails)
        except BaseException:
            self._looks.watch.close()
            self._state.close()
            raise

    def resume(self) -> list[Cargo]:
        """The batches that may not have arrived before the last stop, made again; to be called before any round."""
        now_us = self._clock.now_us()
        tails = {tail.source.source_id: tail for tail in self.tails}
        cargo: list[Cargo] = []
        for source_id, group in groupby(self._unsent, key=lambda batch: batch.source_id):
            batches = list(group)
            cargo += self._load_again(batches, tails.get(source_id), now_us)
        self._unsent = []
        for source in self._sources.live():
            if source.gone_us is None and source.source_id not in tails:
                logger.info("%s is gone", source.path)
                self._sources.lose(source, now_us)
        return cargo

    def round(self) -> Round:
        """Looks at the files, reads, and gives the batches that are due."""
        now, now_us = self._clock.monotonic(), self._clock.now_us()
        roster, looks, cargo = self._roster, self._looks, list[Cargo]()
        self._settle()
        looks.take(looks.watch.hints(), roster.passed_over, now)
        if now >= looks.scan_at(roster.unsettled):
            self._scan(now, now_us)
        for key in looks.chosen(roster.tails, now):
            if tail := roster.tails.get(key):
                cargo += self._guarded(tail, self._look, now, now_us)
        if roster.vacated:
            self._scan(now, now_us)
        if self._labelling is not None:
            self._labelling.look(self.tails, now)
        before_bytes = self.counts.read_bytes
        more = self._read(cargo, now, now_us)
        while self._roster.replaced:
            cargo += self._roster.replaced.pop().flush(now_us)
        calm = not more and self.counts.read_bytes - before_bytes < _CALM_BYTES
        active = looks.active(roster.tails)
        held_bytes = sum(len(tail.held) for tail in active)
        for tail in active:
            if tail.held and held_bytes > HELD_BYTES:
                cargo += tail.flush(now_us)
            if not tail.unread and (tail.held or not tail.complete):
                cargo += self._guarded(tail, self._finish, now, now_us)
            elif not tail.listed and tail.complete:
                cargo += self._guarded(tail, self._give_up, now, now_us)
        if calm and cargo:
            # One request for all files: each line waits no longer for that, and there are fewer.
            for tail in active:
                if tail.held and not tail.joins and roster.tails.get(tail.key) is tail:
                    cargo += tail.close(now_us)
        looks.forget(roster.tails)
        active = looks.active(roster.tails)
        self._behind.note(active, now)
        for tail in active:
            looks.note(tail, tail.path in roster.unreadable, now)
        soon, until = now + self._settings.poll_seconds, looks.until(roster.unsettled)
        self._holds = any(tail.held for tail in active)
        # What is held goes with what is written until it is due.
        not_before = max(soon, min(until, now + _CALM_SECONDS)) if calm and self._holds else soon
        if cargo or self._arrived:
            # The next one remembers that they have arrived.
            until = min(until, soon)
        return Round(cargo, more, not_before, until)

    def drain(self) -> list[Cargo]:
        """The batches of everything that is held in memory; unfinished lines, and events that may grow, stay in their
        files."""
        now_us = self._clock.now_us()
        return [cargo for tail in self.tails for cargo in tail.close(now_us)]

    def store(self, cargo: list[Cargo], last: bool = False) -> None:
        """Remembers the batches, and whatever else has changed; that others have arrived, together with the next ones
        if there are some soon, unless it is the `last` time. To be called before their first send, and again until it
        doesn't raise Unavailable."""
        self._settle()
        late = last or not self._holds or self._clock.monotonic() - self._stored_at >= _REMEMBER_SECONDS
        if cargo or self._sources.urgent or self._roster.started or (late and self._arrived):
            self._sources.commit([item.batch for item in cargo], self._roster.started)
            self._roster.started = set()
            self._arrived, self._stored_at = False, self._clock.monotonic()

    def acknowledge(self, cargo: list[Cargo]) -> None:
        """The batches have arrived. Doesn't block: the next `store` remembers it."""
        self._acknowledged += [item.batch for item in cargo]

    def unnamed(self) -> dict[str, int]:
        """By source-id, a descriptor of each file that is open and hasn't its name any more; for `keep` of another
        follower."""
        found: dict[str, int] = {}
        for tail in self.tails:
            if tail.fd is not None and not self._roster.is_there(tail):
                found[tail.source.source_id] = os.dup(tail.fd)
        return found

    def keep(self, unnamed: Mapping[str, int]) -> None:
        """Follows these files on, whose descriptors are its own now; to be called before `resume`."""
        sources = {source.source_id: source for source in self._sources.live()}
        for source_id, fd in unnamed.items():
            kept = False
            with contextlib.suppress(KeyError, OSError):
                kept = self._roster.keep(sources[source_id], fd, self._clock.monotonic())
            if not kept:
                os.close(fd)

    def close(self) -> None:
        """Closes all files. What wasn't stored is as if it hadn't happened."""
        self._looks.watch.close()
        self._roster.handles.close_all()
        self._state.close()

    @property
    def hints_fd(self) -> int | None:
        """Readable while something is said to have changed; None when every file has to be polled. It may be another
        one after a round."""
        return self._looks.watch.fd

    @property
    def tails(self) -> list[Tail]:
        """The files that are followed."""
        return list(self._roster.tails.values())

    def behind_seconds(self) -> float | None:
        """See Behind.seconds."""
        return self._behind.seconds(self._clock.monotonic())

    def behind_bytes(self) -> int:
        """Bytes that are in the files, as they were last looked at, and have not been acknowledged."""
        return self._behind.bytes()

    def files(self) -> list[dict[str, Any]]:
        """For people: each file that is followed or can't be read, see Behind."""
        pod_of = self._labelling.pod_of if self._labelling is not None else None
        return self._behind.files(self.unreadable(), self._looks.watched, pod_of, self._clock.monotonic())

    def unreadable(self) -> dict[str, str]:
        """Paths that can't be read at the moment, and why."""
        return dict(self._roster.unreadable)

    def _settle(self) -> None:
        for batch in self._acknowledged:
            self._sources.acknowledge(batch)
            self._arrived = True
        self._acknowledged.clear()

    def _scan(self, now: float, now_us: int) -> None:
        self._roster.scan(now, now_us)
        self._looks.scanned(self._roster.tails, self._roster.folders(), now)

    def _look(self, tail: Tail, now: float, now_us: int) -> list[Cargo]:
        """Notes how large the file is now. Raises Replaced, NoRoom, OSError."""
        found = self._roster.locate(tail, now)
        if found is None and self._roster.go_on_after_it(tail, now, now_us):
            return []
        if found is None:
            losses.gone(self.counts, tail)
            cargo = tail.flush(now_us)
            self._roster.forget(tail, ended=False, now=now, now_us=now_us)
            return cargo
        if found.st_size < tail.read_position:
            raise Replaced(tail.path)
        if not tail.scanned and found.st_mtime_ns != tail.modified_ns:
            self._roster.vacated.expect(tail.path, tail.entry)
        changed = (found.st_size, found.st_mtime_ns) != (tail.size, tail.modified_ns)
        # What was read may only be the beginning of a line. Of bytes that weren't, only a look knows how many are lost.
        if found.st_size < tail.scanned or (changed and (found.st_size == tail.scanned or tail.unread)):
            tail.check(self._roster.handles.use(tail))
        if found.st_size < tail.scanned:
            tail.scanned = tail.read_position
        tail.size, tail.modified_ns, tail.names = found.st_size, found.st_mtime_ns, found.st_nlink
        if not tail.unread:
            self._roster.unreadable.pop(tail.path, None)
        return []

    def _read(self, cargo: list[Cargo], now: float, now_us: int) -> bool:
        """Reads blocks of files in turn, adding to `cargo`; says whether there is more."""
        active = self._looks.active(self._roster.tails)
        hungry = [tail for tail in active if tail.unread and not tail.awaits_pod]
        left_bytes = ROUND_BYTES
        while hungry and left_bytes > 0:
            again: list[Tail] = []
            for place, tail in enumerate(hungry):
                if left_bytes <= 0:
                    again += hungry[place:]
                    break
                left_bytes -= max(_TURN_BYTES, min(BLOCK_BYTES, tail.size - tail.scanned))
                # Whoever had a turn is last in the next one.
                self._roster.tails[tail.key] = self._roster.tails.pop(tail.key)
                read = self._guarded(tail, self._read_block, now, now_us)
                cargo += read
                if (
                    tail.unread
                    and self._roster.tails.get(tail.key) is tail
                    and tail.path not in self._roster.unreadable
                ):
                    again.append(tail)
            hungry = again
        return bool(hungry)

    def _read_block(self, tail: Tail, now: float, now_us: int) -> list[Cargo]:
        fd, fresh = self._roster.handles.use(tail), not tail.scanned
        cargo = tail.read(fd, now, now_us)
        self._roster.unreadable.pop(tail.path, None)
        if fresh and os.fstat(fd).st_mtime_ns != tail.modified_ns:
            # What the look saw may have been copied and truncated.
            self._roster.vacated.expect(tail.path, tail.entry)
        return cargo

    def _finish(self, tail: Tail, now: float, now_us: int) -> list[Cargo]:
        """Batches of what has waited long enough, in a file that has been read to its end."""
        unfinished = tail.scanned > tail.read_position
        if unfinished and now - tail.grew_at >= self._settings.partial_line_seconds:
            return tail.finish_line(self._roster.handles.use(tail), now_us)
        if not tail.held:
            return []
        if tail.joins and not unfinished and now - tail.grew_at >= tail.entry.multiline_seconds:
            return tail.flush(now_us)
        if now - tail.held_since < self._settings.batch_seconds:
            return []
        # What is left grows: it isn't looked at again in every round.
        tail.held_since = now
        return tail.close(now_us)

    def _guarded(self, tail: Tail, step: _Step, now: float, now_us: int) -> list[Cargo]:
        """Does the step, and what has to be done when it finds another file, or can't be done now."""
        cargo: list[Cargo] = []
        try:
            try:
                cargo = step(tail, now, now_us)
            except Replaced:
                # Only a look knows the file's size from before.
                unread = max(0, tail.size - tail.read_position) if step == self._look else 0
                cargo = self._begin_anew(tail, unread, now, now_us)
        except (NoRoom, OSError) as error:
            self._roster.fail(tail.path, error)
            if tail.reachable:
                # A handle can be what is wrong, on network file systems.
                self._roster.handles.close(tail)
        return cargo

    def _begin_anew(self, tail: Tail, unread: int, now: float, now_us: int) -> list[Cargo]:
        """The tail's file was truncated, with at least `unread` bytes that weren't read: it goes on in a copy, or what
        is held is its end. Raises NoRoom, OSError."""
        if self._roster.go_on_in_copy(tail, now, now_us):
            self.counts.truncations += 1
            return []
        compressed = self._roster.copies.compressed_bytes(tail)
        self._roster.restart(tail, now_us)
        losses.truncated(self.counts, tail, unread, compressed)
        return tail.flush(now_us)

    def _give_up(self, tail: Tail, now: float, now_us: int) -> list[Cargo]:
        """Lets go of a complete file that no glob finds, once it has been quiet for long enough."""
        if now - max(tail.missing_since, tail.grew_at) < GIVE_UP_SECONDS:
            return []
        deleted = tail.fd is not None and os.fstat(tail.fd).st_nlink == 0
        logger.info("%s was %s and is complete", tail.path, "deleted" if deleted else "renamed")
        self._roster.forget(tail, deleted, now, now_us)
        return []

    def _load_again(self, batches: list[Batch], tail: Tail | None, now_us: int) -> list[Cargo]:
        """The cargo of a source's batches; nothing when their bytes are gone, which is counted, or can't be read now:
        then they will be read again like new ones."""
        source_id = batches[0].source_id
        # Once more if it goes on in a copy.
        for followed in (tail, tail):
            if followed is None or self._roster.tails.get(followed.key) is not followed:
                break
            try:
                fd = self._roster.handles.use(followed)
                cargo = [load(batch, fd) for batch in batches]
                followed.check(fd)
                followed.seek(batches[-1].end, fd)
                return cargo
            except (NoRoom, OSError) as error:
                self._roster.fail(followed.path, error)
                self._sources.drop_pending(source_id)
                return []
            except (EOFError, Replaced):
                self._guarded(followed, _replaced, self._clock.monotonic(), now_us)
        losses.unsent(self.counts, batches)
        self._sources.drop_pending(source_id)
        return []


def _replaced(tail: Tail, now: float, now_us: int) -> list[Cargo]:
    raise Replaced(tail.path)
