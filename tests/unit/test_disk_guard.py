"""The guard of the disk: what follows from how full it is, and in which order."""

from __future__ import annotations

from pathlib import Path

import pytest

from logd.backends.transport.sqlite import SqliteTransport
from logd.config.schema import Archiver, Config
from logd.errors import Unavailable
from logd.roles.disk_guard import DiskGuard, GuardedTransport
from logd.seams import DEAD_LETTERS, RAW_LOGS
from tests.support.chunks import chunk_of


class _Disk:
    """As full as it is said to be."""

    def __init__(self) -> None:
        self.percent: dict[Path, float] = {}
        self.error = False

    def used(self, folder: Path) -> float:
        if self.error:
            raise OSError(5, "Input/output error")
        return self.percent.get(folder, 0.0)


@pytest.fixture
def disk() -> _Disk:
    return _Disk()


def _guard(tmp_path: Path, disk: _Disk) -> DiskGuard:
    (tmp_path / "index").mkdir(exist_ok=True)
    settings = Archiver(high_water_percent=90, full_percent=97)
    return DiskGuard(Config(data_dir=str(tmp_path), archiver=settings), tmp_path / "index", disk.used)


@pytest.mark.parametrize(
    ("percents", "high", "dropping", "refusing"),
    [
        ([0], False, False, False),
        ([89.9], False, False, False),
        ([90], True, True, False),
        ([90, 89.5], True, True, False),
        ([90, 88.9], False, False, False),
        ([97], True, True, True),
        ([97, 96.5], True, True, True),
        ([97, 95.9], True, True, False),
        ([97, 50], False, False, False),
    ],
)
async def test_what_follows(
    tmp_path: Path, disk: _Disk, percents: list[float], high: bool, dropping: bool, refusing: bool
) -> None:
    guard = _guard(tmp_path, disk)
    for percent in percents:
        disk.percent[tmp_path] = percent
        await guard.look()
    assert (guard.high, guard.drops(), bool(guard.trouble())) == (high, dropping, refusing)
    assert guard.status()["refusing"] == refusing


async def test_nothing_is_dropped_while_something_else_goes(tmp_path: Path, disk: _Disk) -> None:
    guard = _guard(tmp_path, disk)
    goes = [True]
    guard.frees = lambda: goes[0]
    disk.percent[tmp_path] = 92
    await guard.look()
    assert (guard.high, guard.drops()) == (True, False)
    goes[0] = False
    await guard.look()
    assert guard.drops()
    goes[0] = True  # what was begun ends with room only
    await guard.look()
    assert guard.drops()
    disk.percent[tmp_path] = 80
    await guard.look()
    assert not guard.drops()
    goes[0], disk.percent[tmp_path] = True, 98
    await guard.look()
    assert guard.drops()  # there is no time


async def test_the_index_may_be_on_a_disk_of_its_own(tmp_path: Path, disk: _Disk) -> None:
    guard = _guard(tmp_path, disk)
    disk.percent[tmp_path / "index"] = 99
    await guard.look()
    assert guard.drops()
    guard.refuse_if_full()  # the queue has room


async def test_a_disk_that_cant_be_looked_at_changes_nothing(tmp_path: Path, disk: _Disk) -> None:
    guard = _guard(tmp_path, disk)
    disk.percent[tmp_path] = 98
    await guard.look()
    disk.error = True
    await guard.look()
    assert guard.trouble()
    assert guard.status()["error"] == "Input/output error"
    disk.error = False
    await guard.look()
    assert guard.status()["error"] is None


async def test_lines_are_refused_and_dead_letters_taken(tmp_path: Path, disk: _Disk) -> None:
    transport = await SqliteTransport.open(tmp_path / "transport.db", Config().transport)
    guard = _guard(tmp_path, disk)
    door = GuardedTransport(transport, guard)
    disk.percent[tmp_path] = 98
    await guard.look()
    envelope = chunk_of("a line").to_envelope()
    with pytest.raises(Unavailable, match=r"98\.0 % full") as refused:
        await door.append(RAW_LOGS, [envelope])
    assert (refused.value.status, refused.value.retry_after_seconds) == (507, 5.0)
    assert (await door.append(DEAD_LETTERS, [envelope])).stored == 1
    disk.percent[tmp_path] = 10
    await guard.look()
    assert (await door.append(RAW_LOGS, [envelope])).stored == 1
    await door.close()
