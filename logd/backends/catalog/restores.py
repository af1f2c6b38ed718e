"""Ranges that are put back into the index, in a catalog; see seams.Restores."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from sqlalchemy import delete, insert, select

from logd.backends.catalog.database import Database
from logd.backends.catalog.tables import RESTORES as TABLE
from logd.errors import Corrupt
from logd.flow.clock import now_us
from logd.seams import Restore

_KEPT_US = 7 * 86_400 * 1_000_000
_decode = msgspec.json.Decoder(Restore).decode


class CatalogRestores:
    """The table `restores`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def all(self) -> Sequence[Restore]:
        """See Restores."""
        async with self._database.reading() as connection:
            rows = (await connection.execute(select(TABLE).order_by(TABLE.c.created_us, TABLE.c.id))).all()
        try:
            return [_decode(row.body) for row in rows]
        except msgspec.MsgspecError as error:
            raise Corrupt(f"what the catalog has of a restore is damaged: {error}") from error

    async def put(self, restore: Restore) -> None:
        """See Restores."""
        long_ago = now_us() - _KEPT_US
        gone = [one.id for one in await self.all() if one.state == "gone" and one.expires_us < long_ago]
        body = msgspec.json.encode(restore).decode()
        async with self._database.writing() as connection:
            await connection.execute(delete(TABLE).where(TABLE.c.id.in_([restore.id, *gone])))
            await connection.execute(insert(TABLE).values(id=restore.id, created_us=restore.created_us, body=body))

    async def close(self) -> None:
        """Releases everything."""
        await self._database.close()
