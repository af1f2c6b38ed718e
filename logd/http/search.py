"""GET /api/v1/logs/search: parameters into a Search, hits into JSON."""

from __future__ import annotations

import asyncio
import time
from datetime import datetime
from typing import Annotated, Any

import orjson
import pyarrow as pa
from aiohttp import web
from msgspec import Meta
from multidict import MultiMapping

from logd.config.schema import SearchLimits
from logd.errors import BadRequest, Unavailable
from logd.flow.clock import now_us
from logd.http.answers import json_answer
from logd.http.parameters import FILTERS, Parameter, check, read_filters, whole_number
from logd.parse.mend import mend
from logd.seams import Found, Search, Searches
from logd.telemetry import metrics

#: Deep pages belong to a cursor: every engine pays for each row before the page.
MAX_WINDOW = 10_000
COUNT_LIMIT = 10_000
PARAMETERS = (
    *FILTERS,
    Parameter("limit", "Hits on a page.", Annotated[int, Meta(ge=0, le=MAX_WINDOW)]),
    Parameter(
        "offset", "Hits before the page; with `limit` at most 10,000.", Annotated[int, Meta(ge=0, le=MAX_WINDOW)]
    ),
    Parameter("track_total_hits", "Count all hits, none, or (when absent) exactly to 10,000.", bool),
)


class Searching:
    """The handler with its bounds."""

    def __init__(self, limits: SearchLimits, searches: Searches) -> None:
        self._limits = limits
        self._searches = searches
        self._places = asyncio.Semaphore(limits.concurrent)

    async def handle(self, request: web.Request) -> web.Response:
        """200 {"total_hits", "total_relation", "logs", "took_ms"}; total_hits is left out when nobody counts."""
        started = time.perf_counter()
        try:
            search = read_search(request.query, now_us())
            async with asyncio.timeout(self._limits.deadline_seconds), self._places:
                found = await self._searches.search(search)
        except (BadRequest, Unavailable, TimeoutError) as error:
            metrics.SEARCH_FAILED.labels(type(error).__name__).inc()
            raise
        took = time.perf_counter() - started
        metrics.SEARCH_SECONDS.observe(took)
        return await asyncio.to_thread(lambda: json_answer(answer(found, took)))  # thousands of rows take a while


def read_search(query: MultiMapping[str], now: int) -> Search:
    """The parameters as a Search. Raises BadRequest that names the parameter."""
    check(query, PARAMETERS)
    limit = whole_number(query, "limit", 50, 0, MAX_WINDOW)
    offset = whole_number(query, "offset", 0, 0, MAX_WINDOW)
    if limit + offset > MAX_WINDOW:
        raise BadRequest("window_too_deep", f"offset + limit is {offset + limit}, at most {MAX_WINDOW}", "offset")
    wanted = read_filters(query, now)
    return Search(
        query=wanted.query,
        from_us=wanted.from_us,
        to_us=wanted.to_us,
        limit=limit,
        offset=offset,
        count_limit=_count_limit(query.get("track_total_hits", "")),
    )


def _count_limit(text: str) -> int | None:
    match text:
        case "":
            return COUNT_LIMIT
        case "true":
            return None
        case "false":
            return 0
    raise BadRequest("bad_boolean", f"track_total_hits is {text!r}, expected true or false", "track_total_hits")


def answer(found: Found, took_seconds: float) -> dict[str, Any]:
    """The body of a search's answer."""
    body: dict[str, Any] = {}
    if found.total is not None:
        body["total_hits"] = found.total
        body["total_relation"] = "eq" if found.exact else "gte"
    body["logs"] = records(found.table)
    body["took_ms"] = round(took_seconds * 1000)
    return body


def records(table: pa.Table) -> list[dict[str, Any]]:
    """Rows as they appear in answers: `metadata` a JSON object with the trace id back in it."""
    return [_record(row) for row in table.to_pylist()]


def _record(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "log_id": row["log_id"],
        "timestamp": time_text(row["timestamp"]),
        "level": row["level"],
        "service": row["service"],
        "host": row["host"],
        "source": row["source"],
        "message": row["message"],
        "metadata": orjson.Fragment(_metadata(row["metadata"], row["trace_id"])),
        "tags": row["tags"] or [],
        "trace_id": row["trace_id"],
        "ingested_at": time_text(row["ingested_at"]),
    }


def _metadata(text: str | None, trace_id: str | None) -> str:
    """JSON that every client can read: a number that no double holds would spoil the whole answer for some."""
    try:
        fields = orjson.loads(text or "{}")
    except orjson.JSONDecodeError:
        text = mend(text or "") or "{}"
        fields = orjson.loads(text)
    if trace_id is None or "trace_id" in fields:
        return text or "{}"
    member = f'"trace_id":{orjson.dumps(trace_id).decode()}'
    return f"{{{member},{text[1:]}" if text else f"{{{member}}}"


def time_text(time: datetime) -> str:
    """RFC 3339 in UTC, with milliseconds, or microseconds where there are any."""
    text = time.strftime("%Y-%m-%dT%H:%M:%S")
    if time.year < 1000:  # strftime doesn't pad years
        text = text.rjust(19, "0")
    fraction = f"{time.microsecond:06d}"
    return f"{text}.{fraction[:3] if fraction.endswith('000') else fraction}Z"
