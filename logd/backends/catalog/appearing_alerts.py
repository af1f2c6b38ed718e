"""Alerts, silences and acknowledgements of a catalog that may not be there yet; see appearing.py."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from logd.backends.catalog.appearing import AppearingFile
from logd.errors import NotFound
from logd.seams import Acknowledgement, Alert, AlertGroup, Delivery, Event, Silence, Watched

if TYPE_CHECKING:
    from logd.backends.catalog.appearing import Opened


class AppearingSilences:
    """The silences in it; see Silences."""

    def __init__(self, file: AppearingFile) -> None:
        self._file = file

    async def create(self, silence: Silence) -> None:
        """See Silences; makes the file."""
        await (await self._file.made()).silences.create(silence)

    async def all(self) -> Sequence[Silence]:
        """See Silences."""
        found = await self._file.if_there()
        return [] if found is None else await found.silences.all()

    async def find(self, silence_id: str) -> Silence | None:
        """See Silences."""
        found = await self._file.if_there()
        return None if found is None else await found.silences.find(silence_id)

    async def delete(self, silence_id: str) -> None:
        """See Silences."""
        await (await _there(self._file, f"silence {silence_id!r}")).silences.delete(silence_id)

    async def close(self) -> None:
        """See Silences."""
        await self._file.close()


class AppearingAcknowledgements:
    """The acknowledgements in it; see Acknowledgements."""

    def __init__(self, file: AppearingFile) -> None:
        self._file = file

    async def put(self, acknowledgement: Acknowledgement) -> None:
        """See Acknowledgements; makes the file."""
        await (await self._file.made()).acknowledgements.put(acknowledgement)

    async def all(self) -> Sequence[Acknowledgement]:
        """See Acknowledgements."""
        found = await self._file.if_there()
        return [] if found is None else await found.acknowledgements.all()

    async def remove(self, rule_id: str, group: tuple[str | None, ...] | None = None) -> int:
        """See Acknowledgements."""
        found = await self._file.if_there()
        return 0 if found is None else await found.acknowledgements.remove(rule_id, group)

    async def close(self) -> None:
        """See Acknowledgements."""
        await self._file.close()


class AppearingAlerts:
    """The alerts in it, for alerters; see Alerts."""

    def __init__(self, file: AppearingFile) -> None:
        self._file = file

    async def take(self, shard: int, shards: int) -> Watched:
        """See Alerts; makes the file."""
        return await (await self._file.made()).alerts.take(shard, shards)

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
        """See Alerts; makes the file."""
        found = await self._file.made()
        await found.alerts.record(shard, epoch, clock_us, alerts, gone, events, deliveries)

    async def settle(self, delivery: Delivery) -> None:
        """See Alerts; makes the file."""
        await (await self._file.made()).alerts.settle(delivery)

    async def close(self) -> None:
        """See Alerts."""
        await self._file.close()


class AppearingAlertHistory:
    """The alerts in it, for people; see AlertHistory."""

    def __init__(self, file: AppearingFile) -> None:
        self._file = file

    async def alerts(self) -> Sequence[Alert]:
        """See AlertHistory."""
        found = await self._file.if_there()
        return [] if found is None else await found.alert_history.alerts()

    async def events(self, rule_id: str | None, before: int | None, limit: int) -> Sequence[tuple[int, Event]]:
        """See AlertHistory."""
        found = await self._file.if_there()
        return [] if found is None else await found.alert_history.events(rule_id, before, limit)

    async def add(self, event: Event) -> None:
        """See AlertHistory; makes the file."""
        await (await self._file.made()).alert_history.add(event)

    async def deliveries(
        self, rule_id: str | None, statuses: Sequence[str], before: int | None, limit: int
    ) -> Sequence[tuple[int, Delivery]]:
        """See AlertHistory."""
        found = await self._file.if_there()
        return [] if found is None else await found.alert_history.deliveries(rule_id, statuses, before, limit)

    async def again(self, delivery_id: str) -> Delivery:
        """See AlertHistory."""
        return await (await _there(self._file, f"delivery {delivery_id!r}")).alert_history.again(delivery_id)

    async def forget(self, before_us: int) -> int:
        """See AlertHistory."""
        found = await self._file.if_there()
        return 0 if found is None else await found.alert_history.forget(before_us)

    async def close(self) -> None:
        """See AlertHistory."""
        await self._file.close()


async def _there(file: AppearingFile, what: str) -> Opened:
    found = await file.if_there()
    if found is None:
        raise NotFound(f"there is no {what}")
    return found
