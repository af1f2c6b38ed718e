"""The processor with [shedding]: what it writes, counts and says, and its looks at the index's disk."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pyarrow as pa
import pytest
from prometheus_client import REGISTRY

from logd.chunk import Envelope
from logd.config.schema import Config
from logd.config.shaping import MetricTable, SheddingTable
from logd.enrich.rates import OTHERS, QUIET
from logd.enrich.shedding import LAG, SPIKE, Episode
from logd.errors import Corrupt, Unavailable
from logd.roles import shedding as module
from logd.roles.processor import Gaps, Processor
from logd.roles.shedding import Shedder
from tests.support.processing import World, envelope, unreadable

_EMERGENCY = SheddingTable(disk_percent=80)


class Disk:
    """As full as `percents` say, one after the other; then nobody is answered any more."""

    def __init__(self, *percents: float | str) -> None:
        self._percents = list(percents)
        self.asked = asyncio.Event()

    async def disk_used_percent(self) -> float:
        if not self._percents:
            self.asked.set()
            await asyncio.Event().wait()
        percent = self._percents.pop(0)
        if isinstance(percent, str):
            raise Unavailable(percent)
        return percent


@contextlib.asynccontextmanager
async def _running(world: World, disk: Disk, gaps: Gaps | None = None) -> AsyncIterator[Processor]:
    """Once the disk has been looked at."""
    role, stop = Processor(world.config, world.transport, world.index, disk, gaps), asyncio.Event()
    run = asyncio.create_task(role.run(stop), name="processor")
    try:
        async with asyncio.timeout(60):
            await disk.asked.wait()
        yield role
    finally:
        stop.set()
        async with asyncio.timeout(60):
            await run


def _lines(*levels: str) -> list[str]:
    return [json.dumps({"level": level, "message": f"{level} {number}"}) for number, level in enumerate(levels)]


async def _looks(monkeypatch: pytest.MonkeyPatch, *percents: float | str) -> list[bool]:
    """Whether it is an emergency after each look."""
    monkeypatch.setattr(module, "_DISK_SECONDS", 0.0)
    found = []
    for end in range(1, len(percents) + 1):
        disk = Disk(*percents[:end])
        shedder = Shedder(_EMERGENCY, disk)
        watch = asyncio.create_task(shedder.watch(), name="watch")
        await disk.asked.wait()
        watch.cancel()
        await asyncio.wait([watch])
        found.append(shedder.status()["emergency"])
    return found


async def test_an_emergency_ends_well_below_where_it_begins(monkeypatch: pytest.MonkeyPatch) -> None:
    looks = await _looks(monkeypatch, 80.0, 80.1, 78.0, 76.1, "away", 76.0, 79.0, 81.0, "away")
    assert looks == [False, True, True, True, True, False, False, True, True]


async def test_what_begins_and_ends_is_said_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "_DISK_SECONDS", 0.0)
    disk = Disk(50.0, 90.0, 95.0, "it is away", "it is away", 90.0, 10.0, 20.0)
    shedder = Shedder(_EMERGENCY, disk)
    with caplog.at_level(logging.INFO):
        watch = asyncio.create_task(shedder.watch(), name="watch")
        await disk.asked.wait()
        watch.cancel()
        await asyncio.wait([watch])
        spike = Episode(SPIKE, QUIET, 5_000.0, 10.0, "web")
        for episodes in (
            [spike],
            [msgspec.structs.replace(spike, step=OTHERS), Episode(LAG, OTHERS, 700.0, 300.0)],
            [Episode(LAG, QUIET, 500.0, 300.0)],
            [],
        ):
            shedder.tell(episodes)
    assert [one.getMessage() for one in caplog.records] == [
        "the index's disk is 90.0 % full, over 80 %: DEBUG and TRACE are dropped",
        "shedding goes on as it is: it is away",
        "the index's disk is 10.0 % full: nothing is dropped any more",
        "a spike of 'web', 5,000 lines a second, usually 10.0: 0.1 of DEBUG and TRACE is stored",
        "the processor is 700 s behind, over 300 s: 0.1 of DEBUG, TRACE and INFO is stored",
        "the spike of 'web' is over: nothing is sampled any more",
        "the processor is no longer far behind: nothing is sampled any more",
    ]
    assert shedder.status() == {
        "spikes": [],
        "lag": None,
        "emergency": False,
        "disk_used_percent": 20.0,
        "disk_error": None,
    }
    assert REGISTRY.get_sample_value("logd_index_disk_used_ratio") == 0.2


def test_nothing_is_on_by_itself() -> None:
    config = Config()
    assert Shedder.of(config.shedding, None) is None


async def test_what_is_dropped_is_counted_and_measured(tmp_path: Path) -> None:
    async with World.open(tmp_path / "data") as world:
        world.config = msgspec.structs.replace(
            world.config, shedding=_EMERGENCY, metric=[MetricTable(name="debug_lines", query="level:DEBUG")]
        )
        left_out: list[str] = []

        async def gaps(rows: pa.Table) -> None:
            left_out.extend(rows["message"].to_pylist())

        async with _running(world, Disk(90.0), gaps) as role:
            await world.append(envelope(1, *_lines("DEBUG", "INFO", "TRACE")), unreadable(2))
            await world.append(envelope(3, *_lines("DEBUG", "ERROR")))
            await world.index.until(rows=2)
            async with asyncio.timeout(60):
                while sum(batch.lines for batch in world.index.batches) < 6:
                    await world.index.until(batches=len(world.index.batches) + 1)
            assert role.status()["shedding"] == {
                "spikes": [],
                "lag": None,
                "emergency": True,
                "disk_used_percent": 90.0,
                "disk_error": None,
            }
        (counter,) = role._meter.collect()
        assert counter.samples[0].value == 2  # also what is left out
        assert await world.messages() == ["ERROR 1", "INFO 1"]
        assert sorted(left_out) == ["DEBUG 0", "DEBUG 0", "TRACE 2"]
        batches = world.index.batches
        assert [sum(getattr(one, name) for one in batches) for name in ("dropped", "sampled", "refused")] == [3, 0, 1]
        assert (await world.group())["lag"] == 0


async def test_the_disk_is_left_alone_once_no_more_can_be_read(tmp_path: Path) -> None:
    async with World.open(tmp_path / "data") as world:
        world.config = msgspec.structs.replace(world.config, shedding=_EMERGENCY)
        for number in range(200):
            good = envelope(number, "x" * 20_000 + f"{number}")
            await world.append(Envelope(good.key, {**good.headers, "unknown": "x" * 20_000}, good.value))
        with (world.folder / "transport.db").open("r+b") as file:
            file.seek(40 * 65_536)
            file.write(bytes(65_536))
        with pytest.raises(Corrupt):
            async with asyncio.timeout(60):
                await Processor(world.config, world.transport, world.index, Disk(1.0)).run(asyncio.Event())
