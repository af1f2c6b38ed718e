"""What an archiver of a cluster is made of: the stream's archive, and the work on what is archived."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING, NamedTuple

from logd.config.schema import Config
from logd.flow.clock import now_us
from logd.roles.wiring import OpenCatalog, open_objects
from logd.seams import ArchivedFile, Transport

if TYPE_CHECKING:
    from logd.roles.archive_upkeep import ArchiveUpkeep
    from logd.roles.archiving import Archiving

_DAY_US = 86_400_000_000


class ArchiveRoles(NamedTuple):
    """Two roles that live and fail apart."""

    archiving: Archiving
    upkeep: ArchiveUpkeep


def archives_stream(config: Config) -> bool:
    """Whether this process writes the archive from the stream: the embedded index is one itself."""
    return "archiver" in config.server.roles and config.index.type == "elasticsearch"


@contextlib.asynccontextmanager
async def archive_roles(config: Config, transport: Transport, catalog: OpenCatalog) -> AsyncIterator[ArchiveRoles]:
    """Raises ConfigError."""
    from logd.backends.index.policies import Assignment
    from logd.roles.archive_upkeep import ArchiveUpkeep
    from logd.roles.archiving import Archiving

    objects = await open_objects(config)
    try:
        policies = Assignment(config.policies)
        archiving = Archiving(config, transport, objects, catalog.archive, policies)
        upkeep = ArchiveUpkeep(
            config, objects, catalog.archive, catalog.tiering, catalog.leases, _expired_before(config), _nothing_is_held
        )
        yield ArchiveRoles(archiving, upkeep)
    finally:
        await objects.close()


def _expired_before(config: Config) -> Callable[[str], int | None]:
    """By archiver.retention_days, for every policy."""
    days = config.archiver.retention_days
    return lambda policy: now_us() // _DAY_US - days if days else None


async def _nothing_is_held(file: ArchivedFile) -> bool:
    return False
