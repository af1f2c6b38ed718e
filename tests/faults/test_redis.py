"""A Redis that is slow, gone or strange: nobody gets an error, and it costs next to nothing."""

from __future__ import annotations

import asyncio
import logging
import socket
import statistics
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from multidict import MultiDict

from logd.backends.cache.redis import RedisCache
from logd.config.schema import Cache as Settings
from logd.config.schema import SearchLimits
from logd.http.cached import Cached, Made
from logd.http.turns import Turns
from logd.seams import CACHE_SECONDS, Search
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
    assert time.perf_counter() - started < _SOON_SECONDS  # each waiting its 50 ms, they would take 100 s


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


@pytest.fixture(params=["stopped", "silent", "black hole"])
async def deaf(request: pytest.FixtureRequest, server: Running) -> AsyncIterator[int]:
    """The port of a Redis that was stopped, of what takes connections and never says anything, and of what doesn't even
    take them, as a firewall that drops everything."""
    async with AsyncExitStack() as stack:
        match request.param:
            case "stopped":
                server.pause()
                yield server.port
            case "silent":

                async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                    await reader.read()
                    writer.close()

                listener = await stack.enter_async_context(await asyncio.start_server(say_nothing, "127.0.0.1", 0))
                yield listener.sockets[0].getsockname()[1]
            case _:
                full = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
                port = full.getsockname()[1]
                for _ in range(8):  # what is waiting to be accepted; from then on the system drops what comes
                    one = stack.enter_context(socket.socket())
                    one.setblocking(False)
                    one.connect_ex(("127.0.0.1", port))
                yield port


async def test_a_request_waits_fifty_milliseconds_at_most(deaf: int) -> None:
    assert CACHE_SECONDS <= 0.05
    clock = _Clock()
    cache = RedisCache(Settings(url=f"redis://127.0.0.1:{deaf}"), "", clock=clock)
    cached = Cached(cache, Turns(SearchLimits()), lambda: 0)

    async def make() -> Made:
        return Made(b"{}")

    took = []
    for n in range(20):
        clock.seconds += 60  # or it would rest
        started = time.perf_counter()
        answer = await cached.answer(MultiDict({"max_age": "30"}), Search(limit=n), "", make)
        took.append(time.perf_counter() - started)
        assert answer.body == b"{}"
    assert "within" in cache.status()["trouble"]
    # Each once alone; the median, as a busy machine may be away for a while, and ten times as much for the same reason.
    assert CACHE_SECONDS * 0.5 < statistics.median(took) < CACHE_SECONDS * 10, took
    await cache.close()
