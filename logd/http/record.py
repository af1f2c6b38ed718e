"""GET /api/v1/logs/{log_id}: one record."""

from __future__ import annotations

from aiohttp import web

from logd.errors import BadRequest, NotFound, Unavailable
from logd.flow.clock import now_us
from logd.http import identity, schemas
from logd.http.answers import json_answer
from logd.http.openapi import Answer, Operation
from logd.http.parameters import FROM, TIMEOUT, TO, Parameter, read_filters, shortened
from logd.http.records import records
from logd.http.turns import Turns
from logd.query.tree import Equals
from logd.seams import Search, Searches
from logd.tokens import Scope

OPERATION = Operation(
    "GET",
    "/api/v1/logs/{log_id:(?!ingest$)[^/]+}",  # which is POST's alone
    "One record",
    (Parameter("log_id", "Its id.", place="path"), FROM, TO, TIMEOUT),
    {200: Answer("The newest record with this id.", schemas.Record)},
    needs=(Scope.SEARCH,),
)


class OneRecord:
    """The handler."""

    def __init__(self, turns: Turns, searches: Searches) -> None:
        self._turns = turns
        self._searches = searches

    async def get(self, request: web.Request) -> web.Response:
        """200 with schemas.Record, or 404. Whoever knows the time may say so by `from` and `to`."""
        log_id = request.match_info["log_id"]
        with self._turns.counted():
            times = read_filters(request.query, now_us())
            query = identity.within(request, Equals("log_id", log_id))
            search = Search(query=query, from_us=times.from_us, to_us=times.to_us, limit=1, count_limit=0)
            async with self._turns.turn_of(request, "record", request.query):
                found = await self._searches.search(search)
        if found.stopped is not None and not len(found.table):
            raise BadRequest("too_many_lines", found.stopped.why)
        if found.missing and not len(found.table):
            raise Unavailable(f"whether a record has the log_id {shortened(log_id)} can't be told: {found.missing[0]}")
        if not len(found.table):
            raise NotFound(f"no record has the log_id {shortened(log_id)}")
        return json_answer(records(found.table)[0])
