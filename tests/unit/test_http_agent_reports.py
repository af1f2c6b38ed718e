"""Reports of agents on their way to the catalog: gathered, kept while it is away, bounded."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

import pytest

from logd.errors import BadRequest, Unavailable
from logd.http import agent_reports
from logd.http.agent_reports import FLUSH_SECONDS, AgentReports
from logd.seams import AGENT_KEPT_US, AgentReport, SeenAgent
from tests.support.receivers import MovedClock


class _Kept:
    """A catalog that other servers write to as well."""

    def __init__(self) -> None:
        self.rows: dict[str, SeenAgent] = {}
        self.there = True
        self.away = False
        self.puts: list[int] = []
        self.hangs = asyncio.Event()
        self.hangs.set()
        self.then: Callable[[], None] = lambda: None
        self.forgets: Callable[[], None] = lambda: None

    async def put(self, seen: Sequence[SeenAgent]) -> bool:
        self.then()
        if self.away:
            raise Unavailable("the catalog is away")
        await self.hangs.wait()
        self.puts.append(len(seen))
        if self.there:
            self.rows |= {one.report.key: one for one in seen}
        return self.there

    async def all(self) -> Sequence[SeenAgent]:
        if self.away:
            raise Unavailable("the catalog is away")
        return list(self.rows.values())

    async def forget(self, before_us: int) -> int:
        self.forgets()
        return 0


class _World:
    def __init__(self) -> None:
        self.kept, self.clock = _Kept(), MovedClock()
        self.reports = AgentReports(self.kept, 120.0, self.clock)

    async def hosts(self) -> list[str]:
        return sorted(one.report.host for one in (await self.reports.all())[0].values())

    async def written(self) -> None:
        """One turn of the writer, and the end."""
        stop = asyncio.Event()
        self.kept.then = stop.set
        await self.reports.run(stop)
        self.kept.then = lambda: None


def _report(host: str) -> AgentReport:
    return AgentReport(id="0" * 16, host=host, started=datetime(2026, 11, 28, tzinfo=UTC))


async def test_many_reports_are_one_write() -> None:
    world = _World()
    for n in range(1_000):
        world.reports.tell(_report(f"h{n % 500}"))
    await world.written()
    assert world.kept.puts == [500]
    assert world.clock.waits == [FLUSH_SECONDS]
    assert len(await world.hosts()) == 500


async def test_others_reports_are_seen_and_the_newer_one_counts() -> None:
    world = _World()
    world.reports.tell(_report("ours"))
    other = SeenAgent(_report("other"), world.clock.now_us())
    newer = SeenAgent(_report("ours"), world.clock.now_us() + 5)
    world.kept.rows = {one.report.key: one for one in (other, newer)}
    seen, away = await world.reports.all()
    assert (sorted(one.report.host for one in seen.values()), away) == (["other", "ours"], "")
    assert seen[newer.report.key] == newer


async def test_a_report_from_the_future_is_older_than_ours() -> None:
    """One that was kept before a server's clock was put back."""
    world = _World()
    world.reports.tell(_report("a"))
    wrong = SeenAgent(_report("a"), world.clock.now_us() + 86_400_000_000)
    world.kept.rows = {wrong.report.key: wrong}
    assert [one.seen_us for one in (await world.reports.all())[0].values()] == [world.clock.now_us()]


async def test_while_the_catalog_is_away_memory_answers() -> None:
    world = _World()
    world.kept.away = True
    world.reports.tell(_report("a"))
    await world.written()
    seen, away = await world.reports.all()
    assert ([one.report.host for one in seen.values()], away) == (["a"], "the catalog is away")
    world.kept.away = False
    world.reports.tell(_report("b"))
    await world.written()
    assert len(world.kept.rows) == 2
    world.clock.seconds += 10
    assert (await world.reports.all())[1] == ""


async def test_without_a_catalog_all_of_it_is_written_once_there_is_one() -> None:
    world = _World()
    world.kept.there = False
    for host in "ab":
        world.reports.tell(_report(host))
        await world.written()
    assert await world.hosts() == ["a", "b"]
    world.kept.there = True
    await world.written()
    assert len(world.kept.rows) == 2
    puts = len(world.kept.puts)
    stop = asyncio.Event()
    stop.set()
    await world.reports.run(stop)
    assert len(world.kept.puts) == puts  # nothing is new


async def test_there_is_room_for_so_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agent_reports, "MAX_AGENTS", 2)
    world = _World()
    world.kept.there = False
    for host in "abab":
        world.reports.tell(_report(host))
        world.clock.seconds += 1
    with pytest.raises(BadRequest) as refused:
        world.reports.tell(_report("c"))
    assert refused.value.status == 429
    world.clock.seconds += 119
    world.reports.tell(_report("b"))
    world.reports.tell(_report("c"))  # in the place of the one that is silent
    assert await world.hosts() == ["b", "c"]


async def test_after_seven_days_nobody_knows_it() -> None:
    world = _World()
    world.reports.tell(_report("a"))
    world.clock.seconds += AGENT_KEPT_US / 1e6 + 1
    assert await world.hosts() == []
    stop = asyncio.Event()
    world.kept.forgets = stop.set
    await world.reports.run(stop)
    assert world.reports._seen == {}


async def test_a_catalog_that_says_nothing_holds_no_stop_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agent_reports, "_LAST_SECONDS", 0.01)
    kept, stop = _Kept(), asyncio.Event()
    kept.hangs.clear()
    reports = AgentReports(kept, 120.0)
    reports.tell(_report("a"))
    async with asyncio.timeout(60), asyncio.TaskGroup() as tasks:
        tasks.create_task(reports.run(stop))
        await asyncio.sleep(0)
        stop.set()
    assert kept.puts == []
