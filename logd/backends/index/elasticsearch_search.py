"""Asking Elasticsearch about documents, and counts of them: the requests, and their answers as tables and buckets.

The indices are those of the days that the range touches, absent ones left out. What isn't answered by every shard, or
not in time, says so; what none answers is Unavailable.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec
import pyarrow as pa

from logd.backends.index.elasticsearch_archived import left_out
from logd.backends.index.elasticsearch_client import Client, Failure
from logd.backends.index.elasticsearch_names import PREFIX, indices
from logd.config.schema import Elasticsearch as Settings
from logd.errors import BadRequest, Unavailable
from logd.query.elasticsearch import Kind, compile_query, times
from logd.query.elasticsearch_text import Query
from logd.query.times import narrowed
from logd.record import SCHEMA
from logd.seams import MAX_BUCKETS, Buckets, Fields, Histogram, Patterns, Search, Stats
from logd.store.histogram import round_interval

#: Elasticsearch takes the most frequent values of each shard; with so many, no other can be among the top of all.
SHARD_VALUES = 10_000
#: The shards of an index that is being made, as one is at each midnight, can't be asked for some tenths of a second.
_STARTING = "no_shard_available"
_STARTING_SECONDS = 5.0
#: … for so long an answer waits that lacks only some of them: it may be that nobody comes back.
_SOME_STARTING_SECONDS = 1.0
#: Of the time that there is, what Elasticsearch has; the rest is for putting its answer together.
_ITS_SHARE = 0.9
_AGAIN_SECONDS = 0.1
_REASON_CHARACTERS = 300
#: Failures of a shard that are the query's: one whose shards are empty may have no objection.
_OF_QUERY = ("query_shard_exception", "illegal_argument_exception", "too_complex_to_determinize_exception")
_PARAMETERS = {"ignore_unavailable": "true", "allow_no_indices": "true"}


class _Source(msgspec.Struct, frozen=True):
    log_id: str
    timestamp: str
    ingested_at: str = ""
    level: str | None = None
    service: str | None = None
    host: str | None = None
    source: str | None = None
    tags: list[str] | None = None
    trace_id: str | None = None
    message: str | None = None
    metadata: msgspec.Raw = msgspec.Raw(b"null")
    metadata_text: str | None = None


class Hit(msgspec.Struct, frozen=True):
    """One of an answer's documents."""

    source: _Source = msgspec.field(name="_source")
    #: What comes behind it comes after this.
    sort: list[int | str] = []


class _Total(msgspec.Struct, frozen=True):
    value: int
    relation: str


class _Hits(msgspec.Struct, frozen=True):
    hits: list[Hit] = []
    total: _Total | None = None


class _Shard(msgspec.Struct, frozen=True):
    index: str | None = None
    reason: Failure = Failure()


class _Shards(msgspec.Struct, frozen=True):
    total: int
    failed: int = 0
    failures: list[_Shard] = []

    @property
    def reasons(self) -> list[str]:
        """Why shards that are somewhere failed; empty when all that failed are nowhere now."""
        some = (one for one in self.failures if _STARTING not in one.reason.type)
        return list(dict.fromkeys(f"{one.index}: {one.reason.text}" for one in some))


class Answer(msgspec.Struct, frozen=True):
    """To a request for documents, counts or aggregations."""

    shards: _Shards = msgspec.field(name="_shards")
    hits: _Hits = _Hits()
    timed_out: bool = False
    aggregations: dict[str, Any] = {}

    @property
    def missing(self) -> tuple[str, ...]:
        """Why something may be missing from it."""
        found: list[str] = []
        if self.shards.failed:
            reasons = "; ".join(self.shards.reasons)[:_REASON_CHARACTERS]
            why = f": {reasons}" if reasons else ", as no node has them now"
            found.append(f"{self.shards.failed} of {self.shards.total} shards didn't answer{why}")
        if self.timed_out:
            found.append("Elasticsearch ran out of time, and didn't look at everything")
        return tuple(found)


