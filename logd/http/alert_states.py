"""/api/v1/alerts: what fires now; and /api/v1/alerts/acknowledge: somebody cares for it.

Whoever may search, or administers, sees it, and its records with the scope search alone; a token for some services or
hosts sees nothing, since alerts are of all. Browsers ask every few seconds: the catalog is asked once a second at most.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, NamedTuple, get_args

import msgspec
import orjson
from aiohttp import web
from msgspec import Meta

from logd.alerts import maintenance
from logd.alerts.rules import Condition, Rule, Severity
from logd.alerts.silencing import Silencing
from logd.config.alerting import Maintenance
from logd.errors import BadRequest, Conflict, NotFound
from logd.flow.clock import now_us
from logd.http import alert_state_schemas as schemas
from logd.http import identity
from logd.http.alert_names import Named, RuleNames, by_field, texts_of
from logd.http.answers import json_answer
from logd.http.openapi import Answer, Content, Operation
from logd.http.parameters import Parameter, boolean, choices, shortened, whole_body, whole_number
from logd.http.saved import catalog_call
from logd.seams import Acknowledgement, Acknowledgements, Alert, AlertHistory, AlertStage, Event, Silence, Silences
from logd.tokens import Scope

PATH = "/api/v1/alerts"
ACKNOWLEDGE_PATH = f"{PATH}/acknowledge"
_NEEDS = (Scope.ADMIN, Scope.SEARCH)
_JSON = "application/json"
_LIMIT, _MAX_LIMIT = 1_000, 10_000
#: So old an answer may be, or so many times what it took to read: 10,000 alerts with their records take 0.3 s.
_FRESH_SECONDS, _FRESH_TIMES = 1.0, 10.0
#: Of those that come first the records are kept for the next who asks: some MB.
_WITH_SAMPLES = 1_000
_STATES: tuple[str, ...] = get_args(schemas.State)
_SEVERITIES: tuple[str, ...] = get_args(Severity)
LIST = Operation(
    "GET",
    PATH,
    "Alerts that fire, are about to, or did lately, as of a second ago; where there are thousands, of some",
    (
        Parameter("state", "Those in one of these states.", schemas.State, repeats=True),
        Parameter("rule", "Those of this rule, by its id or its name."),
        Parameter("severity", "Those of one of these severities.", Severity, repeats=True),
        Parameter("limit", f"How many at most; {_LIMIT} unless given.", Annotated[int, Meta(ge=0, le=_MAX_LIMIT)]),
        Parameter(
            "samples", f"Whether the first {_WITH_SAMPLES:,} of all have their records; true unless given.", bool
        ),
    ),
    {200: Answer("Those that fired last come first.", schemas.AlertList)},
    needs=_NEEDS,
)
ACKNOWLEDGE = Operation(
    "POST",
    ACKNOWLEDGE_PATH,
    "Say that somebody cares for what fires; 409 when it doesn't fire",
    (),
    {200: Answer("The alert.", schemas.Alert)},
    body=Content("Which, and why.", {_JSON: schemas.ToAcknowledge}),
    needs=_NEEDS,
)
TAKE_BACK = Operation(
    "DELETE",
    ACKNOWLEDGE_PATH,
    "Take an acknowledgement back",
    (
        Parameter("rule", "The rule, by its id or its name.", required=True),
        Parameter("group", 'The group as JSON, such as {"host": "a"}; all of the rule\'s unless given.'),
    ),
    {200: Answer("Those that there were.", schemas.TakenBackList)},
    needs=_NEEDS,
)


class _Now(NamedTuple):
    """Of a moment: alerts, and how each is shown."""

    alerts: Sequence[Alert]
    shown: Sequence[dict[str, Any]]
    counts: Mapping[str, int]


class Firing:
    """The handlers. What the catalog can't do now is 503."""

    def __init__(
        self,
        settings: Sequence[Maintenance],
        history: AlertHistory,
        silences: Silences,
        acknowledgements: Acknowledgements,
        names: RuleNames,
    ) -> None:
        self._maintenance = settings
        self._history = history
        self._silences = silences
        self._acknowledgements = acknowledgements
        self._names = names
        self._known: _Now | None = None
        self._known_at = 0.0
        self._good_seconds = _FRESH_SECONDS
        self._looking = asyncio.Lock()

    async def list(self, request: web.Request) -> web.Response:
        """200 with schemas.AlertList."""
        query = request.query
        states = choices(query, "state", _STATES)
        severities = choices(query, "severity", _SEVERITIES)
        limit = whole_number(query, "limit", _LIMIT, 0, _MAX_LIMIT)
        samples = boolean(query, "samples", True) and Scope.SEARCH in identity.of_all(request).scopes
        rule = query.get("rule", "").strip()
        now = await self._now()
        found = [
            one
            for one in now.shown
            if (not states or one["state"] in states)
            and (not severities or one["severity"] in severities)
            and (not rule or rule in (one["rule_id"], one["rule"]))
        ]
        some = found[:limit]
        return json_answer(
            {
                "alerts": some if samples else [{**one, "samples": []} for one in some],
                "total": len(found),
                "counts": now.counts,
            }
        )

    async def acknowledge(self, request: web.Request) -> web.Response:
        """200 with schemas.Alert."""
        sender = identity.of_all(request)
        try:
            wanted = msgspec.json.decode(await whole_body(request), type=schemas.ToAcknowledge)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise BadRequest("bad_body", f"the body is wrong: {error}", "body") from error
        alert = _one(await self._now(fresh=True), wanted)
        assert alert.fired_us is not None
        at = now_us()
        with catalog_call():
            await self._acknowledgements.put(
                Acknowledgement(
                    rule_id=alert.rule_id,
                    group=alert.group,
                    fired_us=alert.fired_us,
                    by=sender.name,
                    why=wanted.why,
                    at_us=at,
                )
            )
            await self._history.add(_event(alert, alert.rule, "acknowledged", at, wanted.why, sender.name, alert.value))
        now = await self._now(fresh=True)
        place = next((place for place, one in enumerate(now.alerts) if _same(one, alert)), None)
        if place is None:
            raise NotFound(f"the alert of {alert.rule!r} has ended meanwhile")
        shown = now.shown[place]
        return json_answer(shown if Scope.SEARCH in sender.scopes else {**shown, "samples": []})

    async def take_back(self, request: web.Request) -> web.Response:
        """200 with schemas.TakenBackList, or 404."""
        sender = identity.of_all(request)
        key = request.query.get("rule", "").strip()
        if not key:
            raise BadRequest("missing_parameter", "rule is missing: the id or the name of one", "rule")
        group = _group(request.query.get("group", ""))
        rule_id = await self._names.id_of(key)
        with catalog_call():
            known = [one for one in await self._acknowledgements.all() if one.rule_id == rule_id]
        named = (await self._names.of([rule_id])).get(rule_id)
        known = [one for one in known if group is None or by_field(one.group, named) == group]
        taken = []
        for one in known:
            with catalog_call():
                if await self._acknowledgements.remove(rule_id, one.group):
                    taken.append(one)
                    rule = rule_id if named is None else named.name
                    await self._history.add(_event(one, rule, "unacknowledged", now_us(), "", sender.name))
        async with self._looking:
            self._known = None
        if not taken:
            raise NotFound(f"nothing is acknowledged of the alert rule {shortened(key)}, or not this group")
        return json_answer({"acknowledgements": _taken_back(taken, named)})

    async def _now(self, *, fresh: bool = False) -> _Now:
        """Read by one for all who ask at the same time, or a moment later unless it has to be `fresh`."""
        oldest = time.monotonic() - (0.0 if fresh else self._good_seconds)
        async with self._looking:
            if self._known is None or self._known_at < oldest:
                began = time.monotonic()
                with catalog_call():
                    alerts = await self._history.alerts()
                    silences = await self._silences.all() if alerts else []
                    acknowledged = await self._acknowledgements.all() if alerts else []
                named = await self._names.of({one.rule_id for one in alerts}) if alerts else {}
                now = now_us()
                silent = [*silences, *maintenance.silences(self._maintenance, now)]
                # Others are answered meanwhile.
                self._known = await asyncio.to_thread(_seen, alerts, silent, acknowledged, named, now)
                self._known_at = began
                self._good_seconds = max(_FRESH_SECONDS, _FRESH_TIMES * (time.monotonic() - began))
            return self._known


