"""An archiver as a process of its own, which tests kill: archives a folder's stream, compacts, deletes, and ends.

python -m tests.support.archiver_process FOLDER POSITION
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from logd.backends.catalog.archive import CatalogArchive
from logd.backends.catalog.sqlite_file import SqliteFile
from logd.backends.index.policies import Assignment
from logd.backends.objects.folder import FolderObjects
from logd.backends.transport.sqlite import SqliteTransport
from logd.config.schema import Archiver, Config, Parse
from logd.flow.clock import now_us
from logd.roles.archiving import Archiving
from logd.tiers.archive.collecting import collect_garbage
from logd.tiers.archive.compaction import Compaction

_DAY_US = 86_400_000_000


async def main(folder: Path, position: int) -> None:
    """Everything below `position` is archived, and what was written is compacted."""
    config = Config(
        data_dir=str(folder), parse=Parse(join_seconds=0, join_lines=100), archiver=Archiver(flush_rows=100)
    )
    database = await SqliteFile.open(folder / "catalog.db")
    transport = await SqliteTransport.open(folder / "transport.db")
    objects = await FolderObjects.open(folder / "objects")
    archive = CatalogArchive(database)
    stop = asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        role = Archiving(config, transport, objects, archive, Assignment({}))
        tasks.create_task(role.run(stop))
        while (await archive.positions()).get(0, 0) < position:  # noqa: ASYNC110
            await asyncio.sleep(0.02)
        stop.set()
    compaction = Compaction(objects, archive, folder / "compaction", 1, 0, lambda: now_us() + _DAY_US)
    while await compaction.step():
        pass
    while await collect_garbage(objects, archive, lambda: now_us() + _DAY_US):
        pass
    await transport.close()
    await database.close()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2])))
