"""GET /api/v1/logs/histogram: how many records there are by time, and by the values of a field."""

from __future__ import annotations

from itertools import zip_longest
from typing import Annotated, Any, Literal

from aiohttp import web
from msgspec import Meta
from multidict import MultiMapping

from logd.http import schemas
from logd.http.answers import partial, read_tiers
from logd.http.asking import Asking, Question
from logd.http.cached import MAX_AGE
from logd.http.openapi import Answer, Operation
from logd.http.parameters import (
    FILTERS,
    TIMEOUT,
    Parameter,
    boolean,
    duration_us,
    field_of,
    read_filters,
    whole_number,
)
from logd.http.records import start_texts
from logd.query.fields import KEYWORDS
from logd.query.parse import Operator
from logd.seams import MAX_BUCKETS, Buckets, Histogram
from logd.tokens import Scope

_MOST_VALUES = 100
PARAMETERS = (
    *FILTERS,
    Parameter(
        "interval",
        f"Such as 500ms, 10s, 1m or 1d, aligned to the epoch, of which at most {MAX_BUCKETS} may have hits;"
        " auto, which is the default, takes a round one that gives some 100 at most.",
        Literal["auto"] | Annotated[str, Meta(pattern=schemas.DURATION)],
    ),
    Parameter(
        "by",
        f"Count the most frequent values of a field apart: {', '.join(KEYWORDS[1:])}, or a path into metadata.",
    ),
    Parameter("top", "How many values; 10 unless told.", Annotated[int, Meta(ge=1, le=_MOST_VALUES)]),
    Parameter("fill", "Also intervals without hits: between `from` and `to`, or the first hit and the last.", bool),
    TIMEOUT,
    MAX_AGE,
)
OPERATION = Operation(
    "GET",
    "/api/v1/logs/histogram",
    "Count records by time, and by the values of a field",
    PARAMETERS,
    {200: Answer("The counts.", schemas.HistogramAnswer)},
    needs=(Scope.SEARCH,),
)


class Histograms:
    """The handler."""

    def __init__(self, asking: Asking) -> None:
        self._asking = asking

    async def get(self, request: web.Request) -> web.Response:
        """200 with schemas.HistogramAnswer."""
        return await self._asking.answer(request, request.query, self._read)

    def _read(self, query: MultiMapping[str], now: int, default_operator: Operator) -> Question[Histogram, Buckets]:
        asked = read_histogram(query, now, default_operator)
        return Question(
            kind="histogram",
            asked=asked,
            ask=self._asking.searches.histogram,
            body=lambda found, took_ms: answer(asked, found, took_ms),
        )


def read_histogram(query: MultiMapping[str], now: int, default_operator: Operator) -> Histogram:
    """The parameters as a Histogram. Raises BadRequest that names the parameter."""
    wanted = read_filters(query, now, default_operator)
    interval = query.get("interval", "").lower()
    return Histogram(
        query=wanted.query,
        from_us=wanted.from_us,
        to_us=wanted.to_us,
        interval_us=None if interval in ("", "auto") else duration_us(interval, "interval"),
        by=field_of(query["by"], "by") if query.get("by") else None,
        top=whole_number(query, "top", 10, 1, _MOST_VALUES),
        fill=boolean(query, "fill", False),
    )


def answer(asked: Histogram, found: Buckets, took_ms: int) -> dict[str, Any]:
    """The body of a histogram's answer."""
    total = sum(found.counts)
    body: dict[str, Any] = {"total_hits": total, "interval_ms": found.interval_us // 1_000}
    starts = start_texts(found.starts)
    if asked.by is None:
        counts = zip(starts, found.counts, strict=True)
        body["buckets"] = [{"start": start, "count": count} for start, count in counts]
    else:
        body["by"] = asked.by
        sums = zip(found.values, map(sum, found.by_value), strict=True)
        body["values"] = [{"value": value, "count": count} for value, count in sums]
        body["other"] = sum(found.other)
        other = found.other or [0] * len(starts)
        by_start = zip_longest(starts, found.counts, zip(*found.by_value, strict=True), other, fillvalue=())
        body["buckets"] = [
            {"start": start, "count": count, "counts": list(counts), "other": rest}
            for start, count, counts, rest in by_start
        ]
    body["took_ms"] = took_ms
    return {**body, **partial(found.missing), **read_tiers(found.tiers)}
