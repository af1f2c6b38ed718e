"""How often, and with how much, each client may come: a bucket that fills up as time passes, for each of them."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable

import msgspec

#: Clients whose buckets are kept. One that is forgotten finds it full again, which it mostly was.
_MOST = 4_096


class Rate(msgspec.Struct, frozen=True):
    """What one client may do; 0 is no limit."""

    requests_per_second: float
    bytes_per_second: float


class _Buckets(msgspec.Struct):
    """What one client has left, at a moment. Bytes may be owed: a body is let in whole as long as any are left."""

    requests: float
    bytes: float
    at: float


class Rates:
    """The buckets of all clients; bounded."""

    def __init__(self, burst_seconds: float, clock: Callable[[], float] = time.monotonic, most: int = _MOST) -> None:
        self._burst_seconds = burst_seconds
        self._clock = clock
        self._most = most
        self._clients: OrderedDict[str, _Buckets] = OrderedDict()

    def take(self, client: str, rate: Rate) -> float:
        """Takes a request; 0.0, or after how many seconds it may be tried again, when nothing was taken."""
        if not rate.requests_per_second and not rate.bytes_per_second:
            return 0.0
        left = self._filled(client, rate)
        wait = 0.0
        if rate.requests_per_second and left.requests < 1.0:
            wait = (1.0 - left.requests) / rate.requests_per_second
        if rate.bytes_per_second and left.bytes <= 0.0:
            wait = max(wait, -left.bytes / rate.bytes_per_second, 1.0 / rate.bytes_per_second)
        if not wait:
            left.requests -= 1.0
        return wait

    def charge(self, client: str, rate: Rate, size_bytes: int) -> None:
        """Takes bytes, also those that aren't there yet."""
        if rate.bytes_per_second and size_bytes:
            self._filled(client, rate).bytes -= size_bytes

    def _filled(self, client: str, rate: Rate) -> _Buckets:
        now = self._clock()
        most_requests = max(1.0, rate.requests_per_second * self._burst_seconds)
        most_bytes = rate.bytes_per_second * self._burst_seconds
        left = self._clients.get(client)
        if left is None:
            left = self._clients[client] = _Buckets(most_requests, most_bytes, now)
            if len(self._clients) > self._most:
                self._clients.popitem(last=False)
            return left
        self._clients.move_to_end(client)
        passed = now - left.at
        left.at = now
        left.requests = min(most_requests, left.requests + passed * rate.requests_per_second)
        left.bytes = min(most_bytes, left.bytes + passed * rate.bytes_per_second)
        return left
