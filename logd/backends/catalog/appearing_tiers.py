"""Retention policies and legal holds of a catalog that may not be there yet; see appearing.py."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from logd.backends.catalog.appearing import AppearingFile
from logd.errors import NotFound
from logd.seams import LegalHold, RetentionPolicy

if TYPE_CHECKING:
    from logd.backends.catalog.appearing import Opened


class AppearingRetention:
    """The policies in it; see RetentionPolicies."""

    def __init__(self, file: AppearingFile) -> None:
        self._file = file

    async def all(self) -> Sequence[RetentionPolicy]:
        """See RetentionPolicies."""
        found = await self._file.if_there()
        return [] if found is None else await found.retention.all()

    async def history(self) -> Sequence[RetentionPolicy]:
        """See RetentionPolicies."""
        found = await self._file.if_there()
        return [] if found is None else await found.retention.history()

    async def create(self, policy: RetentionPolicy) -> RetentionPolicy:
        """See RetentionPolicies; makes the file."""
        return await (await self._file.made()).retention.create(policy)

    async def replace(self, policy: RetentionPolicy) -> RetentionPolicy:
        """See RetentionPolicies."""
        return await (await _there(self._file, f"retention policy {policy.name!r}")).retention.replace(policy)

    async def delete(self, name: str, version: int, until_us: int) -> None:
        """See RetentionPolicies."""
        await (await _there(self._file, f"retention policy {name!r}")).retention.delete(name, version, until_us)


class AppearingHolds:
    """The holds in it; see LegalHolds."""

    def __init__(self, file: AppearingFile) -> None:
        self._file = file

    async def all(self) -> Sequence[LegalHold]:
        """See LegalHolds."""
        found = await self._file.if_there()
        return [] if found is None else await found.holds.all()

    async def create(self, hold: LegalHold) -> None:
        """See LegalHolds; makes the file."""
        await (await self._file.made()).holds.create(hold)

    async def release(self, hold_id: str, by: str, at_us: int) -> LegalHold:
        """See LegalHolds."""
        return await (await _there(self._file, f"legal hold {hold_id!r}")).holds.release(hold_id, by, at_us)


async def _there(file: AppearingFile, what: str) -> Opened:
    found = await file.if_there()
    if found is None:
        raise NotFound(f"there is no {what}")
    return found
