"""The archiver on one machine: looks after what is stored, and warns when the disk gets full. It takes nothing from the
stream, so it registers no consumer group."""

from __future__ import annotations

import asyncio
import logging
import time
from pathlib import Path
from typing import Any, NamedTuple

from logd.config.schema import Config
from logd.datadir import disk_used_percent
from logd.errors import LogdError, Unavailable
from logd.seams import Upkeep
from logd.telemetry import metrics
from logd.tiers.embedded.cooling import Cooling
from logd.tiers.embedded.expiry_of_segments import SegmentsExpiry

log = logging.getLogger("logd.archiver")
#: How often an idle archiver looks for work.
_IDLE_SECONDS = 1.0
_DISK_SECONDS = 30.0
_RETRY_SECONDS = 60.0


class EmbeddedTiers(NamedTuple):
    """What of the embedded index goes, and where to."""

    cooling: Cooling
    expiry: SegmentsExpiry

    def status(self) -> dict[str, Any]:
        """For people."""
        return {"cold": self.cooling.status(), "held": self.expiry.status()}


class Archiver:
    """Does the upkeep's work, a step at a time, until `stop`."""

    def __init__(self, config: Config, upkeep: Upkeep, tiers: EmbeddedTiers | None = None) -> None:
        """`tiers` are those of the embedded index, where there is an archive for its days."""
        self._data_dir = config.data_dir
        self._warn_percent = config.archiver.disk_warning_percent
        self._upkeep = upkeep
        self._tiers = tiers
        self._error = self._cooling_error = ""
        self._cool_at = 0.0
        self._disk_percent = 0.0
        self._disk_at = 0.0

    def status(self) -> dict[str, Any]:
        """What the upkeep says, the last error, and how full the disk is."""
        return {
            **self._upkeep.status(),
            **({} if self._tiers is None else {**self._tiers.status(), "cooling_error": self._cooling_error or None}),
            "error": self._error or None,
            "disk_used_percent": round(self._disk_percent, 1),
            "disk_warning": self._disk_percent >= self._warn_percent,
        }

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop`; a step that is under way is given up then."""
        async with asyncio.TaskGroup() as tasks:
            work = tasks.create_task(self._work(stop), name="archiver.work")
            await stop.wait()
            self._upkeep.halt()
            if self._tiers is not None:
                self._tiers.cooling.halt()
            await work

    def frees(self) -> bool:
        """Whether something of what is stored goes within a minute: a day that is in the archive, or has expired."""
        return self._tiers is not None and self._tiers.cooling.waits

    async def _work(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            self._look_at_disk()
            try:
                worked = await self._upkeep.step()
                self._error = ""
                wait = 0.0 if await self._cool() or worked else _IDLE_SECONDS
            except Unavailable as error:
                if str(error) != self._error:
                    log.error("%s; trying again in %.0f s", error, error.retry_after_seconds)
                self._error, wait = str(error), error.retry_after_seconds
            try:
                async with asyncio.timeout(wait):
                    await stop.wait()
            except TimeoutError:
                pass

    async def _cool(self) -> bool:
        """Beside the upkeep, which goes on when the archive can't be reached."""
        if self._tiers is None or time.monotonic() < self._cool_at:
            return False
        try:
            worked = await self._tiers.cooling.step()
        except LogdError as error:
            wait = error.retry_after_seconds if isinstance(error, Unavailable) else _RETRY_SECONDS
            if str(error) != self._cooling_error:
                log.error("%s; trying again in %.0f s", error, wait)
            self._cooling_error, self._cool_at = str(error), time.monotonic() + wait
            metrics.COLD_FAILED.inc()
            return False
        self._cooling_error = ""
        return worked

    def _look_at_disk(self) -> None:
        if time.monotonic() < self._disk_at:
            return
        self._disk_at = time.monotonic() + _DISK_SECONDS
        try:
            percent = disk_used_percent(Path(self._data_dir))
        except OSError as error:
            log.error("the disk of %s can't be looked at: %s", self._data_dir, error.strerror)
            return
        if percent >= self._warn_percent > self._disk_percent:
            log.warning("the disk of %s is %.0f %% full", self._data_dir, percent)
        self._disk_percent = percent
        metrics.DISK_USED_RATIO.set(percent / 100)
