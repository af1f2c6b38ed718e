"""Which other sites' pages a browser lets read answers: none, or exactly `api.cors_origins`.

Nothing is said about cookies, since there are none: a page has to have a token.
"""

from __future__ import annotations

from collections.abc import Sequence

from aiohttp import web

from logd.http.answers import Handler

_METHODS = "GET, HEAD, POST, PUT, DELETE"
_HEADERS = "Authorization, Content-Type, Content-Encoding, Idempotency-Key, X-Host, X-Service-Id, Last-Event-ID"
#: What a page may read of an answer beside its body.
_EXPOSED = "Retry-After, WWW-Authenticate, Cache-Status, Age"
#: How long a browser remembers an answer to its question; a change shows after so long.
_REMEMBER_SECONDS = 600


class Cors:
    """The middleware that answers the browsers' questions, and the hook that marks answers."""

    def __init__(self, origins: Sequence[str]) -> None:
        self._origins = frozenset(origins)

    @web.middleware
    async def preflight(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """A browser asks before it sends a token, so without one."""
        if request.method != "OPTIONS" or not self._allows(request):
            return await handler(request)
        if "Access-Control-Request-Method" not in request.headers:
            return await handler(request)
        headers = {
            "Access-Control-Allow-Methods": _METHODS,
            "Access-Control-Allow-Headers": _HEADERS,
            "Access-Control-Max-Age": str(_REMEMBER_SECONDS),
        }
        return web.Response(status=204, headers=headers)

    async def mark(self, request: web.Request, response: web.StreamResponse) -> None:
        """Before the head of any answer is sent: errors, and streams too."""
        if not self._origins:
            return
        response.headers["Vary"] = ", ".join(filter(None, [response.headers.get("Vary"), "Origin"]))
        if self._allows(request):
            response.headers["Access-Control-Allow-Origin"] = request.headers["Origin"]
            response.headers["Access-Control-Expose-Headers"] = _EXPOSED

    def _allows(self, request: web.Request) -> bool:
        return request.headers.get("Origin") in self._origins
