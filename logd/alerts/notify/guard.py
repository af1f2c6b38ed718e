"""One HTTP request to a target of somebody's choice, which can't be led astray.

The address is looked at where the socket is made for it: after the name was resolved, and right before it is connected
to. Nothing resolves the name again, no connection is kept, no redirect is followed, no proxy is asked."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Mapping
from typing import Any, NamedTuple

import aiohttp
import yarl
from aiohttp.abc import AbstractResolver

from logd.alerts.notify.addresses import Allowed, parse_target

#: Of an answer that isn't a success, for the history. The rest of it, and all of a success, stays unread.
_SAID_BYTES = 2_048
#: Its status counts even when the rest of it never comes.
_SAID_SECONDS = 1.0


class Forbidden(Exception):
    """A target has no address that may be connected to."""


class Answer(NamedTuple):
    """What a target said; `body` is the beginning of it unless `status` is 2xx."""

    status: int
    retry_after: str
    body: str


class _Guard:
    def __init__(self, host: str, allowed: Allowed) -> None:
        self._any_address = allowed.host(host)
        self._allowed = allowed
        self.refused = ""
        self.tried = False

    def socket(self, info: tuple[Any, ...]) -> socket.socket:
        """For an address of getaddrinfo. Raises OSError, after which the next address is tried."""
        address = str(info[4][0])
        if not self._any_address and not self._allowed.address(address):
            self.refused = address
            raise PermissionError(f"{address} is not public")
        self.tried = True
        return socket.socket(info[0], info[1], info[2])


async def post(
    url: str,
    headers: Mapping[str, str],
    body: bytes,
    allowed: Allowed,
    tls: ssl.SSLContext,
    resolver: AbstractResolver | None = None,
) -> Answer:
    """Takes as long as it takes: the caller sets a limit. Raises ValueError for a URL that is none, Forbidden,
    aiohttp.ClientError and OSError."""
    host = parse_target(url).host
    guard = _Guard(host, allowed)
    whole = yarl.URL(url, encoded=True)
    if (whole.host or "").lower().rstrip(".") != host:
        raise ValueError("the URL's host is ambiguous")
    connector = aiohttp.TCPConnector(
        resolver=resolver, use_dns_cache=False, force_close=True, ssl=tls, socket_factory=guard.socket
    )
    session = aiohttp.ClientSession(
        connector=connector,
        timeout=aiohttp.ClientTimeout(total=None),
        auto_decompress=False,
        trust_env=False,
    )
    async with session:
        try:
            async with session.post(whole, headers=headers, data=body, allow_redirects=False) as response:
                said = b"" if 200 <= response.status < 300 else await _read(response)
                text = said.decode(errors="replace")
                return Answer(response.status, response.headers.get("Retry-After", ""), text)
        except OSError as error:
            if guard.refused and not guard.tried:
                reason = "is not public, and not allowed by alerts.notify.allow"
                raise Forbidden(f"{host} has the address {guard.refused}, which {reason}") from error
            raise


async def _read(response: aiohttp.ClientResponse) -> bytes:
    """At most so much, and what there is of an answer that breaks off, or hangs."""
    said = b""
    try:
        async with asyncio.timeout(_SAID_SECONDS):
            while len(said) < _SAID_BYTES and (some := await response.content.read(_SAID_BYTES - len(said))):
                said += some
    except (aiohttp.ClientError, OSError):  # TimeoutError is one
        pass
    return said
