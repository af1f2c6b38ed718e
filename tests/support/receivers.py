"""Receivers of notifications, as they are in the world: they fail, hang, redirect, and say too much."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, NamedTuple

import aiohttp
from aiohttp import web
from aiohttp.abc import AbstractResolver, ResolveResult

from logd.alerts.notify.notification import Notification

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


class Received(NamedTuple):
    path: str
    headers: Mapping[str, str]
    body: bytes


def answers(status: int, text: str = "", **headers: str) -> Handler:
    """Always the same."""

    async def handle(request: web.BaseRequest) -> web.StreamResponse:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return web.Response(status=status, text=text, headers=named)

    return handle


async def resets(request: web.BaseRequest) -> web.StreamResponse:
    """Breaks the connection instead of answering."""
    assert request.transport is not None
    request.transport.abort()
    raise asyncio.CancelledError


def endless(status: int) -> Handler:
    """Answers with a body that goes on until the client has enough of it."""

    async def handle(request: web.BaseRequest) -> web.StreamResponse:
        response = web.StreamResponse(status=status)
        await response.prepare(request)
        try:
            while True:
                await response.write(b"x" * 65_536)
        except (ConnectionError, aiohttp.ClientError):
            raise asyncio.CancelledError from None

    return handle


class Receiver:
    """An HTTP server on a free port. Answers come in the order of `script`, the last one again and again."""

    def __init__(self, *script: Handler, host: str = "127.0.0.1", port: int = 0) -> None:
        self._script = list(script) or [answers(204)]
        self._host = host
        self.port = port
        self.received: list[Received] = []
        self.connections = 0
        self._over = asyncio.Event()
        self._came = asyncio.Event()
        self.tls: ssl.SSLContext | None = None
        self.most_at_once = self._at_once = 0

    async def hangs(self, request: web.BaseRequest) -> web.StreamResponse:
        """Doesn't answer before the test is over."""
        await self._over.wait()
        return web.Response(status=503)

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        self._at_once += 1
        self.most_at_once = max(self.most_at_once, self._at_once)
        try:
            self.received.append(Received(request.path_qs, dict(request.headers), await request.read()))
            self._came.set()
            handler = self._script.pop(0) if len(self._script) > 1 else self._script[0]
            return await handler(request)
        finally:
            self._at_once -= 1

    async def __aenter__(self) -> Receiver:
        server = web.Server(self._handle, access_log=None)

        def connected() -> asyncio.Protocol:
            self.connections += 1
            return server()

        self._runner = web.ServerRunner(server, shutdown_timeout=0.0)
        await self._runner.setup()
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(connected, self._host, self.port, ssl=self.tls)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def reached(self, requests: int) -> None:
        """Returns once there were so many."""
        while len(self.received) < requests:
            self._came.clear()
            await self._came.wait()

    def then(self, *script: Handler) -> None:
        """Other answers from now on."""
        self._script[:] = script

    def release(self) -> None:
        """Whoever hangs answers."""
        self._over.set()

    async def __aexit__(self, *_: object) -> None:
        self._over.set()
        self._server.close()
        await self._runner.cleanup()
        await self._server.wait_closed()

    @property
    def url(self) -> str:
        return f"{'https' if self.tls else 'http'}://{self._host}:{self.port}/hook"


class MovedClock:
    """Time that passes only by waiting."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.waits: list[float] = []

    def now_us(self) -> int:
        return 1_700_000_000_000_000 + int(self.seconds * 1e6)

    def monotonic(self) -> float:
        return self.seconds

    async def wait(self, seconds: float, stop: asyncio.Event) -> None:
        self.waits.append(seconds)
        self.seconds += seconds
        await asyncio.sleep(0)


class Names(AbstractResolver):
    """Answers with the next of `script`, and counts how often it was asked."""

    def __init__(self, *script: Sequence[str]) -> None:
        self._script = list(script)
        self.asked = 0

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        self.asked += 1
        found = self._script.pop(0) if len(self._script) > 1 else self._script[0]
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=socket.IPPROTO_TCP,
                flags=socket.AI_NUMERICHOST,
            )
            for address in found
        ]

    async def close(self) -> None:
        pass


def notification(**changes: Any) -> Notification:
    """One that fires, with everything that there is."""
    settings: dict[str, Any] = {
        "rule_id": "r1",
        "rule": "Payment errors",
        "description": "Customers can't pay.",
        "severity": "critical",
        "labels": {"team": "pay"},
        "runbook": "https://wiki.example.org/pay",
        "group": {"service": "payment", "metadata.region": "eu"},
        "firing": True,
        "aggregation": "count",
        "value": 123.0,
        "threshold": 100.0,
        "window_seconds": 300,
        "started_us": 1_700_000_000_000_000,
        "made_us": 1_700_000_060_000_000,
        "lines": [
            {
                "timestamp": "2023-11-14T22:13:20.000Z",
                "level": "ERROR",
                "service": "payment",
                "message": "card <refused>",
            }
        ],
        "link": "https://logs.example.org/search?q=service%3Apayment&from=1",
    }
    return Notification(**(settings | changes))
