"""/api/v1/alerts/rules: rules of alerts, those of the catalog and, to be read only, those of files.

Whoever may search, or administers, sees them: they say what is looked for, not what was found, and no secret. A rule
tells others of lines, so to make, change or delete one takes both scopes, admin and search, of a token that is for all
services and hosts, as those with the scope admin are.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import msgspec
from aiohttp import web
from msgspec import Meta

from logd.alerts.file import FileRule
from logd.alerts.folder import RuleFolder
from logd.alerts.reading import Terms, WrongRule, checked, typed
from logd.alerts.rules import Rule
from logd.alerts.shown import shown, unhidden, written
from logd.alerts.trees import compile_rule, nodes_of
from logd.config.schema import Config
from logd.enrich.rules import tried
from logd.errors import BadRequest, Conflict
from logd.flow.clock import now_us
from logd.http import alert_schemas, identity
from logd.http.alert_names import RuleNames
from logd.http.answers import json_answer
from logd.http.openapi import Answer, Content, Operation
from logd.http.parameters import Parameter, shortened, whole_body, whole_number
from logd.http.records import start_texts
from logd.http.saved import catalog_call
from logd.seams import MAX_RULE_BYTES, AlertRule, AlertRules
from logd.tokens import Scope, new_id

PATH = "/api/v1/alerts/rules"
ONE = f"{PATH}/{{id:[^/]+}}"
ID = Parameter("id", "Its id, or its name.", place="path")
_MOST_VERSION = 2**63 - 1
_VERSION = Parameter(
    "version",
    "Only this version: 409 when somebody has changed it meanwhile.",
    Annotated[int, Meta(ge=1, le=_MOST_VERSION)],
)
_READERS = (Scope.ADMIN, Scope.SEARCH)
WRITERS = (Scope.ADMIN,)
JSON = "application/json"
_KEPT = Answer("The rule as it is kept.", alert_schemas.AlertRule)
#: So often a rule is switched over that others change at the same moment.
_TRIES = 5
#: What an answer has beside the rule and its version.
BESIDE = frozenset(alert_schemas.ChangedRule.__struct_fields__) - {
    *alert_schemas.RuleToMake.__struct_fields__,
    "version",
}
LIST = Operation(
    "GET", PATH, "Alert rules", (), {200: Answer("All, by their names.", alert_schemas.AlertRuleList)}, needs=_READERS
)
SHOW = Operation("GET", ONE, "An alert rule", (ID,), {200: _KEPT}, needs=_READERS)
CREATE = Operation(
    "POST",
    PATH,
    "Create an alert rule; 409 when its name is taken",
    (),
    {201: _KEPT},
    body=Content("The rule.", {JSON: alert_schemas.RuleToMake}),
    needs=WRITERS,
)
CHANGE = Operation(
    "PUT",
    ONE,
    "Change an alert rule; 409 when somebody has changed it meanwhile, or the name is taken",
    (ID,),
    {200: _KEPT},
    body=Content("All of it anew.", {JSON: alert_schemas.ChangedRule}),
    needs=WRITERS,
)
REMOVE = Operation(
    "DELETE",
    ONE,
    "Delete an alert rule",
    (ID, _VERSION),
    {200: Answer("What is deleted.", alert_schemas.AlertRule)},
    needs=WRITERS,
)
ENABLE = Operation("POST", f"{ONE}/enable", "Have an alert rule watch", (ID,), {200: _KEPT}, needs=WRITERS)
DISABLE = Operation("POST", f"{ONE}/disable", "Have an alert rule rest", (ID,), {200: _KEPT}, needs=WRITERS)


class Rules:
    """The handlers. What the catalog can't do now is 503."""

    def __init__(self, config: Config, kept: AlertRules, folder: RuleFolder, names: RuleNames) -> None:
        self._kept = kept
        self._names = names
        self._folder = folder
        self._terms = Terms(config.search.default_operator, tuple(config.alerts.notify.secrets), config.alerts.notify)

    async def list(self, request: web.Request) -> web.Response:
        """200 with AlertRuleList."""
        with catalog_call():
            kept = await self._kept.all()
        now = self._folder.now
        both = [*_shown(kept), *map(_of_file, now.rules)]
        both.sort(key=lambda one: (one["name"], one["rule_id"]))
        broken = [{"file": file, "line": line or None, "message": message} for file, line, message in now.problems]
        return json_answer({"rules": both, "broken_files": broken})

    async def show(self, request: web.Request) -> web.Response:
        """200 with AlertRule, or 404."""
        found = await self._find(request)
        return json_answer(_of_file(found) if isinstance(found, FileRule) else _shown([found])[0])

    async def create(self, request: web.Request) -> web.Response:
        """201 with AlertRule. 400 says all that is wrong, and where the first of it is."""
        sender = writer(request)
        rule = await self.read(await object_body(request), None)
        now = now_us()
        made = AlertRule(
            id=new_id(),
            name=rule.name,
            rule=written(rule),
            owner=sender.token_id,
            created_by=sender.name,
            updated_by=sender.name,
            created_us=now,
            updated_us=now,
        )
        with catalog_call():
            await self._kept.create(made)
        return json_answer(_shown([made])[0], 201, {"Location": f"{PATH}/{made.id}"})

    async def change(self, request: web.Request) -> web.Response:
        """200 with AlertRule."""
        sender = writer(request)
        body = {name: value for name, value in (await object_body(request)).items() if name not in BESIDE}
        version = _version(body.pop("version", None))
        found = await self._own(request)
        rule = await self.read(body, found)
        changed = msgspec.structs.replace(
            found,
            name=rule.name,
            rule=written(rule),
            updated_by=sender.name,
            updated_us=now_us(),
            version=version or found.version,
        )
        with catalog_call():
            return json_answer(_shown([await self._kept.update(changed)])[0])

    async def remove(self, request: web.Request) -> web.Response:
        """200 with AlertRule."""
        writer(request)
        version = whole_number(request.query, "version", 0, 1, _MOST_VERSION)
        found = await self._own(request)
        with catalog_call():
            await self._kept.delete(found.id, version or found.version)
        return json_answer(_shown([found])[0])

    async def enable(self, request: web.Request) -> web.Response:
        """200 with AlertRule."""
        return await self._switch(request, True)

    async def disable(self, request: web.Request) -> web.Response:
        """200 with AlertRule."""
        return await self._switch(request, False)

    async def _switch(self, request: web.Request, enabled: bool) -> web.Response:
        sender = writer(request)
        for last in (*[False] * (_TRIES - 1), True):
            found = await self._own(request)
            if found.rule["enabled"] is enabled:
                return json_answer(_shown([found])[0])
            rule = {**found.rule, "enabled": enabled}
            changed = msgspec.structs.replace(found, rule=rule, updated_by=sender.name, updated_us=now_us())
            try:
                with catalog_call():
                    return json_answer(_shown([await self._kept.update(changed)])[0])
            except Conflict:
                if last:
                    raise
        raise AssertionError  # the last one returns or raises

    async def read(self, body: Mapping[str, Any], before: AlertRule | None) -> Rule:
        """What was sent, with the secrets of before. Raises BadRequest."""
        try:
            rule = unhidden(typed(body), None if before is None else typed(before.rule))
            rule = checked(rule, self._terms)
        except WrongRule as error:
            raise BadRequest("bad_rule", str(error), error.problems[0].where) from error
        size = len(msgspec.json.encode(written(rule)))
        if size > MAX_RULE_BYTES:
            message = f"the rule is {size} bytes of JSON, at most {MAX_RULE_BYTES}"
            raise BadRequest("rule_too_large", message, "body", 413)
        nodes = nodes_of(compile_rule(rule, self._terms.operator))
        if (failed := await asyncio.to_thread(tried, nodes)) is not None:
            raise BadRequest("bad_rule", failed[1], "condition.query")
        return rule

    async def _find(self, request: web.Request) -> AlertRule | FileRule:
        """See RuleNames.find."""
        return await self._names.find(request.match_info["id"].strip())

    async def _own(self, request: web.Request) -> AlertRule:
        """What the API may change. Raises what `_find` does, and Conflict."""
        found = await self._find(request)
        if isinstance(found, FileRule):
            message = f"the alert rule {found.rule.name!r} is in the file {found.file}: change it there"
            raise Conflict(message, "id")
        return found


