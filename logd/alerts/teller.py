"""Brings the deliveries that wait to their targets, and keeps what became of each."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from logd.alerts.notify.notifier import Notifier
from logd.config.alerting import Notify
from logd.flow.timer import Clock
from logd.seams import AlertHistory, Alerts, Delivery, Pace


class Teller:
    """Of the shards that a process has. A delivery that was held is delivered at least once, by whoever has its shard:
    it waits in the catalog until what became of it is kept there."""

    def __init__(
        self,
        alerts: Alerts,
        history: AlertHistory,
        notifier: Notifier,
        pace: Pace,
        settings: Notify,
        shards: int,
        clock: Clock | None = None,
    ) -> None:
        """Closes none of them."""

    def hold(self, shard: int, deliveries: Sequence[Delivery]) -> None:
        """Those that wait of a shard that was taken, or that were just recorded. At once; one that is held already
        isn't held twice."""

    def drop(self, shard: int) -> None:
        """The shard is somebody else's: what waits is theirs, and what is under way ends at once, unsettled."""

    async def run(self, stop: asyncio.Event) -> None:
        """Delivers until it is stopped; then what is under way gets a short time, and the rest stays in the catalog."""
