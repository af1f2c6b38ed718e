"""GET /api/v1/logs/patterns: the templates of messages, with their counts, and which of them are new."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import pyarrow as pa
from aiohttp import web
from msgspec import Meta
from multidict import MultiMapping

from logd.http import schemas
from logd.http.answers import partial, read_tiers
from logd.http.asking import Asking, Question
from logd.http.cached import MAX_AGE
from logd.http.openapi import Answer, Operation
from logd.http.parameters import FILTERS, TIMEOUT, Parameter, read_filters, whole_number
from logd.http.records import time_texts
from logd.query.parse import Operator
from logd.query.time import parse_time
from logd.seams import Mined, Patterns
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

    def __init__(self, asking: Asking) -> None:
        self._asking = asking

    async def get(self, request: web.Request) -> web.Response:
        """200 with schemas.PatternsAnswer."""
        return await self._asking.answer(request, request.query, self._read)

    def _read(self, query: MultiMapping[str], now: int, default_operator: Operator) -> Question[Patterns, Mined]:
        asked = read_patterns(query, now, default_operator)
        return Question(kind="patterns", asked=asked, ask=self._asking.searches.patterns, body=answer)


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
        **read_tiers(found.tiers),
    }


def _texts(times: Sequence[int]) -> list[str]:
    return time_texts(pa.array(times, pa.timestamp("us", "UTC")))


def _values(counts: Sequence[tuple[str | None, int]]) -> list[dict[str, Any]]:
    return [{"value": value, "count": count} for value, count in counts]