def _seen(
    alerts: Sequence[Alert],
    silences: Sequence[Silence],
    acknowledged: Sequence[Acknowledgement],
    named: Mapping[str, Named],
    now: int,
) -> _Now:
    silencing = Silencing([one for one in silences if one.from_us <= now < one.to_us])
    cares = {(one.rule_id, one.group, one.fired_us): one for one in acknowledged}
    moments = [(one.at_us, one.since_us, one.fired_us, one.ended_us, one.told_us) for one in alerts]
    texts = texts_of(
        [at for some in moments for at in some] + [one.at_us for one in acknowledged] + [one.to_us for one in silences]
    )
    shown = []
    for place, one in enumerate(alerts):
        of = named.get(one.rule_id)
        silence = _silence(silencing, one, of, now)
        care = None if one.fired_us is None else cares.get((one.rule_id, one.group, one.fired_us))
        shown.append(
            {
                "rule_id": one.rule_id,
                "rule": one.rule,
                "group": by_field(one.group, of),
                "severity": one.severity,
                "labels": dict(one.labels),
                "state": one.stage.value,
                "value": one.value if math.isfinite(one.value) else None,
                "at": texts[one.at_us],
                "since": texts[one.since_us],
                "fired": texts[one.fired_us],
                "ended": texts[one.ended_us],
                "told": one.told,
                "told_at": texts[one.told_us],
                "held": one.held or None,
                "acknowledged": None
                if care is None
                else {"by": care.by or None, "why": care.why, "time": texts[care.at_us]},
                "silenced": None
                if silence is None
                else {
                    "id": silence.id,
                    "to": texts[silence.to_us],
                    "why": silence.why,
                    "created_by": silence.created_by or None,
                },
                # Whose numbers may be larger than orjson takes.
                "samples": orjson.Fragment(msgspec.json.encode(one.samples)) if place < _WITH_SAMPLES else [],
            }
        )
    counts = Counter(one.stage.value for one in alerts)
    alerts = [msgspec.structs.replace(one, samples=()) for one in alerts]
    return _Now(alerts, shown, {state: counts[state] for state in _STATES})


