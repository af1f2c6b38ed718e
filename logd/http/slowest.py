"""The slowest searches of the last hour, in memory of bounded size: at most MOST of each of its parts, and of what
these asked for a few kB.

A search is what asks the index: what was wrong, or answered from the cache, has cost it nothing and isn't among them.
"""

from __future__ import annotations

import asyncio
import contextlib
import heapq
import itertools
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Literal, NamedTuple

import msgspec
import orjson
from multidict import MultiMapping

from logd.errors import NotFound
from logd.flow.timer import Clock, SystemClock
from logd.http.identity import Identity

KEPT_SECONDS = 3_600
#: What is given at once, and kept of each part.
MOST = 100
#: What is older goes by parts, so that a slow one can't be in the way of those of an hour later.
_PART_SECONDS = 300
_PARTS = KEPT_SECONDS // _PART_SECONDS + 1
#: Of each value of a parameter, and of a plan as JSON.
_SHOWN_CHARACTERS = 500
_PLAN_BYTES = 4_000
Status = Literal["done", "timed_out", "cancelled", "failed"]


class SlowSearch(msgspec.Struct, frozen=True, kw_only=True):
    """When it came, in Unix µs, and ended, in seconds of Clock.monotonic; how long it waited for its turns, and how
    long it asked the index; what it asked for, cut; who asked. `plan` is as of Turns.turn."""

    at_us: int
    ended_seconds: float
    kind: str
    waited_seconds: float
    ran_seconds: float
    parameters: Mapping[str, str]
    token_id: str
    token: str
    status: Status
    plan: Mapping[str, Any] | None

    @property
    def took_seconds(self) -> float:
        """In all."""
        return self.waited_seconds + self.ran_seconds


class Watch:
    """What a search has taken until now, in all of its turns."""

    __slots__ = ("plan", "ran_seconds", "turns", "waited_seconds")

    def __init__(self) -> None:
        self.turns = 0
        self.waited_seconds = 0.0
        self.ran_seconds = 0.0
        self.plan: Mapping[str, Any] | None = None

    def add(self, waited_seconds: float, ran_seconds: float) -> None:
        """A turn has ended, or none came."""
        self.turns += 1
        self.waited_seconds += waited_seconds
        self.ran_seconds += ran_seconds

    def explained(self, plan: Mapping[str, Any]) -> None:
        """One that is too long isn't kept."""
        if len(orjson.dumps(plan)) <= _PLAN_BYTES:
            self.plan = plan


class _Part(NamedTuple):
    """The slowest that ended in the part of that number, those that took least first."""

    number: int
    heap: list[tuple[float, int, SlowSearch]]


class Slowest:
    """Those of this process."""

    def __init__(self, clock: Clock | None = None) -> None:
        self._clock: Clock = clock or SystemClock()
        self._parts: deque[_Part] = deque(maxlen=_PARTS)
        self._order = itertools.count()
        self._began_seconds = self._clock.monotonic()

    @contextlib.contextmanager
    def watch(
        self, sender: Identity, kind: str, query: MultiMapping[str], place: Mapping[str, str] | None = None
    ) -> Iterator[Watch]:
        """Around a search, whose turns are told the Watch; `query` are its parameters, `place` those in its path."""
        at_us, watch = self._clock.now_us(), Watch()
        status: Status = "failed"
        try:
            yield watch
            status = "done"
        except NotFound:
            status = "done"
            raise
        except TimeoutError:
            status = "timed_out"
            raise
        except (asyncio.CancelledError, GeneratorExit):
            status = "cancelled"
            raise
        finally:
            if watch.turns:
                self._add(watch, lambda ended: _search(at_us, ended, kind, watch, (query, place), sender, status))

    def since_us(self) -> int:
        """From when on the slowest are known."""
        known_seconds = min(KEPT_SECONDS, self._clock.monotonic() - self._began_seconds)
        return self._clock.now_us() - int(known_seconds * 1_000_000)

    def found(self, token_id: str | None = None, least_seconds: float = 0.0) -> list[SlowSearch]:
        """The slowest first, at most MOST, that took `least_seconds` or longer; with a `token_id` only those of this
        token."""
        since = self._clock.monotonic() - KEPT_SECONDS
        every = (search for part in self._parts for _, _, search in part.heap)
        meant = (one for one in every if one.ended_seconds >= since and (token_id is None or one.token_id == token_id))
        long = (one for one in meant if one.took_seconds >= least_seconds)
        return heapq.nlargest(MOST, long, key=lambda one: one.took_seconds)

    def _add(self, watch: Watch, make: Callable[[float], SlowSearch]) -> None:
        ended = self._clock.monotonic()
        number = int(ended // _PART_SECONDS)
        if not self._parts or number > self._parts[-1].number:
            while self._parts and self._parts[0].number <= number - _PARTS:
                self._parts.popleft()
            self._parts.append(_Part(number, []))
        heap = self._parts[-1].heap
        took = watch.waited_seconds + watch.ran_seconds
        if len(heap) < MOST:
            heapq.heappush(heap, (took, next(self._order), make(ended)))
        elif took > heap[0][0]:
            heapq.heapreplace(heap, (took, next(self._order), make(ended)))


def _search(
    at_us: int,
    ended_seconds: float,
    kind: str,
    watch: Watch,
    asked: tuple[MultiMapping[str], Mapping[str, str] | None],
    sender: Identity,
    status: Status,
) -> SlowSearch:
    query, place = asked
    values = {**(place or {}), **{name: ",".join(query.getall(name)) for name in query}}
    return SlowSearch(
        at_us=at_us,
        ended_seconds=ended_seconds,
        kind=kind,
        waited_seconds=watch.waited_seconds,
        ran_seconds=watch.ran_seconds,
        parameters={name: _cut(value) for name, value in values.items()},
        token_id=sender.token_id,
        token=sender.name,
        status=status,
        plan=watch.plan,
    )


def _cut(value: str) -> str:
    return value if len(value) <= _SHOWN_CHARACTERS else f"{value[:_SHOWN_CHARACTERS]}…"
