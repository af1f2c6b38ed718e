"""Lines that come in over HTTP at a pace, each with the time at which it is sent."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime

from tests.bench.corpus import generate
from tests.bench.http_client import Client, Insert
from tests.bench.question import time_text

#: As a shipper sends them.
_BODY_LINES = 1_000
_CONNECTIONS = 8
#: Made before, and sent again and again with other times: making lines costs more than taking them.
_BODIES = 50
_PLACE = b"2000-01-01T00:00:00.000Z"
_AT = len(b'{"timestamp":"')


class Pouring:
    """What has been accepted so far, by all connections."""

    def __init__(self) -> None:
        self.lines = 0
        self.lock = threading.Lock()


def bodies() -> Sequence[bytes]:
    """Of lines that lack their times."""
    lines = generate(_BODIES * _BODY_LINES)
    placed = (line[:_AT] + _PLACE + line[_AT + len(_PLACE) :] for line in lines)
    return [b"".join(itertools.islice(placed, _BODY_LINES)) for _ in range(_BODIES)]


@contextmanager
def pouring(port: int, insert: Insert, made: Sequence[bytes], lines_a_second: float) -> Iterator[Pouring]:
    """Meanwhile they come; who falls behind catches up as fast as they are taken. All that was sent is accepted at the
    end. Raises what goes wrong."""
    poured, stop, numbers = Pouring(), threading.Event(), itertools.count()
    begin = time.monotonic()

    def work() -> None:
        with Client(port) as client:
            while not stop.is_set():
                number = next(numbers)
                if stop.wait(max(0.0, begin + number * _BODY_LINES / lines_a_second - time.monotonic())):
                    return
                now = time_text(datetime.now(UTC)).encode()
                client.post(insert, made[number % _BODIES].replace(_PLACE, now))
                with poured.lock:
                    poured.lines += _BODY_LINES

    with ThreadPoolExecutor(_CONNECTIONS, "bench.pouring") as pool:
        workers = [pool.submit(work) for _ in range(_CONNECTIONS)]
        try:
            yield poured
        finally:
            stop.set()
        for worker in workers:
            worker.result()
