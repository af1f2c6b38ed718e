"""Where everything meets: which implementation serves a seam, by configuration."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, assert_never

from logd.config.schema import Config
from logd.config.secrets import read_password
from logd.errors import ConfigError
from logd.roles.catalog_wiring import OpenCatalog
from logd.seams import (
    DEAD_LETTERS,
    RAW_LOGS,
    Cache,
    DeadLetters,
    Disks,
    Index,
    Objects,
    Searches,
    Tiering,
    Transport,
    Upkeep,
)

if TYPE_CHECKING:
    import pyarrow as pa

    from logd.backends.index.policies import Assignment
    from logd.backup.about import Backup
    from logd.roles.gaps import GapCounter
    from logd.roles.policies import PolicyWatch
    from logd.store.folder import Stream
    from logd.store.inventory import Inventory
    from logd.store.upkeep import Expired
    from logd.tiers.embedded.expiry_of_segments import HasHit

#: mallopt(3): M_ARENA_MAX, M_MMAP_THRESHOLD, and M_TRIM_THRESHOLD, which would be small once the second is set.
_MALLOPT = {-8: 2, -3: 1024 * 1024, -1: 64 * 1024 * 1024}
#: For who has no segments to keep in memory: 32 MB is the most that the second can be.
_ROOMY_MALLOPT = {-8: 2, -3: 32 * 1024 * 1024, -1: 256 * 1024 * 1024}
#: An agent alone has few threads, which take turns, and needs some megabytes for each round: these it keeps, as getting
#: them anew would cost a tenth of its CPU, and no more.
_MALLOPT_OF_AN_AGENT = {-8: 1, -3: 1024 * 1024, -1: 16 * 1024 * 1024}


def set_up_native_libraries(*, roomy: bool = False) -> None:
    """Before the first of them is imported. numpy's BLAS would keep threads that spin, for algebra that nobody does.

    Arrow's own allocator gives memory back and takes it anew for every batch: a fifth of all CPU was the kernel
    clearing pages. With the C library's, which the rest of the process uses, they are used again; when `roomy` also the
    largest, for 0.6 µs a line and up to 100 MB."""
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    _bound_the_heap(_ROOMY_MALLOPT if roomy else _MALLOPT)
    import pyarrow as pa

    pa.set_memory_pool(pa.system_memory_pool())


def set_up_agent_alone() -> None:
    """Before its threads are started: it is a guest on its host."""
    _bound_the_heap(_MALLOPT_OF_AN_AGENT)


def _bound_the_heap(options: Mapping[int, int]) -> None:
    """glibc would give most threads an arena of their own, each of which keeps what its thread has once needed, and
    would soon keep blocks of up to 32 MB too, between which nothing large fits: 20 MB less each, for no CPU that shows.
    Elsewhere nothing happens."""
    with contextlib.suppress(OSError, AttributeError):
        library = ctypes.CDLL(None)
        for parameter, value in options.items():
            library.mallopt(parameter, value)


def index_folder(config: Config) -> Path:
    """Where the embedded index is."""
    return Path(config.data_dir) / "index"


def transport_file(config: Config) -> Path:
    """Where the SQLite transport is. Raises ConfigError when there is none."""
    if config.transport.type != "sqlite":
        raise ConfigError(
            f"transport.type is {config.transport.type}, so the queue is not in data_dir: `logd status` asks a server"
        )
    return Path(config.data_dir) / "transport.db"


def needs_transport(config: Config) -> bool:
    """Whether this process opens the queue at its start: an agent alone that sends to another logd has none, and one
    that sends to Kafka opens it when it can, as it has a spool until then."""
    alone = config.server.roles == ["agent"]
    return not (alone and (config.agent.targets or config.transport.type == "kafka"))


class OpenTransport(NamedTuple):
    """A transport, a pause for a backup, within which nothing is stored, and its dead letters."""

    transport: Transport
    paused: Callable[[], AbstractAsyncContextManager[None]]
    dead_letters: DeadLetters


async def open_transport(config: Config) -> OpenTransport:
    """The configured transport. Raises ConfigError when it can't be opened."""
    match config.transport.type:
        case "sqlite":
            from logd.backends.transport.sqlite import SqliteTransport

            transport = await SqliteTransport.open(transport_file(config), config.transport)
            return OpenTransport(transport, transport.paused, transport.dead_letters())
        case "kafka":
            from logd.backends.transport.kafka import KafkaTransport

            stream = await KafkaTransport.open(config.transport)
            return OpenTransport(stream, stream.paused, stream.dead_letters())
        case unknown:
            assert_never(unknown)


def transport_status(config: Config) -> dict[str, Any]:
    """Transport.status for a command, whether a server runs or not. Raises ConfigError and Unavailable."""
    match config.transport.type:
        case "sqlite":
            from logd.backends.transport.sqlite_groups import status_of_file

            return status_of_file(transport_file(config))
        case "kafka":
            return asyncio.run(_kafka_status(config))
        case unknown:
            assert_never(unknown)


async def _kafka_status(config: Config) -> dict[str, Any]:
    transport, *_ = await open_transport(config)
    try:
        return await transport.status()
    finally:
        await transport.close()


