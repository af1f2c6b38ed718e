"""Samples of how a process does: what is counted, over a moved clock."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any, cast

import pytest
from aiohttp.test_utils import make_mocked_request

from logd.errors import Unavailable
from logd.flow.stage import Stage
from logd.http.status_history import INTERVAL_SECONDS, StatusHistory
from logd.seams import RAW_LOGS, Transport
from logd.telemetry import metrics
from tests.support.receivers import MovedClock


class _Transport:
    """Says what a test has it say."""

    def __init__(self) -> None:
        self.groups: dict[str, dict[str, Any]] = {}
        self.away = False
        self.then: Callable[[], None] = lambda: None

    async def status(self) -> dict[str, Any]:
        self.then()
        if self.away:
            raise Unavailable("it is away")
        return {RAW_LOGS: {"groups": self.groups}}


class _World:
    def __init__(self) -> None:
        self.clock = MovedClock()
        self.transport = _Transport()
        self.stage = Stage("index.recent", 10, "rows", self.clock.monotonic)
        transport = cast(Transport, self.transport)
        self.history = StatusHistory(transport, lambda: [self.stage], {}, self.clock)

    async def after(self, seconds: float) -> None:
        """A sample, so much later."""
        self.clock.seconds += seconds
        await self.history.sample()

    async def told(self, query: str = "") -> dict[str, Any]:
        answer = await self.history.get(make_mocked_request("GET", f"/api/v1/status/history{query}"))
        found: dict[str, Any] = json.loads(cast(bytes, answer.body))
        return found


async def test_fills_shares_and_rates() -> None:
    world = _World()
    await world.after(0)
    world.stage.add(10)
    world.stage.block()
    metrics.INGEST_LINES.inc(50)
    metrics.SHIPMENT_LINES.inc(150)
    metrics.INDEX_MESSAGE_BYTES.inc(7_000)
    await world.after(5)
    world.clock.seconds += 2.5
    world.stage.add(-5)
    await world.after(7.5)
    found = await world.told()
    assert found["interval_seconds"] == INTERVAL_SECONDS
    assert [text[14:] for text in found["times"]] == ["13:20.000Z", "13:25.000Z", "13:35.000Z"]
    series = found["series"]
    assert series["stage.index.recent.fill"] == [0.0, 1.0, 0.5]
    assert series["stage.index.recent.blocked"] == [None, 1.0, 0.25]
    assert series["ingest.lines_per_second"] == [None, 40.0, 0.0]
    assert series["index.bytes_per_second"] == [None, 1_400.0, 0.0]


async def test_lags_and_what_nobody_says() -> None:
    world = _World()
    now = world.clock.now_us()
    world.transport.groups = {
        "processor": {"lag": 3, "waiting_us": now - 2_500_000},
        "alerter": {"lag": 0, "waiting_us": None},
        "archiver": {"lag": 7, "positions": {"0": 1}},  # as Kafka has it
    }
    await world.after(0)
    world.transport.away = True
    await world.after(10)
    world.transport.away = False
    world.transport.groups = {"processor": {"lag": 0, "waiting_us": None}}
    await world.after(10)
    series = (await world.told())["series"]
    assert series["processor.lag_messages"] == [3, None, 0]
    assert series["processor.oldest_seconds"] == [2.5, None, 0.0]
    assert series["alerter.oldest_seconds"] == [0.0, None, None]
    assert series["archiver.lag_messages"] == [7, None, None]
    assert "archiver.oldest_seconds" not in series


async def test_it_is_bounded_and_can_be_asked_for_less() -> None:
    world = _World()
    for _ in range(400):
        await world.after(10)
    found = await world.told()
    assert len(found["times"]) == 360
    assert {len(values) for values in found["series"].values()} == {360}
    assert len((await world.told("?seconds=60"))["times"]) == 6


async def test_it_runs_until_the_stop() -> None:
    world, stop = _World(), asyncio.Event()
    world.transport.then = lambda: stop.set() if len(world.clock.waits) == 3 else None
    await world.history.run(stop)
    assert world.clock.waits == [10.0, 10.0, 10.0, 10.0]
    assert len((await world.told())["times"]) == 4


async def test_what_nobody_foresaw_costs_a_sample(caplog: pytest.LogCaptureFixture) -> None:
    world, stop = _World(), asyncio.Event()

    def then() -> None:
        world.transport.then = stop.set
        raise ZeroDivisionError

    world.transport.then = then
    await world.history.run(stop)
    assert len((await world.told())["times"]) == 1
    assert "ZeroDivisionError" in caplog.text
    caplog.clear()
