"""What fires and who has to be told, in a catalog; see seams.Alerts.

Alerters share rules by shards. Who takes a shard raises its epoch, and who records looks first, in the same
transaction, whether the epoch is his: so one who was thought dead, and wakes up, changes nothing.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import bindparam, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from logd.backends.catalog import alert_rows
from logd.backends.catalog.database import Database
from logd.backends.catalog.tables import ALERT_DELIVERIES, ALERT_EVENTS, ALERT_SHARDS, ALERTS
from logd.errors import Conflict, Unavailable
from logd.seams import Alert, AlertGroup, Delivery, Event, Watched

#: Keys in one statement: SQLite takes 32,766, and MariaDB looks up each on its own from some thousands on.
_KEYS = 1_000
#: Two who meet at the same new row do so once.
_TRIES = 3
_WAITING = "waiting"
_DELIVERED = "delivered"
_REPLACE = update(ALERT_DELIVERIES).where(ALERT_DELIVERIES.c.number == bindparam("old_number"))


class CatalogAlerts:
    """The tables `alert_shards`, `alerts`, `alert_events` and `alert_deliveries`. To record 10,000 alerts, events and
    deliveries of 4 kB each at once takes 0.7 s on SQLite and 2.3 on MariaDB, where a call may take 10."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def take(self, shard: int, shards: int) -> Watched:
        """See Alerts. With another number of shards than before, all are taken from those who had them; each goes on
        from the earliest clock of all."""
        alerts = select(ALERTS).where(ALERTS.c.rule_crc % shards == shard)
        deliveries = select(ALERT_DELIVERIES).where(
            ALERT_DELIVERIES.c.status == _WAITING, ALERT_DELIVERIES.c.rule_crc % shards == shard
        )
        for _ in range(_TRIES):
            with contextlib.suppress(IntegrityError):
                async with self._database.writing() as connection:
                    epoch, clock_us = await _taken(connection, shard, shards)
                    fire = (await connection.execute(alerts)).all()
                    wait = (await connection.execute(deliveries.order_by(ALERT_DELIVERIES.c.number))).all()
                return Watched(
                    epoch=epoch,
                    clock_us=clock_us,
                    alerts=alert_rows.alerts_of(fire),
                    deliveries=[one for _, one in alert_rows.deliveries_of(wait)],
                )
        raise _met("take shards of the alerts")

    async def record(
        self,
        shard: int,
        epoch: int,
        clock_us: int | None,
        alerts: Sequence[Alert] = (),
        gone: Sequence[tuple[str, AlertGroup]] = (),
        events: Sequence[Event] = (),
        deliveries: Sequence[Delivery] = (),
    ) -> None:
        """See Alerts. What is `gone` and among the `alerts` too is kept."""
        rows = {row["id"]: row for row in map(alert_rows.alert_row, alerts)}
        old = list({*rows, *(alert_rows.alert_key(rule_id, group) for rule_id, group in gone)})
        for _ in range(_TRIES):
            with contextlib.suppress(IntegrityError):
                async with self._database.writing() as connection:
                    await _fenced(connection, shard, epoch, clock_us)
                    for keys in _some(old):
                        await connection.execute(delete(ALERTS).where(ALERTS.c.id.in_(keys)))
                    if rows:
                        await connection.execute(insert(ALERTS), list(rows.values()))
                    if events:
                        await connection.execute(insert(ALERT_EVENTS), list(map(alert_rows.event_row, events)))
                    await _put(connection, deliveries)
                return
        raise _met("settle the same deliveries")

    async def settle(self, delivery: Delivery) -> None:
        """See Alerts."""
        for _ in range(_TRIES):
            with contextlib.suppress(IntegrityError):
                async with self._database.writing() as connection:
                    await _put(connection, [delivery], settled_too=delivery.status != _WAITING)
                return
        raise _met("settle the same deliveries")

    async def close(self) -> None:
        """See Alerts."""
        await self._database.close()


async def _taken(connection: Any, shard: int, shards: int) -> tuple[int, int | None]:
    """The epoch of who has it from now on, and its clock."""
    table = ALERT_SHARDS
    rows = {row.shard: row for row in await connection.execute(select(table).with_for_update())}
    if any(row.shards != shards for row in rows.values()):
        clock_us = min((row.clock_us for row in rows.values() if row.clock_us is not None), default=None)
        anew = {"shards": shards, "epoch": max(row.epoch for row in rows.values()) + 1, "clock_us": clock_us}
        await connection.execute(update(table).values(anew))
        if missing := [{"shard": number, **anew} for number in range(shards) if number not in rows]:
            await connection.execute(insert(table), missing)
        return int(anew["epoch"] or 0), clock_us
    if (mine := rows.get(shard)) is None:
        await connection.execute(insert(table).values(shard=shard, shards=shards, epoch=1))
        return 1, None
    await connection.execute(update(table).where(table.c.shard == shard).values(epoch=mine.epoch + 1))
    return mine.epoch + 1, mine.clock_us


async def _fenced(connection: Any, shard: int, epoch: int, clock_us: int | None) -> None:
    """Nobody takes the shard until the transaction has ended. Raises Conflict when somebody has."""
    which = ALERT_SHARDS.c.shard == shard
    found = await connection.scalar(select(ALERT_SHARDS.c.epoch).where(which).with_for_update())
    if found != epoch:
        raise Conflict(f"shard {shard} of the alerts was taken by somebody else: its epoch is {found}, not {epoch}")
    if clock_us is not None:
        await connection.execute(update(ALERT_SHARDS).where(which).values(clock_us=clock_us))


async def _put(connection: Any, deliveries: Sequence[Delivery], *, settled_too: bool = False) -> None:
    """In the place of those with the same ids that wait; or of dead letters too. Raises IntegrityError when somebody
    puts the same at the same time."""
    rows = {row["id"]: row for row in map(alert_rows.delivery_row, deliveries)}
    table = ALERT_DELIVERIES
    known: dict[str, Any] = {}
    for keys in _some(list(rows)):
        asked = select(table.c.id, table.c.number, table.c.status).where(table.c.id.in_(keys)).with_for_update()
        known |= {row.id: row for row in await connection.execute(asked)}
    replaced = [
        {**rows[key], "old_number": row.number}
        for key, row in known.items()
        if row.status == _WAITING or (settled_too and row.status != _DELIVERED)
    ]
    if replaced:
        await connection.execute(_REPLACE, replaced)
    if new := [row for key, row in rows.items() if key not in known]:
        await connection.execute(insert(table), new)


def _some(keys: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(keys), _KEYS):
        yield keys[start : start + _KEYS]


def _met(what: str) -> Unavailable:
    return Unavailable(f"others {what} at the same time")
