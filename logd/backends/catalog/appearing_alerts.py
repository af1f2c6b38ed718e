"""Alert rules, silences and acknowledgements of a catalog that may not be there yet; see appearing.py."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from logd.backends.catalog.appearing import AppearingFile
from logd.errors import ConfigError, Corrupt, NotFound
from logd.seams import Acknowledgement, AlertRule, Silence

if TYPE_CHECKING:
    from logd.backends.catalog.appearing import Opened


class AppearingAlertRules:
    """The rules in it; see AlertRules."""

    def __init__(self, file: AppearingFile) -> None:
        self._file = file

    async def create(self, rule: AlertRule) -> None:
        """See AlertRules; makes the file."""
        await (await _made(self._file)).alert_rules.create(rule)

    async def all(self) -> Sequence[AlertRule]:
        """See AlertRules."""
        found = await self._file.if_there()
        return [] if found is None else await found.alert_rules.all()

    async def find(self, key: str) -> AlertRule | None:
        """See AlertRules."""
        found = await self._file.if_there()
        return None if found is None else await found.alert_rules.find(key)

    async def update(self, rule: AlertRule) -> AlertRule:
        """See AlertRules."""
        return await (await _there(self._file, f"alert rule {rule.id!r}")).alert_rules.update(rule)

    async def delete(self, rule_id: str, version: int) -> None:
        """See AlertRules."""
        await (await _there(self._file, f"alert rule {rule_id!r}")).alert_rules.delete(rule_id, version)

    async def close(self) -> None:
        """See AlertRules."""
        await self._file.close()


class AppearingSilences:
    """The silences in it; see Silences."""

    def __init__(self, file: AppearingFile) -> None:
        self._file = file

    async def create(self, silence: Silence) -> None:
        """See Silences; makes the file."""
        await (await _made(self._file)).silences.create(silence)

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
        await (await _made(self._file)).acknowledgements.put(acknowledgement)

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


async def _made(file: AppearingFile) -> Opened:
    try:
        return await file.open()
    except ConfigError as error:
        raise Corrupt(str(error)) from error


async def _there(file: AppearingFile, what: str) -> Opened:
    found = await file.if_there()
    if found is None:
        raise NotFound(f"there is no {what}")
    return found
