"""The HTTP API as one aiohttp application."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any

import msgspec
from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from logd import __version__
from logd.alerts.folder import RuleFolder
from logd.config.schema import Config
from logd.http import (
    agents,
    alert_backtests,
    alert_history,
    alert_names,
    alert_notify,
    alert_rules,
    alert_states,
    archive_restores,
    asking,
    context,
    dashboards,
    deadletters,
    explain,
    export,
    fields,
    histogram,
    ingest,
    patterns,
    record,
    retention_holds,
    retention_policies,
    retention_preview,
    retention_usage,
    saved_searches,
    schemas,
    search,
    shipments,
    silences,
    slow_searches,
    stats,
    status_history,
    tail,
    token_api,
)
from logd.http.access import Access
from logd.http.agent_reports import AgentReports
from logd.http.answers import error_answer, errors_as_json, forbid_guessing, json_answer
from logd.http.cached import Cached
from logd.http.cors import Cors
from logd.http.intake import Intake
from logd.http.openapi import Answer, Operation, Route, add_routes
from logd.http.pages import Pages
from logd.http.stages import Stages
from logd.http.status_history import StatusHistory
from logd.http.turns import Turns
from logd.seams import (
    Acknowledgements,
    AlertHistory,
    AlertRules,
    Alerts,
    Cache,
    Dashboards,
    DeadLetters,
    Holdings,
    Index,
    LegalHolds,
    Restores,
    RetentionPolicies,
    SavedSearches,
    Searches,
    Silences,
    Tokens,
    Transport,
)
from logd.tail.tailing import Tailing
from logd.tokens import Scope
from logd.web import built_files

#: What a part of the process says of itself in /api/v1/status.
StatusOf = Callable[[], Mapping[str, Any]]
Ready = Callable[[], Coroutine[Any, Any, str]]

_OBSERVERS = (Scope.ADMIN, Scope.SEARCH)
_STATUS = Operation(
    "GET", "/api/v1/status", "What the process does", (), {200: Answer("Now.", schemas.Status)}, needs=_OBSERVERS
)
_HEALTH = Operation(
    "GET", "/healthz", "Whether the process is up", (), {200: Answer("It is.", schemas.Health)}, needs=()
)
_READY = Operation(
    "GET",
    "/readyz",
    "Whether lines are taken and searches answered; else 503 with the reason",
    (),
    {200: Answer("They are.", schemas.Health)},
    needs=(),
)
_METRICS = Operation(
    "GET", "/metrics", "Metrics for Prometheus", (), {200: Answer("Text.", str, "text/plain")}, needs=_OBSERVERS
)


class Behind(msgspec.Struct, frozen=True):
    """The seams that requests reach."""

    transport: Transport
    dead_letters: DeadLetters
    index: Index
    searches: Searches
    late_writes: Callable[[], int]
    tokens: Tokens
    saved: SavedSearches
    alert_rules: AlertRules
    silences: Silences
    acknowledgements: Acknowledgements
    alerts: Alerts
    alert_history: AlertHistory
    retention: RetentionPolicies
    holds: LegalHolds
    dashboards: Dashboards
    agents: AgentReports
    restores: Restores | None = None
    cache: Cache | None = None
    rule_folder: RuleFolder = RuleFolder(None)
    holdings: Sequence[Holdings] = ()


def make_app(
    config: Config,
    behind: Behind,
    tailing: Tailing,
    parts: Mapping[str, StatusOf],
    stages: Stages,
    intake: Intake,
    ready: Ready,
    history: StatusHistory,
) -> web.Application:
    """`parts` are shown in /api/v1/status by their names; `ready` gives "" or why the process isn't."""
    transport, searches = behind.transport, behind.searches
    turns = Turns(config.search)
    cached = Cached(behind.cache, turns, behind.late_writes)
    asks = asking.Asking(turns, cached, searches, config.search.default_operator)
    ingestion = ingest.Ingestion(config.ingest, transport, intake)
    shipped = shipments.Shipments(transport, intake)
    searching = search.Searching(asks, behind.saved)
    histograms = histogram.Histograms(asks)
    exports = export.Exports(turns, searches, config.search.default_operator, config.api.stall_seconds)
    grouped = stats.Figures(asks)
    named = fields.FieldNames(asks)
    mined = patterns.Mining(asks)
    one_record = record.OneRecord(turns, searches)
    explaining = explain.Explaining(turns, searches, behind.saved, config.search.default_operator)
    contexts = context.Contexts(turns, searches, config.search.default_operator)
    saved = saved_searches.saved_api(behind.saved, config.search.default_operator)
    boards = dashboards.dashboards_api(behind.dashboards, config.search.default_operator)
    names = alert_names.RuleNames(behind.alert_rules, behind.rule_folder)
    rules = alert_rules.Rules(config, behind.alert_rules, behind.rule_folder, names)
    tested = alert_backtests.Backtests(config, turns, searches, names)
    trials = alert_notify.Trials(config, rules, names)
    firing = alert_states.Firing(
        config.alerts.maintenance, behind.alert_history, behind.silences, behind.acknowledgements, names
    )
    past = alert_history.Past(behind.alert_history, names)
    quiet = silences.Quiet(behind.silences)
    previews = retention_preview.Previews(config, behind.holds, behind.holdings)
    policies = retention_policies.Policies(config, behind.retention, previews)
    held = retention_holds.Held(config, behind.holds)
    used = retention_usage.Used(config.archiver, behind.holdings)
    putting_back = archive_restores.PuttingBack(behind.restores if config.index.type == "elasticsearch" else None)
    tokens = token_api.TokenApi(config.api, behind.tokens)
    letters = deadletters.Letters(behind.dead_letters)
    told = agents.Told(behind.agents, config.api.agent_silent_seconds)
    tails = tail.Tails(tailing, config.search.default_operator, config.search.tail_rate)

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
            "index": await behind.index.status(),
            "stages": stages.status(),
            "tail": tailing.status(),
            "cache": {"type": "none"} if behind.cache is None else behind.cache.status(),
            **{name: dict(of()) for name, of in parts.items()},
        }
        return json_answer(body)

    async def close(_: web.Application) -> None:
        await intake.close()

    access = Access(config.api, behind.tokens)
    cors = Cors(config.api.cors_origins)
    app = web.Application(middlewares=[cors.preflight, errors_as_json, Pages(built_files()).serve, access.guard])
    app.on_response_prepare.extend((cors.mark, forbid_guessing))
    app.on_cleanup.append(close)
    routes: list[Route] = [
        (ingest.OPERATION, ingestion.handle),
        (shipments.OPERATION, shipped.handle),
        (search.GET, searching.get),
        (search.POST, searching.post),
        (histogram.OPERATION, histograms.get),
        (export.OPERATION, exports.get),
        (stats.GET, grouped.get),
        (stats.POST, grouped.post),
        (fields.LIST, named.list),
        (fields.VALUES, named.values),
        (explain.OPERATION, explaining.get),
        (patterns.OPERATION, mined.get),
        (record.OPERATION, one_record.get),
        (context.OPERATION, contexts.get),
        (saved_searches.LIST, saved.list),
        (saved_searches.SHOW, saved.show),
        (saved_searches.CREATE, saved.create),
        (saved_searches.CHANGE, saved.change),
        (saved_searches.REMOVE, saved.remove),
        (dashboards.LIST, boards.list),
        (dashboards.SHOW, boards.show),
        (dashboards.CREATE, boards.create),
        (dashboards.CHANGE, boards.change),
        (dashboards.REMOVE, boards.remove),
        (slow_searches.OPERATION, slow_searches.SlowOnes(turns.slowest).get),
        (alert_rules.LIST, rules.list),
        (alert_rules.SHOW, rules.show),
        (alert_rules.CREATE, rules.create),
        (alert_rules.CHANGE, rules.change),
        (alert_rules.REMOVE, rules.remove),
        (alert_rules.ENABLE, rules.enable),
        (alert_rules.DISABLE, rules.disable),
        (alert_backtests.OPERATION, tested.test),
        (alert_notify.SENT, trials.sent),
        (alert_notify.KEPT, trials.kept),
        (alert_states.LIST, firing.list),
        (alert_states.ACKNOWLEDGE, firing.acknowledge),
        (alert_states.TAKE_BACK, firing.take_back),
        (alert_history.EVENTS, past.events),
        (alert_history.DELIVERIES, past.deliveries),
        (alert_history.RETRY, past.retry),
        (silences.LIST, quiet.list),
        (silences.CREATE, quiet.create),
        (silences.REMOVE, quiet.remove),
        (retention_policies.LIST, policies.list),
        (retention_policies.SHOW, policies.show),
        (retention_policies.CREATE, policies.create),
        (retention_policies.CHANGE, policies.change),
        (retention_policies.REMOVE, policies.remove),
        (retention_policies.PREVIEW, policies.preview),
        (retention_holds.LIST, held.list),
        (retention_holds.SHOW, held.show),
        (retention_holds.CREATE, held.create),
        (retention_holds.RELEASE, held.release),
        (retention_usage.OPERATION, used.get),
        (archive_restores.LIST, putting_back.list),
        (archive_restores.CREATE, putting_back.create),
        (archive_restores.REMOVE, putting_back.remove),
        (token_api.LIST, tokens.list),
        (token_api.CREATE, tokens.create),
        (token_api.REVOKE, tokens.revoke),
        (deadletters.LIST, letters.list),
        (deadletters.SHOW, letters.show),
        (deadletters.REPLAY, letters.replay),
        (deadletters.REMOVE, letters.remove),
        (agents.TELL, told.tell),
        (agents.LIST, told.list),
        (tail.OPERATION, tails.get),
        (_STATUS, status),
        (status_history.OPERATION, history.get),
        (_HEALTH, healthz),
        (_READY, readyz),
        (_METRICS, metrics),
    ]
    add_routes(app, routes, access)
    return app
