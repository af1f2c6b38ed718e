"""What the agent takes in besides files: standard input, syslog and the journal, each a task."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import socket
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from logd.agent.batches import Labels
from logd.agent.stream import Deliver, LineStream, MessageStream
from logd.chunk import SYSLOG, TEXT, Chunk
from logd.config.address import parse_listen
from logd.config.schema import Agent, Config, Journald, Stdin, Syslog
from logd.errors import ConfigError

#: As Delivery.deliver.
DeliverUntil = Callable[[Sequence[Chunk], asyncio.Event], Awaitable[int]]


def configured(settings: Agent) -> bool:
    """Whether there is any."""
    return settings.stdin.enabled or bool(settings.syslog) or settings.journald.enabled


class Inputs:
    """All of them. A reload opens and closes syslog sockets; one whose address stays is left as it is."""

    def __init__(self, config: Config, deliver: DeliverUntil) -> None:
        self._config = config
        self._deliver = deliver
        #: By their addresses, those among them that are being closed.
        self._sockets: dict[str, SyslogSocket] = {}
        #: None before and after the run.
        self._start: Callable[[SyslogSocket], object] | None = None

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop`; where only standard input is followed, until its end. Raises ConfigError when something can't
        be taken in."""
        settings, most = self._config.agent, self._config.ingest.max_line_bytes

        async def deliver(chunks: Sequence[Chunk]) -> int:
            return await self._deliver(chunks, stop)

        opened = self.prepare(self._config)
        async with asyncio.TaskGroup() as tasks:
            self._start = lambda one: tasks.create_task(self._serve(one, deliver), name="agent.syslog")
            self.use(self._config, opened)
            closing = tasks.create_task(self._close(stop), name="agent.inputs")
            if settings.journald.enabled:
                from logd.agent.journald import Journal

                labels = _labels(settings, settings.journald, "journal")
                folder = Path(self._config.data_dir)
                journal = Journal(settings.journald, labels, folder, most, settings.batch_seconds, deliver)
                tasks.create_task(journal.run(stop), name="agent.journald")
            if settings.stdin.enabled:
                from logd.agent import stdin

                now = functools.partial(self._stdin_labels, settings.stdin)
                await stdin.follow(now, most, settings.batch_seconds, deliver, stop)
                if not (self._config.agent.files or self._sockets or settings.journald.enabled):
                    self._start = None
                    closing.cancel()

    def prepare(self, config: Config) -> list[SyslogSocket]:
        """Opens the sockets that aren't open. Raises ConfigError, and has then changed nothing."""
        opened: list[SyslogSocket] = []
        paths = {parse_listen(listen).address for listen in self._sockets if listen.startswith("unix")}
        listens: set[str] = set()
        try:
            for one in config.agent.syslog:
                known = self._sockets.get(one.listen)
                if one.listen in listens:
                    raise ConfigError(f"agent.syslog: {one.listen} is there twice")
                listens.add(one.listen)
                if known is None and parse_listen(one.listen).address not in paths:
                    opened.append(SyslogSocket(config, one))
                elif known is None or known.ended.is_set():
                    raise ConfigError(f"agent.syslog: {one.listen} can't be listened on until the one before is closed")
        except ConfigError:
            for new in opened:
                new.close()
            raise
        return opened

    def use(self, config: Config, opened: Sequence[SyslogSocket]) -> None:
        """Goes on with what was prepared. What was read from an address that goes is still delivered."""
        self._config = config
        if self._start is None:
            for new in opened:
                new.close()
            return
        settings = {one.listen: one for one in config.agent.syslog}
        for listen, known in self._sockets.items():
            if listen in settings:
                known.config, known.settings = config, settings[listen]
            else:
                known.ended.set()
        for new in opened:
            self._sockets[new.settings.listen] = new
            self._start(new)

    async def _serve(self, one: SyslogSocket, deliver: Deliver) -> None:
        try:
            await one.run(deliver)
        finally:
            self._sockets.pop(one.settings.listen, None)

    async def _close(self, stop: asyncio.Event) -> None:
        await stop.wait()
        self._start = None
        for one in self._sockets.values():
            one.ended.set()

    def _stdin_labels(self, one: Stdin) -> Labels:
        return _labels(self._config.agent, one, "stdin")


class SyslogSocket:
    """Open from the beginning until `run` ends or `close`; `config` and `settings` may change, but for the address."""

    def __init__(self, config: Config, settings: Syslog) -> None:
        """Raises ConfigError when it can't be opened."""
        from logd.agent.syslog import bound

        self.config = config
        self.settings = settings
        self.ended = asyncio.Event()
        self._open = contextlib.ExitStack()
        self._here = self._open.enter_context(bound(settings.listen))

    def close(self) -> None:
        """Where it isn't run."""
        self._open.close()

    async def run(self, deliver: Deliver) -> None:
        """Until `ended`."""
        from logd.agent.syslog import Connections, Datagrams

        most, seconds = self.config.ingest.max_line_bytes, self.config.agent.batch_seconds

        def labels(peer: str) -> Labels:
            return _labels(self.config.agent, self.settings, self.settings.listen, peer, SYSLOG)

        def lines(peer: str) -> LineStream:
            return LineStream(functools.partial(labels, peer), most)

        def messages(peer: str) -> MessageStream:
            return MessageStream(functools.partial(labels, peer), most)

        with self._open:
            if parse_listen(self.settings.listen).kind is socket.SOCK_STREAM:
                await Connections(self._here, lines, messages, deliver, seconds).run(self.ended)
            else:
                await Datagrams(self._here, messages, deliver, seconds).run(self.ended)


def _labels(
    settings: Agent, one: Stdin | Syslog | Journald, source: str, host: str = "", content_type: str = TEXT
) -> Labels:
    host = host or settings.host or socket.gethostname()
    return Labels(one.service, host, source, tuple(one.tags), one.fields, content_type=content_type)
