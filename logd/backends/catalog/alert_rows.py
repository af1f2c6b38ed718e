"""Alerts, events and deliveries as rows of the catalog's tables: JSON, and beside it what is asked for."""

from __future__ import annotations

import hashlib
import logging
import math
import zlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

import msgspec

from logd.errors import Corrupt
from logd.seams import Alert, AlertGroup, Delivery, Event

log = logging.getLogger("logd.catalog")
T = TypeVar("T", Alert, Event, Delivery)


def alert_key(rule_id: str, group: AlertGroup) -> str:
    """Shorter than the group, which MariaDB couldn't have in a key."""
    return hashlib.sha256(msgspec.json.encode([rule_id, *group])).hexdigest()


def delivery_key(delivery_id: str) -> str:
    """Of any id, as long as it may be."""
    return hashlib.sha256(delivery_id.encode()).hexdigest()


def alert_row(alert: Alert) -> dict[str, Any]:
    """Of the table `alerts`."""
    return {
        "id": alert_key(alert.rule_id, alert.group),
        "rule_crc": zlib.crc32(alert.rule_id.encode()),
        "since_us": alert.since_us,
        "fired_us": alert.fired_us,
        "body": _body(alert, alert.value),
    }


def event_row(event: Event) -> dict[str, Any]:
    """Of the table `alert_events`, without its number."""
    return {"rule_id": event.rule_id, "at_us": event.at_us, "body": _body(event, event.value)}


def delivery_row(delivery: Delivery) -> dict[str, Any]:
    """Of the table `alert_deliveries`, without its number."""
    return {
        "id": delivery_key(delivery.id),
        "rule_id": delivery.rule_id,
        "rule_crc": zlib.crc32(delivery.rule_id.encode()),
        "status": delivery.status,
        "made_us": delivery.made_us,
        "body": msgspec.json.encode(delivery).decode(),
    }


def _body(of: Alert | Event, value: float | None) -> str:
    if value is None or math.isfinite(value):
        return msgspec.json.encode(of).decode()
    # JSON has no such numbers, as the average of nothing is.
    return msgspec.json.encode({**msgspec.structs.asdict(of), "value": repr(value)}).decode()


# Not strict: it takes the "nan" of _body for a number. What may be text stays it.
def _decoder(kind: type[T]) -> Callable[[str], T]:
    return msgspec.json.Decoder(kind, strict=False).decode


_alert, _event, _delivery = _decoder(Alert), _decoder(Event), _decoder(Delivery)


def delivery_of(row: Any) -> Delivery:
    """Raises Corrupt when the row isn't what was written."""
    try:
        return _delivery(row.body)
    except msgspec.MsgspecError as error:
        raise Corrupt(f"the delivery {row.number} of alerts is damaged: {error}") from error


def alerts_of(rows: Iterable[Any]) -> list[Alert]:
    """Those that aren't damaged; the others are logged."""
    return [found for _, found in _undamaged(rows, "alert", lambda row: row.id, _alert)]


def events_of(rows: Iterable[Any]) -> list[tuple[int, Event]]:
    """The same, by their numbers."""
    return [(row.number, found) for row, found in _undamaged(rows, "event", lambda row: row.number, _event)]


def deliveries_of(rows: Iterable[Any]) -> list[tuple[int, Delivery]]:
    """The same."""
    return [(row.number, found) for row, found in _undamaged(rows, "delivery", lambda row: row.number, _delivery)]


def _undamaged(
    rows: Iterable[Any], what: str, key: Callable[[Any], object], decode: Callable[[str], T]
) -> Iterator[tuple[Any, T]]:
    for row in rows:
        try:
            yield row, decode(row.body)
        except msgspec.MsgspecError as error:
            log.error("the %s %s of alerts is damaged: %s", what, key(row), error)