def writer(request: web.Request) -> identity.Identity:
    """Raises BadRequest (403)."""
    sender = identity.of(request)
    if Scope.SEARCH not in sender.scopes:
        message = f"the scope search is missing besides: {sender.who} may not read the lines that a rule tells of"
        raise BadRequest("forbidden", message, "Authorization", 403)
    return sender


async def object_body(request: web.Request) -> Mapping[str, Any]:
    """Raises BadRequest."""
    try:
        body = msgspec.json.decode(await whole_body(request))
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise BadRequest("bad_body", f"the body is wrong: {error}", "body") from error
    if not isinstance(body, dict):
        raise BadRequest("bad_body", "the body is no JSON object", "body")
    return body


def _version(given: object) -> int:
    """0 for none. Raises BadRequest."""
    if given is None:
        return 0
    if isinstance(given, bool) or not isinstance(given, int) or not 1 <= given < _MOST_VERSION:
        raise BadRequest("bad_number", f"version is {shortened(str(given))}, expected a whole number", "version")
    return given


def _shown(rules: Sequence[AlertRule]) -> list[dict[str, Any]]:
    created = start_texts([rule.created_us for rule in rules])
    updated = start_texts([rule.updated_us for rule in rules])
    return [
        {
            "rule_id": rule.id,
            **shown(rule.rule),
            "read_only": False,
            "created": created_text,
            "created_by": rule.created_by or None,
            "updated": updated_text,
            "updated_by": rule.updated_by or None,
            "version": rule.version,
        }
        for rule, created_text, updated_text in zip(rules, created, updated, strict=True)
    ]


def _of_file(found: FileRule) -> dict[str, Any]:
    return {"rule_id": found.id, **shown(written(found.rule)), "read_only": True, "file": found.file}
