"""Where the agent's chunks go, and in which portions."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Protocol

import msgspec

from logd import chunk
from logd.agent import lines
from logd.agent.batches import halves_of_events
from logd.chunk import Chunk, Positions
from logd.errors import ConfigError, Unavailable
from logd.seams import RAW_LOGS, Transport

#: What one send takes, so that no target has to take in thousands of quiet files' chunks at once.
SEND_CHUNKS = 256
#: Of compressed bytes: two rounds' worth, and an eighth of the default `ingest.max_body_bytes` of a server.
SEND_BYTES = 8 * 1024 * 1024


class Shipper(Protocol):
    """Where the agent's chunks go."""

    async def send(self, chunks: Sequence[Chunk]) -> None:
        """Returns once all chunks are durable; leaves out what their sources have sent before.

        Raises Unavailable when they can't be taken now, and Conflict when one begins before, and ends after, what its
        source has sent; either way none may have been taken, or all. Raises BadRequest, and has taken none, when it
        will never take them so: with status 413 they are too much at once, else one of them is wrong. Chunks of a
        source come in its order."""
        ...


class TransportShipper:
    """Ships straight to a transport in the same process."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    async def send(self, chunks: Sequence[Chunk]) -> None:
        """See Shipper."""
        await self._transport.append(RAW_LOGS, [item.to_envelope() for item in chunks])

    async def close(self) -> None:
        """Nothing: the transport is not its own."""


class OpeningShipper:
    """Ships to a transport that is opened when it is first needed: a host that starts while it is away reads all the
    same."""

    def __init__(self, open_transport: Callable[[], Awaitable[Transport]]) -> None:
        """`open_transport` raises ConfigError when the transport can't be reached, or doesn't let us in."""
        self._open = open_transport
        self._transport: Transport | None = None

    async def send(self, chunks: Sequence[Chunk]) -> None:
        """See Shipper."""
        if self._transport is None:
            try:
                self._transport = await self._open()
            except ConfigError as error:
                raise Unavailable(str(error)) from error
        await TransportShipper(self._transport).send(chunks)

    async def close(self) -> None:
        """Closes the transport, if it was opened."""
        if self._transport is not None:
            await self._transport.close()


class Sent(msgspec.Struct):
    """What became of chunks since the start; only ever counts up."""

    chunks: int = 0
    lines: int = 0
    bytes: int = 0
    retries: int = 0
    conflict_lines: int = 0
    refused_lines: int = 0


def text_bytes(chunks: Sequence[Chunk]) -> int:
    """Of the files that they are from."""
    return sum(item.end - item.offset for item in chunks if item.end is not None)


def groups(chunks: Sequence[Chunk], most_chunks: int, most_bytes: int) -> Iterator[Sequence[Chunk]]:
    """The chunks in order, as many at a time as one send takes; a chunk alone may have more bytes."""
    start = size = 0
    for place, item in enumerate(chunks):
        if place > start and (place - start == most_chunks or size + len(item.value) > most_bytes):
            yield chunks[start:place]
            start, size = place, 0
        size += len(item.value)
    if start < len(chunks):
        yield chunks[start:]


def halves(whole: Chunk) -> list[Chunk]:
    """The chunk as two, each with half of its lines; none if it has a single line, or numbers its lines."""
    if whole.lines < 2 or whole.positions is not Positions.BYTE:
        return []
    if whole.events:
        return halves_of_events(whole)
    body = chunk.decompress(whole.value)
    first_lines = whole.lines // 2
    middle = lines.after(body, 0, len(body), first_lines)
    first, second = chunk.compress(body[:middle]), chunk.compress(body[middle:])
    position = whole.offset + middle
    return [
        msgspec.structs.replace(whole, end=position, lines=first_lines, value=first),
        msgspec.structs.replace(whole, offset=position, lines=whole.lines - first_lines, value=second),
    ]
