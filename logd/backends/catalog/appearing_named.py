"""Saved searches, alert rules and dashboards of a catalog that may not be there yet; see appearing.py."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Generic, TypeVar

from logd.backends.catalog.appearing import AppearingFile
from logd.errors import NotFound
from logd.seams import AlertRule, Dashboard, SavedSearch

if TYPE_CHECKING:
    from logd.backends.catalog.appearing import Opened
    from logd.backends.catalog.named_rows import NamedRows

T = TypeVar("T", SavedSearch, AlertRule, Dashboard)


class AppearingNamed(Generic[T]):
    """Those of a kind in it, which errors call `what`; see Kept."""

    def __init__(self, file: AppearingFile, what: str, of: Callable[[Opened], NamedRows[T]]) -> None:
        self._file = file
        self._what = what
        self._of: Callable[[Opened], NamedRows[T]] = of

    async def create(self, one: T) -> None:
        """See Kept; makes the file."""
        await self._of(await self._file.made()).create(one)

    async def all(self) -> Sequence[T]:
        """See Kept."""
        found = await self._file.if_there()
        return [] if found is None else await self._of(found).all()

    async def find(self, key: str) -> T | None:
        """See Kept."""
        found = await self._file.if_there()
        return None if found is None else await self._of(found).find(key)

    async def update(self, one: T) -> T:
        """See Kept."""
        return await (await self._there(one.id)).update(one)

    async def delete(self, key: str, version: int) -> None:
        """See Kept."""
        await (await self._there(key)).delete(key, version)

    async def close(self) -> None:
        """See Kept."""
        await self._file.close()

    async def _there(self, key: str) -> NamedRows[T]:
        found = await self._file.if_there()
        if found is None:
            raise NotFound(f"there is no {self._what} {key!r}")
        return self._of(found)


def appearing_saved(file: AppearingFile) -> AppearingNamed[SavedSearch]:
    """The saved searches in it."""
    return AppearingNamed(file, "saved search", lambda found: found.saved)


def appearing_alert_rules(file: AppearingFile) -> AppearingNamed[AlertRule]:
    """The alert rules in it."""
    return AppearingNamed(file, "alert rule", lambda found: found.alert_rules)


def appearing_dashboards(file: AppearingFile) -> AppearingNamed[Dashboard]:
    """The dashboards in it."""
    return AppearingNamed(file, "dashboard", lambda found: found.dashboards)
