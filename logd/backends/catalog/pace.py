"""Turns at targets in a catalog, for alerters on several machines that have no Redis; see seams.Pace."""

from __future__ import annotations

from sqlalchemy import case, delete, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from logd.backends.catalog.database import Database
from logd.backends.catalog.tables import ALERT_TURNS
from logd.errors import Unavailable
from logd.seams import spread

#: Two who meet at a new target do so once.
_TRIES = 3
#: A target that nobody told anything for so long is forgotten.
_KEPT_US = 86_400 * 1_000_000


class CatalogPace:
    """The table `alert_turns`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def take(self, target: str, per_minute: int, now_us: int) -> int:
        """See Pace."""
        turns = spread(per_minute)
        next_us = ALERT_TURNS.c.next_us
        which = ALERT_TURNS.c.target == target
        wrong = next_us > now_us + turns.wrong_us
        moved = case((or_(next_us < now_us, wrong), now_us), else_=next_us) + turns.step_us
        free = or_(next_us <= now_us + turns.ahead_us, wrong)
        take = update(ALERT_TURNS).where(which, free).values(next_us=moved)
        for _ in range(_TRIES):
            async with self._database.writing() as connection:
                if (await connection.execute(take)).rowcount:
                    return 0
                found = await connection.scalar(select(next_us).where(which))
            if found is not None:
                return max(1, int(found) - turns.ahead_us - now_us)
            if await self._made(target, now_us, turns.step_us):
                return 0
        raise Unavailable("others tell the same target for the first time, at the same time")

    async def _made(self, target: str, now_us: int, step_us: int) -> bool:
        """The first turn of a target; whether it was still the first."""
        try:
            async with self._database.writing() as connection:
                await connection.execute(insert(ALERT_TURNS).values(target=target, next_us=now_us + step_us))
        except IntegrityError:
            return False
        async with self._database.writing() as connection:
            await connection.execute(delete(ALERT_TURNS).where(ALERT_TURNS.c.next_us < now_us - _KEPT_US))
        return True

    async def close(self) -> None:
        """See Pace."""
        await self._database.close()
