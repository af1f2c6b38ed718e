"""Where lines are stored to be searched: what every index must guarantee."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import msgspec

from logd.flow.stage import Stage
from logd.query.tree import Everything, Node
from logd.seams.archived import Archived
from logd.seams.groups import Fields, FoundFields, Groups, Stats
from logd.seams.patterns import Mined, Patterns
from logd.seams.stream import StreamPositions

if TYPE_CHECKING:
    import pyarrow as pa

#: Lines come within seconds; what comes after so long is late.
LATE_SECONDS = 30
#: Of a page: 10,000 records of 3 kB; as JSON it takes some 100 MB while it is made.
PAGE_BYTES = 32 * 1024 * 1024
#: Of a histogram: more than a screen has columns, and half a megabyte of JSON.
MAX_BUCKETS = 5_000


class Batch(msgspec.Struct, frozen=True):
    """Parsed lines on their way into an index. `table` has record.SCHEMA; `positions` are done once it is stored.
    `own_ids` are the rows that may have come before, with a log_id that a client chose or as a replay: such an id is
    kept once within its day. For the ledger, `lines` is how many lines the messages held, of which `refused` went to
    dead-letters, and `dropped` and `sampled` were left out by rules of shaping."""

    table: pa.Table
    positions: StreamPositions
    own_ids: pa.Array | None = None
    lines: int = 0
    refused: int = 0
    dropped: int = 0
    sampled: int = 0


class Written(msgspec.Struct, frozen=True):
    """What became of a batch's rows that aren't stored by it: `duplicates` were there before, `refused` are in
    dead-letters, by the index itself."""

    duplicates: int = 0
    refused: int = 0


class Place(NamedTuple):
    """Where a record stands in the order of time: no two have the same."""

    timestamp_us: int
    log_id: str


class Search(msgspec.Struct, frozen=True, kw_only=True):
    """A search. Times are Unix µs, `from_us` inclusive, `to_us` exclusive. `after`: only what comes after this place in
    the order asked for; `offset` and `limit` begin there. `count_limit`: count hits exactly up to this many, wherever
    `after` is; None counts all, 0 doesn't count. Of several tiers those that the page needn't read are counted for None
    alone. `within_seconds`: an engine that can answers then with what it has.

    `archived`: by policy, a day (since 1970) before which its records aren't meant, since the archive answers for them.

    `columns`: those of a record that are wanted; None is all of them. `max_bytes`: the page ends with the hit by which
    it has so many, `limit` or not.

    `by_position`: not by time, but the lines of the source of `after`, a Place with an id that chunk.ends_of_source
    knows: those behind it in the file, the nearest first, or with `newest_first` those before it. They aren't
    counted, whatever `count_limit` says, and there is no `offset`. Whatever their times are, none is left out; the
    embedded index may miss what is far in time and was also taken in at another time than its neighbours."""

    query: Node = Everything()
    from_us: int | None = None
    to_us: int | None = None
    archived: Archived = {}
    newest_first: bool = True
    after: Place | None = None
    limit: int = 50
    offset: int = 0
    count_limit: int | None = 10_000
    within_seconds: float | None = None
    by_position: bool = False
    columns: tuple[str, ...] | None = None
    max_bytes: int = PAGE_BYTES


class Stopped(msgspec.Struct, frozen=True):
    """Where a page ended early, since one request may not read more: the next one begins behind `place`."""

    place: Place
    why: str


class Found(msgspec.Struct, frozen=True):
    """Hits in the order asked for, and by log_id within a microsecond, with the columns of record.part_of_schema.
    `total` is None when nobody asked, and a lower bound when `exact` is false. `more`: there may be hits after these.
    `missing`: why rows may be missing from it that are stored; empty when it is whole. None is missing before where it
    `stopped`, if it did. `tiers` are those that were read, of hot, warm and cold; empty where nobody knows."""

    table: pa.Table
    total: int | None
    exact: bool
    more: bool
    missing: Sequence[str] = ()
    stopped: Stopped | None = None
    tiers: Sequence[str] = ()


class Histogram(msgspec.Struct, frozen=True, kw_only=True):
    """Counts by time, asked for. Intervals are aligned to the epoch; None chooses one that gives some 100 at most.
    `by`: a record column or `metadata.` and a path, whose `top` most frequent values are counted apart. `fill`: also
    the intervals with no hits, from `from_us` to `to_us`, or from the first hit to the last. `within_seconds` and
    `archived` as of a Search."""

    query: Node = Everything()
    from_us: int | None = None
    to_us: int | None = None
    archived: Archived = {}
    interval_us: int | None = None
    by: str | None = None
    top: int = 10
    fill: bool = False
    within_seconds: float | None = None


class Buckets(msgspec.Struct, frozen=True):
    """Counts by time. `starts` are Unix µs, ascending; `counts` are the hits of each interval. `values` are the most
    frequent of the field first (then by value), None for records without it; `by_value` has a row for each of
    `values`, and `other` is what the values that aren't there add up to, each as long as `starts`. Hits with several
    tags count for each of them, but once in `counts`. `missing` and `tiers` as of what is Found."""

    interval_us: int
    starts: Sequence[int]
    counts: Sequence[int]
    values: Sequence[str | None] = ()
    by_value: Sequence[Sequence[int]] = ()
    other: Sequence[int] = ()
    missing: Sequence[str] = ()
    tiers: Sequence[str] = ()


class Searches(Protocol):
    """Asking an index. Every answer is about all rows that were searchable before the call, says that some may be
    missing, or raises Unavailable. Cancelling stops the work in the engine, whatever step it is at. Raises BadRequest
    when an answer takes more than there is for it."""

    async def search(self, search: Search) -> Found:
        """A page of hits, and how many there are."""
        ...

    async def histogram(self, histogram: Histogram) -> Buckets:
        """Exact counts. Raises BadRequest also when there would be more than MAX_BUCKETS."""
        ...

    async def stats(self, stats: Stats) -> Groups:
        """Figures of groups. Raises BadRequest also when there would be more than MAX_CELLS."""
        ...

    async def fields(self, fields: Fields) -> FoundFields:
        """Which fields hits have."""
        ...

    async def explain(self, search: Search) -> dict[str, Any]:
        """For people: what the search would look at, and what it needn't and why. `engine` says whose plan it is."""
        ...

    async def patterns(self, patterns: Patterns) -> Mined:
        """Templates of messages, with exact counts of all rows that were looked at."""
        ...


