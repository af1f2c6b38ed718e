"""Syslog from other programs and hosts: TCP (RFC 6587), UDP (RFC 5426) and unix sockets (as /dev/log).

    tcp://HOST:PORT, unix:/PATH        a stream each connection: lines, or messages that say their length
    udp://HOST:PORT, unixgram:/PATH    a message each datagram, a source each sender

Nothing acknowledges a message here. While the target is away, TCP and unix senders wait; what comes by UDP is then
dropped by the kernel once its buffer is full.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
import stat
from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import TypeAlias

from logd.agent.stream import READ_BYTES, Deliver, LineStream, MessageStream, Seconds, pump
from logd.config.address import parse_listen
from logd.errors import ConfigError
from logd.telemetry import agent_metrics as metrics

logger = logging.getLogger("logd.agent")
#: A connection's messages are delivered when there are so many: all connections together stay within tens of MB.
_HELD_BYTES = 64 * 1024
#: For one more, the one is closed that has said nothing for longest; else it waits until another one ends.
_CONNECTIONS = 256
#: Whoever says nothing for so long may be closed: programs that log by TCP connect anew.
_IDLE_SECONDS = 60.0
#: Of all senders of datagrams together, with what Python needs for each datagram and each new sender, about: they may
#: be empty, and have a sender each.
_DATAGRAMS_BYTES = 1024 * 1024
_DATAGRAM_BYTES, _SENDER_BYTES = 64, 2_048
#: Datagrams that are taken before others have their turn.
_DATAGRAMS = 256
_LONGEST_DATAGRAM = 65_535
#: The kernel keeps what comes while we are busy: twice that, for its own use, and no more than net.core.rmem_max.
_KERNEL_BYTES = 4 * 1024 * 1024
#: Senders whose sources are remembered; one that is heard of again after others begins a new one.
_SENDERS = 1_024

#: Gives the streams of a sender: of lines, and of messages.
Line: TypeAlias = Callable[[str], LineStream]
Messages: TypeAlias = Callable[[str], MessageStream]


@contextlib.contextmanager
def bound(listen: str, shared: bool = False) -> Iterator[socket.socket]:
    """The socket, on which nobody is heard yet; `shared`: its port may be one of those that `give_way` was called for.
    Raises ConfigError."""
    where = parse_listen(listen)
    with contextlib.ExitStack() as stack:
        try:
            here = stack.enter_context(socket.socket(where.family, where.kind))
            here.setblocking(False)
            if where.family is socket.AF_UNIX:
                assert isinstance(where.address, str)
                _remove_stale(where.address)
                here.bind(where.address)
                stack.callback(_remove_stale, where.address)
                os.chmod(where.address, 0o666)  # as /dev/log: whoever runs here may write
            else:
                # Of datagrams, whoever has it too would take them away from each other.
                here.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, shared or where.kind is socket.SOCK_STREAM)
                here.bind(where.address)
                here.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, where.kind is socket.SOCK_STREAM)
            if where.kind is socket.SOCK_STREAM:
                here.listen(_CONNECTIONS)
            else:
                here.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _KERNEL_BYTES)
        except OSError as error:
            raise ConfigError(f"agent.syslog: {listen} can't be listened on: {error.strerror or error}") from error
        yield here


def give_way(here: socket.socket) -> None:
    """Lets another socket have the network's port of this one, which takes no new connections from now on; datagrams
    it still takes."""
    if here.type is socket.SOCK_STREAM:
        with contextlib.suppress(OSError):
            here.shutdown(socket.SHUT_RDWR)
    else:
        here.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)


def take_back(here: socket.socket) -> None:
    """As it was before `give_way`, once the other one is closed. Raises OSError when somebody else was quicker."""
    if here.type is socket.SOCK_STREAM:
        here.listen(_CONNECTIONS)
    else:
        here.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 0)


class Connections:
    """Serves a socket that takes connections."""

    def __init__(
        self, here: socket.socket, lines: Line, messages: Messages, deliver: Deliver, batch_seconds: Seconds
    ) -> None:
        self._here = here
        self._lines = lines
        self._messages = messages
        self._deliver = deliver
        self._batch_seconds = batch_seconds
        self._free = asyncio.Semaphore(_CONNECTIONS)
        #: Those of which nothing is held or read, and since when; the longest first.
        self._idle: OrderedDict[asyncio.StreamWriter, float] = OrderedDict()

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop`: then connections are closed, and what was read of them is still delivered."""
        async with asyncio.TaskGroup() as tasks:
            accepting = tasks.create_task(self._accept(tasks, stop), name="agent.syslog")
            await stop.wait()
            accepting.cancel()

    async def _accept(self, tasks: asyncio.TaskGroup, stop: asyncio.Event) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                connection, peer = await loop.sock_accept(self._here)
            except OSError as error:  # too many files are open: later there are fewer
                if stop.is_set():  # it gave way
                    return
                logger.warning("a syslog connection can't be taken: %s", error)
                await asyncio.sleep(1.0)
                continue
            try:
                await self._place()
            except asyncio.CancelledError:
                connection.close()
                raise
            name = peer[0] if isinstance(peer, tuple) else ""
            tasks.create_task(self._serve(connection, name, stop), name="agent.syslog")

    async def _place(self) -> None:
        """Until there is a place for one more."""
        while self._free.locked():
            now = asyncio.get_running_loop().time()
            writer, since = next(iter(self._idle.items()), (None, now))
            if writer is not None and now - since >= _IDLE_SECONDS:
                del self._idle[writer]
                writer.close()
                metrics.AGENT_SYSLOG_CLOSED.inc()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(1.0):
                    await self._free.acquire()
                    return
        await self._free.acquire()

    async def _serve(self, connection: socket.socket, peer: str, stop: asyncio.Event) -> None:
        try:
            reader, writer = await asyncio.open_connection(sock=connection, limit=READ_BYTES)
            async with asyncio.TaskGroup() as tasks:
                closing = tasks.create_task(_close(writer, stop), name="agent.syslog")
                try:
                    await self._read(reader, writer, peer)
                finally:
                    self._idle.pop(writer, None)
                    closing.cancel()
                    writer.close()
        except* OSError as errors:
            logger.warning("a syslog connection of %s was lost: %s", peer or "this host", errors.exceptions[0])
        finally:
            self._free.release()

    async def _read(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, peer: str) -> None:
        async def next_bytes() -> bytes:
            self._idle[writer] = asyncio.get_running_loop().time()
            try:
                return await reader.read(READ_BYTES)
            finally:
                self._idle.pop(writer, None)

        first = [await next_bytes()]

        async def read() -> bytes:
            return first.pop() if first else await next_bytes()

        stream = self._messages(peer) if first[0][:1].isdigit() else self._lines(peer)
        lost = await pump(read, stream, self._deliver, self._batch_seconds, _HELD_BYTES)
        if lost:
            logger.error(
                "%d lines of a syslog connection are lost: the target is away, and the agent had to stop", lost
            )


