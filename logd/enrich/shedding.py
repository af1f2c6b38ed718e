"""What the index does without while there is too much: a part of what is worth least, or all of it.

    spike       a service's rate passes k × what is usual      DEBUG and TRACE are sampled; INFO and what has no level
    lag         what is processed was taken long ago           too while without them it is still too much
    emergency   the index's disk is nearly full                DEBUG and TRACE are dropped
    disk        the guard of data_dir's disk says so           the same, of all services

WARN and above are never touched. Time is the stream's: when the transport took a message, in each partition the latest
so far, and never later than now; so a backlog comes at the rate at which it was taken, however fast it is read. What a
person replays from the dead letters, and what this process reads a second time, is stored and not counted.
"""

from __future__ import annotations

import fnmatch
import math
import re
from collections.abc import Mapping, Sequence

import msgspec
import numpy as np
import pyarrow as pa

from logd.chunk import Message
from logd.config.shaping import SheddingTable
from logd.enrich.leaving import Drop, Sample
from logd.enrich.rates import CALM, OTHERS, QUIET, Limits, Rate
from logd.enrich.work import Bools, Ints, Work

SPIKE, LAG, EMERGENCY, DISK = "spike", "lag", "emergency", "disk"
#: As rules are called in counts; the names that people give them have no such ending.
_NAME = "{} (shedding)"
#: Services by partition whose rate is known; of more, those that were quiet for the longest are forgotten.
MAX_RATES = 10_000
#: A partition that another process has now, as it seems, has no say any more.
_GONE_US = 60_000_000
#: With fewer counters than a batch has rows, and these, it is the quickest to have one for each that might be.
_FEW_CELLS = 4_096
#: From which step on a level is sampled; those that aren't here never are.
_STEP = {"TRACE": QUIET, "DEBUG": QUIET, "INFO": OTHERS, None: OTHERS}
_NEVER = OTHERS + 1


class Episode(msgspec.Struct, frozen=True):
    """What goes on now: of a spike the `service`, its lines a second and the usual ones; of a lag its seconds and the
    limit. `step` is QUIET, or OTHERS when INFO is sampled too."""

    reason: str
    step: int
    value: float
    usual: float
    service: str = ""


class Shed(msgspec.Struct, frozen=True):
    """As Shaped; `episodes` are those after this batch, whatever came before."""

    table: pa.Table
    kept: pa.BooleanArray | None
    counts: Mapping[tuple[str, str], int]
    episodes: Sequence[Episode]


class _Partition:
    """`reached_us` is the stream's time; `seen_us` the clock's, when something of it came last."""

    __slots__ = ("lag_step", "next_position", "reached_us", "seen_us")

    def __init__(self) -> None:
        self.next_position = self.reached_us = self.seen_us = 0
        self.lag_step = CALM


