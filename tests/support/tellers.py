"""A teller over a real catalog in a file, in a time that passes quickly."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from logd.alerts.notify.notifier import Notifier
from logd.alerts.teller import LOOK_SECONDS, Teller
from logd.backends.cache.memory_pace import MemoryPace
from logd.backends.catalog.alert_history import CatalogAlertHistory
from logd.backends.catalog.alerts import CatalogAlerts
from logd.backends.catalog.sqlite_file import SqliteFile
from logd.config.alerting import Notify
from logd.seams import AlertHistory, Delivery, Event, Pace
from tests.support.process import PATIENCE_SECONDS
from tests.support.telling import Shard, rule

SHARDS = 1


class QuickClock:
    """A second takes a millisecond for those who wait."""

    def now_us(self) -> int:
        return 1_700_000_000_000_000 + int(self.monotonic() * 1e6)

    def monotonic(self) -> float:
        return time.monotonic() * 1_000

    async def wait(self, seconds: float, stop: asyncio.Event) -> None:
        try:
            async with asyncio.timeout(seconds / 1_000):
                await stop.wait()
        except TimeoutError:
            pass


class HeldClock(QuickClock):
    """Nobody's wait ends but by what they wait for."""

    async def wait(self, seconds: float, stop: asyncio.Event) -> None:
        await stop.wait()


class SteppedClock(QuickClock):
    """Time passes only by waiting; nobody looks at the catalog now and then."""

    def __init__(self) -> None:
        self._seconds = 0.0

    def monotonic(self) -> float:
        return self._seconds

    async def wait(self, seconds: float, stop: asyncio.Event) -> None:
        if seconds == LOOK_SECONDS:
            await stop.wait()
        else:
            self._seconds += seconds
            await asyncio.sleep(0)


class CountedPace:
    """Remembers when there was a turn."""

    def __init__(self) -> None:
        self._pace = MemoryPace()
        self.turns: list[int] = []
        self.refused = asyncio.Event()

    async def take(self, target: str, per_minute: int, now_us: int) -> int:
        wait_us = await self._pace.take(target, per_minute, now_us)
        if wait_us:
            self.refused.set()
        else:
            self.turns.append(now_us)
        return wait_us

    async def close(self) -> None:
        await self._pace.close()


class Gate:
    """Holds those who have read what waits, until it is opened."""

    def __init__(self) -> None:
        self.reached = asyncio.Event()
        self.opened = asyncio.Event()

    def before(self, history: AlertHistory) -> AlertHistory:
        read = history.deliveries

        async def deliveries(
            rule_id: str | None, statuses: Sequence[str], before: int | None, limit: int
        ) -> Sequence[tuple[int, Delivery]]:
            page = await read(rule_id, statuses, before, limit)
            self.reached.set()
            await self.opened.wait()
            return page

        history.deliveries = deliveries  # type: ignore[method-assign]
        return history


class Desk:
    """The catalog, as alerters and people see it, and a teller of its only shard."""

    def __init__(self, file: SqliteFile, pace: Pace | None, settings: dict[str, Any]) -> None:
        self.alerts = CatalogAlerts(file)
        self.history = CatalogAlertHistory(file)
        own = {name: settings.pop(name) for name in ("most_held", "grace_seconds") if name in settings}
        # Time limits are for HTTP, which takes real time; by this clock its milliseconds are seconds.
        known: dict[str, Any] = {"allow": ["127.0.0.1"], "timeout_seconds": 120.0, "give_up_seconds": 86_400.0}
        known |= {"rate_per_minute": 100_000, "breaker_failures": 1_000} | settings
        self.clock: QuickClock = known.pop("clock", None) or QuickClock()
        gate = known.pop("gate", None)
        notify = Notify(**known)
        notifier = Notifier(notify, {}, None, self.clock)
        asked = CatalogAlertHistory(file)
        self.teller = Teller(
            self.alerts,
            asked if gate is None else gate.before(asked),
            notifier,
            pace or MemoryPace(),
            MemoryPace(),
            notify,
            SHARDS,
            self.clock,
            **own,
        )
        self.stop = asyncio.Event()

    async def record(self, deliveries: Sequence[Delivery]) -> None:
        """As an alerter does; the shard is this desk's from now on."""
        watched = await self.alerts.take(0, SHARDS)
        await self.alerts.record(0, watched.epoch, None, deliveries=deliveries)

    async def taken(self) -> Sequence[Delivery]:
        """What an alerter finds that takes the shard."""
        return (await self.alerts.take(0, SHARDS)).deliveries

    async def kept(self, *statuses: str) -> list[Delivery]:
        """The oldest first."""
        return [one for _, one in reversed(await self.history.deliveries(None, statuses, None, 1_000))]

    async def events(self) -> list[Event]:
        return [one for _, one in await self.history.events(None, None, 1_000)]

    async def settled(self, many: int) -> list[Delivery]:
        """Once so many don't wait any more."""
        statuses = ("delivered", "refused", "failed")

        async def enough() -> bool:
            return len(await self.kept(*statuses)) >= many

        await eventually(enough)
        return await self.kept(*statuses)


async def eventually(condition: Callable[[], Awaitable[bool]]) -> None:
    """Returns once it is so."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not await condition():  # noqa: ASYNC110 - what is waited for happens in the catalog
            await asyncio.sleep(0.01)


@asynccontextmanager
async def opened(path: Path, pace: Pace | None = None, **settings: Any) -> AsyncIterator[Desk]:
    """With nobody at work."""
    file = await SqliteFile.open(path / "catalog.db")
    try:
        yield Desk(file, pace, settings)
    finally:
        await file.close()


@asynccontextmanager
async def working(path: Path, pace: Pace | None = None, **settings: Any) -> AsyncIterator[Desk]:
    """Until the block ends, or somebody stops it."""
    async with opened(path, pace, **settings) as desk, asyncio.TaskGroup() as group:
        task = group.create_task(desk.teller.run(desk.stop))
        try:
            yield desk
        finally:
            desk.stop.set()
            async with asyncio.timeout(PATIENCE_SECONDS):
                await asyncio.wait([task])


def deliveries(url: str, *groups: str, name: str = "errors", **settings: Any) -> list[Delivery]:
    """That each of these groups fires, a message for each, a second apart."""
    found = []
    for second, group in enumerate(groups):
        shard = Shard({name: rule(name, url, **settings)})
        shard.fires(second, group, rule_id=name)
        shard.look(second)
        found += [delivery for _, delivery in shard.deliveries]
    return found


def story(url: str, name: str = "r") -> list[Delivery]:
    """That a group fires, and that it ended."""
    shard = Shard({name: rule(name, url)}, group_interval_seconds=0.0)
    shard.fires(0, "a", rule_id=name)
    shard.look(0)
    shard.ends(1, "a", rule_id=name)
    shard.look(1)
    return [delivery for _, delivery in shard.deliveries]
