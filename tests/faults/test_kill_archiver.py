"""kill -9 at every named step of an archiver's work: afterwards every line is in the archive once, and nothing is there
that isn't named."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections import Counter
from pathlib import Path

import pytest

from logd.backends.objects.folder import FolderObjects
from logd.backends.transport.sqlite import SqliteTransport
from logd.flow import crash
from logd.flow.clock import now_us
from logd.seams import RAW_LOGS
from logd.tiers import names
from logd.tiers.archive.collecting import ORPHAN_SECONDS, collect_orphans
from logd.tiers.archive.verifying import verify
from tests.support.archive import named_objects, object_names, opened, rows_of
from tests.support.process import environment_of_a_process
from tests.support.processing import envelope

_CHUNKS, _LINES = 6, 100


async def _run(folder: Path, point: str = "") -> int:
    environment = {**environment_of_a_process(), **({crash.VARIABLE: point} if point else {})}
    command = [sys.executable, "-m", "tests.support.archiver_process", str(folder), str(_CHUNKS + 1)]
    child = await asyncio.create_subprocess_exec(*command, env=environment, cwd=Path(__file__).parents[2])
    async with asyncio.timeout(120):
        return await child.wait()


@pytest.mark.parametrize(
    "point", [*crash.ARCHIVE_POINTS, "archive.data.put:3", "archive.manifest.put:2", "archive.committed:2"]
)
async def test_killed_at(tmp_path: Path, point: str) -> None:
    transport = await SqliteTransport.open(tmp_path / "transport.db")
    for chunk in range(_CHUNKS):
        await transport.append(RAW_LOGS, [envelope(chunk, *[f"{chunk} {n}" for n in range(_LINES)])])
    await transport.close()
    assert await _run(tmp_path, point) == -signal.SIGKILL
    assert await _run(tmp_path) == 0
    objects = await FolderObjects.open(tmp_path / "objects")
    archive = await opened(tmp_path / "catalog.db")
    try:
        found = Counter((await rows_of(objects, archive))["message"].to_pylist())
        assert found == Counter(f"{chunk} {n}" for chunk in range(_CHUNKS) for n in range(_LINES))
        assert dict(await archive.positions()) == {0: _CHUNKS + 1}
        later = now_us() + 2 * int(ORPHAN_SECONDS * 1e6)
        await collect_orphans(objects, archive, lambda: later)
        there = {name for name in await object_names(objects) if not name.startswith(names.MANIFESTS)}
        assert there == await named_objects(archive)
        looked = await verify(objects, archive)
        assert (looked.rows, looked.distinct_ids, looked.findings) == (_CHUNKS * _LINES,) * 2 + ([],)
    finally:
        await archive.close()
