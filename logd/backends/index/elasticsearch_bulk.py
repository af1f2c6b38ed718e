"""Documents into Elasticsearch: in bulks, several in flight, and each document by its own result.

    201, 409                   it is there (409: it was before)
    429, 503                   tried again alone, later and later, then Unavailable
    403 cluster_block          the index is write-blocked: the ids that it has are there, the others go to a late index,
                               and while that is blocked, as it is before it is deleted, to a later one
    400                        unfit: its fields can't be indexed as they are
    any other 4xx              refused, with Elasticsearch's reason
    413 of a request           tried again in halves; a document that is too large alone is refused

`create` by log_id makes all of this idempotent: who calls again after Unavailable stores nothing twice. An id that is
in a late index is known also once the index of its day takes documents again.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Iterator, Sequence
from typing import assert_never

import msgspec
import pyarrow as pa

from logd.backends.index.elasticsearch_body import Body
from logd.backends.index.elasticsearch_client import Client, Failure, TooLarge
from logd.backends.index.elasticsearch_names import IndexName, name_of
from logd.backends.index.elasticsearch_results import Fate, Result, fate
from logd.config.schema import Elasticsearch as Settings
from logd.errors import BadRequest, Unavailable
from logd.telemetry import metrics

#: Elasticsearch advises 5 to 15 MB a request, and keeps each in its heap.
_MOST_BYTES = 8 * 1024 * 1024
#: A proxy that takes less than this takes no logs.
_LEAST_BYTES = 64 * 1024
_TRIES = 5
_FIRST_WAIT_SECONDS = 0.2
#: A bulk that takes longer is too large for what the cluster can do now.
_SLOW_SECONDS = 10.0
_LEAST_ROWS = 100
#: Ids in one question: some 150 kB.
_MOST_IDS = 5_000
#: Of a request: what is wrong is one of its documents. Anything else would be wrong with all that ever come.
_OF_DOCUMENTS = "action_request_validation_exception"
_RESULTS = {"filter_path": "errors,items.create.status,items.create.error"}


class _Item(msgspec.Struct, frozen=True):
    create: Result


class _Outcome(msgspec.Struct, frozen=True):
    """What most answers say, whose items are passed over."""

    errors: bool


class _Answer(msgspec.Struct, frozen=True):
    items: list[_Item] = []


class _Known(msgspec.Struct, frozen=True):
    id: str = msgspec.field(name="_id")
    found: bool = False
    error: Failure | None = None


class _KnownAnswer(msgspec.Struct, frozen=True):
    docs: list[_Known] = []


class Stored(msgspec.Struct):
    """What became of documents: how many were there before, and by row, with the reason, those that are unfit as they
    are and those that were refused."""

    duplicates: int = 0
    unfit: dict[int, str] = {}
    refused: dict[int, str] = {}


class _Target(msgspec.Struct, frozen=True):
    """A body, its log_ids, and where its documents go: into the first of `indices` that takes any."""

    indices: tuple[str, ...]
    body: Body
    ids: pa.ChunkedArray

    def names(self, numbers: Sequence[int]) -> list[str]:
        """The log_ids of some documents."""
        found: list[str] = self.ids.take(pa.array(self.body.rows[list(numbers)])).to_pylist()
        return found


class Bulks:
    """Sends bodies; how many documents a bulk has follows from how long the last ones took."""

    def __init__(self, client: Client, settings: Settings) -> None:
        self._client = client
        self._most_rows = settings.bulk_rows
        self._most_bytes = _MOST_BYTES
        self._in_flight = asyncio.Semaphore(settings.bulks_in_flight)
        # Elasticsearch waits that long for a shard that is away; its answer has to come before we give up.
        self._parameters = {**_RESULTS, "timeout": f"{max(1, int(settings.timeout_seconds * 500))}ms"}
        self.rows = settings.bulk_rows

    async def store(self, body: Body, ids: pa.ChunkedArray) -> Stored:
        """All documents of a body, which are rows of `ids`. Raises Unavailable; some may have been stored then."""
        indices = tuple(name_of(IndexName(body.policy, body.day, late)) for late in range(3))
        target = _Target(indices, body, ids)
        stored = Stored()
        numbers: Sequence[int] = range(len(body))
        for late in await self._existing(indices[1:]):
            numbers = await self._unknown(late, target, numbers, stored)
        try:
            async with asyncio.TaskGroup() as tasks:
                for some in self._parts(body, numbers):
                    tasks.create_task(self._send(0, target, some, stored), name="index.bulk")
        except* Unavailable as errors:
            raise _first(errors) from errors
        return stored

    async def store_into(self, index: str, body: Body, ids: pa.ChunkedArray) -> Stored:
        """The same, into this one index, whatever the body is of."""
        target, stored = _Target((index,), body, ids), Stored()
        try:
            async with asyncio.TaskGroup() as tasks:
                for some in self._parts(body, range(len(body))):
                    tasks.create_task(self._send(0, target, some, stored), name="index.bulk")
        except* Unavailable as errors:
            raise _first(errors) from errors
        return stored

    def _parts(self, body: Body, numbers: Sequence[int]) -> Iterator[Sequence[int]]:
        first = 0
        while first < len(numbers):
            end = min(first + self.rows, len(numbers))
            while end > first + 1 and body.size(numbers[first:end]) > self._most_bytes:
                end = first + (end - first) // 2
            yield numbers[first:end]
            first = end

    async def _send(self, place: int, target: _Target, numbers: Sequence[int], stored: Stored) -> None:
        """Into the index at a place of the target's."""
        index = target.indices[place]
        wait = _FIRST_WAIT_SECONDS
        why = ""
        for _ in range(_TRIES):
            async with self._in_flight:
                results = await self._ask(index, target.body, numbers)
            if results is None:
                return
            again: list[int] = []
            blocked: list[int] = []
            for number, result in zip(numbers, results, strict=True):
                row = int(target.body.rows[number])
                match fate(result):
                    case Fate.STORED:
                        pass
                    case Fate.KNOWN:
                        stored.duplicates += 1
                    case Fate.BLOCKED:
                        blocked.append(number)
                    case Fate.AGAIN:
                        again.append(number)
                        why = result.reason
                    case Fate.UNFIT:
                        stored.unfit[row] = result.reason
                    case Fate.REFUSED:
                        stored.refused[row] = result.reason
                    case unknown:
                        assert_never(unknown)
            if blocked:
                await self._send_late(place, target, blocked, stored)
            if not again:
                return
            metrics.INDEX_BULK_RETRIED.inc(len(again))
            self.rows = max(_LEAST_ROWS, self.rows // 2)
            numbers = again
            await asyncio.sleep(wait * random.uniform(0.5, 1.0))
            wait *= 2
        raise Unavailable(f"Elasticsearch takes no more documents for {index} now: {why}")

    async def _ask(self, index: str, body: Body, numbers: Sequence[int]) -> list[Result] | None:
        """The results, in order; None when all are new."""
        started = time.perf_counter()
        try:
            answered = await self._client.ask(
                "POST", f"/{index}/_bulk", body.text_of(numbers), self._parameters, lines=True
            )
        except TooLarge as error:
            if len(numbers) == 1:
                return [Result(413, Failure("too_large", str(error)))]
            self._most_bytes = max(_LEAST_BYTES, min(self._most_bytes, body.size(numbers) // 2))
            return await self._halves(index, body, numbers)
        except BadRequest as error:
            if _OF_DOCUMENTS not in str(error):
                raise Unavailable(f"the bulk as a whole was refused: {error}") from error
            if len(numbers) == 1:
                return [Result(422, Failure("request", str(error)))]
            return await self._halves(index, body, numbers)
        errors = msgspec.json.decode(answered, type=_Outcome).errors
        took = time.perf_counter() - started
        metrics.INDEX_BULK_SECONDS.observe(took)
        slow = took > _SLOW_SECONDS
        self.rows = max(_LEAST_ROWS, self.rows // 2) if slow else min(self._most_rows, self.rows + self.rows // 8 + 1)
        return [item.create for item in msgspec.json.decode(answered, type=_Answer).items] if errors else None

    async def _halves(self, index: str, body: Body, numbers: Sequence[int]) -> list[Result]:
        """One document can make Elasticsearch refuse a whole bulk, by an id that is too long, or by its size; this
        finds it."""
        results: list[Result] = []
        for some in (numbers[: len(numbers) // 2], numbers[len(numbers) // 2 :]):
            results += await self._ask(index, body, some) or [Result(201)] * len(some)
        return results

    async def _send_late(self, place: int, target: _Target, numbers: Sequence[int], stored: Stored) -> None:
        """Into the next index what a write-blocked one doesn't have."""
        if place + 1 == len(target.indices):
            raise Unavailable(f"{' and '.join(target.indices)} take no documents: they are write-blocked")
        if missing := await self._unknown(target.indices[place], target, numbers, stored):
            await self._send(place + 1, target, missing, stored)

    async def _existing(self, indices: Sequence[str]) -> Sequence[str]:
        """Those of them that there are."""
        parameters = {"ignore_unavailable": "true", "allow_no_indices": "true", "expand_wildcards": "all"}
        try:
            answered = await self._client.ask("GET", f"/{','.join(indices)}/_settings/index.uuid", None, parameters)
        except BadRequest as error:
            raise Unavailable(f"whether {', '.join(indices)} are there can't be told now: {error}") from error
        there = msgspec.json.decode(answered, type=dict[str, msgspec.Raw])
        return [name for name in indices if name in there]

    async def _unknown(self, index: str, target: _Target, numbers: Sequence[int], stored: Stored) -> Sequence[int]:
        """The documents whose ids an index doesn't have; the others are counted."""
        unknown: list[int] = []
        for first in range(0, len(numbers), _MOST_IDS):
            some = numbers[first : first + _MOST_IDS]
            names = target.names(some)
            try:
                answered = await self._client.ask("POST", f"/{index}/_mget", {"ids": names}, {"_source": "false"})
            except BadRequest as error:
                raise Unavailable(f"what {index} has can't be told now: {error}") from error
            docs = msgspec.json.decode(answered, type=_KnownAnswer).docs
            if failures := [one.error.text for one in docs if one.error]:
                raise Unavailable(f"what {index} has can't be told now: {failures[0]}")
            known = {one.id for one in docs if one.found}
            unknown += [number for number, name in zip(some, names, strict=True) if name not in known]
        stored.duplicates += len(numbers) - len(unknown)
        return unknown


def _first(errors: BaseExceptionGroup[Unavailable]) -> Unavailable:
    error: BaseException = errors
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    assert isinstance(error, Unavailable)
    return Unavailable(str(error), error.retry_after_seconds)
