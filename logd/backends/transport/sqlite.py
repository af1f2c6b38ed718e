"""The transport in one SQLite file, for one machine: `DATA_DIR/transport.db`.

    log_TOPIC  position (rises, never reused) | taken µs | lines | key | headers (JSON) | value
    sources    topic, source → next position of that source, and until when it is remembered
    groups     topic, group → position of the group's next message

Invariants:
* One thread writes. An append returns after the COMMIT of a WAL database with synchronous=FULL, that is, after fsync;
  appends that wait together share one commit.
* A chunk and its source's next position are written in the same transaction, so a resend is known for what it is.
* A message is deleted only when every group of its topic is past it; a topic without groups keeps everything.
"""

from __future__ import annotations

import asyncio
import contextlib
import queue
import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec

from logd.backends.transport import sqlite_schema as schema
from logd.chunk import REMEMBER_SECONDS, Envelope, Message
from logd.errors import Conflict, Unavailable
from logd.flow.stage import Stage
from logd.seams import Appended, Consumer, StreamPositions
from logd.telemetry import metrics

#: One commit takes what waits, up to this: enough to share an fsync among many, little enough to answer soon.
_GROUP_BYTES = 16 * 1024 * 1024
#: What may wait for the writer, in compressed values: some commits' worth, so that a slow disk costs no more memory.
_PENDING_BYTES = 64 * 1024 * 1024
#: One fetch holds at most this of compressed values, however few lines they have.
_FETCH_BYTES = 16 * 1024 * 1024
#: How often the sources that need not be remembered any more are looked for: it reads all of them.
_FORGET_SECONDS = 3_600
#: What failed is taken to be failing for so long: without anything to write, nobody would see that it works again.
_TROUBLE_SECONDS = 30.0
_PARTITION = 0
#: What appends may wait for the deletion of what is done: without it, a busy queue would only grow.
_TRIM_SECONDS = 0.2


class _Append(msgspec.Struct, frozen=True):
    topic: str
    envelopes: Sequence[Envelope]
    size: int
    done: Callable[[Appended | Exception], None]


class _Commit(msgspec.Struct, frozen=True):
    topic: str
    group: str
    position: int
    done: Callable[[Appended | Exception], None]


