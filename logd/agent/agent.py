"""The agent: follows files, ships their lines, remembers how far it got.

One task drives it in rounds: look and read (in a thread), remember the batches (in the thread, one fsync), send them,
and only then look again. So at most one round is held in memory. While the target is away, rounds go into the spool,
if there is one, and another task sends them from there (delivery.py); else a target that is away stops the reading.

Every line arrives exactly once, however often the agent is stopped or killed, at a target that leaves out what a source
has sent before. What can't be had: bytes that were truncated or deleted before anybody read them, or that were read,
not acknowledged, and gone at the next start; those are logged and counted. What the target refuses for good is logged,
counted and kept in the data folder (see aside.py).
"""

from __future__ import annotations

import asyncio
import functools
import logging
import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from logd.agent.aside import Aside
from logd.agent.batches import Cargo
from logd.agent.delivery import Delivery
from logd.agent.follow import Follower, Round
from logd.agent.labelling import PodSource, open_source
from logd.agent.ship import Shipper
from logd.agent.spool import FOLDER, Spool
from logd.agent.spool import Counts as Spooled
from logd.agent.tail import Counts
from logd.chunk import Chunk
from logd.config.schema import Config, Kubernetes
from logd.errors import ConfigError, Unavailable
from logd.flow.stage import Stage
from logd.flow.timer import Clock, SystemClock
from logd.telemetry import agent_metrics as metrics

logger = logging.getLogger("logd.agent")

#: How often counts are brought up to date while files are quiet: other inputs and the spool move them too.
_PUBLISH_SECONDS = 1.0
#: At a stop, for what is being replayed. It is safe: cut off, it is at worst sent once more.
_REPLAY_SECONDS = 5.0
T = TypeVar("T")


async def run(config: Config, shipper: Shipper, stop: asyncio.Event, clock: Clock | None = None) -> None:
    """`Agent.run` without a status."""
    await Agent(config, shipper, clock).run(stop)


