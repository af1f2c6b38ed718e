"""The slowest searches of the last hour, in bounded memory."""

from __future__ import annotations

import asyncio
import random

import pytest
from multidict import MultiDict

from logd.config.schema import SearchLimits
from logd.errors import BadRequest, NotFound
from logd.http.identity import Identity
from logd.http.slowest import KEPT_SECONDS, MOST, Slowest
from logd.http.turns import Turns
from logd.tokens import Scope
from tests.support.receivers import MovedClock

_WHO = Identity(who="127.0.0.1", scopes=frozenset(Scope))
_NOTHING: MultiDict[str] = MultiDict()
_SECOND = 1_000_000
_START = 1_764_000_000 * _SECOND


class _Clock(MovedClock):
    """Whose wall clock may be put back."""

    ahead_seconds = 0

    def now_us(self) -> int:
        return _START + int((self.seconds + self.ahead_seconds) * _SECOND)


def _took(slowest: Slowest, seconds: float, sender: Identity = _WHO, **parameters: str) -> None:
    with slowest.watch(sender, "search", MultiDict(parameters)) as watch:
        watch.add(0.0, seconds)


def test_what_it_says_of_one() -> None:
    clock = _Clock()
    slowest = Slowest(clock)
    sender = Identity(who="token a", scopes=frozenset(Scope), token_id="a" * 12, name="ann")
    query = MultiDict([("q", "x" * 2_000), ("service", "a"), ("service", "b")])
    with slowest.watch(sender, "values", query, {"name": "user"}) as watch:
        clock.seconds += 5
        watch.add(1.0, 2.0)
        watch.add(0.5, 1.0)
        watch.explained({"engine": "segments"})
        watch.explained({"long": "x" * 10_000})  # the first stays
    (found,) = slowest.found()
    assert (found.at_us, found.ended_seconds) == (_START, 5.0)
    assert (found.kind, found.waited_seconds, found.ran_seconds, found.took_seconds) == ("values", 1.5, 3.0, 4.5)
    assert found.parameters == {"name": "user", "q": f"{'x' * 500}…", "service": "a,b"}
    assert (found.token_id, found.token, found.status) == ("a" * 12, "ann", "done")
    assert found.plan == {"engine": "segments"}


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (TimeoutError(), "timed_out"),
        (asyncio.CancelledError(), "cancelled"),
        (GeneratorExit(), "cancelled"),
        (BadRequest("a", "b"), "failed"),
        (ZeroDivisionError(), "failed"),
        (NotFound("there is none"), "done"),
    ],
)
def test_how_it_ended(error: BaseException, status: str) -> None:
    slowest = Slowest()

    def asks() -> None:
        with slowest.watch(_WHO, "search", _NOTHING) as watch:
            watch.add(0.0, 1.0)
            raise error

    with pytest.raises(type(error)):
        asks()
    assert [one.status for one in slowest.found()] == [status]


def test_what_never_asked_the_index_is_none() -> None:
    slowest = Slowest()
    with slowest.watch(_WHO, "search", _NOTHING):
        pass  # from the cache
    with pytest.raises(BadRequest), slowest.watch(_WHO, "search", _NOTHING):
        raise BadRequest("bad_query", "it is wrong")
    assert slowest.found() == []


def test_the_slowest_are_found_whatever_came_when() -> None:
    clock, chosen = _Clock(), random.Random(7)
    slowest = Slowest(clock)
    every: list[tuple[float, float]] = []
    for _ in range(20_000):
        clock.seconds += chosen.random()
        seconds = chosen.random()
        _took(slowest, seconds)
        every.append((clock.seconds, seconds))
    clock.seconds += -clock.seconds % 300  # the hour begins with a part: then nothing older is in the way
    since = clock.seconds - KEPT_SECONDS
    expected = sorted((seconds for at, seconds in every if at >= since), reverse=True)[:MOST]
    assert [one.took_seconds for one in slowest.found()] == expected
    assert sum(len(part.heap) for part in slowest._parts) <= 13 * MOST
    clock.seconds += KEPT_SECONDS + 1
    assert slowest.found() == []
    _took(slowest, 1.0)
    assert [one.took_seconds for one in slowest.found()] == [1.0]
    assert len(slowest._parts) == 1


def test_a_clock_that_is_put_back() -> None:
    clock = _Clock()
    clock.ahead_seconds = 86_400
    slowest = Slowest(clock)
    for _ in range(MOST):
        _took(slowest, 2.0)
    clock.ahead_seconds = 0
    clock.seconds += 60
    _took(slowest, 1.0)
    assert len(slowest.found()) == MOST
    assert slowest.since_us() == _START
    # Those of before are an hour old, whatever they were dated, and in nobody's way.
    clock.seconds += KEPT_SECONDS
    _took(slowest, 0.5)
    assert [one.took_seconds for one in slowest.found()] == [0.5]


def test_since_when() -> None:
    clock = _Clock()
    slowest = Slowest(clock)
    clock.seconds += 60
    assert slowest.since_us() == _START
    clock.seconds += KEPT_SECONDS
    assert slowest.since_us() == _START + 60 * _SECOND


def test_only_those_that_took_long() -> None:
    slowest = Slowest()
    for seconds in (0.002, 0.3, 0.1, 2.0):
        _took(slowest, seconds)
    assert [one.took_seconds for one in slowest.found(least_seconds=0.1)] == [2.0, 0.3, 0.1]


def test_those_of_a_token() -> None:
    slowest = Slowest()
    for number in range(3 * MOST):
        _took(slowest, 10.0, Identity(who="o", scopes=_WHO.scopes, token_id="b" * 12), q=str(number))
    own = Identity(who="a", scopes=_WHO.scopes, token_id="a" * 12, name="a")
    _took(slowest, 20.0, own, q="own")
    assert [one.parameters for one in slowest.found("a" * 12)] == [{"q": "own"}]
    assert len(slowest.found()) == MOST
    assert slowest.found("c" * 12) == []


async def test_turns_tell_what_they_took() -> None:
    turns = Turns(SearchLimits(concurrent=1, slow_seconds=60))

    async def one(q: str) -> None:
        with turns.slowest.watch(_WHO, "search", MultiDict(q=q)) as watch:
            async with turns.turn(_NOTHING, watch=watch):
                await entered.wait()

    entered = asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(one("first"))
        await asyncio.sleep(0)
        tasks.create_task(one("second"))
        await asyncio.sleep(0.05)
        entered.set()
    found = {one.parameters["q"]: one for one in turns.slowest.found()}
    assert found["first"].ran_seconds >= 0.05 > found["first"].waited_seconds
    assert found["second"].waited_seconds >= 0.04 > found["second"].ran_seconds
    with pytest.raises(TimeoutError), turns.slowest.watch(_WHO, "stats", _NOTHING) as watch:
        async with turns.turn(MultiDict(timeout="10ms"), watch=watch):
            await asyncio.Event().wait()
    assert {(one.kind, one.status) for one in turns.slowest.found()} == {("search", "done"), ("stats", "timed_out")}


async def test_a_slow_one_has_its_plan() -> None:
    async def explain() -> dict[str, object]:
        return {"engine": "segments", "each": [1, 2, 3]}

    for slow_seconds, plan in ((1e-9, {"engine": "segments"}), (60.0, None)):
        turns = Turns(SearchLimits(slow_seconds=slow_seconds))
        with turns.slowest.watch(_WHO, "search", _NOTHING) as watch:
            async with turns.turn(_NOTHING, explain=explain, watch=watch):
                pass
        assert [one.plan for one in turns.slowest.found()] == [plan]
