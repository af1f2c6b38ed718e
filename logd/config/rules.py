"""What one value's type can't say: names that must exist, and settings that contradict each other."""

from __future__ import annotations

import difflib
import re
import zoneinfo
from collections.abc import Iterator

from logd.config.address import (
    is_loopback,
    is_mail_address,
    is_origin,
    parse_address,
    parse_allowed,
    parse_listen,
    parse_url,
)
from logd.config.alerting import TIME_OF_DAY, Alerts, Notify
from logd.config.globs import wrong as wrong_glob
from logd.config.keys import KeyPath
from logd.config.patterns import compile_pattern
from logd.config.policies import policy_problems
from logd.config.problem import Problem
from logd.config.schema import ROLES, Agent, Config, Files, Kubernetes, Transport
from logd.config.secrets import is_reference
from logd.config.shaping import SheddingTable

#: Topics are named so, up to 249 characters.
_KAFKA_PREFIX = re.compile(r"[A-Za-z0-9._-]{0,100}")

#: Two sends of an agent, 8 MB each.
_LEAST_SPOOL_BYTES = 16 * 1024 * 1024

_REDIS = re.compile(
    r"rediss?://([A-Za-z0-9._~-]*(?P<password>:[^/]*)?@)?"
    r"(?P<address>(\[[0-9a-fA-F:.]+\]|[^\s/@:\[\]]+)(?P<port>:[0-9]+)?)(/[0-9]{0,4})?"
)

_PREFIX = re.compile(r"([A-Za-z0-9_=-][A-Za-z0-9._=-]{0,99}/){1,2}")

#: Of a link up to its path, in which nothing is to be escaped.
_PUBLIC_URL = re.compile(r"https?://[A-Za-z0-9.:\[\]-]+(/[A-Za-z0-9._~/-]*)?")

#: Each refresh makes every shard write a small segment, which it has to merge.
_LEAST_REFRESH_SECONDS = 0.1
#: Those of the mapping, and room for some of the metadata.
_LEAST_FIELDS = 50


def problems(config: Config) -> Iterator[Problem]:
    """Everything that is wrong with a configuration whose types are right."""
    yield from _roles(config)
    yield from _paths(config)
    yield from _limits(config)
    try:
        parse_address(config.api.listen)
    except ValueError:
        yield Problem(("api", "listen"), "host:port such as 127.0.0.1:8080 or [::1]:8080")
    yield from _telemetry(config)
    yield from _kafka(config.transport)
    yield from _catalog(config)
    yield from _cache(config)
    yield from _objects(config)
    if config.index.type == "elasticsearch":
        yield from _elasticsearch(config)
    yield from policy_problems(config)
    yield from _agent(config.agent)
    yield from _timezone(("parse", "timezone"), config.parse.timezone)
    yield from _shedding(config.shedding)
    yield from _access(config)
    yield from _alerts(config.alerts)
    yield from _notify(config.alerts.notify)


def _roles(config: Config) -> Iterator[Problem]:
    known = ", ".join(ROLES[:-1]) + f" or {ROLES[-1]}"
    roles = config.server.roles
    if not roles:
        yield Problem(("server", "roles"), f"at least one of {known}")
    for place, role in enumerate(roles):
        path: KeyPath = ("server", "roles", place)
        if role not in ROLES:
            yield Problem(path, known)
        elif role in roles[:place]:
            yield Problem(path, "every role once")
    # One file may configure every host, so files without the role are fine, and so is an idle agent beside others.
    agent = config.agent
    others = agent.stdin.enabled or agent.syslog or agent.journald.enabled
    if roles == ["agent"] and not agent.files and not others:
        yield Problem(("agent", "files"), "files to follow, or another input, as agent is the only role")


def _agent(agent: Agent) -> Iterator[Problem]:
    if agent.server:
        try:
            parse_url(agent.server)
        except ValueError:
            yield Problem(("agent", "server"), "a URL such as http://logs.example.org:8080, or nothing")
    for place, server in enumerate(agent.servers):
        try:
            parse_url(server)
        except ValueError:
            yield Problem(("agent", "servers", place), "a URL such as http://logs.example.org:8080")
    if agent.report_url:
        try:
            parse_url(agent.report_url)
        except ValueError:
            yield Problem(("agent", "report_url"), "a URL such as http://logs.example.org:8080, or nothing")
    for place, one in enumerate(agent.syslog):
        try:
            parse_listen(one.listen)
        except ValueError:
            expected = "tcp://HOST:PORT, udp://HOST:PORT, unix:/PATH or unixgram:/PATH"
            yield Problem(("agent", "syslog", place, "listen"), expected)
    yield from _kubernetes(agent.kubernetes)
    if 0 < agent.spool_max_bytes < _LEAST_SPOOL_BYTES:
        yield Problem(("agent", "spool_max_bytes"), f"0, or at least {_LEAST_SPOOL_BYTES}")
    if 0 < agent.bandwidth_bytes_per_second < 1:
        yield Problem(("agent", "bandwidth_bytes_per_second"), "0, or at least 1")


