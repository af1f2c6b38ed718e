"""What a server's roles stand on: opened in this order, closed in the other one."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Sequence
from functools import partial
from pathlib import Path
from typing import TypeVar

import msgspec
from msgspec.structs import replace

from logd.config.schema import Config
from logd.roles import alert_wiring, catalog_wiring, control, wiring
from logd.roles.alert_wiring import AlertSeams
from logd.roles.archive_wiring import ArchiveRoles, archive_roles
from logd.roles.catalog_wiring import OpenCatalog
from logd.roles.disk_guard import DiskGuard, GuardedTransport
from logd.roles.policies import PolicyWatch
from logd.roles.wiring import OpenIndex, OpenTransport
from logd.seams import Cache, Holdings, Index, Objects, Searches, Transport, Upkeep

T = TypeVar("T", Transport, Index, Upkeep, OpenCatalog, Cache, Objects)
#: Nobody waits for a search yet.
_CACHE_SECONDS = 2.0


class Opened(msgspec.Struct, frozen=True, kw_only=True):
    """None is what no role of this process needs. `door` is the transport for those who bring lines, and `searches`
    asks all tiers."""

    queue: OpenTransport | None = None
    index: OpenIndex | None = None
    catalog: OpenCatalog | None = None
    cache: Cache | None = None
    policies: PolicyWatch | None = None
    alerting: AlertSeams | None = None
    archive: ArchiveRoles | None = None
    searches: Searches | None = None
    holdings: Sequence[Holdings] = ()
    guard: DiskGuard | None = None
    door: Transport | None = None

    @property
    def transport(self) -> Transport | None:
        """The queue itself."""
        return None if self.queue is None else self.queue.transport


@contextlib.asynccontextmanager
async def opened(config: Config, data_dir: Path) -> AsyncIterator[Opened]:
    """Of a data folder that this process has locked. Raises ConfigError before anything has started."""
    roles = set(config.server.roles)
    async with contextlib.AsyncExitStack() as stack:
        found = Opened()
        if roles & {"api", "alerter", "processor", "archiver"}:
            catalog = await stack.enter_async_context(_closing(await catalog_wiring.open_catalog(config)))
            found = replace(found, catalog=catalog)
        if "api" in roles and (cache := wiring.open_cache(config)) is not None:
            await stack.enter_async_context(_closing(cache))
            await cache.get("start", _CACHE_SECONDS)  # so that what is wrong with it is said now, not by a search
            found = replace(found, cache=cache)
        if roles == {"agent"}:
            wiring.set_up_agent_alone()
        if not wiring.needs_transport(config):
            yield found
            return
        queue = await wiring.open_transport(config)
        transport = await stack.enter_async_context(_closing(queue.transport))
        found = replace(found, queue=queue, door=transport)
        if config.transport.type == "sqlite":
            guard = DiskGuard(config, wiring.index_folder(config) if config.index.type == "segments" else None)
            found = replace(found, guard=guard, door=GuardedTransport(transport, guard))
        if roles != {"agent"}:
            wiring.set_up_native_libraries(roomy=config.index.type == "elasticsearch")
        if found.catalog is not None and roles & {"processor", "api", "archiver"}:
            found = await _with_index(stack, config, found, found.catalog, transport)
        if found.catalog is not None and "alerter" in roles:
            alerting = await stack.enter_async_context(alert_wiring.alert_seams(config, found.catalog))
            found = replace(found, alerting=alerting)
        backup = partial(wiring.backup, data_dir, queue=queue, index=found.index)
        await stack.enter_async_context(control.serving(data_dir / control.SOCKET, backup))
        yield found


async def _with_index(
    stack: contextlib.AsyncExitStack, config: Config, found: Opened, catalog: OpenCatalog, transport: Transport
) -> Opened:
    roles = set(config.server.roles)
    policies = await wiring.watch_policies(config, catalog)
    index = await wiring.open_index(config, transport, policies.assignment, catalog.tiering)
    await stack.enter_async_context(_closing(index.stored))
    found = replace(found, policies=policies, index=index, searches=index.searches)
    if roles & {"api", "archiver"}:
        from logd.roles.archive_checks import refuse_other_store
        from logd.roles.holdings import holdings_of
        from logd.roles.tier_wiring import open_archive, tiered

        objects = await stack.enter_async_context(_closing(await wiring.open_objects(config)))
        await refuse_other_store(config, objects, catalog.archive)
        cold = await stack.enter_async_context(open_archive(config, catalog.archive, objects))
        searches = tiered(index.searches, cold.of, catalog.tiering, catalog.archive)
        holdings = await stack.enter_async_context(holdings_of(config, index, catalog, policies))
        found = replace(found, searches=searches, holdings=holdings)
        if "archiver" in roles:
            made = archive_roles(config, transport, catalog, policies, index, objects, cold, found.guard)
            archive = await stack.enter_async_context(made)
            if archive.embedded is not None:
                index = index._replace(upkeep=wiring.upkeep_of(config, index, archive.embedded.expiry.expired))
            found = replace(found, archive=archive, index=index)
    await stack.enter_async_context(_closing(index.upkeep))
    return found


@contextlib.asynccontextmanager
async def _closing(resource: T) -> AsyncIterator[T]:
    try:
        yield resource
    finally:
        await resource.close()
