"""What the archive holds, as every process knows it: the files themselves are in a store of objects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

import msgspec

from logd.seams.stream import StreamPositions


class ArchivedFile(msgspec.Struct, frozen=True, kw_only=True):
    """A Parquet file of record.SCHEMA, of one policy, day (since 1970) and hour (0 to 23, UTC), by (service, timestamp,
    log_id). `name` is its object's; `skip_bytes` is 0 when there is no skip index (tiers/names.py says where that is).
    `crc` is a CRC-32. `pieces` is little endian int64: for each row group its first and its last time (Unix µs), and
    its rows. `raw_bytes` are those of its messages and metadata before compression; `services` are its rows by service,
    "" for none, of the 1,000 most frequent. `reason` is why it was put aside, empty for one that is read."""

    name: str
    policy: str
    day: int
    hour: int
    rows: int
    size_bytes: int
    crc: int
    pieces: bytes
    skip_bytes: int = 0
    skip_crc: int = 0
    raw_bytes: int = 0
    services: Mapping[str, int] = {}
    reason: str = ""


class ArchivedDay(msgspec.Struct, frozen=True, kw_only=True):
    """All files of a policy and a day that aren't put aside. `version` is another one after each change of it."""

    policy: str
    day: int
    version: int
    files: int
    rows: int
    size_bytes: int
    skip_bytes: int
    raw_bytes: int


class Garbage(NamedTuple):
    """An object that is no part of the archive any more, since `at_us`."""

    name: str
    at_us: int


class Archive(Protocol):
    """The list of the archive's files. Several processes may use it at the same time. Every call raises Unavailable
    when it can't be done now, and Corrupt when what is kept can't be made sense of."""

    async def add(
        self, files: Sequence[ArchivedFile], removed: Sequence[str] = (), positions: StreamPositions | None = None
    ) -> bool:
        """Durably and together: `files` are part of it from now on, `removed` aren't any more and become garbage, and
        everything of the stream below `positions` is in it. A file whose name is there, or was, changes nothing, and
        positions never go back, so that it may be called again. False, and nothing is changed, when one of `removed`
        isn't part of it: another has replaced it."""
        ...

    async def days(self, from_day: int | None = None, to_day: int | None = None) -> Sequence[ArchivedDay]:
        """Those from `from_day` to before `to_day`, by day and policy; also those all of whose files are put aside."""
        ...

    async def files(self, policy: str, day: int) -> Sequence[ArchivedFile]:
        """By name, those too that were put aside."""
        ...

    async def positions(self) -> StreamPositions:
        """For each partition, everything below is in the archive."""
        ...

    async def put_aside(self, name: str, reason: str) -> None:
        """A file that is damaged, or missing, isn't read any more; its object stays. With an empty reason one that was
        put aside is read again. Nothing happens when it isn't part of the archive."""
        ...

    async def garbage(self, before_us: int, limit: int = 1_000) -> Sequence[Garbage]:
        """What became garbage before then, the oldest first."""
        ...

    async def forget(self, names: Sequence[str]) -> None:
        """Of garbage that was deleted."""
        ...
