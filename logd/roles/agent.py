"""The agent in this process: it ships straight to the transport."""

from __future__ import annotations

import asyncio

from logd.agent.agent import Agent
from logd.agent.ship import TransportShipper
from logd.config.schema import Config
from logd.flow.stage import Stage
from logd.seams import Transport


class AgentRole:
    """Follows the configured files until `stop`."""

    def __init__(self, config: Config, transport: Transport) -> None:
        self._agent = Agent(config, TransportShipper(transport))

    @property
    def stages(self) -> tuple[Stage, ...]:
        """See Agent.stages."""
        return self._agent.stages

    def status(self) -> dict[str, object]:
        """See Agent.status."""
        return self._agent.status()

    async def run(self, stop: asyncio.Event) -> None:
        """See Agent.run."""
        await self._agent.run(stop)