async def _close(writer: asyncio.StreamWriter, stop: asyncio.Event) -> None:
    await stop.wait()
    writer.close()


class Datagrams:
    """Serves a socket of datagrams."""

    def __init__(self, here: socket.socket, messages: Messages, deliver: Deliver, batch_seconds: Seconds) -> None:
        self._here = here
        self._messages = messages
        self._deliver = deliver
        self._batch_seconds = batch_seconds
        self._senders: OrderedDict[str, MessageStream] = OrderedDict()
        self._held_bytes = 0
        self._some = asyncio.Event()
        self._full = asyncio.Event()

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop`: then what was read is still delivered."""
        loop = asyncio.get_running_loop()
        loop.add_reader(self._here, self._receive)
        try:
            async with asyncio.TaskGroup() as tasks:
                stopping = tasks.create_task(self._wake(stop), name="agent.syslog")
                while not stop.is_set():
                    await self._some.wait()
                    with contextlib.suppress(TimeoutError):
                        async with asyncio.timeout(self._batch_seconds()):
                            await self._full.wait()
                    await self._flush(stop)
                stopping.cancel()
            loop.remove_reader(self._here)
            await self._drain(stop)
        finally:
            loop.remove_reader(self._here)

    async def _wake(self, stop: asyncio.Event) -> None:
        await stop.wait()
        self._some.set()
        self._full.set()

    async def _drain(self, stop: asyncio.Event) -> None:
        """What the kernel has taken, and what came while others were delivered; nobody is waited for."""
        left_bytes = 2 * _KERNEL_BYTES
        while left_bytes > 0:
            self._receive()
            if not self._held_bytes:
                return
            left_bytes -= self._held_bytes
            await self._flush(stop)

    async def _flush(self, stop: asyncio.Event) -> None:
        chunks = [item for stream in self._senders.values() for item in stream.take(close=True)]
        while len(self._senders) > _SENDERS:
            self._senders.popitem(last=False)
        was_full, self._held_bytes = self._full.is_set(), 0
        if not stop.is_set():
            self._some.clear()
            self._full.clear()
        if was_full and not stop.is_set():
            asyncio.get_running_loop().add_reader(self._here, self._receive)
        done = await self._deliver(chunks) if chunks else 0
        if lost := sum(item.lines for item in chunks[done:]):
            logger.error("%d syslog messages are lost: the target is away, and the agent had to stop", lost)

    def _receive(self) -> None:
        """As much as there is, but no more than may be held: then nobody is heard until that is delivered."""
        for _ in range(_DATAGRAMS):
            try:
                data, peer = self._here.recvfrom(_LONGEST_DATAGRAM)
            except (BlockingIOError, InterruptedError):
                return
            name = peer[0] if isinstance(peer, tuple) else ""
            stream = self._senders.get(name)
            if stream is None:
                stream = self._senders[name] = self._messages(name)
                self._held_bytes += _SENDER_BYTES
            self._senders.move_to_end(name)
            stream.put(data.rstrip(b"\r\n\0"))
            self._held_bytes += len(data) + _DATAGRAM_BYTES
            self._some.set()
            if self._held_bytes >= _DATAGRAMS_BYTES:
                asyncio.get_running_loop().remove_reader(self._here)
                self._full.set()
                return


def _remove_stale(path: str) -> None:
    """A socket that nobody listens on any more; anything else stays, and is in the way."""
    with contextlib.suppress(FileNotFoundError):
        if stat.S_ISSOCK(os.stat(path).st_mode):
            os.unlink(path)