class SqliteTransport:
    """seams.Transport over one SQLite file, with one partition, 0. Use `SqliteTransport.open`."""

    def __init__(self, path: Path, db: sqlite3.Connection, newest: dict[str, int], pending_bytes: int) -> None:
        self._path = path
        self._pending = Stage("transport.append", pending_bytes, "bytes")
        self.stages = (self._pending,)
        self._trouble = ""
        self._trouble_until = 0.0
        self._newest = newest
        self._forget_at = time.monotonic() + _FORGET_SECONDS
        self._consumers: list[SqliteConsumer] = []
        self._work: queue.SimpleQueue[_Append | _Commit | None] = queue.SimpleQueue()
        self._loop = asyncio.get_running_loop()
        self._closed = False
        self._thread = threading.Thread(target=self._write, args=(db,), name="transport.writer")
        self._thread.start()

    @classmethod
    async def open(cls, path: Path, pending_bytes: int = _PENDING_BYTES) -> SqliteTransport:
        """Creates the file if need be. Appends of more than `pending_bytes` aren't kept waiting, but refused. Raises
        ConfigError when the file can't be opened or is of a newer logd."""
        db, newest = await asyncio.to_thread(schema.open_writer, path)
        return cls(path, db, newest, pending_bytes)

    async def append(self, topic: str, envelopes: Sequence[Envelope]) -> Appended:
        if not envelopes:
            return Appended(0, 0)
        size = sum(len(envelope.value) for envelope in envelopes)
        pending = self._pending
        if pending.held and pending.held + size > pending.capacity:
            pending.block()
            raise Unavailable(f"{pending.held} bytes wait to be written to {self._path}")
        return await self._ask(lambda done: _Append(topic, envelopes, size, done), size)

    async def consume(self, topic: str, group: str, start: StreamPositions | None = None) -> Consumer:
        committed = await asyncio.to_thread(schema.group_position, self._path, topic, group)
        position = start.get(_PARTITION) if start else None
        if position is None:
            position = committed if committed is not None else 0
        if committed is None or committed != position:
            await self._ask(lambda done: _Commit(topic, group, position, done))
        reader = await asyncio.to_thread(schema.open_reader, self._path)
        consumer = SqliteConsumer(self, reader, topic, group, position)
        self._consumers.append(consumer)
        return consumer

    def trouble(self) -> str:
        return self._trouble if time.monotonic() < self._trouble_until else ""

    async def status(self) -> dict[str, Any]:
        return await asyncio.to_thread(schema.status, self._path)

    async def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        self._work.put(None)
        await asyncio.to_thread(self._thread.join)
        for consumer in self._consumers:
            consumer.close()

    def newest(self, topic: str) -> int:
        """The position that the topic's next message will have, at least."""
        return self._newest.get(topic, 1)

    async def commit(self, topic: str, group: str, position: int) -> None:
        """See Consumer.commit."""
        await self._ask(lambda done: _Commit(topic, group, position, done))

    async def _ask(
        self, work: Callable[[Callable[[Appended | Exception], None]], _Append | _Commit], size: int = 0
    ) -> Appended:
        if self._closed:
            raise Unavailable("the transport is closed")
        future: asyncio.Future[Appended] = self._loop.create_future()

        def settle(result: Appended | Exception) -> None:
            self._pending.add(-size)
            _settle(future, result)

        def done(result: Appended | Exception) -> None:
            with contextlib.suppress(RuntimeError):  # the loop was closed under a call that nobody awaits any more
                self._loop.call_soon_threadsafe(settle, result)

        self._pending.add(size)  # until it is written: a caller that is cancelled takes nothing out of the queue
        self._work.put(work(done))
        return await future

    def _write(self, db: sqlite3.Connection) -> None:
        """The writer thread: takes what waits, commits it, answers; ends after the None of close()."""
        with contextlib.closing(db):
            stop = False
            while not stop:
                item = self._work.get()
                if item is None:
                    break
                group: list[_Append | _Commit] = [item]
                size = getattr(item, "size", 0)
                while size < _GROUP_BYTES:
                    try:
                        item = self._work.get_nowait()
                    except queue.Empty:
                        break
                    if item is None:
                        stop = True
                        break
                    group.append(item)
                    size += getattr(item, "size", 0)
                self._write_group(db, group)

    def _write_group(self, db: sqlite3.Connection, group: Sequence[_Append | _Commit]) -> None:
        results: list[Appended | Exception] = []
        newest = dict(self._newest)
        started = time.perf_counter()
        try:
            db.execute("BEGIN IMMEDIATE")
            for work in group:
                if isinstance(work, _Append):
                    results.append(_append(db, work, newest))
                else:
                    schema.set_group_position(db, work.topic, work.group, work.position)
                    results.append(Appended(0, 0))
            db.execute("COMMIT")
        except Exception as error:
            with contextlib.suppress(sqlite3.Error):
                db.execute("ROLLBACK")
            full = isinstance(error, sqlite3.Error)
            if len(group) > 1 and not full:  # one of them can't be stored at all, the others can
                for work in group:
                    self._write_group(db, [work])
                return
            reason = f"the transport can't write {self._path}: {error}"
            results = [Unavailable(reason) if full else error for _ in group]
            if full:
                self._trouble, self._trouble_until = reason, time.monotonic() + _TROUBLE_SECONDS
        else:
            if newest != self._newest:  # a group's position may find room where no message does
                self._trouble = ""
            self._newest = newest
            metrics.TRANSPORT_COMMIT_SECONDS.observe(time.perf_counter() - started)
        for work, result in zip(group, results, strict=True):
            work.done(result)
        if any(isinstance(work, _Append) for work in group):
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._wake)
        if any(isinstance(work, _Commit) for work in group):
            with contextlib.suppress(sqlite3.Error):  # what isn't trimmed now is trimmed after the next commit
                until = time.monotonic() + _TRIM_SECONDS
                while schema.trim(db) and (self._work.empty() or time.monotonic() < until):
                    pass
                if time.monotonic() > self._forget_at:
                    schema.forget_sources(db, time.time())
                    self._forget_at = time.monotonic() + _FORGET_SECONDS

    def _wake(self) -> None:
        for consumer in self._consumers:
            consumer.wake()


