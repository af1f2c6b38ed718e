"""Many clients that search at the same time: keep-alive connections to one port, all of them in one thread, which is as
light as Python can be, as they share the cores with what they measure.

Answers are read to their ends and not looked at, but for their status.
"""

from __future__ import annotations

import selectors
import socket
import time
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

_READ_BYTES = 1 << 18
_WAIT_SECONDS = 0.05
#: For what is still asked at the end.
_DRAIN_SECONDS = 120.0
_OK = (b"HTTP/1.1 200", b"HTTP/1.0 200")


@dataclass
class Searched:
    """`ms` are of answers with status 200, as they came: from when the search was due to the last byte. `failed` were
    answered otherwise, `unsent` were due when time was up. `client_cpu_seconds` is what asking cost this process."""

    seconds: float
    ms: list[float] = field(default_factory=list)
    within: int = 0
    failed: int = 0
    unsent: int = 0
    client_cpu_seconds: float = 0.0

    @property
    def a_second(self) -> float:
        """Answers that came in time."""
        return self.within / self.seconds


class _Client:
    """One connection."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.setblocking(False)
        self.due = 0.0
        self._parts = bytearray()
        self._length: int | None = None

    def ask(self, target: str, due: float) -> None:
        """Send a request; one fits into the socket's buffer."""
        self.due = due
        self._parts.clear()
        self._length = None
        self.socket.send(f"GET {target} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())

    def whole(self) -> bool:
        """Read what has come; True at the end of the answer. ConnectionError when the server closes before."""
        new = self.socket.recv(_READ_BYTES)
        if not new:
            raise ConnectionError("the server has closed a connection of a search")
        self._parts += new
        if self._length is None:
            head, separator, _ = self._parts.partition(b"\r\n\r\n")
            if not separator:
                return False
            length = head.lower().partition(b"\r\ncontent-length:")[2].partition(b"\r\n")[0]
            self._length = len(head) + len(separator) + int(length) if length else 0
        if self._length:
            return len(self._parts) >= self._length
        return self._parts.endswith(b"\r\n0\r\n\r\n")

    @property
    def succeeded(self) -> bool:
        """The status of a whole answer."""
        return self._parts.startswith(_OK)


def closed(port: int, clients: int, seconds: float, targets: Iterator[str], pause_seconds: float = 0.0) -> Searched:
    """Each client asks again once it has its answer, after the pause; at first they come one by one."""
    begin = time.monotonic()
    first = [begin + number * pause_seconds / clients for number in range(clients)]
    return _run(port, clients, seconds, targets, first, pause_seconds)


def paced(port: int, clients: int, seconds: float, targets: Iterator[str], a_second: float) -> Searched:
    """So many a second, whether answers come or not; a search waits while all clients are busy."""
    begin = time.monotonic()
    return _run(
        port, clients, seconds, targets, [begin + number / a_second for number in range(int(seconds * a_second))]
    )


def _run(
    port: int,
    clients: int,
    seconds: float,
    targets: Iterator[str],
    times: Sequence[float],
    pause_seconds: float | None = None,
) -> Searched:
    begin, cpu = time.monotonic(), time.process_time()
    end = begin + seconds
    done = Searched(seconds)
    due = deque(times)
    opened = [_Client(port) for _ in range(clients)]
    idle = deque(opened)
    busy = 0
    try:
        with selectors.DefaultSelector() as selector:
            for client in opened:
                selector.register(client.socket, selectors.EVENT_READ, client)
            while (now := time.monotonic()) < end or busy:
                if now > end + _DRAIN_SECONDS:
                    raise TimeoutError(f"{busy} searches have no answer {_DRAIN_SECONDS:g} s after the end")
                while due and idle and due[0] <= now < end:
                    idle.popleft().ask(next(targets), due.popleft())
                    busy += 1
                wait = min(_WAIT_SECONDS, max(0.0, due[0] - now)) if due and idle and now < end else _WAIT_SECONDS
                for key, _ in selector.select(wait):
                    client = key.data
                    if not client.whole():
                        continue
                    came = time.monotonic()
                    if client.succeeded:
                        done.ms.append((came - client.due) * 1_000)
                        done.within += came <= end
                    else:
                        done.failed += 1
                    idle.append(client)
                    busy -= 1
                    if pause_seconds is not None:
                        due.append(came + pause_seconds)
    finally:
        for client in opened:
            client.socket.close()
    done.unsent = sum(at < end for at in due) if pause_seconds is None else 0
    done.client_cpu_seconds = time.process_time() - cpu
    return done
