"""What is too much to be kept at once: a hundred thousand alerts would hold up the process for seconds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple, TypeVar

from logd.seams import Alert, AlertGroup, Delivery, Event

#: Some 50 ms of the event loop.
MOST = 1_000
T = TypeVar("T")


class Portion(NamedTuple):
    """As `Alerts.record` takes them."""

    alerts: Sequence[Alert] = ()
    gone: Sequence[tuple[str, AlertGroup]] = ()
    events: Sequence[Event] = ()
    deliveries: Sequence[Delivery] = ()


def in_portions(
    alerts: Sequence[Alert],
    gone: Sequence[tuple[str, AlertGroup]],
    events: Sequence[Event],
    deliveries: Sequence[Delivery],
) -> Iterator[Portion]:
    """At least one, the clock's. Messages come before the alerts that say that they were made: made again, they have
    the same ids, and not made they would be missing."""
    if len(alerts) + len(gone) + len(events) + len(deliveries) <= MOST:
        yield Portion(alerts, gone, events, deliveries)
        return
    for messages in _cut(deliveries):
        yield Portion(deliveries=messages)
    for some in _cut(alerts):
        yield Portion(alerts=some)
    for told in _cut(events):
        yield Portion(events=told)
    for keys in _cut(gone):
        yield Portion(gone=keys)


def _cut(things: Sequence[T]) -> Iterator[Sequence[T]]:
    for start in range(0, len(things), MOST):
        yield things[start : start + MOST]
