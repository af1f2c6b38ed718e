"""Clients that ask and don't read the answer."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator
from urllib.parse import urlencode

from tests.support.process import PATIENCE_SECONDS, Server


@contextlib.contextmanager
def asked(server: Server, path: str, buffer_bytes: int = 0, **parameters: object) -> Iterator[socket.socket]:
    """A GET whose answer isn't read; at the end of the block the client leaves. `buffer_bytes` is what the system takes
    for it, about; else its usual."""
    with socket.socket() as client:
        if buffer_bytes:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer_bytes)
        client.settimeout(PATIENCE_SECONDS)
        client.connect(("127.0.0.1", server.port))
        client.sendall(f"GET {path}?{urlencode(parameters)} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        yield client
