"""What answers look like, for the OpenAPI document. The handlers' bodies are held to it by the tests."""

from __future__ import annotations

from typing import Any, Literal

import msgspec
from msgspec import UNSET, UnsetType

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


class SearchAnswer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A page. Nobody counted when `total_hits` is absent; it is a lower bound when `total_relation` is gte.
    `next_cursor` is null when this is the last page."""

    logs: list[Record]
    next_cursor: str | None
    took_ms: int
    total_hits: int | UnsetType = UNSET
    total_relation: Literal["eq", "gte"] | UnsetType = UNSET


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
    """Counts by time. With `by`, its most frequent values first; records with several tags count for each of them."""

    total_hits: int
    interval_ms: int
    buckets: list[Bucket]
    took_ms: int
    by: str | UnsetType = UNSET
    values: list[Value] | UnsetType = UNSET
    other: int | UnsetType = UNSET


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
