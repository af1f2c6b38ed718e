"""The api role: the HTTP listener, from bind to the last answer."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
from collections.abc import Mapping, Sequence

from aiohttp import web

from logd.config.address import parse_address
from logd.config.schema import Config
from logd.errors import ConfigError
from logd.flow.stage import Stage
from logd.http.answering import Answering
from logd.http.answers import Handler
from logd.http.app import Behind, Ready, StatusOf, make_app
from logd.http.connections import bounded, make_room
from logd.http.intake import Intake
from logd.http.records import records
from logd.http.sending import send
from logd.http.stages import Stages
from logd.http.status_history import StatusHistory
from logd.http.tls import Certificate
from logd.roles.parsing import keeps_services, parser_of, rules_of
from logd.seams import Transport
from logd.tail.engine import Engine
from logd.tail.tailing import Tailing

log = logging.getLogger("logd.api")
#: Of each connection: with aiohttp's 64 KiB, a body of megabytes wakes its handler for every one of them.
_READ_BUFFER_BYTES = 1024 * 1024
#: Of each connection, of a head that has not come whole: with these, `api.max_connections` times 0.7 MB are the most.
_MAX_LINE_BYTES = 131_072  # a query of 100 kB
_MAX_FIELD_BYTES, _MAX_HEADERS = 8_192, 64
#: So long the rest of a body is read that nobody wants, so that its sender reads why.
_LINGERING_SECONDS = 5.0
_HANDSHAKE_SECONDS = 10.0
#: What connections have to end in when they are cut off.
_ABORT_SECONDS = 0.1
#: Between two looks at the answers that a stop waits for.
_LOOK_SECONDS = 0.5
#: Of `server.drain_seconds`: what else there is to do in it comes after the last answer.
_ANSWER_SHARE = 0.5


class Api:
    """`start` binds and serves; `run` waits for `stop`, then lets the requests under way finish."""

    def __init__(
        self,
        config: Config,
        behind: Behind,
        parts: Mapping[str, StatusOf],
        stages: Sequence[Stage],
        ready: Ready,
    ) -> None:
        """`stages` are those of the other roles and of what they share. Raises ConfigError when the certificate can't
        be used."""
        intake = Intake(config.ingest, config.api.stall_seconds)
        #: The queue of HTTP bodies.
        self.stages = (intake.stage,)
        self._config = config
        self._stopping = False
        self._certificate = Certificate(config.api) if config.api.tls_certificate else None
        self._listener: asyncio.Server | None = None
        self._answered = asyncio.Event()
        self._answering = Answering()
        self._agents = behind.agents
        self._tailing = tailing_of(config, behind.transport)
        every = (*self.stages, *stages)
        self._history = StatusHistory(behind.transport, lambda: every, parts)
        app = make_app(config, behind, self._tailing, parts, Stages(every), intake, ready, self._history)

        @web.middleware
        async def counted(request: web.Request, handler: Handler) -> web.StreamResponse:
            try:
                with self._answering.under_way(request):
                    response = await handler(request)
                    if self._stopping:
                        response.force_close()
                    await send(request, response, config.api.stall_seconds)
                    return response
            finally:
                self._answered.set()

        app.middlewares.insert(0, counted)
        app.on_response_prepare.append(self._answering.begin)
        # Bodies are decompressed by ingest, within its bounds; the deadline of a stop is the server's, not aiohttp's.
        self._runner = web.AppRunner(
            app,
            auto_decompress=False,
            access_log=None,
            handle_signals=False,
            handler_cancellation=True,
            shutdown_timeout=config.server.drain_seconds,
            read_bufsize=_READ_BUFFER_BYTES,
            keepalive_timeout=config.api.idle_seconds,
            lingering_time=_LINGERING_SECONDS,
            max_line_size=_MAX_LINE_BYTES,
            max_field_size=_MAX_FIELD_BYTES,
            max_headers=_MAX_HEADERS,
        )

    async def start(self) -> str:
        """Gives the address, `http://host:port`. Raises ConfigError when it can't be bound."""
        api = self._config.api
        host, port = parse_address(api.listen)
        await self._runner.setup()
        server = self._runner.server
        assert server is not None
        connections = bounded(server, lambda: len(server.connections), make_room(api.max_connections))
        context = None if self._certificate is None else self._certificate.context
        handshake_seconds = None if context is None else _HANDSHAKE_SECONDS
        try:
            self._listener = await asyncio.get_running_loop().create_server(
                connections, host, port, backlog=1024, ssl=context, ssl_handshake_timeout=handshake_seconds
            )
        except OSError as error:
            await self._runner.cleanup()
            reason = "the port is in use" if error.errno == errno.EADDRINUSE else error.strerror
            raise ConfigError(f"api.listen {api.listen!r} can't be bound: {reason}") from error
        bound_host, bound_port = self._listener.sockets[0].getsockname()[:2]
        scheme = "http" if context is None else "https"
        return (
            f"{scheme}://[{bound_host}]:{bound_port}" if ":" in bound_host else f"{scheme}://{bound_host}:{bound_port}"
        )

    async def run(self, stop: asyncio.Event) -> None:
        """Serves until `stop`, then until the requests under way are answered; cancelling cuts them off."""
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._tailing.run(), name="api.tail")
                tasks.create_task(self._agents.run(stop), name="api.agents")
                tasks.create_task(self._history.run(stop), name="api.history")
                if self._certificate is not None:
                    tasks.create_task(self._certificate.watch(stop), name="api.certificate")
                await stop.wait()
                self._tailing.end()
                await self._drain()
        except asyncio.CancelledError:
            if self._runner.server is not None:
                await self._runner.server.shutdown(_ABORT_SECONDS)
            raise
        finally:
            self._close_listener()
            await self._runner.cleanup()

    async def _drain(self) -> None:
        """aiohttp's own shutdown drops what still arrives of a body, so it has to wait for this."""
        self._close_listener()
        self._stopping = True
        now = asyncio.get_running_loop().time
        late = now() + _ANSWER_SHARE * self._config.server.drain_seconds
        while self._answering:
            self._answered.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_LOOK_SECONDS):
                    await self._answered.wait()
            self._answering.cut_off(late=now() > late)

    def _close_listener(self) -> None:
        if self._listener is not None:
            self._listener.close()


def tailing_of(config: Config, transport: Transport) -> Tailing:
    """Live tails that see what the processor stores, and show it as searches do."""
    rules = rules_of(config)
    make_parser, keeps = parser_of(config, rules), keeps_services(rules)

    def make() -> Engine:
        return Engine(make_parser, records, keeps)

    return Tailing(transport, make, config.search.tails)
