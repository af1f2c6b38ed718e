"""Tells servers how the agent does, every `agent.report_seconds`. What comes of it changes nothing for lines."""

from __future__ import annotations

import asyncio
import logging
import os
import random
import re
import secrets
import socket
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from logd import __version__
from logd.config.schema import Agent as AgentSettings
from logd.flow.timer import Clock
from logd.seams.agents import MAX_ERROR_CHARACTERS, AgentReport, AgentStatus
from logd.telemetry import agent_metrics as metrics

logger = logging.getLogger("logd.agent")
ID_FILE = "agent.id"
#: Takes a report, or raises.
Tell = Callable[[AgentReport], Awaitable[None]]
_ID = re.compile(r"[0-9a-f]{16}")
_TAKEN = frozenset(AgentStatus.__struct_fields__)
_ERRORS = ("target_error", "spool_error", "state_error", "pods_error")
#: So many agents that were started at the same moment don't come at the same moments.
_EARLIEST = 0.8


class Reporter:
    """Runs beside the agent. `use` may change who is told."""

    def __init__(
        self,
        data_dir: Path,
        settings: AgentSettings,
        status: Callable[[], Mapping[str, Any]],
        tells: Sequence[Tell],
        clock: Clock,
    ) -> None:
        self._data_dir = data_dir
        self._status = status
        self._clock = clock
        self._started_us = clock.now_us()
        self._last_error, self._last_error_us = "", 0
        #: Why a server wasn't told the last time; empty when all were.
        self.error = ""
        self.use(settings, tells)

    def use(self, settings: AgentSettings, tells: Sequence[Tell]) -> None:
        """From the next report on."""
        self._settings = settings
        self._tells = tells

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop`, which doesn't wait for an answer. Raises nothing."""
        telling = asyncio.create_task(self._tell_on(stop), name="agent.reports")
        stopping = asyncio.create_task(stop.wait(), name="agent.reports.stop")
        try:
            await asyncio.wait([telling, stopping], return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (telling, stopping):
                task.cancel()
            await asyncio.wait([telling, stopping])

    async def _tell_on(self, stop: asyncio.Event) -> None:
        agent_id = await asyncio.to_thread(id_of, self._data_dir)
        while not stop.is_set():
            if self._tells:
                await self._tell(agent_id)
            seconds = self._settings.report_seconds * random.uniform(_EARLIEST, 1.0)
            await self._clock.wait(seconds, stop)

    async def _tell(self, agent_id: str) -> None:
        errors = []
        for tell in self._tells:
            try:
                await tell(self._report(agent_id))
            except Exception as error:  # an agent has to go on, whatever it is
                metrics.AGENT_UNTOLD.inc()
                errors.append(str(error) or type(error).__name__)
        if errors and not self.error:
            some = "no" if len(errors) == len(self._tells) else "not every"
            logger.info("%s server knows how this agent does, which is tried again: %s", some, "; ".join(errors))
        self.error = "; ".join(errors)

    def _report(self, agent_id: str) -> AgentReport:
        status = status_of(self._status())
        if status.error:
            self._last_error, self._last_error_us = status.error, self._clock.now_us()
        return AgentReport(
            id=agent_id,
            host=(self._settings.host or socket.gethostname())[:255],
            version=__version__,
            started=_moment(self._started_us),
            status=msgspec.structs.replace(
                status,
                last_error=self._last_error,
                last_error_at=_moment(self._last_error_us) if self._last_error else None,
            ),
        )


def status_of(status: Mapping[str, Any]) -> AgentStatus:
    """What is told of Agent.status."""
    told = {name: value for name, value in status.items() if name in _TAKEN}
    told |= {name: _cut(status.get(name) or "") for name in _ERRORS}
    unreadable: Mapping[str, str] = status.get("unreadable") or {}
    path, reason = next(iter(unreadable.items()), ("", ""))
    ages = (status.get("spool_oldest_seconds"), status.get("behind_seconds"))
    return AgentStatus(
        **told,
        unreadable_files=len(unreadable),
        file_error=_cut(f"{path} can't be read: {reason}") if unreadable else "",
        oldest_waiting_seconds=max((age for age in ages if age is not None), default=None),
    )


def id_of(data_dir: Path) -> str:
    """The agent's own id, which is made when there is none. Where it can't be kept it is this process's."""
    path = data_dir / ID_FILE
    try:
        kept = path.read_text("ascii").strip()
        if _ID.fullmatch(kept):
            return kept
    except (OSError, ValueError):
        pass
    made = secrets.token_hex(8)
    beside = path.with_name(f"{ID_FILE}.new")
    try:
        with beside.open("w") as file:
            file.write(f"{made}\n")
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except OSError as error:
        logger.warning("the agent's id can't be kept in %s: %s", path, str(error.strerror).lower())
    return made


def _cut(text: str) -> str:
    """Paths may hold what is no text."""
    return str(text).encode(errors="replace").decode()[:MAX_ERROR_CHARACTERS]


def _moment(unix_us: int) -> datetime:
    return datetime.fromtimestamp(unix_us / 1e6, UTC)
