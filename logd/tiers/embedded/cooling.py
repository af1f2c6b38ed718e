"""Days of the embedded index on their way into the archive, an hour at a time, oldest first.

    begun      the segments that are moved are noted: from now on they aren't merged
    each hour  rows in order of time → files in the archive's store → a manifest that names them → Archive.add
    counted    rows that were read = rows of the segments, and of what was written = what was read
    advanced   the policy's boundary passes the day: searches take it from the archive alone
    waited     BOUNDARY_SECONDS: whoever still asks the segments has the day from them
    removed    the segments go, in one transaction of the manifest

After a crash at any step it goes on there: an hour that has its manifest is in the archive, or is added again, which
changes nothing; what an hour without one has written is garbage. Lines that come for a day before the boundary are
hidden in the index, and moved the same way, without the wait.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sqlite3
import threading
import uuid
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple, Protocol

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from logd.errors import LogdError, Unavailable
from logd.flow import crash
from logd.flow.clock import now_us
from logd.seams import BOUNDARY_SECONDS, Archive, ArchivedFile, Boundary, Move, Tiering
from logd.store import merge
from logd.store.inventory import Inventory
from logd.store.segments import DAY_US, Segment, unified
from logd.telemetry import metrics
from logd.tiers.holding import may_hold
from logd.tiers.terms import ReadTerms

log = logging.getLogger("logd.archiver")
_HOUR_US = DAY_US // 24
#: Of a file, as it is written: it is sorted in memory. An hour with more has several.
_FILE_ROWS = 131_072
_FILE_BYTES = 32 * 1024 * 1024
_RETRY_SECONDS = 60.0
#: Lines that come late for days in the archive are moved together, as often as this.
_LATE_SECONDS = 60.0
_Day = tuple[str, int]


class Hours(Protocol):
    """How an hour gets into the archive's store; in the end it is named by a manifest."""

    async def put(self, policy: str, day: int, hour: int, rows: pa.Table) -> ArchivedFile:
        """The rows, in any order, as a new file with its skip index, durable. Raises Unavailable."""
        ...

    async def name(self, policy: str, day: int, manifest_id: str, files: Sequence[ArchivedFile]) -> None:
        """Puts the manifest that says that these are part of the archive. Raises Unavailable, and Conflict when it is
        there already."""
        ...

    async def named(self, policy: str, day: int, manifest_id: str) -> Sequence[ArchivedFile] | None:
        """What `name` has put, None for nothing. Raises Unavailable, and Corrupt when it is damaged."""
        ...


class Step(msgspec.Struct, kw_only=True):
    """How far a move has come, as Tiering keeps it. `hours`: those that are in the archive, with the rows that were
    read and written. `advanced_us` is when the boundary was advanced, 0 before."""

    id: str
    segments: list[int]
    hours: dict[str, tuple[int, int]] = {}
    advanced_us: int = 0
    late: bool = False


class Halted(Exception):
    """The process is stopping."""


class Due(NamedTuple):
    """A day to move, with its segments. `late`: the boundary is past it."""

    policy: str
    day: int
    segments: Sequence[Segment]
    late: bool


