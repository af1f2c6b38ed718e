"""The agent in this process: it ships to the transport of this process, or to another logd."""

from __future__ import annotations

import asyncio
import logging
import os

from logd.agent import inputs
from logd.agent.agent import Agent
from logd.agent.http_shipper import HttpShipper
from logd.agent.ship import Shipper, TransportShipper
from logd.agent.token import TokenSource
from logd.config.address import is_loopback, parse_url
from logd.config.schema import Agent as AgentSettings
from logd.config.schema import Config
from logd.errors import ConfigError
from logd.flow.stage import Stage
from logd.seams import Transport

logger = logging.getLogger("logd.agent")


class AgentRole:
    """Follows the configured files until `stop`."""

    def __init__(self, config: Config, transport: Transport | None) -> None:
        """`transport` is None only where `agent.server` says where to send. Raises ConfigError when the token for it
        can't be read."""
        self._remote = _remote(config.agent) if config.agent.server else None
        shipper: Shipper
        if self._remote is not None:
            shipper = self._remote
        else:
            assert transport is not None
            shipper = TransportShipper(transport)
        self._config = config
        self._agent = Agent(config, shipper)

    @property
    def stages(self) -> tuple[Stage, ...]:
        """See Agent.stages."""
        return self._agent.stages

    def trouble(self) -> str:
        """Why nothing is sent; empty when it is, or there is nothing to send."""
        return str(self._agent.status()["target_error"] or "")

    def status(self) -> dict[str, object]:
        """See Agent.status."""
        return self._agent.status()

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop`, or until standard input has ended where nothing else is followed. Raises as Agent.run."""
        try:
            if inputs.configured(self._config.agent):
                await self._with_inputs(stop)
            else:
                await self._agent.run(stop)
        except ExceptionGroup as failures:
            wrong, _ = failures.split(ConfigError)
            if wrong is not None:
                raise _first(wrong) from None
            raise
        finally:
            if self._remote is not None:
                await self._remote.close()

    async def _with_inputs(self, stop: asyncio.Event) -> None:
        """Where no files are followed, the agent ends with its other inputs."""
        ended = stop if self._config.agent.files else asyncio.Event()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._agent.run(ended), name="agent.files")
            await inputs.run(self._config, self._agent.deliver, stop)
            if ended is not stop:
                ended.set()


def _remote(settings: AgentSettings) -> HttpShipper:
    token = TokenSource(settings.token_file, os.environ)
    url = parse_url(settings.server)
    if token.there and not url.https and not is_loopback(url.host):
        logger.warning("agent.server %s is no https://: the token can be read on its way", settings.server)
    return HttpShipper(settings.server, token.read)


def _first(errors: BaseExceptionGroup[ConfigError]) -> ConfigError:
    error: BaseException = errors
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    assert isinstance(error, ConfigError)
    return error
