"""Turns at targets in Redis, for alerters on several machines. They are forgotten there once they say nothing."""

from __future__ import annotations

import asyncio

from redis.asyncio import ConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from logd.config.schema import Cache
from logd.errors import Unavailable
from logd.seams import spread

#: A message may wait so long: longer, and a target's limit is each alerter's own.
_CALL_SECONDS = 2.0
#: Runs as one. Redis's numbers hold µs until the year 2255.
_TAKE = """
local now, step, most, wrong = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local ahead = tonumber(redis.call('GET', KEYS[1]) or ARGV[1]) - now
if ahead > most and ahead <= wrong then return ahead - most end
if ahead < 0 or ahead > wrong then ahead = 0 end
redis.call('SET', KEYS[1], string.format('%.0f', now + ahead + step), 'PX', ARGV[5])
return 0
"""


class RedisPace:
    """See seams.Pace. Keys begin with `cache.prefix`."""

    def __init__(self, config: Cache, password: str, call_seconds: float = _CALL_SECONDS) -> None:
        """Connects when it is first asked."""
        ca = {"ssl_ca_certs": config.tls_ca} if config.tls_ca and config.url.startswith("rediss:") else {}
        self._pool = ConnectionPool.from_url(
            config.url,
            password=password or None,
            socket_connect_timeout=None,  # the call's own limit ends the wait
            socket_timeout=None,
            retry=Retry(NoBackoff(), 0),
            **ca,
        )
        self._client = Redis(connection_pool=self._pool)
        self._url = config.url
        self._prefix = config.prefix
        self._call_seconds = call_seconds

    async def take(self, target: str, per_minute: int, now_us: int) -> int:
        """See Pace."""
        turns = spread(per_minute)
        # A key that has gone says the same as one whose time is past.
        milliseconds = turns.wrong_us // 1_000
        numbers = (now_us, turns.step_us, turns.ahead_us, turns.wrong_us, milliseconds)
        try:
            async with asyncio.timeout(self._call_seconds):
                return int(await self._client.eval(_TAKE, 1, f"{self._prefix}:pace:{target}", *numbers))
        except TimeoutError:
            raise Unavailable(f"cache.url {self._url} doesn't answer within {self._call_seconds:g} s") from None
        except (RedisError, OSError) as error:
            raise Unavailable(f"cache.url {self._url} can't be used: {error}") from error

    async def close(self) -> None:
        """See Pace."""
        await self._client.aclose()
        await self._pool.disconnect()
