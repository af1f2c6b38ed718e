"""/api/v1/deadletters: what couldn't be stored, and what shall become of it (see logd/deadletters.py)."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import msgspec
from aiohttp import web
from msgspec import Meta

from logd.chunk import Message, decompress
from logd.deadletters import Letter, summary
from logd.errors import BadRequest, Corrupt
from logd.flow.clock import now_us
from logd.http import deadletter_schemas as schemas
from logd.http.answers import json_answer
from logd.http.openapi import Answer, Content, Operation
from logd.http.parameters import Parameter, boolean, shortened, whole_number
from logd.query.time import parse_time
from logd.seams import DeadLetters, Moved
from logd.tokens import Scope

PATH = "/api/v1/deadletters"
_LIMIT, _MAX_LIMIT = 100, 1_000
#: Of one request. All have a word of their own.
_MAX_POSITIONS = 10_000
_MAX_POSITION = 2**63 - 1
#: Of a letter's text in an answer; its bytes are always in it.
_MAX_TEXT_BYTES = 16 * 1024 * 1024
_Limit = Annotated[int, Meta(ge=0, le=_MAX_LIMIT)]
_After = Annotated[int, Meta(ge=0)]
_Position = Annotated[int, Meta(ge=1)]

LIST = Operation(
    "GET",
    PATH,
    "Messages that couldn't be stored, oldest first",
    (
        Parameter("limit", f"How many at most; {_LIMIT} unless given.", _Limit),
        Parameter("after", "Those behind this position: `next_after` of the page before.", _After),
    ),
    {200: Answer("A page.", schemas.DeadLetterPage)},
    needs=(Scope.ADMIN,),
)
SHOW = Operation(
    "GET",
    f"{PATH}/{{position}}",
    "One of them, with all that there is of it",
    (Parameter("position", "Where it is.", _Position, place="path"),),
    {200: Answer("The message.", schemas.WholeDeadLetter)},
    needs=(Scope.ADMIN,),
)
REPLAY = Operation(
    "POST",
    f"{PATH}/replay",
    "Put some back into the queue; 429 when it is full, with some of them done",
    (),
    {200: Answer("What was done.", schemas.Replayed)},
    body=Content("Which: either `positions` or `all`.", {"application/json": schemas.WhichDeadLetters}),
    needs=(Scope.ADMIN,),
)
REMOVE = Operation(
    "DELETE",
    PATH,
    "Delete some for ever: one of the parameters says which",
    (
        Parameter("positions", "Those at these positions.", _Position, repeats=True),
        Parameter("before", "Those that were refused before this time: as `from` of a search."),
        Parameter("all", "All, if true.", bool),
    ),
    {200: Answer("What was done.", schemas.Removed)},
    needs=(Scope.ADMIN,),
)


class Letters:
    """The handlers."""

    def __init__(self, letters: DeadLetters) -> None:
        self._letters = letters

    async def list(self, request: web.Request) -> web.Response:
        """200 with schemas.DeadLetterPage."""
        limit = whole_number(request.query, "limit", _LIMIT, 0, _MAX_LIMIT)
        after = whole_number(request.query, "after", 0, 0, _MAX_POSITION)
        found: list[Letter] = await self._letters.look(after, limit, summary) if limit else []
        more = found[-1].position if found and len(found) == limit else None
        return _answer(schemas.DeadLetterPage([schemas.DeadLetter(**_fields(one)) for one in found], more))

    async def show(self, request: web.Request) -> web.Response:
        """200 with schemas.WholeDeadLetter, or 404."""
        letter = await self._letters.read(_position(request.match_info["position"], "position"))
        encoded = base64.b64encode(letter.value).decode()
        fields = _fields(summary(letter))
        return _answer(schemas.WholeDeadLetter(**fields, headers=letter.headers, text=_text(letter), base64=encoded))

    async def replay(self, request: web.Request) -> web.Response:
        """200 with schemas.Replayed. 429 when the queue is full: what was replayed before that, is."""
        try:
            which = msgspec.json.decode(await request.read(), type=schemas.WhichDeadLetters)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            expected = 'expected {"positions": [...]} or {"all": true}'
            raise BadRequest("bad_body", f"the body is wrong: {error}, {expected}", "body") from error
        if which.all == (which.positions is not None):
            raise BadRequest("bad_body", "either positions or all has to be given", "positions")
        moved = await self._letters.replay(_bounded(which.positions))
        return _answer(schemas.Replayed(moved.messages, moved.lines, [*moved.missing], _refused(moved)))

    async def remove(self, request: web.Request) -> web.Response:
        """200 with schemas.Removed. 429 as above."""
        query = request.query
        if len({*query} & {"positions", "before", "all"}) != 1:
            raise BadRequest("bad_parameters", "one of positions, before and all has to be given", "positions")
        if "all" in query and not boolean(query, "all", False):
            raise BadRequest("bad_boolean", f"all is {shortened(query['all'])}, expected true", "all")
        before_us = parse_time(query["before"], now_us(), "before") if "before" in query else None
        texts = [part.strip() for text in query.getall("positions", ()) for part in text.split(",")]
        positions = [_position(text, "positions") for text in texts] if "positions" in query else None
        moved = await self._letters.remove(_bounded(positions), before_us)
        return _answer(schemas.Removed(moved.messages, moved.lines, [*moved.missing]))


def _answer(body: msgspec.Struct) -> web.Response:
    return json_answer(msgspec.to_builtins(body))


def _fields(letter: Letter) -> dict[str, Any]:
    fields = msgspec.structs.asdict(letter)
    at = datetime.fromtimestamp(0, UTC) + timedelta(microseconds=fields.pop("time_us"))
    return {"time": f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03d}Z", **fields}


def _refused(moved: Moved) -> dict[str, str]:
    return {str(position): reason for position, reason in moved.refused.items()}


def _text(letter: Message) -> str | None:
    """What the value says, unpacked if it is packed; None when that is no text, or too much."""
    try:
        value = decompress(letter.value, _MAX_TEXT_BYTES) if "logd-chunk" in letter.headers else letter.value
        return value.decode()
    except (Corrupt, UnicodeDecodeError):
        return None


def _bounded(positions: Sequence[int] | None) -> Sequence[int] | None:
    if positions is not None and len(positions) > _MAX_POSITIONS:
        raise BadRequest("too_many", f"{len(positions)} positions, at most {_MAX_POSITIONS}", "positions")
    return positions


def _position(text: str, where: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 20 and 0 < int(text) <= _MAX_POSITION):
        raise BadRequest("bad_number", f"{where} has {shortened(text)}, expected a position such as 1", where)
    return int(text)