class Shedding:
    """Not thread-safe, but for `emergency` and `guarded`, which anybody may set."""

    def __init__(self, settings: SheddingTable) -> None:
        self.emergency = self.guarded = False
        self._services = re.compile("|".join(map(fnmatch.translate, settings.services))) if settings.services else None
        self._lag_us = int(settings.lag_seconds * 1_000_000)
        self._window_us = int(settings.window_seconds * 1_000_000)
        self._window_seconds = settings.window_seconds
        self._limits = Limits(
            settings.spike_factor,
            settings.spike_lines_per_second * settings.window_seconds,
            max(1, math.ceil(settings.warm_up_seconds / settings.window_seconds)),
            settings.baseline_seconds / settings.window_seconds,
        )
        self._drop = Drop(_NAME.format(EMERGENCY))
        self._guards_drop = Drop(_NAME.format(DISK))
        # The same salt: what a spike has kept isn't left out by the lag that comes of it.
        self._samples = {name: Sample(_NAME.format(name), settings.keep, "shedding") for name in (SPIKE, LAG)}
        self._partitions: dict[int, _Partition] = {}
        #: The one that was quiet for the longest comes first.
        self._rates: dict[tuple[int, str], Rate] = {}
        self._spiking: set[tuple[int, str]] = set()

    def shed(
        self,
        table: pa.Table,
        kept: pa.BooleanArray | None,
        messages: Sequence[Message],
        lines: Sequence[int],
        now_us: int,
    ) -> Shed:
        """`messages` have so many `lines` each, which are the table's rows in order; those that `kept` leaves out don't
        count, None are all."""
        spots = _Spots(self._partitions, self._window_us, messages, now_us)
        self._look_at_lags(spots, now_us)
        spot = np.repeat(spots.of_message, np.asarray(lines, np.int64))
        step, names, service = self._row_facts(table)
        here = spot > 0
        if kept is not None:
            here &= kept.to_numpy(zero_copy_only=False)
        work = Work(table)
        if self.guarded and (rows := np.flatnonzero(here & (step == QUIET))).size:
            self._guards_drop.run(work, rows)
            here &= work.kept
        if self._services is not None:
            here &= np.array([self._is_for(name) for name in names], bool)[service]
        if self.emergency and (rows := np.flatnonzero(here & (step == QUIET))).size:
            self._drop.run(work, rows)
        if self._limits.factor:
            spiking = self._spiking_rows(spots, names, spot * len(names) + service, step, here)
            if spiking is not None:
                self._sample(work, SPIKE, here & spiking)
                here &= ~spiking
        if any(spots.lag_steps):
            self._sample(work, LAG, here & (step <= np.array(spots.lag_steps)[spot]))
        if not work.counts and work.table is table:
            return Shed(table, kept, {}, self._episodes(now_us))
        mask = work.kept if kept is None else work.kept & kept.to_numpy(zero_copy_only=False)
        return Shed(work.table, pa.array(mask), +work.counts, self._episodes(now_us))

    def idle(self, now_us: int) -> Sequence[Episode]:
        """All that was taken until now has been here: what goes on still."""
        for partition in self._partitions.values():
            partition.reached_us, partition.lag_step = now_us, CALM
        return self._episodes(now_us)

    def _sample(self, work: Work, reason: str, chosen: Bools) -> None:
        if (rows := np.flatnonzero(chosen & work.kept)).size:
            self._samples[reason].run(work, rows)

    def _is_for(self, service: str) -> bool:
        return self._services is None or bool(self._services.fullmatch(service))

    def _row_facts(self, table: pa.Table) -> tuple[Ints, Sequence[str], Ints]:
        """For each row from which step on it is sampled; the services, and for each row which it has."""
        levels, services = table["level"].combine_chunks(), table["service"].combine_chunks()
        steps = np.array([_STEP.get(level, _NEVER) for level in (*levels.dictionary.to_pylist(), None)], np.int64)
        step = steps[_codes(levels)]
        return step, [*services.dictionary.to_pylist(), ""], _codes(services)

    def _look_at_lags(self, spots: _Spots, now_us: int) -> None:
        if not self._lag_us:
            return
        for partition in {id(one): one for one in spots.partition[1:]}.values():
            lag_us = now_us - partition.reached_us
            for step in (QUIET, OTHERS):
                if lag_us > step * self._lag_us:
                    partition.lag_step = max(partition.lag_step, step)
                elif lag_us < step * self._lag_us / 2:
                    partition.lag_step = min(partition.lag_step, step - 1)

    def _spiking_rows(self, spots: _Spots, names: Sequence[str], cell: Ints, step: Ints, here: Bools) -> Bools | None:
        """Counts the rows that are here, by cells: one for each of the spots and services. Which are too many; None
        when none are."""
        counted, others = cell[here], cell[here & (step > QUIET)]
        size = len(spots.keys) * len(names)
        cells: Ints | None = None
        if size > len(cell) + _FEW_CELLS:
            cells, counted = np.unique(counted, return_inverse=True)
            others = np.searchsorted(cells, others)
            size = len(cells)
        lines_of, others_of = np.bincount(counted, minlength=size), np.bincount(others, minlength=size)
        step_of = np.zeros(size, np.int64)
        for at in np.flatnonzero(lines_of).tolist():
            number, service = divmod(at if cells is None else int(cells[at]), len(names))
            step_of[at] = self._counted(spots, number, names[service], int(lines_of[at]), int(others_of[at]))
        if not step_of.any():
            return None
        found = np.zeros(len(cell), bool)
        found[here] = step[here] <= step_of[counted]
        return found

    def _counted(self, spots: _Spots, number: int, service: str, lines: int, others: int) -> int:
        """The step of a service after these lines."""
        partition, window = spots.keys[number]
        key = (partition, service)
        rate = self._rates.pop(key, None) or Rate(window)
        self._rates[key] = rate
        if len(self._rates) > MAX_RATES:
            oldest = next(iter(self._rates))
            del self._rates[oldest]
            self._spiking.discard(oldest)
        rate.add(self._limits, window, self._place(spots.partition[number], window), lines, others)
        if rate.step:
            self._spiking.add(key)
        return rate.step

    def _place(self, partition: _Partition, window: int) -> float:
        """How much of a window is over, from 0 to 1."""
        return min(1.0, partition.reached_us / self._window_us - window)

    def _episodes(self, now_us: int) -> Sequence[Episode]:
        found: dict[str, Episode] = {}
        for key in sorted(self._spiking):
            partition, rate = self._partitions[key[0]], self._rates[key]
            reached_us = partition.reached_us if now_us - partition.seen_us < _GONE_US else now_us
            rate.go_to(self._limits, reached_us // self._window_us)
            if not rate.step:
                self._spiking.discard(key)
                continue
            lines = rate.estimate(self._place(partition, rate.window)) / self._window_seconds
            usual = rate.mean / self._window_seconds
            before = found.get(key[1], Episode(SPIKE, CALM, 0.0, 0.0, key[1]))
            step = max(before.step, rate.step)
            found[key[1]] = Episode(SPIKE, step, before.value + lines, before.usual + usual, key[1])
        lags = [one for one in self._partitions.values() if one.lag_step and now_us - one.seen_us < _GONE_US]
        if lags:
            most_us = now_us - min(one.reached_us for one in lags)
            step = max(one.lag_step for one in lags)
            return [*found.values(), Episode(LAG, step, most_us / 1e6, self._lag_us / 1e6)]
        return list(found.values())


class _Spots:
    """Where the messages of a batch are in the stream: `of_message` has the number of a partition and a window, `keys`
    and `partition` say which; 0 is nowhere, for what isn't looked at."""

    def __init__(
        self, partitions: dict[int, _Partition], window_us: int, messages: Sequence[Message], now_us: int
    ) -> None:
        numbers: dict[tuple[int, int], int] = {}
        self.keys: list[tuple[int, int]] = [(-1, 0)]
        self.partition = [_Partition()]
        self.of_message = np.zeros(len(messages), np.int64)
        for at, message in enumerate(messages):
            partition = partitions.get(message.partition)
            if partition is None:
                partition = partitions[message.partition] = _Partition()
            again = message.position < partition.next_position
            partition.next_position = max(partition.next_position, message.position + 1)
            if again or message.headers.get("replayed") == "1":
                continue
            reached_us = min(max(partition.reached_us, message.timestamp_us), now_us)
            partition.reached_us, partition.seen_us = reached_us, now_us
            key = (message.partition, reached_us // window_us)
            number = numbers.setdefault(key, len(self.keys))
            if number == len(self.keys):
                self.keys.append(key)
                self.partition.append(partition)
            self.of_message[at] = number

    @property
    def lag_steps(self) -> Sequence[int]:
        """By number."""
        return [partition.lag_step for partition in self.partition]


def _codes(column: pa.DictionaryArray) -> Ints:
    """Places in the dictionary; one behind it for null."""
    return np.asarray(column.indices.fill_null(len(column.dictionary)).to_numpy(zero_copy_only=False), np.int64)
