"""Answers on their way out: to a client that doesn't read, none is held for ever."""

from __future__ import annotations

import asyncio

from aiohttp import web

from logd.http.intake import STEP_BYTES


async def send(request: web.Request, response: web.StreamResponse, stall_seconds: float) -> None:
    """Sends an answer that is whole. One that isn't taken, every STEP_BYTES of it within `stall_seconds` on average, is
    cut off by closing the connection, which is a ConnectionError here. A stream is its handler's own matter."""
    if response.prepared or not isinstance(response, web.Response):
        return
    size = len(response.body) if isinstance(response.body, bytes) else 0
    try:
        async with asyncio.timeout(stall_seconds * (1 + size / STEP_BYTES)):
            await response.prepare(request)
            await response.write_eof()
            await asyncio.sleep(0)  # uvloop writes at the end of a turn, and only then knows that it can't
            await request.writer.drain()
    except TimeoutError:
        if request.transport is not None:
            request.transport.abort()
        raise ConnectionResetError(f"an answer of {size} bytes was not read") from None
