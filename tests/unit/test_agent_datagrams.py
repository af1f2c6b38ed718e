"""Datagrams of syslog: what is held of them is bounded, whatever their size."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Sequence

import pytest

from logd.agent import syslog
from logd.agent.batches import Labels
from logd.agent.stream import MessageStream
from logd.agent.syslog import Datagrams, bound, give_way, take_back
from logd.chunk import Chunk
from logd.errors import ConfigError

LABELS = Labels("s", "h", "source", (), {})


def unread(here: socket.socket) -> int:
    """The datagrams that the kernel has."""
    count = 0
    with contextlib.suppress(BlockingIOError):
        while True:
            here.recv(1)
            count += 1
    return count


async def test_empty_ones_take_room_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody is heard while what is held can't be delivered; then all of it comes."""
    monkeypatch.setattr(syslog, "_DATAGRAMS_BYTES", 4_096)
    away, stop = asyncio.Event(), asyncio.Event()
    lines = 0

    async def deliver(chunks: Sequence[Chunk]) -> int:
        nonlocal lines
        await away.wait()
        lines += sum(item.lines for item in chunks)
        return len(chunks)

    here, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    with here, there:
        here.setblocking(False)
        there.setblocking(False)
        datagrams = Datagrams(here, lambda _: MessageStream(lambda: LABELS, 1_024), deliver, lambda: 3_600.0)
        running = asyncio.create_task(datagrams.run(stop), name="agent.syslog")
        sent = blocked = 0
        while sent < 5_000 and blocked < 100:
            await asyncio.sleep(0)
            try:
                there.send(b"")
                sent, blocked = sent + 1, 0
            except BlockingIOError:
                blocked += 1
        assert blocked, "what the kernel doesn't hold is held here"
        stop.set()
        away.set()
        await running
        assert lines + unread(here) == sent


def test_a_port_that_somebody_has_is_not_taken_away() -> None:
    with bound("udp://127.0.0.1:0") as here:
        taken = f"udp://127.0.0.1:{here.getsockname()[1]}"
        with pytest.raises(ConfigError, match="in use"), bound(taken):
            pass
        give_way(here)
        with bound(taken, shared=True):
            take_back(here)


async def test_what_the_kernel_holds_at_the_end_is_delivered() -> None:
    stop, lines = asyncio.Event(), 0

    async def deliver(chunks: Sequence[Chunk]) -> int:
        nonlocal lines
        lines += sum(item.lines for item in chunks)
        return len(chunks)

    here, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    with here, there:
        here.setblocking(False)
        datagrams = Datagrams(here, lambda _: MessageStream(lambda: LABELS, 1_024), deliver, lambda: 0.0)
        stop.set()
        for _ in range(5):
            there.send(b"line")
        await datagrams.run(stop)
        assert (lines, unread(here)) == (5, 0)


async def test_what_was_read_during_the_last_delivery_is_delivered() -> None:
    begun, away, stop = asyncio.Event(), asyncio.Event(), asyncio.Event()
    lines = 0

    async def deliver(chunks: Sequence[Chunk]) -> int:
        nonlocal lines
        begun.set()
        await away.wait()
        lines += sum(item.lines for item in chunks)
        return len(chunks)

    here, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    with here, there:
        here.setblocking(False)
        datagrams = Datagrams(here, lambda _: MessageStream(lambda: LABELS, 1_024), deliver, lambda: 0.0)
        running = asyncio.create_task(datagrams.run(stop), name="agent.syslog")
        there.send(b"first")
        await begun.wait()
        there.send(b"second")
        for _ in range(10):  # it is read meanwhile
            await asyncio.sleep(0)
        stop.set()
        away.set()
        await running
        assert lines + unread(here) == 2
