"""The archiver's work in steps: kinds of it live apart, what fails is said once and tried again, and at the end others
may begin at once."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest

from logd.errors import Corrupt, Unavailable
from logd.roles.tier_moving import TierMoving


class Steps:
    """Does what `fails` says, one after the other, then goes on until it is stopped."""

    def __init__(self, *fails: Exception | None) -> None:
        self._fails = list(fails)
        self.done = asyncio.Event()
        self.given_up = 0

    async def step(self) -> bool:
        if not self._fails:
            self.done.set()
            return True
        if (error := self._fails.pop(0)) is not None:
            raise error
        return False

    async def give_up(self) -> None:
        self.given_up += 1
        raise Unavailable("the catalog is away")

    def status(self) -> dict[str, Any]:
        return {"left": len(self._fails)}


async def test_each_goes_on_by_itself(caplog: pytest.LogCaptureFixture) -> None:
    away = [Unavailable("Elasticsearch is away", retry_after_seconds=0) for _ in range(2)]
    good, bad = Steps(None), Steps(*away, Corrupt("a step is damaged"), OSError("the disk is full"), None)
    closed = asyncio.Event()

    async def close() -> None:
        closed.set()

    role, stop = TierMoving({"tiers": bad, "restores": good}, [close], (0, 0)), asyncio.Event()
    with caplog.at_level(logging.ERROR, "logd.tiers"):
        run = asyncio.create_task(role.run(stop), name="archiver")
        async with asyncio.timeout(60):
            await good.done.wait()
            await bad.done.wait()
        stop.set()
        await run
    assert role.status() == {"tiers": {"left": 0, "error": None}, "restores": {"left": 0, "error": None}}
    assert [one.getMessage().partition(";")[0] for one in caplog.records] == [
        "tiers: Elasticsearch is away",
        "tiers: a step is damaged",
        "tiers: the disk is full",
    ]
    assert closed.is_set()
    assert (good.given_up, bad.given_up) == (1, 1)