def _kubernetes(settings: Kubernetes) -> Iterator[Problem]:
    path: KeyPath = ("agent", "kubernetes")
    if settings.source == "file" and not settings.file:
        yield Problem((*path, "file"), "the path of a file, as agent.kubernetes.source is file")
    for name in ("file", "token_file", "ca_file"):
        if "\0" in getattr(settings, name):
            yield Problem((*path, name), "the path of a file")
    if settings.server:
        try:
            parse_url(settings.server)
        except ValueError:
            yield Problem(
                (*path, "server"), "a URL such as https://10.96.0.1, or nothing", secret="@" in settings.server
            )


def _paths(config: Config) -> Iterator[Problem]:
    for path, folder in ((("data_dir",), config.data_dir), (("alerts", "rules"), config.alerts.rules)):
        if "\0" in folder:
            yield Problem(path, "the path of a folder")
    for group, files in enumerate(config.agent.files):
        for name, patterns in (("paths", files.paths), ("exclude", files.exclude)):
            for place, pattern in enumerate(patterns):
                if "\0" in pattern:
                    yield Problem(("agent", "files", group, name, place), "a path or glob")
        yield from _files(files, ("agent", "files", group))


def _files(files: Files, path: KeyPath) -> Iterator[Problem]:
    for name in ("path_pattern", "multiline_start", "multiline_continuation"):
        pattern = getattr(files, name)
        try:
            if pattern and not compile_pattern(pattern).groupindex and name == "path_pattern":
                yield Problem((*path, name), "a named group such as (?P<service>[^/]+) in it")
        except ValueError as error:
            yield Problem((*path, name), f"a regular expression of RE2's, but {error}")
    joined = [name for name in ("multiline", "multiline_start", "multiline_continuation") if getattr(files, name)]
    if len(joined) > 1:
        yield Problem((*path, joined[1]), f"nothing, as there is {joined[0]}")
    if files.format != "lines" and files.encoding != "utf-8":
        yield Problem((*path, "encoding"), f"utf-8, as format is {files.format}")


def _limits(config: Config) -> Iterator[Problem]:
    ingest = config.ingest
    if ingest.max_line_bytes > ingest.max_body_bytes:
        yield Problem(("ingest", "max_line_bytes"), f"at most ingest.max_body_bytes, which is {ingest.max_body_bytes}")
    if ingest.max_inflight_bytes < ingest.max_body_bytes:
        # Else the largest body that is allowed would wait for ever.
        yield Problem(
            ("ingest", "max_inflight_bytes"), f"at least ingest.max_body_bytes, which is {ingest.max_body_bytes}"
        )


def _access(config: Config) -> Iterator[Problem]:
    api = config.api
    for name, value, other in (
        ("tls_certificate", api.tls_certificate, api.tls_key),
        ("tls_key", api.tls_key, api.tls_certificate),
    ):
        if "\0" in value:
            yield Problem(("api", name), "the path of a PEM file")
        if other and not value:
            yield Problem(("api", name), "the path of a PEM file, as certificate and key go together")
    for place, origin in enumerate(api.cors_origins):
        # Browsers send nothing else, and only what is equal is allowed.
        if not is_origin(origin):
            yield Problem(("api", "cors_origins", place), "an origin such as https://grafana.example.org")
    if "\0" in config.agent.token_file:
        yield Problem(("agent", "token_file"), "the path of a file")


def _telemetry(config: Config) -> Iterator[Problem]:
    telemetry = config.telemetry
    if not telemetry.listen:
        return
    try:
        host, _ = parse_address(telemetry.listen)
    except ValueError:
        yield Problem(("telemetry", "listen"), "host:port such as 127.0.0.1:9464, or nothing")
        return
    if not is_loopback(host) and not telemetry.anonymous:
        expected = "an address of this machine such as 127.0.0.1:9464, or telemetry.anonymous = true"
        yield Problem(("telemetry", "listen"), expected, "it lets other machines in, which need no token")


