"""A Redis that is slow, gone or strange: nobody gets an error, and it costs next to nothing."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from logd.backends.cache.redis import RedisCache
from logd.config.schema import Cache as Settings
from logd.seams import CACHE_CALL_SECONDS
from tests.services import Running
from tests.support.process import PATIENCE_SECONDS, free_port
from tests.support.servers import redis_with_password

pytestmark = pytest.mark.servers("redis")
#: A call that waited for the server would take for ever; the machine may be busy for a while.
_SOON_SECONDS = 10.0


class _Clock:
    """Seconds, which only a test moves on."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Running]:
    with redis_with_password(tmp_path) as server:
        yield server


async def _works(cache: RedisCache, clock: _Clock) -> None:
    """Waits until it does; a busy machine takes longer than a call may."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            await cache.put("works", b"1", 600)
            if await cache.get("works") == b"1":
                return
            clock.seconds += 60
            await asyncio.sleep(0.02)


async def _costs_nothing(cache: RedisCache) -> None:
    started = time.perf_counter()
    for _ in range(1_000):
        assert await cache.get("a") is None
        await cache.put("a", b"1", 600)
    assert time.perf_counter() - started < _SOON_SECONDS  # each waiting its 25 ms, they would take 50 s


@pytest.mark.parametrize("fault", ["killed", "paused"])
async def test_it_goes_and_comes_back(server: Running, caplog: pytest.LogCaptureFixture, fault: str) -> None:
    clock = _Clock()
    caplog.set_level(logging.INFO, "logd.cache")
    cache = RedisCache(Settings(url=f"redis://127.0.0.1:{server.port}"), server.password, clock=clock)
    await _works(cache, clock)
    caplog.clear()
    server.kill() if fault == "killed" else server.pause()
    for _ in range(3):  # at once, and whenever it is asked again
        await _costs_nothing(cache)
        clock.seconds += 60
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert str(server.port) in caplog.text
    assert cache.status()["trouble"]
    server.start() if fault == "killed" else server.resume()
    await _works(cache, clock)
    assert cache.status()["trouble"] == ""
    assert "answers again" in caplog.text
    await cache.close()


async def test_a_call_that_hangs_is_given_up(server: Running) -> None:
    assert CACHE_CALL_SECONDS * 2 <= 0.05
    clock = _Clock()
    cache = RedisCache(Settings(url=f"redis://127.0.0.1:{server.port}"), server.password, clock=clock)
    await _works(cache, clock)
    server.pause()
    started = time.perf_counter()
    assert await asyncio.gather(*(cache.get("works") for _ in range(50))) == [None] * 50
    assert time.perf_counter() - started < _SOON_SECONDS
    await cache.close()


@pytest.mark.parametrize("password", ["", "wrong"])
async def test_wrong_credentials_are_named(server: Running, caplog: pytest.LogCaptureFixture, password: str) -> None:
    config = Settings(url=f"redis://127.0.0.1:{server.port}")
    cache = RedisCache(config, password, call_seconds=PATIENCE_SECONDS)
    assert await cache.get("a") is None
    assert "cache.url" in caplog.text
    assert "cache.password_file" in caplog.text
    assert "wrong" not in caplog.text.replace("WRONGPASS", "")
    await cache.close()


async def test_nobody_is_there(caplog: pytest.LogCaptureFixture) -> None:
    url = f"redis://127.0.0.1:{free_port()}"
    cache = RedisCache(Settings(url=url), "")
    await _costs_nothing(cache)
    assert len(caplog.records) == 1
    assert url in caplog.text
    await cache.close()


async def test_something_else_is_there(caplog: pytest.LogCaptureFixture) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(talk, "127.0.0.1", 0) as other:
        port = other.sockets[0].getsockname()[1]
        cache = RedisCache(Settings(url=f"redis://127.0.0.1:{port}"), "", call_seconds=PATIENCE_SECONDS)
        assert await cache.get("a") is None
        assert len(caplog.records) == 1
        await cache.close()
