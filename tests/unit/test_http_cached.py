"""Answers from the cache: what is the same question, who may be answered so, and that the work is done once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable

import pytest
from aiohttp import web
from multidict import MultiDict

from logd.backends.cache.memory import MemoryCache
from logd.config.schema import SearchLimits
from logd.errors import BadRequest
from logd.http.cached import Cached, Made
from logd.http.turns import Turns
from logd.query.parse import parse
from logd.query.tree import Equals
from logd.seams import Histogram, Patterns, Search

_NOW_US = 1_700_000_000_000_000
_SECOND_US = 1_000_000
_OVER = Search(query=parse("a"), from_us=0, to_us=_NOW_US - 30 * _SECOND_US)


class _Clock:
    def __init__(self) -> None:
        self.us = _NOW_US

    def __call__(self) -> int:
        return self.us


class _Asking:
    """Counts how often an answer was made; `gate` holds it up."""

    def __init__(self, *, seconds: float = 60.0) -> None:
        self.clock = _Clock()
        self.made = 0
        self.whole = True
        self.gate = asyncio.Event()
        self.gate.set()
        self.begun = asyncio.Event()
        self.error: Exception | None = None
        turns = Turns(SearchLimits(deadline_seconds=seconds))
        cache = MemoryCache(1_000_000, lambda: self.clock.us / _SECOND_US)
        self.late_writes = 0
        self.cached = Cached(cache, turns, lambda: self.late_writes, self.clock)

    async def make(self) -> Made:
        self.begun.set()
        await self.gate.wait()
        self.made += 1
        if self.error is not None:
            raise self.error
        return Made(b"%d" % self.made, self.whole)

    def ask(
        self, asked: Search | Histogram | Patterns = _OVER, belongs_to: object = "", **parameters: str
    ) -> Awaitable[web.Response]:
        return self.cached.answer(MultiDict(parameters), asked, belongs_to, self.make)


def _said(response: web.Response) -> tuple[object, str, str]:
    return response.body, response.headers.get("Cache-Status", ""), response.headers.get("Age", "")


async def test_the_same_is_made_once_in_thirty_seconds() -> None:
    asking = _Asking()
    assert _said(await asking.ask()) == (b"1", "logd; fwd=miss", "")
    asking.clock.us += 30 * _SECOND_US - 1
    moved = Search(query=parse("a"), from_us=7, to_us=asking.clock.us - 60 * _SECOND_US)  # relative times are the same
    assert _said(await asking.ask(moved)) == (b"1", "logd; hit; ttl=1", "29")
    asking.clock.us += 1 + 1
    assert _said(await asking.ask(moved)) == (b"2", "logd; fwd=miss", "")


async def test_what_is_new_since_a_relative_time_is_the_same() -> None:
    asking = _Asking()
    await asking.ask(Patterns(to_us=0, new_since_us=1), "-10m")
    assert _said(await asking.ask(Patterns(to_us=0, new_since_us=2), "-10m"))[:2] == (b"1", "logd; hit; ttl=30")
    assert _said(await asking.ask(Patterns(to_us=0, new_since_us=2), "-20m"))[:2] == (b"2", "logd; fwd=miss")


async def test_what_isnt_whole_isnt_kept() -> None:
    asking = _Asking()
    asking.whole = False
    assert _said(await asking.ask()) == (b"1", "logd; fwd=miss", "")
    asking.whole = True
    assert _said(await asking.ask()) == (b"2", "logd; fwd=miss", "")
    assert _said(await asking.ask())[:2] == (b"2", "logd; hit; ttl=30")


async def test_late_lines_make_it_anew() -> None:
    asking = _Asking()
    await asking.ask()
    asking.late_writes += 1
    assert _said(await asking.ask()) == (b"2", "logd; fwd=miss", "")
    assert _said(await asking.ask())[:2] == (b"2", "logd; hit; ttl=30")


@pytest.mark.parametrize(
    ("asked", "belongs_to"),
    [
        (Search(query=parse("b"), to_us=0), ""),
        (Search(query=parse("a AND b"), to_us=0), ""),
        (Search(query=Equals("service", "a"), to_us=0), ""),
        (Search(query=parse("a"), to_us=0, limit=3), ""),
        (Search(query=parse("a"), to_us=0, offset=3), ""),
        (Search(query=parse("a"), to_us=0, newest_first=False), ""),
        (Search(query=parse("a"), to_us=0, count_limit=None), ""),
        (Search(query=parse("a"), to_us=0), "-1h"),
        (Histogram(query=parse("a"), to_us=0), ""),
    ],
)
async def test_another_question(asked: Search | Histogram, belongs_to: object) -> None:
    asking = _Asking()
    await asking.ask()
    assert _said(await asking.ask(asked, belongs_to))[:2] == (b"2", "logd; fwd=miss")
    assert _said(await asking.ask())[:2] == (b"1", "logd; hit; ttl=30")


async def test_the_spelling_of_a_query_does_not_matter() -> None:
    asking = _Asking()
    await asking.ask(Search(query=parse("a AND level:error"), to_us=0))
    again = await asking.ask(Search(query=parse("  a  && (level:error)"), to_us=0))
    assert _said(again)[0] == b"1"


@pytest.mark.parametrize(
    ("text", "other", "again"),
    [
        ("a AND timestamp:>now-1h", "a AND timestamp:>now-1h", True),
        ("a OR NOT ingested_at:[now-1d/d TO *]", "a OR NOT ingested_at:[now-1d/d TO *]", True),
        ("a AND timestamp:>now-1h", "a AND timestamp:>now-2h", False),
        ("a AND timestamp:>now-1h", "a AND timestamp:<now-1h", False),
        ("a AND timestamp:>2020-01-01", "a AND timestamp:>2020-01-02", False),
        ("a AND timestamp:>now-1h", "b AND timestamp:>now-1h", False),
    ],
)
async def test_times_in_a_query_are_as_they_were_written(text: str, other: str, again: bool) -> None:
    asking = _Asking()
    await asking.ask(Search(query=parse(text, "or", _NOW_US), to_us=0), q=text)
    later = Search(query=parse(other, "or", _NOW_US + 7 * _SECOND_US), to_us=0)
    assert (_said(await asking.ask(later, q=other))[0] == b"1") == again


@pytest.mark.parametrize(
    ("to_us", "parameters", "again"),
    [
        (_NOW_US - 30 * _SECOND_US, {}, "logd; hit; ttl=30"),
        (_NOW_US - 30 * _SECOND_US + 1, {}, ""),
        (None, {}, ""),
        (None, {"max_age": "30"}, "logd; hit; ttl=30"),
        (None, {"max_age": "86400"}, "logd; hit; ttl=30"),
        (_NOW_US, {"max_age": "1"}, "logd; hit; ttl=30"),
        (0, {"max_age": "0"}, ""),
    ],
)
async def test_who_is_answered_from_the_cache(to_us: int | None, parameters: dict[str, str], again: str) -> None:
    asking = _Asking()
    asked = Search(query=parse("a"), to_us=to_us)
    await asking.ask(asked, **parameters)
    assert _said(await asking.ask(asked, **parameters))[1] == again


async def test_an_age_that_is_too_high_for_the_caller() -> None:
    asking = _Asking()
    await asking.ask()
    asking.clock.us += 11 * _SECOND_US
    assert _said(await asking.ask(max_age="11"))[:1] == (b"1",)
    assert _said(await asking.ask(max_age="10"))[:1] == (b"2",)
    assert _said(await asking.ask())[:1] == (b"2",)


@pytest.mark.parametrize("text", ["-1", "x", "1.5", "86401"])
async def test_a_wrong_age(text: str) -> None:
    with pytest.raises(BadRequest, match="max_age"):
        await _Asking().ask(max_age=text)


async def test_many_at_once_are_one() -> None:
    asking = _Asking()
    asking.gate.clear()
    asked = [asyncio.ensure_future(asking.ask()) for _ in range(10)]
    await asking.begun.wait()
    asking.gate.set()
    found = [_said(response)[:2] for response in await asyncio.gather(*asked)]
    assert found == [(b"1", "logd; fwd=miss"), *[(b"1", "logd; fwd=miss; collapsed")] * 9]


async def test_who_goes_away_takes_nobody_along() -> None:
    asking = _Asking()
    asking.gate.clear()
    first, second, third = (asyncio.ensure_future(asking.ask()) for _ in range(3))
    await asking.begun.wait()
    second.cancel()
    first.cancel()
    await asyncio.wait([first, second])
    asking.gate.set()
    assert _said(await third)[:2] == (b"1", "logd; fwd=miss")
    assert (first.cancelled(), second.cancelled()) == (True, True)


async def test_an_error_is_for_all_who_asked_and_is_not_kept() -> None:
    asking = _Asking()
    asking.error = BadRequest("too_large", "too large")
    asking.gate.clear()
    asked = [asyncio.ensure_future(asking.ask()) for _ in range(3)]
    await asking.begun.wait()
    asking.gate.set()
    found = await asyncio.gather(*asked, return_exceptions=True)
    assert [type(error) for error in found] == [BadRequest] * 3
    assert asking.made == 1
    asking.error = None
    assert _said(await asking.ask())[0] == b"2"


async def test_nobody_waits_longer_than_a_deadline() -> None:
    asking = _Asking()
    asking.gate.clear()
    first = asyncio.ensure_future(asking.ask(timeout="10ms"))
    await asking.begun.wait()
    with pytest.raises(TimeoutError):
        await asking.ask(timeout="10ms")
    asking.gate.set()
    assert _said(await first)[0] == b"1"
