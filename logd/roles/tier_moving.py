"""The archiver's work on an Elasticsearch: days move between its tiers, and what is asked for comes back to it."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Protocol

from logd.errors import LogdError, Unavailable
from logd.seams import RAW_LOGS, Archive, StreamPositions, Transport
from logd.tiers.moving.ground import Reached

log = logging.getLogger("logd.tiers")
#: Between two looks: while something goes on, and else.
_SOON_SECONDS, _LATER_SECONDS = 2.0, 30.0


class Steps(Protocol):
    """Work in steps, by one process at a time."""

    async def step(self) -> bool:
        """Whether to look again soon. Raises Unavailable and Corrupt."""
        ...

    async def give_up(self) -> None:
        """Another process may begin at once. Raises Unavailable."""
        ...

    def status(self) -> dict[str, Any]:
        """For people."""
        ...


class TierMoving:
    """Several kinds of work, each in a task of its own: none waits for another."""

    def __init__(
        self,
        work: Mapping[str, Steps],
        close: Sequence[Callable[[], Awaitable[None]]] = (),
        pauses: tuple[float, float] = (_SOON_SECONDS, _LATER_SECONDS),
    ) -> None:
        """`close` is called at the end."""
        self._work = work
        self._close = close
        self._soon, self._later = pauses
        self._errors: dict[str, str] = {}

    def status(self) -> dict[str, Any]:
        """Of each, with the last error."""
        return {name: {**one.status(), "error": self._errors.get(name)} for name, one in self._work.items()}

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop`; a step that is under way ends then as by a crash, and whoever comes next goes on with it."""
        try:
            async with asyncio.TaskGroup() as tasks:
                running = [
                    tasks.create_task(self._steps(name, one), name=f"archiver.{name}")
                    for name, one in self._work.items()
                ]
                await stop.wait()
                for task in running:
                    task.cancel()
        finally:
            for one in self._work.values():
                await _quietly(one.give_up)
            for close in self._close:
                await close()

    async def _steps(self, name: str, one: Steps) -> None:
        while True:
            try:
                wait = self._soon if await one.step() else self._later
                self._errors.pop(name, None)
            except (LogdError, OSError) as error:  # such as a local disk that is full
                wait = error.retry_after_seconds if isinstance(error, Unavailable) else self._later
                if str(error) != self._errors.get(name):
                    log.error("%s: %s; trying again in %.0f s", name, error, wait)
                self._errors[name] = str(error)
            await asyncio.sleep(wait)


async def _quietly(give_up: Callable[[], Awaitable[None]]) -> None:
    try:
        await give_up()
    except Unavailable as error:
        log.warning("the lease ends by itself: %s", error)


def owner() -> str:
    """Who takes leases: this process, which others may look for by it."""
    return f"{socket.gethostname()}/{os.getpid()}/{uuid.uuid4().hex[:8]}"


async def reached(transport: Transport, archive: Archive) -> Reached:
    """How far everything is now. The ends are looked at first, so that nothing seems to be further than it is. Raises
    Unavailable and Corrupt."""
    from logd.roles.processor import GROUP

    topic = (await transport.status()).get(RAW_LOGS) or {}
    group = topic.get("groups", {}).get(GROUP, {})
    if "next_positions" in topic:
        ends, processed = _positions(topic["next_positions"]), _positions(group.get("positions", {}))
    else:
        ends, processed = {0: int(topic.get("next_position", 0))}, {0: int(group.get("position", 0))}
    return Reached(ends, processed, await archive.positions())


def _positions(told: Mapping[Any, int]) -> StreamPositions:
    return {int(partition): position for partition, position in told.items()}
