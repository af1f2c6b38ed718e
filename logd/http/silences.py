"""/api/v1/alerts/silences: of what nobody is told for a time.

Who may search may silence, as those do who are woken; a token for some services or hosts alone may not, since alerts
are of all. The token that made a silence ends it, or one that has the scope admin.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from aiohttp import web

from logd.config.globs import compile_globs
from logd.errors import BadRequest, NotFound
from logd.flow.clock import now_us
from logd.http import alert_schemas, identity
from logd.http.answers import json_answer
from logd.http.openapi import Answer, Content, Operation
from logd.http.parameters import Parameter, duration_us, shortened, whole_body
from logd.http.records import start_texts
from logd.http.saved import catalog_call
from logd.query.time import parse_time
from logd.seams import Silence, Silences
from logd.tokens import Scope, new_id

PATH = "/api/v1/alerts/silences"
_NEEDS = (Scope.ADMIN, Scope.SEARCH)
_JSON = "application/json"
#: Of labels and of fields together: a rule has no more.
_MOST_GLOBS = 50
_MOST_GLOB_CHARACTERS = 1_000
#: A year: what is silent for longer is a rule to be disabled.
_MOST_US = 366 * 86_400 * 1_000_000
LIST = Operation(
    "GET", PATH, "Silences", (), {200: Answer("Those that end first come first.", alert_schemas.SilenceList)},
    needs=_NEEDS,
)  # fmt: skip
CREATE = Operation(
    "POST",
    PATH,
    "Tell nobody of some alerts for a time",
    (),
    {201: Answer("The silence as it is kept.", alert_schemas.Silence)},
    body=Content("Which alerts, and how long.", {_JSON: alert_schemas.SilenceToMake}),
    needs=_NEEDS,
)
REMOVE = Operation(
    "DELETE",
    f"{PATH}/{{id:[^/]+}}",
    "End a silence",
    (Parameter("id", "Its id.", place="path"),),
    {200: Answer("What has ended.", alert_schemas.Silence)},
    needs=_NEEDS,
)


class Quiet:
    """The handlers. What the catalog can't do now is 503."""

    def __init__(self, kept: Silences) -> None:
        self._kept = kept

    async def list(self, request: web.Request) -> web.Response:
        """200 with SilenceList."""
        with catalog_call():
            found = await self._kept.all()
        return json_answer({"silences": _shown(found)})

    async def create(self, request: web.Request) -> web.Response:
        """201 with Silence."""
        sender = identity.of_all(request)
        try:
            wanted = msgspec.json.decode(await whole_body(request), type=alert_schemas.SilenceToMake)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise BadRequest("bad_body", f"the body is wrong: {error}", "body") from error
        silence = _silence(wanted, sender, now_us())
        with catalog_call():
            await self._kept.create(silence)
        return json_answer(_shown([silence])[0], 201, {"Location": f"{PATH}/{silence.id}"})

    async def remove(self, request: web.Request) -> web.Response:
        """200 with Silence, or 404."""
        key, sender = request.match_info["id"].strip(), identity.of(request)
        with catalog_call():
            found = await self._kept.find(key)
        if found is None:
            raise NotFound(f"there is no silence {shortened(key)}")
        if Scope.ADMIN not in sender.scopes and not (found.owner and found.owner == sender.token_id):
            whose = f"of {found.created_by!r} (token {found.owner})" if found.owner else "of nobody's token"
            message = f"the silence {found.id} is {whose}: another one needs the scope admin to end it"
            raise BadRequest("forbidden", message, "Authorization", 403)
        with catalog_call():
            await self._kept.delete(found.id)
        return json_answer(_shown([found])[0])


def _silence(wanted: alert_schemas.SilenceToMake, sender: identity.Identity, now: int) -> Silence:
    """Raises BadRequest."""
    rule = "*" if isinstance(wanted.rule, msgspec.UnsetType) else wanted.rule
    labels = {} if isinstance(wanted.labels, msgspec.UnsetType) else wanted.labels
    group = {} if isinstance(wanted.group, msgspec.UnsetType) else wanted.group
    if isinstance(wanted.rule, msgspec.UnsetType) and not labels and not group:
        raise BadRequest("bad_silence", 'nothing says what is silent; "rule": "*" is everything', "rule")
    _check_globs({"rule": rule})
    _check_globs({f"labels.{name}": glob for name, glob in labels.items()})
    _check_globs({f"group.{name}": glob for name, glob in group.items()})
    from_us = now if isinstance(wanted.from_, msgspec.UnsetType) else parse_time(str(wanted.from_), now, "from")
    match wanted.to, wanted.duration:
        case msgspec.UnsetType(), str(duration):
            to_us = from_us + duration_us(duration, "duration")
        case (str() | int()) as to, msgspec.UnsetType():
            to_us = parse_time(str(to), now, "to")
        case _:
            raise BadRequest("bad_silence", "expected one of to and duration", "to")
    if not max(from_us, now) < to_us <= from_us + _MOST_US:
        expected = "expected an end that is to come, after the beginning, and within a year of it"
        raise BadRequest("bad_range", f"the silence ends at {start_texts([to_us])[0]}, {expected}", "to")
    return Silence(
        id=new_id(),
        rule=rule,
        labels=labels,
        group=group,
        from_us=from_us,
        to_us=to_us,
        why=wanted.why,
        owner=sender.token_id,
        created_by=sender.name,
        created_us=now,
    )


def _check_globs(globs: Mapping[str, str]) -> None:
    """Raises BadRequest."""
    if len(globs) > _MOST_GLOBS:
        raise BadRequest("bad_silence", f"there are {len(globs)} globs, at most {_MOST_GLOBS}", next(iter(globs)))
    for where, glob in globs.items():
        if len(where) > _MOST_GLOB_CHARACTERS or len(glob) > _MOST_GLOB_CHARACTERS:
            message = f"{shortened(where)} has {len(glob)} characters, at most {_MOST_GLOB_CHARACTERS}"
            raise BadRequest("bad_silence", message, where[:100])
        try:
            compile_globs(where[:100], [glob])
        except ValueError as error:
            raise BadRequest("bad_silence", str(error), where[:100]) from error


def _shown(silences: Sequence[Silence]) -> list[dict[str, Any]]:
    now = now_us()
    texts = [start_texts([one.from_us, one.to_us, one.created_us]) for one in silences]
    return [
        {
            "id": one.id,
            "rule": one.rule,
            "labels": dict(one.labels),
            "group": dict(one.group),
            "from": from_text,
            "to": to_text,
            "why": one.why,
            "state": "pending" if now < one.from_us else "active" if now < one.to_us else "expired",
            "created": created_text,
            "created_by": one.created_by or None,
        }
        for one, (from_text, to_text, created_text) in zip(silences, texts, strict=True)
    ]
