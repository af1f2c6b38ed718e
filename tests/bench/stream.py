"""The stream of one run: chunks into Kafka as agents put them there, and how far processors have come with them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from aiokafka import errors

from logd.backends.transport.kafka import KafkaTransport
from logd.chunk import Chunk, line_count
from logd.config.schema import Kafka, Transport
from logd.roles.processor import GROUP
from logd.seams import RAW_LOGS
from tests.support.cluster import shares

#: What an agent sends at a time.
_APPENDED = 256
_READ_LINES = 100_000


class Stream:
    """Not thread-safe. Use `stream`."""

    def __init__(self, runner: asyncio.Runner, transport: KafkaTransport, servers: str, prefix: str) -> None:
        self._runner = runner
        self._transport = transport
        self._servers = servers
        self._prefix = prefix

    def append(self, chunks: Sequence[Chunk]) -> None:
        """Returns once all are in Kafka."""
        self._runner.run(self._append(chunks))

    def members(self) -> int:
        """How many processors have partitions; 0 while these are handed out."""
        try:
            shared = self._runner.run(shares(self._servers, self._prefix + GROUP))
        except errors.GroupCoordinatorNotAvailableError:  # a new broker makes its topic of groups for the first
            return 0
        return len(shared) if all(shared) else 0

    def uncommitted(self) -> int | None:
        """Chunks that there are and that no processor has committed; None while none has committed any."""
        lag: int | None = self._runner.run(self._status())["groups"].get(GROUP, {}).get("lag")
        return lag

    def chunks(self) -> int:
        """How many there are."""
        return int(self._runner.run(self._status()).get("messages", 0))

    def lines(self) -> int:
        """How many the headers of all chunks promise."""
        return self._runner.run(self._lines())

    async def _append(self, chunks: Sequence[Chunk]) -> None:
        for first in range(0, len(chunks), _APPENDED):
            sent = chunks[first : first + _APPENDED]
            await self._transport.append(RAW_LOGS, [chunk.to_envelope() for chunk in sent])

    async def _lines(self) -> int:
        ends = (await self._status())["next_positions"]
        follower = await self._transport.follow(RAW_LOGS, dict.fromkeys(map(int, ends), 0))
        try:
            left, lines = sum(ends.values()), 0
            while left > 0:
                messages = await follower.fetch(_READ_LINES, 1.0)
                left -= len(messages)
                lines += sum(line_count(message.headers) for message in messages)
            return lines
        finally:
            await follower.close()

    async def _status(self) -> dict[str, Any]:
        """Empty while the topic isn't there."""
        topic: dict[str, Any] = (await self._transport.status()).get(RAW_LOGS, {})
        return topic


@contextmanager
def stream(servers: str, prefix: str) -> Iterator[Stream]:
    """Topics and groups of a run, whose names begin with the prefix."""
    settings = Transport(type="kafka", kafka=Kafka(servers=servers.split(","), prefix=prefix))
    with asyncio.Runner() as runner:
        transport = runner.run(KafkaTransport.open(settings))
        try:
            yield Stream(runner, transport, servers, prefix)
        finally:
            runner.run(transport.close())
