"""The cache in Redis, which several machines share.

A server that is slow or gone is noticed once, for as long as one request waits for it; then nobody asks it for a few
seconds.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import AuthenticationError, AuthorizationError, NoPermissionError

from logd.config.schema import Cache
from logd.seams import CACHE_SECONDS
from logd.telemetry import metrics

log = logging.getLogger("logd.cache")
#: So long a server that failed isn't asked: then the failures cost nobody anything that shows.
_REST_SECONDS = 5.0
#: Commands are short; more connections than searches that run at once help nobody.
_CONNECTIONS = 16
#: A larger one takes too long on the way for what a call may take.
_MAX_VALUE_BYTES = 1024 * 1024


class RedisCache:
    """See seams.Cache. Keys begin with `cache.prefix`."""

    def __init__(
        self,
        config: Cache,
        password: str,
        call_seconds: float = CACHE_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Connects when it is first asked."""
        ca = {"ssl_ca_certs": config.tls_ca} if config.tls_ca and config.url.startswith("rediss:") else {}
        self._pool = BlockingConnectionPool.from_url(
            config.url,
            password=password or None,
            max_connections=_CONNECTIONS,
            timeout=None,  # the call's own limit ends the wait
            socket_connect_timeout=None,
            socket_timeout=None,
            retry=Retry(NoBackoff(), 0),
            protocol=2,  # no greeting before the first command
            driver_info=None,
            **ca,
        )
        self._client = Redis(connection_pool=self._pool)
        self._url = config.url
        self._prefix = config.prefix
        self._call_seconds = call_seconds
        self._clock = clock
        self._rests_until = float("-inf")
        self._trouble = ""

    async def get(self, key: str, within: float | None = None) -> bytes | None:
        """See Cache."""
        found = await self._asked(within, lambda: self._client.get(f"{self._prefix}:{key}"))
        return found if isinstance(found, bytes) else None

    async def put(self, key: str, value: bytes, seconds: float, within: float | None = None) -> None:
        """See Cache."""
        name, milliseconds = f"{self._prefix}:{key}", int(seconds * 1_000)
        if len(value) <= _MAX_VALUE_BYTES and milliseconds > 0:
            await self._asked(within, lambda: self._client.set(name, value, px=milliseconds))
        else:
            await self._asked(within, lambda: self._client.delete(name))

    def status(self) -> dict[str, Any]:
        """See Cache."""
        return {"type": "redis", "url": self._url, "trouble": self._trouble}

    async def close(self) -> None:
        """See Cache."""
        await self._client.aclose()
        await self._pool.disconnect()

    async def _asked(self, within: float | None, call: Callable[[], Awaitable[Any]]) -> Any:
        """None when it failed, or isn't asked."""
        within = self._call_seconds if within is None else within
        if self._clock() < self._rests_until:
            metrics.CACHE_ERRORS.labels("resting").inc()
            return None
        try:
            async with asyncio.timeout(within):
                if self._trouble:
                    # Idle connections from before may be dead without knowing it: each would fail once.
                    await self._pool.disconnect(inuse_connections=False)
                found = await call()
        except Exception as error:
            self._failed(error, within)
            return None
        if self._trouble:
            log.info("cache.url %s answers again", self._url)
            self._trouble = ""
        return found

    def _failed(self, error: Exception, within: float) -> None:
        self._rests_until = self._clock() + _REST_SECONDS
        slow = isinstance(error, TimeoutError)
        metrics.CACHE_ERRORS.labels("slow" if slow else "failed").inc()
        if slow:
            said = f"it doesn't answer within {within * 1_000:.3g} ms"
        elif isinstance(error, (AuthenticationError, AuthorizationError, NoPermissionError)):
            said = f"{error}: check the user in cache.url, and cache.password_file or $LOGD_CACHE_PASSWORD"
        else:
            said = str(error) or type(error).__name__
        if not self._trouble:
            log.warning("cache.url %s can't be used, so searches do without: %s", self._url, said)
        self._trouble = said
