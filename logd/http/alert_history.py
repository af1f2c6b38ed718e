"""/api/v1/alerts/history: what happened to alerts; and /api/v1/alerts/deliveries: who was told, and who couldn't be.

Who may see alerts sees these, and has a dead letter sent once more; see alert_states.py. No records are in them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, get_args

from aiohttp import web
from msgspec import Meta

from logd.alerts.shown import hidden_action
from logd.flow.clock import now_us
from logd.http import alert_state_schemas as schemas
from logd.http import identity
from logd.http.alert_names import Named, RuleNames, by_field, texts_of
from logd.http.answers import json_answer
from logd.http.openapi import Answer, Operation
from logd.http.parameters import Parameter, choices, whole_number
from logd.http.saved import catalog_call
from logd.seams import AlertHistory, Delivery, Event
from logd.tokens import Scope

EVENTS_PATH = "/api/v1/alerts/history"
DELIVERIES_PATH = "/api/v1/alerts/deliveries"
_NEEDS = (Scope.ADMIN, Scope.SEARCH)
_LIMIT, _MAX_LIMIT = 100, 1_000
_MOST = 2**63 - 1
_STATUSES: tuple[str, ...] = get_args(schemas.Status)
_PAGE = (
    Parameter("rule", "Those of this rule, by its id or its name; one that is gone by its id."),
    Parameter("before", "Those of before this number: `next_before` of the page before.", Annotated[int, Meta(ge=1)]),
    Parameter("limit", f"How many at most; {_LIMIT} unless given.", Annotated[int, Meta(ge=1, le=_MAX_LIMIT)]),
)
EVENTS = Operation(
    "GET",
    EVENTS_PATH,
    "What happened to alerts, the newest first",
    _PAGE,
    {200: Answer("A page.", schemas.AlertHistory)},
    needs=_NEEDS,
)
DELIVERIES = Operation(
    "GET",
    DELIVERIES_PATH,
    "Messages of alerts with all attempts to deliver them, the newest first; dead letters are refused and failed",
    (Parameter("status", "Those with one of these.", schemas.Status, repeats=True), *_PAGE),
    {200: Answer("A page.", schemas.AlertDeliveries)},
    needs=_NEEDS,
)
RETRY = Operation(
    "POST",
    f"{DELIVERIES_PATH}/{{id:[^/]+}}/retry",
    "Have a dead letter of alerts sent once more; 409 when it is none",
    (Parameter("id", "Its id.", place="path"),),
    {200: Answer("It waits.", schemas.AlertDelivery)},
    needs=_NEEDS,
)


class Past:
    """The handlers. What the catalog can't do now is 503."""

    def __init__(self, history: AlertHistory, names: RuleNames) -> None:
        self._history = history
        self._names = names

    async def events(self, request: web.Request) -> web.Response:
        """200 with schemas.AlertHistory."""
        rule_id, before, limit = await self._page(request)
        with catalog_call():
            found = await self._history.events(rule_id, before, limit)
        named = await self._names.of({one.rule_id for _, one in found})
        return json_answer({"events": _events(found, named), "next_before": _next(found, limit)})

    async def deliveries(self, request: web.Request) -> web.Response:
        """200 with schemas.AlertDeliveries."""
        statuses = choices(request.query, "status", _STATUSES)
        rule_id, before, limit = await self._page(request)
        with catalog_call():
            found = await self._history.deliveries(rule_id, statuses, before, limit)
        named = await self._names.of({one.rule_id for _, one in found})
        shown = _deliveries([one for _, one in found], named)
        numbered = [{"number": number, **one} for (number, _), one in zip(found, shown, strict=True)]
        return json_answer({"deliveries": numbered, "next_before": _next(found, limit)})

    async def retry(self, request: web.Request) -> web.Response:
        """200 with schemas.AlertDelivery."""
        sender = identity.of_all(request)
        with catalog_call():
            waits = await self._history.again(request.match_info["id"])
            why = f"the message to {waits.target}"
            await self._history.add(
                Event(
                    at_us=now_us(),
                    rule_id=waits.rule_id,
                    rule=waits.rule,
                    group=waits.group,
                    what="retried",
                    why=why,
                    by=sender.name,
                )
            )
        named = await self._names.of([waits.rule_id])
        return json_answer(_deliveries([waits], named)[0])

    async def _page(self, request: web.Request) -> tuple[str | None, int | None, int]:
        """The rule's id, the number below which, and how many."""
        identity.of_all(request)
        query = request.query
        limit = whole_number(query, "limit", _LIMIT, 1, _MAX_LIMIT)
        before = whole_number(query, "before", 0, 1, _MOST) or None
        key = query.get("rule", "").strip()
        return (await self._names.id_of(key) if key else None), before, limit


def _next(found: Sequence[tuple[int, object]], limit: int) -> int | None:
    return found[-1][0] if len(found) == limit else None


def _events(found: Sequence[tuple[int, Event]], named: Mapping[str, Named]) -> list[dict[str, Any]]:
    texts = texts_of([one.at_us for _, one in found])
    return [
        {
            "number": number,
            "time": texts[one.at_us],
            "rule_id": one.rule_id,
            "rule": one.rule,
            "group": by_field(one.group, named.get(one.rule_id)),
            "what": one.what,
            "value": _finite(one.value),
            "why": one.why,
            "by": one.by or None,
        }
        for number, one in found
    ]


def _deliveries(found: Sequence[Delivery], named: Mapping[str, Named]) -> list[dict[str, Any]]:
    moments = [(one.made_us, one.settled_us, *map(_at, one.attempts)) for one in found]
    texts = texts_of([at for some in moments for at in some])
    return [
        {
            "id": one.id,
            "rule_id": one.rule_id,
            "rule": one.rule,
            "group": by_field(one.group, named.get(one.rule_id)),
            "target": one.target,
            "action": hidden_action(one.action),
            "firing": one.notification.get("firing"),
            "value": _finite(one.notification.get("value")),
            "status": one.status,
            "made": texts[one.made_us],
            "settled": texts[one.settled_us],
            "attempts": [
                {
                    "time": texts[_at(attempt)],
                    **{name: attempt.get(name) for name in ("seconds", "result", "status")},
                    "error": attempt.get("error") or "",
                }
                for attempt in one.attempts
            ],
        }
        for one in found
    ]


def _at(attempt: Mapping[str, Any]) -> int | None:
    return attempt.get("at_us")


def _finite(value: float | None) -> float | None:
    """JSON has no other numbers."""
    return value if value is None or math.isfinite(value) else None
