"""SIGHUP: the agent goes on with the configuration as it is now, or says by name what can't change, and doesn't."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from logd.config.changes import fixed_changes
from logd.config.schema import Config
from logd.errors import ConfigError

log = logging.getLogger("logd.server")


async def on_request(
    asked: asyncio.Event, load: Callable[[], Config], config: Config, apply: Callable[[Config], Awaitable[None]] | None
) -> None:
    """Each time that `asked` is set, until it is cancelled. `load` may raise ConfigError; `apply` is the agent's,
    and does nothing when it raises one."""
    while True:
        await asked.wait()
        asked.clear()
        try:
            found = await asyncio.to_thread(load)
            if fixed := fixed_changes(config, found):
                raise ConfigError(f"only a restart changes {', '.join(fixed)}")
            if apply is None:
                log.info("nothing to reload: no agent runs in this process")
            else:
                await apply(found)
        except ConfigError as error:
            log.error("not reloaded, the old configuration goes on: %s", error)
