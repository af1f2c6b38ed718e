"""Syslog's connections: how many there may be."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Sequence

import pytest

from logd.agent import syslog
from logd.agent.batches import Labels
from logd.agent.stream import LineStream, MessageStream
from logd.agent.syslog import Connections
from logd.chunk import Chunk
from tests.support.agent import lines_of

LABELS = Labels("s", "h", "source")


async def test_an_idle_one_makes_room(monkeypatch: pytest.MonkeyPatch) -> None:
    """The one that said nothing for longest; what comes by the others is taken."""
    monkeypatch.setattr(syslog, "_CONNECTIONS", 2)
    monkeypatch.setattr(syslog, "_IDLE_SECONDS", 0.0)
    texts: asyncio.Queue[bytes] = asyncio.Queue()

    async def deliver(chunks: Sequence[Chunk]) -> int:
        for item in chunks:
            for line in lines_of(item):
                texts.put_nowait(line.text)
        return len(chunks)

    stop = asyncio.Event()
    with socket.create_server(("127.0.0.1", 0)) as here:
        here.setblocking(False)
        served = Connections(
            here,
            lambda _: LineStream(lambda: LABELS, 1_024),
            lambda _: MessageStream(lambda: LABELS, 1_024),
            deliver,
            lambda: 0.0,
        )
        running = asyncio.create_task(served.run(stop), name="agent.syslog")
        async with asyncio.timeout(120):
            senders = []
            for text in (b"first", b"second", b"third"):
                reader, writer = await asyncio.open_connection(*here.getsockname())
                senders.append((reader, writer))
                writer.write(text + b"\n")
                assert await texts.get() == text
            assert await senders[0][0].read() == b"", "it was closed"
            senders[1][1].write(b"again\n")
            assert await texts.get() == b"again"
            for _, writer in senders:
                writer.close()
                await writer.wait_closed()
            stop.set()
            await running
