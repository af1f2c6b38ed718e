"""What an archiver is made of, beside the embedded index's upkeep: the stream's archive, the days that move between
tiers, and the work on what is archived."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, NamedTuple

from logd.config.schema import Config
from logd.flow.clock import now_us
from logd.roles.catalog_wiring import OpenCatalog
from logd.roles.disk_guard import DiskGuard
from logd.roles.policies import PolicyWatch
from logd.roles.wiring import OpenIndex
from logd.seams import Objects, Transport

if TYPE_CHECKING:
    from logd.roles.archive_upkeep import ArchiveUpkeep
    from logd.roles.archiver import EmbeddedTiers
    from logd.roles.archiving import Archiving
    from logd.roles.tier_moving import TierMoving
    from logd.tiers.cold.searches import ArchiveSearches


class ArchiveRoles(NamedTuple):
    """Roles that live and fail apart. Of a cluster, `archiving` and `moving`; of the embedded index, `embedded`, which
    is a part of its archiver."""

    upkeep: ArchiveUpkeep
    archiving: Archiving | None = None
    moving: TierMoving | None = None
    embedded: EmbeddedTiers | None = None


@contextlib.asynccontextmanager
async def archive_roles(
    config: Config,
    transport: Transport,
    catalog: OpenCatalog,
    policies: PolicyWatch,
    index: OpenIndex,
    objects: Objects,
    cold: ArchiveSearches,
    guard: DiskGuard | None,
) -> AsyncIterator[ArchiveRoles]:
    """Over what is open, and stays so. Raises ConfigError."""
    from logd.roles.archive_upkeep import ArchiveUpkeep
    from logd.tiers.held_files import HeldFiles
    from logd.tiers.policy import expired_before, today_of

    def expired(policy: str) -> int | None:
        if policies.trouble():
            return None  # what was said meanwhile isn't known
        return expired_before(policies.retention.ages(policy), today_of(now_us()))

    held = HeldFiles(catalog.holds, cold.of, config.search.default_operator)
    upkeep = ArchiveUpkeep(config, objects, catalog.archive, catalog.tiering, catalog.leases, expired, held)
    if config.index.type == "segments":
        from logd.roles.embedded_wiring import embedded_tiers

        assert index.inventory is not None
        assert index.has_hit is not None
        made = embedded_tiers(
            config,
            index.inventory,
            index.has_hit,
            catalog,
            policies.surely,
            lambda: guard is not None and guard.high,
            objects,
        )
        async with made as embedded:
            yield ArchiveRoles(upkeep, embedded=embedded)
        return
    from logd.roles.archiving import Archiving

    archiving = Archiving(config, transport, objects, catalog.archive, policies.assignment)
    yield ArchiveRoles(upkeep, archiving, _moving(config, transport, catalog, policies, objects))


def _moving(
    config: Config, transport: Transport, catalog: OpenCatalog, policies: PolicyWatch, objects: Objects
) -> TierMoving:
    from logd.backends.index.elasticsearch_client import Client
    from logd.backends.index.elasticsearch_disks import warm_disk_used_percent
    from logd.backends.index.elasticsearch_restored import RestoredIndices
    from logd.backends.index.elasticsearch_tiers import IndexTiers
    from logd.roles import tier_moving
    from logd.tiers.archive.settled import distinct_rows
    from logd.tiers.holding import may_hold
    from logd.tiers.moving.ground import Ground, Reached
    from logd.tiers.moving.mover import Mover
    from logd.tiers.moving.restoring import Restorer
    from logd.tiers.policy import Retention, today_of

    settings = config.index.elasticsearch
    client = Client(settings)

    async def retention() -> Retention:
        return policies.retention

    async def reached() -> Reached:
        return await tier_moving.reached(transport, catalog.archive)

    async def disk() -> float:
        return await warm_disk_used_percent(client)

    async def archived_rows(policy: str, day: int) -> int | None:
        return await distinct_rows(objects, catalog.archive, policy, day)

    async def is_held(policy: str, day: int) -> bool:
        return bool(may_hold(await catalog.holds.all(), day))

    ground = Ground(
        IndexTiers(client),
        catalog.tiering,
        catalog.leases,
        retention,
        reached,
        archived_rows,
        is_held,
        disk,
        lambda: today_of(now_us()),
    )
    owner = tier_moving.owner()
    lease_seconds = 2 * settings.timeout_seconds + 30
    indices = RestoredIndices(client, settings)
    restorer = Restorer(ground, catalog.restores, catalog.archive, objects, indices, owner, lease_seconds)
    mover = Mover(
        ground,
        owner,
        warm_replicas=settings.warm_replicas,
        high_water_percent=config.archiver.high_water_percent,
        lease_seconds=lease_seconds,
    )
    return tier_moving.TierMoving({"tiers": mover, "restores": restorer}, [indices.close, client.close])
