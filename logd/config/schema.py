"""One frozen struct per TOML table. The defaults here are those of logd.toml, which a test compares.

Units are in the names. load.py refuses unknown keys, wrong types and values outside their bounds; what one
value alone can't tell (a timezone's name, two limits that contradict each other) is in rules.py.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from logd.config.alerting import Alerts
from logd.config.parsers import ParserTable, ParserTest
from logd.config.shaping import MetricTable, ShapeTable, SheddingTable

#: Numbers end where SQLite's and Arrow's 64-bit integers do.
PositiveInt = Annotated[int, Meta(ge=1, le=2**63 - 1)]
#: Threads and the like: more than this is a slip of the finger, and would be started.
Few = Annotated[int, Meta(ge=0, le=1_024)]
#: At most a year: timers and selectors don't take infinity.
Seconds = Annotated[float, Meta(ge=0, le=366 * 86_400)]
PositiveSeconds = Annotated[float, Meta(gt=0, le=366 * 86_400)]
#: How far a record's time may be off: at most some 300 years, which still fits 64 bits in microseconds.
Age = Annotated[int, Meta(ge=0, le=10_000_000_000)]
#: DuckDB answers nothing useful with less than the lower bound.
Memory = Annotated[int, Meta(ge=16 * 1024 * 1024, le=2**63 - 1)]
Rate = Annotated[float, Meta(ge=0, le=1e12)]
Cost = Annotated[float, Meta(ge=0, le=1e12)]
Days = Annotated[int, Meta(ge=0, le=1_000_000)]
Text = Annotated[str, Meta(min_length=1)]

ROLES = ("agent", "processor", "api", "alerter", "archiver")


class Files(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[[agent.files]]`: files to follow. Globs know `*`, `?`, `[…]` and `**`; regular expressions are RE2's. Of the
    three that say how lines are joined at most one isn't empty; `ignore_older_seconds` 0 ignores no file."""

    paths: Annotated[list[Text], Meta(min_length=1)]
    exclude: list[Text] = []
    path_pattern: str = ""
    service: str = ""
    host: str = ""
    tags: list[Text] = []
    fields: dict[str, Any] = {}
    read_from: Literal["beginning", "end"] = "beginning"
    ignore_older_seconds: Seconds = 0.0
    encoding: Literal["utf-8", "utf-16", "utf-16-le", "utf-16-be", "latin-1"] = "utf-8"
    format: Literal["lines", "docker", "cri", "auto"] = "lines"
    long_lines: Literal["cut", "refuse"] = "cut"
    multiline: Literal["", "java", "python", "go", "dotnet", "ruby"] = ""
    multiline_start: str = ""
    multiline_continuation: str = ""
    multiline_seconds: PositiveSeconds = 2.0
    multiline_lines: Annotated[int, Meta(ge=2, le=1_000_000)] = 500
    multiline_bytes: Annotated[int, Meta(ge=1024, le=512 * 1024)] = 256 * 1024


