"""POST /api/v1/alerts/rules/{id}/notify and /api/v1/alerts/rules/notify: whether those whom a rule tells can be told.

A message is sent at once, from this process, by the way that all of them go: with the rule's secrets, signature and
template, and to no other address than those may go to. It is marked as a test, tried once, and not kept.
"""

from __future__ import annotations

import asyncio
import logging
import os
from typing import Any

import msgspec
from aiohttp import web

from logd.alerts.file import FileRule
from logd.alerts.linking import made_link
from logd.alerts.notify import trial
from logd.alerts.notify.notifier import Notifier
from logd.alerts.reading import WrongRule, typed
from logd.alerts.rules import Rule
from logd.config.schema import Config
from logd.errors import BadRequest, ConfigError, Unavailable
from logd.flow.clock import now_us
from logd.http import alert_schemas
from logd.http.alert_names import RuleNames
from logd.http.alert_rules import BESIDE, ID, JSON, ONE, PATH, WRITERS, Rules, object_body, writer
from logd.http.answers import error_answer, json_answer
from logd.http.openapi import Answer, Content, Operation
from logd.http.rates import Rate, Rates
from logd.http.records import start_texts
from logd.seams import AlertRule
from logd.tokens import new_id

log = logging.getLogger("logd.api")
#: Of each who asks: enough for who tries this and that, and of no use to who wants to make noise.
_RATE, _BURST_SECONDS = Rate(10 / 60, 0.0), 60.0
#: Of all who ask: each holds connections to up to ten targets.
_AT_ONCE = 4
_SENT = Answer("What came of it at each target.", alert_schemas.TestNotification)
KEPT = Operation(
    "POST",
    f"{ONE}/notify",
    "Send a test notification of an alert rule to all whom it tells",
    (ID,),
    {200: _SENT},
    needs=WRITERS,
)
SENT = Operation(
    "POST",
    f"{PATH}/notify",
    "Send a test notification of a rule that needn't be kept",
    (),
    {200: _SENT},
    body=Content(
        "The rule. With `rule_id`, secrets that are hidden in it are those of that rule.",
        {JSON: alert_schemas.ChangedRule},
    ),
    needs=WRITERS,
)


class Trials:
    """The handlers. What the catalog can't do now is 503."""

    def __init__(self, config: Config, rules: Rules, names: RuleNames) -> None:
        self._settings = config.alerts.notify
        self._public_url = config.alerts.public_url
        self._rules = rules
        self._names = names
        self._rates = Rates(_BURST_SECONDS)
        self._places = asyncio.Semaphore(_AT_ONCE)
        self._notifier: Notifier | None = None

    async def kept(self, request: web.Request) -> web.Response:
        """200 with TestNotification, or 404."""
        writer(request)
        found = await self._names.find(request.match_info["id"].strip())
        return await self._tell(request, found.id, _rule_of(found))

    async def sent(self, request: web.Request) -> web.Response:
        """200 with TestNotification. 400 says all that is wrong with the rule."""
        writer(request)
        body = await object_body(request)
        before = None
        if (rule_id := body.get("rule_id")) is not None:
            if not isinstance(rule_id, str):
                raise BadRequest("bad_body", "rule_id is no string", "rule_id")
            found = await self._names.find(rule_id.strip())
            before = found if isinstance(found, AlertRule) else None
        plain = {name: value for name, value in body.items() if name not in BESIDE and name != "version"}
        rule = await self._rules.read(plain, before)
        return await self._tell(request, before.id if before is not None else new_id(), rule)

    async def _tell(self, request: web.Request, rule_id: str, rule: Rule) -> web.Response:
        sender = writer(request)
        if wait := self._rates.take(sender.who, _RATE):
            return error_answer(429, "rate_limited", f"{sender.who} may send 10 test notifications a minute", "", wait)
        async with self._places:
            notifier = await self._open()
            now = now_us()
            told = trial.of_rule(
                rule_id, rule, now, made_link(self._public_url, rule, None, now), start_texts([now])[0]
            )
            # A step of it is reading secrets, which has the same time as the request.
            found = await trial.tell(notifier, rule.targets, told, 2 * self._settings.timeout_seconds)
        log.info("%s sent a test notification of the alert rule %r to %d targets", sender.who, rule.name, len(found))
        return json_answer({"rule_id": rule_id, "name": rule.name, "deliveries": [_shown(one) for one in found]})

    async def _open(self) -> Notifier:
        """Made for the first who asks: it reads certificates. Raises Unavailable."""
        if self._notifier is None:
            try:
                self._notifier = await asyncio.to_thread(Notifier, self._settings, os.environ)
            except ConfigError as error:
                raise Unavailable(str(error), status=503) from error
        return self._notifier


def _rule_of(found: AlertRule | FileRule) -> Rule:
    """Raises BadRequest for one that was right once."""
    if isinstance(found, FileRule):
        return found.rule
    try:
        return typed(found.rule)
    except (WrongRule, msgspec.ValidationError) as error:
        raise BadRequest("bad_rule", str(error), "id") from error


def _shown(tried: trial.Tried) -> dict[str, Any]:
    return {
        "target": tried.target,
        "type": tried.type,
        "status": tried.result.value,
        "http_status": tried.status if tried.type != "email" else None,
        "smtp_status": tried.status if tried.type == "email" else None,
        "took_ms": round(tried.seconds * 1_000, 1),
        "error": tried.error or None,
    }
