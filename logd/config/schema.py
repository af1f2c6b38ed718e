"""One frozen struct per TOML table. The defaults here are those of logd.toml, which a test compares.

Units are in the names. A value of the wrong type or outside its bounds, and an unknown key, are refused by load.py.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

PositiveInt = Annotated[int, Meta(ge=1)]
Count = Annotated[int, Meta(ge=0)]
Seconds = Annotated[float, Meta(ge=0)]

ROLES = ("agent", "processor", "api")
#: Roles of the design that this version doesn't have; asking for one is refused by name.
PLANNED_ROLES = ("alerter", "archiver")


class Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What every TOML table has in common: no surprises."""


class Files(Table):
    """`[[agent.files]]`: files to follow. Globs know `*`, `?`, `[…]` and `**`."""

    paths: list[str]
    exclude: list[str] = []
    service: str = ""
    tags: list[str] = []
    fields: dict[str, Any] = {}
    read_from: Literal["beginning", "end"] = "beginning"


class Agent(Table):
    """`[agent]`: follows files on this host. An empty `host` means the machine's name."""

    host: str = ""
    files: list[Files] = []
    poll_seconds: Annotated[float, Meta(gt=0)] = 0.25
    rescan_seconds: Annotated[float, Meta(gt=0)] = 1.0
    partial_line_seconds: Seconds = 5.0
    batch_seconds: Seconds = 0.5
    max_open_files: PositiveInt = 512


class Ingest(Table):
    """`[ingest]`: what is taken in, and how much at once. `max_age_seconds` 0 takes everything since 1970."""

    max_body_bytes: PositiveInt = 64 * 1024 * 1024
    max_line_bytes: Annotated[int, Meta(ge=1024, le=64 * 1024 * 1024)] = 1024 * 1024
    max_inflight_bytes: PositiveInt = 128 * 1024 * 1024
    max_age_seconds: Count = 0
    max_ahead_seconds: Count = 3600
    idempotency_seconds: PositiveInt = 86_400


class Transport(Table):
    """`[transport]`: the durable queue."""

    type: Literal["sqlite"] = "sqlite"


class Parse(Table):
    """`[parse]`: how lines become records. `timezone` is an IANA name, used for times that carry no zone."""

    timezone: str = "UTC"
    join_lines: PositiveInt = 16_000
    join_seconds: Seconds = 0.2
    memory_bytes: PositiveInt = 512 * 1024 * 1024


class Index(Table):
    """`[index]`: where lines are searched. Recent rows stay in memory until one of the three limits is reached."""

    type: Literal["segments"] = "segments"
    flush_rows: PositiveInt = 256_000
    flush_bytes: PositiveInt = 64 * 1024 * 1024
    flush_seconds: Annotated[float, Meta(gt=0)] = 60.0


class SearchLimits(Table):
    """`[search]`: what one search may cost."""

    threads: Count = 0
    memory_bytes: PositiveInt = 512 * 1024 * 1024
    deadline_seconds: Annotated[float, Meta(gt=0)] = 30.0
    concurrent: PositiveInt = 4


class Api(Table):
    """`[api]`: the HTTP listener, `host:port`; port 0 takes a free one."""

    listen: str = "127.0.0.1:8080"


class Server(Table):
    """`[server]`: the process. After SIGTERM it has `drain_seconds` to finish what it holds."""

    roles: list[str] = list(ROLES)
    drain_seconds: Seconds = 30.0


class Log(Table):
    """`[log]`: logd's own log, on standard error."""

    level: Literal["debug", "info", "warn", "error"] = "info"
    format: Literal["text", "json"] = "text"


class Config(Table):
    """The whole file. A relative `data_dir` is relative to the working folder."""

    data_dir: str = "logd-data"
    server: Server = Server()
    agent: Agent = Agent()
    api: Api = Api()
    ingest: Ingest = Ingest()
    transport: Transport = Transport()
    parse: Parse = Parse()
    index: Index = Index()
    search: SearchLimits = SearchLimits()
    log: Log = Log()
