"""The api role: the HTTP listener, from bind to the last answer."""

from __future__ import annotations

import asyncio
import errno
import logging
from collections.abc import Mapping, Sequence

from aiohttp import web

from logd.config.address import parse_address
from logd.config.schema import Config
from logd.errors import ConfigError
from logd.flow.stage import Stage
from logd.http.answers import Handler
from logd.http.app import Ready, StatusOf, make_app
from logd.http.intake import Intake
from logd.http.records import records
from logd.http.stages import Stages
from logd.parse.plan import Parser
from logd.parse.window import Limits
from logd.roles.processor import max_age_seconds
from logd.seams import DeadLetters, Index, Searches, Transport
from logd.tail.engine import Engine
from logd.tail.tailing import Tailing

log = logging.getLogger("logd.api")
#: Of each connection: with aiohttp's 64 KiB, a body of megabytes wakes its handler for every one of them.
_READ_BUFFER_BYTES = 1024 * 1024
#: What connections have to end in when they are cut off.
_ABORT_SECONDS = 0.1


class Api:
    """`start` binds and serves; `run` waits for `stop`, then lets the requests under way finish."""

    def __init__(
        self,
        config: Config,
        transport: Transport,
        index: Index,
        searches: Searches,
        parts: Mapping[str, StatusOf],
        stages: Sequence[Stage],
        ready: Ready,
        dead_letters: DeadLetters,
    ) -> None:
        """`stages` are those of the other roles and of what they share."""
        intake = Intake(config.ingest)
        #: The queue of HTTP bodies.
        self.stages = (intake.stage,)
        self._config = config
        self._stopping = False
        self._under_way = 0
        self._answered = asyncio.Event()
        self._tailing = tailing_of(config, transport)
        every_stage = Stages([*self.stages, *stages])
        app = make_app(
            config, transport, index, searches, parts, every_stage, intake, self._tailing, ready, dead_letters
        )

        @web.middleware
        async def counted(request: web.Request, handler: Handler) -> web.StreamResponse:
            self._under_way += 1
            try:
                response = await handler(request)
                if self._stopping:
                    response.force_close()
                return response
            finally:
                self._under_way -= 1
                self._answered.set()

        app.middlewares.insert(0, counted)
        # Bodies are decompressed by ingest, within its bounds; the deadline of a stop is the server's, not aiohttp's.
        self._runner = web.AppRunner(
            app,
            auto_decompress=False,
            access_log=None,
            handle_signals=False,
            handler_cancellation=True,
            shutdown_timeout=config.server.drain_seconds,
            read_bufsize=_READ_BUFFER_BYTES,
            max_field_size=65_536,
            max_line_size=131_072,
        )

    async def start(self) -> str:
        """Gives the address, `http://host:port`. Raises ConfigError when it can't be bound."""
        host, port = parse_address(self._config.api.listen)
        await self._runner.setup()
        site = web.TCPSite(self._runner, host, port, backlog=1024)
        try:
            await site.start()
        except OSError as error:
            await self._runner.cleanup()
            reason = "the port is in use" if error.errno == errno.EADDRINUSE else error.strerror
            raise ConfigError(f"api.listen {self._config.api.listen!r} can't be bound: {reason}") from error
        bound_host, bound_port = self._runner.addresses[0][:2]
        return f"http://[{bound_host}]:{bound_port}" if ":" in bound_host else f"http://{bound_host}:{bound_port}"

    async def run(self, stop: asyncio.Event) -> None:
        """Serves until `stop`, then until the requests under way are answered; cancelling cuts them off."""
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._tailing.run(), name="api.tail")
                await stop.wait()
                self._tailing.end()
                await self._drain()
        except asyncio.CancelledError:
            if self._runner.server is not None:
                await self._runner.server.shutdown(_ABORT_SECONDS)
            raise
        finally:
            await self._runner.cleanup()

    async def _drain(self) -> None:
        """aiohttp's own shutdown drops what still arrives of a body, so it has to wait for this."""
        for site in tuple(self._runner.sites):
            await site.stop()
        self._stopping = True
        while self._under_way:
            self._answered.clear()
            await self._answered.wait()


def tailing_of(config: Config, transport: Transport) -> Tailing:
    """Live tails that see what the processor stores, and show it as searches do."""
    parse = config.parse
    limits = Limits(max_age_seconds(config), config.ingest.max_ahead_seconds)

    def make() -> Engine:
        return Engine(lambda: Parser(parse.timezone, limits, parse.memory_bytes), records)

    return Tailing(transport, make, config.search.tails)
