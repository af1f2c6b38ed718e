"""What fires, what became of it and who was told, for people who ask a catalog; see seams.AlertHistory."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import msgspec
from sqlalchemy import ColumnElement, Table, delete, insert, select, update

from logd.backends.catalog import alert_rows
from logd.backends.catalog.database import Database
from logd.backends.catalog.tables import ALERT_DELIVERIES, ALERT_EVENTS, ALERTS
from logd.errors import Conflict, NotFound
from logd.seams import Alert, Delivery, Event

#: Removed in one transaction: some ms, in which nobody else writes to SQLite.
_FORGOTTEN = 1_000
_DEAD = ("refused", "failed")
_WAITING = "waiting"
T = TypeVar("T")


class CatalogAlertHistory:
    """The tables `alerts`, `alert_events` and `alert_deliveries`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def alerts(self) -> Sequence[Alert]:
        """See AlertHistory."""
        # Both engines put NULL below all numbers.
        order = (ALERTS.c.fired_us.desc(), ALERTS.c.since_us.desc(), ALERTS.c.id)
        async with self._database.reading() as connection:
            rows = (await connection.execute(select(ALERTS).order_by(*order))).all()
        # Thousands take a tenth of a second, in which others go on.
        return await asyncio.to_thread(alert_rows.alerts_of, rows)

    async def events(self, rule_id: str | None, before: int | None, limit: int) -> Sequence[tuple[int, Event]]:
        """See AlertHistory."""
        return await self._newest(ALERT_EVENTS, _of(ALERT_EVENTS, rule_id), before, limit, alert_rows.events_of)

    async def add(self, event: Event) -> None:
        """See AlertHistory."""
        async with self._database.writing() as connection:
            await connection.execute(insert(ALERT_EVENTS).values(alert_rows.event_row(event)))

    async def deliveries(
        self, rule_id: str | None, statuses: Sequence[str], before: int | None, limit: int
    ) -> Sequence[tuple[int, Delivery]]:
        """See AlertHistory."""
        which = _of(ALERT_DELIVERIES, rule_id)
        if statuses:
            which.append(ALERT_DELIVERIES.c.status.in_(statuses))
        return await self._newest(ALERT_DELIVERIES, which, before, limit, alert_rows.deliveries_of)

    async def again(self, delivery_id: str) -> Delivery:
        """See AlertHistory. Raises Corrupt when it is damaged."""
        table = ALERT_DELIVERIES
        which = table.c.id == alert_rows.delivery_key(delivery_id)
        async with self._database.writing() as connection:
            row = (await connection.execute(select(table).where(which).with_for_update())).first()
            if row is None:
                raise NotFound(f"there is no delivery {delivery_id!r}")
            if row.status not in _DEAD:
                raise Conflict(f"the delivery {delivery_id!r} is {row.status}, only a dead letter can be sent again")
            waiting = msgspec.structs.replace(alert_rows.delivery_of(row), status=_WAITING, settled_us=None)
            await connection.execute(update(table).where(which).values(alert_rows.delivery_row(waiting)))
        return waiting

    async def forget(self, before_us: int) -> int:
        """See AlertHistory. What was removed stays so when the rest can't be."""
        events = await self._remove(ALERT_EVENTS, ALERT_EVENTS.c.at_us < before_us)
        settled = ALERT_DELIVERIES.c.status != _WAITING
        return events + await self._remove(ALERT_DELIVERIES, ALERT_DELIVERIES.c.made_us < before_us, settled)

    async def close(self) -> None:
        """See AlertHistory."""
        await self._database.close()

    async def _newest(
        self,
        table: Table,
        which: Sequence[ColumnElement[bool]],
        before: int | None,
        limit: int,
        undamaged: Callable[[Sequence[Any]], list[tuple[int, T]]],
    ) -> list[tuple[int, T]]:
        """So many, unless there are no more: damaged ones don't count."""
        found: list[tuple[int, T]] = []
        asked = select(table).where(*which).order_by(table.c.number.desc())
        while (missing := limit - len(found)) > 0:
            below = asked if before is None else asked.where(table.c.number < before)
            async with self._database.reading() as connection:
                rows = (await connection.execute(below.limit(missing))).all()
            found += undamaged(rows)
            if len(rows) < missing:
                break
            before = rows[-1].number
        return found

    async def _remove(self, table: Table, *which: ColumnElement[bool]) -> int:
        removed = 0
        asked = select(table.c.number).where(*which).limit(_FORGOTTEN)
        while True:
            async with self._database.writing() as connection:
                numbers = (await connection.scalars(asked)).all()
                # They may have come to wait again meanwhile.
                done = await connection.execute(delete(table).where(table.c.number.in_(numbers), *which))
            removed += int(done.rowcount)
            if len(numbers) < _FORGOTTEN:
                return removed


def _of(table: Table, rule_id: str | None) -> list[ColumnElement[bool]]:
    return [] if rule_id is None else [table.c.rule_id == rule_id]
