"""What agents have said of themselves lately: here until the catalog has it, and as long as there is no catalog.

10,000 agents that tell every 30 s are 330 reports a second: they wait in memory for FLUSH_SECONDS and are written
together.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Mapping

from logd.errors import BadRequest, Corrupt, Unavailable
from logd.flow.timer import Clock, SystemClock
from logd.seams import AGENT_AHEAD_US, AGENT_KEPT_US, MAX_AGENTS, AgentReport, Agents, SeenAgent

log = logging.getLogger("logd.api")
FLUSH_SECONDS = 5.0
_FORGET_SECONDS = 60.0
#: At a stop: the catalog may be away.
_LAST_SECONDS = 2.0
#: What others have written is known so late.
_READ_SECONDS = 5.0


class AgentReports:
    """Of one process. `tell` and `all` at any time; `run` writes."""

    def __init__(self, kept: Agents, silent_seconds: float, clock: Clock | None = None) -> None:
        """When there are MAX_AGENTS, one that was silent for `silent_seconds` makes room for another."""
        self._kept = kept
        self._silent_us = int(silent_seconds * 1e6)
        self._clock: Clock = clock or SystemClock()
        #: By their keys, the longest unseen first.
        self._seen: dict[str, SeenAgent] = {}
        self._unwritten: dict[str, SeenAgent] = {}
        self._read: Mapping[str, SeenAgent] = {}
        self._read_at = float("-inf")
        self._reading = asyncio.Lock()
        self._away = ""

    def tell(self, report: AgentReport) -> None:
        """Takes it. Raises BadRequest (429) when there are too many agents."""
        key, now_us = report.key, self._clock.now_us()
        if key not in self._seen and len(self._seen) >= MAX_AGENTS:
            first = next(iter(self._seen))
            if now_us - self._seen[first].seen_us < self._silent_us:
                raise BadRequest("too_many_agents", f"there are {MAX_AGENTS} agents, more is too many", "id", 429)
            del self._seen[first]
            self._unwritten.pop(first, None)
        self._seen.pop(key, None)
        self._seen[key] = self._unwritten[key] = SeenAgent(report, now_us)

    async def take(self, report: AgentReport) -> None:
        """The same for the agent of this process."""
        self.tell(report)

    async def all(self) -> tuple[Mapping[str, SeenAgent], str]:
        """Each agent's last report, by its key, and why those that others know may be missing; empty when none are."""
        await self._refresh()
        now_us, found = self._clock.now_us(), dict(self._read)
        for key, one in self._seen.items():
            if key not in found or not one.seen_us < found[key].seen_us <= now_us + AGENT_AHEAD_US:
                found[key] = one
        return {key: one for key, one in found.items() if one.seen_us >= now_us - AGENT_KEPT_US}, self._away

    async def run(self, stop: asyncio.Event) -> None:
        """Writes what comes, until `stop`."""
        forget_at = self._clock.monotonic()
        while not stop.is_set():
            await self._clock.wait(FLUSH_SECONDS, stop)
            if stop.is_set():
                break
            await self._write()
            if self._clock.monotonic() >= forget_at:
                forget_at = self._clock.monotonic() + _FORGET_SECONDS
                await self._forget()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_LAST_SECONDS):
                await self._write()

    async def _write(self) -> None:
        if not self._unwritten:
            return
        written, self._unwritten = self._unwritten, {}
        kept = False
        try:
            kept = await self._kept.put(list(written.values()))
            self._back()
        except (Unavailable, Corrupt) as error:
            self._missed(error)
        finally:
            if not kept:
                self._unwritten = {**written, **self._unwritten}
                # What made room meanwhile isn't written any more.
                self._unwritten = {key: one for key, one in self._unwritten.items() if key in self._seen}

    async def _forget(self) -> None:
        before_us = self._clock.now_us() - AGENT_KEPT_US
        for key in [key for key, one in self._seen.items() if one.seen_us < before_us]:
            del self._seen[key]
            self._unwritten.pop(key, None)
        try:
            await self._kept.forget(before_us)
        except (Unavailable, Corrupt) as error:
            self._missed(error)

    async def _refresh(self) -> None:
        async with self._reading:
            if self._clock.monotonic() - self._read_at < _READ_SECONDS:
                return
            try:
                async with asyncio.timeout(_READ_SECONDS):
                    found = await self._kept.all()
                    self._read = await asyncio.to_thread(lambda: {one.report.key: one for one in found})
                self._back()
            except (Unavailable, Corrupt) as error:
                self._missed(error)
            except TimeoutError:
                self._missed(Unavailable(f"the catalog doesn't say within {_READ_SECONDS:g} s what it knows"))
            self._read_at = self._clock.monotonic()

    def _missed(self, error: Exception) -> None:
        if not self._away:
            log.warning("only agents that this process has heard of lately are known: %s", error)
        self._away = str(error)

    def _back(self) -> None:
        if self._away:
            log.info("the catalog takes what agents say again")
        self._away = ""
