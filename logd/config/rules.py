"""What one value's type can't say: names that must exist, and settings that contradict each other."""

from __future__ import annotations

import difflib
import re
import zoneinfo
from collections.abc import Iterator

import msgspec

from logd.config.address import is_loopback, is_origin, parse_address, parse_url
from logd.config.keys import KeyPath
from logd.config.schema import PLANNED_ROLES, ROLES, Config, Transport

#: Topics are named so, up to 249 characters.
_KAFKA_PREFIX = re.compile(r"[A-Za-z0-9._-]{0,100}")

_REDIS = re.compile(
    r"rediss?://([A-Za-z0-9._~-]*(?P<password>:[^/]*)?@)?"
    r"(?P<address>(\[[0-9a-fA-F:.]+\]|[^\s/@:\[\]]+)(?P<port>:[0-9]+)?)(/[0-9]{0,4})?"
)

_PREFIX = re.compile(r"([A-Za-z0-9_=-][A-Za-z0-9._=-]{0,99}/){1,2}")


class Problem(msgspec.Struct, frozen=True):
    """The value at `path` won't do. `expected` completes "expected …"; `reason` is said first, where there is one. A
    `secret` value isn't shown."""

    path: KeyPath
    expected: str
    reason: str = ""
    secret: bool = False


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
    if config.agent.server:
        try:
            parse_url(config.agent.server)
        except ValueError:
            yield Problem(("agent", "server"), "a URL such as http://logs.example.org:8080, or nothing")
    yield from _timezone(config.parse.timezone)
    yield from _access(config)


def _roles(config: Config) -> Iterator[Problem]:
    known = ", ".join(ROLES[:-1]) + f" or {ROLES[-1]}"
    roles = config.server.roles
    if not roles:
        yield Problem(("server", "roles"), f"at least one of {known}")
    for place, role in enumerate(roles):
        path: KeyPath = ("server", "roles", place)
        if role in PLANNED_ROLES:
            yield Problem(path, known, f"role '{role}' does not exist yet in this version")
        elif role not in ROLES:
            yield Problem(path, known)
        elif role in roles[:place]:
            yield Problem(path, "every role once")
    # One file may configure every host, so files without the role are fine, and so is an idle agent beside others.
    if roles == ["agent"] and not config.agent.files:
        yield Problem(("agent", "files"), "files to follow, as agent is the only role")


def _paths(config: Config) -> Iterator[Problem]:
    if "\0" in config.data_dir:
        yield Problem(("data_dir",), "the path of a folder")
    for group, files in enumerate(config.agent.files):
        for name, patterns in (("paths", files.paths), ("exclude", files.exclude)):
            for place, pattern in enumerate(patterns):
                if "\0" in pattern:
                    yield Problem(("agent", "files", group, name, place), "a path or glob")


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


def _timezone(name: str) -> Iterator[Problem]:
    try:
        zoneinfo.ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        # OSError: `America` is a folder of the database.
        near = difflib.get_close_matches(name, zoneinfo.available_timezones(), n=1)
        yield Problem(("parse", "timezone"), f"an IANA name such as {near[0] if near else 'Europe/Berlin'}")
