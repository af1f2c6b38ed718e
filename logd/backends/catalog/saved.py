"""Saved searches in a catalog; see seams.SavedSearches."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any, NoReturn

import msgspec
from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from logd.backends.catalog.database import Database
from logd.backends.catalog.tables import SAVED_SEARCHES as TABLE
from logd.errors import Conflict, Corrupt, NotFound
from logd.seams import MAX_SAVED, SavedSearch
from logd.tokens import ID

log = logging.getLogger("logd.catalog")
_COUNT = select(func.count()).select_from(TABLE)
_decode = msgspec.json.Decoder(dict[str, str | int | float | bool | list[str]]).decode


class CatalogSaved:
    """The table `saved_searches`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def create(self, search: SavedSearch) -> None:
        """See SavedSearches."""
        try:
            async with self._database.writing() as connection:
                if (await connection.scalar(_COUNT) or 0) >= MAX_SAVED:
                    raise Conflict(f"there are {MAX_SAVED:,} saved searches, more is too many: delete one")
                await connection.execute(insert(TABLE).values(_row(search)))
        except IntegrityError:
            raise _taken(search) from None

    async def all(self) -> Sequence[SavedSearch]:
        """See SavedSearches."""
        async with self._database.reading() as connection:
            rows = (await connection.execute(select(TABLE).order_by(TABLE.c.name))).all()
        found = []
        for row in rows:
            try:
                found.append(_search(row))
            except Corrupt as error:
                log.error("%s", error)
        return found

    async def find(self, key: str) -> SavedSearch | None:
        """See SavedSearches."""
        column = TABLE.c.id if ID.fullmatch(key) else TABLE.c.name
        async with self._database.reading() as connection:
            row = (await connection.execute(select(TABLE).where(column == key))).first()
        return None if row is None else _search(row)

    async def update(self, search: SavedSearch) -> SavedSearch:
        """See SavedSearches."""
        changed = msgspec.structs.replace(search, version=search.version + 1)
        try:
            async with self._database.writing() as connection:
                done = await connection.execute(
                    update(TABLE)
                    .where(TABLE.c.id == search.id, TABLE.c.version == search.version)
                    .values(_row(changed))
                )
                if done.rowcount != 1:
                    await _refuse(connection, search.id, search.version)
        except IntegrityError:
            raise _taken(search) from None
        return changed

    async def delete(self, search_id: str, version: int) -> None:
        """See SavedSearches."""
        async with self._database.writing() as connection:
            done = await connection.execute(delete(TABLE).where(TABLE.c.id == search_id, TABLE.c.version == version))
            if done.rowcount != 1:
                await _refuse(connection, search_id, version)

    async def close(self) -> None:
        """See SavedSearches."""
        await self._database.close()


async def _refuse(connection: Any, search_id: str, version: int) -> NoReturn:
    """Says why nothing has this id and version."""
    row = (await connection.execute(select(TABLE).where(TABLE.c.id == search_id))).first()
    if row is None:
        raise NotFound(f"there is no saved search {search_id!r}")
    by = f" by {row.updated_by!r}" if row.updated_by else ""
    raise Conflict(
        f"the saved search {row.name!r} was changed meanwhile{by}: it has version {row.version}, not {version}",
        "version",
    )


def _taken(search: SavedSearch) -> Conflict:
    return Conflict(f"there is a saved search {search.name!r} already", "name")


def _row(search: SavedSearch) -> dict[str, Any]:
    return {**msgspec.structs.asdict(search), "parameters": msgspec.json.encode(search.parameters).decode()}


def _search(row: Any) -> SavedSearch:
    """Raises Corrupt when the row isn't what was written."""
    values = dict(row._mapping)
    try:
        return SavedSearch(**{**values, "parameters": _decode(values["parameters"])})
    except (TypeError, msgspec.MsgspecError) as error:
        raise Corrupt(f"the saved search {values['name']!r} is damaged: {error}") from error
