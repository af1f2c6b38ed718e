"""Pages of hits on Elasticsearch. They go on by (timestamp, log_id), which needs nothing that the cluster keeps.

A page comes in portions, as Elasticsearch doesn't bound the bytes of an answer: how many documents fit in is told by
those that are there already.
"""

from __future__ import annotations

import time
from typing import Any

import msgspec
import pyarrow as pa

from logd.backends.index.elasticsearch_search import Answer, Asking, ask, table
from logd.chunk import ends_of_source
from logd.errors import BadRequest
from logd.query.elasticsearch import LAST_NANOS_US
from logd.query.tree import And, Range
from logd.record import part_of_schema
from logd.seams import Found, Place, Search
from logd.store.pages import bytes_of, page_of

#: index.max_result_window.
_MOST_HITS = 10_000
#: Most pages take one request; the next portion is larger by _GROWTH at most, as documents of one may be short and of
#: the other 900 kB.
_FIRST_HITS = 128
_GROWTH = 8
_KEYS = ["log_id", "timestamp"]


async def search(asking: Asking, asked: Search) -> Found:
    """Answers it. Raises Unavailable and BadRequest."""
    wanted = asked.offset + asked.limit
    if wanted > _MOST_HITS:
        raise BadRequest("window_too_deep", f"offset + limit is {wanted}, at most {_MOST_HITS}", "offset")
    if asked.by_position:
        return await _page(asking, *_beside(asked))
    order = "desc" if asked.newest_first else "asc"
    body: dict[str, Any] = {
        "sort": [{"timestamp": {"order": order, "numeric_type": "date_nanos"}}, {"log_id": order}],
        "track_total_hits": {None: True, 0: False}.get(asked.count_limit, asked.count_limit),
    }
    if asked.after is not None:
        body["search_after"] = after(asked.after)
    return await _page(asking, asked, body)


def _beside(asked: Search) -> tuple[Search, dict[str, Any]]:
    """For the nearest lines of the source of `after`, before it or behind it."""
    ends = None if asked.after is None else ends_of_source(asked.after.log_id)
    if asked.after is None or ends is None:
        raise ValueError(f"a search by position goes on after a line of a source, not after {asked.after}")
    first, last = (ends[0], asked.after.log_id) if asked.newest_first else (asked.after.log_id, ends[1])
    among = Range("log_id", first, last, asked.newest_first, not asked.newest_first)
    sort = [{"log_id": "desc" if asked.newest_first else "asc"}]
    # There is no total: _page asks for none.
    limited = msgspec.structs.replace(asked, query=And((among, asked.query)), offset=0, count_limit=0)
    return limited, {"sort": sort, "track_total_hits": False}


async def _page(asking: Asking, asked: Search, body: dict[str, Any]) -> Found:
    schema = part_of_schema(asked.columns)
    ends = time.monotonic() + (asked.within_seconds or asking.deadline_seconds)
    answers: list[Answer] = []

    async def go_on(size: int, columns: list[str]) -> Answer:
        """So many of the next."""
        if answers and answers[-1].hits.hits:
            body.update(search_after=answers[-1].hits.hits[-1].sort, track_total_hits=False)
        left = msgspec.structs.replace(asked, within_seconds=max(0.001, ends - time.monotonic()))
        answers.append(await ask(asking, left, {**body, "size": size, "_source": columns}))
        return answers[-1]

    # What comes before the page may be long, and isn't wanted.
    more = not asked.offset or len((await go_on(asked.offset, _KEYS)).hits.hits) == asked.offset
    # Metadata whole, as its names say nothing of its form.
    columns = [*schema.names, *(["metadata_text"] if "metadata" in schema.names else [])]
    page, size, limit = schema.empty_table(), _FIRST_HITS, asked.limit + 1
    while more and len(page) < limit:
        size = min(size, limit - len(page), _MOST_HITS)
        hits = (await go_on(size, columns)).hits.hits
        # Among the ids of a source's lines some may sort that a client chose.
        lines = [hit for hit in hits if not asked.by_position or ends_of_source(hit.source.log_id)]
        page = pa.concat_tables([page, table(lines, schema)])
        more = len(hits) == size
        taken = bytes_of(page)
        if taken >= asked.max_bytes:
            break
        if len(page):
            size = max(1, min(_GROWTH * size, (asked.max_bytes - taken) * len(page) // max(1, taken)))
    shown = page_of(page.slice(0, asked.limit), asked.max_bytes)
    missing = list(dict.fromkeys(why for one in answers for why in one.missing))
    total = answers[0].hits.total if asked.count_limit != 0 else None
    return Found(
        shown,
        None if total is None else total.value,
        total is None or (total.relation == "eq" and not missing),
        more or len(shown) < len(page),
        missing,
    )


def after(place: Place) -> list[int | str]:
    """As Elasticsearch takes it; beyond the times that it knows there is nothing."""
    if place.timestamp_us < 0:
        return [0, ""]
    if place.timestamp_us > LAST_NANOS_US:
        return [LAST_NANOS_US * 1_000, "\U0010ffff"]
    return [place.timestamp_us * 1_000, place.log_id]
