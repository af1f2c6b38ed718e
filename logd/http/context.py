"""GET /api/v1/logs/{log_id}/context: a record, and those before and after it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Annotated, Literal, NamedTuple

import msgspec
import pyarrow as pa
from aiohttp import web
from msgspec import Meta

from logd import chunk
from logd.errors import BadRequest, NotFound, Unavailable
from logd.flow.clock import now_us
from logd.http import identity, schemas
from logd.http.answers import json_bytes, partial
from logd.http.ingest import SOURCE
from logd.http.openapi import Answer, Operation
from logd.http.parameters import (
    DEFAULT_OPERATOR,
    FROM,
    TIMEOUT,
    TO,
    Parameter,
    choice,
    read_filters,
    shortened,
    whole_number,
)
from logd.http.records import last_place, records
from logd.http.selection import FIELDS, Selection, read_selection
from logd.http.turns import Turns
from logd.query.parse import Operator
from logd.query.time import parse_time
from logd.query.tree import And, Equals, Exists, Node, Not
from logd.seams import Found, Search, Searches
from logd.tokens import Scope

#: Of records on each side; more is what a search is for.
MOST = 1_000
_UNLESS_TOLD = 5
#: What records without a position have in common with their neighbours.
_SAME = ("service", "host", "source")
_ORDERS = {"auto": "auto", "position": "position", "time": "time"}
_Number = Annotated[int, Meta(ge=0, le=MOST)]
OPERATION = Operation(
    "GET",
    "/api/v1/logs/{log_id:[^/]+}/context",
    "A record, and those before and after it in its file",
    (
        Parameter("log_id", "Its id.", place="path"),
        Parameter("before", f"How many before it; {_UNLESS_TOLD} unless told.", _Number),
        Parameter("after", f"How many after it; {_UNLESS_TOLD} unless told.", _Number),
        Parameter("q", "Only those that match this query; the record itself needn't."),
        Parameter(
            "order",
            "What before and after mean: by `position` in the file, whatever the times are, or by `time`, among the"
            " records of the same service, host and source. Unless told, by position where there is one: a record with"
            " an id of its client's, one that came over the ingest endpoint or from another producer has none.",
            Literal["auto", "position", "time"],
        ),
        Parameter("at", "The record's time, as answers have it: with it, a large index finds the record at once."),
        FROM,
        TO,
        DEFAULT_OPERATOR,
        FIELDS,
        TIMEOUT,
    ),
    {200: Answer("The record, and its neighbours.", schemas.ContextAnswer)},
    needs=(Scope.SEARCH,),
)


class _Sides(NamedTuple):
    """Records before the line, the nearest first, and after it."""

    before: Found
    after: Found

    @property
    def missing(self) -> list[str]:
        return list(dict.fromkeys((*self.before.missing, *self.after.missing)))

    def cut(self, before: int, after: int) -> _Sides:
        """With so many at most."""
        sides = ((self.before, before), (self.after, after))
        return _Sides(*(msgspec.structs.replace(found, table=found.table.slice(0, most)) for found, most in sides))


class Contexts:
    """The handler."""

    def __init__(self, turns: Turns, searches: Searches, default_operator: Operator) -> None:
        self._default_operator = default_operator
        self._searches = searches
        self._turns = turns

    async def get(self, request: web.Request) -> web.Response:
        """200 with schemas.ContextAnswer, or 404. `from` and `to` are of all records in it."""
        query, log_id = request.query, request.match_info["log_id"]
        with self._turns.counted() as took_ms:
            order = choice(query, "order", "auto", _ORDERS)
            before, after = (whole_number(query, side, _UNLESS_TOLD, 0, MOST) for side in ("before", "after"))
            selection = read_selection(query)
            wanted = read_filters(query, now_us(), self._default_operator)
            at_us = parse_time(query["at"], now_us(), "at") if query.get("at") else None
            if order == "position" and chunk.ends_of_source(log_id) is None:
                message = f"the log_id {shortened(log_id)} tells no position in a file: ask by time"
                raise BadRequest("no_position", message, "order")
            async with self._turns.turn_of(request, "context", query) as seconds:
                asked = identity.limited(
                    request,
                    Search(
                        query=wanted.query,
                        from_us=wanted.from_us,
                        to_us=wanted.to_us,
                        count_limit=0,
                        within_seconds=seconds,
                        columns=None if selection is None else (*selection.reads, *_SAME),
                    ),
                )
                line = await self._line(log_id, identity.limited(request, _of_id(asked, log_id)), at_us)
                sides, by = await self._sides(line, asked, order, (before, after))
            return _response([line, sides.before.table, sides.after.table], selection, by, sides.missing, took_ms())

    async def _line(self, log_id: str, asked: Search, at_us: int | None) -> pa.Table:
        """Where it isn't at that time, it may be at another. Raises NotFound, and Unavailable when it can't be told."""
        if at_us is not None and (asked.from_us is None or at_us >= asked.from_us):
            upto = at_us + 1 if asked.to_us is None else min(at_us + 1, asked.to_us)
            found = await self._searches.search(msgspec.structs.replace(asked, from_us=at_us, to_us=upto))
            if len(found.table):
                return found.table
        found = await self._searches.search(asked)
        if found.stopped is not None and not len(found.table):
            raise BadRequest("too_many_lines", found.stopped.why)
        if found.missing and not len(found.table):
            raise Unavailable(f"whether a record has the log_id {shortened(log_id)} can't be told: {found.missing[0]}")
        if not len(found.table):
            raise NotFound(f"no record has the log_id {shortened(log_id)}")
        return found.table

    async def _sides(
        self, line: pa.Table, asked: Search, order: str, wanted: tuple[int, int]
    ) -> tuple[_Sides, Literal["position", "time"]]:
        asked = msgspec.structs.replace(asked, after=last_place(line))
        before, after = wanted
        if order == "position" or (order == "auto" and _has_position(line)):
            # One more look on a side that nobody wants: whether the source has other lines at all.
            by_position = msgspec.structs.replace(asked, by_position=True)
            sides = await self._both(by_position, max(1, before), max(1, after))
            some = any((len(sides.before.table), len(sides.after.table), sides.missing))
            if order == "position" or some:
                return sides.cut(before, after), "position"
        query = And((*_same(line), asked.query))
        return await self._both(msgspec.structs.replace(asked, query=query), before, after), "time"

    async def _both(self, asked: Search, before: int, after: int) -> _Sides:
        """Side by side: each takes as long."""
        behind = asyncio.ensure_future(
            self._searches.search(msgspec.structs.replace(asked, limit=after, newest_first=False))
        )
        try:
            ahead = await self._searches.search(msgspec.structs.replace(asked, limit=before))
            return _Sides(ahead, await behind)
        finally:
            behind.cancel()  # no more than a word when it has ended
            await asyncio.wait([behind])
            if not behind.cancelled():
                behind.exception()  # the other one's is told


def _of_id(asked: Search, log_id: str) -> Search:
    return msgspec.structs.replace(asked, query=Equals("log_id", log_id), limit=1)


def _has_position(line: pa.Table) -> bool:
    """What comes over the ingest endpoint is a source of its own with each request."""
    return line["source"][0].as_py() != SOURCE and chunk.ends_of_source(line["log_id"][0].as_py()) is not None


def _same(line: pa.Table) -> list[Node]:
    """The record's service, host and source."""
    values = [(name, line[name][0].as_py()) for name in _SAME]
    return [Not(Exists(name)) if value is None else Equals(name, value) for name, value in values]


def _response(
    tables: Sequence[pa.Table], selection: Selection | None, order: str, missing: Sequence[str], took_ms: int
) -> web.Response:
    """`tables` are the line, what is before it, the nearest first, and what is after it."""
    line, before, after = (records(table, selection) for table in tables)
    body = {
        "log": line[0],
        "before": before[::-1],
        "after": after,
        "order": order,
        "took_ms": took_ms,
        **partial(missing),
    }
    return web.Response(body=json_bytes(body), content_type="application/json")
