"""What the agent takes in besides files: standard input, syslog and the journal, each a task."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
import socket
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from logd.agent.batches import Labels
from logd.agent.stream import Deliver, LineStream, MessageStream, Seconds
from logd.chunk import SYSLOG, TEXT, Chunk
from logd.config.address import parse_listen
from logd.config.schema import Agent, Config, Journald, Stdin, Syslog
from logd.errors import ConfigError

if TYPE_CHECKING:
    from logd.agent.journald import Journal

logger = logging.getLogger("logd.agent")
#: As Delivery.deliver.
DeliverUntil = Callable[[Sequence[Chunk], asyncio.Event], Awaitable[int]]


def configured(settings: Agent) -> bool:
    """Whether there is any."""
    return settings.stdin.enabled or bool(settings.syslog) or settings.journald.enabled


class Prepared(NamedTuple):
    """What another configuration needs beside what there is. `gave_way` are sockets whose ports new ones have taken."""

    opened: list[SyslogSocket]
    gave_way: list[SyslogSocket]
    journal: Journal | None


class Inputs:
    """All of them. A reload opens and closes syslog sockets, and lets the journal go on with other settings; what stays
    as it was is left as it is."""

    def __init__(self, config: Config, deliver: DeliverUntil) -> None:
        self._config = config
        self._deliver = deliver
        #: By their addresses, those among them that are being closed.
        self._sockets: dict[str, SyslogSocket] = {}
        #: The one that is followed, or will be once the one before it has ended, and the end of that.
        self._journal: Journal | None = None
        self._journal_ended = asyncio.Event()
        self._journal_runs = False
        #: None before and after the run.
        self._start: Callable[[SyslogSocket | None], object] | None = None

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop`; where only standard input is followed, until its end. Raises ConfigError when something can't
        be taken in."""
        settings, most = self._config.agent, self._config.ingest.max_line_bytes

        async def deliver(chunks: Sequence[Chunk]) -> int:
            return await self._deliver(chunks, stop)

        def start(one: SyslogSocket | None) -> None:
            running = self._follow_journal(deliver) if one is None else self._serve(one, deliver)
            tasks.create_task(running, name="agent.journald" if one is None else "agent.syslog")

        prepared = self.prepare(self._config)
        async with asyncio.TaskGroup() as tasks:
            self._start = start
            self.use(self._config, prepared)
            closing = tasks.create_task(self._close(stop), name="agent.inputs")
            if settings.stdin.enabled:
                from logd.agent import stdin

                await stdin.follow(self._stdin_labels, most, self._batch_seconds, deliver, stop)
                if not (self._config.agent.files or self._sockets or self._journal):
                    self._start = None
                    closing.cancel()

    def prepare(self, config: Config) -> Prepared:
        """Opens what isn't open; to be followed by `use` or `drop` at once. Raises ConfigError, and has then changed
        nothing."""
        prepared = Prepared([], [], self._journal_of(config))
        paths = {parse_listen(listen).address for listen in self._sockets if listen.startswith("unix")}
        listens: set[str] = set()
        try:
            for one in config.agent.syslog:
                known = self._sockets.get(one.listen)
                if one.listen in listens:
                    raise ConfigError(f"agent.syslog: {one.listen} is there twice")
                listens.add(one.listen)
                if known is None and parse_listen(one.listen).address not in paths:
                    prepared.opened.append(self._opened(config, one, prepared.gave_way))
                elif known is None or known.ended.is_set():
                    raise ConfigError(f"agent.syslog: {one.listen} can't be listened on until the one before is closed")
        except ConfigError:
            self.drop(prepared)
            raise
        return prepared

    def drop(self, prepared: Prepared) -> None:
        """Goes on as before."""
        for new in prepared.opened:
            new.close()
        for old in prepared.gave_way:
            try:
                old.take_back()
            except OSError as error:
                logger.error("agent.syslog: %s isn't listened on any more: %s", old.settings.listen, error.strerror)

    def use(self, config: Config, prepared: Prepared) -> None:
        """Goes on with what was prepared. What was read from an address that goes, or of the journal, is still
        delivered."""
        self._config = config
        if self._start is None:
            self.drop(prepared)
            return
        settings = {one.listen: one for one in config.agent.syslog}
        for listen, known in self._sockets.items():
            if listen in settings:
                known.config, known.settings = config, settings[listen]
            else:
                known.ended.set()
        for new in prepared.opened:
            self._sockets[new.settings.listen] = new
            self._start(new)
        if prepared.journal is not self._journal:
            self._journal = prepared.journal
            self._journal_ended.set()
            if not self._journal_runs:
                self._journal_runs = True
                self._start(None)

    def _opened(self, config: Config, one: Syslog, gave_way: list[SyslogSocket]) -> SyslogSocket:
        """Sockets of the same port that go give way to it, and are then in the list."""
        try:
            return SyslogSocket(config, one)
        except ConfigError:
            stays = {other.listen for other in config.agent.syslog}
            others = [
                other for listen, other in self._sockets.items() if listen not in stays and other.has_port_of(one)
            ]
            if not others:
                raise
        for other in others:
            other.give_way()
        gave_way += others
        return SyslogSocket(config, one, shared=True)

    def _journal_of(self, config: Config) -> Journal | None:
        """The one that is followed, where its settings stay. Raises ConfigError."""
        settings = config.agent.journald
        if not settings.enabled or (self._journal is not None and self._journal.settings == settings):
            return self._journal if settings.enabled else None
        from logd.agent.journald import Journal

        def labels() -> Labels:
            return _labels(self._config.agent, settings, "journal")

        return Journal(settings, labels, Path(config.data_dir), config.ingest.max_line_bytes, self._batch_seconds)

    async def _follow_journal(self, deliver: Deliver) -> None:
        """One after another: where one ends, the next begins."""
        try:
            while self._start is not None and (journal := self._journal) is not None:
                self._journal_ended.clear()
                await journal.run(deliver, self._journal_ended)
        finally:
            self._journal_runs = False

    async def _serve(self, one: SyslogSocket, deliver: Deliver) -> None:
        try:
            await one.run(deliver, self._batch_seconds)
        finally:
            self._sockets.pop(one.settings.listen, None)

    async def _close(self, stop: asyncio.Event) -> None:
        await stop.wait()
        self._start = None
        self._journal_ended.set()
        for one in self._sockets.values():
            one.ended.set()

    def _batch_seconds(self) -> float:
        return self._config.agent.batch_seconds

    def _stdin_labels(self) -> Labels:
        return _labels(self._config.agent, self._config.agent.stdin, "stdin")


