"""A proxy before a real server, as clusters are secured with: TLS, a password or an API key, and a limit of size. What
it lets through it forwards as it is."""

from __future__ import annotations

import base64
import contextlib
import ssl
from collections.abc import AsyncIterator

import aiohttp
from aiohttp import web

_PAGE = "<html><head><title>{status}</title></head><body>nginx</body></html>"
_OF_THE_CONNECTION = ("connection", "transfer-encoding", "content-length", "content-encoding")


def basic(user: str, password: str) -> str:
    """The header Authorization."""
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


class Proxy:
    """What it answers by itself may be changed while it runs."""

    def __init__(self, target: str) -> None:
        self._target = target
        self._session: aiohttp.ClientSession | None = None
        #: Of the header Authorization; empty lets everybody in.
        self.lets_in: frozenset[str] = frozenset()
        self.most_bytes = 2**30
        #: A page with this status instead of everything; 0 for none.
        self.status = 0
        #: Of the bodies that were let through, in bytes, and how many were not.
        self.largest = 0
        self.too_large = 0

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        body = await request.read()
        if self.status:
            return _page(self.status)
        if self.lets_in and request.headers.get("Authorization") not in self.lets_in:
            return web.json_response(
                {"error": {"type": "security_exception", "reason": "unable to authenticate"}, "status": 401}, status=401
            )
        if len(body) > self.most_bytes:
            self.too_large += 1
            return _page(413)
        self.largest = max(self.largest, len(body))
        assert self._session is not None
        headers = {name: value for name, value in request.headers.items() if name.lower() not in _OF_THE_CONNECTION}
        async with self._session.request(
            request.method, f"{self._target}{request.raw_path}", headers=headers, data=body
        ) as answer:
            kept = {name: value for name, value in answer.headers.items() if name.lower() not in _OF_THE_CONNECTION}
            return web.Response(body=await answer.read(), status=answer.status, headers=kept)

    @contextlib.asynccontextmanager
    async def serving(self, context: ssl.SSLContext | None = None) -> AsyncIterator[int]:
        """Runs on a free port of 127.0.0.1, which it gives."""
        async with aiohttp.ClientSession() as self._session:
            runner = web.ServerRunner(web.Server(self))
            await runner.setup()
            try:
                site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context)
                await site.start()
                yield runner.addresses[0][1]
            finally:
                await runner.cleanup()


def _page(status: int) -> web.Response:
    return web.Response(text=_PAGE.format(status=status), status=status, content_type="text/html")
