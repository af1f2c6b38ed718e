"""GET /api/v1/slow_searches: the slowest of this process's last hour."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from aiohttp import web
from msgspec import Meta

from logd.http import identity
from logd.http.answers import json_answer
from logd.http.openapi import Answer, Operation
from logd.http.parameters import Parameter, whole_number
from logd.http.records import start_texts
from logd.http.slowest import MOST, Slowest
from logd.tokens import Scope

PATH = "/api/v1/slow_searches"
_MOST_MS = 86_400_000
Kind = Literal[
    "search", "histogram", "stats", "fields", "values", "patterns", "export", "record", "context", "explain", "backtest"
]


class SlowSearch(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A search that came at `at`: `took_ms` in all, of which it waited `waited_ms` for its turn. Long values of
    parameters are cut. `token` is the name of who asked, null where nobody needed a token; `plan` is the engine's, for
    people, of those alone that are slow by search.slow_seconds and done."""

    at: str
    kind: Kind
    took_ms: int
    waited_ms: int
    parameters: dict[str, str]
    token: str | None
    status: Literal["done", "timed_out", "cancelled", "failed"]
    plan: dict[str, Any] | None


class SlowSearches(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The slowest first, of those that have ended from `since` on: an hour ago, or when the process started. A token
    for some services or hosts alone sees its own."""

    since: str
    searches: list[SlowSearch]


OPERATION = Operation(
    "GET",
    PATH,
    f"The slowest searches of the last hour, at most {MOST}",
    (
        Parameter(
            "min_ms",
            "Only those that took so long, or longer; all unless told.",
            Annotated[int, Meta(ge=0, le=_MOST_MS)],
        ),
    ),
    {200: Answer("Those of this process.", SlowSearches)},
    needs=(Scope.ADMIN, Scope.SEARCH),
)


class SlowOnes:
    """The handler."""

    def __init__(self, slowest: Slowest) -> None:
        self._slowest = slowest

    async def get(self, request: web.Request) -> web.Response:
        """200 with SlowSearches."""
        sender = identity.of(request)
        least_seconds = whole_number(request.query, "min_ms", 0, 0, _MOST_MS) / 1_000
        own = sender.token_id if sender.services or sender.hosts else None
        found = self._slowest.found(own, least_seconds)
        since, *starts = start_texts([self._slowest.since_us(), *(one.at_us for one in found)])
        searches = [
            {
                "at": start,
                "kind": one.kind,
                "took_ms": round(one.took_seconds * 1_000),
                "waited_ms": round(one.waited_seconds * 1_000),
                "parameters": one.parameters,
                "token": one.token or None,
                "status": one.status,
                "plan": one.plan,
            }
            for start, one in zip(starts, found, strict=True)
        ]
        return json_answer({"since": since, "searches": searches})
