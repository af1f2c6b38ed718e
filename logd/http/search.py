"""GET /api/v1/logs/search: parameters into a Search, hits into JSON."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from datetime import datetime
from typing import Any

import orjson
import pyarrow as pa
from aiohttp import web
from multidict import MultiMapping

from logd.config.schema import SearchLimits
from logd.errors import BadRequest, Unavailable
from logd.flow.clock import now_us
from logd.http.answers import json_answer
from logd.parse.mend import mend
from logd.query.parse import parse
from logd.query.time import parse_time
from logd.query.tree import And, Equals, Everything, Node, Or
from logd.seams import Found, Index, Search
from logd.telemetry import metrics

#: Deep pages belong to a cursor: every engine pays for each row before the page.
MAX_WINDOW = 10_000
COUNT_LIMIT = 10_000
_FILTERS = ("service", "level", "host")
_PARAMETERS = {"q", *_FILTERS, "from", "to", "limit", "offset", "track_total_hits"}


class Searching:
    """The handler with its bounds."""

    def __init__(self, limits: SearchLimits, index: Index) -> None:
        self._limits = limits
        self._index = index
        self._places = asyncio.Semaphore(limits.concurrent)

    async def handle(self, request: web.Request) -> web.Response:
        """200 {"total_hits", "total_relation", "logs", "took_ms"}; total_hits is left out when nobody counts."""
        started = time.perf_counter()
        try:
            search = read_search(request.query, now_us())
            async with asyncio.timeout(self._limits.deadline_seconds), self._places:
                found = await self._index.search(search)
        except (BadRequest, Unavailable, TimeoutError) as error:
            metrics.SEARCH_FAILED.labels(type(error).__name__).inc()
            raise
        took = time.perf_counter() - started
        metrics.SEARCH_SECONDS.observe(took)
        return await asyncio.to_thread(lambda: json_answer(answer(found, took)))  # thousands of rows take a while


def read_search(query: MultiMapping[str], now: int) -> Search:
    """The parameters as a Search. Raises BadRequest that names the parameter."""
    for name in query:
        if name not in _PARAMETERS:
            expected = ", ".join(sorted(_PARAMETERS))
            raise BadRequest("unknown_parameter", f"parameter {name!r} is unknown, expected one of {expected}", name)
    limit = _number(query, "limit", 50, MAX_WINDOW)
    offset = _number(query, "offset", 0, MAX_WINDOW)
    if limit + offset > MAX_WINDOW:
        raise BadRequest("window_too_deep", f"offset + limit is {offset + limit}, at most {MAX_WINDOW}", "offset")
    from_us = parse_time(query["from"], now, "from") if query.get("from") else None
    to_us = parse_time(query["to"], now, "to") if query.get("to") else None
    if from_us is not None and to_us is not None and from_us > to_us:
        raise BadRequest("bad_range", f"from {query['from']!r} is after to {query['to']!r}", "from")
    parts = [parse(query.get("q", "")), *_filters(query)]
    wanted = tuple(part for part in parts if not isinstance(part, Everything))
    node: Node = Everything() if not wanted else wanted[0] if len(wanted) == 1 else And(wanted)
    return Search(
        query=node,
        from_us=from_us,
        to_us=to_us,
        limit=limit,
        offset=offset,
        count_limit=_count_limit(query.get("track_total_hits", "")),
    )


def _filters(query: MultiMapping[str]) -> Iterable[Node]:
    """A filter's values, repeated or with commas, are alternatives."""
    for field in _FILTERS:
        texts = [value.strip() for text in query.getall(field, ()) for value in text.split(",")]
        values = tuple(Equals(field, value) for value in dict.fromkeys(texts) if value)
        if values:
            yield values[0] if len(values) == 1 else Or(values)


def _number(query: MultiMapping[str], name: str, default: int, most: int) -> int:
    text = query.get(name, "")
    if not text:
        return default
    if not (text.isascii() and text.isdigit() and len(text) < 10 and int(text) <= most):
        raise BadRequest("bad_number", f"{name} is {text!r}, expected a whole number from 0 to {most}", name)
    return int(text)


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
