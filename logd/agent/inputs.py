"""What the agent takes in besides files: standard input, syslog and the journal, each a task."""

from __future__ import annotations

import asyncio
import functools
import socket
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

from logd.agent.batches import Labels
from logd.agent.stream import Deliver, LineStream, MessageStream
from logd.chunk import SYSLOG, TEXT, Chunk
from logd.config.address import parse_listen
from logd.config.schema import Agent, Config, Journald, Stdin, Syslog

#: As Delivery.deliver.
DeliverUntil = Callable[[Sequence[Chunk], asyncio.Event], Awaitable[int]]


def configured(settings: Agent) -> bool:
    """Whether there is any."""
    return settings.stdin.enabled or bool(settings.syslog) or settings.journald.enabled


async def run(config: Config, deliver: DeliverUntil, stop: asyncio.Event) -> None:
    """Until all have ended, by themselves or because of `stop`. Raises ConfigError when one can't be taken in."""
    settings = config.agent

    async def until_stop(chunks: Sequence[Chunk]) -> int:
        return await deliver(chunks, stop)

    async with asyncio.TaskGroup() as tasks:
        if settings.stdin.enabled:
            from logd.agent import stdin

            labels = _labels(settings, settings.stdin, "stdin")
            work: Any = stdin.follow(labels, config.ingest.max_line_bytes, settings.batch_seconds, until_stop, stop)
            tasks.create_task(work, name="agent.stdin")
        for one in settings.syslog:
            tasks.create_task(_syslog(config, one, until_stop, stop), name="agent.syslog")
        if settings.journald.enabled:
            from logd.agent.journald import Journal

            labels = _labels(settings, settings.journald, "journal")
            journal = Journal(
                settings.journald,
                labels,
                Path(config.data_dir),
                config.ingest.max_line_bytes,
                settings.batch_seconds,
                until_stop,
            )
            tasks.create_task(journal.run(stop), name="agent.journald")


async def _syslog(config: Config, one: Syslog, deliver: Deliver, stop: asyncio.Event) -> None:
    from logd.agent.syslog import Connections, Datagrams, bound

    most, seconds = config.ingest.max_line_bytes, config.agent.batch_seconds
    labels = functools.partial(_labels, config.agent, one, one.listen, content_type=SYSLOG)

    def lines(peer: str) -> LineStream:
        return LineStream(labels(peer), most)

    def messages(peer: str) -> MessageStream:
        return MessageStream(labels(peer), most)

    with bound(one.listen) as here:
        if parse_listen(one.listen).kind is socket.SOCK_STREAM:
            await Connections(here, lines, messages, deliver, seconds).run(stop)
        else:
            await Datagrams(here, messages, deliver, seconds).run(stop)


def _labels(
    settings: Agent, one: Stdin | Syslog | Journald, source: str, host: str = "", content_type: str = TEXT
) -> Labels:
    host = host or settings.host or socket.gethostname()
    return Labels(one.service, host, source, tuple(one.tags), one.fields, content_type=content_type)
