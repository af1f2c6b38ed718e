"""GET /api/v1/logs/explain: what a search is taken for, and what it would look at."""

from __future__ import annotations

import msgspec
from aiohttp import web

from logd.flow.clock import now_us
from logd.http import identity, schemas
from logd.http.answers import json_bytes
from logd.http.openapi import Answer, Operation
from logd.http.parameters import operator_of
from logd.http.saved import applied
from logd.http.search import PARAMETERS, read_search
from logd.http.turns import Turns
from logd.query.describe import describe
from logd.query.parse import Operator
from logd.seams import SavedSearches, Searches
from logd.tokens import Scope

OPERATION = Operation(
    "GET",
    "/api/v1/logs/explain",
    "What a search is taken for, and what it would look at; its parameters are a search's",
    PARAMETERS,
    {200: Answer("The tree and the plan.", schemas.ExplainAnswer)},
    needs=(Scope.SEARCH,),
)


class Explaining:
    """The handler."""

    def __init__(self, turns: Turns, searches: Searches, saved: SavedSearches, default_operator: Operator) -> None:
        self._default_operator = default_operator
        self._saved = saved
        self._searches = searches
        self._turns = turns

    async def get(self, request: web.Request) -> web.Response:
        """200 with schemas.ExplainAnswer."""
        query = await applied(self._saved, request.query)
        with self._turns.counted() as took_ms:
            asked = identity.limited(request, read_search(query, now_us(), self._default_operator).search)
            async with self._turns.turn_of(request, "explain", query) as seconds:
                plan = await self._searches.explain(msgspec.structs.replace(asked, within_seconds=seconds))
        body = {
            "tree": describe(asked.query),
            "query": msgspec.to_builtins(asked.query),
            "default_operator": operator_of(query, self._default_operator),
            "plan": plan,
            "took_ms": took_ms(),
        }
        return web.Response(body=json_bytes(body), content_type="application/json")
