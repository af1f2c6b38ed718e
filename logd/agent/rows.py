"""The rows of the agent's state: how sources and batches become values of SQLite and come back, with a checksum.

The checksum is the CRC-32 of the row's other values as text. SQLite notices when the structure of its file is damaged,
not when a value is: a position with a flipped bit would be taken for what was acknowledged, and lines would be lost.
"""

from __future__ import annotations

import os
import re
import zlib
from collections.abc import Sequence
from typing import Any

import msgspec

from logd.agent.batches import Batch, Event, Labels
from logd.agent.identity import Anchor, Fingerprint

Row = Sequence[Any]
_SOURCE_ID = re.compile(r"[0-9a-f]{16}")


class Source(msgspec.Struct, kw_only=True, eq=False):
    """A row of `sources`. `source` is the path as first seen, `path` where the file was last found."""

    source_id: str
    source: str
    path: str
    device: int
    inode: int
    generation: int
    fingerprint: Fingerprint
    position: int
    gone_us: int | None = None
    ended: bool = False
    anchor: Anchor = msgspec.field(default_factory=Anchor)


def checked(*values: object) -> tuple[object, ...]:
    """The values and their checksum: a row as it is stored."""
    return (*values, zlib.crc32(repr(values).encode()))


def intact(row: Row) -> bool:
    """The row is what was stored."""
    return bool(checked(*row[:-1])[-1] == row[-1])


def source_row(source: Source) -> tuple[object, ...]:
    """A source as it is stored."""
    return checked(
        source.source_id,
        os.fsencode(source.source),
        os.fsencode(source.path),
        str(source.device),
        str(source.inode),
        source.generation,
        source.fingerprint.digest,
        source.fingerprint.length,
        source.position,
        source.gone_us,
        int(source.ended),
        source.anchor.digest,
        source.anchor.end,
    )


def of_version_3(row: Row) -> tuple[object, ...]:
    """An intact row of `sources` as it was before there were anchors, as it is stored now."""
    return checked(*row[:-1], Anchor().digest, Anchor().end)


def source(row: Row) -> Source:
    """The source in a row. Raises ValueError or TypeError when a damaged one can't be read at all."""
    return Source(
        source_id=row[0],
        source=os.fsdecode(row[1]),
        path=os.fsdecode(row[2]),
        device=int(row[3]),
        inode=int(row[4]),
        generation=row[5],
        fingerprint=Fingerprint(row[6], row[7]),
        position=row[8],
        gone_us=row[9],
        ended=bool(row[10]),
        anchor=Anchor(row[12], row[11]),
    )


def mended(row: Row, now_us: int) -> Source | None:
    """What a damaged row is good for; None when that is nothing.

    A source that was followed keeps its id, and is read again from its beginning: the target leaves out what it has had
    of that id. Any other is ended, since under its id another file's lines would be left out too. In both cases the
    generation is one that none had, so that no later source gets an id that was used."""
    try:
        found = source(row)
        readable = bool(_SOURCE_ID.fullmatch(found.source_id)) and isinstance(found.fingerprint.digest, bytes)
    except (ValueError, TypeError):
        return None
    if not readable or not isinstance(found.fingerprint.length, int):
        return None
    found.ended = found.ended or found.gone_us is not None
    found.gone_us = now_us if found.ended else None
    found.position, found.generation, found.anchor = 0, now_us, Anchor()
    return found


def batch_row(batch: Batch) -> tuple[object, ...]:
    """A batch as it is stored."""
    return checked(
        batch.source_id,
        batch.start,
        batch.end,
        batch.lines,
        batch.observed_us,
        msgspec.json.encode(batch.labels),
        msgspec.msgpack.encode(batch.events),
    )


def batch(row: Row) -> Batch:
    """The batch in an intact row."""
    source_id, start, end, lines, observed_us, labels, events, _ = row
    return Batch(
        source_id=source_id,
        start=start,
        end=end,
        lines=lines,
        observed_us=observed_us,
        labels=msgspec.json.decode(labels, type=Labels),
        events=msgspec.msgpack.decode(events, type=tuple[Event, ...]),
    )