class Index(Protocol):
    """Where lines are stored to be searched. A log_id that the index has in that day is never stored twice."""

    @property
    def stages(self) -> Sequence[Stage]:
        """The bounded queues in it."""
        ...

    def durable(self) -> StreamPositions | None:
        """What would survive a crash now, if the index knows it; None leaves it to the transport's commits."""
        ...

    async def write(self, batch: Batch) -> Written:
        """Rows are searchable when this returns, or, in an engine that refreshes its indices, a moment later. Raises
        Unavailable; some may be stored then, which are duplicates when it is called again."""
        ...

    async def flush(self) -> None:
        """Everything written so far survives a crash when this returns."""
        ...

    async def status(self) -> dict[str, Any]:
        """For people: rows, bytes, segments or indices."""
        ...

    async def close(self) -> None:
        """Flushes, then releases everything."""
        ...


class Disks(Protocol):
    """Where an index stores."""

    async def disk_used_percent(self) -> float:
        """How full the fullest disk is that new rows may come to, from 0 to 100, as it is now. Raises Unavailable when
        that can't be known."""
        ...


class Upkeep(Protocol):
    """What an index needs done in the background; one caller at a time."""

    async def step(self) -> bool:
        """Does the next piece of work; False when there is none now. Raises Unavailable when it can't be done now;
        what was begun is undone then. Cancelling leaves what a crash would."""
        ...

    def halt(self) -> None:
        """Makes a step that is under way end soon, with what it had begun undone."""
        ...

    async def close(self) -> None:
        """Halts, and waits for the end of a step."""
        ...

    def status(self) -> dict[str, Any]:
        """For people: what was done since the start, what is put aside."""
        ...
