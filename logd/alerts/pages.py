"""What alerters publish of their counts, as bytes.

    gauge/part/name/slot/number    cells of one gauge, part of the stream and bucket, at most CELLS of them: msgpack,
                                   zstd where it is large. The slot is the bucket's place in the ring, so that a page
                                   takes the place of one that nobody needs any more.
    sources/part/name              up to where each source was counted
    clock/0/name                   up to when an alerter has counted each of its parts

A page says all of its cells, as they are by then; an empty one is none any more. The name is that of the alerter: one
that doesn't know yet that a part is another's must not put what it knows in the place of what the other does. Of a cell
that comes from several pages the highest version counts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import msgspec
import numpy as np
import zstandard

from logd.alerts.gauges import Gauge
from logd.alerts.sketches import Cell
from logd.alerts.windows import Floats, Group, Ints
from logd.errors import Corrupt
from logd.seams import Page

#: Groups have names of 600 characters at most: with what SAMPLE_BYTES allows it is less than MAX_PAGE_BYTES.
CELLS = 400
#: Of sketches, with up to 16,384 keys each.
SKETCH_CELLS = 2
SAMPLE_BYTES = 300_000
SOURCES, CLOCK = "sources", "clock"
#: The first byte of a page. What is small isn't compressed: that would take longer than all else.
_PLAIN, _ZSTD = b"\0", b"\1"
_SMALL_BYTES = 4_096
_MOST_BYTES = 64 * 1024 * 1024
T = TypeVar("T", "Cells", "Sources", "Clock")


class Cells(msgspec.Struct, frozen=True, array_like=True):
    """Of each of the groups, the version, the numbers (float64), or of a sketch the keys (int32) and numbers, and some
    records as JSON."""

    gauge: str
    part: int
    bucket: int
    groups: list[Group]
    versions: bytes
    numbers: bytes
    sketches: list[tuple[bytes, bytes]] = []
    samples: list[list[bytes]] = []

    @property
    def version_numbers(self) -> Ints:
        """Of each group."""
        return np.frombuffer(self.versions, np.int64)

    def values(self, gauge: Gauge) -> Floats | Sequence[Cell]:
        """As the gauge's store takes them."""
        if self.sketches:
            return [
                (np.frombuffer(keys, np.int32).astype(np.int64), np.frombuffer(numbers, np.float64))
                for keys, numbers in self.sketches
            ]
        return np.frombuffer(self.numbers, np.float64).reshape(len(self.groups), -1)


class Sources(msgspec.Struct, frozen=True, array_like=True):
    """Of a part, up to where each source was counted when it was counted up to a version."""

    version: int
    ends: dict[str, int]


class Clock(msgspec.Struct, frozen=True, array_like=True):
    """Up to when each part was counted, in Unix µs by the transport: what was taken before then is in the pages."""

    upto_us: dict[int, int]


_encode = msgspec.msgpack.Encoder().encode
_decoders: Mapping[Any, Any] = {kind: msgspec.msgpack.Decoder(kind).decode for kind in (Cells, Sources, Clock)}


def is_by(key: bytes, name: str) -> bool:
    """Whether it is this alerter's."""
    return key.split(b"/")[2] == name.encode()


def kind_of(key: bytes) -> str:
    """A gauge's key, SOURCES or CLOCK."""
    return key.partition(b"/")[0].decode(errors="replace")


def is_of(key: bytes, parts: set[bytes]) -> bool:
    """Whether it is of one of these parts of the stream."""
    what, _, rest = key.partition(b"/")
    return what != CLOCK.encode() and rest.partition(b"/")[0] in parts


def cells_page(gauge: Gauge, name: str, number: int, cells: Cells) -> Page:
    """The page for cells of a gauge: `number` is which one of their bucket."""
    key = f"{gauge.key}/{cells.part}/{name}/{cells.bucket % gauge.span.kept}/{number}"
    return Page(gauge.shard, key.encode(), _packed(cells))


def sources_page(shards: int, name: str, part: int, version: int, ends: Mapping[str, int]) -> Page:
    """The page for the sources of a part."""
    return Page(part % shards, f"{SOURCES}/{part}/{name}".encode(), _packed(Sources(version, dict(ends))))


def clock_pages(shards: int, name: str, upto_us: Mapping[int, int]) -> Sequence[Page]:
    """A page for each shard: who evaluates one reads no other."""
    value = _packed(Clock(dict(upto_us)))
    return [Page(shard, f"{CLOCK}/0/{name}".encode(), value) for shard in range(shards)]


def read_cells(page: Page) -> Cells:
    """Raises Corrupt."""
    cells = _read(page, Cells)
    count = len(cells.groups)
    rest = len(cells.numbers) % (8 * count) if count else len(cells.numbers)
    if len(cells.versions) != 8 * count or rest or len(cells.sketches) not in (0, count):
        raise Corrupt(f"a page of counts is damaged: {page.key!r}")
    return cells


def read_sources(page: Page) -> Sources:
    """Raises Corrupt."""
    return _read(page, Sources)


def read_clock(page: Page) -> Clock:
    """Raises Corrupt."""
    return _read(page, Clock)


def _packed(what: Cells | Sources | Clock) -> bytes:
    data = _encode(what)
    return _PLAIN + data if len(data) < _SMALL_BYTES else _ZSTD + zstandard.compress(data, 1)


def _read(page: Page, kind: type[T]) -> T:
    try:
        packed = page.value[:1] == _ZSTD
        data = zstandard.decompress(page.value[1:], _MOST_BYTES) if packed else page.value[1:]
        found: T = _decoders[kind](data)
    except (zstandard.ZstdError, msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise Corrupt(f"a page of counts is damaged: {page.key!r}: {error}") from error
    return found
