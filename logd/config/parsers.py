"""`[[parser]]` and `[[test]]`: how lines of some services become fields, and what must come of some lines."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

Text = Annotated[str, Meta(min_length=1)]
FieldType = Literal["text", "int", "float", "boolean"]
LevelName = Literal["TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"]
StepType = Literal[
    "auto", "text", "json", "logfmt", "key_value", "regex", "grok", "csv", "combined", "common", "klog", "glog",
    "syslog", "container",
]  # fmt: skip


class Step(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One way to take a line apart. `name` is what tallies and metrics call it, else its type. `pattern` is for "regex"
    (RE2, named groups) and "grok", with its own `patterns` by name; `columns` and `delimiter` for "csv";
    `pair_delimiter` and `delimiter` for "key_value".

    `time`, `level`, `message`, `service` and `host` name the field that is the column; an empty one takes the usual
    names. `formats` are strptime's, or unix, unix_ms, unix_us and unix_ns; without any the usual forms are understood.
    `timezone` is for times without a zone, empty is parse.timezone. `levels` are words for levels beside the usual
    ones. `types` are those of fields, else text; a value in `absent` is none. `spread` names a field that holds
    pairs or a JSON object: its members become fields. `then` are steps for the message that a step has found, of which
    the first that understands it counts: what it says comes before what stands around it; a message that none
    understands stays as it is."""

    type: StepType
    name: str = ""
    pattern: str = ""
    patterns: dict[str, Text] = {}
    columns: list[Text] = []
    delimiter: str = ""
    pair_delimiter: str = " "
    time: str = ""
    level: str = ""
    message: str = ""
    service: str = ""
    host: str = ""
    formats: list[Text] = []
    timezone: str = ""
    levels: dict[str, LevelName] = {}
    types: dict[str, FieldType] = {}
    spread: str = ""
    then: list[Step] = []
    absent: list[Text] = []


class ParserTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[[parser]]`: whose lines it is for, by globs (any of `services`, of `sources` and of `content_types`, as far as
    they are given: of all of them, or of one if `match` is "any"), and the steps, of which the first that understands a
    line counts. "syslog" and "container" take the wrapping off, and the steps after them see what is in it. The first
    parser that is for a line counts."""

    name: Text
    match: Literal["all", "any"] = "all"
    services: list[Text] = []
    sources: list[Text] = []
    content_types: list[Text] = []
    steps: Annotated[list[Step], Meta(min_length=1)]


class ParserTest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[[test]]`: `lines`, as of such a service and source and seen at `observed` (else now), and what of each record
    must be so: columns by name, fields as `metadata.NAME`. What isn't named isn't looked at, but `metadata` as a table
    is all of it; an empty text is none. A line may hold newlines: it is one record."""

    name: str = ""
    service: str = "unknown"
    source: str = ""
    content_type: str = "text/plain"
    observed: Annotated[datetime, Meta(tz=True)] | None = None
    lines: Annotated[list[str], Meta(min_length=1)]
    expect: list[dict[str, Any]]


class ParserFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A file of `parse.files`."""

    parser: list[ParserTable] = []
    test: list[ParserTest] = []
