"""How much a topic of the SQLite transport may hold, and the deletion of what is done.

* A topic with groups keeps every message until all of them are past it. When what the slowest has not taken is over a
  limit, appends to that topic are refused; nothing is ever deleted unread.
* While it is followed, and a while longer, it also keeps what came last, up to FOLLOWED_BYTES and FOLLOWED_SECONDS, so
  that whoever follows it again finds what came meanwhile, also after a restart. However slow or many the followers
  are, no more is kept for them.
* A topic without groups (dead-letters) loses its oldest messages over a limit, which is counted.

A topic knows what it holds, so that neither an append nor a look for something to delete reads its messages.
"""

from __future__ import annotations

import logging
import sqlite3

import msgspec

from logd.backends.transport.sqlite_schema import Counts, table_of
from logd.config.schema import Transport as Limits
from logd.errors import Unavailable
from logd.seams import RAW_LOGS
from logd.telemetry import metrics

log = logging.getLogger("logd.transport")
#: A full queue has room again when the slowest group commits, which a processor does with each segment: seconds to
#: a minute. More would leave it idle, less would be refused again.
_RETRY_SECONDS = 10.0
#: What one step of deletion takes at most, so that appends never wait long for it.
STEP_MESSAGES = 512
STEP_BYTES = 16 * 1024 * 1024
#: Kept of a topic that is followed: for a pause of minutes at an ordinary rate, of seconds at the highest one. And how
#: long after the last follower has left: a restart, or a lost connection.
FOLLOWED_BYTES = 64 * 1024 * 1024
FOLLOWED_SECONDS = 600.0
LINGER_SECONDS = 60.0
#: Pages of 64 kB: what one step gives back to the disk, and what a queue keeps, which takes them again at once.
_STEP_PAGES = 256
_KEPT_PAGES = 1_024


class Topic(msgspec.Struct):
    """A topic's counts, its groups, and what follows from them and its messages."""

    name: str
    counts: Counts = msgspec.field(default_factory=Counts)
    groups: dict[str, int] = {}
    #: Until then (Unix seconds) what came last is kept for followers.
    followed_until: float = 0.0
    #: The oldest message held, and when it was taken; `next` when there is none.
    oldest: int = 1
    oldest_us: int = 0
    #: The backlog is what the slowest group has not taken, or all if there is no group. Since when its oldest waits:
    backlog_since_us: int | None = None
    #: Bytes that were appended before the backlog; None for a message of format 1, which doesn't know.
    bytes_before_backlog: int | None = 0

    def slowest(self) -> tuple[str, int] | None:
        """The group that has taken least, and its position."""
        return min(self.groups.items(), key=lambda group: group[1], default=None)

    def backlog_bytes(self) -> int:
        if self.backlog_since_us is None:
            return 0
        if self.bytes_before_backlog is None:
            return self.counts.bytes
        return self.counts.appended_bytes - self.bytes_before_backlog

    def look(self, db: sqlite3.Connection) -> None:
        """Finds the oldest message and where the backlog begins: two rows by their key."""
        query = f"""SELECT position, coalesce(CAST(taken AS INTEGER), 0) FROM {table_of(self.name)}
              ORDER BY position LIMIT 1"""
        oldest = db.execute(query).fetchone()
        if oldest is None:  # whatever damaged rows said of themselves
            self.counts.messages = self.counts.lines = self.counts.bytes = 0
        self.oldest, self.oldest_us = oldest or (self.counts.next, 0)
        slowest = self.slowest()
        row = db.execute(
            f"""SELECT CAST(taken AS INTEGER), CAST(bytes_before AS INTEGER) FROM {table_of(self.name)}
              WHERE position >= ? ORDER BY position LIMIT 1""",
            (slowest[1] if slowest else 0,),
        ).fetchone()
        self.backlog_since_us, self.bytes_before_backlog = row or (None, 0)

    def appended(self, messages: int, lines: int, size: int, taken_us: int) -> None:
        """They were stored at `next`."""
        counts = self.counts
        if not counts.messages:
            self.oldest_us = taken_us
        if self.backlog_since_us is None:
            self.backlog_since_us, self.bytes_before_backlog = taken_us, counts.appended_bytes
        counts.next += messages
        counts.messages += messages
        counts.lines += lines
        counts.bytes += size
        counts.appended_messages += messages
        counts.appended_lines += lines
        counts.appended_bytes += size

    def deletable(self, limits: Limits, now: float) -> bool:
        """Whether a step of `trim` would delete something."""
        if self.groups:
            return self.has_passed() and not self.keeps(self.counts.bytes, self.oldest_us, now)
        return self.counts.messages > 0 and (self.counts.bytes > limits.max_bytes or self._too_old(limits, now))

    def keeps(self, size: int, taken_us: int, now: float) -> bool:
        """Whether a message is kept for followers: with those after it, it makes `size` bytes."""
        return now < self.followed_until and size <= FOLLOWED_BYTES and now - taken_us / 1e6 <= FOLLOWED_SECONDS

    def has_passed(self) -> bool:
        """Whether it holds messages that every group is past."""
        slowest = self.slowest()
        return slowest is not None and self.oldest < min(slowest[1], self.counts.next)

    def _too_old(self, limits: Limits, now: float) -> bool:
        return self.backlog_since_us is not None and now - self.backlog_since_us / 1e6 > limits.max_age_seconds

    def complaint(self, limits: Limits, now: float) -> str:
        """Which limit the backlog is over, in words; empty when it is over none."""
        if (size := self.backlog_bytes()) > limits.max_bytes:
            return f"{size} bytes wait, over transport.max_bytes = {limits.max_bytes}"
        if self.backlog_since_us is not None and self._too_old(limits, now):
            age = now - self.backlog_since_us / 1e6
            return (
                f"its oldest message waits for {age:.0f} s, over transport.max_age_seconds = {limits.max_age_seconds:g}"
            )
        return ""