class _Count(msgspec.Struct, frozen=True):
    count: int
    shards: _Shards = msgspec.field(name="_shards")


class Asking(NamedTuple):
    """Whom to ask, and how."""

    client: Client
    metadata: Kind
    deadline_seconds: float


async def documents(settings: Settings) -> int:
    """How many records there are. Raises ConfigError, and Unavailable also when a shard doesn't say."""
    client = Client(settings)
    try:
        await client.ask("POST", f"/{PREFIX}*/_refresh", parameters=_PARAMETERS)
        counted = msgspec.json.decode(
            await client.ask("GET", f"/{PREFIX}*/_count", parameters=_PARAMETERS), type=_Count
        )
    finally:
        await client.close()
    if counted.shards.failed:
        raise Unavailable(f"{counted.shards.failed} of {counted.shards.total} shards of Elasticsearch didn't answer")
    return counted.count


async def histogram(asking: Asking, asked: Histogram) -> Buckets:
    """Answers it. Raises Unavailable and BadRequest."""
    interval_us = asked.interval_us or await interval_of(asking, asked)
    if interval_us % 1_000:
        raise BadRequest(
            "bad_interval", f"Elasticsearch counts by whole milliseconds, not by {interval_us} µs", "interval"
        )
    by_time = {
        "date_histogram": {"field": "timestamp", "fixed_interval": f"{interval_us // 1_000}ms", "min_doc_count": 1}
    }
    aggregations: dict[str, Any] = {"all": by_time}
    if asked.by is not None:
        inner = {"aggs": {"times": by_time}}
        sizes = {"size": max(1, asked.top), "shard_size": max(SHARD_VALUES, asked.top)}
        order = [{"_count": "desc"}, {"_key": "asc"}]
        aggregations["values"] = {"terms": {"field": asked.by, "order": order, **sizes}, **inner}
        aggregations["none"] = {"missing": {"field": asked.by}, **inner}
        aggregations["valued"] = {**by_time, "aggs": {"n": {"value_count": {"field": asked.by}}}}
    body = {"size": 0, "track_total_hits": False, "aggs": aggregations}
    answer = await ask(asking, asked, body)
    found = answer.aggregations
    counts = _counts(found.get("all"))
    starts = _starts(asked, interval_us, counts)
    whole = Buckets(interval_us, starts, [counts[start] for start in starts], missing=answer.missing)
    return whole if asked.by is None else _by_value(whole, asked, found)


def _by_value(whole: Buckets, asked: Histogram, found: dict[str, Any]) -> Buckets:
    """With what each value has. A record counts once for each of its values, or once for having none."""
    values = [
        (-one["doc_count"], False, str(one["key"]), _counts(one["times"]))
        for one in found.get("values", {}).get("buckets", ())
    ]
    none = found.get("none", {"doc_count": 0})
    if none["doc_count"]:
        values.append((-none["doc_count"], True, "", _counts(none["times"])))
    top = sorted(values, key=lambda value: value[:3])[: asked.top]
    all_: Counter[int] = _counts(none.get("times"))
    for one in found.get("valued", {}).get("buckets", ()):
        all_[one["key"] * 1_000] += int(one["n"]["value"])
    by_value = [[times[start] for start in whole.starts] for *_, times in top]
    other = [all_[start] - sum(row[at] for row in by_value) for at, start in enumerate(whole.starts)] if top else ()
    names = [None if is_none else name for _, is_none, name, _ in top]
    return msgspec.structs.replace(whole, values=names, by_value=by_value, other=other)


def request_of(asking: Asking, asked: Search | Histogram | Stats | Fields | Patterns) -> dict[str, Any]:
    """The part of a request that says which documents are meant. Raises BadRequest."""
    from_us, to_us = narrowed(asked.query, asked.from_us, asked.to_us)
    wanted: list[Query] = [compile_query(asked.query, asking.metadata)]
    if from_us is not None or to_us is not None:
        wanted.append(times("timestamp", from_us, to_us))
    archived = left_out(asked.archived, from_us)
    return {"query": {"bool": {"filter": wanted, **({"must_not": archived} if archived else {})}}}


