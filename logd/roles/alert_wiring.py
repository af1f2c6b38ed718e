"""What alerters need: which implementation serves each of their seams, by configuration."""

from __future__ import annotations

import contextlib
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, assert_never

from logd.config.schema import Config
from logd.config.secrets import read_password
from logd.roles.catalog_wiring import OpenCatalog, catalog_password
from logd.seams import Acknowledgements, AlertHistory, AlertRules, Alerts, Pace, Partials, Silences

if TYPE_CHECKING:
    from logd.alerts.folder import RuleFolder
    from logd.alerts.reading import Terms


def terms_of(config: Config) -> Terms:
    """What alert rules are read by."""
    from logd.alerts.reading import Terms

    return Terms(config.search.default_operator, tuple(config.alerts.notify.secrets), config.alerts.notify)


def rule_folder(config: Config) -> RuleFolder:
    """The folder of alert rules, which nobody has looked at yet."""
    from logd.alerts.folder import RuleFolder

    folder = config.alerts.rules
    return RuleFolder(Path(folder) if folder else None, terms_of(config))


async def open_partials(config: Config) -> Partials:
    """Where alerters keep what they have counted: beside the configured transport. Raises ConfigError."""
    match config.transport.type:
        case "sqlite":
            from logd.backends.partials.sqlite import SqlitePartials

            return await SqlitePartials.open(Path(config.data_dir) / "alerts.db")
        case "kafka":
            from logd.backends.partials.kafka import KafkaPartials

            return await KafkaPartials.open(config.transport, config.alerts.shards)
        case unknown:
            assert_never(unknown)


class AlertSeams(NamedTuple):
    """What alerters share. `pace` is of all alerters, `spare` this one's own."""

    partials: Partials
    rules: AlertRules
    silences: Silences
    acknowledgements: Acknowledgements
    alerts: Alerts
    history: AlertHistory
    pace: Pace
    spare: Pace


@contextlib.asynccontextmanager
async def alert_seams(config: Config, catalog: OpenCatalog) -> AsyncIterator[AlertSeams]:
    """Over an open catalog, which stays open; the rest is closed in the end. Raises ConfigError."""
    from logd.backends.cache.memory_pace import MemoryPace

    partials = await open_partials(config)
    try:
        pace = await open_pace(config)
        try:
            yield AlertSeams(
                partials,
                catalog.alert_rules,
                catalog.silences,
                catalog.acknowledgements,
                catalog.alerts,
                catalog.alert_history,
                pace,
                MemoryPace(),
            )
        finally:
            await pace.close()
    finally:
        await partials.close()


async def open_pace(config: Config) -> Pace:
    """What alerters share of their turns at targets: Redis where there is one, else the catalog. Raises ConfigError."""
    if config.cache.type == "redis":
        from logd.backends.cache.redis_pace import RedisPace

        return RedisPace(config.cache, read_password("cache", config.cache.password_file, os.environ))
    match config.catalog.type:
        case "sqlite":
            from logd.backends.cache.memory_pace import MemoryPace

            return MemoryPace()  # no other server uses the file
        case "mysql":
            from logd.backends.catalog.mysql_server import MysqlServer
            from logd.backends.catalog.pace import CatalogPace

            return CatalogPace(await MysqlServer.open(config.catalog, catalog_password(config)))
        case unknown:
            assert_never(unknown)
