"""What an archiver of a cluster is made of: the stream's archive, and the work on what is archived."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, NamedTuple

from logd.config.schema import Config
from logd.roles.wiring import OpenCatalog, open_objects
from logd.seams import Transport

if TYPE_CHECKING:
    from logd.roles.archiving import Archiving


class ArchiveRoles(NamedTuple):
    """Two roles that live and fail apart."""

    archiving: Archiving


def archives_stream(config: Config) -> bool:
    """Whether this process writes the archive from the stream: the embedded index is one itself."""
    return "archiver" in config.server.roles and config.index.type == "elasticsearch"


@contextlib.asynccontextmanager
async def archive_roles(config: Config, transport: Transport, catalog: OpenCatalog) -> AsyncIterator[ArchiveRoles]:
    """Raises ConfigError."""
    from logd.backends.index.policies import Assignment
    from logd.roles.archiving import Archiving

    objects = await open_objects(config)
    try:
        policies = Assignment(config.policies)
        yield ArchiveRoles(Archiving(config, transport, objects, catalog.archive, policies))
    finally:
        await objects.close()
