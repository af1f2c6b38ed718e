"""The listener of a process without the api: three paths, and nothing that hangs or grows."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest

from logd.errors import ConfigError
from logd.flow.stage import Stage
from logd.http.stages import Stages
from logd.roles.health import Health

_PATIENCE_SECONDS = 120.0


class _Asked:
    """A running listener; `reason` is what it isn't ready for."""

    def __init__(self) -> None:
        self.reason = ""
        self.stage = Stage("test.health", 7, "lines")
        self.health = Health("127.0.0.1:0", Stages([self.stage]), self._ready)
        self.stop = asyncio.Event()

    async def _ready(self) -> str:
        return self.reason

    @property
    def port(self) -> int:
        assert self.health._listener is not None
        return int(self.health._listener.sockets[0].getsockname()[1])

    async def ask(self, head: bytes) -> bytes:
        """All that is answered."""
        async with asyncio.timeout(_PATIENCE_SECONDS):
            reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
            writer.write(head)
            answer = await reader.read()
            writer.close()
            await writer.wait_closed()
        return answer


@pytest.fixture
async def asked() -> AsyncIterator[_Asked]:
    made = _Asked()
    await made.health.start()
    async with asyncio.timeout(_PATIENCE_SECONDS), asyncio.TaskGroup() as tasks:
        tasks.create_task(made.health.run(made.stop))
        yield made
        made.stop.set()


@pytest.mark.parametrize(
    ("head", "status", "said"),
    [
        (b"GET /healthz HTTP/1.1\r\n\r\n", b"200 OK", b'{"status":"ok"}'),
        (b"GET /readyz?verbose HTTP/1.0\r\n\r\n", b"200 OK", b'{"status":"ready"}'),
        (
            b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n",
            b"200 OK",
            b'logd_stage_capacity{stage="test.health",unit="lines"} 7',
        ),
        (b"GET / HTTP/1.1\r\n\r\n", b"404 Not Found", b"/healthz, /readyz and /metrics"),
        (b"GET /api/v1/status HTTP/1.1\r\n\r\n", b"404 Not Found", b""),
        (b"POST /healthz HTTP/1.1\r\n\r\n", b"405 Method Not Allowed", b""),
        (b"hello\r\n\r\n", b"400 Bad Request", b""),
        (b"GET /healthz HTTP/1.1\r\nX: " + b"x" * 20_000 + b"\r\n\r\n", b"431 ", b""),
    ],
)
async def test_what_is_answered(asked: _Asked, head: bytes, status: bytes, said: bytes) -> None:
    answer = await asked.ask(head)
    assert answer.startswith(b"HTTP/1.1 " + status)
    assert said in answer
    start, _, body = answer.partition(b"\r\n\r\n")
    assert b"Content-Length: %d\r\n" % len(body) in start


async def test_the_reason_is_told(asked: _Asked) -> None:
    asked.reason = "the queue is away"
    answer = await asked.ask(b"GET /readyz HTTP/1.1\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 503 ")
    assert answer.endswith(b'{"error":{"code":"not_ready","message":"the queue is away","where":""}}')
    asked.reason = ""
    assert b"200 OK" in await asked.ask(b"GET /readyz HTTP/1.1\r\n\r\n")


async def test_who_says_nothing_holds_nobody_up(asked: _Asked) -> None:
    silent = [await asyncio.open_connection("127.0.0.1", asked.port) for _ in range(40)]
    async with asyncio.timeout(_PATIENCE_SECONDS):
        assert await silent[-1][0].read() == b"", "one too many is closed"
        silent[0][1].close()
        await silent[0][1].wait_closed()
        answer = b""
        while b"200 OK" not in answer:
            with contextlib.suppress(ConnectionError):  # until it has seen that one has left
                answer = await asked.ask(b"GET /healthz HTTP/1.1\r\n\r\n")
        asked.stop.set()
        for reader, writer in silent[1:]:
            assert await reader.read() == b""
            writer.close()
            await writer.wait_closed()


async def test_a_port_that_is_in_use(asked: _Asked) -> None:
    other = Health(f"127.0.0.1:{asked.port}", Stages([]), asked._ready)
    with pytest.raises(ConfigError, match=r"telemetry\.listen .* the port is in use"):
        await other.start()
