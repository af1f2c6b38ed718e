"""GET /api/v1/logs/fields and /api/v1/logs/fields/{name}/values: which fields records have, and the values of one."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from aiohttp import web
from msgspec import Meta
from multidict import MultiMapping

from logd.errors import BadRequest
from logd.flow.clock import now_us
from logd.http import identity, schemas
from logd.http.answers import json_bytes, partial
from logd.http.cached import MAX_AGE, Cached, Made
from logd.http.openapi import Answer, Operation
from logd.http.parameters import FILTERS, TIMEOUT, Parameter, read_filters, whole_number
from logd.http.stats import estimated, field_of
from logd.http.turns import Turns
from logd.query.parse import Operator
from logd.seams import MAX_GROUPS, SAMPLE_ROWS, Fields, FoundFields, Groups, Searches, Stats
from logd.tokens import Scope

#: More than anybody looks through.
_MOST_FIELDS = 1_000
#: No value that is found is longer.
_LONGEST_PREFIX = 1_024
_NEEDS = (Scope.SEARCH,)
LIST = Operation(
    "GET",
    "/api/v1/logs/fields",
    f"Which fields records have, by a sample of {SAMPLE_ROWS} where there are more",
    (
        *FILTERS,
        Parameter(
            "top",
            f"How many, of those that most records have; {_MOST_FIELDS} unless told.",
            Annotated[int, Meta(ge=1, le=_MOST_FIELDS)],
        ),
        TIMEOUT,
        MAX_AGE,
    ),
    {200: Answer("The fields.", schemas.FieldsAnswer)},
    needs=_NEEDS,
)
VALUES = Operation(
    "GET",
    "/api/v1/logs/fields/{name}/values",
    "The most frequent values of a field",
    (
        Parameter("name", "A keyword column, or a path into metadata.", place="path"),
        *FILTERS,
        Parameter(
            "prefix", "Only values that begin so, in their case.", Annotated[str, Meta(max_length=_LONGEST_PREFIX)]
        ),
        Parameter("top", "How many values; 10 unless told.", Annotated[int, Meta(ge=1, le=MAX_GROUPS)]),
        TIMEOUT,
        MAX_AGE,
    ),
    {200: Answer("The values.", schemas.ValuesAnswer)},
    needs=_NEEDS,
)


class FieldNames:
    """The handlers."""

    def __init__(self, turns: Turns, cached: Cached, searches: Searches, default_operator: Operator) -> None:
        self._cached = cached
        self._default_operator = default_operator
        self._turns = turns
        self._searches = searches

    async def list(self, request: web.Request) -> web.Response:
        """200 with schemas.FieldsAnswer."""
        query = request.query
        with self._turns.counted() as took_ms:
            wanted = read_filters(query, now_us(), self._default_operator)
            top = whole_number(query, "top", _MOST_FIELDS, 1, _MOST_FIELDS)
            asked = identity.limited(request, Fields(query=wanted.query, from_us=wanted.from_us, to_us=wanted.to_us))

            async def make() -> Made:
                async with self._turns.turn(query, heavy=True) as seconds:
                    found = await self._searches.fields(msgspec.structs.replace(asked, within_seconds=seconds))
                return Made(json_bytes(_fields(found, top, took_ms())), whole=not found.missing)

            return await self._cached.answer(query, asked, (*_times(query), top), make)

    async def values(self, request: web.Request) -> web.Response:
        """200 with schemas.ValuesAnswer."""
        query, name = request.query, request.match_info["name"]
        with self._turns.counted() as took_ms:
            field = field_of(name, "name")
            wanted = read_filters(query, now_us(), self._default_operator)
            prefix = query.get("prefix", "")
            if len(prefix) > _LONGEST_PREFIX:
                message = f"prefix has {len(prefix)} characters, at most {_LONGEST_PREFIX}"
                raise BadRequest("prefix_too_long", message, "prefix")
            stats = Stats(
                query=wanted.query,
                from_us=wanted.from_us,
                to_us=wanted.to_us,
                by=(field,),
                top=whole_number(query, "top", 10, 1, MAX_GROUPS),
                prefix=prefix,
            )
            asked = identity.limited(request, stats)

            async def make() -> Made:
                async with self._turns.turn(query, heavy=True) as seconds:
                    found = await self._searches.stats(msgspec.structs.replace(asked, within_seconds=seconds))
                return Made(json_bytes(_values(name, found, took_ms())), whole=not found.missing)

            return await self._cached.answer(query, asked, (*_times(query), name), make)


def _times(query: MultiMapping[str]) -> tuple[str, str]:
    """As they were written."""
    return query.get("from", ""), query.get("to", "")


def _fields(found: FoundFields, top: int, took_ms: int) -> dict[str, Any]:
    ranked = sorted(found.counts.items(), key=lambda one: (-one[1].count, one[0]))
    return {
        "total_hits": found.total,
        "sampled_rows": found.sampled,
        "fields": [
            {"name": name, "types": sorted(one.types), "count": one.count, "share": round(one.count / found.sampled, 4)}
            for name, one in ranked[:top]
        ],
        "more": max(0, len(ranked) - top),
        "took_ms": took_ms,
        **partial(found.missing),
    }


def _values(name: str, found: Groups, took_ms: int) -> dict[str, Any]:
    return {
        "field": name,
        "total_hits": found.total,
        "values": [{"value": group.values[0], "count": group.count} for group in found.groups],
        "other": found.other,
        "missing": found.without,
        **estimated(found, ()),
        "took_ms": took_ms,
        **partial(found.missing),
    }
