"""Where everything meets: which implementation serves a seam, by configuration."""

from __future__ import annotations

import os
from pathlib import Path
from typing import assert_never

from logd.config.schema import Config
from logd.seams import Index, Transport


def set_up_native_libraries() -> None:
    """Before the first of them is imported. numpy's BLAS would keep threads that spin, for algebra that nobody does.

    Arrow's own allocator gives memory back and takes it anew for every batch: a fifth of all CPU was the kernel
    clearing pages. With the C library's, which the rest of the process uses, they are used again."""
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    import pyarrow as pa

    pa.set_memory_pool(pa.system_memory_pool())


def needs_transport(config: Config) -> bool:
    """Whether a role of this process reads or writes the queue: an agent that sends to another logd has none."""
    return config.server.roles != ["agent"] or not config.agent.server


async def open_transport(config: Config) -> Transport:
    """The configured transport. Raises ConfigError when it can't be opened."""
    match config.transport.type:
        case "sqlite":
            from logd.backends.transport.sqlite import SqliteTransport

            return await SqliteTransport.open(Path(config.data_dir) / "transport.db")
        case unknown:
            assert_never(unknown)


async def open_index(config: Config) -> Index:
    """The configured index. Raises ConfigError when it can't be opened."""
    match config.index.type:
        case "segments":
            from logd.backends.index.segments import SegmentsIndex

            return await SegmentsIndex.open(Path(config.data_dir) / "index", config.index, config.search)
        case unknown:
            assert_never(unknown)
