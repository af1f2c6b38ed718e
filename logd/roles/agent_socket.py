"""`DATA_DIR/agent.sock`: who connects gets the agent's status and files as a JSON object, and the end.

Beside the control socket, because an agent alone has no HTTP server in it. Only the user who runs it can connect.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec

from logd.roles.agent import AgentRole
from logd.roles.control import bound_to

log = logging.getLogger("logd.control")
SOCKET = "agent.sock"
#: For a client that doesn't read.
_CLIENT_SECONDS = 10.0


@contextlib.asynccontextmanager
async def serving(path: Path, agent: AgentRole) -> AsyncIterator[None]:
    """Serves within it. Without a socket, which is said in the log, the process does all but this."""

    async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, TimeoutError), contextlib.closing(writer):
            async with asyncio.timeout(_CLIENT_SECONDS):
                writer.write(msgspec.json.encode({"pid": os.getpid(), **agent.status(), "followed": agent.files()}))
                await writer.drain()

    async with contextlib.AsyncExitStack() as stack:
        try:
            bound = stack.enter_context(bound_to(path))
        except OSError as error:
            log.warning("no socket of the agent, so that `logd agent status` doesn't work: %s", error)
        else:
            server = await asyncio.start_unix_server(answer, sock=bound)
            stack.callback(server.close)
        yield