def _silence(silencing: Silencing, alert: Alert, named: Named | None, now: int) -> Silence | None:
    """By what the alert says itself, as the rule may be another one by now; of a group whose fields nobody knows, only
    what names none."""
    known = named is not None and len(named.group_by) == len(alert.group)
    rule = Rule(
        name=alert.rule,
        condition=Condition(),
        group_by=list(named.group_by) if named is not None and known else [],
        severity=alert.severity,  # type: ignore[arg-type]
        labels=dict(alert.labels),
    )
    return silencing.of(alert.rule_id, rule, alert.group if known else (), now)


def _one(now: _Now, wanted: schemas.ToAcknowledge) -> Alert:
    """Raises BadRequest, NotFound, and Conflict when it doesn't fire."""
    key = wanted.rule.strip()
    found = [
        (alert, shown)
        for alert, shown in zip(now.alerts, now.shown, strict=True)
        if key in (alert.rule_id, alert.rule)
        and (isinstance(wanted.group, msgspec.UnsetType) or shown["group"] == wanted.group)
    ]
    if not found:
        raise NotFound(f"there is no alert of the rule {shortened(key)}, or not of this group")
    fire = [alert for alert, _ in found if alert.stage is AlertStage.FIRING and alert.fired_us is not None]
    if not fire:
        raise Conflict(f"the alert of {shortened(key)} is {found[0][0].stage}, only what fires is acknowledged", "rule")
    if len(fire) > 1:
        if isinstance(wanted.group, msgspec.UnsetType):
            raise BadRequest("bad_group", f"{len(fire)} groups of {shortened(key)} fire: expected one of them", "group")
        raise Conflict(f"several rules are called {shortened(key)}: name one by its id", "rule")
    return fire[0]


def _group(text: str) -> Mapping[str, str | None] | None:
    """Raises BadRequest."""
    if not text:
        return None
    try:
        return msgspec.json.decode(text, type=dict[str, str | None])
    except (msgspec.MsgspecError, RecursionError) as error:
        message = f'group is {shortened(text)}, expected JSON such as {{"host": "a"}}: {error}'
        raise BadRequest("bad_group", message, "group") from error


def _same(one: Alert, other: Alert) -> bool:
    return (one.rule_id, one.group) == (other.rule_id, other.group)


def _event(
    of: Alert | Acknowledgement, rule: str, what: str, at_us: int, why: str, by: str, value: float | None = None
) -> Event:
    return Event(at_us=at_us, rule_id=of.rule_id, rule=rule, group=of.group, what=what, value=value, why=why, by=by)


def _taken_back(taken: Sequence[Acknowledgement], named: Named | None) -> list[dict[str, Any]]:
    texts = texts_of([at for one in taken for at in (one.fired_us, one.at_us)])
    return [
        {
            "rule_id": one.rule_id,
            "rule": one.rule_id if named is None else named.name,
            "group": by_field(one.group, named),
            "fired": texts[one.fired_us],
            "by": one.by or None,
            "why": one.why,
            "time": texts[one.at_us],
        }
        for one in taken
    ]
