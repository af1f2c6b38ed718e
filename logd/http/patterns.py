"""GET /api/v1/logs/patterns: the templates of messages, with their counts, and which of them are new."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Annotated, Any

import msgspec
import pyarrow as pa
from aiohttp import web
from msgspec import Meta
from multidict import MultiMapping

from logd.flow.clock import now_us
from logd.http import identity, schemas
from logd.http.answers import json_bytes, partial
from logd.http.cached import MAX_AGE, Cached, Made
from logd.http.openapi import Answer, Operation
from logd.http.parameters import FILTERS, TIMEOUT, Parameter, read_filters, whole_number
from logd.http.records import time_texts
from logd.http.turns import Turns
from logd.query.parse import Operator
from logd.query.time import parse_time
from logd.seams import Mined, Patterns, Searches
from logd.tokens import Scope

_MOST_PATTERNS = 500
PARAMETERS = (
    *FILTERS,
    Parameter("limit", "How many patterns; 50 unless told.", Annotated[int, Meta(ge=1, le=_MOST_PATTERNS)]),
    Parameter(
        "new_since",
        "Only patterns first seen at this time or after it, and not between `from` and it: a time as `from`.",
    ),
    TIMEOUT,
    MAX_AGE,
)
OPERATION = Operation(
    "GET",
    "/api/v1/logs/patterns",
    "The templates of messages, the most frequent first",
    PARAMETERS,
    {200: Answer("The patterns.", schemas.PatternsAnswer)},
    needs=(Scope.SEARCH,),
)


class Mining:
    """The handler."""

    def __init__(self, turns: Turns, cached: Cached, searches: Searches, default_operator: Operator) -> None:
        self._cached = cached
        self._default_operator = default_operator
        self._turns = turns
        self._searches = searches

    async def get(self, request: web.Request) -> web.Response:
        """200 with schemas.PatternsAnswer."""
        query = request.query
        with self._turns.counted() as took_ms:
            asked = identity.limited(request, read_patterns(query, now_us(), self._default_operator))

            async def make() -> Made:
                async with self._turns.turn(query, heavy=True) as seconds:
                    found = await self._searches.patterns(msgspec.structs.replace(asked, within_seconds=seconds))
                took = took_ms()
                body = await asyncio.to_thread(lambda: json_bytes(answer(found, took)))
                return Made(body, whole=not found.missing)

            written = tuple(query.get(name, "") for name in ("from", "to", "new_since"))
            return await self._cached.answer(query, asked, written, make)


def read_patterns(query: MultiMapping[str], now: int, default_operator: Operator) -> Patterns:
    """The parameters as Patterns. Raises BadRequest that names the parameter."""
    wanted = read_filters(query, now, default_operator)
    since = query.get("new_since", "")
    return Patterns(
        query=wanted.query,
        from_us=wanted.from_us,
        to_us=wanted.to_us,
        new_since_us=parse_time(since, now, "new_since") if since else None,
        limit=whole_number(query, "limit", 50, 1, _MOST_PATTERNS),
    )


def answer(found: Mined, took_ms: int) -> dict[str, Any]:
    """The body of an answer."""
    looked_at = max(1, found.total - found.not_looked_at)
    times = [[one.first_us, one.last_us] for one in found.patterns]
    first, last = (_texts([pair[place] for pair in times]) for place in (0, 1))
    patterns = [
        {
            "template": one.template,
            "count": one.count,
            "share": round(one.count / looked_at, 6),
            "first_seen": first_seen,
            "last_seen": last_seen,
            "sample": {"log_id": one.log_id, "message": one.message},
            "services": _values(one.services),
            "other_services": one.other_services,
            "levels": _values(one.levels),
        }
        for one, first_seen, last_seen in zip(found.patterns, first, last, strict=True)
    ]
    warnings = list(found.missing)
    if found.not_looked_at:
        warnings.append(f"only the newest {looked_at} of {found.total} records were looked at: ask for less time")
    return {
        "total_hits": found.total,
        "patterns": patterns,
        "other": found.other,
        "other_patterns": found.others,
        "unmatched": found.unmatched,
        "not_looked_at": found.not_looked_at,
        "coarse": found.coarse,
        "took_ms": took_ms,
        **partial(warnings),
    }


def _texts(times: Sequence[int]) -> list[str]:
    return time_texts(pa.array(times, pa.timestamp("us", "UTC")))


def _values(counts: Sequence[tuple[str | None, int]]) -> list[dict[str, Any]]:
    return [{"value": value, "count": count} for value, count in counts]