class Stdin(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[agent.stdin]`: lines of standard input; the agent ends with it, unless it follows something else."""

    enabled: bool = False
    service: Text = "stdin"
    tags: list[Text] = []
    fields: dict[str, Any] = {}


class Syslog(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[[agent.syslog]]`: an address on which syslog is taken in, see agent/syslog.py. `service` is that of messages
    without a tag."""

    listen: Text
    service: Text = "syslog"
    tags: list[Text] = []
    fields: dict[str, Any] = {}


class Journald(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[agent.journald]`: systemd's journal. An empty `directory` is the machine's, no `units` are all. `service` is
    that of entries without SYSLOG_IDENTIFIER."""

    enabled: bool = False
    directory: str = ""
    units: list[Text] = []
    read_from: Literal["beginning", "end"] = "end"
    service: Text = "journal"
    tags: list[Text] = []
    fields: dict[str, Any] = {}


class Kubernetes(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[agent.kubernetes]`: where pods are described beside what paths say, and what of it lines carry. `file` is for
    "file"; the next four for "api", where an empty `server` and an empty `node` are what Kubernetes puts into the
    environment. `labels` and `annotations` are globs of names."""

    source: Literal["none", "file", "api"] = "none"
    file: str = ""
    server: str = ""
    token_file: str = "/var/run/secrets/kubernetes.io/serviceaccount/token"
    ca_file: str = "/var/run/secrets/kubernetes.io/serviceaccount/ca.crt"
    node: str = ""
    labels: list[Text] = msgspec.field(default_factory=lambda: ["*"])
    annotations: list[Text] = []
    namespace_labels: bool = False
    service_labels: list[Text] = []
    wait_seconds: Annotated[float, Meta(ge=0, le=60)] = 5.0


class Agent(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[agent]`: follows files on this host. An empty `host` means the machine's name, an empty `token_file` the token
    in $LOGD_TOKEN, if there is one. `spool_max_bytes` and `bandwidth_bytes_per_second` 0 are no spool and no limit."""

    host: str = ""
    server: str = ""
    servers: list[Text] = []
    token_file: str = ""
    report_url: str = ""
    report_seconds: PositiveSeconds = 30.0
    spool_max_bytes: Annotated[int, Meta(ge=0, le=2**63 - 1)] = 1024 * 1024 * 1024
    spool_when_full: Literal["stop", "drop_oldest"] = "stop"
    bandwidth_bytes_per_second: Rate = 0.0
    files: list[Files] = []
    stdin: Stdin = Stdin()
    syslog: list[Syslog] = []
    journald: Journald = Journald()
    kubernetes: Kubernetes = Kubernetes()
    watch: Literal["auto", "poll"] = "auto"
    poll_seconds: PositiveSeconds = 0.25
    rescan_seconds: PositiveSeconds = 1.0
    partial_line_seconds: Seconds = 5.0
    batch_seconds: Seconds = 0.5
    max_open_files: PositiveInt = 512

    @property
    def targets(self) -> list[str]:
        """Other logds to send to, the first that answers; none means this process's own transport."""
        return ([self.server] if self.server else []) + self.servers


class Ingest(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[ingest]`: what is taken in, and how much at once. `max_age_seconds` 0 takes everything since 1970."""

    max_body_bytes: PositiveInt = 64 * 1024 * 1024
    max_line_bytes: Annotated[int, Meta(ge=1024, le=64 * 1024 * 1024)] = 1024 * 1024
    max_inflight_bytes: PositiveInt = 128 * 1024 * 1024
    max_age_seconds: Age = 0
    max_ahead_seconds: Age = 3600
    idempotency_seconds: Annotated[int, Meta(ge=1, le=366 * 86_400)] = 86_400


class Kafka(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[transport.kafka]`: `servers` are asked for the others. `prefix` comes before the names of topics and groups.
    `partitions` and `replication` are those of topics that are created. Each of `hot_services` has `hot_partitions` of
    them. An empty `sasl_mechanism` doesn't log in; an empty `password_file` takes $LOGD_KAFKA_PASSWORD."""

    servers: list[Text] = []
    prefix: str = ""
    partitions: Annotated[int, Meta(ge=1, le=10_000)] = 50
    replication: Annotated[int, Meta(ge=1, le=100)] = 3
    acks: Literal["all", "1"] = "all"
    hot_services: list[Text] = []
    hot_partitions: Annotated[int, Meta(ge=1, le=10_000)] = 8
    connect_seconds: Seconds = 30.0
    tls: bool = False
    tls_ca: str = ""
    tls_certificate: str = ""
    tls_key: str = ""
    sasl_mechanism: Literal["", "PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = ""
    user: str = ""
    password_file: str = ""


class Transport(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[transport]`: the durable queue, and what each of its topics may hold unread."""

    type: Literal["sqlite", "kafka"] = "sqlite"
    max_bytes: PositiveInt = 10 * 1024 * 1024 * 1024
    max_age_seconds: PositiveSeconds = 7 * 86_400.0
    kafka: Kafka = Kafka()


class Catalog(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[catalog]`: where tokens and saved searches are kept. All but `type` is for "mysql". An empty `password_file`
    takes the password in $LOGD_CATALOG_PASSWORD, if there is one; an empty `tls_ca` connects without TLS."""

    type: Literal["sqlite", "mysql"] = "sqlite"
    address: str = "127.0.0.1:3306"
    database: Text = "logd"
    user: Text = "logd"
    password_file: str = ""
    tls_ca: str = ""


class Cache(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[cache]`: where answers are kept that are asked for again. `max_bytes` is for "memory", the rest for "redis". An
    empty `password_file` takes the password in $LOGD_CACHE_PASSWORD, if there is one; `tls_ca` is for rediss://."""

    type: Literal["memory", "redis", "none"] = "memory"
    max_bytes: PositiveInt = 16 * 1024 * 1024
    url: str = "redis://127.0.0.1:6379/0"
    password_file: str = ""
    tls_ca: str = ""
    prefix: Text = "logd"


class Objects(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[objects]`: where the archive lies. `path` is for "folder", empty is `objects` in data_dir; the rest is for
    "s3". An empty `endpoint` is Amazon's; credentials come from where AWS's own tools take them."""

    type: Literal["folder", "s3"] = "folder"
    path: str = ""
    bucket: str = ""
    prefix: str = ""
    endpoint: str = ""
    region: str = "us-east-1"
    path_style: bool = False
    credentials_file: str = ""
    profile: str = ""


class Parse(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[parse]`: how lines become records. `timezone` is an IANA name, used for times that carry no zone. `files` are
    globs of TOML files with more of `[[parser]]` and `[[test]]`."""

    timezone: str = "UTC"
    files: list[Text] = []
    join_lines: PositiveInt = 24_000
    join_seconds: Seconds = 0.2
    memory_bytes: Memory = 512 * 1024 * 1024


class Elasticsearch(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[index.elasticsearch]`: a cluster, and how its indices are made. Without an API key and a user, nobody is named.
    An empty `tls_ca` trusts the authorities that the system does."""

    urls: Annotated[list[Text], Meta(min_length=1)] = msgspec.field(default_factory=lambda: ["http://127.0.0.1:9200"])
    user: str = ""
    password_file: str = ""
    api_key_file: str = ""
    tls_ca: str = ""
    timeout_seconds: PositiveSeconds = 60.0
    shards: Annotated[int, Meta(ge=1, le=1_024)] = 5
    replicas: Few = 1
    warm_replicas: Few = 0
    refresh_seconds: PositiveSeconds = 1.0
    metadata: Literal["object", "flattened"] = "object"
    max_fields: PositiveInt = 2_000
    bulk_rows: Annotated[int, Meta(ge=1, le=100_000)] = 2_000
    bulks_in_flight: Annotated[int, Meta(ge=1, le=64)] = 4
    gzip: bool = False


class Index(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[index]`: where lines are searched. Of segments, recent rows stay in memory until one of the three limits is
    reached."""

    type: Literal["segments", "elasticsearch"] = "segments"
    flush_rows: PositiveInt = 48_000
    flush_bytes: PositiveInt = 32 * 1024 * 1024
    flush_seconds: PositiveSeconds = 60.0
    elasticsearch: Elasticsearch = Elasticsearch()


class Policy(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[policies.NAME]`: a retention policy, and the services whose records it keeps; `*` is any characters, `?` one.
    What two of them name is the first one's. Ages that it doesn't say are DEFAULT's; see seams.RetentionPolicy."""

    services: list[Text] = []
    hot_days: Days | None = None
    warm_days: Days | None = None
    cold_days: Days | None = None


class SearchLimits(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[search]`: what one search may cost, and what side by side means. `threads` 0 is one for every core. Of the
    embedded index and of the archive one may read `scan_lines`. What is read of the archive stays on the local disk, up
    to `cold_cache_bytes`. A tail gets `tail_rate` lines a second, or with 0 any number."""

    default_operator: Literal["or", "and"] = "or"
    threads: Few = 0
    memory_bytes: Memory = 512 * 1024 * 1024
    scan_lines: Annotated[int, Meta(ge=0, le=2**62)] = 1_000_000_000
    cold_cache_bytes: Annotated[int, Meta(ge=16 * 1024 * 1024, le=2**63 - 1)] = 1024 * 1024 * 1024
    deadline_seconds: PositiveSeconds = 30.0
    concurrent: Annotated[int, Meta(ge=1, le=1_024)] = 4
    heavy: Annotated[int, Meta(ge=1, le=1_024)] = 2
    slow_seconds: PositiveSeconds = 5.0
    tails: Annotated[int, Meta(ge=1, le=10_000)] = 100
    tail_rate: Annotated[int, Meta(ge=0, le=1_000_000)] = 5_000


class Archiver(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[archiver]`: what becomes of stored lines. `retention_days` 0 keeps them for ever. From `high_water_percent` of
    a disk on, data_dir's or that of a warm node of Elasticsearch, what the archive has goes early; where nothing more
    can go from data_dir's, DEBUG and TRACE are dropped, and from `full_percent` on all is refused. The costs are of a
    GB and a month, in whatever money; they are shown and nothing else. The rest is about the archive of a cluster:
    `flush_*` says when what was read becomes files, `compact_seconds` when these become few, which may move
    `compact_bytes_per_second`, 0 being any number."""

    retention_days: Days = 0
    disk_warning_percent: Annotated[int, Meta(ge=1, le=100)] = 85
    high_water_percent: Annotated[int, Meta(ge=1, le=100)] = 90
    full_percent: Annotated[int, Meta(ge=1, le=100)] = 97
    hot_cost: Cost = 0.0
    warm_cost: Cost = 0.0
    cold_cost: Cost = 0.0
    flush_seconds: PositiveSeconds = 300.0
    flush_rows: PositiveInt = 2_000_000
    flush_bytes: PositiveInt = 256 * 1024 * 1024
    compact_seconds: PositiveSeconds = 1_800.0
    compact_bytes_per_second: Rate = 32 * 1024 * 1024.0


class RateLimit(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[api.rate_limit]`: of each token, and of each address without one; 0 is no limit. What wasn't used of the last
    `burst_seconds` may be used at once."""

    requests_per_second: Rate = 0.0
    bytes_per_second: Rate = 0.0
    burst_seconds: PositiveSeconds = 10.0


class Api(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[api]`: the HTTP listener, `host:port`; port 0 takes a free one. With `anonymous`, who sends no token may do
    everything."""

    listen: str = "127.0.0.1:8080"
    anonymous: bool = False
    tls_certificate: str = ""
    tls_key: str = ""
    cors_origins: list[Text] = []
    max_connections: Annotated[int, Meta(ge=1, le=100_000)] = 2_000
    idle_seconds: PositiveSeconds = 75.0
    stall_seconds: PositiveSeconds = 30.0
    agent_silent_seconds: PositiveSeconds = 120.0
    rate_limit: RateLimit = RateLimit()


class Server(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[server]`: the process. After SIGTERM it has `drain_seconds` to finish what it holds."""

    roles: list[str] = msgspec.field(default_factory=lambda: list(ROLES))
    drain_seconds: Seconds = 30.0


class Telemetry(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[telemetry]`: where a process without the role api answers /healthz, /readyz and /metrics, `host:port`; port 0
    takes a free one, empty is nowhere. Nobody needs a token for it: `anonymous` lets other machines ask."""

    listen: str = ""
    anonymous: bool = False


class Log(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`[log]`: logd's own log, on standard error."""

    level: Literal["debug", "info", "warn", "error"] = "info"
    format: Literal["text", "json"] = "text"


class Config(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The whole file. A relative `data_dir` is relative to the working folder."""

    data_dir: Text = "logd-data"
    server: Server = Server()
    agent: Agent = Agent()
    api: Api = Api()
    ingest: Ingest = Ingest()
    transport: Transport = Transport()
    catalog: Catalog = Catalog()
    cache: Cache = Cache()
    objects: Objects = Objects()
    parse: Parse = Parse()
    parser: list[ParserTable] = []
    test: list[ParserTest] = []
    shape: list[ShapeTable] = []
    metric: list[MetricTable] = []
    shedding: SheddingTable = SheddingTable()
    index: Index = Index()
    policies: dict[str, Policy] = {}
    search: SearchLimits = SearchLimits()
    archiver: Archiver = Archiver()
    alerts: Alerts = Alerts()
    telemetry: Telemetry = Telemetry()
    log: Log = Log()
