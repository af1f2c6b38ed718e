"""From warm to the archive alone: an index is deleted when the archive provably has what is in it.

    blocked   its indices take nothing any more; how far the stream went by then is noted: no line in them is behind it
    proved    archive and processors have passed that, and the counts agree: indexed ≤ archived ≤ indexed + what the
              index is known to lack
    leaving   the boundary is advanced: the archive answers, and whoever searches knows it BOUNDARY_SECONDS later
    gone      it is in the history, and the indices are deleted; how many rows they had is kept for late indices

Each is kept before the next begins, so that any other mover goes on from there after a crash. A day that isn't due any
more, as its policy was changed, stays, until its boundary is advanced. Late indices of days that have left go the same
way.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any

import msgspec

from logd.errors import Unavailable
from logd.flow import crash
from logd.seams import BOUNDARY_SECONDS, Boundary
from logd.tiers.moving.due import Day, behind, targets, unproven
from logd.tiers.moving.ground import Ground, Holder

log = logging.getLogger("logd.tiers")


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """How far a day has come, as the catalog keeps it. `indices` are names and uuids, `positions` by partition;
    `by_age`: it is past all days, and no hold had a part of it, so nothing was proved. `reason` is why it stays, as the
    history says it; `gone` are rows of what has left before."""

    phase: str = ""
    indices: Mapping[str, str] = {}
    positions: Mapping[str, int] = {}
    rows: int = 0
    advanced_us: int = 0
    by_age: bool = False
    gone: int = 0
    reason: str = ""

    @property
    def noted(self) -> dict[int, int]:
        """The positions."""
        return {int(partition): position for partition, position in self.positions.items()}


class Leaving:
    """Moves days out; how far each is, and why it waits, is in `waits`."""

    def __init__(self, ground: Ground, holder: Holder) -> None:
        self._ground = ground
        self._holder = holder
        self.waits: dict[tuple[str, int], str] = {}

    async def step_of(self, one: Day) -> Step:
        """How far it has come. Raises Unavailable and Corrupt."""
        return msgspec.convert(await self._ground.tiering.step(one.policy, one.day), Step, strict=False)

    async def go_on(self, one: Day, *, cold_before: int, expired: bool) -> bool:
        """Does with it what can be done now; False when it waits for others, and True when they have to wait for it.
        `cold_before` is the boundary of its policy, `expired` whether it needn't be anywhere. Raises Unavailable and
        LeaseLost."""
        step = await self.step_of(one)
        there = {index.name: index for index in one.indices}
        if step.phase in ("proved", "leaving") and not any(
            name in there and there[name].uuid == uuid for name, uuid in step.indices.items()
        ):
            step = Step(gone=step.gone + step.rows)  # they are gone, and what is here came after that
        elif step.phase == "blocked":
            left = {name: uuid for name, uuid in step.indices.items() if name in there and there[name].uuid == uuid}
            ends = (await self._ground.reached()).ends
            is_other = any(ends.get(partition, 0) < position for partition, position in step.noted.items())
            if is_other or left != step.indices or not all(there[name].blocked for name in left):
                # Somebody else has been there, or the stream was made anew.
                step = Step(gone=step.gone, reason=step.reason)
        if step.by_age and not (expired and not await self._ground.held(one.policy, one.day)):
            # A policy or a hold has saved it meanwhile: now it has to be proved.
            step = msgspec.structs.replace(step, phase="blocked", by_age=False, advanced_us=0)
        if not step.phase:
            step = await self._block(one, step)
        if step.phase == "blocked":
            why, step = await self._prove(one, step, expired)
            if why:
                await self._wait(one, step, why)
                return False
        self.waits.pop((one.policy, one.day), None)
        if step.phase == "proved":
            await self._holder.still()
            if cold_before <= one.day:
                await self._ground.tiering.advance(Boundary(policy=one.policy, cold_before=one.day + 1))
                crash.point("cold.advanced")
            step = msgspec.structs.replace(step, phase="leaving", advanced_us=self._ground.clock_us())
            await self._keep(one, step)
            crash.point("cold.leaving")
        if self._ground.clock_us() < step.advanced_us + BOUNDARY_SECONDS * 1_000_000:
            return True
        await self._holder.still()
        await self._holder.record(one.policy, one.day, "cold", {"indices": list(step.indices), "rows": step.rows})
        crash.point("cold.recorded")
        for name, uuid in step.indices.items():
            await self._holder.still()
            await self._ground.indices.delete(name, uuid)
            crash.point("cold.deleted")
        await self._holder.still()
        await self._keep(one, Step(gone=step.gone + step.rows))
        return True

    async def stay(self, one: Day) -> None:
        """It isn't due any more: what was blocked for it takes late lines again. Raises as go_on."""
        step = await self.step_of(one)
        self.waits.pop((one.policy, one.day), None)
        if step.phase not in ("blocked", "proved"):
            return
        for index in one.indices:
            if index.of.late and index.blocked and index.name in step.indices:
                await self._holder.still()
                await self._ground.indices.unblock(index.name)
        await self._holder.still()
        await self._keep(one, Step(gone=step.gone))

    async def _block(self, one: Day, before: Step) -> Step:
        wanted = targets(one)
        for index in wanted:
            await self._holder.still()
            await self._ground.indices.block(index.name)
            crash.point("cold.blocked")
        # What is in them was in the stream before they were blocked.
        ends = (await self._ground.reached()).ends
        step = Step(
            phase="blocked",
            indices={index.name: index.uuid for index in wanted},
            positions={str(partition): position for partition, position in ends.items()},
            gone=before.gone,
            reason=before.reason,
        )
        await self._holder.still()
        await self._keep(one, step)
        crash.point("cold.noted")
        return step

    async def _prove(self, one: Day, step: Step, expired: bool) -> tuple[str, Step]:
        """Why it isn't proven, empty when it is, and the step as it is kept then."""
        by_age = expired and not await self._ground.held(one.policy, one.day)
        if not by_age and (why := await self._why_not(one, step)):
            return why, step
        rows = await self._ground.indices.count(step.indices)
        proved = msgspec.structs.replace(step, phase="proved", rows=rows, by_age=by_age)
        await self._holder.still()
        await self._keep(one, proved)
        crash.point("cold.proved")
        return "", proved

    async def _why_not(self, one: Day, step: Step) -> str:
        reached = await self._ground.reached()
        if missing := behind(step.noted, reached.processed):
            return f"the processors are {missing:,} messages behind what may be in it"
        if missing := behind(step.noted, reached.archived):
            return f"the archive is {missing:,} messages behind what may be in it"
        archived = await self._ground.archived_rows(one.policy, one.day)
        if archived is None:
            return "its hours aren't all compacted in the archive"
        try:
            indexed = await self._ground.indices.count([index.name for index in one.indices])
        except Unavailable as error:  # a shard of it may be away for long, which is no matter of other days
            return f"its records can't be counted now: {error}"
        gap = await self._ground.tiering.gap(one.policy, one.day)
        return unproven(indexed, archived, gap, step.gone)

    async def _wait(self, one: Day, step: Step, why: str) -> None:
        """Said once: how far behind something is changes all the time."""
        key = (one.policy, one.day)
        kind = "".join(letter for letter in why if not letter.isdigit() and letter != ",")
        if self.waits.get(key) is None:
            log.warning("day %s of policy %s stays in Elasticsearch: %s", text_of(one.day), one.policy, why)
        self.waits[key] = why
        if step.reason != kind:
            await self._holder.still()
            detail = {"why": why, "indices": list(step.indices)}
            await self._holder.record(one.policy, one.day, "kept", detail)
            await self._keep(one, msgspec.structs.replace(step, reason=kind))

    async def _keep(self, one: Day, step: Step) -> None:
        kept: Mapping[str, Any] = msgspec.to_builtins(step)
        await self._ground.tiering.put_step(one.policy, one.day, {} if step == Step() else kept)


def waiting_of(waits: Mapping[tuple[str, int], str]) -> Sequence[dict[str, Any]]:
    """For people."""
    return [
        {"policy": policy, "date": text_of(day), "why": why}
        for (policy, day), why in sorted(waits.items(), key=_by_day)
    ]


def text_of(day: int) -> str:
    """As people write it."""
    return str(date(1970, 1, 1) + timedelta(days=day))


def _by_day(one: tuple[tuple[str, int], str]) -> tuple[int, str]:
    return one[0][1], one[0][0]
