"""Rows that people have given a name, in a catalog; see seams.Kept."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Generic, NamedTuple, NoReturn, TypeVar

import msgspec
from sqlalchemy import Table, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from logd.backends.catalog.database import Database
from logd.errors import Conflict, Corrupt, NotFound
from logd.seams import AlertRule, Dashboard, SavedSearch
from logd.tokens import ID

log = logging.getLogger("logd.catalog")
T = TypeVar("T", SavedSearch, AlertRule, Dashboard)


class Kind(NamedTuple, Generic[T]):
    """What is kept in `table`, of which there are `most` at most. `read` makes one of a row's values and raises
    TypeError or MsgspecError when they are damaged, `write` the values of one. `one` and `plural` are what errors call
    them, `a dashboard` and `dashboards`."""

    table: Table
    most: int
    one: str
    plural: str
    read: Callable[[Mapping[str, Any]], T]
    write: Callable[[T], Mapping[str, Any]]

    @property
    def what(self) -> str:
        """Without its article."""
        return self.one.partition(" ")[2]


def with_json(table: Table, most: int, one: str, plural: str, type_: type[T], column: str, of: object) -> Kind[T]:
    """Those one of whose columns is JSON, of the type `of`."""
    decoder: msgspec.json.Decoder[Any] = msgspec.json.Decoder(of)

    def write(named: T) -> Mapping[str, Any]:
        values = msgspec.structs.asdict(named)
        return {**values, column: msgspec.json.encode(values[column]).decode()}

    def read(values: Mapping[str, Any]) -> T:
        return type_(**{**values, column: decoder.decode(values[column])})

    return Kind(table, most, one, plural, read, write)


class NamedRows(Generic[T]):
    """Those of a kind."""

    def __init__(self, database: Database, kind: Kind[T]) -> None:
        self._database = database
        self._kind: Kind[T] = kind
        self._table = kind.table

    async def create(self, one: T) -> None:
        """See Kept."""
        kind = self._kind
        try:
            async with self._database.writing() as connection:
                count = await connection.scalar(select(func.count()).select_from(self._table))
                if (count or 0) >= kind.most:
                    raise Conflict(f"there are {kind.most:,} {kind.plural}, more is too many: delete one")
                await connection.execute(insert(self._table).values(kind.write(one)))
        except IntegrityError:
            raise self._taken(one) from None

    async def all(self) -> Sequence[T]:
        """See Kept."""
        async with self._database.reading() as connection:
            rows = (await connection.execute(select(self._table).order_by(self._table.c.name))).all()
        # A quarter of a second of 40 MB (⏱), in which others are answered.
        return await asyncio.to_thread(self._read_all, rows)

    def _read_all(self, rows: Sequence[Any]) -> Sequence[T]:
        found = []
        for row in rows:
            try:
                found.append(self._read(row))
            except Corrupt as error:
                log.error("%s", error)
        return found

    async def find(self, key: str) -> T | None:
        """See Kept."""
        column = self._table.c.id if ID.fullmatch(key) else self._table.c.name
        async with self._database.reading() as connection:
            row = (await connection.execute(select(self._table).where(column == key))).first()
        return None if row is None else self._read(row)

    async def update(self, one: T) -> T:
        """See Kept."""
        changed = msgspec.structs.replace(one, version=one.version + 1)
        table = self._table
        statement = update(table).where(table.c.id == one.id, table.c.version == one.version)
        try:
            async with self._database.writing() as connection:
                done = await connection.execute(statement.values(self._kind.write(changed)))
                if done.rowcount != 1:
                    await self._refuse(connection, one.id, one.version)
        except IntegrityError:
            raise self._taken(one) from None
        return changed

    async def delete(self, key: str, version: int) -> None:
        """See Kept."""
        table = self._table
        async with self._database.writing() as connection:
            done = await connection.execute(delete(table).where(table.c.id == key, table.c.version == version))
            if done.rowcount != 1:
                await self._refuse(connection, key, version)

    async def close(self) -> None:
        """See Kept."""
        await self._database.close()

    async def _refuse(self, connection: Any, key: str, version: int) -> NoReturn:
        """Says why nothing has this id and version."""
        what = self._kind.what
        row = (await connection.execute(select(self._table).where(self._table.c.id == key))).first()
        if row is None:
            raise NotFound(f"there is no {what} {key!r}")
        by = f" by {row.updated_by!r}" if row.updated_by else ""
        raise Conflict(
            f"the {what} {row.name!r} was changed meanwhile{by}: it has version {row.version}, not {version}", "version"
        )

    def _taken(self, one: T) -> Conflict:
        return Conflict(f"there is {self._kind.one} {one.name!r} already", "name")

    def _read(self, row: Any) -> T:
        """Raises Corrupt when the row isn't what was written."""
        values = dict(row._mapping)
        try:
            return self._kind.read(values)
        except (TypeError, msgspec.MsgspecError) as error:
            raise Corrupt(f"the {self._kind.what} {values['name']!r} is damaged: {error}") from error
