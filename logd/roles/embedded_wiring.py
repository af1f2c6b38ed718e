"""The embedded index's tiers: what goes when, by policies and holds, and where to."""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import AsyncIterator, Callable
from pathlib import Path

from logd.config.schema import Config
from logd.flow.clock import now_us
from logd.roles.archiver import EmbeddedTiers
from logd.roles.catalog_wiring import OpenCatalog
from logd.roles.wiring import index_folder
from logd.seams import LegalHolds, Objects
from logd.store.inventory import Inventory
from logd.tiers import policy
from logd.tiers.embedded.cooling import Cooling
from logd.tiers.embedded.expiry_of_segments import HasHit, SegmentsExpiry
from logd.tiers.embedded.hours import ArchiveHours
from logd.tiers.policy import Retention
from logd.tiers.terms import KnownTerms, ReadTerms, Terms

#: In data_dir: files of the archive until they are in its store.
FOLDER = "archiving-segments"


@contextlib.asynccontextmanager
async def embedded_tiers(
    config: Config,
    inventory: Inventory,
    has_hit: HasHit,
    catalog: OpenCatalog,
    retention: Callable[[], Retention],
    high_water: Callable[[], bool],
    objects: Objects,
) -> AsyncIterator[EmbeddedTiers]:
    """`retention` are the policies as they are known now, `high_water` whether the disk is over its mark."""
    terms = KnownTerms(terms_of(retention, catalog.holds))
    hours = ArchiveHours(objects, Path(config.data_dir) / FOLDER)
    hours.begin()
    elsewhere = _is_elsewhere(config)
    cooling = Cooling(
        inventory,
        terms,
        catalog.archive,
        catalog.tiering,
        hours,
        owner=socket.gethostname(),
        early=lambda: elsewhere and high_water(),
    )
    try:
        yield EmbeddedTiers(cooling, SegmentsExpiry(terms, has_hit, config.search.default_operator))
    finally:
        await cooling.close()


def terms_of(retention: Callable[[], Retention], holds: LegalHolds, clock: Callable[[], int] = now_us) -> ReadTerms:
    """Reads what policies and holds say at the clock's time. What nobody has set a policy for isn't moved."""

    async def read() -> Terms:
        held = [hold for hold in await holds.all() if hold.released_us is None]
        known, today = retention(), policy.today_of(clock())

        def cold_before(name: str) -> int | None:
            ages = known.ages(name)
            return policy.cold_before(ages, today) if ages.given else None

        return Terms(
            lambda name: policy.expired_before(known.ages(name), today),
            cold_before,
            lambda name: policy.warm_before(known.ages(name), today),
            held,
        )

    return read


def _is_elsewhere(config: Config) -> bool:
    """Whether what goes into the archive makes room on the disk of the segments."""
    if config.objects.type != "folder":
        return True
    folder = Path(config.objects.path or Path(config.data_dir) / "objects")
    try:
        return os.stat(folder).st_dev != os.stat(index_folder(config)).st_dev
    except OSError:
        return False
