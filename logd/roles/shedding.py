"""`[shedding]` in the processor: what goes on is logged once at its beginning and once at its end, and the index's disk
is looked at beside the stream, never by a batch."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from logd.chunk import Message
from logd.config.shaping import SheddingTable
from logd.enrich.rates import OTHERS
from logd.enrich.shedding import EMERGENCY, LAG, SPIKE, Episode, Shedding
from logd.errors import Unavailable
from logd.flow.clock import now_us
from logd.parse.columns import Parsed
from logd.parse.parsing import Refused
from logd.seams import Disks
from logd.telemetry import metrics

log = logging.getLogger("logd.processor")
#: Between two looks at the disk: at 1 GB/s it fills by 10 GB meanwhile, which is little of what is left at 90 %.
_DISK_SECONDS = 10.0
#: An emergency ends when the disk is at so much of what began it, so that it doesn't come and go with each merge.
_CALM = 0.95


Dropping = Callable[[], bool]


class Left(NamedTuple):
    """A batch after shedding: `lines` were left out by it, which are `rows` of records as they were parsed."""

    parsed: Parsed
    lines: int = 0
    episodes: Sequence[Episode] = ()
    rows: pa.Table | None = None


class Shedder:
    """`shed` and `idle` in the thread that parses, the rest in that of the event loop."""

    def __init__(self, settings: SheddingTable, disks: Disks | None, dropping: Dropping | None = None) -> None:
        """Without `disks` nobody looks at them. `dropping`: whether DEBUG and TRACE are dropped whatever the settings
        say, since another has looked."""
        self._settings = settings
        self._dropping = dropping
        #: Whether anything of it is in the settings.
        self.on = _is_on(settings)
        self._disks = disks if settings.disk_percent else None
        self._shedding = Shedding(settings)
        self._episodes: Mapping[tuple[str, str], Episode] = {}
        self._disk_percent: float | None = None
        self._trouble = ""

    @classmethod
    def of(cls, settings: SheddingTable, disks: Disks | None, dropping: Dropping | None = None) -> Shedder | None:
        """None when nothing of it is on."""
        return cls(settings, disks, dropping) if _is_on(settings) or dropping is not None else None

    def shed(self, parsed: Parsed, messages: Sequence[Message], refused: Sequence[Refused]) -> Left:
        """What of the messages' records is to be stored. What can't be looked at is: that is no reason to stop."""
        self._shedding.guarded = self._dropping is not None and self._dropping()
        if not (self.on or self._shedding.guarded):
            return Left(parsed)
        lost = {id(one.message) for one in refused}
        there = [message for message in messages if id(message) not in lost]
        try:
            shed = self._shedding.shed(parsed.table, parsed.kept, there, parsed.chunk_lines, now_us())
        except Exception as error:
            log.error("nothing is left out of %d records, which can't be looked at: %r", len(parsed.table), error)
            return Left(parsed, 0, list(self._episodes.values()))
        rows = None
        if shed.counts or shed.table is not parsed.table:
            rows = _left_out(parsed, shed.kept)
            counts = {**parsed.shaped, **shed.counts}
            parsed = msgspec.structs.replace(parsed, table=shed.table, kept=shed.kept, shaped=counts)
        return Left(parsed, sum(shed.counts.values()), shed.episodes, rows)

    def idle(self) -> Sequence[Episode]:
        """Nothing more has come."""
        return self._shedding.idle(now_us())

    @property
    def lasts(self) -> bool:
        """Whether something goes on that ends by itself when nothing comes."""
        return bool(self._episodes)

    def tell(self, episodes: Sequence[Episode]) -> None:
        """Logs what has begun and what has ended."""
        now = {(one.reason, one.service): one for one in episodes}
        for key, one in now.items():
            if key not in self._episodes:
                log.warning("%s", _beginning(one, self._settings.keep))
        for key in self._episodes:
            if key not in now:
                log.info("%s: nothing is sampled any more", _end(*key))
        self._episodes = now
        metrics.SHEDDING_ACTIVE.labels(SPIKE).set(sum(reason == SPIKE for reason, _ in now))
        metrics.SHEDDING_ACTIVE.labels(LAG).set(sum(reason == LAG for reason, _ in now))

    async def watch(self) -> None:
        """Looks at the disk now and then, until it is cancelled."""
        while self._disks is not None:
            await self._look(self._disks)
            await asyncio.sleep(_DISK_SECONDS)

    async def _look(self, disks: Disks) -> None:
        try:
            percent = await disks.disk_used_percent()
        except Unavailable as error:
            if str(error) != self._trouble:
                log.warning("shedding goes on as it is: %s", error)
            self._trouble = str(error)
            return
        self._trouble, self._disk_percent = "", percent
        metrics.INDEX_DISK_USED_RATIO.set(percent / 100)
        limit, was = self._settings.disk_percent, self._shedding.emergency
        self._shedding.emergency = percent > (_CALM * limit if was else limit)
        if self._shedding.emergency and not was:
            log.warning("the index's disk is %.1f %% full, over %g %%: DEBUG and TRACE are dropped", percent, limit)
        elif was and not self._shedding.emergency:
            log.info("the index's disk is %.1f %% full: nothing is dropped any more", percent)
        metrics.SHEDDING_ACTIVE.labels(EMERGENCY).set(self._shedding.emergency)

    def status(self) -> dict[str, Any]:
        """What goes on."""
        lag = self._episodes.get((LAG, ""))
        return {
            "spikes": [
                {
                    "service": one.service,
                    "lines_per_second": round(one.value, 1),
                    "usual_lines_per_second": round(one.usual, 1),
                    "sampled": _sampled(one),
                }
                for (reason, _), one in self._episodes.items()
                if reason == SPIKE
            ],
            "lag": None if lag is None else {"seconds": round(lag.value, 1), "sampled": _sampled(lag)},
            "emergency": self._shedding.emergency,
            "disk_used_percent": None if self._disk_percent is None else round(self._disk_percent, 1),
            "disk_error": self._trouble or None,
        }


def _left_out(parsed: Parsed, kept: pa.BooleanArray | None) -> pa.Table | None:
    """The rows that aren't kept any more."""
    if kept is None:
        return None
    gone = pc.invert(kept) if parsed.kept is None else pc.and_not(parsed.kept, kept)
    rows = parsed.table.filter(gone)
    return rows if len(rows) else None


def _is_on(settings: SheddingTable) -> bool:
    return bool(settings.spike_factor or settings.lag_seconds or settings.disk_percent)


def _sampled(episode: Episode) -> list[str]:
    return ["TRACE", "DEBUG", *(["INFO"] if episode.step == OTHERS else [])]


def _end(reason: str, service: str) -> str:
    return f"the spike of {service!r} is over" if reason == SPIKE else "the processor is no longer far behind"


def _beginning(one: Episode, keep: float) -> str:
    what = "DEBUG, TRACE and INFO" if one.step == OTHERS else "DEBUG and TRACE"
    done = f"{keep:g} of {what} is stored"
    if one.reason == SPIKE:
        return f"a spike of {one.service!r}, {one.value:,.0f} lines a second, usually {one.usual:,.1f}: {done}"
    return f"the processor is {one.value:,.0f} s behind, over {one.usual:g} s: {done}"
