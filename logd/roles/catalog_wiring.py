"""The catalog of this process, by configuration: what is in it, over the same connections."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, assert_never

from logd.config.schema import Config
from logd.config.secrets import read_password
from logd.seams import (
    Acknowledgements,
    Agents,
    AlertHistory,
    AlertRules,
    Alerts,
    Archive,
    Dashboards,
    Leases,
    LegalHolds,
    Restores,
    RetentionPolicies,
    SavedSearches,
    Silences,
    Tiering,
    Tokens,
)


def catalog_file(config: Config) -> Path:
    """Where the SQLite catalog is."""
    return Path(config.data_dir) / "catalog.db"


class OpenCatalog(NamedTuple):
    """What is in the catalog, over the same connections: to close one of them closes all."""

    tokens: Tokens
    saved: SavedSearches
    alert_rules: AlertRules
    silences: Silences
    acknowledgements: Acknowledgements
    alerts: Alerts
    alert_history: AlertHistory
    archive: Archive
    tiering: Tiering
    leases: Leases
    restores: Restores
    retention: RetentionPolicies
    holds: LegalHolds
    dashboards: Dashboards
    agents: Agents

    async def close(self) -> None:
        """Releases everything."""
        await self.tokens.close()


async def open_catalog(config: Config) -> OpenCatalog:
    """The configured catalog. Raises ConfigError when it is there and can't be used, and when the api would be open to
    everybody though nobody said so."""
    from logd.http.access import refuse_if_open

    found = await catalog(config)
    try:
        if "api" in config.server.roles:
            await refuse_if_open(config.api, found.tokens)
    except BaseException:
        await found.close()
        raise
    return found


async def catalog(config: Config) -> OpenCatalog:
    """The same for a command, whether a server runs or not."""
    match config.catalog.type:
        case "sqlite":
            from logd.backends.catalog.appearing import AppearingFile, AppearingTokens
            from logd.backends.catalog.appearing_agents import AppearingAgents
            from logd.backends.catalog.appearing_alerts import (
                AppearingAcknowledgements,
                AppearingAlertHistory,
                AppearingAlerts,
                AppearingSilences,
            )
            from logd.backends.catalog.appearing_archive import (
                AppearingArchive,
                AppearingLeases,
                AppearingRestores,
                AppearingTiering,
            )
            from logd.backends.catalog.appearing_named import (
                appearing_alert_rules,
                appearing_dashboards,
                appearing_saved,
            )
            from logd.backends.catalog.appearing_tiers import AppearingHolds, AppearingRetention

            file = AppearingFile(catalog_file(config))
            await file.open_if_there()
            return OpenCatalog(
                AppearingTokens(file),
                appearing_saved(file),
                appearing_alert_rules(file),
                AppearingSilences(file),
                AppearingAcknowledgements(file),
                AppearingAlerts(file),
                AppearingAlertHistory(file),
                AppearingArchive(file),
                AppearingTiering(file),
                AppearingLeases(file),
                AppearingRestores(file),
                AppearingRetention(file),
                AppearingHolds(file),
                appearing_dashboards(file),
                AppearingAgents(file),
            )
        case "mysql":
            from logd.backends.catalog.agents import CatalogAgents
            from logd.backends.catalog.alert_history import CatalogAlertHistory
            from logd.backends.catalog.alert_rules import catalog_alert_rules
            from logd.backends.catalog.alerts import CatalogAlerts
            from logd.backends.catalog.archive import CatalogArchive
            from logd.backends.catalog.dashboards import catalog_dashboards
            from logd.backends.catalog.holds import CatalogHolds
            from logd.backends.catalog.leases import CatalogLeases
            from logd.backends.catalog.mysql_server import MysqlServer
            from logd.backends.catalog.restores import CatalogRestores
            from logd.backends.catalog.retention import CatalogRetention
            from logd.backends.catalog.saved import catalog_saved
            from logd.backends.catalog.silences import CatalogAcknowledgements, CatalogSilences
            from logd.backends.catalog.tiering import CatalogTiering
            from logd.backends.catalog.tokens import CatalogTokens

            server = await MysqlServer.open(config.catalog, catalog_password(config))
            return OpenCatalog(
                CatalogTokens(server),
                catalog_saved(server),
                catalog_alert_rules(server),
                CatalogSilences(server),
                CatalogAcknowledgements(server),
                CatalogAlerts(server),
                CatalogAlertHistory(server),
                CatalogArchive(server),
                CatalogTiering(server),
                CatalogLeases(server),
                CatalogRestores(server),
                CatalogRetention(server),
                CatalogHolds(server),
                catalog_dashboards(server),
                CatalogAgents(server),
            )
        case unknown:
            assert_never(unknown)


async def migrate(config: Config) -> tuple[str, Sequence[str]]:
    """What people call the catalog, and the migrations that brought it to today's schema. Raises ConfigError."""
    match config.catalog.type:
        case "sqlite":
            from logd.backends.catalog.sqlite_file import SqliteFile

            file = await SqliteFile.open(catalog_file(config))
            await file.close()
            return f"the catalog {catalog_file(config)}", file.migrated
        case "mysql":
            from logd.backends.catalog.mysql_server import migrate

            return await migrate(config.catalog, catalog_password(config))
        case unknown:
            assert_never(unknown)


def catalog_password(config: Config) -> str:
    """Of the catalog's server. Raises ConfigError."""
    return read_password("catalog", config.catalog.password_file, os.environ)
