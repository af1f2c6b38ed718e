"""Lines that come right after a rule was made count for it, though one machine's queue forgets what is committed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import pytest

from logd.alerts.folder import RuleFolder
from logd.alerts.pages import CLOCK, kind_of
from logd.alerts.reading import USUAL
from logd.backends.catalog.alert_rules import catalog_alert_rules
from logd.backends.catalog.sqlite_file import SqliteFile
from logd.backends.partials.sqlite import SqlitePartials
from logd.backends.transport.sqlite import SqliteTransport
from logd.config.schema import Config
from logd.roles import alert_counting, alert_rules
from logd.roles.alert_counting import GROUP, AlertCounting
from logd.roles.alert_rules import RulesInForce
from logd.seams import RAW_LOGS, AlertRule
from tests.support.processing import envelope

_PATIENCE_SECONDS = 60
_CONDITION = {"query": "web", "threshold": 1, "window_seconds": 60}
_RULE = AlertRule(
    id="0123456789ab",
    name="web",
    rule={"name": "web", "condition": {**_CONDITION, "aggregation": "count"}, "enabled": True},
    created_us=1,
    updated_us=1,
)


class _Machine:
    """A queue that nobody else reads, a catalog, and what an alerter counts."""

    def __init__(self, transport: SqliteTransport, catalog: SqliteFile, partials: SqlitePartials) -> None:
        self.transport = transport
        self.kept = catalog_alert_rules(catalog)
        self._partials = partials

    @asynccontextmanager
    async def alerter(self) -> AsyncIterator[tuple[RulesInForce, AlertCounting]]:
        """It has looked at the rules, and looks again only when it is asked to; at the end it is stopped."""
        rules = RulesInForce(self.kept, RuleFolder(None), USUAL, 15, 1)
        await rules.look()
        counting = AlertCounting(Config(), self.transport, self._partials, rules, cast("Any", None), "one")
        stop = asyncio.Event()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(rules.run(stop))
            tasks.create_task(counting.run(stop))
            await _until(lambda: asyncio.sleep(0, rules.looked_at > 0))
            yield rules, counting
            stop.set()

    async def committed(self) -> bool:
        """Whether all that was written is."""
        group = (await self.transport.status())[RAW_LOGS]["groups"].get(GROUP)
        return group is not None and group["lag"] == 0

    async def write(self, number: int) -> None:
        await self.transport.append(RAW_LOGS, [envelope(number, "web is down")])

    async def counted(self) -> int:
        """For how many gauges there are counts."""
        pages = await self._partials.read(lambda _: True)
        return len({kind_of(page.key) for page in pages if kind_of(page.key) != CLOCK})


@pytest.fixture
async def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[_Machine]:
    monkeypatch.setattr(alert_rules, "_LOOK_SECONDS", 3_600.0)
    monkeypatch.setattr(alert_counting, "_COMMIT_SECONDS", 0.0)
    transport = await SqliteTransport.open(tmp_path / "transport.db")
    catalog = await SqliteFile.open(tmp_path / "catalog.db")
    partials = await SqlitePartials.open(tmp_path / "alerts.db")
    yield _Machine(transport, catalog, partials)
    await partials.close()
    await catalog.close()
    await transport.close()


async def _until(true: Callable[[], Awaitable[object]]) -> None:
    async with asyncio.timeout(_PATIENCE_SECONDS):
        while not await true():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def test_what_comes_right_after_a_rule_counts_for_it(machine: _Machine) -> None:
    async with machine.alerter() as (rules, _):
        await machine.write(1)
        await _until(machine.committed)
        assert await machine.counted() == 0
        await machine.kept.create(_RULE)
        await machine.write(2)
        await _until(machine.committed)
        assert rules.generation == 2
        await _until(machine.counted)


async def test_what_comes_between_a_rule_and_a_stop_counts_after_it(machine: _Machine) -> None:
    async with machine.alerter() as (rules, counting):
        await machine.write(1)
        await _until(machine.committed)
        async with rules._looking:  # nobody looks until the stop
            await machine.kept.create(_RULE)
            await machine.write(2)
            await _until(lambda: asyncio.sleep(0, counting.lag() == 0))
    assert not await machine.committed()
    async with machine.alerter():
        await _until(machine.committed)
    assert await machine.counted() == 1
