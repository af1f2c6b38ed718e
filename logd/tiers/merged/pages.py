"""A page of hits of two tiers. The newest come from the index, which is asked first: the archive, whose objects are far
away, is asked only for what comes before.

A page by position is one of the file. Behind a line that is FAR_US younger than all that is archived nothing is looked
for in the archive, and before it only when the index has too few that are so young, too: of a file with the lines of
several services the index may have older ones than the archive.
"""

from __future__ import annotations

import sys

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from logd.errors import BadRequest
from logd.query.times import narrowed
from logd.seams import Found, Search
from logd.tiers.merged.boundaries import DAY_US
from logd.tiers.merged.merged_pages import added, last_place, merged
from logd.tiers.merged.tier import Tier, Tiers

FAR_US = DAY_US


async def page(tiers: Tiers, asked: Search) -> Found:
    """Answers it. A total is a lower bound where the archive needn't be read for the page, unless all are to be
    counted. Raises Away and BadRequest."""
    if len(tiers.each) == 1:
        return await tiers.each[0].search(asked)
    index, archive = tiers.each
    cold_us = max(archive.cold.values()) * DAY_US
    if asked.by_position:
        return await _beside(tiers, asked, cold_us)
    if asked.offset:
        return await _behind_offset(tiers, asked)
    if asked.limit == 0 and asked.count_limit == 0:
        return msgspec.structs.replace(await index.search(asked), more=True)
    if asked.limit and _begins_behind(asked, cold_us):
        if not asked.newest_first and asked.count_limit == 0:
            return await index.search(asked)
        if asked.newest_first:
            return await _index_first(index, archive, asked, cold_us)
    return merged(asked, await tiers.all(lambda tier: tier.search(asked)))


def _begins_behind(asked: Search, cold_us: int) -> bool:
    """The hits ahead begin with some that the archive hasn't, newest first, or, oldest first, are all such."""
    after_us = None if asked.after is None else asked.after.timestamp_us
    _, to_us = narrowed(asked.query, asked.from_us, asked.to_us)
    if not asked.newest_first:
        return after_us is not None and after_us >= cold_us
    ends = [end for end in (to_us, after_us) if end is not None]
    return not ends or min(ends) > cold_us


async def _index_first(index: Tier, archive: Tier, asked: Search, cold_us: int) -> Found:
    found = await index.search(asked)
    ends = found.stopped is not None or found.more or len(found.table) == asked.limit
    if ends and (found.stopped is not None or len(found.table)):
        last_us = (last_place(found.table) if found.stopped is None else found.stopped.place).timestamp_us
        if last_us >= cold_us:
            return await _full(archive, asked, found)
        if asked.count_limit == 0:
            # What is before the page's end needn't be read.
            from_us = last_us if asked.from_us is None else max(asked.from_us, last_us)
            rest = await archive.search(msgspec.structs.replace(asked, from_us=from_us))
            return msgspec.structs.replace(merged(asked, [found, rest]), more=True)
    return merged(asked, [found, await archive.search(asked)])


async def _full(archive: Tier, asked: Search, found: Found) -> Found:
    """A page that the index has filled."""
    if asked.count_limit is not None or found.total is None:
        return msgspec.structs.replace(found, more=True, exact=found.total is None and found.exact)
    rest = await archive.search(msgspec.structs.replace(asked, limit=0))
    total, exact = added(None, [found, rest])
    missing = tuple(dict.fromkeys((*found.missing, *rest.missing)))
    more = found.more or not exact or total is None or rest.total != 0
    return msgspec.structs.replace(found, total=total, exact=exact, more=more, missing=missing)


async def _behind_offset(tiers: Tiers, asked: Search) -> Found:
    """From the last hit before the page: those before it are read by their keys alone."""
    before = msgspec.structs.replace(
        asked, offset=0, limit=asked.offset, columns=(), count_limit=0, max_bytes=sys.maxsize
    )
    skipped = await page(tiers, before)
    if skipped.stopped is not None:
        raise BadRequest("too_many_lines", skipped.stopped.why)
    if len(skipped.table) < asked.offset:
        found = await page(tiers, msgspec.structs.replace(asked, offset=0, limit=0))
        return msgspec.structs.replace(found, more=False)
    found = await page(tiers, msgspec.structs.replace(asked, offset=0, after=last_place(skipped.table)))
    more = found.more
    if found.exact and found.total is not None and asked.after is None:
        more = asked.offset + len(found.table) < found.total
    missing = tuple(dict.fromkeys((*skipped.missing, *found.missing)))
    return msgspec.structs.replace(found, more=more, missing=missing)


async def _beside(tiers: Tiers, asked: Search, cold_us: int) -> Found:
    index, archive = tiers.each
    if asked.after is None or asked.after.timestamp_us - FAR_US < cold_us:
        return merged(asked, await tiers.all(lambda tier: tier.search(asked)))
    found = await index.search(asked)
    if not asked.newest_first:
        return found
    if (len(found.table) == asked.limit or found.more) and _is_young(found, cold_us):
        return found
    return merged(asked, [found, await archive.search(asked)])


def _is_young(found: Found, cold_us: int) -> bool:
    """Whether nothing that is archived can lie among the hits."""
    oldest = pc.min(found.table["timestamp"].cast(pa.int64())).as_py()
    return oldest is None or oldest - FAR_US >= cold_us
