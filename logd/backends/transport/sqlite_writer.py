"""The thread that writes the SQLite transport: takes what waits, commits it together, answers, then deletes a little.

Between two commits comes one step of deletion, if there is something to delete: it takes twice what the last commit
brought, so that the queue can't grow under appends that never pause, and waits for no fsync, since what a power cut
undoes is deleted again.
"""

from __future__ import annotations

import contextlib
import logging
import queue
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import msgspec

from logd.backends.transport import sqlite_retention as retention
from logd.backends.transport.sqlite_open import failure
from logd.backends.transport.sqlite_topics import Topics
from logd.errors import LogdError, Unavailable
from logd.telemetry import metrics

log = logging.getLogger("logd.transport")
#: One commit takes what waits, up to this: enough to share an fsync among many, little enough to answer soon.
_GROUP_BYTES = 16 * 1024 * 1024
#: How often an idle writer looks whether messages have become too old, or a group was forgotten by another process.
_TICK_SECONDS = 10.0
#: How often the sources that need not be remembered any more are looked for, and how much longer those are remembered
#: whose time ran out while the process was down.
FORGET_SECONDS = 3_600.0


class Work(msgspec.Struct, frozen=True):
    """Something to do within a transaction. `run` raises a LogdError only as long as it has written nothing."""

    run: Callable[[Topics], object]
    done: Callable[[object], None]
    size: int = 0


class Writer:
    """Owns the connection. `committed` is called in the thread, with the next position of each topic, when one of them
    has changed."""

    def __init__(self, path: Path, topics: Topics, committed: Callable[[dict[str, int]], None]) -> None:
        self._path = path
        self._topics = topics
        self._committed = committed
        self._work: queue.SimpleQueue[Work | None] = queue.SimpleQueue()
        self._closing = False
        self._shrinking = False
        self._failing = False
        self._resting = False
        self._group_messages = 0
        self._positions = topics.positions()
        self._forget_at = topics.clock() + FORGET_SECONDS
        self._thread = threading.Thread(target=self._write, name="transport.writer")
        self._thread.start()

    def submit(self, work: Work) -> None:
        """Calls `work.done` in the thread, with what `work.run` gave or an exception."""
        self._work.put(work)

    def close(self) -> None:
        """Returns when everything submitted is done and the file is closed."""
        self._work.put(None)
        self._thread.join()

    def _write(self) -> None:
        with contextlib.closing(self._topics.db):
            left = True  # perhaps, from before
            while not self._closing:
                if group := self._take(0.0 if left else _TICK_SECONDS):
                    self._write_group(group)
                    self._resting = False
                left = self._tidy(sum(work.size for work in group))
                if self._closing or not (group or left or self._resting or self._failing):
                    self._rest()

    def _take(self, wait_seconds: float) -> list[Work]:
        """What waits, up to _GROUP_BYTES; nothing if nothing comes in time, or close() does."""
        group: list[Work] = []
        size = 0
        try:
            while size < _GROUP_BYTES:
                block = not group and wait_seconds > 0
                work = self._work.get(block, wait_seconds)
                if work is None:
                    self._closing = True
                    break
                group.append(work)
                size += work.size
        except queue.Empty:
            pass
        return group

    def _write_group(self, group: Sequence[Work]) -> None:
        started = time.perf_counter()
        results: list[object] = []
        try:
            self._topics.begin()
            for work in group:
                try:
                    results.append(work.run(self._topics))
                except LogdError as error:
                    results.append(error)
            self._topics.commit()
        except Exception as error:
            self._topics.roll_back()
            if isinstance(error, sqlite3.Error):
                found = failure(self._path, "write", error)
                status = found.status if isinstance(found, Unavailable) else 429
                results = [Unavailable(str(found), status=status) for _ in group]
            elif len(group) == 1:
                results = [error]
            else:  # one of them can't be stored at all, the others can
                for work in group:
                    self._write_group([work])
                return
        else:
            metrics.TRANSPORT_COMMIT_SECONDS.observe(time.perf_counter() - started)
            after = self._topics.positions()
            self._group_messages = sum(after.values()) - sum(self._positions.values())
            if after != self._positions:
                self._positions = after
                self._committed(after)
        for work, result in zip(group, results, strict=True):
            work.done(result)

    def _tidy(self, group_bytes: int) -> bool:
        """One step of what can wait; true when there is more. What fails is tried again after the next commit, and said
        once: it may well fail as often as there are commits."""
        try:
            left = self._step(group_bytes)
        except Exception as error:  # appends must go on, whatever it is
            self._topics.roll_back()
            if not self._failing:
                unforeseen = not isinstance(error, sqlite3.Error)
                log.error("what is done in %s can't be deleted: %s", self._path, error, exc_info=unforeseen)
            self._failing = True
            return False
        self._failing = False
        return left

    def _step(self, group_bytes: int) -> bool:
        topics = self._topics
        topics.refresh()
        now = topics.clock()
        forget = now >= self._forget_at
        if forget or topics.deletable(now):
            with self._without_fsync():
                topics.begin()
                for topic in topics.deletable(now):
                    messages = max(retention.STEP_MESSAGES, 2 * self._group_messages)
                    size = max(retention.STEP_BYTES, 2 * group_bytes)
                    retention.trim(topics.db, topic, topics.limits, now, messages, size)
                    topics.change(topic)
                if forget:
                    topics.forget_sources()
                    self._forget_at = now + FORGET_SECONDS
                topics.commit()
            self._shrinking = topics.empty()
        elif self._shrinking:
            with self._without_fsync():
                self._shrinking = topics.empty() and retention.give_back(topics.db)
        return self._shrinking or bool(topics.deletable(now))

    def _rest(self) -> None:
        """Nothing came for a tick, or will come: an empty queue needs no room."""
        self._resting = True
        topics = self._topics
        with contextlib.suppress(sqlite3.Error):  # somebody reads; it only saves room
            while topics.empty() and self._work.empty() and retention.give_back(topics.db, kept_pages=0):
                pass
            if topics.empty():
                topics.db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    @contextlib.contextmanager
    def _without_fsync(self) -> Iterator[None]:
        """What is committed in here survives a kill, and a power cut once something after it was made durable."""
        self._topics.db.execute("PRAGMA synchronous = NORMAL")
        try:
            yield
        finally:
            self._topics.db.execute("PRAGMA synchronous = FULL")
