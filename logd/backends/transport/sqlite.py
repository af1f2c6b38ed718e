"""The transport in one SQLite file, for one machine: `DATA_DIR/transport.db`. sqlite_schema.py has its tables.

    append, commit ──> sqlite_writer: one thread ──> sqlite_topics: the transaction, sqlite_retention: limits, deletion
    fetch <── sqlite_consumer: a connection each      sqlite_open: the file      sqlite_groups: what people ask of it

Invariants:
* One thread writes. An append returns after the COMMIT of a WAL database with synchronous=FULL, that is, after fsync;
  appends that wait together share one commit.
* A chunk and its source's next position are written in the same transaction, so a resend is known for what it is; so
  are the counts of all that was appended, left out or expired.
* A message is deleted only when every group of its topic is past it and, while the topic is followed and for a while
  after, it is none of the last; a topic without groups loses its oldest over a limit. A topic whose slowest group is
  too far behind takes no more.
* A message that isn't what was appended says so (Message.damage). A file whose structure is damaged isn't opened; one
  that turns out to be damaged later gives Corrupt to its readers and Unavailable to its writers, and loses nothing
  that can still be read by hand.
"""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import threading
import time
from collections.abc import AsyncIterator, Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from logd.backends.transport import sqlite_groups
from logd.backends.transport.sqlite_consumer import PARTITION, SqliteConsumer, SqliteFollower, SqliteReader
from logd.backends.transport.sqlite_letters import SqliteDeadLetters
from logd.backends.transport.sqlite_open import AT_START, failure, open_reader, open_writer, refusal
from logd.backends.transport.sqlite_topics import Topics
from logd.backends.transport.sqlite_writer import FORGET_SECONDS, Work, Writer
from logd.chunk import Envelope
from logd.config.schema import Transport as Limits
from logd.errors import Unavailable
from logd.flow.stage import Stage
from logd.flow.threads import opened
from logd.seams import Appended, Consumer, Follower, StreamPositions
from logd.telemetry import metrics

#: What may wait for the writer, in compressed values: some commits' worth, so that a slow disk costs no more memory.
_PENDING_BYTES = 64 * 1024 * 1024
#: What failed is taken to be failing for so long: without anything to write, nobody would see that it works again.
_TROUBLE_SECONDS = 30.0
#: A pause takes milliseconds. Should its owner hang, senders must not.
_PAUSE_SECONDS = 10.0
T = TypeVar("T")


