"""Between logd and Elasticsearch: when one waits for the other.

Bytes go through as they are. From the first of a request until the last of its answer has been handed on, logd waits on
that connection; what passes between this thread's turns counts for logd, so that its own time is never shown too short.
"""

from __future__ import annotations

import contextlib
import selectors
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

_READ_BYTES = 1 << 18
_WAIT_SECONDS = 0.1
_TIMEOUT_SECONDS = 60.0


@dataclass
class _Wait:
    """On one connection, in seconds of the monotonic clock; `end` moves on with the answer."""

    begin: float
    end: float


class _Pair:
    """A connection of logd's, and its continuation."""

    def __init__(self, near: socket.socket, far: socket.socket) -> None:
        self.near = near
        self.far = far
        self.wait: _Wait | None = None


class ElasticTimer:
    """Use `elastic_timer`."""

    def __init__(self, listener: socket.socket, target: int) -> None:
        self.port: int = listener.getsockname()[1]
        self._listener = listener
        self._target = target
        self._waits: list[_Wait] = []
        self._lock = threading.Lock()
        self._stop = threading.Event()

    def waited_seconds(self, begin: float, end: float) -> float:
        """Between two moments of the monotonic clock: how long there was a request under way. Forgets all before."""
        with self._lock:
            waits = [(wait.begin, wait.end) for wait in self._waits]
            self._waits.clear()
        return union_seconds(waits, begin, end)

    def serve(self) -> None:
        """Until it is stopped."""
        with contextlib.ExitStack() as stack, selectors.DefaultSelector() as selector:
            selector.register(self._listener, selectors.EVENT_READ)
            while not self._stop.is_set():
                for key, _ in selector.select(_WAIT_SECONDS):
                    if key.data is None:
                        near, _ = self._listener.accept()
                        far = socket.create_connection(("127.0.0.1", self._target), _TIMEOUT_SECONDS)
                        pair = _Pair(near, far)
                        for one in (near, far):
                            one.settimeout(_TIMEOUT_SECONDS)
                            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                            stack.callback(one.close)
                            selector.register(one, selectors.EVENT_READ, pair)
                    elif not self._handed_on(key.data, key.fileobj):
                        for one in (key.data.near, key.data.far):
                            selector.unregister(one)
                            one.close()

    def stop(self) -> None:
        """`serve` returns soon."""
        self._stop.set()

    def _handed_on(self, pair: _Pair, source: object) -> bool:
        """False when one of both has closed its connection."""
        from_logd = source is pair.near
        now = time.monotonic()
        try:
            data = (pair.near if from_logd else pair.far).recv(_READ_BYTES)
            if from_logd and data and (pair.wait is None or pair.wait.end > pair.wait.begin):
                pair.wait = _Wait(now, now)
                with self._lock:
                    self._waits.append(pair.wait)
            (pair.far if from_logd else pair.near).sendall(data)
        except ConnectionError:
            return False
        if not from_logd and pair.wait is not None:
            pair.wait.end = time.monotonic()
        return bool(data)


def union_seconds(waits: Sequence[tuple[float, float]], begin: float, end: float) -> float:
    """How much of the time between `begin` and `end` is in at least one of them."""
    seconds, until = 0.0, begin
    for first, last in sorted(waits):
        until_now = min(last, end)
        seconds += max(0.0, until_now - max(first, until))
        until = max(until, until_now)
    return seconds


@contextlib.contextmanager
def elastic_timer(target: int) -> Iterator[ElasticTimer]:
    """On a free port of 127.0.0.1, before that one."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        timer = ElasticTimer(listener, target)
        thread = threading.Thread(target=timer.serve, name="bench.elastic")
        thread.start()
        try:
            yield timer
        finally:
            timer.stop()
            thread.join()
