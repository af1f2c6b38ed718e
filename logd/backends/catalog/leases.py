"""Leases in a catalog; see seams.Leases."""

from __future__ import annotations

from typing import Any

from sqlalchemy import delete, insert, or_, select, text, update
from sqlalchemy.exc import IntegrityError

from logd.backends.catalog.database import Database
from logd.backends.catalog.tables import LEASES as TABLE
from logd.flow.clock import now_us

#: The clock of the server, the same for all who ask it, in µs.
_SERVER_CLOCK = text("SELECT CAST(UNIX_TIMESTAMP(NOW(6)) * 1000000 AS SIGNED)")


class CatalogLeases:
    """The table `leases`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def take(self, name: str, owner: str, seconds: float) -> bool:
        """See Leases."""
        try:
            async with self._database.writing() as connection:
                now = await _clock(connection)
                until_us = now + int(seconds * 1_000_000)
                ours = (TABLE.c.name == name, or_(TABLE.c.owner == owner, TABLE.c.until_us <= now))
                if (
                    await connection.execute(update(TABLE).where(*ours).values(owner=owner, until_us=until_us))
                ).rowcount:
                    return True
                if await connection.scalar(select(TABLE.c.owner).where(TABLE.c.name == name)) is not None:
                    return False
                await connection.execute(insert(TABLE).values(name=name, owner=owner, until_us=until_us))
        except IntegrityError:  # another has just taken it
            return False
        return True

    async def give_up(self, name: str, owner: str) -> None:
        """See Leases."""
        async with self._database.writing() as connection:
            await connection.execute(delete(TABLE).where(TABLE.c.name == name, TABLE.c.owner == owner))

    async def close(self) -> None:
        """Releases everything."""
        await self._database.close()


async def _clock(connection: Any) -> int:
    """All who use a file have the same clock."""
    return now_us() if connection.dialect.name == "sqlite" else int(await connection.scalar(_SERVER_CLOCK))
