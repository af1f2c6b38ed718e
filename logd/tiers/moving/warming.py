"""From hot to warm: write-blocked, on nodes of the warm tier with fewer copies, merged to a segment a shard.

How far a day has come is what Elasticsearch says of its indices, so there is nothing to be kept about it: whoever comes
next, after whatever crash, does what isn't done yet. The boundary is advanced and the history written in the end.
"""

from __future__ import annotations

from logd.backends.index.elasticsearch_tiers import WARM, StoredIndex
from logd.flow import crash
from logd.seams import Boundary
from logd.tiers.moving.due import Day
from logd.tiers.moving.ground import Ground, Holder


async def warm(ground: Ground, holder: Holder, one: Day, replicas: int, warm_before: int) -> str:
    """A step of it; what is waited for, empty when the day is warm. Raises Unavailable and LeaseLost."""
    indices = ground.indices
    if (own := one.own) is not None and not own.blocked:
        await holder.still()
        await indices.block(own.name)
        crash.point("warm.blocked")
    for index in one.indices:
        copies = min(index.replicas, replicas)
        if index.preference != WARM or index.replicas != copies:
            await holder.still()
            await indices.prefer_warm(index.name, copies)
            crash.point("warm.placed")
        if why := await indices.unsettled(index.name):
            return why
    # What was just blocked may have got another segment by it.
    if own is not None and not (own.blocked and own.is_merged) and not (await _again(ground, own)).is_merged:
        await holder.still()
        await indices.merge(own.name)
        crash.point("warm.merging")
        return f"{own.name} is merged"
    if one.day >= warm_before:
        await holder.still()
        detail = {
            "indices": [index.name for index in one.indices],
            "rows": sum(index.rows for index in one.indices),
            "size_bytes": sum(index.size_bytes for index in one.indices),
        }
        await holder.record(one.policy, one.day, "warm", detail)
        crash.point("warm.recorded")
        await ground.tiering.advance(Boundary(policy=one.policy, warm_before=one.day + 1))
        crash.point("warm.advanced")
    return ""


async def _again(ground: Ground, index: StoredIndex) -> StoredIndex:
    return next((now for now in await ground.indices.all() if now.uuid == index.uuid), index)


def is_warm(index: StoredIndex, replicas: int) -> bool:
    """Nothing is left to do with it."""
    done = index.blocked and index.is_merged if not index.of.late else True
    return done and index.preference == WARM and index.replicas <= replicas
