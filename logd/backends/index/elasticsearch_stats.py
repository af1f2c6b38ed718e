"""Figures of groups on Elasticsearch, as aggregations.

Groups of one field that are ordered by their counts are one `terms`: exact as long as no shard has more than
SHARD_VALUES values. Others are the pages of a `composite`, which has them all; then the top ones are asked for their
figures, each with a filter. Distinct values and percentiles are Elasticsearch's estimates (HyperLogLog++, t-digest).
The bytes of messages are the sum of a field that documents of older logds lack: where a hit does, they are too few.
"""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Sequence
from typing import Any

import msgspec

from logd.backends.index.elasticsearch_mapping import MESSAGE_BYTES
from logd.backends.index.elasticsearch_search import SHARD_VALUES, Answer, Asking, ask, interval_of
from logd.errors import BadRequest
from logd.query.elasticsearch import NUMBER
from logd.query.elasticsearch_text import Query
from logd.query.lucene import literal
from logd.seams import MAX_CELLS, Aggregate, Cell, Function, Group, Groups, Stats
from logd.store.groups import too_many_cells

#: Of a composite aggregation. A group of which values are counted or put in order takes up to 16 kB meanwhile.
_PAGE_GROUPS = 5_000
_MOST_PAGES = 10
#: So many different values are counted nearly exactly; a group takes up to 8 bytes for each of them.
_NEARLY_EXACT, _NEARLY_EXACT_EACH = 40_000, 2_000
#: Twice Elasticsearch's own, for the percentiles at the end.
_COMPRESSION = 200
#: What needs no numbers of the metadata.
_WITHOUT_NUMBERS = (Function.DISTINCT, Function.BYTES)
#: Hits that don't say how long their message is: those that an older logd wrote.
_UNSIZED = "unsized"
Found = dict[str, Any]


async def stats(asking: Asking, asked: Stats) -> Groups:
    """Answers it. Raises Unavailable and BadRequest."""
    if asking.metadata == "flattened" and any(one.function not in _WITHOUT_NUMBERS for one in asked.aggregates):
        why = 'index.elasticsearch.metadata is "flattened"'
        raise BadRequest("bad_aggregate", f"metadata has no numbers, as {why}", "aggregate")
    interval_us = 0
    if asked.by_time:
        interval_us = asked.interval_us or await interval_of(asking, asked)
        if interval_us % 1_000:
            raise BadRequest(
                "bad_interval", f"Elasticsearch counts by whole milliseconds, not by {interval_us} µs", "interval"
            )
    inner = _figures(asked) | _times(asked, interval_us)
    if not asked.by:
        answer = await _asked(asking, asked, inner)
        found = Groups(total=_total(answer), groups=[_group(asked, (), _total(answer), answer.aggregations)])
    elif len(asked.by) == 1 and asked.order is None:
        answer = await _asked(asking, asked, _by_count(asked, inner))
        found = _most(asked, answer)
    else:
        found, answer = await _paged(asking, asked)
        if inner and found.groups:
            answer = await _asked(asking, asked, _of_groups(asked, found.groups, inner))
            figures = answer.aggregations.get("groups", {}).get("buckets") or [{} for _ in found.groups]
            pairs = zip(found.groups, figures, strict=True)
            groups = [_group(asked, one.values, one.count, own) for one, own in pairs]
            found = msgspec.structs.replace(found, groups=groups)
    if sum(len(one.cells) for one in found.groups) > MAX_CELLS:
        raise too_many_cells(interval_us)
    estimated = [
        at for at, one in enumerate(asked.aggregates) if one.function is Function.DISTINCT or one.function.share
    ]
    if answer.aggregations.get(_UNSIZED, {}).get("doc_count"):
        estimated += [at for at, one in enumerate(asked.aggregates) if one.function is Function.BYTES]
    estimated.sort()
    missing = tuple(dict.fromkeys((*found.missing, *answer.missing)))
    return msgspec.structs.replace(found, interval_us=interval_us, estimated=estimated, missing=missing)


async def _asked(asking: Asking, asked: Stats, aggregations: Query) -> Answer:
    if any(one.function is Function.BYTES for one in asked.aggregates):
        aggregations = {**aggregations, _UNSIZED: {"missing": {"field": MESSAGE_BYTES}}}
    return await ask(asking, asked, {"size": 0, "track_total_hits": True, "aggs": aggregations})


def _total(answer: Answer) -> int:
    return 0 if answer.hits.total is None else answer.hits.total.value


def _figures(asked: Stats) -> Query:
    """The aggregates, as `a0` and so on."""
    each = _NEARLY_EXACT_EACH if asked.by or asked.by_time else _NEARLY_EXACT
    return {f"a{place}": _figure(one, each) for place, one in enumerate(asked.aggregates)}


def _figure(aggregate: Aggregate, nearly_exact: int) -> Query:
    if aggregate.function is Function.DISTINCT:
        return {"cardinality": {"field": aggregate.field, "precision_threshold": nearly_exact}}
    if aggregate.function is Function.BYTES:
        return {"sum": {"field": MESSAGE_BYTES}}
    field = f"{aggregate.field}.{NUMBER}"
    if (share := aggregate.function.share) is None:
        return {"stats": {"field": field}}
    limits = {"percents": [share * 100], "keyed": False, "tdigest": {"compression": _COMPRESSION}}
    return {"percentiles": {"field": field, **limits}}


def _times(asked: Stats, interval_us: int) -> Query:
    if not interval_us:
        return {}
    by_time = {"field": "timestamp", "fixed_interval": f"{interval_us // 1_000}ms", "min_doc_count": 1}
    return {"times": {"date_histogram": by_time, "aggs": _figures(asked)}}