class Cooling:
    """Moves one day at a time; one caller at a time. Without days that are due it costs nothing."""

    def __init__(
        self,
        inventory: Inventory,
        terms: ReadTerms,
        archive: Archive,
        tiering: Tiering,
        hours: Hours,
        *,
        owner: str = "",
        early: Callable[[], bool] = lambda: False,
        clock: Callable[[], int] = now_us,
        wait_seconds: float = BOUNDARY_SECONDS,
        late_seconds: float = _LATE_SECONDS,
    ) -> None:
        self._inventory = inventory
        self._terms = terms
        self._archive = archive
        self._tiering = tiering
        self._hours = hours
        self._owner = owner
        #: Whether warm days leave before their time: the disk is nearly full, and the archive is elsewhere.
        self._early = early
        self._clock = clock
        self._wait_us = int(wait_seconds * 1_000_000)
        self._late_us = int(late_seconds * 1_000_000)
        self._thread = ThreadPoolExecutor(1, "index.cooling")
        self._halted = threading.Event()
        #: When lines of a day in the archive were moved last.
        self._moved_us: dict[_Day, int] = {}
        self._boundaries: dict[str, Boundary] | None = None
        #: The days whose boundary is advanced wait here, and the next one is begun meanwhile.
        self._under_way: dict[_Day, Step] = {}
        self._asked: set[_Day] = set()
        self._days = self._rows = 0
        #: Until it is known which are on their way: merged, their rows would go there again.
        inventory.moving = frozenset(segment.id for segment in inventory.segments)
        self._recalled = False

    async def step(self) -> bool:
        """The next piece of work; False when there is none now. Raises Unavailable: it is tried again."""
        try:
            await self._recall()
            for one in await self._due():
                if await self._go_on(one):
                    return True
            return False
        except Halted:
            return False
        except Unavailable:
            raise
        except (LogdError, OSError, sqlite3.Error, pa.ArrowException) as error:
            raise Unavailable(f"days can't be moved into the archive: {error}", _RETRY_SECONDS) from error

    def halt(self) -> None:
        """A step that is under way ends soon."""
        self._halted.set()

    async def close(self) -> None:
        """Waits for the end of the step that is under way."""
        self.halt()
        await asyncio.to_thread(self._thread.shutdown)

    @property
    def waits(self) -> bool:
        """Whether segments go once who still asks them has ended."""
        return any(step.advanced_us for step in self._under_way.values())

    def status(self) -> dict[str, Any]:
        """For people."""
        under_way = [
            {"policy": policy, "day": day, "hours": len(step.hours), "waits": step.advanced_us > 0}
            for (policy, day), step in self._under_way.items()
        ]
        return {"days": self._days, "rows": self._rows, "under_way": under_way}

    async def _recall(self) -> None:
        """What another process has begun with days before the boundary."""
        if self._recalled:
            return
        boundaries = await self._known_boundaries()
        for policy, day in {(one.policy, one.day) for one in self._inventory.segments}:
            if policy in boundaries and day < boundaries[policy].cold_before:
                await self._ask((policy, day))
        self._recalled = True
        self._freeze()

    async def _ask(self, key: _Day) -> Step | None:
        """How far another process has come with the day."""
        kept = await self._tiering.step(*key)
        self._asked.add(key)
        if kept:
            self._under_way[key] = msgspec.convert(kept, Step)
            self._freeze()
        return self._under_way.get(key)

    async def _due(self) -> list[Due]:
        """By policy and day, the oldest first."""
        terms = await self._terms()
        boundaries, early = await self._known_boundaries(), self._early()
        found: dict[_Day, list[Segment]] = {}
        for segment in self._inventory.segments:
            found.setdefault((segment.policy, segment.day), []).append(segment)
        due: list[Due] = []
        nothing: dict[_Day, list[Segment]] = {key: [] for key in self._under_way}  # all has gone already
        for key, segments in sorted({**nothing, **found}.items(), key=lambda one: one[0][1]):
            policy, day = key
            if day < (terms.expired_before(policy) or 0) and not (key in self._under_way or may_hold(terms.holds, day)):
                continue  # it goes anyway
            cold = terms.cold_before(policy)
            if cold is not None and early:
                cold = max(cold, terms.warm_before(policy))
            late = day < boundaries.get(policy, Boundary(policy=policy)).cold_before
            if late or (cold is not None and day < cold) or key in self._under_way:
                due.append(Due(policy, day, segments, late))
        return due

    async def _known_boundaries(self) -> dict[str, Boundary]:
        """Nobody else moves days out of these segments, so they are read once."""
        if self._boundaries is None:
            self._boundaries = {one.policy: one for one in await self._tiering.boundaries()}
        return self._boundaries

    async def _go_on(self, due: Due) -> bool:
        """False when there is nothing to do for the day now."""
        key = due.policy, due.day
        step = self._under_way.get(key)
        if step is None and key not in self._asked:
            step = await self._ask(key)
        if step is None:
            if due.late and self._clock() - self._moved_us.get(key, 0) < self._late_us:
                return False
            return await self._begin(due)
        there = {segment.id: segment for segment in due.segments}
        moved = [there[number] for number in step.segments if number in there]
        if step.advanced_us:
            if not step.late and self._clock() - step.advanced_us < self._wait_us:
                return False
            await self._remove(due, step, moved)
            return True
        if len(moved) < len(step.segments) and not self._were_put_aside(step, there):
            await self._begin_again(due, step)
            return True
        for hour in range(24):
            if str(hour) not in step.hours:
                await self._move_hour(due, step, moved, hour)
                return True
        await self._advance(due, step, moved)
        return True

    async def _begin(self, due: Due) -> bool:
        step = Step(id=uuid.uuid4().hex[:12], segments=[segment.id for segment in due.segments], late=due.late)
        await self._keep(due, step)  # before anything of it is in the archive, or who comes next wouldn't know of that
        crash.point("cooling.begun")
        self._under_way[due.policy, due.day] = step
        self._freeze()
        log.info("%d segments of %s and day %d go into the archive", len(due.segments), due.policy, due.day)
        return True

    async def _move_hour(self, due: Due, step: Step, segments: Sequence[Segment], hour: int) -> None:
        """Damage is put aside first, and when it is met: it must not be copied to where its checksum would be right."""
        with self._inventory.lease():
            if not step.hours and await self._put_damaged_aside(segments):
                return
            try:
                counts = await self._moved_hour(due, step.id, segments, hour)
            except (OSError, pa.ArrowException):
                if await self._put_damaged_aside(segments):
                    return
                raise
        step.hours[str(hour)] = counts
        await self._keep(due, step)
        crash.point("cooling.hour")

    async def _moved_hour(self, due: Due, move_id: str, segments: Sequence[Segment], hour: int) -> tuple[int, int]:
        """The hour is in the archive: rows that were read, and that were written."""
        start = due.day * DAY_US + hour * _HOUR_US
        within = [one for one in segments if one.max_us >= start and one.min_us < start + _HOUR_US]
        if not within:
            return 0, 0
        manifest_id = f"{move_id}-{hour:02d}"
        files = await self._hours.named(due.policy, due.day, manifest_id)
        if files is None:
            files, read = await self._written(due, within, hour)
            if not files:
                return 0, 0
            await self._hours.name(due.policy, due.day, manifest_id, files)
            crash.point("cooling.manifest")
        else:
            root = self._inventory.root
            read = await self._in_thread(merge.count_between, root, within, start, start + _HOUR_US)
        await self._archive.add(files)
        crash.point("cooling.added")
        return read, sum(file.rows for file in files)

    async def _written(self, due: Due, segments: Sequence[Segment], hour: int) -> tuple[list[ArchivedFile], int]:
        """Files with the rows of the hour, and how many rows were read."""
        files: list[ArchivedFile] = []
        read = 0
        async with contextlib.aclosing(self._tables(segments, due.day * DAY_US + hour * _HOUR_US)) as tables:
            async for rows in tables:
                distinct = _distinct(rows)
                file = await self._hours.put(due.policy, due.day, hour, distinct)
                if file.rows != len(distinct):
                    raise Unavailable(f"{file.name} has {file.rows} rows of {len(distinct)}", _RETRY_SECONDS)
                files.append(file)
                read += len(rows)
                crash.point("cooling.file")
        return files, read

    async def _put_damaged_aside(self, segments: Sequence[Segment]) -> bool:
        damaged = await self._inventory.damage_among(segments)
        if damaged:
            await self._inventory.put_aside(damaged)
        return bool(damaged)

    async def _tables(self, segments: Sequence[Segment], start: int) -> AsyncGenerator[pa.Table]:
        """The rows of an hour, as many as one file has."""
        with contextlib.closing(merge.rows_between(self._inventory.root, segments, start, start + _HOUR_US)) as tables:
            held: list[pa.Table] = []
            while (table := await self._in_thread(next, tables, None)) is not None:
                held.append(table)
                if sum(map(len, held)) >= _FILE_ROWS or sum(one.nbytes for one in held) >= _FILE_BYTES:
                    yield unified(held)
                    held = []
            if held:
                yield unified(held)

    async def _advance(self, due: Due, step: Step, segments: Sequence[Segment]) -> None:
        """Once the counts are right, the archive answers for the day."""
        read = sum(rows for rows, _ in step.hours.values())
        stored = sum(segment.rows for segment in segments)
        # Of what was put aside meanwhile, some may have been read before.
        if read < stored or (read > stored and len(segments) == len(step.segments)):
            await self._begin_again(due, step)
            raise Unavailable(
                f"{stored} rows of {due.policy} and day {due.day} are in segments, but {read} were read: it is not "
                "moved, and tried again",
                _RETRY_SECONDS,
            )
        if not due.late:
            boundary = Boundary(policy=due.policy, cold_before=due.day + 1)
            await self._tiering.advance(boundary)
            crash.point("cooling.advanced")
            boundaries = await self._known_boundaries()
            known = boundaries.get(due.policy, boundary)
            boundaries[due.policy] = msgspec.structs.replace(known, cold_before=max(known.cold_before, due.day + 1))
        step.advanced_us = self._clock()
        await self._keep(due, step)
        crash.point("cooling.waiting")

    async def _remove(self, due: Due, step: Step, segments: Sequence[Segment]) -> None:
        await self._inventory.remove(segments, "archive")
        rows = sum(written for _, written in step.hours.values())
        detail: Mapping[str, Any] = {"segments": len(step.segments), "rows": rows, "late": step.late}
        move = Move(at_us=now_us(), policy=due.policy, day=due.day, what="cold", by=self._owner, detail=detail)
        await self._tiering.record(move)
        crash.point("cooling.recorded")
        await self._forget(due)
        crash.point("cooling.forgotten")
        self._days += 1
        self._rows += rows
        metrics.COLD_ROWS.inc(rows)
        self._moved_us[due.policy, due.day] = self._clock()

    async def _begin_again(self, due: Due, step: Step) -> None:
        """With what there is now; what is in the archive of the move so far is taken out again: nobody was told."""
        there = {file.name for file in await self._archive.files(due.policy, due.day)}
        for hour in range(24):
            files = await self._hours.named(due.policy, due.day, f"{step.id}-{hour:02d}") or ()
            if removed := [file.name for file in files if file.name in there]:
                await self._archive.add((), removed)
        log.warning("the move of %s and day %d into the archive begins again", due.policy, due.day)
        await self._forget(due)

    async def _forget(self, due: Due) -> None:
        await self._tiering.put_step(due.policy, due.day, {})
        self._under_way.pop((due.policy, due.day), None)
        self._freeze()

    async def _keep(self, due: Due, step: Step) -> None:
        await self._tiering.put_step(due.policy, due.day, msgspec.to_builtins(step))

    def _freeze(self) -> None:
        self._inventory.moving = frozenset(number for step in self._under_way.values() for number in step.segments)

    def _were_put_aside(self, step: Step, there: Mapping[int, Segment]) -> bool:
        """Whether those that are missing were damaged: their rows are nowhere else."""
        aside = {int(one.file.rpartition("/")[2].partition(".")[0]) for one in self._inventory.quarantined}
        return {number for number in step.segments if number not in there} <= aside

    async def _in_thread(self, function: Callable[..., Any], *arguments: Any) -> Any:
        if self._halted.is_set():
            raise Halted
        return await asyncio.get_running_loop().run_in_executor(self._thread, function, *arguments)


def _distinct(rows: pa.Table) -> pa.Table:
    """Without those whose log_id is that of the row before: they are by time and log_id."""
    if len(rows) < 2:
        return rows
    ids = rows["log_id"].combine_chunks()
    other = pc.not_equal(ids[1:], ids[:-1]).to_numpy(zero_copy_only=False)
    return rows if other.all() else rows.filter(pa.array(np.concatenate([[True], other])))
