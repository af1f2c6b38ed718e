"""Brings the deliveries that wait to their targets, and keeps what became of each.

    record ── hold ──> lanes of a target ── its turn ── Notifier.deliver ── settle
    take ────^                                              │ an attempt: settle, still waiting
    dead letters that are sent again, and what was too many ── looked for in the catalog, now and then

A delivery waits in the catalog until what became of it is kept there. So it is delivered at least once, with the same
id and key, whoever dies between: whoever takes the shard has it in `Watched.deliveries`.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict, deque
from collections.abc import Sequence

import msgspec

from logd.alerts.lanes import Held, Lanes
from logd.alerts.messages import action_of, notification_of
from logd.alerts.notify.attempts import Attempt, Outcome, Result
from logd.alerts.notify.named import by_group
from logd.alerts.notify.notifier import Notifier
from logd.alerts.settling import Settling
from logd.alerts.turns import Turns
from logd.config.alerting import Notify
from logd.errors import Corrupt, Unavailable
from logd.flow.timer import Clock, SystemClock
from logd.seams import AlertHistory, Alerts, Delivery, Pace, shard_of
from logd.telemetry import metrics

logger = logging.getLogger("logd.alerts")
#: Of one target, so that one that is slow keeps no other waiting; some 5 kB each, with the sample lines. What is more
#: waits in the catalog.
MOST_HELD = 500
#: How soon a dead letter is sent again that somebody asked for.
LOOK_SECONDS = 10.0
#: What is under way when it is stopped gets so long: an answer is there in seconds, or won't come.
GRACE_SECONDS = 5.0
_PAGE = 500
#: A look at all that waits takes a twentieth of the time at most.
_PAUSE = 20
#: Longer than any look takes.
_MOST_SETTLED = 10_000


class Teller:
    """Of the shards that a process has. Not thread-safe."""

    def __init__(
        self,
        alerts: Alerts,
        history: AlertHistory,
        notifier: Notifier,
        pace: Pace,
        spare: Pace,
        settings: Notify,
        shards: int,
        clock: Clock | None = None,
        most_held: int = MOST_HELD,
        grace_seconds: float = GRACE_SECONDS,
    ) -> None:
        """`spare` is the pace while `pace` is Unavailable: better told too often than not at all. Closes none of
        them."""
        self._alerts = alerts
        self._history = history
        self._notifier = notifier
        self._settings = settings
        self._shards = shards
        self._clock: Clock = clock or SystemClock()
        self._turns = Turns(pace, spare, history, settings.rate_per_minute, self._clock)
        self._most_held = most_held
        self._grace_seconds = grace_seconds
        self._mine: set[int] = set()
        self._held: dict[str, Held] = {}
        self._under_way: dict[str, asyncio.Task[None]] = {}
        self._targets: dict[str, Lanes] = {}
        #: Those that were settled lately, the last one last: nobody holds them again by an old look.
        self._settled: OrderedDict[str, int] = OrderedDict()
        self._looks = 0
        #: Targets of which older ones wait in the catalog than are held, with the look during which there was no room
        #: the last time: new ones come behind those, by another look.
        self._behind: dict[str, int] = {}
        self._group: asyncio.TaskGroup | None = None
        self._stop = asyncio.Event()

    @property
    def waiting(self) -> int:
        """How many are held and not under way."""
        return len(self._held) - self.sending

    @property
    def sending(self) -> int:
        """How many are under way."""
        return len(self._under_way)

    def hold(self, shard: int, deliveries: Sequence[Delivery]) -> None:
        """Delivers those that wait of a shard that was taken, or that were just recorded. At once; one that is held
        already isn't held twice."""
        self._mine.add(shard)
        for delivery in deliveries:
            if delivery.status == "waiting" and delivery.id not in self._held and delivery.id not in self._settled:
                held = self._made(shard, delivery)
                if held is not None and held.target in self._behind:
                    self._behind[held.target] = self._looks
                elif held is not None:
                    self._put(held)
        self._count()

    def drop(self, shard: int) -> None:
        """The shard is somebody else's, and so is what waits of it. What is under way ends, unsettled."""
        self._mine.discard(shard)
        for lanes in self._targets.values():
            for held in lanes.leave(shard):
                del self._held[held.delivery.id]
        for held in self._held.values():
            if held.shard == shard and not held.over:
                self._under_way[held.delivery.id].cancel()
        self._count()

    async def run(self, stop: asyncio.Event) -> None:
        """Delivers until it is stopped; then what is under way gets a short time, and the rest stays in the catalog."""
        async with asyncio.TaskGroup() as group:
            self._group = group
            group.create_task(self._look_now_and_then(), name="alerter.teller.looks")
            for target in list(self._targets):
                self._start(target)
            try:
                await stop.wait()
            finally:
                self._stop.set()
            await self._end()

    async def _end(self) -> None:
        tasks = list(self._under_way.values())
        late: set[asyncio.Task[None]] = set()
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=self._grace_seconds)
        for task in late:
            task.cancel()
        if late or self.waiting:
            logger.info(
                "%d deliveries of alerts were under way, and %d waited: they go on waiting in the catalog",
                len(late),
                self.waiting,
            )

    def _put(self, held: Held) -> None:
        lanes = self._targets.setdefault(held.target, Lanes(self._settings.concurrency))
        if lanes.many >= self._most_held:
            self._behind[held.target] = self._looks
            return
        self._held[held.delivery.id] = held
        lanes.add(held)
        self._start(held.target)

    def _made(self, shard: int, delivery: Delivery) -> Held | None:
        try:
            action = action_of(delivery)
        except msgspec.ValidationError as error:
            logger.error("the delivery %s of alerts has no action that is one: %s", delivery.id, error)
            return None
        return Held(shard, delivery, action, (delivery.rule_id, delivery.group if by_group(action) else None))

    def _start(self, target: str) -> None:
        """As many as may be under way at a target."""
        lanes = self._targets.get(target)
        while lanes is not None and self._group is not None and not self._stop.is_set():
            held = lanes.next()
            if held is None:
                break
            task = self._group.create_task(self._deliver(held), name="alerter.teller.delivery")
            self._under_way[held.delivery.id] = task
            task.add_done_callback(lambda _, held=held: self._ended(held))  # type: ignore[misc]

    def _ended(self, held: Held) -> None:
        """However it ended; a task that never began has no other end."""
        self._under_way.pop(held.delivery.id, None)
        self._held.pop(held.delivery.id, None)
        lanes = self._targets[held.target]
        lanes.done(held)
        if not lanes.many:
            del self._targets[held.target]
            self._turns.over(held.target)
        else:
            self._start(held.target)
        self._count()

    async def _deliver(self, held: Held) -> None:
        """Ends early, with nothing done, when it is stopped before the target has a turn."""
        try:
            if await self._turns.taken(held, self._stop):
                await self._delivered(held)
        except Exception:
            self._stop.set()  # the process ends: nothing else begins
            raise

    async def _delivered(self, held: Held) -> None:
        settling = Settling(self._alerts, held.delivery, self._clock)

        def seen(attempt: Attempt) -> None:
            settling.add(attempt)
            if attempt.result is Result.FAILED and self._group is not None and not self._stop.is_set():
                self._group.create_task(settling.keep(), name="alerter.teller.attempt")

        try:
            told = notification_of(held.delivery)
        except msgspec.ValidationError as error:
            outcome = Outcome(result=Result.REFUSED, error=f"the notification is damaged: {error}")
        else:
            try:
                outcome = await self._notifier.deliver(held.action, told, seen)
            finally:
                settling.over = True
        held.over = True
        await settling.end(outcome)
        self._settled[held.delivery.id] = self._looks
        while len(self._settled) > _MOST_SETTLED:
            self._settled.popitem(last=False)

    async def _look_now_and_then(self) -> None:
        pause = LOOK_SECONDS
        while True:
            await self._clock.wait(pause, self._stop)
            if self._stop.is_set():
                return
            began = self._clock.monotonic()
            try:
                if self._mine:
                    await self._look()
            except (Unavailable, Corrupt) as error:
                logger.warning("what waits to be delivered can't be looked for: %s", error)
            pause = max(LOOK_SECONDS, (self._clock.monotonic() - began) * _PAUSE)

    async def _look(self) -> None:
        """Holds what waits in the catalog and isn't held, of each target the oldest that there is room for."""
        self._looks += 1
        found: dict[str, deque[Held]] = {}
        before: int | None = None
        while True:
            page = await self._history.deliveries(None, ["waiting"], before, _PAGE)
            for _, delivery in page:
                shard = shard_of(delivery.rule_id, self._shards)
                if shard not in self._mine or delivery.id in self._held:
                    continue
                if (held := self._made(shard, delivery)) is not None:
                    found.setdefault(held.target, deque(maxlen=self._most_held + 1)).append(held)
            if len(page) < _PAGE:
                break
            before = page[-1][0]
        # Who isn't refused again has all that is older from now on.
        self._behind = {target: look for target, look in self._behind.items() if look >= self._looks}
        for held in (held for some in found.values() for held in reversed(some)):
            known = held.delivery.id
            # What was settled since the look began may have been waiting when it was read.
            late = self._settled.get(known, -1) >= self._looks
            if held.shard in self._mine and known not in self._held and not late:
                self._settled.pop(known, None)
                self._put(held)
        self._count()

    def _count(self) -> None:
        metrics.ALERT_DELIVERIES.labels("waiting").set(self.waiting)
        metrics.ALERT_DELIVERIES.labels("sending").set(self.sending)
