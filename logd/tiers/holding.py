"""Which legal holds may hold what is stored of a day: pure, so that only these queries are asked."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from logd.query.parse import Operator, parse
from logd.query.tree import And, Equals, Everything, Node, Or
from logd.seams.retention import LegalHold

_DAY_US = 86_400_000_000
#: Whoever lists so many services may have left others out (seams/archive.py, ArchivedFile.services).
_MOST_SERVICES = 1_000


def may_hold(holds: Sequence[LegalHold], day: int, services: Collection[str] | None = None) -> list[LegalHold]:
    """Those in force whose range has a part of the day (since 1970, UTC), and whose services are among those present,
    `services`, "" being none; None when nobody knows them. Without a query, and with what is present, they hold it."""
    known = None if services is None or len(services) >= _MOST_SERVICES else frozenset(services)
    return [hold for hold in holds if hold.released_us is None and _reaches(hold, day) and _concerns(hold, known)]


def asked_by(hold: LegalHold, operator: Operator) -> Node:
    """The query of what it holds, in its range. Raises QueryError."""
    query = parse(hold.query, operator, hold.created_us or None)
    services: tuple[Node, ...] = tuple(Equals("service", name) for name in hold.services)
    if not services:
        return query
    of_services = services[0] if len(services) == 1 else Or(services)
    return of_services if isinstance(query, Everything) else And((of_services, query))


def _reaches(hold: LegalHold, day: int) -> bool:
    starts_us, ends_us = day * _DAY_US, (day + 1) * _DAY_US
    return (hold.from_us is None or hold.from_us < ends_us) and (hold.to_us is None or hold.to_us > starts_us)


def _concerns(hold: LegalHold, services: frozenset[str] | None) -> bool:
    return services is None or not hold.services or not services.isdisjoint(hold.services)
