"""Which tier answers for what, in a catalog; see seams.Tiering."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from logd.backends.catalog.database import Database
from logd.backends.catalog.tables import TIER_BOUNDARIES as BOUNDARIES
from logd.backends.catalog.tables import TIER_GAPS as GAPS
from logd.backends.catalog.tables import TIER_MOVES as MOVES
from logd.backends.catalog.tables import TIER_STEPS as STEPS
from logd.errors import Corrupt, Unavailable
from logd.seams import Boundary, Move

_MOST_MOVES = 10_000
#: Two who meet at the same new row do so once.
_TRIES = 3
_decode = msgspec.json.Decoder(dict[str, Any]).decode


class CatalogTiering:
    """The tables `tier_boundaries`, `tier_steps`, `tier_moves` and `tier_gaps`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def boundaries(self) -> Sequence[Boundary]:
        """See Tiering."""
        async with self._database.reading() as connection:
            rows = (await connection.execute(select(BOUNDARIES).order_by(BOUNDARIES.c.policy))).all()
        return [Boundary(**row._mapping) for row in rows]

    async def advance(self, boundary: Boundary) -> None:
        """See Tiering."""
        which = BOUNDARIES.c.policy == boundary.policy
        for _ in range(_TRIES):
            with contextlib.suppress(IntegrityError):
                async with self._database.writing() as connection:
                    row = (await connection.execute(select(BOUNDARIES).where(which).with_for_update())).first()
                    if row is None:
                        await connection.execute(insert(BOUNDARIES).values(msgspec.structs.asdict(boundary)))
                        return
                    warm = max(row.warm_before, boundary.warm_before)
                    cold = max(row.cold_before, boundary.cold_before)
                    await connection.execute(update(BOUNDARIES).where(which).values(warm_before=warm, cold_before=cold))
                return
        raise _met()

    async def step(self, policy: str, day: int) -> Mapping[str, Any]:
        """See Tiering."""
        which = (STEPS.c.policy == policy, STEPS.c.day == day)
        async with self._database.reading() as connection:
            text = await connection.scalar(select(STEPS.c.step).where(*which))
        return {} if text is None else _read(text, f"the move of day {day} of policy {policy}")

    async def put_step(self, policy: str, day: int, step: Mapping[str, Any]) -> None:
        """See Tiering."""
        which = (STEPS.c.policy == policy, STEPS.c.day == day)
        for _ in range(_TRIES):
            with contextlib.suppress(IntegrityError):
                async with self._database.writing() as connection:
                    await connection.execute(delete(STEPS).where(*which))
                    if step:
                        text = msgspec.json.encode(step).decode()
                        await connection.execute(insert(STEPS).values(policy=policy, day=day, step=text))
                return
        raise _met()

    async def record(self, move: Move) -> None:
        """See Tiering."""
        row = msgspec.structs.asdict(move)
        del row["number"]
        row["detail"] = msgspec.json.encode(move.detail).decode()
        async with self._database.writing() as connection:
            await connection.execute(insert(MOVES).values(row))
            newest = await connection.scalar(select(func.max(MOVES.c.number))) or 0
            await connection.execute(delete(MOVES).where(MOVES.c.number <= newest - _MOST_MOVES))

    async def moves(self, limit: int = 100, before: int | None = None) -> Sequence[Move]:
        """See Tiering."""
        asked = select(MOVES).order_by(MOVES.c.number.desc()).limit(limit)
        if before is not None:
            asked = asked.where(MOVES.c.number < before)
        async with self._database.reading() as connection:
            rows = (await connection.execute(asked)).all()
        return [
            Move(**{**row._mapping, "detail": _read(row.detail, f"move {row.number} of the tiers")}) for row in rows
        ]

    async def count_gap(self, lines: Mapping[tuple[str, int], int]) -> None:
        """See Tiering."""
        for _ in range(_TRIES):
            with contextlib.suppress(IntegrityError):
                async with self._database.writing() as connection:
                    for (policy, day), more in sorted(lines.items()):
                        which = (GAPS.c.policy == policy, GAPS.c.day == day)
                        counted = update(GAPS).where(*which).values(lines=GAPS.c.lines + more)
                        if not (await connection.execute(counted)).rowcount:
                            await connection.execute(insert(GAPS).values(policy=policy, day=day, lines=more))
                return
        raise _met()

    async def gap(self, policy: str, day: int) -> int:
        """See Tiering."""
        which = (GAPS.c.policy == policy, GAPS.c.day == day)
        async with self._database.reading() as connection:
            return int(await connection.scalar(select(GAPS.c.lines).where(*which)) or 0)

    async def close(self) -> None:
        """Releases everything."""
        await self._database.close()


def _read(text: str, what: str) -> dict[str, Any]:
    try:
        return _decode(text)
    except msgspec.MsgspecError as error:
        raise Corrupt(f"what the catalog has of {what} is damaged: {error}") from error


def _met() -> Unavailable:
    return Unavailable("others move the same day at the same time")