class SyslogSocket:
    """Open from the beginning until `run` ends or `close`; `config` and `settings` may change, but for the address."""

    def __init__(self, config: Config, settings: Syslog, shared: bool = False) -> None:
        """Raises ConfigError when it can't be opened; `shared` as `bound` says."""
        from logd.agent.syslog import bound

        self.config = config
        self.settings = settings
        self.ended = asyncio.Event()
        self._open = contextlib.ExitStack()
        self._here = self._open.enter_context(bound(settings.listen, shared))

    def has_port_of(self, other: Syslog) -> bool:
        """It is on the network, and the other one is to have the same port there."""
        own, wanted = parse_listen(self.settings.listen), parse_listen(other.listen)
        network = isinstance(own.address, tuple) and isinstance(wanted.address, tuple)
        return network and own.kind is wanted.kind and own.address[1] == wanted.address[1] and not self.ended.is_set()

    def give_way(self) -> None:
        """See syslog.give_way."""
        from logd.agent.syslog import give_way

        give_way(self._here)

    def take_back(self) -> None:
        """See syslog.take_back."""
        from logd.agent.syslog import take_back

        take_back(self._here)

    def close(self) -> None:
        """Where it isn't run."""
        self._open.close()

    async def run(self, deliver: Deliver, seconds: Seconds) -> None:
        """Until `ended`."""
        from logd.agent.syslog import Connections, Datagrams

        most = self.config.ingest.max_line_bytes

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
