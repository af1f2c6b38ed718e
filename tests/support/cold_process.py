"""A process that moves all days of an index before a day into the archive, until it is killed: FOLDER DAY."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from logd.backends.index.segments import SegmentsIndex
from logd.config.schema import SearchLimits
from logd.store.upkeep import SegmentsUpkeep
from logd.tiers.embedded.cooling import Cooling
from tests.support.cooling import Cold
from tests.support.indexes import LIMITS


async def main(folder: Path, before_day: int) -> None:
    """As the role archiver does, but without waiting for searches that there aren't."""
    index = await SegmentsIndex.open(folder / "index", LIMITS, SearchLimits(threads=1))
    cold = Cold(folder)
    cold.cold_before["DEFAULT"] = before_day
    await cold.open()
    cooling = Cooling(
        index.inventory, cold.terms, cold.archive, cold.tiering, cold.hours, wait_seconds=0, late_seconds=0
    )
    upkeep = SegmentsUpkeep(index.inventory, 0, 0)
    while await upkeep.step() or await cooling.step():
        pass
    await cooling.close()
    await upkeep.close()
    await cold.close()
    await index.close()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2])))
