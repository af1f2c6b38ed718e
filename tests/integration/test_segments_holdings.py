"""What the embedded index says that it holds."""

from __future__ import annotations

from pathlib import Path

import pytest

from logd.backends.index.policies import Assignment
from logd.backends.index.segments import SegmentsIndex
from logd.backends.index.segments_holdings import SegmentsHoldings
from logd.config.schema import Policy, SearchLimits
from logd.errors import Unavailable
from tests.support.indexes import LIMITS
from tests.support.rows import DAY, DAY_US, batch, row


async def test_what_there_is(tmp_path: Path) -> None:
    policies = Assignment({"pay": Policy(services=["pay*"])})
    index = await SegmentsIndex.open(tmp_path, LIMITS, SearchLimits(threads=1), policies=policies)
    day = DAY // DAY_US
    holdings = SegmentsHoldings(index.inventory, lambda policy, of: "hot" if of > day else "warm")
    assert list(await holdings.holdings(services=True)) == []
    services = ["pay1", "pay2", None, "web", "pay1", "web"]
    for turn in range(2):
        rows = [
            row(DAY + n // 4 * DAY_US, f"{turn}{n}", "x" * 1_000, service=service) for n, service in enumerate(services)
        ]
        await index.write(batch(rows, turn + 1))
        await index.flush()
    found = await holdings.holdings(services=True)
    assert [(one.policy, one.day - day, one.tier, one.parts, one.rows, dict(one.services)) for one in found] == [
        ("DEFAULT", 0, "warm", 2, 4, {"": 2, "web": 2}),
        ("pay", 0, "warm", 2, 4, {"pay1": 2, "pay2": 2}),
        ("DEFAULT", 1, "hot", 2, 2, {"web": 2}),
        ("pay", 1, "hot", 2, 2, {"pay1": 2}),
    ]
    assert sum(one.size_bytes for one in found) == (await index.status())["segment_bytes"]
    for one in found:
        assert one.raw_bytes is not None
        assert 1_000 * one.rows < one.raw_bytes < 1_100 * one.rows
    plain = await holdings.holdings()
    assert [one.services for one in plain] == [{}] * 4
    assert [one.rows for one in plain] == [4, 4, 2, 2]
    await index.close()


async def test_a_file_that_is_gone(tmp_path: Path) -> None:
    index = await SegmentsIndex.open(tmp_path, LIMITS, SearchLimits(threads=1))
    await index.write(batch([row(DAY, "a")], 1))
    await index.flush()
    (tmp_path / index.inventory.segments[0].file).unlink()
    with pytest.raises(Unavailable, match="can't be told now"):
        await SegmentsHoldings(index.inventory, lambda policy, of: "hot").holdings()
    await index.close()
