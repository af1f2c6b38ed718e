"""The one process: its roles as tasks, from the lock on its data folder to the exit code.

SIGTERM or SIGINT   sets `stop`, which only the head of each pipeline looks at; the rest ends because its input did
a second one, or `server.drain_seconds` later: the tasks are cancelled; what is not stored is in the transport
SIGHUP              the agent goes on with the configuration as it is then (roles/reload.py); files of alert rules are
                    looked at
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import os
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from pathlib import Path

import uvloop

from logd.config.schema import Config
from logd.datadir import locked
from logd.errors import ConfigError, LogdError
from logd.flow.stage import Stage, held
from logd.roles import alert_wiring
from logd.roles.opening import Opened, opened
from logd.roles.readiness import Readiness
from logd.roles.reload import on_request
from logd.telemetry import systemd
from logd.telemetry.logging import set_up_logging

log = logging.getLogger("logd.server")
Reload = Callable[[Config], Awaitable[None]]
EXIT_OK, EXIT_FAILED, EXIT_ABORTED = 0, 1, 3


def run(config: Config, load: Callable[[], Config]) -> int:
    """Runs the process until a signal ends it; its exit code. `load` gives the configuration as it is by then. Raises
    ConfigError before anything has started."""
    set_up_logging(config.log)
    # Batches are few objects and large ones: what little garbage has cycles can wait, walking all modules can't.
    gc.set_threshold(10_000, 20, 100)
    return uvloop.run(_serve(config, load))


async def _serve(config: Config, load: Callable[[], Config]) -> int:
    signals = _Signals()
    async with contextlib.AsyncExitStack() as stack:
        stack.enter_context(signals.caught())
        data_dir = Path(config.data_dir)
        stack.enter_context(locked(data_dir))
        under = await stack.enter_async_context(opened(config, data_dir))
        try:
            await _run_roles(config, under, signals, load)
        except ExceptionGroup as failures:
            return _exit_code(failures)
    return EXIT_OK


def _exit_code(failures: ExceptionGroup) -> int:
    """Raises the ConfigError among the failures, if there is one: main() says it in one sentence."""
    wrong, _ = failures.split(ConfigError)
    while wrong is not None:
        first = wrong.exceptions[0]
        if isinstance(first, ConfigError):
            raise first
        assert isinstance(first, ExceptionGroup)
        wrong = first
    return EXIT_FAILED


async def _run_roles(config: Config, under: Opened, signals: _Signals, load: Callable[[], Config]) -> None:
    started = time.monotonic()
    stop = signals.stop
    queue, index, catalog, guard = under.queue, under.index, under.catalog, under.guard
    transport, stored = under.transport, None if index is None else index.stored
    stages = [stage for part in (transport, stored) if part is not None for stage in part.stages]
    parts: dict[str, Callable[[], dict[str, object]]] = {}
    troubles: list[Callable[[], str]] = []
    # A processor and an archiver go on without the catalog, with the policies that they know.
    people = catalog if {"api", "alerter"} & set(config.server.roles) else None
    ready = Readiness(stop, transport, stored, None if people is None else people.tokens, troubles)
    if guard is not None:
        parts["disk"] = guard.status
        troubles.append(guard.trouble)
    reload: Reload | None = None
    async with asyncio.TaskGroup() as tasks, contextlib.AsyncExitStack() as sockets, _told():
        roles: list[asyncio.Task[None]] = []

        def start(name: str, run: Callable[[asyncio.Event], Awaitable[None]]) -> None:
            roles.append(tasks.create_task(_named(name, run, stop), name=name))

        if "processor" in config.server.roles and transport is not None and index is not None:
            from logd.roles.processor import Processor

            drops = guard.drops if guard is not None and config.index.type == "segments" else None
            processor = Processor(config, transport, index.stored, index.disks, index.gaps, drops)
            parts["processor"] = processor.status
            troubles.append(processor.trouble)
            stages += processor.stages
            start("processor", processor.run)
        reports = None
        if catalog is not None and "api" in config.server.roles:
            from logd.http.agent_reports import AgentReports

            reports = AgentReports(catalog.agents, config.api.agent_silent_seconds)
        if "agent" in config.server.roles:
            from logd.roles import agent_socket
            from logd.roles.agent import AgentRole

            agent = AgentRole(config, under.door, None if reports is None else reports.take)
            parts["agent"] = agent.status
            if "api" not in config.server.roles:  # which answers whether this process's agent gets through or not
                troubles.append(agent.trouble)
            stages += agent.stages
            reload = agent.reload
            await sockets.enter_async_context(agent_socket.serving(Path(config.data_dir) / agent_socket.SOCKET, agent))
            start("agent", agent.run)
        if "archiver" in config.server.roles and index is not None:
            from logd.roles.archiver import Archiver

            archive = under.archive
            archiver = Archiver(config, index.upkeep, None if archive is None else archive.embedded)
            parts["archiver"] = archiver.status
            start("archiver", archiver.run)
            if guard is not None:
                guard.frees = archiver.frees
            if archive is not None:
                parts["archive_upkeep"] = archive.upkeep.status
                start("archive_upkeep", archive.upkeep.run)
            if archive is not None and archive.archiving is not None:
                parts["archive"] = archive.archiving.status
                troubles.append(archive.archiving.trouble)
                stages += archive.archiving.stages
                start("archive", archive.archiving.run)
            if archive is not None and archive.moving is not None:
                parts["tiers"] = archive.moving.status
                start("tiers", archive.moving.run)
        if guard is not None:
            await guard.look()  # before lines come in, and once it knows what may go instead
        if under.policies is not None:
            tasks.create_task(under.policies.run(stop), name="server.policies")
        # Others load nothing of this.
        rules = alert_wiring.rule_folder(config) if people is not None else None
        if config.alerts.rules and rules is not None:
            await asyncio.to_thread(rules.look)
            start("rules", rules.run)
            reload = _with_rules(reload, rules.ask)
        if transport is not None and under.alerting is not None and rules is not None:
            from logd.roles.alerter import Alerter

            alerter = Alerter(config, transport, under.alerting, rules, alert_wiring.terms_of(config))
            parts["alerter"] = alerter.status
            troubles.append(alerter.trouble)
            stages += alerter.stages
            start("alerter", alerter.run)
        if queue and index and catalog and rules and under.searches and reports:
            from logd.http.app import Behind
            from logd.roles.api import Api

            behind = Behind(
                transport=under.door or queue.transport,
                dead_letters=queue.dead_letters,
                index=index.stored,
                searches=under.searches,
                late_writes=index.late_writes,
                tokens=catalog.tokens,
                saved=catalog.saved,
                alert_rules=catalog.alert_rules,
                silences=catalog.silences,
                acknowledgements=catalog.acknowledgements,
                alerts=catalog.alerts,
                alert_history=catalog.alert_history,
                retention=catalog.retention,
                holds=catalog.holds,
                dashboards=catalog.dashboards,
                agents=reports,
                holdings=under.holdings,
                restores=catalog.restores,
                cache=under.cache,
                rule_folder=rules,
            )
            api = Api(config, behind, parts, tuple(stages), ready)
            stages += api.stages
            address = await api.start()
            start("api", api.run)
            print(f"logd listens on {address}", flush=True)
            print(f"  open it in a browser, or: curl '{address}/api/v1/logs/search?limit=5'", flush=True)
        elif config.telemetry.listen:
            from logd.http.stages import Stages
            from logd.roles.health import Health

            health = Health(config.telemetry.listen, Stages(stages), ready)
            await health.start()
            start("health", health.run)
        watch = tasks.create_task(signals.watch(config.server.drain_seconds, stages), name="server.signals")
        reloads = on_request(signals.reload, load, config, reload)
        reloading = tasks.create_task(reloads, name="server.reload")
        watch_disk = None if guard is None else tasks.create_task(guard.watch(), name="server.disk")
        systemd.notify("READY=1")
        await asyncio.wait(roles)
        watch.cancel()
        reloading.cancel()
        if watch_disk is not None:
            watch_disk.cancel()
    log.info("stopped after %.1f s; still held: %s", time.monotonic() - started, held(stages))


def _with_rules(agents: Reload | None, look: Callable[[], None]) -> Reload:
    async def reload(config: Config) -> None:
        look()
        if agents is not None:
            await agents(config)

    return reload


@contextlib.asynccontextmanager
async def _told() -> AsyncIterator[None]:
    """What fails outside of the roles, as while they are made, is said as well."""
    try:
        yield
    except ConfigError:
        raise  # main() says it in one sentence
    except LogdError as error:
        log.error("the roles can't be started: %s", error)
        raise
    except Exception:
        log.exception("the roles can't be started")
        raise


async def _named(name: str, run: Callable[[asyncio.Event], Awaitable[None]], stop: asyncio.Event) -> None:
    """A role that ends before the stop ends the others too."""
    try:
        await run(stop)
        if stop.is_set():
            log.info("%s has stopped", name)
    except ConfigError:
        raise  # main() says it in one sentence
    except LogdError as error:
        log.error("%s failed: %s", name, error)
        raise
    except Exception:
        log.exception("%s failed", name)
        raise
    finally:
        stop.set()


class _Signals:
    """SIGTERM and SIGINT: the first sets `stop`, the second aborts. SIGHUP sets `reload`."""

    def __init__(self) -> None:
        self.stop = asyncio.Event()
        self.reload = asyncio.Event()
        self._first: signal.Signals | None = None
        self._second = asyncio.Event()

    @contextlib.contextmanager
    def caught(self) -> Iterator[None]:
        """Within this, the signals come here."""
        loop = asyncio.get_running_loop()
        caught = (signal.SIGTERM, signal.SIGINT)
        for number in caught:
            loop.add_signal_handler(number, self._receive, number)
        loop.add_signal_handler(signal.SIGHUP, self.reload.set)
        try:
            yield
        finally:
            for number in (*caught, signal.SIGHUP):
                loop.remove_signal_handler(number)

    def _receive(self, number: int) -> None:
        if self.stop.is_set():
            self._second.set()
        else:
            self._first = signal.Signals(number)
            self.stop.set()

    async def watch(self, drain_seconds: float, stages: Sequence[Stage]) -> None:
        """Ends the process when the drain has to end. What is accepted is in the transport, so leaving at once costs no
        more than a crash: the stream is read again from where the index ends."""
        await self.stop.wait()
        if self._first is not None:
            log.info("%s: draining; held: %s", self._first.name, held(stages))
        systemd.notify("STOPPING=1")
        try:
            async with asyncio.timeout(drain_seconds):
                await self._second.wait()
        except TimeoutError:
            log.error("not drained within server.drain_seconds = %g", drain_seconds)
        log.error(
            "aborted; still held: %s; what was accepted but not yet indexed is in the transport and will be read again",
            held(stages),
        )
        os._exit(EXIT_ABORTED)
