"""Legal holds in a catalog; see seams.LegalHolds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import func, insert, select, update
from sqlalchemy.exc import IntegrityError

from logd.backends.catalog.database import Database
from logd.backends.catalog.tables import LEGAL_HOLDS as TABLE
from logd.errors import Conflict, Corrupt, NotFound
from logd.seams import MAX_HOLDS, LegalHold

_IN_FORCE = TABLE.c.released_us.is_(None)
_COUNT = select(func.count()).select_from(TABLE).where(_IN_FORCE)
_decode = msgspec.json.Decoder(tuple[str, ...]).decode


class CatalogHolds:
    """The table `legal_holds`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def all(self) -> Sequence[LegalHold]:
        """See LegalHolds."""
        async with self._database.reading() as connection:
            rows = (await connection.execute(select(TABLE).order_by(TABLE.c.created_us, TABLE.c.id))).all()
        return [_hold(row) for row in rows]

    async def create(self, hold: LegalHold) -> None:
        """See LegalHolds."""
        row = {**msgspec.structs.asdict(hold), "services": msgspec.json.encode(hold.services).decode()}
        try:
            async with self._database.writing() as connection:
                if (await connection.scalar(_COUNT) or 0) >= MAX_HOLDS:
                    raise Conflict(f"there are {MAX_HOLDS:,} legal holds, more is too many: release one")
                await connection.execute(insert(TABLE).values(row))
        except IntegrityError:
            raise Conflict(f"there is a legal hold {hold.name!r} already, or was one", "name") from None

    async def release(self, hold_id: str, by: str, at_us: int) -> LegalHold:
        """See LegalHolds."""
        async with self._database.writing() as connection:
            which = update(TABLE).where(TABLE.c.id == hold_id, _IN_FORCE)
            await connection.execute(which.values(released_by=by, released_us=at_us))
            row = (await connection.execute(select(TABLE).where(TABLE.c.id == hold_id))).first()
        if row is None:
            raise NotFound(f"there is no legal hold {hold_id!r}")
        return _hold(row)


def _hold(row: Any) -> LegalHold:
    """Raises Corrupt when the row isn't what was written."""
    values = dict(row._mapping)
    try:
        return LegalHold(**{**values, "services": _decode(values["services"])})
    except (TypeError, msgspec.MsgspecError) as error:
        raise Corrupt(f"the legal hold {values['name']!r} is damaged: {error}") from error
