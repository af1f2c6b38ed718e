"""Who may ask the index when: places, heavy ones among them, and those that run for long."""

from __future__ import annotations

import asyncio
import logging
from contextlib import AsyncExitStack

import pytest
from multidict import MultiDict

from logd.config.schema import SearchLimits
from logd.errors import Unavailable
from logd.http import turns as module
from logd.http.turns import Turns

#: Long enough to say that nobody comes through.
_SOON = MultiDict({"timeout": "50ms"})
_PATIENT: MultiDict[str] = MultiDict()


async def _refused(turns: Turns, *, heavy: bool) -> str:
    with pytest.raises(Unavailable) as caught:
        async with turns.turn(_SOON, heavy=heavy):
            pass
    return str(caught.value)


async def test_heavy_ones_leave_places_to_others() -> None:
    turns = Turns(SearchLimits(concurrent=3, heavy=1))
    async with turns.turn(_PATIENT, heavy=True):
        assert "search.heavy" in await _refused(turns, heavy=True)
        async with turns.turn(_PATIENT), turns.turn(_PATIENT):
            assert "search.concurrent" in await _refused(turns, heavy=False)
    async with turns.turn(_PATIENT, heavy=True):
        pass


async def test_one_that_runs_for_long_makes_room_but_not_for_ever_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LONG_SECONDS", 0.0)
    turns = Turns(SearchLimits(concurrent=1))
    async with AsyncExitStack() as first, AsyncExitStack() as second:
        await first.enter_async_context(turns.turn(_PATIENT))
        await second.enter_async_context(turns.turn(_PATIENT))
        await _refused(turns, heavy=False)
        await first.aclose()  # the second could give its place up no more, and has it still
        await _refused(turns, heavy=False)
        await second.aclose()
        async with turns.turn(_PATIENT):
            pass


async def test_every_place_comes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LONG_SECONDS", 0.0)
    turns = Turns(SearchLimits(concurrent=2, heavy=1))

    async def one(number: int) -> None:
        async with turns.turn(_PATIENT, heavy=number % 3 == 0):
            await asyncio.sleep(0)
            if number % 5 == 0:
                raise ZeroDivisionError

    await asyncio.gather(*map(one, range(200)), return_exceptions=True)
    monkeypatch.setattr(module, "LONG_SECONDS", 60.0)
    async with turns.turn(_PATIENT, heavy=True), turns.turn(_PATIENT):
        await _refused(turns, heavy=False)


async def test_of_a_slow_one_the_log_says_what_it_was(caplog: pytest.LogCaptureFixture) -> None:
    turns = Turns(SearchLimits(slow_seconds=1e-9))
    with caplog.at_level(logging.WARNING, "logd.api"):
        async with turns.turn(MultiDict({"q": "a OR\nb", "from": "-1h"}), heavy=True):
            pass
    (record,) = caplog.records
    assert record.getMessage().startswith("a heavy search ran for 0.0 s: q='a OR\\nb' from='-1h'")
    assert "\n" not in record.getMessage()


async def test_of_a_slow_one_the_log_has_the_plan(caplog: pytest.LogCaptureFixture) -> None:
    async def explain() -> dict[str, object]:
        return {"engine": "segments", "each": [1, 2, 3], "rows": {"all": 7}}

    with caplog.at_level(logging.WARNING, "logd.api"):
        async with Turns(SearchLimits(slow_seconds=1e-9)).turn(_PATIENT, explain=explain):
            pass
        async with Turns(SearchLimits(slow_seconds=60)).turn(_PATIENT, explain=explain):
            pass
        with pytest.raises(ZeroDivisionError):
            async with Turns(SearchLimits(slow_seconds=1e-9)).turn(_PATIENT, explain=explain):
                raise ZeroDivisionError
    first, second = (record.getMessage() for record in caplog.records)
    assert first == 'a light search ran for 0.0 s: everything: {"engine":"segments","rows":{"all":7}}'
    assert second == "a light search ran for 0.0 s: everything"


async def test_a_plan_that_cannot_be_had_harms_no_answer(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_PLAN_SECONDS", 0.01)

    async def fails() -> dict[str, object]:
        raise Unavailable("no shard answers")

    async def hangs() -> dict[str, object]:
        await asyncio.Event().wait()
        return {}

    with caplog.at_level(logging.WARNING, "logd.api"):
        for explain in (fails, hangs):
            async with Turns(SearchLimits(slow_seconds=1e-9)).turn(_PATIENT, explain=explain):
                pass
    said = [record.getMessage().partition("everything")[2] for record in caplog.records]
    assert said == [" (without a plan: no shard answers)", " (without a plan: it took too long)"]
