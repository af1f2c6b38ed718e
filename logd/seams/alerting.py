"""What fires, what became of it, and who has to be told: what every place that alerters share it in must guarantee."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any, Protocol

import msgspec

AlertGroup = tuple[str | None, ...]


def shard_of(rule_id: str, shards: int) -> int:
    """Which of so many shards a rule is in, from 0. Alerters share the rules by shards."""
    return zlib.crc32(rule_id.encode()) % shards


class AlertStage(StrEnum):
    """Of a group that isn't inactive; RESOLVED has fired."""

    PENDING = "pending"
    FIRING = "firing"
    RESOLVED = "resolved"


class Alert(msgspec.Struct, frozen=True, kw_only=True):
    """A group of a rule whose condition is true, or was lately. `since_us` is since when it was true, `fired_us` when
    it fired, `ended_us` when it was resolved; `value` is the last, of the window that ended at `at_us`. `samples` are
    records by their names on the wire, five at most. `told_us` is when people were last told that it fires, `told` how
    often since it fired, `told_to` which targets were (notify.named.target_id), `told_end` that they know it is over.
    `spoken_us` is when anything was last said of it, `held` why people aren't told what they should be: an event's
    `what`, empty for nothing. Times are Unix µs, by the records, but for `told_us` and `spoken_us`."""

    rule_id: str
    rule: str
    group: AlertGroup = ()
    severity: str = "error"
    labels: Mapping[str, str] = {}
    stage: AlertStage
    since_us: int
    fired_us: int | None = None
    ended_us: int | None = None
    value: float
    at_us: int
    samples: Sequence[Mapping[str, Any]] = ()
    told_us: int | None = None
    told: int = 0
    told_to: tuple[str, ...] = ()
    told_end: bool = False
    spoken_us: int | None = None
    held: str = ""


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """What happened to an alert at a time, for people who ask later: `what` is a word as "firing", "resolved",
    "silenced", "inhibited", "acknowledged" or "groups_full"; `why` and `by` are for people."""

    at_us: int
    rule_id: str
    rule: str
    group: AlertGroup = ()
    what: str
    value: float | None = None
    why: str = ""
    by: str = ""


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """A message to one target. `id` is the same for all attempts and for nothing else. `target` is for people, without
    secrets; `action` is the rule's (alerts.rules.Action as JSON has it), `notification` what is said
    (alerts.notify.Notification). `status` is "waiting", "delivered", "refused" or "failed"; the last two are dead
    letters. `attempts` are those that were made."""

    id: str
    rule_id: str
    rule: str
    group: AlertGroup = ()
    target: str
    action: Mapping[str, Any]
    notification: Mapping[str, Any]
    status: str = "waiting"
    attempts: Sequence[Mapping[str, Any]] = ()
    made_us: int
    settled_us: int | None = None


class Watched(msgspec.Struct, frozen=True, kw_only=True):
    """A shard as it was left: `epoch` is of who has it now, `clock_us` up to when windows were decided, None for none;
    its alerts, and the deliveries that wait."""

    epoch: int
    clock_us: int | None
    alerts: Sequence[Alert] = ()
    deliveries: Sequence[Delivery] = ()


class Alerts(Protocol):
    """Alerts of all rules, and messages to be delivered. Several processes may use them at the same time. Every call
    raises Unavailable when it can't be done now."""

    async def take(self, shard: int, shards: int) -> Watched:
        """A shard, for who asks: whoever had it before can't record any more."""
        ...

    async def record(
        self,
        shard: int,
        epoch: int,
        clock_us: int | None,
        alerts: Sequence[Alert] = (),
        gone: Sequence[tuple[str, AlertGroup]] = (),
        events: Sequence[Event] = (),
        deliveries: Sequence[Delivery] = (),
    ) -> None:
        """Keeps all of it or nothing, durably: alerts and deliveries in the place of what has the same rule and group,
        or the same id; those that are `gone` are forgotten. None leaves the clock. Raises Conflict when the shard was
        taken by somebody else."""
        ...

    async def settle(self, delivery: Delivery) -> None:
        """Keeps what became of a delivery, durably, whoever has its shard. One that isn't known is kept too. What was
        delivered stays so, and none waits again that was settled: who says that it isn't was overtaken."""
        ...

    async def close(self) -> None:
        """Releases everything."""
        ...


class AlertHistory(Protocol):
    """The same, for people who ask. Every call raises Unavailable when it can't be done now. A damaged row is left out,
    and logged."""

    async def alerts(self) -> Sequence[Alert]:
        """All that are kept; those that fired last come first, then pending ones, the last first."""
        ...

    async def events(self, rule_id: str | None, before: int | None, limit: int) -> Sequence[tuple[int, Event]]:
        """The newest first, below a number if it is given, of a rule or of all; each with its number, which rises."""
        ...

    async def add(self, event: Event) -> None:
        """Keeps it, durably."""
        ...

    async def deliveries(
        self, rule_id: str | None, statuses: Sequence[str], before: int | None, limit: int
    ) -> Sequence[tuple[int, Delivery]]:
        """As events; of these statuses, or of all where none is given."""
        ...

    async def again(self, delivery_id: str) -> Delivery:
        """A dead letter waits to be delivered once more. Raises NotFound, and Conflict when it is none."""
        ...

    async def forget(self, before_us: int) -> int:
        """Removes events, and deliveries that don't wait, of before a time; how many there were."""
        ...
