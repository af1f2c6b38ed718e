"""Envelopes as Kafka records, and records as messages. Pure.

A chunk is one record: its key is the service, its headers are UTF-8, its value is as it is. A record without
`logd-chunk` is one line of another producer.
"""

from __future__ import annotations

import zlib
from collections.abc import Collection, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from aiokafka.partitioner import murmur2

from logd.chunk import Envelope, Message


class Record(NamedTuple):
    """An envelope as it is sent. `salt` tells apart the sources of a hot service. Without a value, a compacted topic
    forgets its key; a `partition` is where it goes whatever its key is."""

    key: bytes
    headers: list[tuple[str, bytes]]
    value: bytes | None
    salt: bytes = b""
    partition: int | None = None

    @property
    def size(self) -> int:
        """At least its bytes on the wire."""
        headers = sum(len(name) + len(text) + 8 for name, text in self.headers)
        return len(self.key) + len(self.value or b"") + headers + 64


def record_of(envelope: Envelope) -> Record:
    """Raises UnicodeEncodeError when a text can't be written."""
    headers = [(name, text.encode()) for name, text in envelope.headers.items()]
    salt = envelope.headers.get("source-id", "").encode()
    return Record(envelope.key.encode(), headers, envelope.value, salt)


def partition_of(record: Record, hot: Collection[bytes], spread: int, partitions: Sequence[int]) -> int:
    """Where a record goes that doesn't say so: as Kafka's own clients have it for its key, and of a hot service one of
    the `spread` partitions from there on, always the same for the same source, so that a resend comes behind what it
    repeats."""
    if record.partition is not None:
        return record.partition
    place = _hash(record.key)
    if record.key in hot:
        place += zlib.crc32(record.salt) % min(spread, len(partitions))
    return partitions[place % len(partitions)]


def message_of(record: Any) -> Message:
    """A record as the driver gives it. Of another producer's, what is no UTF-8 is mended; a chunk's is damage."""
    key = (record.key or b"").decode(errors="replace")
    value = record.value or b""
    taken_us = max(record.timestamp, 0) * 1000
    damage = ""
    try:
        headers = {name: (text or b"").decode() for name, text in record.headers}
    except UnicodeDecodeError as error:
        headers = {name: (text or b"").decode(errors="replace") for name, text in record.headers}
        if "logd-chunk" in headers:
            place = f"position {record.offset} of partition {record.partition}"
            damage = f"the headers at {place} are no UTF-8: {error.reason}"
    return Message(record.partition, record.offset, taken_us, key, headers, value, damage)


@lru_cache(maxsize=4096)
def _hash(key: bytes) -> int:
    """Cached: it is computed in Python, and services are few."""
    place: int = murmur2(key) & 0x7FFFFFFF
    return place
