"""What answers look like, for the OpenAPI document. The handlers' bodies are held to it by the tests."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType, field

from logd.seams import MAX_DESCRIPTION_CHARACTERS, MAX_NAME_CHARACTERS

#: See parameters.duration_us.
DURATION = "^([0-9]{1,15})(ms|s|m|h|d|w)$"


class Error(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`code` is stable; `where` names the place: a parameter, a header, `q:` and a column."""

    code: str
    message: str
    where: str


class ErrorAnswer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Every answer from 400 on."""

    error: Error


class Accepted(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How many are durable."""

    accepted: int


class Record(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A log line. Times are RFC 3339 in UTC."""

    log_id: str
    timestamp: str
    level: Literal["TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"] | None
    service: str | None
    host: str | None
    source: str | None
    message: str | None
    metadata: dict[str, Any]
    tags: list[str]
    trace_id: str | None
    ingested_at: str


class Hit(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A Record, or what of it was asked for by `fields`. `highlights`, with `highlight=true`, are ranges of characters
    (Unicode code points), the first included and the second not, in which the query's terms are: by the name of the
    field, `metadata.` and its path, and the number of an array's element."""

    log_id: str | UnsetType = UNSET
    timestamp: str | UnsetType = UNSET
    level: Literal["TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"] | UnsetType | None = UNSET
    service: str | UnsetType | None = UNSET
    host: str | UnsetType | None = UNSET
    source: str | UnsetType | None = UNSET
    message: str | UnsetType | None = UNSET
    metadata: dict[str, Any] | UnsetType = UNSET
    tags: list[str] | UnsetType = UNSET
    trace_id: str | UnsetType | None = UNSET
    ingested_at: str | UnsetType = UNSET
    highlights: dict[str, list[tuple[int, int]]] | UnsetType = UNSET


#: That was read for an answer: the index's younger or older days, or the archive. Without any, nobody told them apart.
Tier = Literal["hot", "warm", "cold"]


class SearchAnswer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A page. Nobody counted when `total_hits` is absent; it is a lower bound when `total_relation` is gte.
    `next_cursor` is null when this is the last page. `took_ms` is of the search, also of an answer from the cache.
    When `partial` is true, records that match may be missing, and `warnings` say why. Without it, `warnings` tell why
    the page ended early, where `next_cursor` goes on."""

    logs: list[Hit]
    next_cursor: str | None
    took_ms: int
    total_hits: int | UnsetType = UNSET
    total_relation: Literal["eq", "gte"] | UnsetType = UNSET
    partial: Literal[True] | UnsetType = UNSET
    warnings: list[str] | UnsetType = UNSET
    tiers: list[Tier] | UnsetType = UNSET


class ContextAnswer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A record, and those before and after it, each list in the order of the file, or of time. When `partial` is true,
    some of them may be missing, and `warnings` say why; a whole answer has neither."""

    log: Hit
    before: list[Hit]
    after: list[Hit]
    order: Literal["position", "time"]
    took_ms: int
    partial: Literal[True] | UnsetType = UNSET
    warnings: list[str] | UnsetType = UNSET


class ExplainAnswer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`tree` is the query as it is read, in words, a line for each of its nodes, and `query` the same for programs.
    `default_operator` is what terms side by side mean in it. `plan` is the engine's own and may change: what it would
    look at, what it needn't, and why."""

    tree: list[str]
    query: dict[str, Any]
    default_operator: Literal["or", "and"]
    plan: dict[str, Any]
    took_ms: int


class Value(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A value of the field `by`, null for records without it."""

    value: str | None
    count: int


class Bucket(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An interval: its `counts` are those of `values`, in their order; `other` is of all other values."""

    start: str
    count: int
    counts: list[int] | UnsetType = UNSET
    other: int | UnsetType = UNSET


class HistogramAnswer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Counts by time. With `by`, its most frequent values first; records with several tags count for each of them. When
    `partial` is true, records may not be counted, and `warnings` say why; a whole answer has neither."""

    total_hits: int
    interval_ms: int
    buckets: list[Bucket]
    took_ms: int
    by: str | UnsetType = UNSET
    values: list[Value] | UnsetType = UNSET
    other: int | UnsetType = UNSET
    partial: Literal[True] | UnsetType = UNSET
    warnings: list[str] | UnsetType = UNSET
    tiers: list[Tier] | UnsetType = UNSET


class StatsBucket(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A group's records in an interval."""

    start: str
    count: int
    stats: dict[str, float | None] | UnsetType = UNSET


class StatsGroup(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Records with the same `values` in the fields `by`, null where they have none. `stats` are the aggregates by their
    names, null where there was no number. `buckets`, where an interval was given, are those that have records."""

    values: dict[str, str | None]
    count: int
    stats: dict[str, float | None] | UnsetType = UNSET
    buckets: list[StatsBucket] | UnsetType = UNSET


class StatsAnswer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The groups with the most of what was the order, those with the first values first among equals; a record with
    several values is in several. `other` is what the groups that aren't there add up to. `approximate` names the
    aggregates that were estimated; with `count` among them, counts may be too low and groups may be missing. When
    `partial` is true, records may not be counted, and `warnings` say why; a whole answer has neither."""

    total_hits: int
    groups: list[StatsGroup]
    other: int
    took_ms: int
    interval_ms: int | UnsetType = UNSET
    approximate: list[str] | UnsetType = UNSET
    partial: Literal[True] | UnsetType = UNSET
    warnings: list[str] | UnsetType = UNSET
    tiers: list[Tier] | UnsetType = UNSET


class FieldOfRecords(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A column or a path into metadata. `count` are the sampled records that have it, `share` their part of these."""

    name: str
    types: list[Literal["string", "number", "boolean", "text", "time"]]
    count: int
    share: float


class FieldsAnswer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Those that most records have come first; there are `more`. Of `total_hits` records `sampled_rows` were looked at.
    When `partial` is true, records may not be counted, and `warnings` say why; a whole answer has neither."""

    total_hits: int
    sampled_rows: int
    fields: list[FieldOfRecords]
    more: int
    took_ms: int
    partial: Literal[True] | UnsetType = UNSET
    warnings: list[str] | UnsetType = UNSET
    tiers: list[Tier] | UnsetType = UNSET


class FieldValue(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How many records have it."""

    value: str
    count: int


class ValuesAnswer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The most frequent values; of those with the prefix, `other` is what the others add up to. `missing` are the
    records without a value. `approximate` as of StatsAnswer. When `partial` is true, records may not be counted, and
    `warnings` say why; a whole answer has neither."""

    field: str
    total_hits: int
    values: list[FieldValue]
    other: int
    missing: int
    took_ms: int
    approximate: list[str] | UnsetType = UNSET
    partial: Literal[True] | UnsetType = UNSET
    warnings: list[str] | UnsetType = UNSET
    tiers: list[Tier] | UnsetType = UNSET


class Sample(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One of a pattern's records; `message` is the beginning of its message, up to 1,000 characters."""

    log_id: str
    message: str | None


class PatternCount(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A template, in which `<*>` stands for words that differ, and what records it has: how many, their share of those
    that were looked at, the times of the first and the last, one at the last moment, how many by service (those of
    services that aren't listed are `other_services`) and by level."""

    template: str
    count: int
    share: float
    first_seen: str
    last_seen: str
    sample: Sample
    services: list[Value]
    other_services: int
    levels: list[Value]


class PatternsAnswer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Patterns, the most frequent first. `total_hits` records are those of the patterns, `other` ones (of
    `other_patterns` that aren't listed, and `unmatched` ones of rare messages, when there are over 10,000 different
    ones) and `not_looked_at` ones, the oldest, of which an engine that has to be read gives no more. With `coarse`,
    which is for very many different messages, only their first two words tell them apart. When `partial` is true,
    records may not be counted, and `warnings` say why."""

    total_hits: int
    patterns: list[PatternCount]
    other: int
    other_patterns: int
    unmatched: int
    not_looked_at: int
    coarse: bool
    took_ms: int
    partial: Literal[True] | UnsetType = UNSET
    warnings: list[str] | UnsetType = UNSET
    tiers: list[Tier] | UnsetType = UNSET


class FilterParameters(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which records are meant, by parameters of these names."""

    q: str | UnsetType = UNSET
    service: str | list[str] | UnsetType = UNSET
    level: str | list[str] | UnsetType = UNSET
    host: str | list[str] | UnsetType = UNSET
    from_: str | int | UnsetType = field(name="from", default=UNSET)
    to: str | int | UnsetType = UNSET
    default_operator: Literal["or", "and"] | UnsetType = UNSET


class SearchParameters(FilterParameters, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a search is asked for by parameters of these names."""

    sort: Literal["newest", "oldest", "desc", "asc"] | UnsetType = UNSET
    limit: int | UnsetType = UNSET
    track_total_hits: bool | int | UnsetType = UNSET
    fields: str | list[str] | UnsetType = UNSET
    highlight: bool | UnsetType = UNSET


_Name = Annotated[str, Meta(min_length=1, max_length=MAX_NAME_CHARACTERS)]
_Description = Annotated[str, Meta(max_length=MAX_DESCRIPTION_CHARACTERS)]


class SearchToSave(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`search` has the parameters, times as they are written: a relative one is so whenever the search is run. Names
    are of printable characters, and none looks like an id."""

    name: _Name
    description: _Description = ""
    search: SearchParameters


class ChangedSearch(SearchToSave, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`version` is that of the search as it was before."""

    version: Annotated[int, Meta(ge=1, le=2**63 - 2)]


class SavedSearch(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`created_by` and `updated_by` are the names of tokens, null where none was needed. Each change makes `version`
    one more."""

    id: str
    name: str
    description: str
    search: SearchParameters
    created: str
    created_by: str | None
    updated: str
    updated_by: str | None
    version: int


class SavedSearchList(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """By their names."""

    searches: list[SavedSearch]


class Health(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """It is up."""

    status: Literal["ok", "ready"]


class Status(msgspec.Struct, frozen=True):
    """For people; what each part says of itself may change."""

    version: str
    roles: list[str]
    transport: dict[str, Any]
    index: dict[str, Any]
    stages: dict[str, Any]
    tail: dict[str, Any]
    cache: dict[str, Any]


class StatusHistory(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Samples of this process, the oldest first. Each of the `series` has a value for each of the `times`, null where
    it isn't known: `GROUP.lag_messages` and `GROUP.oldest_seconds`, how long the first of these messages has waited,
    of each group of the stream; `stage.STAGE.fill`, from 0 to 1, and `stage.STAGE.blocked`, the share of the time in
    which somebody had to wait for it; `ingest.`, `agent.` (this process's own) and `index.lines_per_second` and
    `.bytes_per_second`: bodies as they are decompressed, chunks as they are sent, messages as they are indexed."""

    interval_seconds: int
    times: list[str]
    series: dict[str, list[float | None]]


class Shipped(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How many chunks are durable, and how many of them their sources had sent before."""

    accepted: int
    duplicates: int
