"""/api/v1/archive/restores: ranges of the archive that are put back into Elasticsearch for a while, by an archiver."""

from __future__ import annotations

from typing import Any

import msgspec
from aiohttp import web

from logd.errors import BadRequest, NotFound
from logd.flow.clock import now_us
from logd.http import archive_schemas, identity
from logd.http.answers import json_answer
from logd.http.openapi import Answer, Content, Operation
from logd.http.parameters import Parameter, duration_us, shortened, whole_body
from logd.http.records import start_texts
from logd.http.saved import catalog_call
from logd.query.time import parse_time
from logd.seams import Restore, Restores
from logd.tokens import Scope, new_id

PATH = "/api/v1/archive/restores"
_NEEDS = (Scope.ADMIN,)
_JSON = "application/json"
#: What is to be in Elasticsearch for longer belongs there by its policy.
_MOST_US = 366 * 86_400 * 1_000_000
#: That are waiting or running.
_MOST_WAITING = 100
LIST = Operation(
    "GET", PATH, "What was put back from the archive", (),
    {200: Answer("The oldest first.", archive_schemas.RestoreList)}, needs=_NEEDS,
)  # fmt: skip
CREATE = Operation(
    "POST",
    PATH,
    "Put a range of the archive back into Elasticsearch, into indices restored-…, for a while",
    (),
    {202: Answer("The restore as it is kept; an archiver does it.", archive_schemas.Restore)},
    body=Content("Which records, and how long.", {_JSON: archive_schemas.RestoreToMake}),
    needs=_NEEDS,
)
REMOVE = Operation(
    "DELETE",
    f"{PATH}/{{id:[^/]+}}",
    "End a restore, whose indices are deleted; the archive stays as it is",
    (Parameter("id", "Its id.", place="path"),),
    {202: Answer("The restore, which an archiver ends.", archive_schemas.Restore)},
    needs=_NEEDS,
)


class PuttingBack:
    """The handlers. What the catalog can't do now is 503."""

    def __init__(self, kept: Restores | None) -> None:
        """None where there is no Elasticsearch."""
        self._kept = kept

    async def list(self, request: web.Request) -> web.Response:
        """200 with RestoreList."""
        identity.of_all(request, "restores are")
        with catalog_call():
            found = [] if self._kept is None else await self._kept.all()
        return json_answer({"restores": [_shown(one) for one in found]})

    async def create(self, request: web.Request) -> web.Response:
        """202 with Restore."""
        sender = identity.of_all(request, "restores are")
        try:
            wanted = msgspec.json.decode(await whole_body(request), type=archive_schemas.RestoreToMake)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise BadRequest("bad_body", f"the body is wrong: {error}", "body") from error
        if self._kept is None:
            raise BadRequest("no_elasticsearch", "index.type is segments: what is archived is searched where it is")
        restore = _restore(wanted, sender.name, now_us())
        with catalog_call():
            waiting = [one for one in await self._kept.all() if one.state in ("waiting", "running")]
            if len(waiting) >= _MOST_WAITING:
                raise BadRequest("too_many_restores", f"{len(waiting)} restores wait: no more now", status=429)
            await self._kept.put(restore)
        return json_answer(_shown(restore), 202, {"Location": f"{PATH}/{restore.id}"})

    async def remove(self, request: web.Request) -> web.Response:
        """202 with Restore, or 404."""
        identity.of_all(request, "restores are")
        key = request.match_info["id"].strip()
        with catalog_call():
            found = [] if self._kept is None else [one for one in await self._kept.all() if one.id == key]
            if self._kept is None or not found or found[0].state == "gone":
                raise NotFound(f"there is no restore {shortened(key)}")
            ended = msgspec.structs.replace(found[0], expires_us=min(found[0].expires_us, now_us()))
            await self._kept.put(ended)
        return json_answer(_shown(ended), 202)


def _restore(wanted: archive_schemas.RestoreToMake, by: str, now: int) -> Restore:
    """Raises BadRequest."""
    from_us, to_us = parse_time(str(wanted.from_), now, "from"), parse_time(str(wanted.to), now, "to")
    if not 0 <= from_us < to_us:
        raise BadRequest("bad_range", "expected a range that ends after its beginning", "to")
    lasts_us = duration_us(wanted.expires, "expires")
    if lasts_us > _MOST_US:
        raise BadRequest("bad_duration", f"expires is {shortened(wanted.expires)}, expected a year at most", "expires")
    return Restore(
        id=new_id(),
        from_us=from_us,
        to_us=to_us,
        services=tuple(dict.fromkeys(wanted.services)),
        expires_us=now + lasts_us,
        created_by=by,
        created_us=now,
    )


def _shown(one: Restore) -> dict[str, Any]:
    from_text, to_text, expires, created = start_texts([one.from_us, one.to_us, one.expires_us, one.created_us])
    return {
        "id": one.id,
        "from": from_text,
        "to": to_text,
        "services": list(one.services),
        "state": one.state,
        "rows": one.rows,
        "done_rows": one.done_rows,
        "indices": list(one.indices),
        "expires": expires,
        "error": one.error or None,
        "created": created,
        "created_by": one.created_by or None,
    }