class OpenIndex(NamedTuple):
    """An index, how it is asked, its disks, what it needs done in the background, and its part of a backup
    (backup.live.Live).

    `late_writes` is how often rows have become searchable that were older than LATE_SECONDS: as long as it is the same,
    an answer about what was over so long ago still holds. Always 0 where other processes write too. `inventory` is the
    embedded index's, and `has_hit` says whether a search has one in a segment of it. `gaps` counts what an archive has
    and the index hasn't, where that is of use."""

    stored: Index
    searches: Searches
    late_writes: Callable[[], int]
    disks: Disks
    upkeep: Upkeep
    lease: Callable[[], AbstractContextManager[None]]
    put_aside: Callable[[Mapping[int, str]], Awaitable[None]]
    inventory: Inventory | None = None
    has_hit: HasHit | None = None
    gaps: GapCounter | None = None


async def watch_policies(config: Config, catalog: OpenCatalog) -> PolicyWatch:
    """Everybody's policies, as the catalog has them now. Raises ConfigError."""
    from logd.backends.index.policies import Assignment
    from logd.roles.policies import PolicyWatch

    watch = PolicyWatch(config, catalog.retention, Assignment(config.policies))
    await watch.begin()
    return watch


async def open_index(
    config: Config, transport: Transport, policies: Assignment | None = None, tiering: Tiering | None = None
) -> OpenIndex:
    """The configured index, by these policies, or those of the configuration alone; `tiering` is told of what it
    refuses. Raises ConfigError when it can't be opened."""
    from logd.backends.index.policies import Assignment

    policies = policies or Assignment(config.policies)
    match config.index.type:
        case "segments":
            from logd.backends.index.segments import SegmentsIndex
            from logd.store.upkeep import SegmentsUpkeep

            stream = await stream_of(transport)
            index = await SegmentsIndex.open(index_folder(config), config.index, config.search, stream, policies)
            inventory = index.inventory
            upkeep = SegmentsUpkeep(inventory, config.archiver.retention_days, _quiet_seconds(config))
            return OpenIndex(
                index,
                index,
                index.late_writes,
                index,
                upkeep,
                inventory.lease,
                inventory.put_aside,
                inventory=inventory,
                has_hit=index.has_hit,
            )
        case "elasticsearch":
            from logd.backends.index.elasticsearch import ElasticsearchIndex, NoUpkeep
            from logd.backends.index.elasticsearch_refused import letters
            from logd.roles.gaps import GapCounter

            gaps = None if tiering is None else GapCounter(tiering, policies)

            async def bury(table: pa.Table, reasons: Sequence[str]) -> None:
                if gaps is not None:
                    await gaps(table)
                await transport.append(DEAD_LETTERS, list(letters(table, reasons)))

            async def nothing_to_put_aside(damaged: Mapping[int, str]) -> None:
                pass

            remote = await ElasticsearchIndex.open(config.index.elasticsearch, config.search, bury, policies)
            return OpenIndex(
                remote,
                remote,
                lambda: 0,
                remote,
                NoUpkeep(),
                contextlib.nullcontext,
                nothing_to_put_aside,
                gaps=gaps,
            )
        case unknown:
            assert_never(unknown)


def upkeep_of(config: Config, index: OpenIndex, expired: Expired) -> Upkeep:
    """The embedded index's, in the place of its own: `expired` says what goes."""
    from logd.store.upkeep import SegmentsUpkeep

    assert index.inventory is not None
    return SegmentsUpkeep(index.inventory, 0, _quiet_seconds(config), expired)


def _quiet_seconds(config: Config) -> float:
    """Half of the time between flushes: what comes slowly is merged between them, not after the last one."""
    return config.index.flush_seconds / 2


def open_cache(config: Config) -> Cache | None:
    """The configured cache, which is not asked yet; None for none. Raises ConfigError."""
    match config.cache.type:
        case "memory":
            from logd.backends.cache.memory import MemoryCache

            return MemoryCache(config.cache.max_bytes)
        case "redis":
            from logd.backends.cache.redis import RedisCache

            return RedisCache(config.cache, read_password("cache", config.cache.password_file, os.environ))
        case "none":
            return None
        case unknown:
            assert_never(unknown)


async def open_objects(config: Config) -> Objects:
    """The configured store of objects. Raises ConfigError."""
    match config.objects.type:
        case "folder":
            from logd.backends.objects.folder import FolderObjects

            return await FolderObjects.open(Path(config.objects.path or Path(config.data_dir) / "objects"))
        case "s3":
            from logd.backends.objects.s3 import S3Objects

            return await S3Objects.open(config.objects)
        case unknown:
            assert_never(unknown)


async def backup(
    data_dir: Path, directory: Path, queue: OpenTransport | None = None, index: OpenIndex | None = None
) -> Backup:
    """See backup.make; of a data folder that this process has locked, and with what it has opened there."""
    from logd.backup.live import AT_REST
    from logd.backup.make import make

    live = AT_REST
    if queue is not None:
        live = live._replace(paused=queue.paused)
    if index is not None:
        live = live._replace(lease=index.lease, put_aside=index.put_aside)
    return await make(data_dir, directory, live)


async def stream_of(transport: Transport) -> Stream:
    """How far the stream goes, and how much of it the index said to have."""
    from logd.roles.processor import GROUP
    from logd.store.folder import Stream

    topic = (await transport.status()).get(RAW_LOGS)
    if topic is None:
        return Stream()
    group = topic["groups"].get(GROUP, {"position": 0})
    if "next_positions" in topic:
        told, ends = group.get("positions", {}), topic["next_positions"]
        return Stream({int(number): told[number] for number in told}, {int(number): ends[number] for number in ends})
    return Stream({0: group["position"]}, {0: topic["next_position"]})
