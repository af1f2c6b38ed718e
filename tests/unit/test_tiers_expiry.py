"""Segments go when their policy's days are over, unless a legal hold has a hit in them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from logd.backends.index.policies import Assignment
from logd.backends.index.segments import SegmentsIndex
from logd.config.schema import Policy, SearchLimits
from logd.errors import Unavailable
from logd.seams import LegalHold, Search
from logd.store.upkeep import SegmentsUpkeep
from logd.tiers.embedded.expiry_of_segments import SegmentsExpiry
from logd.tiers.terms import Terms
from tests.support.indexes import LIMITS
from tests.support.rows import DAY, DAY_US, batch, row

_DAY = DAY // DAY_US
_POLICIES = {"pay": Policy(services=["pay-*"]), "debug": Policy(services=["debug"])}


class _Store:
    """An index with a row a day of each policy, and what goes by `days` at `today`."""

    def __init__(self, index: SegmentsIndex) -> None:
        self.index = index
        self.today = _DAY + 10
        self.days: dict[str, int] = {}
        self.holds: list[LegalHold] = []
        self.trouble: Unavailable | None = None
        self.expiry = SegmentsExpiry(self._terms, index.has_hit, "or")
        self.upkeep = SegmentsUpkeep(index.inventory, 0, 1e9, self.expiry.expired)

    async def left(self) -> dict[str, list[int]]:
        """The days of each policy that are there once all that should go has."""
        while await self.upkeep.step():
            pass
        found: dict[str, list[int]] = {}
        for segment in self.index.inventory.segments:
            found.setdefault(segment.policy, []).append(segment.day - _DAY)
        return found

    async def _terms(self) -> Terms:
        if self.trouble is not None:
            raise self.trouble

        def before(name: str) -> int | None:
            days = self.days.get(name, self.days.get("DEFAULT", 0))
            return self.today - days if days else None

        return Terms(before, lambda _: None, lambda _: 0, self.holds)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[_Store]:
    limits = SearchLimits(threads=1)
    index = await SegmentsIndex.open(tmp_path / "index", LIMITS, limits, policies=Assignment(_POLICIES))
    for day in range(4):
        rows = [
            row(DAY + day * DAY_US, f"{day}-{service}", f"order {day}", service=service)
            for service in ("pay-1", "debug", "web")
        ]
        await index.write(batch(rows, day + 1))
        await index.flush()
    store = _Store(index)
    yield store
    await store.upkeep.close()
    await index.close()


def _hold(**asked: object) -> LegalHold:
    return msgspec.convert({"id": "0123456789ab", "name": "case", **asked}, LegalHold)


async def test_each_policy_by_its_own_days(store: _Store) -> None:
    every = [0, 1, 2, 3]
    assert await store.left() == {"pay": every, "debug": every, "DEFAULT": every}
    store.days = {"pay": 365, "debug": 8, "DEFAULT": 9}
    assert await store.left() == {"pay": every, "debug": [2, 3], "DEFAULT": [1, 2, 3]}
    store.today += 2
    assert await store.left() == {"pay": every, "DEFAULT": [3]}
    assert store.index.inventory.ledger["rows_expired"] == 4 + 3
    store.today += 1_000
    assert await store.left() == {}


@pytest.mark.parametrize(
    ("hold", "kept"),
    [
        (_hold(), [0, 1, 2, 3]),
        (_hold(query='"order 2"'), [2]),
        (_hold(query="order", services=["web"]), [0, 1, 2, 3]),
        (_hold(services=["pay-1"]), []),
        (_hold(from_us=DAY + DAY_US, to_us=DAY + 3 * DAY_US), [1, 2]),
        (_hold(from_us=DAY + 1, to_us=DAY + DAY_US), []),
        (_hold(query='"order 2"', to_us=DAY + 2 * DAY_US), []),
        (_hold(query="order AND ("), [0, 1, 2, 3]),
        (_hold(released_us=5), []),
    ],
)
async def test_what_a_hold_has_a_hit_in_stays(store: _Store, hold: LegalHold, kept: list[int]) -> None:
    store.days = {"pay": 1_000, "debug": 1_000, "DEFAULT": 1}
    store.holds = [hold]
    assert (await store.left()).get("DEFAULT", []) == kept
    assert store.expiry.status() == ({"case": {"segments": len(kept), "rows": len(kept)}} if kept else {})
    store.holds = [msgspec.structs.replace(hold, released_us=7)]
    assert (await store.left()).get("DEFAULT", []) == []
    assert store.expiry.status() == {}


async def test_nothing_goes_while_nobody_knows_what_is_held(store: _Store) -> None:
    store.days = {"DEFAULT": 1}
    store.trouble = Unavailable("the catalog is away")
    assert len(await store.left()) == 3
    assert store.upkeep.status()["expiry_error"] == "the catalog is away"
    store.trouble = None
    assert await store.left() == {}
    assert store.upkeep.status()["expiry_error"] is None


async def test_a_damaged_segment_is_put_aside_when_a_hold_asks_for_it(store: _Store) -> None:
    file = store.index.inventory.root / store.index.inventory.segments[2].file
    file.write_bytes(file.read_bytes()[:50])
    store.days, store.holds = {"DEFAULT": 1}, [_hold(query="order")]
    await store.left()
    assert len(store.index.inventory.quarantined) == 1
    assert (await store.index.search(Search())).total == 11
