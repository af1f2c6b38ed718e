"""Where everything meets: which implementation serves a seam, by configuration."""

from __future__ import annotations

from pathlib import Path
from typing import assert_never

from logd.config.schema import Config
from logd.seams import Index, Transport


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
