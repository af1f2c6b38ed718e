"""The archiver on one machine: looks after what is stored, and warns when the disk gets full. It takes nothing from the
stream, so it registers no consumer group."""

from __future__ import annotations

import asyncio
import logging
import time
from pathlib import Path
from typing import Any

from logd.config.schema import Config
from logd.datadir import disk_used_percent
from logd.errors import Unavailable
from logd.seams import Upkeep
from logd.telemetry import metrics

log = logging.getLogger("logd.archiver")
#: How often an idle archiver looks for work.
_IDLE_SECONDS = 1.0
_DISK_SECONDS = 30.0


class Archiver:
    """Does the upkeep's work, a step at a time, until `stop`."""

    def __init__(self, config: Config, upkeep: Upkeep) -> None:
        self._data_dir = config.data_dir
        self._warn_percent = config.archiver.disk_warning_percent
        self._upkeep = upkeep
        self._error = ""
        self._disk_percent = 0.0
        self._disk_at = 0.0

    def status(self) -> dict[str, Any]:
        """What the upkeep says, the last error, and how full the disk is."""
        return {
            **self._upkeep.status(),
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
            await work

    async def _work(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            self._look_at_disk()
            try:
                wait = 0.0 if await self._upkeep.step() else _IDLE_SECONDS
                self._error = ""
            except Unavailable as error:
                if str(error) != self._error:
                    log.error("%s; trying again in %.0f s", error, error.retry_after_seconds)
                self._error, wait = str(error), error.retry_after_seconds
            try:
                async with asyncio.timeout(wait):
                    await stop.wait()
            except TimeoutError:
                pass

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