def _kafka(transport: Transport) -> Iterator[Problem]:
    kafka = transport.kafka
    path: KeyPath = ("transport", "kafka")
    if transport.type == "kafka" and not kafka.servers:
        yield Problem((*path, "servers"), "at least one host:port, as transport.type is kafka")
    for place, server in enumerate(kafka.servers):
        try:
            if parse_address(server)[1] == 0:
                raise ValueError
        except ValueError:
            yield Problem((*path, "servers", place), "host:port such as kafka-1.example.org:9092")
    if not _KAFKA_PREFIX.fullmatch(kafka.prefix):
        yield Problem((*path, "prefix"), "at most 100 letters, digits, dots, hyphens and underscores")
    if bool(kafka.tls_certificate) != bool(kafka.tls_key):
        missing = "tls_key" if kafka.tls_certificate else "tls_certificate"
        yield Problem((*path, missing), "the path of a PEM file, as certificate and key go together")
    for name in ("tls_ca", "tls_certificate", "tls_key", "password_file"):
        if "\0" in getattr(kafka, name):
            yield Problem((*path, name), "the path of a file")
    if not kafka.tls and (kafka.tls_ca or kafka.tls_certificate):
        # Else the password would go out in the clear, though somebody thought of TLS.
        yield Problem((*path, "tls"), "true, as there are certificates for it")
    if kafka.sasl_mechanism and not kafka.user:
        yield Problem((*path, "user"), f"a name, as transport.kafka.sasl_mechanism is {kafka.sasl_mechanism}")
    if kafka.user and not kafka.sasl_mechanism:
        yield Problem((*path, "sasl_mechanism"), "PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512, as there is a user")


def _catalog(config: Config) -> Iterator[Problem]:
    catalog = config.catalog
    try:
        if parse_address(catalog.address)[1] == 0:
            raise ValueError
    except ValueError:
        yield Problem(("catalog", "address"), "host:port such as db.example.org:3306")
    for name in ("password_file", "tls_ca"):
        if "\0" in getattr(catalog, name):
            yield Problem(("catalog", name), "the path of a file")


def _cache(config: Config) -> Iterator[Problem]:
    cache = config.cache
    found = _REDIS.fullmatch(cache.url)
    if found is None or found["password"]:
        expected = "a URL such as redis://127.0.0.1:6379/0"
        if found is not None:
            expected += ", and the password in cache.password_file or $LOGD_CACHE_PASSWORD"
        yield Problem(("cache", "url"), expected, secret="@" in cache.url)
    else:
        try:
            parse_address(found["address"] if found["port"] else f"{found['address']}:6379")
        except ValueError:
            yield Problem(("cache", "url"), "a URL such as redis://127.0.0.1:6379/0")
    for name in ("password_file", "tls_ca"):
        if "\0" in getattr(cache, name):
            yield Problem(("cache", name), "the path of a file")


def _objects(config: Config) -> Iterator[Problem]:
    objects = config.objects
    if objects.type == "s3" and not objects.bucket:
        yield Problem(("objects", "bucket"), "the name of a bucket, as objects.type is s3")
    if objects.prefix and not _PREFIX.fullmatch(objects.prefix):
        yield Problem(("objects", "prefix"), "letters, digits and signs, with a slash at its end, such as logs/")
    if objects.endpoint:
        try:
            parse_url(objects.endpoint)
        except ValueError:
            yield Problem(
                ("objects", "endpoint"), "a URL such as http://127.0.0.1:9000", secret="@" in objects.endpoint
            )
    for name in ("path", "credentials_file"):
        if "\0" in getattr(objects, name):
            yield Problem(("objects", name), "a path")


