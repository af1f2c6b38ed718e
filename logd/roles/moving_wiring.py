"""What moves the days of an Elasticsearch is made of."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from logd.config.schema import Config
from logd.errors import Unavailable
from logd.flow.clock import now_us
from logd.roles import tier_moving
from logd.roles.policies import PolicyWatch
from logd.roles.tier_moving import TierMoving
from logd.roles.wiring import OpenCatalog
from logd.seams import LegalHolds, Objects, Transport
from logd.tiers.ground import Ground, Reached
from logd.tiers.holding import may_hold
from logd.tiers.mover import Mover
from logd.tiers.policy import Retention, today_of
from logd.tiers.settled import distinct_rows


def moves_tiers(config: Config) -> bool:
    """Whether this process moves days of an Elasticsearch."""
    return "archiver" in config.server.roles and config.index.type == "elasticsearch"


def tier_moving_role(
    config: Config,
    transport: Transport,
    catalog: OpenCatalog,
    watch: PolicyWatch,
    holds: LegalHolds,
    objects: Objects,
    today: Callable[[], int] | None = None,
) -> TierMoving:
    """`objects` are where the archive is. Raises ConfigError."""
    from logd.backends.index.elasticsearch_client import Client
    from logd.backends.index.elasticsearch_disks import warm_disk_used_percent
    from logd.backends.index.elasticsearch_restored import RestoredIndices
    from logd.backends.index.elasticsearch_tiers import IndexTiers
    from logd.tiers.restoring import Restorer

    client = Client(config.index.elasticsearch)

    async def retention() -> Retention:
        if not watch.known:
            raise Unavailable(f"the retention policies aren't known yet: {watch.trouble() or 'nobody has read them'}")
        return watch.retention

    async def reached() -> Reached:
        return await tier_moving.reached(transport, catalog.archive)

    async def disk() -> float:
        return await warm_disk_used_percent(client)

    async def archived_rows(policy: str, day: int) -> int | None:
        return await distinct_rows(objects, catalog.archive, policy, day)

    ground = Ground(
        IndexTiers(client),
        catalog.tiering,
        catalog.leases,
        retention,
        reached,
        archived_rows,
        is_held(holds),
        disk,
        today or (lambda: today_of(now_us())),
    )
    owner = tier_moving.owner()
    lease_seconds = 2 * config.index.elasticsearch.timeout_seconds + 30
    indices = RestoredIndices(client, config.index.elasticsearch)
    restorer = Restorer(ground, catalog.restores, catalog.archive, objects, indices, owner, lease_seconds)
    mover = Mover(
        ground,
        owner,
        warm_replicas=config.index.elasticsearch.warm_replicas,
        high_water_percent=config.archiver.high_water_percent,
        lease_seconds=lease_seconds,
    )
    return TierMoving({"tiers": mover, "restores": restorer}, [indices.close, client.close])


def is_held(holds: LegalHolds) -> Callable[[str, int], Awaitable[bool]]:
    """Whether a hold may have something of a day."""

    async def held(policy: str, day: int) -> bool:
        return bool(may_hold(await holds.all(), day))

    return held
