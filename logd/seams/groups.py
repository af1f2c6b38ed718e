"""What is asked of an index about many records at once, beside how many there are by time: figures of groups, and which
fields there are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum

import msgspec

from logd.query.tree import Everything, Node
from logd.seams.archived import Archived

#: More fields make more groups than anybody reads.
MAX_BY = 3
#: A screenful many times over, and with its figures half a megabyte of JSON.
MAX_GROUPS = 1_000
#: Of all groups together, where figures go by time: some megabytes of JSON.
MAX_CELLS = 10_000
#: Enough for a share to be right within a percent, and Elasticsearch's index.max_result_window.
SAMPLE_ROWS = 10_000


class Function(StrEnum):
    """What is made of a field's values: how many different ones there are, or a figure of those that are numbers; or of
    messages, how many bytes of UTF-8 they have together."""

    DISTINCT = "distinct"
    MIN = "min"
    MAX = "max"
    AVG = "avg"
    SUM = "sum"
    P50 = "p50"
    P95 = "p95"
    P99 = "p99"
    BYTES = "bytes"

    @property
    def share(self) -> float | None:
        """Of a percentile: of the values that are no larger."""
        return int(self.value[1:]) / 100 if self in (Function.P50, Function.P95, Function.P99) else None

    @property
    def of_nothing(self) -> float | None:
        """The figure where there are no values."""
        return 0 if self in (Function.DISTINCT, Function.BYTES) else None


class Aggregate(msgspec.Struct, frozen=True):
    """`field` is a keyword column (numbers are only in metadata) or `metadata.` and a path; that of BYTES is the
    message."""

    function: Function
    field: str


class Stats(msgspec.Struct, frozen=True, kw_only=True):
    """Figures of groups, asked for. The groups are the values of the fields `by`; records without a value are a group,
    too, and one with several values is in the group of each. Values in metadata are those that queries find: strings,
    numbers and booleans by their text, also as elements of an array; numbers, and strings that are numbers, count as
    numbers. The `top` groups are those with the most of `aggregates[order]`, or of records if that is None, then those
    whose values come first. `by_time`: each also by intervals, aligned to the epoch; an `interval_us` of None chooses
    one that gives some 100 at most. `prefix`: only groups whose value of the first field begins so, which all values
    do with ""; what is in none is counted apart. `within_seconds` and `archived` as of a Search."""

    query: Node = Everything()
    from_us: int | None = None
    to_us: int | None = None
    archived: Archived = {}
    aggregates: tuple[Aggregate, ...] = ()
    by: tuple[str, ...] = ()
    by_time: bool = False
    interval_us: int | None = None
    order: int | None = None
    top: int = 10
    prefix: str | None = None
    within_seconds: float | None = None


class Cell(msgspec.Struct, frozen=True):
    """The records of a group in an interval that begins at `start_us`. `figures` are as long as the aggregates; one is
    None where there was no number, and a percentile lies between two numbers where it falls between them."""

    start_us: int
    count: int
    figures: Sequence[float | None] = ()


class Group(msgspec.Struct, frozen=True):
    """`values` has one of each field, None for records without it. `cells` are those that have records, in order."""

    values: tuple[str | None, ...]
    count: int
    figures: Sequence[float | None] = ()
    cells: Sequence[Cell] = ()


class Groups(msgspec.Struct, frozen=True, kw_only=True):
    """The top groups, of `total` hits. `other` is what the groups that aren't there add up to, and `without`, where a
    prefix was given, the hits without a value. `interval_us` is 0 unless they go by time. What was estimated:
    `estimated` has the places of those aggregates, and `estimated_groups` says that counts may be too low, and groups
    missing. `missing` and `tiers` as of what is Found."""

    total: int
    groups: Sequence[Group]
    other: int = 0
    without: int = 0
    interval_us: int = 0
    estimated: Sequence[int] = ()
    estimated_groups: bool = False
    missing: Sequence[str] = ()
    tiers: Sequence[str] = ()


class Fields(msgspec.Struct, frozen=True, kw_only=True):
    """Which fields hits have. `within_seconds` and `archived` as of a Search."""

    query: Node = Everything()
    from_us: int | None = None
    to_us: int | None = None
    archived: Archived = {}
    within_seconds: float | None = None


class FoundFields(msgspec.Struct, frozen=True, kw_only=True):
    """Of `total` hits, `sampled` were looked at: all up to SAMPLE_ROWS, else so many at most, and the same when it is
    asked again. `counts` are how many of these have a field, by the field and the types of its values: a column's name,
    or `metadata.` and a path without a further one behind it. `missing` and `tiers` as of what is Found."""

    total: int
    sampled: int
    counts: Mapping[str, FieldCount]
    missing: Sequence[str] = ()
    tiers: Sequence[str] = ()


class FieldCount(msgspec.Struct):
    """How many records have a value: not null, and neither an empty object nor an array of nothing but nulls. `types`
    are string, number, boolean, text (of the message) and time; an array has those of its elements, or is empty."""

    count: int = 0
    types: set[str] = msgspec.field(default_factory=set)
