"""The examples of policies over the embedded index, with a clock that moves: payments 7/30/365 days hot, warm, cold,
debug 1/7/30, all others 1/30/90, through the real files of the archive."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from logd.backends.catalog.archive import CatalogArchive
from logd.backends.catalog.sqlite_file import SqliteFile
from logd.backends.catalog.tiering import CatalogTiering
from logd.backends.index.policies import Assignment
from logd.backends.index.segments import SegmentsIndex
from logd.backends.index.segments_holdings import SegmentsHoldings
from logd.backends.objects.folder import FolderObjects
from logd.config.schema import Policy, SearchLimits
from logd.flow.clock import now_us
from logd.roles.embedded_wiring import terms_of
from logd.seams import LegalHold
from logd.store.upkeep import SegmentsUpkeep
from logd.tiers.embedded.cooling import Cooling
from logd.tiers.embedded.expiry_of_segments import SegmentsExpiry
from logd.tiers.embedded.hours import ArchiveHours
from logd.tiers.policy import Retention, tier_of, today_of
from tests.support.indexes import LIMITS
from tests.support.rows import DAY, DAY_US, batch, row

_POLICIES = {
    "payment": Policy(services=["payment-*"], hot_days=7, warm_days=30, cold_days=365),
    "debug": Policy(services=["debug-*"], hot_days=1, warm_days=7, cold_days=30),
    "DEFAULT": Policy(hot_days=1, warm_days=30, cold_days=90),
}


class _NoHolds:
    async def all(self) -> Sequence[LegalHold]:
        return ()


async def test_each_by_its_own_days(tmp_path: Path) -> None:
    clock = [DAY + 3_600_000_000]
    limits = SearchLimits(threads=1)
    index = await SegmentsIndex.open(tmp_path / "index", LIMITS, limits, policies=Assignment(_POLICIES))
    rows = [row(DAY, name, service=name) for name in ("payment-1", "debug-1", "web")]
    await index.write(batch(rows, 1))
    await index.flush()
    retention = Retention(_POLICIES)
    terms = terms_of(lambda: retention, _NoHolds(), lambda: clock[0])  # type: ignore[arg-type]
    file = await SqliteFile.open(tmp_path / "catalog.db")
    archive, objects = CatalogArchive(file), await FolderObjects.open(tmp_path / "objects")
    hours = ArchiveHours(objects, tmp_path / "files")
    hours.begin()
    cooling = Cooling(index.inventory, terms, archive, CatalogTiering(file), hours, clock=now_us, wait_seconds=0)
    expiry = SegmentsExpiry(terms, index.has_hit, "or")
    upkeep = SegmentsUpkeep(index.inventory, 0, 1e9, expiry.expired)
    holdings = SegmentsHoldings(
        index.inventory, lambda name, day: tier_of(retention.ages(name), day, today_of(clock[0]))
    )

    async def found() -> dict[str, str]:
        while await upkeep.step() or await cooling.step():
            pass
        tiers = {one.policy: one.tier for one in await holdings.holdings()}
        return {**tiers, **{one.policy: "cold" for one in await archive.days()}}

    expected = {
        0: ("hot", "hot", "hot"),
        1: ("hot", "hot", "hot"),
        2: ("hot", "warm", "warm"),
        7: ("hot", "warm", "warm"),
        8: ("warm", "cold", "warm"),
        30: ("warm", "cold", "warm"),
        31: ("cold", "cold", "cold"),
    }
    for days, tiers in expected.items():
        clock[0] = DAY + days * DAY_US + 3_600_000_000
        assert await found() == dict(zip(("payment", "debug", "DEFAULT"), tiers, strict=True)), days
    assert not list((tmp_path / "files").iterdir())
    (archived,) = await archive.files("payment", DAY // DAY_US)
    assert (archived.rows, dict(archived.services)) == (1, {"payment-1": 1})
    await cooling.close()
    await upkeep.close()
    await index.close()
    await file.close()
    await objects.close()
