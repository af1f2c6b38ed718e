"""Answers that are asked for again within seconds: from the cache, and made once for all who ask at the same time.

An entry is the body with 8 bytes before it, the time at which it was made in Unix µs. It is found by what was asked:
the query as a tree, which has the sender's limits in it, and relative times as they were written, in the query
too. Where the index knows that late lines have come, nothing that was made before them is found any more.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Awaitable, Callable
from typing import Annotated, NamedTuple

import msgspec
from aiohttp import web
from msgspec import Meta
from multidict import MultiMapping

from logd.flow.clock import now_us
from logd.http.parameters import TIMEOUT, Parameter, whole_number
from logd.http.turns import Turns
from logd.query.times import timeless
from logd.seams import CACHE_SECONDS, LATE_SECONDS, Cache, Fields, Histogram, Patterns, Search, Stats
from logd.telemetry import metrics

#: How long an answer is kept; also how long ago a range has to be over to be answered from the cache unasked.
KEPT_SECONDS = LATE_SECONDS
_MOST_SECONDS = 86_400
_TIME_BYTES = 8
#: Of what is asked: what counts is how they were written.
_TIMES = {"from_us", "to_us", "new_since_us"}
#: Of what is kept: another shape of answers needs another number.
_VERSION = 3
MAX_AGE = Parameter(
    "max_age",
    f"Take an answer that is up to so many seconds old, of those that are kept, for {KEPT_SECONDS} s; 0 takes none."
    f" Unless told, only one about a range that was over {KEPT_SECONDS} s ago. Cache-Status and Age say if one was.",
    Annotated[int, Meta(ge=0, le=_MOST_SECONDS)],
)


class Made(NamedTuple):
    """A new answer's body. One that isn't whole isn't kept."""

    body: bytes
    whole: bool = True


Make = Callable[[], Awaitable[Made]]
Asked = Search | Histogram | Stats | Fields | Patterns


class _Answer(NamedTuple):
    """A body, and how old it is in seconds; None when it is new."""

    body: bytes
    age: int | None = None


class Cached:
    """For all handlers that ask the index."""

    def __init__(
        self, cache: Cache | None, turns: Turns, late_writes: Callable[[], int], clock: Callable[[], int] = now_us
    ) -> None:
        """`late_writes` is of wiring.OpenIndex, `clock` gives Unix µs."""
        self._cache = cache
        self._late_writes = late_writes
        self._turns = turns
        self._clock = clock
        self._under_way: dict[str, asyncio.Future[_Answer]] = {}

    async def answer(
        self,
        query: MultiMapping[str],
        asked: Asked,
        belongs_to: object,
        make: Make,
    ) -> web.Response:
        """The answer to what was `asked`, with the sender's limits in it. `belongs_to` is all else that it depends on:
        the times as they were written, and what else `make` puts into the body. Raises what `make` raises, TimeoutError
        when others are waited for too long, and BadRequest when max_age is wrong."""
        age = whole_number(query, MAX_AGE.name, -1, 0, _MOST_SECONDS)
        seconds = self._turns.seconds(query)
        over_us = self._clock() - KEPT_SECONDS * 1_000_000
        is_over = asked.to_us is not None and asked.to_us <= over_us
        if self._cache is None or age == 0 or (age < 0 and not is_over):
            return _response(_Answer((await make()).body), "")
        key = _key(asked, query.get("q", ""), (belongs_to, self._late_writes()))
        most = age if age > 0 else KEPT_SECONDS
        flight = f"{key} {most} {query.get(TIMEOUT.name, '')}"
        while (others := self._under_way.get(flight)) is not None:
            # Unlike `await others`, this doesn't cancel it for all when one of them goes away.
            done, _ = await asyncio.wait([others], timeout=seconds)
            if not done:
                raise TimeoutError
            if not others.cancelled():  # else the one who asked has gone away, and another has to
                metrics.CACHE_ANSWERS.labels("joined").inc()
                return _response(others.result(), "fwd=miss; collapsed")
        cache = self._cache
        answer = await self._alone(flight, lambda: self._found_or_made(cache, key, most, make))
        return _response(answer, "fwd=miss")

    async def _alone(self, flight: str, ask: Callable[[], Awaitable[_Answer]]) -> _Answer:
        """Asks for all who come with the same `flight` meanwhile."""
        future = asyncio.get_running_loop().create_future()
        self._under_way[flight] = future
        try:
            answer = await ask()
            future.set_result(answer)
            return answer
        except asyncio.CancelledError:
            future.cancel()
            raise
        except Exception as error:
            future.set_exception(error)
            future.exception()  # there may be nobody else to look at it
            raise
        finally:
            del self._under_way[flight]

    async def _found_or_made(self, cache: Cache, key: str, most: int, make: Make) -> _Answer:
        asked_at = time.monotonic()
        found = await cache.get(key, CACHE_SECONDS)
        left = CACHE_SECONDS - (time.monotonic() - asked_at)
        if found is not None and len(found) > _TIME_BYTES:
            # Clocks of several machines differ a little: what is from the future is new.
            age_us = max(0, self._clock() - int.from_bytes(found[:_TIME_BYTES], "big"))
            if age_us <= min(most, KEPT_SECONDS) * 1_000_000:
                metrics.CACHE_ANSWERS.labels("hit").inc()
                return _Answer(found[_TIME_BYTES:], age_us // 1_000_000)
        metrics.CACHE_ANSWERS.labels("miss").inc()
        made_us = self._clock()  # what comes while it is made isn't in it
        made = await make()
        if made.whole and left > 0:
            await cache.put(key, made_us.to_bytes(_TIME_BYTES, "big") + made.body, KEPT_SECONDS, left)
        return _Answer(made.body)


def _key(asked: Asked, written: str, belongs_to: object) -> str:
    """`written` is the query as text: what its times were relative to is in the tree no more."""
    tree = timeless(asked.query)
    times = dict.fromkeys(_TIMES & set(asked.__struct_fields__))
    question = msgspec.structs.replace(asked, query=tree, **times)
    text = repr((question, belongs_to, "" if tree == asked.query else written)).encode("utf-8", "surrogatepass")
    return f"{_VERSION}:{hashlib.blake2b(text, digest_size=20).hexdigest()}"


def _response(answer: _Answer, otherwise: str) -> web.Response:
    """With the headers of RFC 9211 and RFC 9111; `otherwise` is why it isn't from the cache, empty when it couldn't."""
    headers = {}
    if answer.age is not None:
        headers = {"Cache-Status": f"logd; hit; ttl={KEPT_SECONDS - answer.age}", "Age": str(answer.age)}
    elif otherwise:
        headers = {"Cache-Status": f"logd; {otherwise}"}
    return web.Response(body=answer.body, content_type="application/json", headers=headers)