def _group(asked: Stats, values: tuple[str | None, ...], count: int, found: Found) -> Group:
    cells = [
        Cell(one["key"] * 1_000, one["doc_count"], _read(asked, one))
        for one in found.get("times", {}).get("buckets", ())
    ]
    return Group(values, count, _read(asked, found), cells)


def _read(asked: Stats, found: Found) -> list[float | None]:
    """The aggregates' values; what is nowhere answered isn't there."""
    return [_value(one, found.get(f"a{place}")) for place, one in enumerate(asked.aggregates)]


def _value(aggregate: Aggregate, found: Found | None) -> float | None:
    if aggregate.function in _WITHOUT_NUMBERS:
        return found["value"] if found else 0
    if not found:
        return None
    if aggregate.function.share is not None:
        value: float | None = found["values"][0]["value"]
        return value
    return found[aggregate.function.value] if found["count"] else None


def _by_count(asked: Stats, inner: Query) -> Query:
    field, within = asked.by[0], {"aggs": inner} if inner else {}
    include = {"include": f"{literal(asked.prefix)}.*"} if asked.prefix else {}
    order = [{"_count": "desc"}, {"_key": "asc"}]
    sizes = {"size": asked.top, "shard_size": max(SHARD_VALUES, asked.top)}
    return {
        "values": {"terms": {"field": field, "order": order, **sizes, **include}, **within},
        "none": {"missing": {"field": field}, **within},
    }


def _most(asked: Stats, answer: Answer) -> Groups:
    """A record counts once for each of its values, or once for having none."""
    found = answer.aggregations.get("values", {})
    none = answer.aggregations.get("none", {"doc_count": 0})
    groups = [_group(asked, (str(one["key"]),), one["doc_count"], one) for one in found.get("buckets", ())]
    other = found.get("sum_other_doc_count", 0) + sum(one.count for one in groups)
    without = none["doc_count"] if asked.prefix is not None else 0
    if asked.prefix is None and none["doc_count"]:
        groups.append(_group(asked, (None,), none["doc_count"], none))
        other += none["doc_count"]
    groups = sorted(groups, key=_by_values)[: asked.top]
    return Groups(
        total=_total(answer),
        groups=groups,
        other=other - sum(one.count for one in groups),
        without=without,
        estimated_groups=found.get("doc_count_error_upper_bound", 0) != 0,
    )


def _by_values(group: Group) -> Any:
    """The order of groups that have been counted: most first, those without a value last among equals."""
    return -group.count, tuple((value is None, value or "") for value in group.values)


async def _paged(asking: Asking, asked: Stats) -> tuple[Groups, Answer]:
    """The top groups, as yet without figures, and the last answer."""
    sources = [
        {f"g{place}": {"terms": {"field": field, "missing_bucket": True}}} for place, field in enumerate(asked.by)
    ]
    composite: Query = {"size": _PAGE_GROUPS, "sources": sources}
    name = f"a{asked.order}"
    inner = {} if asked.order is None else {"aggs": {name: _figures(asked)[name]}}
    whole = Groups(total=0, groups=[])
    ranked: list[tuple[Any, Group]] = []
    for page in range(_MOST_PAGES):
        answer = await _asked(asking, asked, {"groups": {"composite": composite, **inner}})
        found = answer.aggregations.get("groups", {})
        buckets = found.get("buckets", ())
        # Thousands of groups take a while.
        ranked, other, without = await asyncio.to_thread(_ranked, asked, ranked, buckets)
        whole = Groups(
            total=_total(answer) if page == 0 else whole.total,
            groups=[group for _, group in ranked],
            other=whole.other + other,
            without=whole.without + without,
            missing=(*whole.missing, *answer.missing),
        )
        if len(buckets) < _PAGE_GROUPS:
            shown = sum(group.count for _, group in ranked)
            return msgspec.structs.replace(whole, other=whole.other - shown), answer
        composite["after"] = found["after_key"]
    message = f"there are over {_PAGE_GROUPS * _MOST_PAGES} groups by {', '.join(asked.by)}: ask for fewer records"
    raise BadRequest("too_many_groups", message, "by")


def _ranked(
    asked: Stats, ranked: Sequence[tuple[Any, Group]], buckets: Sequence[Found]
) -> tuple[list[tuple[Any, Group]], int, int]:
    """The top ones with those of a page, how many records are in the page's, and how many of them have no value."""
    found, counted, without = list(ranked), 0, 0
    for one in buckets:
        keys = [one["key"][f"g{place}"] for place in range(len(asked.by))]
        values = tuple(None if key is None else str(key) for key in keys)
        count = one["doc_count"]
        if asked.prefix is not None and (values[0] is None or not values[0].startswith(asked.prefix)):
            without += count if values[0] is None else 0
            continue
        counted += count
        most: Any = count
        if asked.order is not None:
            most = _value(asked.aggregates[asked.order], one.get(f"a{asked.order}"))
        order = (most is None, -(most or 0), *((value is None, value or "") for value in values))
        found.append((order, Group(values, count)))
    return heapq.nsmallest(asked.top, found, key=lambda one: one[0]), counted, without


def _of_groups(asked: Stats, groups: Sequence[Group], inner: Query) -> Query:
    filters = [{"bool": {"filter": [_is(*pair) for pair in zip(asked.by, one.values, strict=True)]}} for one in groups]
    return {"groups": {"filters": {"filters": filters}, "aggs": inner}}


def _is(field: str, value: str | None) -> Query:
    return {"bool": {"must_not": [{"exists": {"field": field}}]}} if value is None else {"term": {field: value}}
