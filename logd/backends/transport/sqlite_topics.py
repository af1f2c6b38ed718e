"""What the writer does within its transaction, append, register, commit, and what it knows of each topic.

Everything here belongs to the writer's thread. `Topics` mirrors the tables; after a rollback, or when another process
has written, it is read again.
"""

from __future__ import annotations

import logging
import math
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

import msgspec

from logd.backends.transport import sqlite_schema as schema
from logd.backends.transport.sqlite_retention import LINGER_SECONDS, Topic, refuse_when_full
from logd.chunk import REMEMBER_SECONDS, Envelope, line_count
from logd.config.schema import Transport as Limits
from logd.errors import Conflict
from logd.seams import Appended
from logd.telemetry import metrics

log = logging.getLogger("logd.transport")
_encode = msgspec.json.Encoder().encode


class Source(NamedTuple):
    """Everything below `sent` has been sent by the source, 0 for one that is new or forgotten; with what `digest`."""

    sent: int
    expires: float
    digest: str


class Topics:
    """The tables, and a mirror of the small ones. `clock` gives Unix seconds."""

    def __init__(self, db: sqlite3.Connection, limits: Limits, clock: Callable[[], float]) -> None:
        self.db = db
        self.limits = limits
        self.clock = clock
        self._topics: dict[str, Topic] = {}
        self._changed: set[str] = set()
        self._followers: Counter[str] = Counter()
        self._followed_until: dict[str, float] = {}
        self._version = -1
        self.load()
        #: Where each topic ended when this process began; see `_continue_at`.
        self._began = {name: topic.counts.next for name, topic in self._topics.items()}
        for name, topic in self._topics.items():
            if topic.has_passed():  # kept for followers by the process before, perhaps: they will come back
                self._set_followed(name, clock() + LINGER_SECONDS)

    def deletable(self, now: float) -> list[Topic]:
        """The topics that have something to delete."""
        return [topic for topic in self._topics.values() if topic.deletable(self.limits, now)]

    def empty(self) -> bool:
        """Whether all is deleted that a group was to take."""
        return not any(topic.groups and topic.counts.messages for topic in self._topics.values())

    def positions(self) -> dict[str, int]:
        """The next position of each topic."""
        return {name: topic.counts.next for name, topic in self._topics.items()}

    def begin(self) -> None:
        """Begins the transaction. Raises sqlite3.Error."""
        self.db.execute("BEGIN IMMEDIATE")
        self.refresh()

    def refresh(self) -> None:
        """Takes in what another process has written: `logd transport forget`. Raises sqlite3.Error."""
        if self.db.execute("PRAGMA data_version").fetchone()[0] != self._version:
            self.load()

    def commit(self) -> None:
        """Commits, the counts included. Raises sqlite3.Error; then roll back."""
        for name in self._changed:
            schema.save_counts(self.db, name, self._topics[name].counts)
        self.db.execute("COMMIT")
        for name in self._changed:
            metrics.TRANSPORT_HELD_BYTES.labels(name).set(self._topics[name].counts.bytes)
        self._changed.clear()

    def roll_back(self) -> None:
        """As if the transaction hadn't been. Never raises."""
        self._version = -1
        try:
            if self.db.in_transaction:
                self.db.execute("ROLLBACK")
        except sqlite3.Error as error:
            log.warning("the transport can't roll back: %s", error)

    def load(self) -> None:
        """Reads all small tables. Raises sqlite3.Error."""
        version = self.db.execute("PRAGMA data_version").fetchone()[0]
        self._changed.clear()
        self._topics = {}
        for name in schema.topics_of(self.db):
            counts = schema.load_counts(self.db, name)
            if counts is None:
                log.error("the counts of topic %s are damaged: they begin again with what it holds", name)
                counts = schema.counted(self.db, name)
                self._changed.add(name)
            topic = Topic(name, counts, schema.load_groups(self.db, name), self._followed_until.get(name, 0.0))
            topic.look(self.db)
            self._topics[name] = topic
        self._version = version

    def append(self, name: str, envelopes: Sequence[Envelope]) -> Appended:
        """Decides first, then writes: what raises Conflict or Unavailable leaves nothing of its append behind."""
        now = self.clock()
        fresh: list[Envelope] = []
        ahead: dict[str, Source] = {}
        left_out: list[Envelope] = []
        for envelope in envelopes:
            headers = envelope.headers
            if "end" not in headers:
                fresh.append(envelope)
                continue
            source, offset, end = headers["source-id"], int(headers["offset"]), int(headers["end"])
            digest = headers.get("digest", "")
            known = ahead[source] if source in ahead else self._known_source(name, source, now)
            sent = known.sent
            if sent and known.digest != digest:
                raise Conflict(f"source {source} has sent other content before")
            if end <= sent:
                left_out.append(envelope)
            elif offset < sent:
                raise Conflict(f"source {source} sends {offset} to {end} again, but had sent everything up to {sent}")
            else:
                fresh.append(envelope)
                ahead[source] = Source(end, now + int(headers.get("remember", REMEMBER_SECONDS)), digest)
        topic = self._topic(name)
        if fresh:
            refuse_when_full(topic, self.limits, now)
            self._insert(topic, fresh, now)
            self._remember_sources(name, ahead)
        topic.counts.duplicate_messages += len(left_out)
        topic.counts.duplicate_lines += sum(line_count(envelope.headers) for envelope in left_out)
        self._changed.add(name)
        return Appended(len(fresh), len(left_out))

    def register(self, name: str, group: str, start: int | None) -> int:
        """Makes the group known; gives the position at which its reader begins."""
        topic = self._topic(name)
        committed = topic.groups.get(group)
        position = start if start is not None else committed or 0
        if position > topic.counts.next:
            self._continue_at(topic, position)
        self.move(name, group, position)
        return position

    def move(self, name: str, group: str, position: int) -> None:
        """Registers the group if need be; never moves it backwards."""
        topic = self._topic(name)
        if position > topic.groups.get(group, -1):
            topic.groups[group] = position
            schema.save_group(self.db, name, group, position)
            topic.look(self.db)

    def take_out(self, name: str, positions: Sequence[int], *, replayed: bool) -> int:
        """Deletes messages that there are, whoever reads the topic, and counts why; gives their lines."""
        topic = self._topic(name)
        marks = ", ".join("?" * len(positions))
        where = f"FROM {schema.table_of(name)} WHERE position IN ({marks})"
        # A damaged row may hold something else than numbers, and goes all the same.
        messages, lines, size = self.db.execute(
            f"""SELECT count(*), coalesce(sum(CAST(lines AS INTEGER)), 0), coalesce(sum(length(value)), 0) {where}""",
            positions,
        ).fetchone()
        self.db.execute(f"DELETE {where}", positions)
        counts = topic.counts
        counts.messages -= messages
        counts.lines -= lines
        counts.bytes -= size
        if replayed:
            counts.replayed_messages += messages
            counts.replayed_lines += lines
        else:
            counts.removed_messages += messages
            counts.removed_lines += lines
        topic.look(self.db)
        self._changed.add(name)
        return int(lines)

    def follow(self, name: str) -> int:
        """From now on what came last is kept; gives the topic's next position."""
        self._followers[name] += 1
        self._set_followed(name, math.inf)
        return self._topic(name).counts.next

    def unfollow(self, name: str) -> None:
        """Undoes one `follow`; after the last one it is kept for a while longer."""
        self._followers[name] -= 1
        if not self._followers[name]:
            self._set_followed(name, self.clock() + LINGER_SECONDS)

    def _set_followed(self, name: str, until: float) -> None:
        self._followed_until[name] = until
        self._topic(name).followed_until = until

    def forget_sources(self) -> None:
        """Those that need not be remembered any more: reads all of them."""
        self.db.execute("DELETE FROM sources WHERE expires <= ?", (self.clock(),))

    def keep_sources(self, seconds: float) -> None:
        """A source whose time ran out while nobody served it gets some more, to send again what it had in flight."""
        now = self.clock()
        self.db.execute("UPDATE sources SET expires = ? WHERE expires <= ?", (now + seconds, now))

    def change(self, topic: Topic) -> None:
        """The topic's counts have changed."""
        self._changed.add(topic.name)

    def _topic(self, name: str) -> Topic:
        topic = self._topics.get(name)
        if topic is None:
            schema.create_topic(self.db, name)
            topic = self._topics[name] = Topic(name, followed_until=self._followed_until.get(name, 0.0))
            self._changed.add(name)
        return topic

    def _insert(self, topic: Topic, envelopes: Iterable[Envelope], now: float) -> None:
        taken_us = int(now * 1_000_000)
        rows = []
        position, lines_sum, size_sum = topic.counts.next, 0, 0
        for envelope in envelopes:
            headers, value = _encode(envelope.headers), envelope.value
            lines = line_count(envelope.headers)
            before = topic.counts.appended_bytes + size_sum
            checksum = schema.message_checksum(taken_us, lines, envelope.key.encode(), headers, value)
            rows.append((position, taken_us, lines, envelope.key, headers, before, checksum, value))
            position += 1
            lines_sum += lines
            size_sum += len(value)
        insert = "(position, taken, lines, key, headers, bytes_before, checksum, value) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
        self.db.executemany(f"INSERT INTO {schema.table_of(topic.name)} {insert}", rows)
        topic.appended(len(rows), lines_sum, size_sum, taken_us)

    def _known_source(self, topic: str, source: str, now: float) -> Source:
        query = "SELECT next, expires, digest, checksum FROM sources WHERE topic = ? AND source = ? AND expires > ?"
        row = self.db.execute(query, (topic, source, now)).fetchone()
        if row is None:
            return Source(0, 0.0, "")
        sent, expires, digest, checksum = row
        if checksum is not None and checksum != schema.row_checksum(source, sent, digest):
            log.error("the position of source %s in %s is damaged: what it sends again is stored again", source, topic)
            return Source(0, 0.0, "")
        return Source(sent, expires, digest)

    def _remember_sources(self, topic: str, sources: Mapping[str, Source]) -> None:
        self.db.executemany(
            "INSERT OR REPLACE INTO sources (topic, source, next, expires, digest, checksum) VALUES (?, ?, ?, ?, ?, ?)",
            [
                (
                    topic,
                    source,
                    known.sent,
                    known.expires,
                    known.digest,
                    schema.row_checksum(source, known.sent, known.digest),
                )
                for source, known in sources.items()
            ],
        )

    def _continue_at(self, topic: Topic, position: int) -> None:
        """A reader begins past the end: the index has more of the stream than this file, which was made anew or comes
        from a copy. Positions go on where that stream ended, so that no message hides behind what the index has; those
        appended since this process began are moved there."""
        began = self._began.get(topic.name, 1)
        log.warning("%s continues at position %d, where another file ended, not at %d", topic.name, position, began)
        self.db.execute(
            f"UPDATE {schema.table_of(topic.name)} SET position = position + ? WHERE position >= ?",
            (position - began, began),
        )
        topic.counts.next += position - began
        topic.look(self.db)
        self._changed.add(topic.name)
