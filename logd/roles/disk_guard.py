"""The guard of the disk with data_dir: what goes when it gets full, in which order, and what is refused.

    archiver.high_water_percent   what has expired goes at once, then what is in the archive already; while that isn't
                                  enough, DEBUG and TRACE are dropped before they are stored, and counted
    archiver.full_percent         nothing more is taken in: 507 for HTTP, and agents and syslog wait; what was accepted
                                  before goes on its way, and searches go on

Each ends by itself once there is room. A large disk counts as one of 200 GB (datadir.fullness_percent). It looks at the
disk with a call that costs µs, beside everything else.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from logd.chunk import Envelope
from logd.config.schema import Config
from logd.datadir import fullness_percent
from logd.errors import Unavailable
from logd.flow.stage import Stage
from logd.seams import RAW_LOGS, Appended, Consumer, Follower, StreamPositions, Transport
from logd.telemetry import metrics

log = logging.getLogger("logd.disk")
#: At 1 GB/s a disk of 1 TB fills by a thousandth meanwhile.
_LOOK_SECONDS = 1.0
#: What began ends when so much of the disk is free again, in percent of it, so that it doesn't come and go.
_CALM_PERCENT = 1.0
#: So that a client comes back soon after there is room.
_RETRY_SECONDS = 5.0
HIGH, FULL = "high_water", "full"
UsedPercent = Callable[[Path], float]


class DiskGuard:
    """`watch` looks; `drops` and `refuse_if_full` say what follows. `frees` says whether something goes from the disk
    within a minute: until then nothing is dropped."""

    def __init__(
        self, config: Config, index_folder: Path | None = None, used_percent: UsedPercent = fullness_percent
    ) -> None:
        """`index_folder` may be on a disk of its own, which may get high too; None if there is none."""
        self._folder = Path(config.data_dir)
        self._index_folder = index_folder
        self._high_percent = config.archiver.high_water_percent
        self._full_percent = config.archiver.full_percent
        self.frees: Callable[[], bool] = lambda: False
        self._used_percent = used_percent
        self._percent = 0.0
        self._trouble = ""
        self.high = self._dropping = self._refusing = False

    async def watch(self) -> None:
        """Until it is cancelled."""
        while True:
            await self.look()
            await asyncio.sleep(_LOOK_SECONDS)

    async def look(self) -> None:
        """What follows from how full the disk is now."""
        try:
            data = await asyncio.to_thread(self._used_percent, self._folder)
            index = data if self._index_folder is None else await asyncio.to_thread(self._of_index, data)
        except OSError as error:
            if not self._trouble:
                log.error("the disk of %s can't be looked at: %s", self._folder, error.strerror)
            self._trouble = str(error.strerror)
            return
        self._trouble, self._percent = "", max(data, index)
        was_high = self.high
        self.high = self._percent >= self._high_percent - (_CALM_PERCENT if was_high else 0)
        if self.high and not was_high:
            log.warning(
                "the disk of %s is %.1f %% full, over archiver.high_water_percent = %d",
                self._folder,
                self._percent,
                self._high_percent,
            )
        elif was_high and not self.high:
            log.info("the disk of %s is %.1f %% full, which is enough room", self._folder, self._percent)
        self._refuse(data)
        self._drop()
        metrics.DISK_GUARD.labels(HIGH).set(self.high)
        metrics.DISK_GUARD.labels("dropping").set(self._dropping)
        metrics.DISK_GUARD.labels(FULL).set(self._refusing)

    def drops(self) -> bool:
        """Whether DEBUG and TRACE aren't to be stored; in any thread."""
        return self._dropping

    def refuse_if_full(self) -> None:
        """Raises Unavailable while nothing more may be taken in."""
        if self._refusing:
            metrics.DISK_REFUSED.inc()
            raise Unavailable(self.trouble(), _RETRY_SECONDS, 507)

    def trouble(self) -> str:
        """Why nothing is taken in; empty when it is."""
        if not self._refusing:
            return ""
        return (
            f"the disk of data_dir is {self._percent:.1f} % full, over archiver.full_percent = {self._full_percent}: "
            "nothing is taken in until there is room"
        )

    def status(self) -> dict[str, Any]:
        """For people."""
        return {
            "used_percent": round(self._percent, 1),
            "high_water": self.high,
            "dropping": ["TRACE", "DEBUG"] if self._dropping else [],
            "refusing": self._refusing,
            "error": self._trouble or None,
        }

    def _of_index(self, otherwise: float) -> float:
        assert self._index_folder is not None
        return self._used_percent(self._index_folder) if self._index_folder.exists() else otherwise

    def _refuse(self, percent: float) -> None:
        was = self._refusing
        self._refusing = percent >= self._full_percent - (_CALM_PERCENT if was else 0)
        if self._refusing and not was:
            log.error("%s", self.trouble())
        elif was and not self._refusing:
            log.info("the disk of %s is %.1f %% full: lines are taken in again", self._folder, percent)

    def _drop(self) -> None:
        """Lines are only dropped where nothing that may go is left."""
        was = self._dropping
        self._dropping = self.high and (was or self._refusing or not self.frees())
        if self._dropping and not was:
            log.error("nothing more can go from the disk of %s: DEBUG and TRACE are dropped", self._folder)
        elif was and not self._dropping:
            log.info("DEBUG and TRACE are stored again")


class GuardedTransport:
    """seams.Transport, which takes nothing in while the disk is full; all else it does."""

    def __init__(self, transport: Transport, guard: DiskGuard) -> None:
        self._transport = transport
        self._guard = guard

    @property
    def stages(self) -> Sequence[Stage]:
        """See Transport."""
        return self._transport.stages

    async def append(self, topic: str, envelopes: Sequence[Envelope]) -> Appended:
        """See Transport. Dead letters are of what was accepted: they are taken as long as there is any room."""
        if topic == RAW_LOGS:
            self._guard.refuse_if_full()
        return await self._transport.append(topic, envelopes)

    async def consume(self, topic: str, group: str, start: StreamPositions | None = None) -> Consumer:
        """See Transport."""
        return await self._transport.consume(topic, group, start)

    async def follow(self, topic: str, start: StreamPositions | None = None, since_us: int | None = None) -> Follower:
        """See Transport."""
        return await self._transport.follow(topic, start, since_us)

    async def trouble(self) -> str:
        """See Transport."""
        return await self._transport.trouble()

    async def status(self) -> dict[str, Any]:
        """See Transport."""
        return await self._transport.status()

    async def close(self) -> None:
        """See Transport."""
        await self._transport.close()
