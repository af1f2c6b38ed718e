"""The agent in this process: it ships to the transport of this process, or to another logd."""

from __future__ import annotations

import asyncio
import functools
import logging
import os
from pathlib import Path

from logd.agent.agent import Agent
from logd.agent.failover import Failover
from logd.agent.http_shipper import HttpShipper
from logd.agent.inputs import Inputs, configured
from logd.agent.reporting import Reporter, Tell
from logd.agent.ship import OpeningShipper, TransportShipper
from logd.agent.target import Target
from logd.agent.token import TokenSource
from logd.agent.told import OverHttp
from logd.config.address import is_loopback, parse_url
from logd.config.schema import Agent as AgentSettings
from logd.config.schema import Config
from logd.errors import ConfigError
from logd.flow.stage import Stage
from logd.flow.timer import SystemClock
from logd.roles import wiring
from logd.seams import Transport

logger = logging.getLogger("logd.agent")


class AgentRole:
    """Follows the configured files until `stop`."""

    def __init__(self, config: Config, transport: Transport | None, tell: Tell | None = None) -> None:
        """`transport` is None where this process has none: an agent alone that sends to another logd, or to Kafka.
        `tell` is told how the agent does, beside the servers that the configuration names. Raises ConfigError when the
        token for those can't be read, or pods can't be described."""
        # This process's own queue is on the same disk: what it has no room for, a spool hasn't either.
        elsewhere = bool(config.agent.targets) or config.transport.type != "sqlite"
        self._shipper: Target | OpeningShipper | TransportShipper
        if config.agent.targets:
            self._shipper = Target(_remote(config.agent))
        elif transport is not None:
            self._shipper = TransportShipper(transport)
        else:
            self._shipper = OpeningShipper(functools.partial(_transport, config))
        self._config = config
        self._agent = Agent(config, self._shipper, spools=elsewhere)
        self._inputs = Inputs(config, self._agent.deliver)
        self._tell = tell
        tells = self._tells(config.agent)
        self._reporter = Reporter(Path(config.data_dir), config.agent, self._agent.status, tells, SystemClock())

    @property
    def stages(self) -> tuple[Stage, ...]:
        """See Agent.stages."""
        return self._agent.stages

    def trouble(self) -> str:
        """Why nothing is sent; empty when it is, or there is nothing to send."""
        status = self._agent.status()
        return str(status["target_error"] or status["state_error"] or "")

    def status(self) -> dict[str, object]:
        """See Agent.status; `report_error` is why a server doesn't know of it."""
        return {**self._agent.status(), "report_error": self._reporter.error}

    def files(self) -> list[dict[str, object]]:
        """See Agent.files."""
        return self._agent.files()

    async def reload(self, config: Config) -> None:
        """Goes on with another configuration, of which nothing in `fixed_changes` differs; returns when nothing is
        under way at the old targets any more. Raises ConfigError, and has changed nothing, when it can't work."""
        old, new = self._config.agent, config.agent
        others = (old.targets, old.token_file) != (new.targets, new.token_file)
        remote = _remote(new) if others and new.targets else None
        tells = self._tells(new)
        prepared = self._inputs.prepare(config)
        try:
            self._agent.reload(config)
        except ConfigError:
            self._inputs.drop(prepared)
            raise
        self._config = config
        self._reporter.use(new, tells)
        self._inputs.use(config, prepared)
        self._agent.hurry()
        if remote is not None and isinstance(self._shipper, Target):
            logger.info("chunks go to %s from now on", ", ".join(new.targets))
            await self._shipper.replace(remote)
            self._agent.hurry()  # what came back from the old one

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop`, or until standard input has ended where nothing else is followed. Raises as Agent.run."""
        told = asyncio.Event()
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._reporter.run(told), name="agent.reporter")
                try:
                    await self._with_inputs(stop)
                finally:
                    told.set()
        except ExceptionGroup as failures:
            wrong, _ = failures.split(ConfigError)
            if wrong is not None:
                raise _first(wrong) from None
            raise
        finally:
            await self._shipper.close()

    def _tells(self, settings: AgentSettings) -> list[Tell]:
        """This process, the servers that chunks go to, and agent.report_url; nobody of an agent that is idle."""
        if not settings.files and not configured(settings):
            return []
        own = [] if self._tell is None else [self._tell]
        servers = [urls for urls in (settings.targets, [settings.report_url] if settings.report_url else []) if urls]
        if not servers:
            return own
        token = TokenSource(settings.token_file, os.environ)
        if settings.report_url:
            _warn_of("agent.report_url", settings.report_url, token)
        return [*own, *(OverHttp(urls, token.read) for urls in servers)]

    async def _with_inputs(self, stop: asyncio.Event) -> None:
        """Where no files are followed, the agent ends with its other inputs."""
        settings = self._config.agent
        ended = stop if settings.files or not configured(settings) else asyncio.Event()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._agent.run(ended), name="agent.files")
            await self._inputs.run(stop)
            if ended is not stop:
                await self._agent.emptied(stop)
                ended.set()


async def _transport(config: Config) -> Transport:
    return (await wiring.open_transport(config)).transport


def _remote(settings: AgentSettings) -> Failover:
    token = TokenSource(settings.token_file, os.environ)
    for server in settings.targets:
        _warn_of("agent.server", server, token)
    return Failover([HttpShipper(server, token.read) for server in settings.targets], SystemClock())


def _warn_of(setting: str, server: str, token: TokenSource) -> None:
    url = parse_url(server)
    if token.there and not url.https and not is_loopback(url.host):
        logger.warning("%s %s is no https://: the token can be read on its way", setting, server)


def _first(errors: BaseExceptionGroup[ConfigError]) -> ConfigError:
    error: BaseException = errors
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    assert isinstance(error, ConfigError)
    return error
