"""GET /api/v1/logs/export: every matching record, as a stream that is made page by page.

Memory holds two pages, and what is made of one of them. An export that can't go on is cut off, not ended: clients tell
that from its missing last chunk, and go on behind the last record that they have with `after`.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncGenerator, Callable
from typing import Annotated, Literal

import msgspec
import orjson
import pyarrow as pa
from aiohttp import web
from msgspec import Meta
from multidict import MultiDict, MultiMapping

from logd.errors import BadRequest, Unavailable
from logd.flow.clock import now_us
from logd.http import identity
from logd.http.formats import Encoder, Parquet, encoder
from logd.http.intake import STEP_BYTES
from logd.http.ndjson import ndjson
from logd.http.openapi import Answer, Operation
from logd.http.parameters import FILTERS, Parameter, check, choice, read_filters, shortened, whole_number
from logd.http.records import last_place, records
from logd.http.search import MAX_WINDOW, SORT, SORTS
from logd.http.slowest import Watch
from logd.http.turns import Turns
from logd.query.parse import Operator
from logd.query.time import parse_time
from logd.seams import Found, Place, Search, Searches
from logd.tokens import Scope

log = logging.getLogger("logd.api")
_TYPES = {
    "ndjson": "application/x-ndjson",
    "csv": "text/csv",
    "csv-safe": "text/csv",
    "parquet": "application/vnd.apache.parquet",
}
#: Each page has the whole deadline of a search.
_NO_PARAMETERS: MultiMapping[str] = MultiDict()
#: The first comes soon, also where hits are rare.
_FIRST_ROWS = 100
_PAGE_BYTES = 8 * 1024 * 1024
#: Before the tries for a page that can't be had now; then the export is cut off.
_DELAYS_SECONDS = (0.5, 1.0, 2.0, 4.0, 8.0)
PARAMETERS = (
    *FILTERS,
    SORT,
    Parameter(
        "format",
        "What is written; ndjson unless told. In csv-safe, what a spreadsheet would take for formulas begins with `'`.",
        Literal["ndjson", "csv", "csv-safe", "parquet"],
    ),
    Parameter("limit", "At most so many records; all unless told.", Annotated[int, Meta(ge=1)]),
    Parameter(
        "after",
        "`timestamp,log_id` of the last record that is there already: go on behind it. Times should then be absolute.",
    ),
)
OPERATION = Operation(
    "GET",
    "/api/v1/logs/export",
    "Every matching record, of any number",
    PARAMETERS,
    {
        200: Answer(
            "A record a line, or as the format has it. Cut off where it can't go on.",
            str,
            ",".join(dict.fromkeys(_TYPES.values())),
        )
    },
    needs=(Scope.SEARCH,),
)


class Exports:
    """The handler."""

    def __init__(self, turns: Turns, searches: Searches, default_operator: Operator, stall_seconds: float) -> None:
        self._turns = turns
        self._searches = searches
        self._default_operator = default_operator
        self._stall_seconds = stall_seconds

    async def get(self, request: web.Request) -> web.StreamResponse:
        """200 and a stream. What is wrong, or can't be had now, is said instead of it before the first byte."""
        search, limit = read_export(request.query, now_us(), self._default_operator)
        chosen = choice(request.query, "format", "ndjson", {name: name for name in _TYPES})
        pages = self._watched(request, identity.limited(request, search), limit)
        async with contextlib.aclosing(pages):
            first = await anext(pages)
            ending = chosen.removesuffix("-safe")
            headers = {"Content-Disposition": f'attachment; filename="logs.{ending}"'}
            response = web.StreamResponse(headers=headers)
            response.content_type = _TYPES[chosen]
            if request.method == "HEAD":
                return response
            parquet = Parquet() if chosen == "parquet" else None
            encode = ndjson if chosen == "ndjson" else _of_records(parquet or encoder(chosen, ""))
            await response.prepare(request)
            try:
                await self._send(response, encode, first)
                async for page in pages:
                    if reason := await identity.objection(request):
                        raise Unavailable(reason)
                    await self._send(response, encode, page)
                if parquet is not None:
                    await self._write(response, await asyncio.to_thread(parquet.end))
                await response.write_eof()
            except (Unavailable, BadRequest, TimeoutError) as error:
                log.warning("an export of %s is cut off: %s", request.remote, str(error) or "too slow")
                if request.transport is not None:
                    request.transport.abort()
            except ConnectionError:
                pass  # the client has left
        return response

    async def _watched(self, request: web.Request, search: Search, limit: int | None) -> AsyncGenerator[pa.Table, None]:
        """The pages; how long they took is remembered, and not how long the client took for them."""
        with self._turns.slowest.watch(identity.of(request), "export", request.query) as watch:
            async with contextlib.aclosing(self._pages(search, limit, watch)) as pages:
                async for page in pages:
                    yield page

    async def _pages(self, search: Search, limit: int | None, watch: Watch) -> AsyncGenerator[pa.Table, None]:
        """At least one, which may be empty. Each waits for a turn of its own, so that others have theirs between, and
        is looked for while the one before it is written and sent."""
        rows, left = _FIRST_ROWS, limit
        page: asyncio.Task[Found] | None = self._begun(search, rows, left, watch)
        try:
            while page is not None:
                found = await page
                page = None
                count = len(found.table)
                left = None if left is None else left - count
                stopped = found.stopped
                if found.more and left != 0 and (count or stopped is not None):
                    search = msgspec.structs.replace(
                        search, after=stopped.place if stopped else last_place(found.table)
                    )
                    rows = min(MAX_WINDOW, 4 * rows)
                    page = self._begun(search, rows, left, watch)
                yield found.table
        finally:
            if page is not None:
                page.cancel()
                await asyncio.wait([page])
                if not page.cancelled():
                    page.exception()  # nobody asks for it any more

    def _begun(self, search: Search, rows: int, left: int | None, watch: Watch) -> asyncio.Task[Found]:
        wanted = rows if left is None else min(rows, left)
        return asyncio.create_task(self._page(msgspec.structs.replace(search, limit=wanted), watch))

    async def _page(self, search: Search, watch: Watch) -> Found:
        """A whole one."""
        for delay in (*_DELAYS_SECONDS, None):
            try:
                async with self._turns.turn(_NO_PARAMETERS, heavy=True, watch=watch) as seconds:
                    found = await self._searches.search(msgspec.structs.replace(search, within_seconds=seconds))
                if not found.missing:
                    return found
                raise Unavailable(f"lines may be missing: {'; '.join(found.missing)}")
            except (Unavailable, TimeoutError):
                if delay is None or search.after is None:
                    raise
                await asyncio.sleep(delay)
        raise AssertionError

    async def _send(self, response: web.StreamResponse, encode: Callable[[pa.Table], bytes], page: pa.Table) -> None:
        """Raises TimeoutError."""
        await self._write(response, await asyncio.to_thread(encode, page))

    async def _write(self, response: web.StreamResponse, body: bytes) -> None:
        """In pieces, each of which the client has to take in time. Raises TimeoutError."""
        for start in range(0, len(body), STEP_BYTES):
            async with asyncio.timeout(self._stall_seconds):
                await response.write(body[start : start + STEP_BYTES])


def read_export(query: MultiMapping[str], now: int, default_operator: Operator) -> tuple[Search, int | None]:
    """The first page's search, and how many records at most. Raises BadRequest that names the parameter."""
    check(query, PARAMETERS)
    wanted = read_filters(query, now, default_operator)
    limit = whole_number(query, "limit", 0, 1, 2**63 - 1)
    search = Search(
        query=wanted.query,
        from_us=wanted.from_us,
        to_us=wanted.to_us,
        newest_first=choice(query, "sort", "newest", SORTS) == "newest",
        after=_place(query["after"], now) if query.get("after") else None,
        count_limit=0,
        max_bytes=_PAGE_BYTES,
    )
    return search, limit or None


def _place(text: str, now: int) -> Place:
    time, _, log_id = text.partition(",")
    if not log_id:
        raise BadRequest(
            "bad_place", f"after is {shortened(text)}, expected a timestamp, a comma and a log_id", "after"
        )
    return Place(parse_time(time, now, "after"), log_id)


def _of_records(encode: Encoder) -> Callable[[pa.Table], bytes]:
    return lambda table: encode([msgspec.Raw(orjson.dumps(record)) for record in records(table)])
