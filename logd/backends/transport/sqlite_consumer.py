"""Readers of the SQLite transport, each over a connection of its own."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Callable, Coroutine, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from logd.backends.transport import sqlite_schema as schema
from logd.backends.transport.sqlite_open import failure
from logd.chunk import Message
from logd.seams import NOTHING, StreamPositions, Tally

PARTITION = 0
#: One fetch holds at most this of compressed values, however few lines they have.
_FETCH_BYTES = 16 * 1024 * 1024
_decode = msgspec.json.Decoder(dict[str, str]).decode


class SqliteConsumer:
    """seams.Consumer. `commit` moves the group."""

    def __init__(self, reader: SqliteReader, commit: Callable[[int], Coroutine[Any, Any, None]]) -> None:
        self.fetch = reader.fetch
        self.lag = reader.lag
        self._commit = commit

    def lags(self) -> Mapping[int, int]:
        return {PARTITION: max(self.lag(), 0)}

    async def commit(self, positions: StreamPositions, tally: Tally = NOTHING) -> None:
        await self._commit(positions[PARTITION])


class SqliteFollower:
    """seams.Follower. `release` is called once, after the reader was closed."""

    def __init__(self, reader: SqliteReader, release: Callable[[], Coroutine[Any, Any, None]]) -> None:
        self.fetch = reader.fetch
        self.lag = reader.lag
        self._reader = reader
        self._release = release
        self._closed = False

    @property
    def positions(self) -> StreamPositions:
        return {PARTITION: self._reader.position}

    async def close(self) -> None:
        if not self._closed:
            self._closed = True
            await asyncio.to_thread(self._reader.close)
            await self._release()


class SqliteReader:
    """Reads one topic. `newest` gives the topic's next position."""

    def __init__(
        self, path: Path, reader: sqlite3.Connection, topic: str, position: int, newest: Callable[[], int]
    ) -> None:
        self._path = path
        self._reader = reader
        self._select = (
            "SELECT position, taken, lines, CAST(key AS BLOB), headers, checksum, value "
            f"FROM {schema.table_of(topic)} WHERE position >= ? ORDER BY position"
        )
        self._oldest = f"SELECT min(position) FROM {schema.table_of(topic)}"
        #: Of the message that is read next, unless it is gone by then.
        self.position = position
        self._newest = newest
        self._more = asyncio.Event()
        self._reading = threading.Lock()
        self._closed = False

    async def fetch(self, max_lines: int, wait_seconds: float) -> Sequence[Message]:
        """See Consumer.fetch."""
        try:
            async with asyncio.timeout(wait_seconds):
                while self.lag() <= 0:
                    self._more.clear()
                    await self._more.wait()
        except TimeoutError:
            return []
        newest = self._newest()
        messages = await asyncio.to_thread(self._read, max_lines)
        self.position = messages[-1].position + 1 if messages else newest
        return messages

    async def go_to_time(self, since_us: int) -> None:
        """Before the first message that was taken then or later, if there is one before where this is; see
        Transport.follow."""
        self.position = await asyncio.to_thread(self._find, since_us, self.position)

    def lag(self) -> int:
        """Messages that aren't read yet."""
        return self._newest() - max(self.position, 1)

    def wake(self) -> None:
        """Something was appended, perhaps to this topic."""
        self._more.set()

    def close(self) -> None:
        """Gives the read connection back, after a read that a cancelled fetch left behind."""
        with self._reading:
            self._closed = True
            self._reader.close()

    def _find(self, since_us: int, end: int) -> int:
        """By halving what is between the oldest message and `end`: the times rise with the positions, and some twenty
        messages are read of a million. Of one that is damaged the time says nothing. Raises Corrupt or Unavailable."""
        with self._reading:
            try:
                (oldest,) = (None,) if self._closed else self._reader.execute(self._oldest).fetchone()
                least = end if oldest is None else min(oldest, end)
                while least < end:
                    middle = (least + end) // 2
                    found = self._intact(middle)
                    if found is None or found.position >= end or found.timestamp_us >= since_us:
                        end = middle
                    else:
                        least = found.position + 1
            except sqlite3.Error as error:
                raise failure(self._path, "read", error) from error
        return end

    def _intact(self, position: int) -> Message | None:
        """The first message from there on that is what was appended. Raises sqlite3.Error."""
        rows = self._reader.execute(self._select, (position,))
        try:
            return next((message for row in rows if not (message := checked(*row)[0]).damage), None)
        finally:
            rows.close()

    def _read(self, max_lines: int) -> list[Message]:
        with self._reading:
            return [] if self._closed else self._read_rows(max_lines)

    def _read_rows(self, max_lines: int) -> list[Message]:
        """Raises Corrupt or Unavailable when not even one can be read; what comes before an error is given first."""
        messages: list[Message] = []
        lines = size = 0
        try:
            rows = self._reader.execute(self._select, (self.position,))
            for row in rows:
                message, count = checked(*row)
                messages.append(message)
                lines += count
                size += len(message.value)
                if lines >= max_lines or size >= _FETCH_BYTES:
                    break
            rows.close()
        except sqlite3.Error as error:
            if not messages:
                raise failure(self._path, "read", error) from error
        return messages


def checked(
    position: int, taken_us: int, lines: int, key: bytes, headers: bytes, checksum: int | None, value: bytes
) -> tuple[Message, int]:
    """The message in a row, and its lines. Where the row isn't what was appended, the message says so."""
    try:
        actual = schema.message_checksum(taken_us, lines, key, headers, value)
        if checksum is not None and checksum != actual:
            raise ValueError(f"its checksum is {actual:08x}, not {checksum:08x}")
        return Message(PARTITION, position, taken_us, key.decode(), _decode(headers), value), lines
    except (TypeError, ValueError, msgspec.MsgspecError) as error:
        # The columns' types are what the file says, which may be damaged too.
        kept = value if isinstance(value, bytes) else b""
        damage = f"the message at position {position} is not what was appended: {error}"
        return Message(PARTITION, position, 0, "", {}, kept, damage), 1
