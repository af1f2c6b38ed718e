"""Alerts as they are kept: over which catalogs, and some of them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import NamedTuple

import msgspec

from logd.backends.catalog.alert_history import CatalogAlertHistory
from logd.backends.catalog.alerts import CatalogAlerts
from logd.backends.catalog.appearing import AppearingFile
from logd.backends.catalog.appearing_alerts import AppearingAlertHistory, AppearingAlerts
from logd.backends.catalog.database import Database
from logd.backends.catalog.sqlite_file import SqliteFile
from logd.seams import Alert, AlertHistory, Alerts, AlertStage, Delivery, Event, shard_of

SHARDS = 4


class Kept(NamedTuple):
    """Over the same connections."""

    alerts: Alerts
    history: AlertHistory


Open = Callable[[], Awaitable[Kept]]


def over(database: Database) -> Kept:
    """In a database."""
    return Kept(CatalogAlerts(database), CatalogAlertHistory(database))


async def appearing(path: Path) -> Kept:
    """In a file that is made when it is first needed."""
    file = AppearingFile(path)
    await file.open_if_there()
    return Kept(AppearingAlerts(file), AppearingAlertHistory(file))


async def at_once(path: Path) -> Kept:
    """In a file."""
    return over(await SqliteFile.open(path))


FILES: dict[str, Callable[[Path], Awaitable[Kept]]] = {"sqlite": at_once, "sqlite, lazily": appearing}


def rule_in(shard: int, shards: int = SHARDS, *, start: int = 0) -> str:
    """The id of a rule in it, another one for each `start`."""
    ids = (f"{number:012x}" for number in range(start * 1_000, (start + 1) * 1_000))
    return next(rule_id for rule_id in ids if shard_of(rule_id, shards) == shard)


ZERO, ONE = rule_in(0), rule_in(1)


def alert_of(rule_id: str = ZERO, **given: object) -> Alert:
    """An alert that says little."""
    alert = Alert(rule_id=rule_id, rule="a", stage=AlertStage.PENDING, since_us=1, value=1.0, at_us=1, samples=[])
    return msgspec.structs.replace(alert, **given)


def event_of(what: str, rule_id: str = ZERO, at_us: int = 1) -> Event:
    """An event that says little."""
    return Event(at_us=at_us, rule_id=rule_id, rule="a", what=what)


def delivery_of(delivery_id: str, rule_id: str = ZERO, **given: object) -> Delivery:
    """A delivery that says little."""
    delivery = Delivery(
        id=delivery_id,
        rule_id=rule_id,
        rule="a",
        target="t",
        action={"type": "slack"},
        notification={},
        attempts=[],
        made_us=1,
    )
    return msgspec.structs.replace(delivery, **given)
