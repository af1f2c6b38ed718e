"""Free TCP ports for servers that are ended and started again on the same ones."""

from __future__ import annotations

import contextlib
import random
import socket
from pathlib import Path

#: Above what services are registered for, mostly.
_LOWEST = 15_000
#: Linux's default for the first port of outgoing connections.
_EPHEMERAL = 32_768


def free_ports(count: int) -> tuple[int, ...]:
    """Ports of 127.0.0.1 that were free together a moment ago.

    They lie below those that the kernel gives to outgoing connections: else a client could take the port of a server
    that is just down, or, calling it again and again, even be connected to itself."""
    found: list[int] = []
    highest = min(_first_ephemeral(), _EPHEMERAL) - 1
    lowest = min(_LOWEST, highest - 1_000)
    while len(found) < count:
        port = random.randint(lowest, highest)
        if port not in found and is_free(port):
            found.append(port)
    return tuple(found)


def is_free(port: int) -> bool:
    """Whether a server could listen on it."""
    with socket.socket() as probe:
        probe.setsockopt(
            socket.SOL_SOCKET, socket.SO_REUSEADDR, 1
        )  # as servers do: closed connections are no hindrance
        try:
            probe.bind(("127.0.0.1", port))
            probe.listen()  # a second listener is found out here
        except OSError:
            return False
    return True


def _first_ephemeral() -> int:
    with contextlib.suppress(OSError, ValueError):
        return int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    return _EPHEMERAL
