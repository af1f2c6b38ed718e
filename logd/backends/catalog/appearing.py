"""A catalog that isn't there until somebody creates a token, saves a search, makes a rule or the like: so nobody pays
for SQLAlchemy who has none of them.

SQLAlchemy takes 20 MB and a quarter of a second; it is loaded, in a thread, when there is a file.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from logd.errors import ConfigError, Corrupt, NotFound
from logd.tokens import Token

if TYPE_CHECKING:
    from logd.backends.catalog.agents import CatalogAgents
    from logd.backends.catalog.alert_history import CatalogAlertHistory
    from logd.backends.catalog.alerts import CatalogAlerts
    from logd.backends.catalog.archive import CatalogArchive
    from logd.backends.catalog.holds import CatalogHolds
    from logd.backends.catalog.leases import CatalogLeases
    from logd.backends.catalog.named_rows import NamedRows
    from logd.backends.catalog.restores import CatalogRestores
    from logd.backends.catalog.retention import CatalogRetention
    from logd.backends.catalog.silences import CatalogAcknowledgements, CatalogSilences
    from logd.backends.catalog.tiering import CatalogTiering
    from logd.backends.catalog.tokens import CatalogTokens
    from logd.seams import AlertRule, Dashboard, SavedSearch


class Opened(NamedTuple):
    """What is in the file, over one connection, which any of them closes."""

    tokens: CatalogTokens
    saved: NamedRows[SavedSearch]
    alert_rules: NamedRows[AlertRule]
    silences: CatalogSilences
    acknowledgements: CatalogAcknowledgements
    alerts: CatalogAlerts
    alert_history: CatalogAlertHistory
    archive: CatalogArchive
    tiering: CatalogTiering
    leases: CatalogLeases
    restores: CatalogRestores
    retention: CatalogRetention
    holds: CatalogHolds
    dashboards: NamedRows[Dashboard]
    agents: CatalogAgents


class AppearingFile:
    """The SQLite catalog at `path`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._found: Opened | None = None
        self._opening = asyncio.Lock()

    async def open_if_there(self) -> None:
        """What a start does. Raises ConfigError when the file is there and can't be used."""
        if self.path.exists():
            await self.open()

    async def open(self) -> Opened:
        """Makes it if need be. Raises ConfigError when it can't be used."""
        async with self._opening:
            if self._found is None:
                self._found = await (await asyncio.to_thread(_load))(self.path)
            return self._found

    async def if_there(self) -> Opened | None:
        """Raises Corrupt when a file that came after the start can't be used."""
        if self._found is None and not self.path.exists():
            return None
        return await self.made()

    async def made(self) -> Opened:
        """As `open`; raises Corrupt when it can't be used."""
        try:
            return await self.open()
        except ConfigError as error:
            raise Corrupt(str(error)) from error

    async def close(self) -> None:
        """Closes the connection; more than once does no harm."""
        if self._found is not None:
            await self._found.tokens.close()


class AppearingTokens:
    """The tokens in it; see Tokens."""

    def __init__(self, file: AppearingFile) -> None:
        self._file = file

    async def create(self, token: Token) -> None:
        """See Tokens; makes the file. Raises ConfigError when it can't be used."""
        await (await self._file.open()).tokens.create(token)

    async def all(self) -> Sequence[Token]:
        """See Tokens."""
        found = await self._file.if_there()
        return [] if found is None else await found.tokens.all()

    async def find(self, token_id: str) -> Token | None:
        """See Tokens."""
        found = await self._file.if_there()
        return None if found is None else await found.tokens.find(token_id)

    async def revoke(self, token_id: str, at_us: int) -> Token:
        """See Tokens."""
        found = await self._file.if_there()
        if found is None:
            raise NotFound(f"there is no token {token_id!r}: {self._file.path} does not exist")
        return await found.tokens.revoke(token_id, at_us)

    async def ever(self) -> bool:
        """See Tokens."""
        found = await self._file.if_there()
        return found is not None and await found.tokens.ever()

    async def close(self) -> None:
        """See Tokens."""
        await self._file.close()


def _load() -> Callable[[Path], Awaitable[Opened]]:
    """Imported in a thread: a quarter of a second, in which others are answered."""
    from logd.backends.catalog.agents import CatalogAgents
    from logd.backends.catalog.alert_history import CatalogAlertHistory
    from logd.backends.catalog.alert_rules import catalog_alert_rules
    from logd.backends.catalog.alerts import CatalogAlerts
    from logd.backends.catalog.archive import CatalogArchive
    from logd.backends.catalog.dashboards import catalog_dashboards
    from logd.backends.catalog.holds import CatalogHolds
    from logd.backends.catalog.leases import CatalogLeases
    from logd.backends.catalog.restores import CatalogRestores
    from logd.backends.catalog.retention import CatalogRetention
    from logd.backends.catalog.saved import catalog_saved
    from logd.backends.catalog.silences import CatalogAcknowledgements, CatalogSilences
    from logd.backends.catalog.sqlite_file import SqliteFile
    from logd.backends.catalog.tiering import CatalogTiering
    from logd.backends.catalog.tokens import CatalogTokens

    async def opened(path: Path) -> Opened:
        file = await SqliteFile.open(path)
        return Opened(
            CatalogTokens(file),
            catalog_saved(file),
            catalog_alert_rules(file),
            CatalogSilences(file),
            CatalogAcknowledgements(file),
            CatalogAlerts(file),
            CatalogAlertHistory(file),
            CatalogArchive(file),
            CatalogTiering(file),
            CatalogLeases(file),
            CatalogRestores(file),
            CatalogRetention(file),
            CatalogHolds(file),
            catalog_dashboards(file),
            CatalogAgents(file),
        )

    return opened
