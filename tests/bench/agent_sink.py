"""A target that takes the lines of log shippers and keeps none, as a process: `python -m tests.bench.agent_sink PORT`.

It says `agent sink listens on PORT` and knows by the first byte of a connection how it is spoken to:

* HTTP: POST /api/v1/chunks, logd's shipments, of which a chunk that its source has sent before is counted apart, as a
  server does; /internal/insert, vlagent's rows, counted by a field's name that each has once; /_bulk, Fluent Bit's
  documents, of two lines each; GET /_sink, the counts;
* `{`: rsyslog's TCP, lines as they are; nobody is told that they have come.

It acknowledges what it has counted and looks into no line, so that it costs its machine little.
"""

from __future__ import annotations

import asyncio
import os
import struct
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import msgspec
import uvloop
import zstandard

from logd import shipment
from tests.bench.http_client import Client
from tests.bench.process import ServerProcess

_CHECKOUT = Path(__file__).parents[2]
_LISTENS = "agent sink listens on "
_COUNTS = "/_sink"
_START_SECONDS = 60.0
#: Every line of the bench has this field once, and no other text with it.
_ROW_MARK = b"metadata.trace_id"
_HEAD_BYTES = 13
_SIZES = struct.Struct("<II")


class _ChunkHeaders(msgspec.Struct, rename="kebab"):
    source_id: str
    lines: str
    end: str


_HEADERS = msgspec.json.Decoder(_ChunkHeaders)


class Taken(msgspec.Struct):
    """Since its start: lines, those of them that had come before as far as that can be known, bytes on the wire."""

    lines: int = 0
    again: int = 0
    bytes: int = 0
    requests: int = 0


@dataclass(frozen=True)
class AgentSink:
    """A ready one."""

    process: ServerProcess
    port: int

    def taken(self) -> Taken:
        """Until now."""
        with Client(self.port) as client:
            return msgspec.json.decode(client.get(_COUNTS), type=Taken)


@contextmanager
def agent_sink(folder: Path, port: int = 0) -> Iterator[AgentSink]:
    """Starts one; stopped at the end."""
    data_dir = folder / "sink"
    data_dir.mkdir(parents=True)
    environment = {**os.environ, "PYTHONPATH": str(_CHECKOUT)}
    process = ServerProcess(
        "agent-sink",
        [sys.executable, "-m", "tests.bench.agent_sink", str(port)],
        data_dir=data_dir,
        environment=environment,
    )
    try:
        yield AgentSink(process, int(process.wait_for_line(_LISTENS, _START_SECONDS)))
    finally:
        process.stop()


class _Counts:
    """Of all connections."""

    def __init__(self) -> None:
        self.taken = Taken()
        self.ends: dict[str, int] = {}

    def shipment(self, body: bytes) -> bytes:
        """Counts the chunks of a logd; what it is answered."""
        at, chunks = _HEAD_BYTES, 0
        while at < len(body):
            headers_bytes, value_bytes = _SIZES.unpack_from(body, at)
            at += _SIZES.size
            headers = _HEADERS.decode(body[at : at + headers_bytes])
            at += headers_bytes + value_bytes
            chunks += 1
            end, lines = int(headers.end), int(headers.lines)
            if end <= self.ends.get(headers.source_id, 0):
                self.taken.again += lines
            else:
                self.ends[headers.source_id] = end
                self.taken.lines += lines
        return b'{"accepted":%d}' % chunks

    def rows(self, body: bytes) -> bytes:
        """Counts the rows of a vlagent."""
        self.taken.lines += zstandard.ZstdDecompressor().decompressobj().decompress(body).count(_ROW_MARK)
        return b""


class _Connection(asyncio.Protocol):
    """One of any kind."""

    def __init__(self, counts: _Counts) -> None:
        self._counts = counts
        self._read: Callable[[bytes], None] = self._first
        self._held = bytearray()
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._read(data)

    def _first(self, data: bytes) -> None:
        self._read = self._lines if data.startswith(b"{") else self._http
        self._read(data)

    def _lines(self, data: bytes) -> None:
        self._counts.taken.bytes += len(data)
        self._counts.taken.lines += data.count(b"\n")

    def _http(self, data: bytes) -> None:
        self._held += data
        while (head_end := self._held.find(b"\r\n\r\n")) >= 0:
            request, *headers = bytes(self._held[:head_end]).split(b"\r\n")
            size = next((int(text[15:]) for text in headers if text[:15].lower() == b"content-length:"), 0)
            begin, end = head_end + 4, head_end + 4 + size
            if len(self._held) < end:
                return
            self._answer(request.split(b" ")[1].partition(b"?")[0].decode(), bytes(self._held[begin:end]))
            del self._held[:end]

    def _answer(self, path: str, body: bytes) -> None:
        counts, status, answer = self._counts, b"200 OK", b""
        if path == shipment.PATH:
            status, answer = b"202 Accepted", counts.shipment(body)
        elif path == "/internal/insert":
            answer = counts.rows(body)
        elif path == _COUNTS:
            answer = msgspec.json.encode(counts.taken)
        elif path == "/_bulk":
            counts.taken.lines += body.count(b"\n") // 2
            answer = b'{"errors":false,"items":[]}'
        else:
            status = b"404 Not Found"
        if path != _COUNTS:
            counts.taken.bytes += len(body)
            counts.taken.requests += 1
        assert self._transport is not None
        self._transport.write(b"HTTP/1.1 %b\r\nContent-Length: %d\r\n\r\n%b" % (status, len(answer), answer))


async def _serve(port: int) -> None:
    counts = _Counts()
    server = await asyncio.get_running_loop().create_server(lambda: _Connection(counts), "127.0.0.1", port)
    print(f"{_LISTENS}{server.sockets[0].getsockname()[1]}", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(_serve(int(sys.argv[1])))
