"""Documents into Elasticsearch: in bulks, several in flight, and each document by its own result.

    201, 409                   it is there (409: it was before)
    429, 503                   tried again alone, later and later, then Unavailable
    403 cluster_block          the index is write-blocked: the ids that it has are there, the others go to a late index
    any other 4xx              refused, with Elasticsearch's reason

`create` by log_id makes all of this idempotent: who calls again after Unavailable stores nothing twice.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Iterator, Sequence
from datetime import date, timedelta

import msgspec
import pyarrow as pa

from logd.backends.index.elasticsearch_body import Body
from logd.backends.index.elasticsearch_client import Client, Failure
from logd.backends.index.elasticsearch_mapping import PREFIX
from logd.config.schema import Elasticsearch as Settings
from logd.errors import BadRequest, Unavailable
from logd.telemetry import metrics

#: Elasticsearch advises 5 to 15 MB a request, and keeps each in its heap.
_MOST_BYTES = 8 * 1024 * 1024
_TRIES = 5
_FIRST_WAIT_SECONDS = 0.2
#: A bulk that takes longer is too large for what the cluster can do now.
_SLOW_SECONDS = 10.0
_LEAST_ROWS = 100
#: What will pass, and what is no document's fault: an index that is closed, that nobody may make, or write to; and the
#: limit of shards.
_AGAIN = (404, 429, 500, 502, 503, 504)
_OF_INDEX = ("index_closed_exception", "security_exception", "validation_exception")
#: Of a request: what is wrong is one of its documents. Anything else would be wrong with all that ever come.
_OF_DOCUMENTS = "action_request_validation_exception"
_EPOCH = date(1970, 1, 1)
_RESULTS = {"filter_path": "errors,items.create.status,items.create.error"}


class _Result(msgspec.Struct, frozen=True):
    status: int = 0
    error: Failure | None = None


class _Item(msgspec.Struct, frozen=True):
    create: _Result


class _Answer(msgspec.Struct, frozen=True):
    errors: bool
    items: list[_Item] = []


class _Known(msgspec.Struct, frozen=True):
    id: str = msgspec.field(name="_id")
    found: bool = False


class _KnownAnswer(msgspec.Struct, frozen=True):
    docs: list[_Known] = []


class Stored(msgspec.Struct):
    """What became of documents: those that were there before, and those that were refused, by row, with the reason."""

    duplicates: int = 0
    refused: dict[int, str] = {}


def index_of(day: int) -> str:
    """Of the default policy, for a day since 1970."""
    return f"{PREFIX}{_EPOCH + timedelta(days=day)}"


def late_index_of(day: int) -> str:
    """For what comes after that one was write-blocked."""
    return f"{PREFIX}late-default-{_EPOCH + timedelta(days=day)}"


class Bulks:
    """Sends bodies; how many documents a bulk has follows from how long the last ones took."""

    def __init__(self, client: Client, settings: Settings) -> None:
        self._client = client
        self._most_rows = settings.bulk_rows
        self._in_flight = asyncio.Semaphore(settings.bulks_in_flight)
        self.rows = settings.bulk_rows

    async def store(self, body: Body, ids: pa.ChunkedArray) -> Stored:
        """All documents of a body, whose log_ids are given. Raises Unavailable; some may have been stored then."""
        stored = Stored()
        try:
            async with asyncio.TaskGroup() as tasks:
                for numbers in self._parts(body):
                    sending = self._send(index_of(body.day), late_index_of(body.day), body, ids, numbers, stored)
                    tasks.create_task(sending, name="index.bulk")
        except* Unavailable as errors:
            raise _first(errors) from errors
        return stored

    def _parts(self, body: Body) -> Iterator[range]:
        first = 0
        while first < len(body):
            end = min(first + self.rows, len(body))
            while end > first + 1 and body.ends[end] - body.ends[first] > _MOST_BYTES:
                end = first + (end - first) // 2
            yield range(first, end)
            first = end

    async def _send(
        self, index: str, late: str, body: Body, ids: pa.ChunkedArray, numbers: Sequence[int], stored: Stored
    ) -> None:
        wait = _FIRST_WAIT_SECONDS
        why = ""
        for _ in range(_TRIES):
            async with self._in_flight:
                results = await self._ask(index, body, numbers)
            if results is None:
                return
            again: list[int] = []
            blocked: list[int] = []
            for number, result in zip(numbers, results, strict=True):
                match result.status:
                    case 200 | 201:
                        pass
                    case 409:
                        stored.duplicates += 1
                    case 403 if result.error is not None and result.error.type == "cluster_block_exception":
                        blocked.append(number)
                    case status if status in _AGAIN or (result.error is not None and result.error.type in _OF_INDEX):
                        again.append(number)
                        why = result.error.text if result.error else f"status {result.status}"
                    case _:
                        reason = result.error.text if result.error else f"status {result.status}"
                        stored.refused[int(body.rows[number])] = reason
            if blocked:
                await self._send_late(index, late, body, ids, blocked, stored)
            if not again:
                return
            metrics.INDEX_BULK_RETRIED.inc(len(again))
            self.rows = max(_LEAST_ROWS, self.rows // 2)
            numbers = again
            await asyncio.sleep(wait * random.uniform(0.5, 1.0))
            wait *= 2
        raise Unavailable(f"Elasticsearch takes no more documents for {index} now: {why}")

    async def _ask(self, index: str, body: Body, numbers: Sequence[int]) -> list[_Result] | None:
        """The results, in order; None when all are new."""
        started = time.perf_counter()
        text = (
            body.part(numbers[0], numbers[-1] + 1)
            if isinstance(numbers, range)
            else b"".join(body.part(number, number + 1) for number in numbers)
        )
        try:
            answered = await self._client.ask("POST", f"/{index}/_bulk", text, _RESULTS, lines=True)
        except BadRequest as error:
            if _OF_DOCUMENTS not in str(error):
                raise Unavailable(f"the bulk as a whole was refused: {error}") from error
            return await self._halves(index, body, numbers, str(error))
        answer = msgspec.json.decode(answered, type=_Answer)
        took = time.perf_counter() - started
        metrics.INDEX_BULK_SECONDS.observe(took)
        slow = took > _SLOW_SECONDS
        self.rows = max(_LEAST_ROWS, self.rows // 2) if slow else min(self._most_rows, self.rows + self.rows // 8 + 1)
        return [item.create for item in answer.items] if answer.errors else None

    async def _halves(self, index: str, body: Body, numbers: Sequence[int], reason: str) -> list[_Result]:
        """One document can make Elasticsearch refuse a whole bulk, by an id that is too long; this finds it."""
        if len(numbers) == 1:
            return [_Result(400, Failure("request", reason))]
        results: list[_Result] = []
        for some in (numbers[: len(numbers) // 2], numbers[len(numbers) // 2 :]):
            results += await self._ask(index, body, some) or [_Result(201)] * len(some)
        return results

    async def _send_late(
        self, index: str, late: str, body: Body, ids: pa.ChunkedArray, numbers: Sequence[int], stored: Stored
    ) -> None:
        """Into the other index what a write-blocked one doesn't have."""
        if index == late:
            raise Unavailable(f"{late} is write-blocked, too")
        names = ids.take(pa.array(body.rows[list(numbers)])).to_pylist()
        asked = {"ids": names}
        try:
            answered = await self._client.ask("POST", f"/{index}/_mget", asked, {"_source": "false"})
        except BadRequest as error:
            raise Unavailable(f"what {index} has can't be told now: {error}") from error
        known = {one.id for one in msgspec.json.decode(answered, type=_KnownAnswer).docs if one.found}
        missing = [number for number, name in zip(numbers, names, strict=True) if name not in known]
        stored.duplicates += len(numbers) - len(missing)
        if missing:
            await self._send(late, late, body, ids, missing, stored)


def _first(errors: BaseExceptionGroup[Unavailable]) -> Unavailable:
    error: BaseException = errors
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    assert isinstance(error, Unavailable)
    return Unavailable(str(error), error.retry_after_seconds)
