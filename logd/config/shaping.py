"""`[[shape]]`, `[[metric]]` and `[shedding]`: what is done to records after they are parsed, what is counted of them,
and what of them the index does without."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

Text = Annotated[str, Meta(min_length=1)]
ShapeType = Literal["set", "rename", "copy", "remove", "lookup", "geoip", "trace", "redact", "drop", "sample"]


class ShapeTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[[shape]]`: a rule, for the records of some `services` (globs, none are all) that match `query` (empty is
    every one). Rules run in their order, each over what those before it have left.

    "set" gives `fields` values, "rename" and "copy" give them other names, "remove" takes out what `names` (globs)
    say. "lookup" finds the row of the CSV `file` whose `key` is what the record has in `field`, and takes `columns`
    (none are all) as fields with `prefix`. "geoip" does so with the address in `field` and a MaxMind database. "trace"
    takes ids from where the first of some fields has one. What a record has already counts, unless `overwrite`.

    "redact" hides what `detectors` and `patterns` (RE2, by name) find, without either all detectors, in `names`:
    message and metadata, or members of it. `action` "mask" puts a mark there, "hash" one that is the same for the same
    value and key; the key is in `key_file`, else in $LOGD_REDACT_KEY.

    "drop" leaves records out, "sample" all but a part of `keep` of those below WARN."""

    type: ShapeType
    name: str = ""
    services: list[Text] = []
    query: str = ""
    fields: dict[str, Any] = {}
    overwrite: bool = False
    names: list[Text] = []
    file: str = ""
    key: str = ""
    field: str = ""
    columns: list[Text] = []
    prefix: str = ""
    trace_id: list[Text] = []
    span_id: list[Text] = []
    traceparent: list[Text] = []
    detectors: list[Text] = []
    patterns: dict[str, Text] = {}
    action: Literal["mask", "hash"] = "mask"
    key_file: str = ""
    keep: Annotated[float, Meta(gt=0, lt=1)] = 0.1


class MetricTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[[metric]]`: a number on the processor's /metrics, of the records that match `query`: how many ("counter"), or
    what they have in `field` ("histogram", by the upper bounds `buckets`); apart for what they have in `labels`."""

    name: Text
    help: str = ""
    query: str = ""
    type: Literal["counter", "histogram"] = "counter"
    field: str = ""
    labels: list[Text] = []
    buckets: list[float] = msgspec.field(
        default_factory=lambda: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0]
    )


class SheddingTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[shedding]`: what the index, and nothing else, does without while there is too much, of `services` (globs, none
    are all). Of DEBUG and TRACE, then also of INFO and what has no level, a part of `keep` is stored: while a service's
    rate is over `spike_factor` times what is usual, or the processor is `lag_seconds` behind. DEBUG and TRACE are
    dropped while the index's disk is fuller than `disk_percent`. Each of the three is off when it is 0."""

    services: list[Text] = []
    keep: Annotated[float, Meta(gt=0, lt=1)] = 0.1
    spike_factor: Annotated[float, Meta(ge=0, le=1e6)] = 0.0
    spike_lines_per_second: Annotated[float, Meta(ge=0, le=1e12)] = 1_000.0
    window_seconds: Annotated[float, Meta(ge=0.1, le=86_400)] = 10.0
    baseline_seconds: Annotated[float, Meta(gt=0, le=366 * 86_400)] = 3_600.0
    warm_up_seconds: Annotated[float, Meta(ge=0, le=366 * 86_400)] = 600.0
    lag_seconds: Annotated[float, Meta(ge=0, le=366 * 86_400)] = 0.0
    disk_percent: Annotated[float, Meta(ge=0, le=100)] = 0.0
