"""`python -m tests.support.restore_child URL FOLDER NOW_US`: puts back what is asked for; a test may have it killed."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from tests.support.restores import Archived


async def _main(url: str, folder: Path, now_us: int) -> None:
    archived = await Archived.open(url, folder, clear=False)
    archived.world.outside.now_us = now_us
    await archived.restorer.step()
    await archived.close()
    await archived.world.index.close()
    await archived.world.client.close()
    await archived.world.tiering.close()


if __name__ == "__main__":
    asyncio.run(_main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])))
