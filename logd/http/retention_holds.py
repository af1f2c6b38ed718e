"""/api/v1/retention/holds: legal holds, for which nothing is deleted that they name.

Who may search, or administers, sees them; who administers makes and releases them. None is ever forgotten.
"""

from __future__ import annotations

import logging
from typing import Any

import msgspec
from aiohttp import web
from msgspec import UnsetType

from logd.config.schema import Config
from logd.errors import BadRequest, NotFound
from logd.flow.clock import now_us
from logd.http import identity
from logd.http import retention_schemas as schemas
from logd.http.answers import json_answer
from logd.http.openapi import Answer, Content, Operation
from logd.http.parameters import Parameter, shortened, whole_body
from logd.http.records import start_texts
from logd.http.retention_names import services_of
from logd.http.saved import catalog_call
from logd.query.parse import Operator, parse
from logd.query.time import parse_time
from logd.seams import LegalHold, LegalHolds
from logd.tokens import Scope, new_id

log = logging.getLogger("logd.api")
PATH = "/api/v1/retention/holds"
_ONE = f"{PATH}/{{id:[^/]+}}"
_ID = Parameter("id", "Its id, or its name.", place="path")
_READERS = (Scope.ADMIN, Scope.SEARCH)
_WRITERS = (Scope.ADMIN,)
_KEPT = Answer("The hold as it is kept.", schemas.LegalHold)
LIST = Operation("GET", PATH, "Legal holds", (), {200: Answer("All.", schemas.LegalHoldList)}, needs=_READERS)
SHOW = Operation("GET", _ONE, "A legal hold", (_ID,), {200: _KEPT}, needs=_READERS)
CREATE = Operation(
    "POST",
    PATH,
    "Delete nothing of what a query finds; 409 when the name is taken",
    (),
    {201: _KEPT},
    body=Content("What is held.", {"application/json": schemas.HoldToMake}),
    needs=_WRITERS,
)
RELEASE = Operation(
    "DELETE", _ONE, "Release a legal hold: what it held is deleted when its policy says so", (_ID,), {200: _KEPT},
    needs=_WRITERS,
)  # fmt: skip


class Held:
    """The handlers. What the catalog can't do now is 503."""

    def __init__(self, config: Config, kept: LegalHolds) -> None:
        self._kept = kept
        self._operator: Operator = config.search.default_operator

    async def list(self, request: web.Request) -> web.Response:
        """200 with LegalHoldList."""
        with catalog_call():
            found = await self._kept.all()
        return json_answer({"holds": [_shown(hold) for hold in found]})

    async def show(self, request: web.Request) -> web.Response:
        """200 with LegalHold, or 404."""
        return json_answer(_shown(await self._find(request)))

    async def create(self, request: web.Request) -> web.Response:
        """201 with LegalHold."""
        sender = identity.of_all(request, "holds are")
        try:
            wanted = msgspec.json.decode(await whole_body(request), type=schemas.HoldToMake)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise BadRequest("bad_body", f"the body is wrong: {error}", "body") from error
        hold = self._hold(wanted, sender)
        with catalog_call():
            await self._kept.create(hold)
        log.info("legal hold %s (%s) was made by %s", hold.id, shortened(hold.name), sender.who)
        return json_answer(_shown(hold), 201, {"Location": f"{PATH}/{hold.id}"})

    async def release(self, request: web.Request) -> web.Response:
        """200 with LegalHold, or 404; one that was released stays as it is."""
        sender = identity.of_all(request, "holds are")
        found = await self._find(request)
        with catalog_call():
            released = await self._kept.release(found.id, sender.name, now_us())
        log.info("legal hold %s (%s) was released by %s", found.id, shortened(found.name), sender.who)
        return json_answer(_shown(released))

    async def _find(self, request: web.Request) -> LegalHold:
        key = request.match_info["id"].strip()
        with catalog_call():
            found = await self._kept.all()
        for hold in found:
            if key in (hold.id, hold.name):
                return hold
        raise NotFound(f"there is no legal hold {shortened(key)}")

    def _hold(self, wanted: schemas.HoldToMake, sender: identity.Identity) -> LegalHold:
        """Raises BadRequest."""
        now = now_us()
        parse(wanted.query, self._operator, now)
        services = services_of(wanted.service, wanted.services)
        if patterns := [name for name in services if set("*?") & set(name)]:
            message = f"{shortened(patterns[0])} is a pattern, expected names of services: a query has patterns"
            raise BadRequest("bad_services", message, "service")
        if not wanted.name.strip():
            raise BadRequest("bad_name", "expected a name", "name")
        from_us, to_us = _time(wanted.from_, now, "from"), _time(wanted.to, now, "to")
        if from_us is not None and to_us is not None and from_us >= to_us:
            raise BadRequest("bad_range", "from is not before to, so nothing is held", "from")
        return LegalHold(
            id=new_id(),
            name=wanted.name.strip(),
            query=wanted.query,
            services=services,
            from_us=from_us,
            to_us=to_us,
            reason=wanted.reason,
            created_by=sender.name,
            created_us=now,
        )


def _time(given: str | int | UnsetType, now: int, where: str) -> int | None:
    return None if isinstance(given, UnsetType) else parse_time(str(given), now, where)


def _shown(hold: LegalHold) -> dict[str, Any]:
    times = (hold.from_us, hold.to_us, hold.created_us, hold.released_us)
    from_text, to_text, created, released = (None if one is None else start_texts([one])[0] for one in times)
    return {
        "id": hold.id,
        "name": hold.name,
        "query": hold.query,
        "services": list(hold.services),
        "from": from_text,
        "to": to_text,
        "reason": hold.reason,
        "created": created,
        "created_by": hold.created_by or None,
        "released": released,
        "released_by": hold.released_by or None,
    }
