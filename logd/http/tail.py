"""GET /api/v1/logs/tail: matching lines as they come, as server-sent events, or by a WebSocket (tail_socket.py).

    event: open     from where on the client gets everything
    (no name)       a line, as a record in a search's answer
    event: missed   {"lines": n}: so many lines matched that the client was too slow for, or that were over its rate
    event: gap      {"from", "to"}: resume ids; what was between is no longer in the queue
    event: end      {"reason"}: the last one

Every event but the last has an id. A client that comes back with the last id it has seen, as the header Last-Event-ID
or the parameter `last_event_id`, gets what comes after it, no line twice.
"""

from __future__ import annotations

import contextlib
import functools
import logging
from collections.abc import Iterator
from typing import Annotated

from aiohttp import web
from msgspec import Meta
from multidict import MultiMapping

from logd.errors import BadRequest
from logd.flow.clock import now_us
from logd.http import identity, tail_socket
from logd.http.openapi import Answer, Operation
from logd.http.parameters import (
    DEFAULT_OPERATOR,
    HOST,
    LEVEL,
    MAX_VALUES,
    SERVICE,
    Parameter,
    Q,
    read_filters,
    whole_number,
)
from logd.query.parse import Operator
from logd.query.sql import compile_sql
from logd.query.tree import Node
from logd.tail import events
from logd.tail.places import Places, parse_resume_id
from logd.tail.tailing import Tail, Tailing
from logd.tokens import Scope

log = logging.getLogger("logd.api")
_CONTENT_TYPE = "text/event-stream"
_LAST_EVENT_ID = Parameter("last_event_id", "Go on after the event with this id; the header Last-Event-ID wins.")
_RATE = Parameter(
    "rate",
    "New lines a second at most, at most search.tail_rate; of what comes together the newest.",
    Annotated[int, Meta(ge=1)],
)
OPERATION = Operation(
    "GET",
    "/api/v1/logs/tail",
    "Matching lines as they come",
    (Q, SERVICE, LEVEL, HOST, DEFAULT_OPERATOR, _RATE, _LAST_EVENT_ID),
    {200: Answer("Server-sent events: open, then lines without a name, missed, gap, end.", str, _CONTENT_TYPE)},
    needs=(Scope.SEARCH,),
)
_HEADERS = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}


class Tails:
    """The handler."""

    def __init__(self, tailing: Tailing, default_operator: Operator, most: int) -> None:
        """`most` lines a second for each, 0 is any number."""
        self._most = most
        self._tailing = tailing
        self._default_operator = default_operator

    async def get(self, request: web.Request) -> web.StreamResponse:
        """200 and a stream that the client ends, or the server when it stops. To HEAD, the headers only."""
        node, places = read_tail(request.query, request.headers.get("Last-Event-ID", ""), self._default_operator)
        rate = whole_number(request.query, _RATE.name, 0, 1, 2**62)
        rate = min(rate, self._most) if rate and self._most else rate or self._most
        if request.method == "HEAD":
            return web.Response(content_type=_CONTENT_TYPE, charset="utf-8", headers=_HEADERS)
        async with self._tailing.join(identity.within(request, node), places, rate) as tail:
            if tail_socket.wanted(request):
                return await self._by_socket(request, tail)
            response = web.StreamResponse(headers=_HEADERS)
            response.content_type = _CONTENT_TYPE
            response.charset = "utf-8"
            with _cut_off(request):
                await response.prepare(request)
                await _write(tail, response, functools.partial(identity.objection, request))
        return response

    async def _by_socket(self, request: web.Request, tail: Tail) -> web.StreamResponse:
        with _cut_off(request):
            return await tail_socket.serve(request, tail)
        return web.Response()  # nobody gets it


@contextlib.contextmanager
def _cut_off(request: web.Request) -> Iterator[None]:
    """Around writing to a client, which may have left, or take nothing."""
    try:
        yield
    except TimeoutError:
        log.info("a tail of %s is cut off: it took nothing for too long", request.remote)
        if request.transport is not None:
            request.transport.abort()
    except ConnectionError:
        pass


async def _write(tail: Tail, response: web.StreamResponse, objection: identity.Objection) -> None:
    """Until the tail ends, or its client may no longer see it: asked before each write, heartbeats among them."""
    async with contextlib.aclosing(tail.bodies()) as bodies:
        async for body in bodies:
            reason = await objection()
            async with tail.writing():
                await response.write(events.ended(reason) if reason else body)
            if reason:
                break
    async with tail.writing():
        await response.write_eof()


def read_tail(query: MultiMapping[str], last_event_id: str, default_operator: Operator) -> tuple[Node, Places]:
    """The filter, and the client's place. Raises BadRequest that names the parameter."""
    places = parse_resume_id(last_event_id or query.get(_LAST_EVENT_ID.name, ""))
    node = read_filters(query, now_us(), default_operator).query
    if (count := len(compile_sql(node).parameters)) > MAX_VALUES:
        raise BadRequest("query_too_large", f"the query has {count} values, a tail takes at most {MAX_VALUES}", "q")
    return node, places
