"""The dead letters of the SQLite transport: looked at over a connection of their own, moved and removed by the thread
that writes, in steps that appends never wait long for."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import Callable, Coroutine, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from logd.backends.transport import sqlite_schema as schema
from logd.backends.transport.sqlite_consumer import checked
from logd.backends.transport.sqlite_open import failure, open_reader
from logd.backends.transport.sqlite_topics import Topics
from logd.chunk import Envelope, Message
from logd.deadletters import replayed
from logd.errors import NotFound, RecordRejected
from logd.seams import DEAD_LETTERS, RAW_LOGS, Moved

#: What one transaction moves or removes at most.
_STEP_MESSAGES = 256
_STEP_BYTES = 8 * 1024 * 1024
_COLUMNS = "position, taken, lines, CAST(key AS BLOB), headers, checksum, value"
T = TypeVar("T")
Ask = Callable[[Callable[[Topics], Any]], Coroutine[Any, Any, Any]]
#: Does something about letters that there are, within a transaction.
Take = Callable[[Topics, Sequence[int]], Moved]


class _Step(msgspec.Struct, frozen=True):
    """What one transaction did to the letters at `found`; `more` may be behind the last of them."""

    moved: Moved
    found: Sequence[int]
    more: bool


class SqliteDeadLetters:
    """seams.DeadLetters. `ask` runs something in a transaction of the writer."""

    def __init__(self, path: Path, ask: Ask) -> None:
        self._path = path
        self._ask = ask

    async def look(self, after: int, limit: int, see: Callable[[Message], T]) -> list[T]:
        return await asyncio.to_thread(self._look, after, limit, see)

    async def read(self, position: int) -> Message:
        found = await self.look(position - 1, 1, lambda message: message)
        if not found or found[0].position != position:
            raise NotFound(f"there is no dead letter at position {position}")
        return found[0]

    async def replay(self, positions: Sequence[int] | None) -> Moved:
        return await self._in_steps(positions, None, _replay)

    async def remove(self, positions: Sequence[int] | None, before_us: int | None = None) -> Moved:
        return await self._in_steps(positions, before_us, _remove)

    def _look(self, after: int, limit: int, see: Callable[[Message], T]) -> list[T]:
        try:
            with contextlib.closing(open_reader(self._path)) as db:
                if DEAD_LETTERS not in schema.topics_of(db):
                    return []
                query = f"SELECT {_COLUMNS} FROM {schema.table_of(DEAD_LETTERS)}"
                rows = db.execute(f"{query} WHERE position > ? ORDER BY position LIMIT ?", (after, limit))
                return [see(checked(*row)[0]) for row in rows]
        except sqlite3.Error as error:
            raise failure(self._path, "read", error) from error

    async def _in_steps(self, positions: Sequence[int] | None, before_us: int | None, take: Take) -> Moved:
        upto = await self._ask(lambda topics: topics.positions().get(DEAD_LETTERS, 1))
        if positions is None:
            return (await self._group(None, upto, before_us, take))[0]
        done = Moved()
        wanted = sorted(set(positions))
        for start in range(0, len(wanted), _STEP_MESSAGES):
            group = wanted[start : start + _STEP_MESSAGES]
            moved, found = await self._group(group, upto, before_us, take)
            done += moved + Moved(missing=[position for position in group if position not in found])
        return done

    async def _group(
        self, group: Sequence[int] | None, upto: int, before_us: int | None, take: Take
    ) -> tuple[Moved, set[int]]:
        """What became of the letters in a group of positions, all below `upto` if it is None; and which were there."""
        done, found = Moved(), set[int]()
        after, more = 0, True
        while more:
            step: _Step = await self._ask(
                partial(_step, group=group, after=after, upto=upto, before_us=before_us, take=take)
            )
            done += step.moved
            found.update(step.found if group is not None else ())
            after, more = max(step.found, default=after), step.more
        return done, found


def _step(
    topics: Topics, group: Sequence[int] | None, after: int, upto: int, before_us: int | None, take: Take
) -> _Step:
    """The first letters behind `after`, as many as one transaction takes."""
    if DEAD_LETTERS not in topics.positions():
        return _Step(Moved(), (), False)
    where, values = ["position > ?", "position < ?"], [after, upto]
    if before_us is not None:
        where.append("CAST(taken AS INTEGER) < ?")
        values.append(before_us)
    if group is not None:
        where.append(f"position IN ({', '.join('?' * len(group))})")
        values += group
    table = schema.table_of(DEAD_LETTERS)
    query = f"SELECT position, length(value) FROM {table} WHERE {' AND '.join(where)} ORDER BY position LIMIT ?"
    rows = topics.db.execute(query, (*values, _STEP_MESSAGES)).fetchall()
    found: list[int] = []
    size = 0
    for position, value_bytes in rows:
        if found and size + value_bytes > _STEP_BYTES:
            break
        found.append(position)
        size += value_bytes
    moved = take(topics, found) if found else Moved()
    return _Step(moved, found, len(found) < len(rows) or len(rows) == _STEP_MESSAGES)


def _replay(topics: Topics, positions: Sequence[int]) -> Moved:
    """Raises Unavailable when raw-logs is full, and has changed nothing then."""
    marks = ", ".join("?" * len(positions))
    query = f"SELECT {_COLUMNS} FROM {schema.table_of(DEAD_LETTERS)} WHERE position IN ({marks}) ORDER BY position"
    envelopes: dict[int, Envelope] = {}
    refused: dict[int, str] = {}
    for row in topics.db.execute(query, positions):
        letter, _ = checked(*row)
        try:
            envelopes[letter.position] = replayed(letter)
        except RecordRejected as error:
            refused[letter.position] = str(error)
    if not envelopes:
        return Moved(refused=refused)
    topics.append(RAW_LOGS, list(envelopes.values()))
    lines = topics.take_out(DEAD_LETTERS, list(envelopes), replayed=True)
    return Moved(len(envelopes), lines, (), refused)


def _remove(topics: Topics, positions: Sequence[int]) -> Moved:
    return Moved(len(positions), topics.take_out(DEAD_LETTERS, positions, replayed=False))
