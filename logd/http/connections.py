"""How many connections there may be at once."""

from __future__ import annotations

import asyncio
import logging
import resource
from collections.abc import Callable
from typing import cast

import orjson

log = logging.getLogger("logd.api")
#: Files that the process may have open beside connections: segments, databases, what is followed.
_OTHER_FILES = 2_048
_RETRY_SECONDS = 5
#: A connection that is one too many is closed after so long.
_WAIT_SECONDS = 1.0


def make_room(connections: int) -> int:
    """How many connections there can be: as many as asked for, unless the system forbids it, which is logged."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = connections + _OTHER_FILES
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return connections
    possible = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (possible, hard))
    if possible == wanted:
        return connections
    fewer = max(possible - _OTHER_FILES, possible // 4)
    log.warning("api.max_connections is %d, with %d open files (ulimit -n) it is %d", connections, possible, fewer)
    return fewer


def bounded(
    make: Callable[[], asyncio.Protocol], count: Callable[[], int], most: int
) -> Callable[[], asyncio.Protocol]:
    """A factory as `make` is, for as long as `count` is below `most`; who comes then is told so."""
    return lambda: make() if count() < most else _Full()


class _Full(asyncio.Protocol):
    """Answers 503 to whatever comes first, and closes; soon also when nothing comes. An answer that isn't waited for
    would be lost: closing on what wasn't read resets the connection."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._end: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._end = asyncio.get_running_loop().call_later(_WAIT_SECONDS, transport.close)

    def data_received(self, data: bytes) -> None:
        assert self._transport is not None
        self._transport.pause_reading()
        error = {"code": "too_many_connections", "message": "there are api.max_connections already", "where": ""}
        body = orjson.dumps({"error": error})
        head = (
            f"HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
            f"Retry-After: {_RETRY_SECONDS}\r\nConnection: close\r\n\r\n"
        )
        self._transport.write(head.encode() + body)
        self._transport.close()

    def connection_lost(self, error: Exception | None) -> None:
        if self._end is not None:
            self._end.cancel()
