"""/api/v1/agents: agents tell how they do, and people see it.

A token that is for some hosts may tell for these alone, and sees these alone. One that is for some services sees none:
an agent is of all services of its host.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, get_args

import msgspec
from aiohttp import web
from msgspec import Meta

from logd.errors import BadRequest
from logd.flow.clock import now_us
from logd.http import agent_schemas, identity
from logd.http.agent_reports import AgentReports
from logd.http.answers import json_answer
from logd.http.openapi import Answer, Content, Operation
from logd.http.parameters import Parameter, choices, shortened, whole_body, whole_number
from logd.http.records import start_texts
from logd.seams import AGENTS_PATH, MAX_AGENTS, MAX_REPORT_BYTES, AgentReport, SeenAgent
from logd.tokens import Scope

#: Lines that wait for less are on their way.
_BEHIND_SECONDS = 60.0
_STATES: tuple[str, ...] = get_args(agent_schemas.State)
_UNLESS_TOLD = 1_000
_decode = msgspec.json.Decoder(AgentReport).decode
TELL = Operation(
    "POST",
    AGENTS_PATH,
    "Tell how an agent does",
    (),
    {202: Answer("It is known.", agent_schemas.AgentTaken)},
    body=Content(f"How it does, in at most {MAX_REPORT_BYTES} bytes.", {"application/json": AgentReport}),
    needs=(Scope.INGEST,),
)
LIST = Operation(
    "GET",
    AGENTS_PATH,
    "Agents, and how they do",
    (
        Parameter("state", "Those in one of these states.", agent_schemas.State, repeats=True),
        Parameter("host", "Those whose host has this in its name."),
        Parameter(
            "limit", f"At most so many; {_UNLESS_TOLD:,} unless told.", Annotated[int, Meta(ge=1, le=MAX_AGENTS)]
        ),
        Parameter("offset", "Without the first so many.", Annotated[int, Meta(ge=0, le=MAX_AGENTS)]),
    ),
    {200: Answer("What they said last.", agent_schemas.AgentList)},
    needs=(Scope.ADMIN, Scope.SEARCH),
)


class Told:
    """The handlers."""

    def __init__(self, reports: AgentReports, silent_seconds: float) -> None:
        self._reports = reports
        self._silent_seconds = silent_seconds

    async def tell(self, request: web.Request) -> web.Response:
        """202 with AgentTaken, once it is in memory."""
        if (request.content_length or 0) > MAX_REPORT_BYTES:
            raise _too_large()
        body = await whole_body(request)
        if len(body) > MAX_REPORT_BYTES:
            raise _too_large()
        try:
            report = _decode(body)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise BadRequest("bad_body", f"the body is wrong: {error}", "body") from error
        hosts = identity.of(request).hosts
        if hosts and report.host not in hosts:
            message = f"this token is for the hosts {', '.join(hosts)}, not for {shortened(report.host)}"
            raise BadRequest("host_not_allowed", message, "host", 403)
        self._reports.tell(report)
        return json_answer({"seen": start_texts([now_us()])[0]}, 202)

    async def list(self, request: web.Request) -> web.Response:
        """200 with AgentList."""
        sender = identity.of(request)
        if sender.services:
            identity.of_all(request, "agents are")
        states = choices(request.query, "state", _STATES)
        limit = whole_number(request.query, "limit", _UNLESS_TOLD, 1, MAX_AGENTS)
        offset = whole_number(request.query, "offset", 0, 0, MAX_AGENTS)
        part = request.query.get("host", "").lower()
        seen, away = await self._reports.all()
        hosts = frozenset(sender.hosts)

        def made() -> web.Response:
            now = now_us()
            visible = {key: one for key, one in seen.items() if not hosts or one.report.host in hosts}
            state_of = {key: self._state(one, now) for key, one in visible.items()}
            counts = Counter(state_of.values())
            found = [
                (state_of[key], one)
                for key, one in visible.items()
                if (not states or state_of[key] in states) and part in one.report.host.lower()
            ]
            found.sort(key=lambda one: (one[1].report.host, one[1].report.id))
            return json_answer(
                {
                    "agents": _shown(found[offset : offset + limit], now),
                    "total": len(found),
                    "states": {state: counts[state] for state in _STATES},
                    "silent_seconds": self._silent_seconds,
                    "partial": bool(away),
                    "warnings": [away] if away else [],
                }
            )

        # Half a second for 20,000 (⏱), in which others are answered.
        return await asyncio.to_thread(made)

    def _state(self, seen: SeenAgent, now: int) -> str:
        status = seen.report.status
        if now - seen.seen_us > self._silent_seconds * 1e6:
            return "silent"
        if status.error:
            return "error"
        return "behind" if status.spool_lines or (status.oldest_waiting_seconds or 0) >= _BEHIND_SECONDS else "ok"


def _shown(found: Sequence[tuple[str, SeenAgent]], now: int) -> list[dict[str, Any]]:
    """As of agent_schemas.Agent, of agents and their states."""
    seen = [one for _, one in found]
    started = start_texts([_unix_us(one.report.started) for one in seen])
    last_seen = start_texts([one.seen_us for one in seen])
    waiting = [int((one.report.status.oldest_waiting_seconds or 0) * 1e6) for one in seen]
    oldest = start_texts([one.seen_us - us for one, us in zip(seen, waiting, strict=True)])
    failed = start_texts([_unix_us(one.report.status.last_error_at) for one in seen])
    return [
        {
            "id": report.id,
            "host": report.host,
            "version": report.version,
            "started": started[place],
            "last_seen": last_seen[place],
            "seen_seconds": max(0.0, round((now - one.seen_us) / 1e6, 1)),
            "state": state,
            "behind_bytes": status.behind_bytes,
            "spool_bytes": status.spool_bytes,
            "spool_lines": status.spool_lines,
            "oldest_waiting": None if status.oldest_waiting_seconds is None else oldest[place],
            "error": status.error or None,
            "last_error": status.last_error or None,
            "last_error_at": None if status.last_error_at is None else failed[place],
            "status": msgspec.to_builtins(status),
        }
        for place, (state, one) in enumerate(found)
        for report, status in [(one.report, one.report.status)]
    ]


def _unix_us(moment: datetime | None) -> int:
    return 0 if moment is None else int(moment.timestamp() * 1e6)


def _too_large() -> BadRequest:
    return BadRequest("body_too_large", f"a report has at most {MAX_REPORT_BYTES} bytes", "body", 413)
