"""Answers that a stop waits for, and those that it doesn't."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from aiohttp import web

from logd.http import answering as module
from logd.http.answering import Answering
from logd.http.answers import Handler


class _Listener:
    """Streams to whoever comes, a piece for each turn that it is given."""

    def __init__(self) -> None:
        self.answering = Answering()
        self.asked = asyncio.Event()
        self.more = asyncio.Semaphore(0)
        self.port = 0

    async def stream(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await self.more.acquire()
            await response.write(b"x" * 10_000)

    async def take(self, request: web.Request) -> web.Response:
        return web.Response(body=await request.read())


@pytest.fixture
async def listener() -> AsyncIterator[_Listener]:
    made = _Listener()

    @web.middleware
    async def counted(request: web.Request, handler: Handler) -> web.StreamResponse:
        with made.answering.under_way(request):
            made.asked.set()
            return await handler(request)

    app = web.Application(middlewares=[counted])
    app.on_response_prepare.append(made.answering.begin)
    app.router.add_get("/stream", made.stream, allow_head=False)
    app.router.add_post("/stream", made.take)
    runner = web.AppRunner(app, handler_cancellation=True, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    made.port = runner.addresses[0][1]
    yield made
    await runner.cleanup()


async def test_who_reads_is_cut_off_only_when_it_is_late(
    listener: _Listener, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A stream whose server has nothing to say now isn't stalled."""
    monkeypatch.setattr(module, "STALLED_SECONDS", 0.0)
    reader, writer = await asyncio.open_connection("127.0.0.1", listener.port)
    writer.write(b"GET /stream HTTP/1.1\r\nHost: x\r\n\r\n")
    await reader.readuntil(b"\r\n\r\n")
    for _ in range(5):
        listener.more.release()
        await reader.readuntil(b"xx\r\n")
        assert len(listener.answering) == 1
    # What has come back has left the buffer; nothing is on its way now.
    listener.answering.cut_off(late=False)
    listener.more.release()
    await reader.readuntil(b"xx\r\n")
    assert not caplog.messages
    listener.answering.cut_off(late=True)
    assert (await reader.read()).endswith(b"0\r\n\r\n") is False
    assert caplog.messages == ["GET /stream of 127.0.0.1 is cut off, as this process stops: it would take too long"]
    writer.close()


async def test_a_request_that_has_no_answer_yet_is_left_alone(listener: _Listener) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", listener.port)
    writer.write(b"POST /stream HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nx")
    await listener.asked.wait()
    listener.answering.cut_off(late=True)
    assert len(listener.answering) == 1
    writer.transport.abort()
    assert await reader.read() == b""
