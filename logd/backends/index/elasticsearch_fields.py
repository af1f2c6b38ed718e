"""Which fields documents have, by a sample of these. The mapping doesn't tell: it has no field beyond its limit, not
JSON's types, and nothing of how many documents have one; an `exists` for each of a thousand names costs more.

The sample is drawn by a hash of each log_id within its shard, so it is the same when it is asked again.
"""

from __future__ import annotations

import asyncio

import pyarrow.compute as pc

from logd.backends.index.elasticsearch_search import Asking, ask, table
from logd.query.elasticsearch_text import Query
from logd.seams import SAMPLE_ROWS, Fields, FoundFields
from logd.store.fields import COLUMNS, counted

_AT_RANDOM: Query = {"random_score": {"seed": 0, "field": "log_id"}, "boost_mode": "replace"}
_SOURCE = ("log_id", "timestamp", "ingested_at", *COLUMNS, "metadata_text")


async def fields(asking: Asking, asked: Fields) -> FoundFields:
    """Answers it. Raises Unavailable and BadRequest."""
    body = {"size": SAMPLE_ROWS, "track_total_hits": True, "_source": _SOURCE, "query": _AT_RANDOM}
    answer = await ask(asking, asked, body)
    total = 0 if answer.hits.total is None else answer.hits.total.value

    def look() -> FoundFields:
        rows = table(answer.hits.hits).select(COLUMNS)
        place = COLUMNS.index("message")
        return counted(rows.set_column(place, "message", pc.is_valid(rows["message"])), total)

    found = await asyncio.to_thread(look)
    return FoundFields(total=total, sampled=found.sampled, counts=found.counts, missing=answer.missing)