async def ask(asking: Asking, asked: Search | Histogram | Stats | Fields | Patterns, body: Query) -> Answer:
    """What Elasticsearch answers about the hits to the rest of a request's body; a query in it scores them. Raises
    Unavailable and BadRequest."""
    from_us, to_us = narrowed(asked.query, asked.from_us, asked.to_us)
    seconds = min(asking.deadline_seconds, asked.within_seconds or asking.deadline_seconds) * _ITS_SHARE
    query = request_of(asking, asked)["query"]
    if "query" in body:
        query = {"function_score": {"query": query, **body["query"]}}
    body = {**body, "query": query, "timeout": f"{max(1, int(seconds * 1_000))}ms"}
    path = f"/{','.join(indices(from_us, to_us))}/_search"
    begun = time.monotonic()
    while True:
        try:
            answer = msgspec.json.decode(await asking.client.ask("POST", path, body, _PARAMETERS), type=Answer)
        except Unavailable as error:
            if _STARTING not in str(error) or time.monotonic() - begun > min(_STARTING_SECONDS, seconds):
                raise
        else:
            for one in answer.shards.failures:
                if one.reason.type in _OF_QUERY:
                    raise BadRequest("bad_query", f"Elasticsearch can't answer that: {one.reason.text}", "q")
            if not answer.shards.failed or answer.shards.reasons:
                return answer
            none = answer.shards.failed == answer.shards.total
            if time.monotonic() - begun > min(_STARTING_SECONDS if none else _SOME_STARTING_SECONDS, seconds):
                if none:
                    raise Unavailable("; ".join(answer.missing))
                return answer
        await asyncio.sleep(_AGAIN_SECONDS)


async def interval_of(asking: Asking, asked: Histogram | Stats) -> int:
    """One that gives some 100 intervals at most."""
    low, high = asked.from_us, asked.to_us
    if low is None or high is None:
        bounds = {name: {name: {"field": "timestamp"}} for name in ("min", "max")}
        body = {"size": 0, "track_total_hits": False, "aggs": bounds}
        found = (await ask(asking, asked, body)).aggregations
        first, last = (found.get(name, {}).get("value") for name in ("min", "max"))
        low = int(first or 0) * 1_000 if low is None else low
        high = (int(last or 0) + 1) * 1_000 if high is None else high
    return round_interval(high - low)


def _counts(found: dict[str, Any] | None) -> Counter[int]:
    """By the µs at which an interval begins."""
    return Counter({one["key"] * 1_000: one["doc_count"] for one in (found or {}).get("buckets", ())})


def _starts(asked: Histogram, interval_us: int, counts: Counter[int]) -> list[int]:
    low = asked.from_us if asked.from_us is not None else min(counts, default=None)
    high = asked.to_us if asked.to_us is not None else max(counts, default=None)
    if not asked.fill or low is None or high is None:
        starts: Sequence[int] = sorted(counts)
    else:
        starts = range(low - low % interval_us, high if asked.to_us is not None else high + 1, interval_us)
    if len(starts) > MAX_BUCKETS:
        raise _too_many(interval_us)
    return list(starts)


def _too_many(interval_us: int) -> BadRequest:
    message = f"there would be over {MAX_BUCKETS} intervals of {interval_us / 1e6:g} s: a longer one, or less time"
    return BadRequest("too_many_buckets", message, "interval")


def table(hits: Sequence[Hit], schema: pa.Schema = SCHEMA) -> pa.Table:
    """The documents as records."""
    sources = [hit.source for hit in hits]
    columns = {}
    for field in schema:
        values = [getattr(source, field.name) for source in sources]
        if field.name == "metadata":
            values = [source.metadata_text or bytes(source.metadata).decode() for source in sources]
            values = [None if text == "null" else text for text in values]
        array = pa.array(values, pa.string()) if pa.types.is_timestamp(field.type) else pa.array(values, field.type)
        columns[field.name] = array.cast(field.type)
    return pa.table(columns, schema=schema)