class Agent:
    """See the module. May be run once."""

    def __init__(self, config: Config, shipper: Shipper, clock: Clock | None = None, spools: bool = False) -> None:
        """With `spools`, what the target can't take goes into a spool of `agent.spool_max_bytes` in the data folder.
        Raises ConfigError when pods can't be described."""
        self._config = config
        self._clock = clock or SystemClock()
        self._spools = spools
        keep_refused = Aside(Path(config.data_dir)).keep
        self._delivery = Delivery(shipper, self._clock, keep_refused, config.agent.bandwidth_bytes_per_second)
        self._follower: Follower | None = None
        self._pods = _source_of(config)
        self._pods_ended = asyncio.Event()
        self._replaying: asyncio.Task[None] | None = None
        self._reload: tuple[Config, PodSource | None] | None = None
        #: Something is said to have changed, or is asked for.
        self._wake = asyncio.Event()
        self._pending: list[Cargo] = []
        #: Why the state can't be written; empty when it can.
        self._state_error = ""
        self._published: dict[str, int] = {}
        # Files and the state belong to one thread, so that neither a slow disk nor an fsync stops the loop.
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="agent.files")

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop` is set; then sends the whole lines that it has read, for at most `server.drain_seconds`, and
        returns. Cancelling abandons them: they are read again after the next start. Raises ConfigError when the state
        can't be used at the start."""
        try:
            follower = await self._work(self._open)
            async with asyncio.TaskGroup() as tasks:
                self._replay(tasks, stop)
                self._describe(tasks)
                tasks.create_task(self._wake_at(stop), name="agent.wake")
                await self._ship(follower, await self._work(follower.resume), stop)
                while not stop.is_set():
                    if self._reload is not None:
                        follower = await self._renew(follower, tasks, stop)
                    found = await self._round(follower, stop)
                    self._publish(follower)
                    if not found.more:
                        await self._pause(follower, found, stop)
                await self._drain(follower, stop)
        finally:
            # A round that is under way ends within tens of ms, and nobody may use the state before it has.
            self._worker.submit(self._close)
            await asyncio.to_thread(self._worker.shutdown)

    async def deliver(self, chunks: Sequence[Chunk], stop: asyncio.Event) -> int:
        """For what doesn't come from files; see Delivery.deliver."""
        return await self._delivery.deliver(chunks, stop)

    async def emptied(self, stop: asyncio.Event) -> None:
        """Returns when nothing waits in the spool, or `stop` is set."""
        while self._delivery.spool is not None and self._delivery.spool.waiting and not stop.is_set():
            await self._clock.wait(self._config.agent.poll_seconds, stop)

    def hurry(self) -> None:
        """What waits for its target is sent again soon."""
        self._delivery.hurry()

    def reload(self, config: Config) -> None:
        """Before its next round the agent goes on with the files, host, limits and source of pods of another
        configuration, which has the same data folder. The target is the shipper's own. Raises ConfigError, and has
        changed nothing, when pods can't be described."""
        now, pods = self._reload or (self._config, self._pods)
        if _described(now) != _described(config):
            pods = _source_of(config)
        self._reload = config, pods
        self._wake.set()

    @property
    def stages(self) -> tuple[Stage, ...]:
        """The round that is being sent."""
        return (self._delivery.stage,)

    def status(self) -> dict[str, Any]:
        """For people: what is followed, how far it got, what went wrong."""
        follower = self._follower
        counts = follower.counts if follower else Counts()
        return {
            "files": len(follower.tails) if follower else 0,
            "behind_bytes": follower.behind_bytes() if follower else 0,
            "behind_seconds": follower.behind_seconds() if follower else None,
            "unreadable": follower.unreadable() if follower else {},
            "pending_chunks": len(self._pending),
            "cut_lines": counts.cut_lines,
            "dropped_lines": counts.dropped_lines,
            "truncations": counts.truncations,
            "lost_bytes": counts.lost_bytes,
            "damaged_rows": counts.damaged_rows,
            "unknown_pods": counts.unknown_pods,
            "pods": len(self._pods.pods) if self._pods else 0,
            "pods_error": self._pods.error if self._pods else "",
            "state_error": self._state_error,
            **self._delivery.status(),
        }

    def files(self) -> list[dict[str, Any]]:
        """For people: each file that is followed, or can't be."""
        return self._follower.files() if self._follower else []

    async def _round(self, follower: Follower, stop: asyncio.Event) -> Round:
        """What was read is let go before the next one: it is large."""
        found, stored = await self._work(_round, follower)
        await self._ship(follower, found.cargo, stop, stored)
        return msgspec.structs.replace(found, cargo=[])

    async def _pause(self, follower: Follower, found: Round, stop: asyncio.Event) -> None:
        """Until the next round pays, so that a busy file costs no round for each write; then until something is said to
        have changed, or there has to be one."""
        await self._clock.wait(max(0.0, found.not_before - self._clock.monotonic()), stop)
        fd = follower.hints_fd
        self._wake.clear()
        if fd is None or stop.is_set() or self._reload is not None:
            return
        loop = asyncio.get_running_loop()
        loop.add_reader(fd, self._wake.set)
        try:
            while not self._wake.is_set() and (left := found.until - self._clock.monotonic()) > 0:
                await self._clock.wait(min(left, _PUBLISH_SECONDS), self._wake)
                self._publish(follower)
        finally:
            loop.remove_reader(fd)

    async def _wake_at(self, stop: asyncio.Event) -> None:
        await stop.wait()
        self._wake.set()
        self._pods_ended.set()

    def _replay(self, tasks: asyncio.TaskGroup, stop: asyncio.Event) -> None:
        """Sends from the spool, if there is one and that isn't done yet."""
        if self._replaying is None and self._delivery.spool is not None:
            self._replaying = tasks.create_task(self._delivery.replay(stop), name="agent.replay")

    def _describe(self, tasks: asyncio.TaskGroup) -> None:
        """Lets the source of pods learn of them from now on."""
        self._pods_ended = asyncio.Event()
        if self._pods is not None:
            tasks.create_task(self._pods.run(self._pods_ended), name="agent.kubernetes")

    async def _ship(self, follower: Follower, cargo: list[Cargo], stop: asyncio.Event, stored: bool = False) -> None:
        """Remembers the batches and whatever else is new, unless they are `stored`, then sends them. When `stop` is set
        and the target is away, those not sent stay remembered for the next start."""
        self._pending = cargo
        if not stored and not await self._store(follower, cargo, stop):
            return
        if not cargo:
            return
        done = await self._delivery.deliver([item.chunk() for item in cargo], stop)
        follower.acknowledge(cargo[:done])
        self._pending = cargo[done:]

    async def _store(self, follower: Follower, cargo: list[Cargo], stop: asyncio.Event, last: bool = False) -> bool:
        """False when the state can't be written while `stop` is set: then nothing may be sent."""
        warned = False
        while True:
            stopping = stop.is_set()
            try:
                await self._work(follower.store, cargo, last)
                self._state_error = ""
                return True
            except Unavailable as error:
                self._state_error = str(error)
                if not warned:
                    logger.error("nothing is sent until the agent's state can be written: %s", error)
                warned = True
                if stopping:
                    return False
                await self._clock.wait(error.retry_after_seconds, stop)

    async def _renew(self, follower: Follower, tasks: asyncio.TaskGroup, stop: asyncio.Event) -> Follower:
        """The follower of the configuration that `reload` was given, which goes on where this one is. It is as after a
        stop and a start, but that files without a name are kept open, and pods that were known are until they are
        described anew."""
        assert self._reload is not None
        (config, pods), self._reload = self._reload, None
        await self._ship(follower, await self._work(follower.drain), stop)
        if self._pending or not await self._store(follower, [], stop, last=True):
            return follower  # stopping
        counts, unnamed = follower.counts, await self._work(follower.unnamed)
        self._config = config
        if pods is not self._pods:
            if pods is not None and self._pods is not None:
                pods.pods.inherit(self._pods.pods)
            self._pods_ended.set()
            self._pods = pods
            self._describe(tasks)
        self._delivery.limit(config.agent)
        await self._work(follower.close)
        while True:
            try:
                await self._work(self._open_spool)
                follower = await self._work(self._open_follower, counts, unnamed)
                break
            except (Unavailable, ConfigError) as error:
                if stop.is_set():
                    raise
                logger.error("the agent's state can't be opened again, will try: %s", error)
                await self._clock.wait(1.0, stop)
        self._replay(tasks, stop)
        await self._ship(follower, await self._work(follower.resume), stop)
        logger.info("reloaded: %d files are followed", len(follower.tails))
        return follower

    async def _drain(self, follower: Follower, stop: asyncio.Event) -> None:
        """What is being replayed ends too; the rest of the spool is there for the next start."""
        self._delivery.wake()
        try:
            async with asyncio.timeout(self._config.server.drain_seconds):
                # Nothing overtakes what couldn't be sent: a later position would say that it was.
                if not self._pending:
                    await self._ship(follower, await self._work(follower.drain), stop)
                await self._store(follower, [], stop, last=True)
                if self._replaying is not None:
                    await asyncio.wait([self._replaying], timeout=_REPLAY_SECONDS)
        except TimeoutError:
            pass
        if self._replaying is not None:
            self._replaying.cancel()
        if self._pending:
            logger.warning("%d chunks were not sent, they will be after the next start", len(self._pending))

    async def _work(self, step: Callable[..., T], *arguments: Any) -> T:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._worker, functools.partial(step, *arguments))

    def _open(self) -> Follower:
        self._open_spool()
        try:
            return self._open_follower(Counts(), {})
        except Unavailable as error:
            raise ConfigError(str(error)) from error

    def _open_spool(self) -> None:
        settings, data_dir = self._config.agent, Path(self._config.data_dir)
        wanted = self._spools and (settings.spool_max_bytes or (data_dir / FOLDER).is_dir())
        if wanted and self._delivery.spool is None:
            self._delivery.spool = Spool(data_dir, settings.spool_max_bytes, settings.spool_when_full == "drop_oldest")

    def _open_follower(self, counts: Counts, unnamed: Mapping[str, int]) -> Follower:
        self._follower = Follower(self._config, self._clock, counts, self._pods)
        self._follower.keep(unnamed)
        return self._follower

    def _close(self) -> None:
        if self._follower is not None:
            self._follower.close()

    def _publish(self, follower: Follower) -> None:
        """Brings the metrics up to date."""
        spooled = self._delivery.spool.counts if self._delivery.spool is not None else Spooled()
        counts = {
            name: count
            for part in (follower.counts, self._delivery.sent, spooled)
            for name, count in msgspec.structs.asdict(part).items()
        }
        for name, counter in _COUNTERS.items():
            if more := counts[name] - self._published.get(name, 0):
                counter.inc(more)
        self._published = counts
        metrics.AGENT_FILES.set(len(follower.tails))
        metrics.AGENT_UNREADABLE.set(len(follower.unreadable()))
        metrics.AGENT_BEHIND.set(follower.behind_bytes())
        if (spool := self._delivery.spool) is not None:
            metrics.AGENT_SPOOL_BYTES.set(spool.bytes)
            metrics.AGENT_SPOOL_LINES.set(spool.lines)
            metrics.AGENT_SPOOL_OLDEST.set(self._delivery.oldest_seconds() or 0.0)


def _described(config: Config) -> Kubernetes | None:
    """Where pods are described; None when there is no need."""
    return config.agent.kubernetes if config.agent.files else None


def _source_of(config: Config) -> PodSource | None:
    settings = _described(config)
    return None if settings is None else open_source(settings, os.environ)


def _round(follower: Follower) -> tuple[Round, bool]:
    """A round, and whether its batches are stored: one turn of the thread for both."""
    found = follower.round()
    try:
        follower.store(found.cargo)
    except Unavailable:
        return found, False
    return found, True


_COUNTERS = {
    "read_bytes": metrics.AGENT_READ_BYTES,
    "cut_lines": metrics.AGENT_CUT_LINES.labels("line_too_long"),
    "cut_bytes": metrics.AGENT_DROPPED_BYTES.labels("line_too_long"),
    "dropped_lines": metrics.AGENT_DROPPED_LINES.labels("line_too_long"),
    "truncations": metrics.AGENT_TRUNCATIONS,
    "lost_bytes": metrics.AGENT_LOST_BYTES,
    "damaged_rows": metrics.AGENT_DAMAGED_ROWS,
    "unknown_pods": metrics.AGENT_UNKNOWN_PODS,
    "chunks": metrics.AGENT_SENT_CHUNKS,
    "lines": metrics.AGENT_SENT_LINES,
    "bytes": metrics.AGENT_SENT_BYTES,
    "retries": metrics.AGENT_RETRIES,
    "conflict_lines": metrics.AGENT_CONFLICT_LINES,
    "refused_lines": metrics.AGENT_REFUSED_LINES,
    "spooled_lines": metrics.AGENT_SPOOLED_LINES,
    "overflowed_lines": metrics.AGENT_SPOOL_DROPPED_LINES.labels("spool_full"),
    "damaged_lines": metrics.AGENT_SPOOL_DROPPED_LINES.labels("damaged"),
}