class SqliteTransport:
    """seams.Transport over one SQLite file, with one partition, 0. Use `SqliteTransport.open`."""

    def __init__(self, path: Path, topics: Topics, pending_bytes: int) -> None:
        self._path = path
        self._pending = Stage("transport.append", pending_bytes, "bytes")
        self.stages = (self._pending,)
        self._trouble = ""
        self._trouble_until = 0.0
        self._newest = topics.positions()
        self._readers: list[SqliteReader] = []
        self._loop = asyncio.get_running_loop()
        self._closed = False
        self._writer = Writer(path, topics, self._committed)

    @classmethod
    async def open(
        cls,
        path: Path,
        limits: Limits | None = None,
        clock: Callable[[], float] = time.time,
        pending_bytes: int = _PENDING_BYTES,
    ) -> SqliteTransport:
        """Creates the file if need be. `clock` gives Unix seconds. Appends of more than `pending_bytes` aren't kept
        waiting, but refused. Raises ConfigError when the file can't be used."""
        topics = await asyncio.to_thread(_open_topics, path, limits or Limits(), clock)
        return cls(path, topics, pending_bytes)

    def dead_letters(self) -> SqliteDeadLetters:
        """seams.DeadLetters over the same file."""
        return SqliteDeadLetters(self._path, self._ask)

    async def append(self, topic: str, envelopes: Sequence[Envelope]) -> Appended:
        if not envelopes:
            return Appended(0, 0)
        size = sum(len(envelope.value) for envelope in envelopes)
        pending = self._pending
        if pending.held and pending.held + size > pending.capacity:
            pending.block()
            raise Unavailable(f"{pending.held} bytes wait to be written to {self._path}")
        try:
            appended = await self._ask(lambda topics: topics.append(topic, envelopes), size)
        except Unavailable as error:
            self._trouble, self._trouble_until = str(error), time.monotonic() + _TROUBLE_SECONDS
            raise
        self._trouble = ""
        if appended.duplicates:
            metrics.TRANSPORT_DUPLICATES.inc(appended.duplicates)
        return appended

    async def consume(self, topic: str, group: str, start: StreamPositions | None = None) -> Consumer:
        begin = start.get(PARTITION) if start else None
        position = await self._ask(lambda topics: topics.register(topic, group, begin))
        return SqliteConsumer(await self._reader(topic, position), partial(self._commit, topic, group))

    async def follow(self, topic: str, start: StreamPositions | None = None, since_us: int | None = None) -> Follower:
        if start is not None and since_us is not None:
            raise ValueError("a reader begins at a position or at a time, not at both")
        try:
            newest = await self._ask(lambda topics: topics.follow(topic))
            reader = await self._reader(topic, (start or {}).get(PARTITION, newest))
        except BaseException:
            await self._unfollow(topic)
            raise
        follower = SqliteFollower(reader, partial(self._release, topic, reader))
        if since_us is not None:
            try:
                await reader.go_to_time(since_us)
            except BaseException:
                await follower.close()
                raise
        return follower

    async def trouble(self) -> str:
        return self._trouble if time.monotonic() < self._trouble_until else ""

    async def status(self) -> dict[str, Any]:
        return await asyncio.to_thread(sqlite_groups.status, self._path)

    @contextlib.asynccontextmanager
    async def paused(self) -> AsyncIterator[None]:
        """Within it nothing is stored, deleted or acknowledged; appends wait. Raises Unavailable at the end when that
        took too long, and they didn't."""
        begun: asyncio.Future[None] = self._loop.create_future()
        ended = threading.Event()

        def begin() -> None:
            if not begun.done():
                begun.set_result(None)

        def hold(topics: Topics) -> None:
            self._loop.call_soon_threadsafe(begin)
            if not ended.wait(_PAUSE_SECONDS):
                raise Unavailable(f"the transport can't be held for more than {_PAUSE_SECONDS:g} s")

        holding = asyncio.ensure_future(self._ask(hold))
        try:
            await asyncio.wait([begun, holding], return_when=asyncio.FIRST_COMPLETED)
            if begun.done():
                yield
        finally:
            ended.set()
            await asyncio.wait([holding])
        holding.result()

    async def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        for reader in self._readers:  # the last connection to close tidies the file, which readers may not
            reader.close()
        await asyncio.to_thread(self._writer.close)

    async def _reader(self, topic: str, position: int) -> SqliteReader:
        try:
            connection = await opened(lambda: open_reader(self._path))
        except sqlite3.Error as error:
            raise failure(self._path, "read", error) from error
        reader = SqliteReader(self._path, connection, topic, position, lambda: self._newest.get(topic, 1))
        self._readers.append(reader)
        return reader

    async def _release(self, topic: str, reader: SqliteReader) -> None:
        self._readers.remove(reader)
        await self._unfollow(topic)

    async def _unfollow(self, topic: str) -> None:
        with contextlib.suppress(Unavailable):  # closed, or failing: the next process follows nothing
            await self._ask(lambda topics: topics.unfollow(topic))

    async def _commit(self, topic: str, group: str, position: int) -> None:
        """See Consumer.commit."""
        await self._ask(lambda topics: topics.move(topic, group, position))

    async def _ask(self, run: Callable[[Topics], T], size: int = 0) -> T:
        """What `run` gives within a transaction, once that is durable."""
        if self._closed:
            raise Unavailable("the transport is closed")
        future: asyncio.Future[T] = self._loop.create_future()

        def settle(result: Any) -> None:
            self._pending.add(-size)
            if future.done():
                return
            if isinstance(result, Exception):
                future.set_exception(result)
            else:
                future.set_result(result)

        def done(result: object) -> None:
            with contextlib.suppress(RuntimeError):  # the loop was closed under a call that nobody awaits any more
                self._loop.call_soon_threadsafe(settle, result)

        self._pending.add(size)  # until it is written: a caller that is cancelled takes nothing out of the queue
        self._writer.submit(Work(run, done, size))
        return await future

    def _committed(self, newest: dict[str, int]) -> None:
        """In the writer's thread."""
        self._newest = newest
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._wake)

    def _wake(self) -> None:
        for reader in self._readers:
            reader.wake()


def _open_topics(path: Path, limits: Limits, clock: Callable[[], float]) -> Topics:
    db = open_writer(path)
    try:
        topics = Topics(db, limits, clock)
        topics.keep_sources(FORGET_SECONDS)
    except AT_START as error:
        db.close()
        raise refusal(path, error) from error
    return topics
