"""Searches and counts on Elasticsearch: the requests, and their answers as tables and buckets.

The indices are those of the days that the range touches, absent ones left out; what isn't answered by every shard is
Unavailable, never a smaller answer. Pages go on by (timestamp, log_id), which needs nothing that the cluster keeps.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from datetime import date, timedelta
from typing import Any

import msgspec
import pyarrow as pa

from logd.backends.index.elasticsearch_client import Client
from logd.backends.index.elasticsearch_mapping import PREFIX
from logd.config.schema import Elasticsearch as Settings
from logd.errors import BadRequest, Unavailable
from logd.query.elasticsearch import compile_query, times
from logd.query.elasticsearch_text import Query
from logd.query.times import narrowed
from logd.query.tree import Node
from logd.record import SCHEMA
from logd.seams import MAX_BUCKETS, Buckets, Found, Histogram, Search

_DAY_US = 86_400_000_000
#: More names would make a long URL; the cluster finds out by itself which shards have nothing in a range.
_MOST_DAYS = 60
#: index.max_result_window.
_MOST_HITS = 10_000
#: Elasticsearch takes the most frequent values of each shard; with so many, no other can be among the top of all.
_SHARD_VALUES = 10_000
#: What "auto" chooses from.
_INTERVALS_MS = (1, 10, 100, 1_000, 5_000, 10_000, 30_000, 60_000, 300_000, 600_000, 1_800_000, 3_600_000, 10_800_000)
_FEW_BUCKETS = 100
_DAY_MS = 86_400_000
#: The shards of an index that is being made, as one is at each midnight, can't be asked for some tenths of a second.
_STARTING = "no_shard_available"
_STARTING_SECONDS = 5.0
_AGAIN_SECONDS = 0.1
_EPOCH = date(1970, 1, 1)
_PARAMETERS = {"ignore_unavailable": "true", "allow_no_indices": "true"}


class _Source(msgspec.Struct, frozen=True):
    log_id: str
    timestamp: str
    ingested_at: str
    level: str | None = None
    service: str | None = None
    host: str | None = None
    source: str | None = None
    tags: list[str] | None = None
    trace_id: str | None = None
    message: str | None = None
    metadata: msgspec.Raw = msgspec.Raw(b"null")


class _Hit(msgspec.Struct, frozen=True):
    source: _Source = msgspec.field(name="_source")


class _Total(msgspec.Struct, frozen=True):
    value: int
    relation: str


class _Hits(msgspec.Struct, frozen=True):
    hits: list[_Hit] = []
    total: _Total | None = None


class _Shards(msgspec.Struct, frozen=True):
    total: int
    failed: int = 0
    failures: list[Any] = []


class _Answer(msgspec.Struct, frozen=True):
    shards: _Shards = msgspec.field(name="_shards")
    hits: _Hits = _Hits()
    timed_out: bool = False
    aggregations: dict[str, Any] = {}


class _Count(msgspec.Struct, frozen=True):
    count: int
    shards: _Shards = msgspec.field(name="_shards")


async def search(client: Client, asked: Search, deadline_seconds: float) -> Found:
    """Answers it. Raises Unavailable and BadRequest."""
    wanted = asked.offset + asked.limit
    if wanted > _MOST_HITS:
        raise BadRequest("window_too_deep", f"offset + limit is {wanted}, at most {_MOST_HITS}", "offset")
    order = "desc" if asked.newest_first else "asc"
    size = min(wanted + 1, _MOST_HITS)
    body: dict[str, Any] = {
        "size": size,
        "sort": [{"timestamp": {"order": order, "numeric_type": "date_nanos"}}, {"log_id": order}],
        "track_total_hits": {None: True, 0: False}.get(asked.count_limit, asked.count_limit),
    }
    if asked.after is not None:
        body["search_after"] = [asked.after.timestamp_us * 1_000, asked.after.log_id]
    answer = await _ask(client, asked.query, asked.from_us, asked.to_us, body, deadline_seconds)
    sources = [hit.source for hit in answer.hits.hits]
    more = len(sources) > wanted or len(sources) == _MOST_HITS
    total = answer.hits.total if asked.count_limit != 0 else None
    return Found(
        _table(sources[asked.offset : wanted]),
        None if total is None else total.value,
        total is None or total.relation == "eq",
        more,
    )


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


async def histogram(client: Client, asked: Histogram, deadline_seconds: float) -> Buckets:
    """Answers it. Raises Unavailable and BadRequest."""
    interval_us = asked.interval_us or await _interval_us(client, asked, deadline_seconds)
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
        sizes = {"size": max(1, asked.top), "shard_size": max(_SHARD_VALUES, asked.top)}
        order = [{"_count": "desc"}, {"_key": "asc"}]
        aggregations["values"] = {"terms": {"field": asked.by, "order": order, **sizes}, **inner}
        aggregations["none"] = {"missing": {"field": asked.by}, **inner}
        aggregations["valued"] = {**by_time, "aggs": {"n": {"value_count": {"field": asked.by}}}}
    body = {"size": 0, "track_total_hits": False, "aggs": aggregations}
    answer = await _ask(client, asked.query, asked.from_us, asked.to_us, body, deadline_seconds)
    found = answer.aggregations
    counts = _counts(found.get("all"))
    starts = _starts(asked, interval_us, counts)
    whole = Buckets(interval_us, starts, [counts[start] for start in starts])
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


async def _ask(
    client: Client, query: Node, from_us: int | None, to_us: int | None, body: dict[str, Any], deadline_seconds: float
) -> _Answer:
    from_us, to_us = narrowed(query, from_us, to_us)
    wanted: list[Query] = [compile_query(query)]
    if from_us is not None or to_us is not None:
        wanted.append(times("timestamp", from_us, to_us))
    body = {**body, "query": {"bool": {"filter": wanted}}, "timeout": f"{max(1, int(deadline_seconds * 1_000))}ms"}
    path = f"/{','.join(indices(from_us, to_us))}/_search"
    give_up = time.monotonic() + min(_STARTING_SECONDS, deadline_seconds)
    while True:
        try:
            return await _ask_once(client, path, body, deadline_seconds)
        except Unavailable as error:
            if _STARTING not in str(error) or time.monotonic() > give_up:
                raise
        await asyncio.sleep(_AGAIN_SECONDS)


async def _ask_once(client: Client, path: str, body: dict[str, Any], deadline_seconds: float) -> _Answer:
    answered = await client.ask("POST", path, body, _PARAMETERS)
    answer = msgspec.json.decode(answered, type=_Answer)
    if answer.timed_out:
        raise Unavailable(f"Elasticsearch didn't finish within search.deadline_seconds, {deadline_seconds:g}")
    if answer.shards.failed:
        failed, total = answer.shards.failed, answer.shards.total
        why = str(answer.shards.failures)[:300] if answer.shards.failures else _STARTING
        raise Unavailable(f"{failed} of {total} shards didn't answer: {why}")
    return answer


def indices(from_us: int | None, to_us: int | None) -> list[str]:
    """Patterns for the indices of every policy, late ones too, that may have a record of the range; to_us excluded."""
    if from_us is None or to_us is None or not 0 <= (to_us - max(from_us, 0)) <= _MOST_DAYS * _DAY_US:
        return [f"{PREFIX}*"]
    days = range(max(from_us, 0) // _DAY_US, (max(to_us, 1) - 1) // _DAY_US + 1)
    return [f"{PREFIX}*{_EPOCH + timedelta(days=day)}" for day in days] or [f"{PREFIX}*"]


async def _interval_us(client: Client, asked: Histogram, deadline_seconds: float) -> int:
    """One that gives some 100 intervals at most."""
    low, high = asked.from_us, asked.to_us
    if low is None or high is None:
        bounds = {name: {name: {"field": "timestamp"}} for name in ("min", "max")}
        body = {"size": 0, "track_total_hits": False, "aggs": bounds}
        found = (await _ask(client, asked.query, low, high, body, deadline_seconds)).aggregations
        first, last = (found.get(name, {}).get("value") for name in ("min", "max"))
        low = int(first or 0) * 1_000 if low is None else low
        high = (int(last or 0) + 1) * 1_000 if high is None else high
    least = max(0, high - low) // 1_000 / (_FEW_BUCKETS - 1)
    days = -(-int(least) // _DAY_MS) or 1
    return 1_000 * next((interval for interval in _INTERVALS_MS if interval >= least), days * _DAY_MS)


def _counts(found: dict[str, Any] | None) -> Counter[int]:
    """By the µs at which an interval begins."""
    return Counter({one["key"] * 1_000: one["doc_count"] for one in (found or {}).get("buckets", ())})


def _starts(asked: Histogram, interval_us: int, counts: Counter[int]) -> list[int]:
    if not counts or not asked.fill:
        starts = sorted(counts)
    else:
        low = min(counts) if asked.from_us is None else asked.from_us
        high = max(counts) if asked.to_us is None else asked.to_us - 1
        first = low - low % interval_us
        if (high - first) // interval_us >= MAX_BUCKETS:
            raise _too_many(interval_us)
        starts = list(range(first, high + 1, interval_us))
    if len(starts) > MAX_BUCKETS:
        raise _too_many(interval_us)
    return starts


def _too_many(interval_us: int) -> BadRequest:
    message = f"there would be over {MAX_BUCKETS} intervals of {interval_us / 1e6:g} s: a longer one, or less time"
    return BadRequest("too_many_buckets", message, "interval")


def _table(sources: list[_Source]) -> pa.Table:
    columns = {}
    for field in SCHEMA:
        values = [getattr(source, field.name) for source in sources]
        if field.name == "metadata":
            texts = [bytes(value).decode() for value in values]
            values = [None if text == "null" else text for text in texts]
        array = pa.array(values, pa.string()) if pa.types.is_timestamp(field.type) else pa.array(values, field.type)
        columns[field.name] = array.cast(field.type)
    return pa.table(columns, schema=SCHEMA)
