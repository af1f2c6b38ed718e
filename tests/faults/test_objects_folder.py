"""A folder of objects whose disk is full or that somebody removes, and a process that is killed while it writes."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from logd.backends.objects.folder import FolderObjects
from logd.errors import ConfigError, Unavailable
from tests.support.disk import full_disk
from tests.support.objects import content, names, read
from tests.support.process import environment_of_a_process

_WRITES_FOR_EVER = """
import asyncio, sys
from pathlib import Path
from logd.backends.objects.folder import FolderObjects
async def endless():
    yield bytes(1_000_000)
    print("begun", flush=True)
    await asyncio.Event().wait()
async def main():
    await (await FolderObjects.open(Path(sys.argv[1]))).put("a/b", endless())
asyncio.run(main())
"""


async def test_a_full_disk_leaves_nothing(tmp_path: Path) -> None:
    objects = await FolderObjects.open(tmp_path)
    with full_disk(100_000), pytest.raises(Unavailable, match="can't write object 'a/b': file too large"):
        await objects.put("a/b", content(*[bytes(60_000)] * 3))
    assert await names(objects) == []
    assert list((tmp_path / ".part").iterdir()) == []
    await objects.put("a/b", content(b"1"))
    assert await read(objects, "a/b") == b"1"


async def test_what_a_killed_process_has_left(tmp_path: Path) -> None:
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _WRITES_FOR_EVER, tmp_path, stdout=subprocess.PIPE, env=environment_of_a_process()
    )
    assert child.stdout is not None
    assert await child.stdout.readline() == b"begun\n"
    child.kill()
    await child.communicate()
    (left,) = (tmp_path / ".part").iterdir()
    objects = await FolderObjects.open(tmp_path)
    assert await names(objects) == []
    assert left.exists()  # another process may be at it
    os.utime(left, (0, 0))
    await FolderObjects.open(tmp_path)
    assert not left.exists()
    await objects.put("a/b", content(b"1"))


async def test_a_folder_that_is_gone(tmp_path: Path) -> None:
    objects = await FolderObjects.open(tmp_path / "o")
    shutil.rmtree(tmp_path / "o")
    with pytest.raises(Unavailable, match="can't write object 'a': no such file or directory"):
        await objects.put("a", content(b"1"))


async def test_a_file_in_its_place(tmp_path: Path) -> None:
    (tmp_path / "o").touch()
    with pytest.raises(ConfigError, match=f"objects.path '{tmp_path / 'o'}' can't be used: not a directory"):
        await FolderObjects.open(tmp_path / "o")
