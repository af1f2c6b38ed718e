"""How a request asks the index: its parameters become a question, which is limited to what its sender may see, waits
for its turn, and is answered from the cache where that has it."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Generic, Protocol, TypeVar

import msgspec
from aiohttp import web
from multidict import MultiMapping

from logd.flow.clock import now_us
from logd.http import identity
from logd.http.answers import json_bytes
from logd.http.cached import Cached, Made
from logd.http.slowest import Watch
from logd.http.turns import Turns
from logd.query.parse import Operator
from logd.seams import Fields, Histogram, Patterns, Search, Searches, Stats


class Answered(Protocol):
    """What every answer of an index says."""

    @property
    def missing(self) -> Sequence[str]:
        """Why rows may be missing from it; empty when it is whole."""
        ...


A = TypeVar("A", Search, Histogram, Stats, Fields, Patterns)
F = TypeVar("F", bound=Answered)


class Question(msgspec.Struct, Generic[A, F], frozen=True, kw_only=True):
    """What a request asks. `ask` is the method of Searches for it, `body` makes the answer's body of what is found and
    the ms that it took, in another thread: thousands of rows take a while. `belongs_to` is all else that the body
    depends on, beside the times as they were written. `light`: it is not a heavy one, as of Turns. `kind` is what
    people call it."""

    kind: str
    asked: A
    ask: Callable[[A], Awaitable[F]]
    body: Callable[[F, int], dict[str, Any]]
    belongs_to: object = None
    light: bool = False


#: Raises BadRequest that names the parameter. Its second argument is now, in Unix µs.
Read = Callable[[MultiMapping[str], int, Operator], Question[A, F]]


class Asking:
    """For the handlers of one API."""

    def __init__(self, turns: Turns, cached: Cached, searches: Searches, default_operator: Operator) -> None:
        self.searches = searches
        self._cached = cached
        self._default_operator = default_operator
        self._turns = turns

    async def answer(self, request: web.Request, query: MultiMapping[str], read: Read[A, F]) -> web.Response:
        """200 with the body. Raises what `read` raises, and what Turns.turn and the question do."""
        with self._turns.counted() as took_ms:
            question = read(query, now_us(), self._default_operator)
            limited = identity.limited(request, question.asked)

            async def explain() -> Mapping[str, Any]:
                return await self.searches.explain(_search_of(limited))

            async def make(watch: Watch) -> Made:
                async with self._turns.turn(query, heavy=not question.light, explain=explain, watch=watch) as seconds:
                    found = await question.ask(msgspec.structs.replace(limited, within_seconds=seconds))
                took = took_ms()
                body = await asyncio.to_thread(lambda: json_bytes(question.body(found, took)))
                return Made(body, whole=not found.missing)

            written = tuple(query.get(name, "") for name in ("from", "to", "new_since"))
            sender, place = identity.of(request), request.match_info
            with self._turns.slowest.watch(sender, question.kind, query, place) as watch:
                making = functools.partial(make, watch)
                return await self._cached.answer(query, limited, (written, question.belongs_to), making)


def _search_of(asked: Search | Histogram | Stats | Fields | Patterns) -> Search:
    """What looks at the same rows."""
    if isinstance(asked, Search):
        return asked
    return Search(query=asked.query, from_us=asked.from_us, to_us=asked.to_us)
