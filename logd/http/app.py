"""The HTTP API as one aiohttp application."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from typing import Any

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from logd import __version__, shipment
from logd.config.schema import Config
from logd.http.answers import error_answer, errors_as_json, json_answer
from logd.http.ingest import Ingestion
from logd.http.intake import Intake
from logd.http.search import Searching
from logd.http.shipments import Shipments
from logd.http.stages import Stages
from logd.seams import Index, Searches, Transport

#: What a part of the process says of itself in /api/v1/status.
StatusOf = Callable[[], Mapping[str, Any]]
Ready = Callable[[], Coroutine[Any, Any, str]]


def make_app(
    config: Config,
    transport: Transport,
    index: Index,
    searches: Searches,
    parts: Mapping[str, StatusOf],
    stages: Stages,
    intake: Intake,
    ready: Ready,
) -> web.Application:
    """`parts` are shown in /api/v1/status by their names; `ready` gives "" or why the process isn't."""
    ingestion = Ingestion(config.ingest, transport, intake)
    shipments = Shipments(transport, intake)
    searching = Searching(config.search, searches)

    async def healthz(_: web.Request) -> web.Response:
        return json_answer({"status": "ok"})

    async def readyz(_: web.Request) -> web.Response:
        reason = await ready()
        return error_answer(503, "not_ready", reason) if reason else json_answer({"status": "ready"})

    async def metrics(_: web.Request) -> web.Response:
        stages.publish()
        return web.Response(body=generate_latest(), headers={"Content-Type": CONTENT_TYPE_LATEST})

    async def status(_: web.Request) -> web.Response:
        body = {
            "version": __version__,
            "roles": config.server.roles,
            "transport": await transport.status(),
            "index": await index.status(),
            "stages": stages.status(),
            **{name: dict(of()) for name, of in parts.items()},
        }
        return json_answer(body)

    async def close(_: web.Application) -> None:
        await intake.close()

    app = web.Application(middlewares=[errors_as_json])
    app.on_cleanup.append(close)
    app.add_routes(
        [
            web.post("/api/v1/logs/ingest", ingestion.handle),
            web.post(shipment.PATH, shipments.handle),
            web.get("/api/v1/logs/search", searching.handle),
            web.get("/api/v1/status", status),
            web.get("/healthz", healthz),
            web.get("/readyz", readyz),
            web.get("/metrics", metrics),
        ]
    )
    return app
