"""The live tail over a WebSocket: the events of tail.py, each a text message that is a JSON object.

    {"event": "line", "id": "…", "data": {…}}       a record; "open", "missed", "gap" and "end" as in server-sent events
    {"event": "alive", "id": "…"}                   nothing has come for a while, up to here

A client goes on behind an id with the parameter `last_event_id`. What it sends is not looked at.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator

import orjson
from aiohttp import web

from logd.http import identity
from logd.tail import events
from logd.tail.tailing import Tail

_PING_SECONDS = 15.0
#: Nobody has to say anything.
_MAX_MESSAGE_BYTES = 4_096


def wanted(request: web.Request) -> bool:
    """Whether a client asks for a WebSocket."""
    return request.method == "GET" and request.headers.get("Upgrade", "").lower() == "websocket"


async def serve(request: web.Request, tail: Tail) -> web.WebSocketResponse:
    """Until the tail ends, its client leaves, or may no longer see it. Raises TimeoutError when the client takes
    nothing."""
    socket = web.WebSocketResponse(heartbeat=_PING_SECONDS, max_msg_size=_MAX_MESSAGE_BYTES, compress=False)
    await socket.prepare(request)
    writing = asyncio.create_task(_write(request, tail, socket), name="api.tail_socket")
    try:
        # Whoever reads nothing doesn't see a client close, nor answer its pings.
        reading = asyncio.create_task(_read(socket), name="api.tail_socket_reader")
        try:
            await asyncio.wait((writing, reading), return_when=asyncio.FIRST_COMPLETED)
        finally:
            await _ended(reading)
    finally:
        await _ended(writing)
    return socket


async def _write(request: web.Request, tail: Tail, socket: web.WebSocketResponse) -> None:
    async with contextlib.aclosing(tail.bodies()) as bodies:
        async for body in bodies:
            reason = await identity.objection(request)
            for message in messages(events.ended(reason) if reason else body):
                async with tail.writing():
                    await socket.send_str(message)
            if reason:
                break
    async with tail.writing():
        await socket.close()


async def _read(socket: web.WebSocketResponse) -> None:
    async for _ in socket:
        pass


async def _ended(task: asyncio.Task[None]) -> None:
    """Cancels what still runs; raises what it has raised."""
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError, ConnectionError):
        await task


def messages(body: bytes) -> Iterator[str]:
    """Server-sent events as messages."""
    for block in body.split(b"\n\n"):
        fields = dict(line.partition(b": ")[::2] for line in block.split(b"\n") if line)
        if data := fields.get(b"data"):
            event = fields.get(b"event", b"line").decode()
            yield orjson.dumps({"event": event, "id": _id(fields), "data": orjson.Fragment(data)}).decode()
        elif b"id" in fields:
            yield orjson.dumps({"event": "alive", "id": _id(fields)}).decode()


def _id(fields: dict[bytes, bytes]) -> str | None:
    return fields[b"id"].decode() if b"id" in fields else None
