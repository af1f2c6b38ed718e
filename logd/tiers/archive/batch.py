"""What an archiver has of the stream and not in the archive yet: rows, and for each partition which messages they are
of."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Protocol

import msgspec
import pyarrow as pa

from logd.seams import Objects, Tally
from logd.tiers.archive import files
from logd.tiers.archive.files import Local
from logd.tiers.archive.manifests import StreamManifest


class Assigns(Protocol):
    """Says of records which policy keeps them."""

    def parted(self, table: pa.Table) -> Iterator[tuple[str, pa.Table]]:
        """The table's rows, parted by policy."""
        ...


class Part(msgspec.Struct):
    """Of one partition: its messages from `start` to before `end`, the rows of them that are kept, and what became of
    all their lines."""

    start: int
    end: int
    tables: list[pa.Table] = []
    tally: Tally = Tally()


class Batch:
    """Grows by `add` until it is archived as a whole."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._since = 0.0
        self.parts: dict[int, Part] = {}
        #: When the transport took the first message, in Unix µs.
        self.oldest_us = 0
        self.rows = 0
        self.size_bytes = 0

    @property
    def age_seconds(self) -> float:
        """Since the first rows came; 0 when there are none."""
        return self._monotonic() - self._since if self.parts else 0.0

    def add(self, partition: int, start: int, end: int, table: pa.Table, tally: Tally, taken_us: int) -> None:
        """Of messages that come after those that were added before."""
        if not self.parts:
            self._since, self.oldest_us = self._monotonic(), taken_us
        part = self.parts.setdefault(partition, Part(start, end))
        part.end = end
        part.tally += tally
        if len(table):
            part.tables.append(table)
            self.rows += len(table)
            self.size_bytes += table.nbytes


def write(folder: Path, part: Part, policies: Assigns, now_us: int) -> Sequence[Local]:
    """A partition's rows as files in a local folder; for a thread. Raises OSError, and leaves nothing behind then."""
    written: list[Local] = []
    if not part.tables:
        return written
    try:
        table = pa.concat_tables(part.tables).unify_dictionaries()
        for policy, rows in policies.parted(table):
            for day, hour, some in files.by_hour(rows):
                # Compaction makes the skip index, of the whole hour: it takes as long as all else here.
                file_id = files.new_id(now_us, files.STREAM)
                written.append(files.write(folder, policy, day, hour, file_id, some, with_skips=False))
    except BaseException:
        for local in written:
            local.unlink()
        raise
    return written


async def upload(objects: Objects, locals_: Sequence[Local]) -> None:
    """All of them; may be called again. Raises Unavailable."""
    for local in locals_:
        await files.upload(objects, local)


def manifest_of(partition: int, part: Part, written: Sequence[Local]) -> StreamManifest:
    """Of what a partition's part has become."""
    tally = part.tally
    return StreamManifest(
        partition=partition,
        start=part.start,
        end=part.end,
        files=tuple(local.file for local in written),
        lines=tally.taken,
        refused=tally.refused,
        dropped=tally.dropped,
        sampled=tally.sampled,
    )
