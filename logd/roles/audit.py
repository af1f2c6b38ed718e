"""The ledger of a data folder, whether a server runs over it or not: read from its files, changing nothing."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence

from logd import ledger
from logd.backends.transport.sqlite_groups import Reading, reading
from logd.config.schema import Config
from logd.errors import Unavailable
from logd.ledger import Entry, Topic
from logd.roles.wiring import index_folder, transport_file
from logd.seams import DEAD_LETTERS, RAW_LOGS
from logd.store.folder import MANIFEST
from logd.store.manifest import Manifest

#: Between the two files' moments lines may have come and been stored: then the look is taken again.
_LOOKS = 100


def audit(config: Config) -> Sequence[Entry]:
    """Reads the queue's messages that wait. Raises ConfigError when a file is missing or damaged, and Unavailable when
    one can't be read now."""
    for _ in range(_LOOKS):
        # The transport first: whatever the index has not got by its later moment, the transport still had by its own.
        with (
            reading(transport_file(config)) as transport,
            contextlib.closing(Manifest.open_to_read(index_folder(config) / MANIFEST)) as manifest,
        ):
            index, rows, positions = manifest.account()
            position = positions.get(0, 0)
            if position > transport.next_position(RAW_LOGS):
                continue
            raw_logs = _topic(transport, RAW_LOGS, position)
            return ledger.entries(raw_logs, _topic(transport, DEAD_LETTERS, 0), index, rows)
    raise Unavailable("the index is always a step ahead of the transport: try again")


def _topic(transport: Reading, topic: str, position: int) -> Topic:
    counts = transport.counts(topic)
    return Topic(
        counts.appended_lines,
        counts.duplicate_lines,
        counts.expired_lines,
        counts.lines,
        transport.lines_from(topic, position),
        counts.replayed_lines,
        counts.removed_lines,
    )