class SqliteConsumer:
    """seams.Consumer over its own read connection."""

    def __init__(
        self, transport: SqliteTransport, reader: sqlite3.Connection, topic: str, group: str, position: int
    ) -> None:
        self._transport = transport
        self._reader = reader
        self._topic = topic
        self._group = group
        self._position = position
        self._more = asyncio.Event()
        self._reading = threading.Lock()
        self._closed = False

    async def fetch(self, max_lines: int, wait_seconds: float) -> Sequence[Message]:
        try:
            async with asyncio.timeout(wait_seconds):
                while self.lag() <= 0:
                    self._more.clear()
                    await self._more.wait()
        except TimeoutError:
            return []
        newest = self._transport.newest(self._topic)
        messages = await asyncio.to_thread(self._read, max_lines)
        self._position = messages[-1].position + 1 if messages else newest
        return messages

    async def commit(self, positions: StreamPositions) -> None:
        await self._transport.commit(self._topic, self._group, positions[_PARTITION])

    def lag(self) -> int:
        return self._transport.newest(self._topic) - max(self._position, 1)

    def wake(self) -> None:
        """Something was appended, perhaps to this topic."""
        self._more.set()

    def close(self) -> None:
        """Gives the read connection back, after a read that a cancelled fetch left behind."""
        with self._reading:
            self._closed = True
            self._reader.close()

    def _read(self, max_lines: int) -> list[Message]:
        with self._reading:
            return [] if self._closed else self._read_rows(max_lines)

    def _read_rows(self, max_lines: int) -> list[Message]:
        messages: list[Message] = []
        lines = size = 0
        rows = self._reader.execute(schema.select_messages(self._topic), (self._position,))
        for position, taken, count, key, headers, value in rows:
            decoded = msgspec.json.decode(headers, type=dict[str, str])
            messages.append(Message(_PARTITION, position, taken, key, decoded, value))
            lines += count
            size += len(value)
            if lines >= max_lines or size >= _FETCH_BYTES:
                break
        rows.close()
        return messages


def _settle(future: asyncio.Future[Appended], result: Appended | Exception) -> None:
    if future.done():
        return
    if isinstance(result, Exception):
        future.set_exception(result)
    else:
        future.set_result(result)


def _append(db: sqlite3.Connection, work: _Append, newest: dict[str, int]) -> Appended | Exception:
    """Decides first, then writes: a Conflict must leave nothing of its append behind."""
    now = time.time()
    fresh: list[Envelope] = []
    ahead: dict[str, schema.Source] = {}
    duplicates = 0
    for envelope in work.envelopes:
        headers = envelope.headers
        if "end" not in headers:
            fresh.append(envelope)
            continue
        source, offset, end = headers["source-id"], int(headers["offset"]), int(headers["end"])
        expires = now + int(headers.get("remember", REMEMBER_SECONDS))
        digest = headers.get("digest", "")
        known = ahead[source] if source in ahead else schema.known_source(db, work.topic, source, now)
        sent = known.sent
        if sent and known.digest != digest:
            return Conflict(f"source {source} has sent other content before")
        if end <= sent:
            duplicates += 1
        elif offset < sent:
            return Conflict(f"source {source} sends {offset} to {end} again, but had sent everything up to {sent}")
        else:
            fresh.append(envelope)
            ahead[source] = schema.Source(end, expires, digest)
    if fresh:
        schema.ensure_topic(db, work.topic)
        newest[work.topic] = schema.insert_messages(db, work.topic, fresh, int(now * 1_000_000)) + 1
    schema.remember_sources(db, work.topic, ahead)
    return Appended(len(fresh), duplicates)
