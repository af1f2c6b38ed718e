"""Where everything meets: which implementation serves a seam, by configuration."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, assert_never

from logd.config.schema import Config
from logd.seams import RAW_LOGS, Index, Transport, Upkeep

if TYPE_CHECKING:
    from logd.store.folder import Stream


def set_up_native_libraries() -> None:
    """Before the first of them is imported. numpy's BLAS would keep threads that spin, for algebra that nobody does.

    Arrow's own allocator gives memory back and takes it anew for every batch: a fifth of all CPU was the kernel
    clearing pages. With the C library's, which the rest of the process uses, they are used again."""
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    import pyarrow as pa

    pa.set_memory_pool(pa.system_memory_pool())


def transport_file(config: Config) -> Path:
    """Where the SQLite transport is."""
    return Path(config.data_dir) / "transport.db"


async def open_transport(config: Config) -> Transport:
    """The configured transport. Raises ConfigError when it can't be opened."""
    match config.transport.type:
        case "sqlite":
            from logd.backends.transport.sqlite import SqliteTransport

            return await SqliteTransport.open(transport_file(config), config.transport)
        case unknown:
            assert_never(unknown)


class OpenIndex(NamedTuple):
    """An index, and what it needs done in the background."""

    searched: Index
    upkeep: Upkeep


async def open_index(config: Config, transport: Transport) -> OpenIndex:
    """The configured index. Raises ConfigError when it can't be opened."""
    match config.index.type:
        case "segments":
            from logd.backends.index.segments import SegmentsIndex
            from logd.store.upkeep import SegmentsUpkeep

            root = Path(config.data_dir) / "index"
            stream = await _stream(transport)
            index = await SegmentsIndex.open(root, config.index, config.search, stream)
            return OpenIndex(index, SegmentsUpkeep(index.inventory, config.archiver.retention_days))
        case unknown:
            assert_never(unknown)


async def _stream(transport: Transport) -> Stream:
    """How far the stream goes, and how much of it the index said to have."""
    from logd.roles.processor import GROUP
    from logd.store.folder import Stream

    topic = (await transport.status()).get(RAW_LOGS)
    if topic is None:
        return Stream()
    group = topic["groups"].get(GROUP, {"position": 0})
    return Stream({0: group["position"]}, {0: topic["next_position"]})