def _elasticsearch(config: Config) -> Iterator[Problem]:
    settings = config.index.elasticsearch
    path: KeyPath = ("index", "elasticsearch")
    tls = False
    for place, url in enumerate(settings.urls):
        try:
            tls |= parse_url(url).https
        except ValueError:
            expected = "a URL such as https://es-1.example.org:9200, and a user in index.elasticsearch.user"
            yield Problem((*path, "urls", place), expected, secret="@" in url)
    for name in ("password_file", "api_key_file", "tls_ca"):
        if "\0" in getattr(settings, name):
            yield Problem((*path, name), "the path of a file")
    if settings.user and settings.api_key_file:
        yield Problem((*path, "api_key_file"), f"nothing, as there is a user: {settings.user}")
    if settings.password_file and not settings.user:
        yield Problem((*path, "user"), "a name, as there is a password")
    if settings.tls_ca and not tls:
        # Else the password would go out in the clear, though somebody thought of TLS.
        yield Problem((*path, "urls"), "https://, as index.elasticsearch.tls_ca says who is trusted")
    if settings.timeout_seconds < config.search.deadline_seconds:
        expected = f"at least search.deadline_seconds, which is {config.search.deadline_seconds:g}"
        yield Problem((*path, "timeout_seconds"), expected)
    if settings.refresh_seconds < _LEAST_REFRESH_SECONDS:
        yield Problem((*path, "refresh_seconds"), f"a number of at least {_LEAST_REFRESH_SECONDS}")
    if settings.max_fields < _LEAST_FIELDS:
        yield Problem((*path, "max_fields"), f"a whole number of at least {_LEAST_FIELDS}, as the columns need some")


def _shedding(settings: SheddingTable) -> Iterator[Problem]:
    if 0 < settings.spike_factor <= 1:
        yield Problem(("shedding", "spike_factor"), "0, or more than 1, as what is usual is no spike")
    if settings.baseline_seconds < settings.window_seconds:
        expected = f"at least shedding.window_seconds, which is {settings.window_seconds:g}"
        yield Problem(("shedding", "baseline_seconds"), expected)


def _alerts(settings: Alerts) -> Iterator[Problem]:
    url = settings.public_url
    if url and not _PUBLIC_URL.fullmatch(url):
        yield Problem(("alerts", "public_url"), "a URL such as https://logs.example.org, or nothing")
    for place, window in enumerate(settings.maintenance):
        path: KeyPath = ("alerts", "maintenance", place)
        for key in ("start", "end"):
            if not TIME_OF_DAY.fullmatch(getattr(window, key)):
                yield Problem((*path, key), "a time of the day such as 02:00")
        yield from _timezone((*path, "zone"), window.zone)
        for table, globs in (("", {"rule": window.rule}), ("labels", window.labels), ("group", window.group)):
            for name, glob in globs.items():
                if expected := wrong_glob(glob):
                    yield Problem((*path, *([table] if table else []), name), expected)


def _notify(settings: Notify) -> Iterator[Problem]:
    path: KeyPath = ("alerts", "notify")
    for place, entry in enumerate(settings.allow):
        try:
            parse_allowed(entry)
        except ValueError:
            expected = "a host, a domain such as *.example.org, an address or a network such as 10.1.0.0/16"
            yield Problem((*path, "allow", place), expected)
    for place, glob in enumerate(settings.secrets):
        if not is_reference(glob):
            yield Problem((*path, "secrets", place), "a glob that begins with env: or file:/")
        elif expected_glob := wrong_glob(glob):
            yield Problem((*path, "secrets", place), expected_glob)
    if "\0" in settings.tls_ca:
        yield Problem((*path, "tls_ca"), "the path of a file")
    if settings.give_up_seconds < settings.timeout_seconds:
        expected = f"at least alerts.notify.timeout_seconds, which is {settings.timeout_seconds:g}"
        yield Problem((*path, "give_up_seconds"), expected)
    smtp = settings.smtp
    path = (*path, "smtp")
    host = ""
    if smtp.address:
        try:
            host, port = parse_address(smtp.address)
            if port == 0:
                raise ValueError
        except ValueError:
            yield Problem((*path, "address"), "host:port such as smtp.example.org:587, or nothing")
    if "\0" in smtp.password_file:
        yield Problem((*path, "password_file"), "the path of a file")
    if (smtp.address or smtp.sender) and not is_mail_address(smtp.sender):
        yield Problem((*path, "sender"), "an address such as logd@example.org")
    if smtp.password_file and not smtp.user:
        yield Problem((*path, "user"), "a name, as there is a password")
    if smtp.user and smtp.tls == "none" and host and not is_loopback(host):
        # Else the password would go out in the clear.
        yield Problem((*path, "tls"), "starttls or tls, as there is a user")


def _timezone(path: KeyPath, name: str) -> Iterator[Problem]:
    try:
        zoneinfo.ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        # OSError: `America` is a folder of the database.
        near = difflib.get_close_matches(name, zoneinfo.available_timezones(), n=1)
        yield Problem(path, f"an IANA name such as {near[0] if near else 'Europe/Berlin'}")
