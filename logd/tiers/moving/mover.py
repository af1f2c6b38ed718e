"""Moves days of an Elasticsearch between its tiers: one mover at a time, one day at a time, the oldest first."""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

from logd.seams import Boundary
from logd.telemetry import metrics
from logd.tiers.moving.due import Day, days_of, is_expired, past_warm, to_leave, to_leave_early, to_warm
from logd.tiers.moving.ground import Ground, Holder, LeaseLost
from logd.tiers.moving.leaving import Leaving, waiting_of
from logd.tiers.moving.warming import is_warm, warm
from logd.tiers.policy import Retention

log = logging.getLogger("logd.tiers")
LEASE = "tiers.elasticsearch"


class _Now(NamedTuple):
    """What a pass decides by."""

    days: Sequence[Day]
    retention: Retention
    boundaries: dict[str, Boundary]
    today: int

    def of(self, policy: str) -> Boundary:
        """Where it is, at the beginning."""
        return self.boundaries.get(policy, Boundary(policy=policy))


class Mover:
    """Call `step` again and again."""

    def __init__(
        self, ground: Ground, owner: str, *, warm_replicas: int, high_water_percent: float, lease_seconds: float
    ) -> None:
        """`lease_seconds` are longer than a request to Elasticsearch may take."""
        self._ground = ground
        self._holder = Holder(ground, LEASE, owner, lease_seconds)
        self._leaving = Leaving(ground, self._holder)
        self._warm_replicas = warm_replicas
        self._high_water = high_water_percent
        self._moves = False
        self._going = ""
        self._disk_percent = 0.0

    async def step(self) -> bool:
        """Does what can be done now; whether something goes on that is soon to be looked at again. Nothing happens
        while another mover has the lease. Raises Unavailable, and Corrupt for a step that can't be made sense of; what
        was begun is gone on with by the next call, or by another mover."""
        try:
            self._moves = await self._holder.take()
            return self._moves and await self._pass()
        except LeaseLost as error:
            log.warning("%s: it goes on from there", error)
            self._moves = False
            return False

    async def give_up(self) -> None:
        """Another one may begin at once. Raises Unavailable."""
        if self._moves:
            await self._holder.give_up()
        self._moves = False

    def status(self) -> dict[str, Any]:
        """Whether this one moves, what goes on, and what waits for what."""
        return {
            "moves": self._moves,
            "going": self._going or None,
            "waiting": waiting_of(self._leaving.waits),
            "disk_used_percent": round(self._disk_percent, 1),
        }

    async def _pass(self) -> bool:
        ground = self._ground
        boundaries = {one.policy: one for one in await ground.tiering.boundaries()}
        now = _Now(days_of(await ground.indices.all()), await ground.retention(), boundaries, ground.today())
        self._disk_percent = await ground.warm_disk_percent()
        metrics.TIERS_DISK_USED_RATIO.set(self._disk_percent / 100)
        self._going = ""
        touched = await self._leave(now)
        for one in now.days:
            if (one.policy, one.day) not in touched and any(index.of.late and index.blocked for index in one.indices):
                await self._leaving.stay(one)
        await self._warm(now, touched)
        metrics.TIERS_WAITING.set(
            sum((one.policy, one.day) in self._leaving.waits and self._past(now, one) for one in now.days)
        )
        return bool(self._going)

    async def _leave(self, now: _Now) -> Collection[tuple[str, int]]:
        """The days that leave, or are to."""
        due = to_leave(now.days, now.retention, now.boundaries, now.today)
        is_full = self._disk_percent >= self._high_water
        early = [one for one in to_leave_early(now.days, now.boundaries) if one not in due] if is_full else []
        for one in (*due, *early):
            if await self._leaving.go_on(
                one,
                cold_before=now.of(one.policy).cold_before,
                expired=is_expired(one, now.retention, now.today),
            ):
                self._going = f"{' and '.join(index.name for index in one.indices)} leave"
                break
        return {(one.policy, one.day) for one in (*due, *early)}

    async def _warm(self, now: _Now, leave: Collection[tuple[str, int]]) -> None:
        waits = self._leaving.waits
        for one in to_warm(now.days, now.retention, now.today):
            warm_before = now.of(one.policy).warm_before
            is_done = one.day < warm_before and all(is_warm(index, self._warm_replicas) for index in one.indices)
            # What waits for its proof may wait long; what leaves now needn't be moved before.
            if is_done or ((one.policy, one.day) in leave and (one.policy, one.day) not in waits):
                continue
            if why := await warm(self._ground, self._holder, one, self._warm_replicas, warm_before):
                self._going = self._going or why
                return

    def _past(self, now: _Now, one: Day) -> bool:
        return past_warm(one, now.retention, now.today)
