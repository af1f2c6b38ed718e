"""`python -m tests.support.tiers_child URL FOLDER NOW_US TODAY ROWS`: a process that moves days until nothing
more is to be done, and that a test may have killed."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from logd.seams.retention import DEFAULT_POLICY
from tests.support.tiers import D, World


async def _main(url: str, folder: Path, now_us: int, today: int, rows: int) -> None:
    world = await World.open(url, folder, clear=False)
    outside = world.outside
    outside.now_us, outside.today = now_us, today
    outside.rows = {(DEFAULT_POLICY, day): rows for day in range(D, D + 10)}
    await world.settle()
    await world.index.close()
    await world.client.close()
    await world.tiering.close()


if __name__ == "__main__":
    asyncio.run(_main(sys.argv[1], Path(sys.argv[2]), *map(int, sys.argv[3:6])))
