"""GET /api/v1/retention/usage: what is stored where, and what it costs.

For tokens that are for all services: it tells how much each of them logs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from aiohttp import web

from logd.config.schema import Archiver
from logd.errors import Unavailable
from logd.http import identity
from logd.http import retention_schemas as schemas
from logd.http.answers import json_answer
from logd.http.openapi import Answer, Operation
from logd.http.parameters import Parameter, boolean
from logd.http.retention_names import day_text
from logd.seams import Holding, Holdings
from logd.tiers.usage import ServiceUsage, by_service, cost_of, shares
from logd.tokens import Scope

OPERATION = Operation(
    "GET",
    "/api/v1/retention/usage",
    "What is stored of which policy, day and tier, and what it costs",
    (Parameter("services", "With `true` by service too, which may take long.", bool),),
    {200: Answer("Everything that is stored.", schemas.RetentionUsage)},
    needs=(Scope.ADMIN, Scope.SEARCH),
)


class Used:
    """The handler."""

    def __init__(self, settings: Archiver, stored: Sequence[Holdings]) -> None:
        self._prices = {"hot": settings.hot_cost, "warm": settings.warm_cost, "cold": settings.cold_cost}
        self._stored = stored

    async def get(self, request: web.Request) -> web.Response:
        """200 with RetentionUsage."""
        identity.of_all(request, "what is stored is")
        wanted = boolean(request.query, "services", False)
        found: list[Holding] = []
        missing = []
        for stored in self._stored:
            try:
                found += await stored.holdings(wanted)
            except Unavailable as error:
                missing.append(str(error))
        found.sort(key=lambda one: (one.day, one.policy, one.tier))
        raw = [one.raw_bytes for one in found if one.raw_bytes is not None]
        size = sum(one.size_bytes for one in found)
        return json_answer(
            {
                "stored": [self._shown(one, wanted) for one in found],
                **({"services": _services(by_service(found, self._prices))} if wanted else {}),
                "rows": sum(one.rows for one in found),
                "bytes": size,
                "raw_bytes": sum(raw) if len(raw) == len(found) else None,
                "cost": sum(cost_of(one.tier, one.size_bytes, self._prices) for one in found),
                "missing": missing,
            }
        )

    def _shown(self, one: Holding, services: bool) -> dict[str, Any]:
        return {
            "tier": one.tier,
            "policy": one.policy,
            "day": day_text(one.day),
            "parts": one.parts,
            "rows": one.rows,
            "bytes": one.size_bytes,
            "raw_bytes": one.raw_bytes,
            "cost": cost_of(one.tier, one.size_bytes, self._prices),
            **({"services": _services(shares(one, self._prices))} if services else {}),
        }


def _services(found: Sequence[ServiceUsage]) -> list[dict[str, Any]]:
    return [
        {
            "service": one.service,
            "rows": one.rows,
            "bytes": round(one.size_bytes),
            "raw_bytes": None if one.raw_bytes is None else round(one.raw_bytes),
            "cost": one.cost,
        }
        for one in found
    ]
