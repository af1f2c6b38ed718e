"""Deliveries in the order in which they are made: for each target so many at the same time, and of one matter one after
the other, as an end that overtakes its firing would leave it open for ever. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from logd.alerts.notify.named import target_id
from logd.alerts.rules import Action
from logd.seams import AlertGroup, Delivery

#: A rule at a target, and a group where the target has a message for each.
Lane = tuple[str, AlertGroup | None]


class Held:
    """A delivery that a process has; `shard` is that of its rule, `target` as target_id has it."""

    def __init__(self, shard: int, delivery: Delivery, action: Action, lane: Lane) -> None:
        self.shard = shard
        self.delivery = delivery
        self.action = action
        self.target = target_id(action)
        self.lane = lane
        #: What became of it is known, and being kept.
        self.over = False


class Lanes:
    """Of one target. Whoever was given one says when it is done."""

    def __init__(self, at_once: int) -> None:
        self._at_once = at_once
        self._lanes: dict[Lane, deque[Held]] = {}
        #: Lanes of which none is under way, in the order in which they come to have one.
        self._ready: deque[Lane] = deque()
        self._busy: set[Lane] = set()
        #: Those that wait, and those that are under way.
        self.many = 0

    def add(self, held: Held) -> None:
        """It waits behind those that were made before it."""
        self.many += 1
        lane = self._lanes.get(held.lane)
        if lane is None:
            lane = self._lanes[held.lane] = deque()
            if held.lane not in self._busy:
                self._ready.append(held.lane)
        place = len(lane)
        while place and lane[place - 1].delivery.made_us > held.delivery.made_us:
            place -= 1
        lane.insert(place, held)

    def next(self) -> Held | None:
        """One that may be made now."""
        if not self._ready or len(self._busy) >= self._at_once:
            return None
        name = self._ready.popleft()
        lane = self._lanes[name]
        held = lane.popleft()
        if not lane:
            del self._lanes[name]
        self._busy.add(name)
        return held

    def done(self, held: Held) -> None:
        """Whatever became of it."""
        self.many -= 1
        self._busy.discard(held.lane)
        if held.lane in self._lanes:
            self._ready.append(held.lane)

    def leave(self, shard: int) -> Iterable[Held]:
        """Those that waited of a shard, which are forgotten."""
        gone = [held for lane in self._lanes.values() for held in lane if held.shard == shard]
        if gone:
            self.many -= len(gone)
            kept = {name: deque(h for h in lane if h.shard != shard) for name, lane in self._lanes.items()}
            self._lanes = {name: lane for name, lane in kept.items() if lane}
            self._ready = deque(name for name in self._ready if name in self._lanes)
        return gone
