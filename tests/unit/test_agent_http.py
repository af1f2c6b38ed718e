"""The agent's HTTP client: what each answer of a server means, and how its connection is kept."""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
from collections.abc import AsyncIterator

import msgspec
import pytest

from logd import shipment
from logd.agent.http_shipper import HttpShipper
from logd.chunk import Chunk, compress
from logd.errors import BadRequest, Conflict, LogdError, Unavailable
from tests.support.process import free_port

_CHUNK = Chunk(
    service="s",
    host="h",
    source="/app.log",
    source_id="0" * 16,
    offset=0,
    end=4,
    lines=1,
    observed_us=1,
    value=compress(b"one\n"),
)
_ACCEPTED = b'{"accepted":1}'


def _answer(status: int, body: bytes = b"", *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status} Said", f"Content-Length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


def _error(status: int, code: str, *headers: str) -> bytes:
    return _answer(status, msgspec.json.encode({"error": {"code": code, "message": "why", "where": "here"}}), *headers)


class _Server:
    """Serves connections, each with its answers, and closes each after its last one."""

    def __init__(self, *connections: list[bytes]) -> None:
        self._connections = list(connections)
        self.bodies: list[bytes] = []
        self.targets: list[str] = []
        self._served: list[asyncio.Task[None]] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._served.append(task)
        for answer in self._connections.pop(0):
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            length = int(head.lower().partition("content-length: ")[2].split()[0])
            self.targets.append(head.partition("\r\n")[0])
            self.bodies.append(await reader.readexactly(length))
            writer.write(answer)
            await writer.drain()
        writer.close()
        await writer.wait_closed()

    async def ended(self) -> None:
        """Those that have come so far are closed."""
        await asyncio.gather(*self._served)


@contextlib.asynccontextmanager
async def _served(*connections: list[bytes], path: str = "") -> AsyncIterator[tuple[_Server, HttpShipper]]:
    server = _Server(*connections)
    listener = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    shipper = HttpShipper(f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}{path}")
    try:
        yield server, shipper
        await server.ended()
    finally:
        await shipper.close()
        listener.close()
        await listener.wait_closed()


async def test_chunks_go_over_one_connection() -> None:
    async with _served([_answer(202, _ACCEPTED)] * 2, path="/behind/") as (server, shipper):
        await shipper.send([_CHUNK])
        await shipper.send([_CHUNK])
    assert server.targets == ["POST /behind/api/v1/chunks HTTP/1.1"] * 2
    assert [shipment.decode(body).envelopes for body in server.bodies] == [[_CHUNK.to_envelope()]] * 2


async def test_a_connection_that_was_closed_meanwhile_is_made_anew() -> None:
    async with _served([_answer(202, _ACCEPTED)], [_answer(202, _ACCEPTED)]) as (server, shipper):
        await shipper.send([_CHUNK])
        await server.ended()
        await shipper.send([_CHUNK])


async def test_a_body_of_many_blocks_arrives_whole() -> None:
    large = msgspec.structs.replace(_CHUNK, value=random.Random(1).randbytes(900_000))
    async with _served([_answer(202, b'{"accepted":5}')]) as (server, shipper):
        await shipper.send([large] * 5)
    assert server.bodies == [shipment.encode([large] * 5)]


@pytest.mark.parametrize(
    ("answer", "kind", "text"),
    [
        (_error(409, "source_conflict"), Conflict, "why"),
        (_error(409, "another"), Unavailable, "answered 409: why"),
        (_error(400, "bad_chunk"), BadRequest, "answered 400: why"),
        (_error(400, "bad_shipment"), Unavailable, "answered 400: why"),
        (_error(413, "body_too_large"), BadRequest, "answered 413: why"),
        (_answer(413, b"<html>proxy</html>"), BadRequest, "answered 413: '<html>proxy</html>'"),
        (_error(429, "unavailable"), Unavailable, "answered 429: why"),
        (_error(500, "internal"), Unavailable, "answered 500: why"),
        (_answer(503), Unavailable, "answered 503"),
        (_answer(404, b"no such page"), Unavailable, "answered 404: 'no such page'"),
        (_answer(401), Unavailable, "answered 401"),
        (_answer(302), Unavailable, "answered 302"),
        (_answer(200, _ACCEPTED), Unavailable, "answered 200"),
        (_answer(202), Unavailable, "answered 202"),
        (_answer(202, b'{"accepted":2}'), Unavailable, "answered 202"),
        (_answer(202, b"[" * 60_000), Unavailable, "answered 202"),
        (_answer(202, b" " * 100_000 + _ACCEPTED), Unavailable, "answered 202"),
        (_answer(202, _ACCEPTED)[:-5], Unavailable, "answered 202"),
        (_answer(202, _ACCEPTED)[:20], Unavailable, "answered 202"),
        (b"", Unavailable, "no answer from"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", Unavailable, "no answer from"),
    ],
)
async def test_what_an_answer_means(answer: bytes, kind: type[LogdError], text: str) -> None:
    async with _served([answer]) as (_, shipper):
        with pytest.raises(kind, match=text):
            await shipper.send([_CHUNK])


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("7", 7), ("0", 0), ("100000", 300), ("-1", 1), ("soon", 1), ("Wed, 21 Oct 2026 07:28:00 GMT", 1)],
)
async def test_how_long_a_refusal_asks_to_wait(header: str, seconds: float) -> None:
    async with _served([_error(429, "unavailable", f"Retry-After: {header}")]) as (_, shipper):
        with pytest.raises(Unavailable) as refused:
            await shipper.send([_CHUNK])
    assert refused.value.retry_after_seconds == seconds


async def test_a_server_that_is_not_there() -> None:
    shipper = HttpShipper(f"http://127.0.0.1:{free_port()}")
    with pytest.raises(Unavailable, match=r"^no answer from http://127\.0\.0\.1:\d+: connection refused$"):
        await shipper.send([_CHUNK])
    await shipper.close()


async def test_a_server_that_speaks_no_tls() -> None:
    async with _served([]) as (_, plain):
        shipper = HttpShipper(plain.url.replace("http:", "https:"))
        with pytest.raises(Unavailable, match=r"^no answer from https://127\.0\.0\.1:"):
            await shipper.send([_CHUNK])
        await shipper.close()


async def test_a_server_that_does_not_answer() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        shipper = HttpShipper(f"http://127.0.0.1:{silent.getsockname()[1]}", timeout_seconds=0.05)
        with pytest.raises(Unavailable, match="timed out"):
            await shipper.send([_CHUNK])
        await shipper.close()


async def test_closing_ends_a_request_that_is_under_way() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        shipper = HttpShipper(f"http://127.0.0.1:{silent.getsockname()[1]}", timeout_seconds=3_600)
        sending = asyncio.create_task(shipper.send([_CHUNK]))
        connection, _ = await asyncio.to_thread(silent.accept)
        with connection:
            await asyncio.to_thread(connection.recv, 1)  # the thread waits for the answer, or is about to
            await shipper.close()
            with pytest.raises(Unavailable):
                await sending
