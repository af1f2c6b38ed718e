"""The ledger of a data folder, or of a cluster, whether servers run or not: read, changing nothing."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from typing import assert_never

from logd import ledger
from logd.backends.transport.sqlite_groups import Reading, reading
from logd.config.schema import Config
from logd.errors import ConfigError, Unavailable
from logd.ledger import Entry, Group, Topic
from logd.roles.processor import GROUP
from logd.roles.wiring import index_folder, open_transport, transport_file
from logd.seams import DEAD_LETTERS, RAW_LOGS, Tally, Transport
from logd.store.folder import MANIFEST
from logd.store.manifest import Manifest

#: Between the two files' moments lines may have come and been stored: then the look is taken again.
_LOOKS = 100


def audit(config: Config) -> Sequence[Entry]:
    """Raises ConfigError when a file is missing or damaged, or nobody lets us in, and Unavailable when something can't
    be read now."""
    if config.transport.type == "kafka":
        return asyncio.run(_over_kafka(config))
    if config.index.type != "segments":
        raise ConfigError(
            f"nobody counts what goes from transport.type {config.transport.type} to index.type {config.index.type}: "
            "the processors keep their counts in Kafka, or in the embedded index"
        )
    return _on_one_machine(config)


async def _over_kafka(config: Config) -> Sequence[Entry]:
    transport, *_ = await open_transport(config)
    try:
        group = await _group(transport)
        match config.index.type:
            case "segments":
                with contextlib.closing(Manifest.open_to_read(index_folder(config) / MANIFEST)) as manifest:
                    counts, rows, _ = manifest.account()
                return (ledger.of_kafka(group), *ledger.of_own_index(counts, rows))
            case "elasticsearch":
                from logd.backends.index.elasticsearch_search import documents

                found = await documents(config.index.elasticsearch)
                settled = not group.waiting and group == await _group(transport)
                return (ledger.of_kafka(group), *ledger.of_remote_index(group, found, settled))
            case unknown:
                assert_never(unknown)
    finally:
        await transport.close()


async def _group(transport: Transport) -> Group:
    topic = (await transport.status()).get(RAW_LOGS)
    if topic is None:
        return Group()
    if (found := topic["groups"].get(GROUP)) is None:
        return Group(waiting=topic["messages"])
    return Group(found["passed"], found["lost"], found["lag"], Tally(**found["tally"]))


def _on_one_machine(config: Config) -> Sequence[Entry]:
    """Reads the queue's messages that wait."""
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
