"""An Elasticsearch that takes every document and keeps none, as a process: `python -m tests.bench.bulk_sink`.

It says `bulk sink listens on PORT`, answers what logd's index asks at its start, each `_bulk` with a 201 for every
document, as short as logd's `filter_path` makes it, and /_sink with how much it took. A body is only counted as it
comes, so it costs its machine what the kernel's copy does and little more.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import msgspec
import uvloop

from tests.bench.http_client import Client
from tests.bench.process import ServerProcess

_CHECKOUT = Path(__file__).parents[2]
_LISTENS = "bulk sink listens on "
_COUNTS = "/_sink"
_START_SECONDS = 60.0
_MAX_HEAD_BYTES = 65_536
_ITEM = b'{"create":{"status":201}}'


class Taken(msgspec.Struct, frozen=True):
    """Since its start: documents, the bytes of the bodies that they came in, and those bodies."""

    documents: int = 0
    bytes: int = 0
    requests: int = 0

    def since(self, before: Taken) -> Taken:
        """What has come after that."""
        return Taken(self.documents - before.documents, self.bytes - before.bytes, self.requests - before.requests)


@dataclass(frozen=True)
class Sink:
    """A ready one."""

    process: ServerProcess
    port: int

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self.port}"

    def taken(self) -> Taken:
        """Until now."""
        with Client(self.port) as client:
            return msgspec.json.decode(client.get(_COUNTS), type=Taken)


@contextmanager
def bulk_sink(folder: Path) -> Iterator[Sink]:
    """Starts one; stopped at the end."""
    data_dir = folder / "sink"
    data_dir.mkdir(parents=True)
    environment = {**os.environ, "PYTHONPATH": str(_CHECKOUT)}
    process = ServerProcess(
        "bulk-sink", [sys.executable, "-m", "tests.bench.bulk_sink"], data_dir=data_dir, environment=environment
    )
    try:
        yield Sink(process, int(process.wait_for_line(_LISTENS, _START_SECONDS)))
    finally:
        process.stop()


class _Counts:
    """Of all connections."""

    def __init__(self) -> None:
        self.documents = self.bytes = self.requests = 0


class _Connection(asyncio.Protocol):
    """HTTP/1.1 with Content-Length, one request after another."""

    def __init__(self, counts: _Counts) -> None:
        self._counts = counts
        self._head = b""
        self._left = self._newlines = 0
        self._target = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        while data:
            data = self._body(data) if self._left else self._begin(data)

    def _begin(self, data: bytes) -> bytes:
        """Reads a head as far as it has come; what is behind it."""
        head, end, rest = (self._head + data).partition(b"\r\n\r\n")
        if not end:
            self._head = head
            if len(head) > _MAX_HEAD_BYTES:
                self._close()
            return b""
        self._head = b""
        request, *headers = head.split(b"\r\n")
        self._target = request.split(b" ")[1]
        self._left = next((int(text[15:]) for text in headers if text[:15].lower() == b"content-length:"), 0)
        self._newlines = 0
        if not self._left:
            self._answer()
        return rest

    def _body(self, data: bytes) -> bytes:
        part, rest = (data, b"") if len(data) <= self._left else (data[: self._left], data[self._left :])
        self._left -= len(part)
        self._counts.bytes += len(part)
        self._newlines += part.count(b"\n")
        if not self._left:
            self._answer()
        return rest

    def _answer(self) -> None:
        path, counts, status, body = self._target.partition(b"?")[0], self._counts, b"200 OK", b"{}"
        if path.endswith(b"/_bulk"):
            documents = self._newlines // 2  # of an action and a document each
            counts.documents += documents
            counts.requests += 1
            body = b'{"errors":false,"items":[' + b",".join([_ITEM] * documents) + b"]}"
        elif path.startswith(b"/_index_template/"):
            body = b'{"acknowledged":true}'
        elif b"/_settings/" in path:
            body = b"{}"  # of an index that isn't there
        elif path == _COUNTS.encode():
            body = msgspec.json.encode(Taken(counts.documents, counts.bytes, counts.requests))
        else:
            status, body = b"404 Not Found", b'{"error":"the sink has no such thing","status":404}'
        assert self._transport is not None
        self._transport.write(
            b"HTTP/1.1 %b\r\nX-elastic-product: Elasticsearch\r\nContent-Type: application/json\r\n"
            b"Content-Length: %d\r\n\r\n%b" % (status, len(body), body)
        )

    def _close(self) -> None:
        assert self._transport is not None
        self._transport.close()


async def _serve() -> None:
    counts = _Counts()
    server = await asyncio.get_running_loop().create_server(lambda: _Connection(counts), "127.0.0.1", 0)
    print(f"{_LISTENS}{server.sockets[0].getsockname()[1]}", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(_serve())