def refuse_when_full(topic: Topic, limits: Limits, now: float) -> None:
    """Raises Unavailable when the topic's slowest group is too far behind."""
    slowest = topic.slowest()
    if slowest is None or not (complaint := topic.complaint(limits, now)):
        return
    option = "" if topic.name == RAW_LOGS else f"--topic {topic.name} "
    raise Unavailable(
        f"{topic.name} is full: {complaint}, for group {slowest[0]!r}; once no role runs that needs it, "
        f"`logd transport forget {option}{slowest[0]}` removes the group",
        _RETRY_SECONDS,
    )


def trim(db: sqlite3.Connection, topic: Topic, limits: Limits, now: float, messages: int, size: int) -> None:
    """Deletes the oldest messages that are done or, without groups, over a limit: at most so many, or of so many bytes
    and one more. Their pages are used again. The caller saves the counts. Raises sqlite3.Error."""
    slowest = topic.slowest()
    counts = topic.counts
    table = table_of(topic.name)
    # A damaged row may hold something else than numbers, and must go all the same.
    rows = db.execute(
        f"""SELECT position, coalesce(CAST(taken AS INTEGER), 0), coalesce(CAST(lines AS INTEGER), 0),
          coalesce(length(value), 0) FROM {table} WHERE position < ? ORDER BY position LIMIT ?""",
        (slowest[1] if slowest else counts.next, messages),
    ).fetchall()
    cutoff_us = (now - limits.max_age_seconds) * 1e6
    count = line_sum = size_sum = upto = 0
    for position, taken_us, lines, value_bytes in rows:
        expired = counts.bytes - size_sum > limits.max_bytes or taken_us < cutoff_us
        if size_sum >= size or not (slowest or expired):
            break
        if slowest and topic.keeps(counts.bytes - size_sum, taken_us, now):
            break
        count += 1
        line_sum += lines
        size_sum += value_bytes
        upto = position
    db.execute(f"DELETE FROM {table} WHERE position <= ?", (upto,))
    counts.messages -= count
    counts.lines -= line_sum
    counts.bytes -= size_sum
    if not slowest:
        counts.expired_messages += count
        counts.expired_lines += line_sum
        metrics.TRANSPORT_EXPIRED.labels(topic.name).inc(count)
        log.warning("%s is over its limits: its oldest %d messages are deleted", topic.name, count)
    topic.look(db)


def give_back(db: sqlite3.Connection, kept_pages: int = _KEPT_PAGES) -> bool:
    """Gives some unused pages back to the disk; true when there are more to give. For an empty queue: else messages
    would have to be moved. Raises sqlite3.Error."""
    spare = db.execute("PRAGMA freelist_count").fetchone()[0] - kept_pages
    if spare > 0:
        # As a script: execute() would stop at the first page, which is a row without columns.
        db.executescript(f"PRAGMA incremental_vacuum({min(spare, _STEP_PAGES)})")
    return bool(spare > _STEP_PAGES)
