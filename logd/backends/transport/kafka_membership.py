"""How one is a member of a group: how long the others wait, and who is told which partitions are whose."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from aiokafka import ConsumerRebalanceListener, TopicPartition
from aiokafka.coordinator.assignors.sticky.sticky_assignor import StickyPartitionAssignor

from logd.backends.transport.kafka_client import REQUEST_SECONDS

#: What a batch that is under way has to be stored in before its partitions go to somebody else: a few bulks.
REVOKE_SECONDS = 10.0
#: The brokers wait so long for every member to join again; it has to be more than that and less than a request.
_REBALANCE_SECONDS = 30.0
#: Whoever is silent for so long is taken for dead, and its partitions go to the others.
_SESSION_SECONDS = 10.0
#: A member that fetches nothing because its index is away for hours is alive all the same: heartbeats say that.
_POLL_SECONDS = 7 * 86_400
assert REVOKE_SECONDS < _REBALANCE_SECONDS < REQUEST_SECONDS


def membership() -> dict[str, Any]:
    """Options of the driver, for one member of any group."""
    return {
        # The driver keeps in the class what a member had: each member needs one of its own.
        "partition_assignment_strategy": (type("Sticky", (StickyPartitionAssignor,), {}),),
        "session_timeout_ms": int(_SESSION_SECONDS * 1000),
        "rebalance_timeout_ms": int(_REBALANCE_SECONDS * 1000),
        "max_poll_interval_ms": _POLL_SECONDS * 1000,
    }


class Listener(ConsumerRebalanceListener):  # type: ignore[misc]
    """The driver takes no other. It waits for `revoked` before it lets go of partitions."""

    def __init__(
        self,
        revoked: Callable[[Iterable[TopicPartition]], Awaitable[None]],
        assigned: Callable[[Iterable[TopicPartition]], None],
    ) -> None:
        self._revoked = revoked
        self._assigned = assigned

    async def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        await self._revoked(revoked)

    async def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        self._assigned(assigned)
