"""Health and metrics of a process without the role api, over HTTP.

    GET /healthz    200 while the process is up
    GET /readyz     200, or 503 with the reason
    GET /metrics    for Prometheus

One request a connection, and no other path. It is written by hand since aiohttp's server takes 12 MB, and a small agent
has to stay small.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import re
from collections.abc import Callable, Coroutine
from http import HTTPStatus
from typing import Any

import msgspec
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from logd.config.address import parse_address
from logd.errors import ConfigError
from logd.http.stages import Stages

log = logging.getLogger("logd.health")
_HEAD_BYTES = 16 * 1024
#: From the connection to the end of the answer.
_SECONDS = 15.0
#: Those who ask are a Prometheus and a probe or two; further connections are closed.
_CONNECTIONS = 32
_REQUEST = re.compile(rb"([A-Z]+) (/[^ ?]*)(?:\?[^ ]*)? HTTP/1\.[01]\r\n")
_JSON = "application/json"
Ready = Callable[[], Coroutine[Any, Any, str]]


class Health:
    """`start` binds; `run` answers until `stop`."""

    def __init__(self, listen: str, stages: Stages, ready: Ready) -> None:
        self._listen = listen
        self._stages = stages
        self._ready = ready
        self._listener: asyncio.Server | None = None
        self._tasks: asyncio.TaskGroup | None = None
        self._answering: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Raises ConfigError when the address can't be bound."""
        host, port = parse_address(self._listen)
        try:
            self._listener = await asyncio.start_server(
                self._connected, host, port, limit=_HEAD_BYTES, start_serving=False
            )
        except OSError as error:
            reason = "the port is in use" if error.errno == errno.EADDRINUSE else error.strerror
            raise ConfigError(f"telemetry.listen {self._listen!r} can't be bound: {reason}") from error

    async def run(self, stop: asyncio.Event) -> None:
        """Who is asking when it stops gets no answer."""
        listener = self._listener
        assert listener is not None
        host, port = listener.sockets[0].getsockname()[:2]
        try:
            async with asyncio.TaskGroup() as self._tasks:
                await listener.start_serving()
                print(f"logd tells how it is on http://{f'[{host}]' if ':' in host else host}:{port}", flush=True)
                await stop.wait()
                listener.close()
                for task in self._answering:
                    task.cancel()
        finally:
            listener.close()

    def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._tasks is None or len(self._answering) >= _CONNECTIONS:
            writer.close()
            return
        task = self._tasks.create_task(self._serve(reader, writer), name="health.answer")
        self._answering.add(task)
        task.add_done_callback(self._answering.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(_SECONDS):
                writer.write(await self._answer(reader))
                await writer.drain()
        except (OSError, TimeoutError, asyncio.IncompleteReadError):
            pass  # whoever asked has gone away
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def _answer(self, reader: asyncio.StreamReader) -> bytes:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
        except asyncio.LimitOverrunError:
            return _failure(431, "head_too_large", f"the head has more than {_HEAD_BYTES} bytes")
        request = _REQUEST.match(head)
        if request is None:
            return _failure(400, "bad_request", "this is no HTTP/1.1")
        if request[1] not in (b"GET", b"HEAD"):
            return _failure(405, "method_not_allowed", "only GET is allowed")
        whole = request[1] == b"GET"
        match request[2]:
            case b"/healthz":
                return _response(200, _JSON, b'{"status":"ok"}', whole)
            case b"/readyz":
                if reason := await self._ready():
                    return _failure(503, "not_ready", reason, whole)
                return _response(200, _JSON, b'{"status":"ready"}', whole)
            case b"/metrics":
                self._stages.publish()
                return _response(200, CONTENT_TYPE_LATEST, generate_latest(), whole)
        return _failure(404, "not_found", "there are /healthz, /readyz and /metrics", whole)


def _failure(status: int, code: str, message: str, whole: bool = True) -> bytes:
    body = msgspec.json.encode({"error": {"code": code, "message": message, "where": ""}})
    return _response(status, _JSON, body, whole)


def _response(status: int, content_type: str, body: bytes, whole: bool) -> bytes:
    head = (
        f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\nContent-Type: {content_type}\r\n"
        f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    )
    return head.encode() + (body if whole else b"")
