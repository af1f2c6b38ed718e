"""GET and POST /api/v1/logs/stats: figures of groups, and of these by time."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated, Any, Literal, NamedTuple

from aiohttp import web
from msgspec import Meta
from multidict import MultiMapping

from logd.errors import BadRequest
from logd.http import schemas
from logd.http.answers import partial, read_tiers
from logd.http.asking import Asking, Question
from logd.http.cached import MAX_AGE
from logd.http.openapi import Answer, Operation
from logd.http.parameters import (
    FILTERS,
    TIMEOUT,
    Parameter,
    check,
    duration_us,
    field_of,
    in_body,
    read_filters,
    shortened,
    whole_number,
)
from logd.http.records import start_texts
from logd.query.fields import KEYWORDS, METADATA
from logd.query.parse import Operator
from logd.seams import MAX_BY, MAX_CELLS, MAX_GROUPS, Aggregate, Cell, Function, Groups, Stats
from logd.tokens import Scope

_COUNT = "count"
#: Each takes memory for every group.
_MOST_AGGREGATES = 20
_AGGREGATE = re.compile(r"\s*([^(),\s]+)\((.*?)\)\s*(?:,|\Z)", re.DOTALL)
_FUNCTIONS = ", ".join(one for one in Function if one is not Function.BYTES)
_MESSAGE = "message"
PARAMETERS = (
    *FILTERS,
    Parameter(
        "by",
        f"The fields whose values make groups, at most {MAX_BY}: {', '.join(KEYWORDS[1:])}, or paths into metadata.",
        repeats=True,
    ),
    Parameter(
        "aggregate",
        f"What to say of each group beside its count: {_FUNCTIONS}, each with a field, such as p95(latency_ms)."
        " All but distinct are of numbers in metadata, and of strings that are numbers."
        " bytes(message) is how many bytes of UTF-8 the messages have together.",
        repeats=True,
    ),
    Parameter("order", "Of which the top groups have the most: one of the aggregates; count unless told."),
    Parameter("top", "How many groups; 10 unless told.", Annotated[int, Meta(ge=1, le=MAX_GROUPS)]),
    Parameter(
        "interval",
        "Say it of each group by time, too: by a time such as 10s, 1m or 1d, aligned to the epoch, or auto, which takes"
        f" a round one that gives some 100 at most. At most {MAX_CELLS} in all groups may have hits.",
        Literal["auto"] | Annotated[str, Meta(pattern=schemas.DURATION)],
    ),
    TIMEOUT,
    MAX_AGE,
)
_ANSWERS = {200: Answer("The top groups.", schemas.StatsAnswer)}
_PATH, _NEEDS = "/api/v1/logs/stats", (Scope.SEARCH,)
GET = Operation("GET", _PATH, "Count records by the values of fields, with figures", PARAMETERS, _ANSWERS, needs=_NEEDS)
POST = Operation("POST", _PATH, "The same, with parameters too long for a URL", (), _ANSWERS, PARAMETERS, needs=_NEEDS)


class Asked(NamedTuple):
    """What is asked, and by which names."""

    stats: Stats
    by: tuple[str, ...]
    aggregates: tuple[str, ...]


class Figures:
    """The handlers."""

    def __init__(self, asking: Asking) -> None:
        self._asking = asking

    async def get(self, request: web.Request) -> web.Response:
        """200 with schemas.StatsAnswer."""
        return await self._asking.answer(request, request.query, self._read)

    async def post(self, request: web.Request) -> web.Response:
        """The same."""
        return await self._asking.answer(request, await in_body(request), self._read)

    def _read(self, query: MultiMapping[str], now: int, default_operator: Operator) -> Question[Stats, Groups]:
        asked = read_stats(query, now, default_operator)
        return Question(
            kind="stats",
            asked=asked.stats,
            ask=self._asking.searches.stats,
            body=lambda found, took_ms: answer(asked, found, took_ms),
            belongs_to=(asked.by, asked.aggregates),
        )


def read_stats(query: MultiMapping[str], now: int, default_operator: Operator) -> Asked:
    """The parameters as Stats. Raises BadRequest that names the parameter."""
    check(query, PARAMETERS)
    wanted = read_filters(query, now, default_operator)
    names = [name.strip() for text in query.getall("by", ()) for name in text.split(",")]
    by = {name: field_of(name, "by") for name in names if name}
    if len(by) > MAX_BY:
        raise BadRequest("too_many_fields", f"by has {len(by)} fields, at most {MAX_BY}", "by")
    if len(set(by.values())) < len(by):
        raise BadRequest("bad_field", f"by names a field twice: {', '.join(by)}", "by")
    aggregates = dict(_aggregates(query.getall("aggregate", ())))
    if len(aggregates) > _MOST_AGGREGATES:
        message = f"there are {len(aggregates)} aggregates, at most {_MOST_AGGREGATES}"
        raise BadRequest("too_many_aggregates", message, "aggregate")
    order = query.get("order", "").strip()
    if order not in ("", _COUNT, *aggregates):
        expected = f"expected one of {', '.join([_COUNT, *aggregates])}, which are the aggregates that are asked for"
        raise BadRequest("bad_choice", f"order is {shortened(order)}, {expected}", "order")
    interval = query.get("interval", "").lower()
    stats = Stats(
        query=wanted.query,
        from_us=wanted.from_us,
        to_us=wanted.to_us,
        aggregates=tuple(aggregates.values()),
        by=tuple(by.values()),
        by_time=bool(interval),
        interval_us=None if interval in ("", "auto") else duration_us(interval, "interval"),
        order=None if order in ("", _COUNT) else list(aggregates).index(order),
        top=whole_number(query, "top", 10, 1, MAX_GROUPS),
    )
    return Asked(stats, tuple(by), tuple(aggregates))


def _aggregates(texts: Sequence[str]) -> list[tuple[str, Aggregate]]:
    """By their names."""
    found = []
    for text in texts:
        at = 0
        while at < len(text):
            one = _AGGREGATE.match(text, at)
            if one is None or one[1] not in set(Function):
                expected = f"expected one of {_FUNCTIONS} with a field, such as p95(latency_ms), or bytes(message)"
                raise BadRequest("bad_aggregate", f"aggregate is {shortened(text[at:])}, {expected}", "aggregate")
            at = one.end()
            function = Function(one[1])
            if function is Function.BYTES:
                found.append((f"{function}({_MESSAGE})", _bytes_of(one[2].strip())))
                continue
            field = field_of(one[2].strip(), "aggregate")
            if function is not Function.DISTINCT and not field.startswith(METADATA):
                raise BadRequest("bad_aggregate", f"{field} has no numbers, only metadata does", "aggregate")
            found.append((f"{function}({one[2].strip()})", Aggregate(function, field)))
    return found


def _bytes_of(name: str) -> Aggregate:
    """Raises BadRequest."""
    if name != _MESSAGE:
        raise BadRequest("bad_aggregate", f"bytes is of message, not of {shortened(name)}", "aggregate")
    return Aggregate(Function.BYTES, _MESSAGE)


def answer(asked: Asked, found: Groups, took_ms: int) -> dict[str, Any]:
    """The body of the answer."""
    texts = iter(start_texts([cell.start_us for group in found.groups for cell in group.cells]))

    def figures(values: Sequence[float | None]) -> dict[str, Any]:
        return {"stats": dict(zip(asked.aggregates, values, strict=True))} if asked.aggregates else {}

    def bucket(cell: Cell) -> dict[str, Any]:
        return {"start": next(texts), "count": cell.count, **figures(cell.figures)}

    body: dict[str, Any] = {"total_hits": found.total}
    if asked.stats.by_time:
        body["interval_ms"] = found.interval_us // 1_000
    body["groups"] = [
        {
            "values": dict(zip(asked.by, group.values, strict=True)),
            "count": group.count,
            **figures(group.figures),
            **({"buckets": [bucket(cell) for cell in group.cells]} if asked.stats.by_time else {}),
        }
        for group in found.groups
    ]
    body["other"] = found.other
    return {
        **body,
        **estimated(found, asked.aggregates),
        "took_ms": took_ms,
        **partial(found.missing),
        **read_tiers(found.tiers),
    }


def estimated(found: Groups, aggregates: Sequence[str]) -> dict[str, Any]:
    """What an answer says of itself in which an engine has estimated something."""
    names = [*([_COUNT] if found.estimated_groups else []), *(aggregates[place] for place in found.estimated)]
    return {"approximate": names} if names else {}
