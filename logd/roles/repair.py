"""`logd store repair`: the index's files and what the transport says of the stream, put together."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping

from logd.backends.transport.sqlite_groups import Reading, reading
from logd.config.schema import Config
from logd.errors import Unavailable
from logd.roles.processor import GROUP
from logd.roles.wiring import index_folder, set_up_native_libraries, transport_file
from logd.seams import RAW_LOGS
from logd.store import repair as store
from logd.store.folder import NO_STREAM, Stream


def repair(config: Config) -> store.Repaired:
    """For a caller that has the lock on the data folder. Without a transport the files are all there is. Raises
    ConfigError when there is nothing to repair or the transport can't be used, Unavailable when something can't be read
    or written."""
    set_up_native_libraries()
    try:
        return _repair(config)
    except (OSError, sqlite3.Error) as error:
        raise Unavailable(f"{index_folder(config)} can't be repaired: {error}") from error


def _repair(config: Config) -> store.Repaired:
    if not transport_file(config).exists():
        return store.repair(index_folder(config), NO_STREAM, {}, lambda _: 0)
    with reading(transport_file(config)) as transport:
        stream = Stream({0: transport.group_position(RAW_LOGS, GROUP)}, {0: transport.next_position(RAW_LOGS)})
        oldest = {0: transport.oldest_position(RAW_LOGS)}
        return store.repair(index_folder(config), stream, oldest, lambda places: _lines_below(transport, places))


def _lines_below(transport: Reading, positions: Mapping[int, int]) -> int:
    return transport.counts(RAW_LOGS).appended_lines - transport.lines_from(RAW_LOGS, positions.get(0, 0))
