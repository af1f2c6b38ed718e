"""GET /api/v1/logs/fields and /api/v1/logs/fields/{name}/values: which fields records have, and the values of one."""

from __future__ import annotations

from typing import Annotated, Any

from aiohttp import web
from msgspec import Meta
from multidict import MultiMapping

from logd.errors import BadRequest
from logd.http import schemas
from logd.http.answers import partial, read_tiers
from logd.http.asking import Asking, Question
from logd.http.cached import MAX_AGE
from logd.http.openapi import Answer, Operation
from logd.http.parameters import FILTERS, TIMEOUT, Parameter, field_of, read_filters, whole_number
from logd.http.stats import estimated
from logd.query.parse import Operator
from logd.seams import MAX_GROUPS, SAMPLE_ROWS, Fields, FoundFields, Groups, Stats
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

    def __init__(self, asking: Asking) -> None:
        self._asking = asking

    async def list(self, request: web.Request) -> web.Response:
        """200 with schemas.FieldsAnswer."""
        return await self._asking.answer(request, request.query, self._list)

    async def values(self, request: web.Request) -> web.Response:
        """200 with schemas.ValuesAnswer."""
        name = request.match_info["name"]
        return await self._asking.answer(request, request.query, lambda *read: self._values(name, *read))

    def _list(self, query: MultiMapping[str], now: int, default_operator: Operator) -> Question[Fields, FoundFields]:
        wanted = read_filters(query, now, default_operator)
        top = whole_number(query, "top", _MOST_FIELDS, 1, _MOST_FIELDS)
        return Question(
            kind="fields",
            asked=Fields(query=wanted.query, from_us=wanted.from_us, to_us=wanted.to_us),
            ask=self._asking.searches.fields,
            body=lambda found, took_ms: _fields(found, top, took_ms),
            belongs_to=top,
        )

    def _values(
        self, name: str, query: MultiMapping[str], now: int, default_operator: Operator
    ) -> Question[Stats, Groups]:
        field = field_of(name, "name")
        wanted = read_filters(query, now, default_operator)
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
        return Question(
            kind="values",
            asked=stats,
            ask=self._asking.searches.stats,
            body=lambda found, took_ms: _values(name, found, took_ms),
            belongs_to=name,
        )


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
        **read_tiers(found.tiers),
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
        **read_tiers(found.tiers),
    }
