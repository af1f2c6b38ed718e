"""What every cache guarantees: see seams.Cache."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from logd.backends.cache.memory import MemoryCache
from logd.backends.cache.redis import RedisCache
from logd.config.schema import Cache as Settings
from logd.seams import Cache
from tests.services import Running
from tests.support.process import PATIENCE_SECONDS

Open = Callable[[], Cache]


@pytest.fixture(params=["memory", pytest.param("redis", marks=pytest.mark.servers("redis"))])
def open_cache(request: pytest.FixtureRequest) -> Open:
    """Opens an empty cache."""
    if request.param == "memory":
        return lambda: MemoryCache(1_000_000)
    redis: Running = request.getfixturevalue("redis")

    def opened() -> Cache:
        config = Settings(type="redis", url=f"redis://127.0.0.1:{redis.port}/1", prefix=f"test-{uuid.uuid4()}")
        return RedisCache(config, "", call_seconds=PATIENCE_SECONDS)  # the machine is busy, and no call may fail here

    return opened


@pytest.fixture
async def cache(open_cache: Open) -> AsyncIterator[Cache]:
    opened = open_cache()
    yield opened
    await opened.close()


async def test_what_was_put_is_found(cache: Cache) -> None:
    assert await cache.get("a") is None
    values = {"a": b"1", "ü\n b": bytes(range(256)), "empty": b""}
    for key, value in values.items():
        await cache.put(key, value, 600)
    assert {key: await cache.get(key) for key in values} == values
    await cache.put("a", b"2", 600)
    assert await cache.get("a") == b"2"
    assert await cache.get("A") is None


async def test_it_goes_after_its_time(cache: Cache) -> None:
    await cache.put("a", b"1", 0.05)
    await cache.put("b", b"1", 600)
    await cache.put("never", b"1", 0)
    async with asyncio.timeout(PATIENCE_SECONDS):
        while await cache.get("a") is not None:
            pass
    assert await cache.get("never") is None
    assert await cache.get("b") == b"1"


async def test_large_values_are_kept_or_not(cache: Cache) -> None:
    for size in (100_000, 2_000_000):
        value = b"x" * size
        await cache.put("a", value, 600)
        assert await cache.get("a") in (None, value)
    assert await cache.get("a") is None


async def test_many_at_the_same_time(cache: Cache) -> None:
    await asyncio.gather(*(cache.put(str(n), str(n).encode(), 600) for n in range(200)))
    found = await asyncio.gather(*(cache.get(str(n)) for n in range(200)))
    assert found == [str(n).encode() for n in range(200)]


async def test_two_share_nothing_by_chance(open_cache: Open) -> None:
    one, other = open_cache(), open_cache()
    await one.put("a", b"1", 600)
    assert await other.get("a") is None
    await one.close()
    await other.close()


async def test_one_that_is_given_up_harms_no_other(cache: Cache) -> None:
    await cache.put("a", b"1", 600)
    asked = [asyncio.create_task(cache.get("a")) for _ in range(20)]
    await asyncio.sleep(0)
    for task in asked[::2]:
        task.cancel()
    found = await asyncio.gather(*asked, return_exceptions=True)
    assert found[1::2] == [b"1"] * 10
    assert await cache.get("a") == b"1"


async def test_memory_is_bounded_and_the_unused_goes_first(tmp_path: Path) -> None:
    cache = MemoryCache(10_000)
    value = b"x" * 700  # with its key and the entry's own, ten fit less one
    for n in range(9):
        await cache.put(str(n), value, 600)
    assert await cache.get("0") == value  # used
    for n in range(9, 13):
        await cache.put(str(n), value, 600)
    kept = [n for n in range(13) if await cache.get(str(n)) is not None]
    assert kept == [0, *range(5, 13)]
    assert cache.status() == {"type": "memory", "entries": 9, "bytes": 9 * 1_001 + 3}
    for n in range(1_000):
        await cache.put(str(n), value, 600)
    assert cache.status()["bytes"] <= 10_000
