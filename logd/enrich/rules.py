"""What is configured, as rules that can run. All that is wrong with one is said before the first record comes."""

from __future__ import annotations

import datetime
import os
import re
from collections.abc import Callable, Mapping, Sequence
from typing import assert_never

import msgspec
import pyarrow as pa

from logd.config.globs import compile_globs
from logd.config.secrets import read_secret
from logd.config.shaping import ShapeTable
from logd.enrich.detectors import BUILT_IN
from logd.enrich.fields import Move, Remove, Set
from logd.enrich.filters import Failed, Filters
from logd.enrich.geoip import Geoip
from logd.enrich.hiding import Redact
from logd.enrich.leaving import Drop, Sample
from logd.enrich.lookup import Lookup
from logd.enrich.redact import FIELDS, RedactRule
from logd.enrich.redact import Action as RedactAction
from logd.enrich.trace import Trace
from logd.enrich.work import Action
from logd.errors import ConfigError, QueryError
from logd.query.parse import Operator, parse
from logd.query.services import services_of
from logd.query.sql import compile_sql
from logd.query.tree import Everything, Node
from logd.record import SCHEMA

#: The settings that a type looks at, beside those of all: the first ones it can't do without.
_NEEDS = {
    "set": ("fields",),
    "rename": ("fields",),
    "copy": ("fields",),
    "remove": ("names",),
    "lookup": ("file", "key", "field"),
    "geoip": ("file", "field"),
    "trace": (),
    "redact": (),
    "drop": ("query",),
    "sample": (),
}
_TAKES = {
    "set": ("overwrite",),
    "rename": ("overwrite",),
    "copy": ("overwrite",),
    "lookup": ("columns", "prefix", "overwrite"),
    "geoip": ("columns", "prefix", "overwrite"),
    "trace": ("trace_id", "span_id", "traceparent"),
    "redact": ("names", "detectors", "patterns", "action", "key_file"),
    "sample": ("keep",),
}
#: Where the key of hashes is, unless a file has it.
REDACT_KEY = "LOGD_REDACT_KEY"
_OF_ALL = ("type", "name", "services", "query")
_SECOND_US = 1_000_000


class Rule(msgspec.Struct, frozen=True):
    """`make` gives what it does: one for each thread. `services` and `pins` are whose records alone it is for, by globs
    and by its query; None are all. `reads` and `writes` are columns."""

    name: str
    node: Node
    services: re.Pattern[str] | None
    pins: frozenset[str] | None
    reads: frozenset[str]
    writes: frozenset[str]
    make: Callable[[], Action]

    def is_for(self, service: str | None) -> bool:
        """Whether a record of that service may be its."""
        if self.services is not None and (service is None or not self.services.fullmatch(service)):
            return False
        return self.pins is None or service in self.pins


def compile_rules(
    tables: Sequence[ShapeTable], operator: Operator = "or", environ: Mapping[str, str] = os.environ
) -> tuple[Rule, ...]:
    """Raises ConfigError, naming the rule and the reason."""
    rules: list[Rule] = []
    for place, table in enumerate(tables):
        name = table.name or f"{table.type}-{place + 1}"
        try:
            if any(rule.name == name for rule in rules):
                raise ValueError("there is another rule of that name, expected a name for each")
            rules.append(_compiled(name, table, operator, environ))
        except (ValueError, QueryError, ConfigError) as error:
            raise ConfigError(f"shape[{place}] {name!r} ({table.type}): {error}") from None
    if wrong := tried([rule.node for rule in rules]):
        place, reason = wrong
        raise ConfigError(f"shape[{place}] {rules[place].name!r} ({tables[place].type}): {reason}")
    return tuple(rules)


def tried(nodes: Sequence[Node]) -> tuple[int, str] | None:
    """The place of a query that the engine can't take, and why: each is asked of one record, before it is asked of any
    that counts."""
    if all(map(is_everything, nodes)):
        return None
    now = datetime.datetime.fromtimestamp(0, datetime.UTC)
    row = {**dict.fromkeys(SCHEMA.names), "log_id": "", "timestamp": now, "ingested_at": now, "message": ""}
    table = pa.Table.from_pylist([row], SCHEMA)
    filters = Filters()
    try:
        # All of them at once, which is quicker, and only if that fails one by one.
        for place, some in [(-1, list(dict.fromkeys(nodes))), *((place, [node]) for place, node in enumerate(nodes))]:
            try:
                filters.match(table, some)
            except Failed as error:
                if place >= 0:
                    return place, f"query can't be evaluated: {error}"
            else:
                if place < 0:
                    return None
    finally:
        filters.close()
    return None


def node_of(query: str, operator: Operator) -> Node:
    """A rule's query. Raises ValueError and QueryError."""
    node = parse(query, operator, _SECOND_US)
    if node != parse(query, operator, 2 * _SECOND_US):
        raise ValueError(f"query has a time that is relative to now, which a rule can't have: {query!r}")
    return node


def _compiled(name: str, table: ShapeTable, operator: Operator, environ: Mapping[str, str]) -> Rule:
    _only(table)
    key = b""
    if table.action == "hash":
        text = read_secret("key_file", table.key_file) if table.key_file else environ.get(REDACT_KEY, "")
        if not text:
            raise ValueError(f"a hash needs a key, in key_file or in ${REDACT_KEY}")
        key = text.encode("utf-8", "surrogateescape")

    def make() -> Action:
        return _action(name, table, key)

    node = node_of(table.query, operator)
    reads = compile_sql(node).columns | ({"service"} if table.services else set())
    services = compile_globs("services", table.services)
    return Rule(name, node, services, services_of(node), reads, make().writes, make)


def _action(name: str, table: ShapeTable, key: bytes) -> Action:
    match table.type:
        case "set":
            return Set(table.fields, table.overwrite)
        case "rename" | "copy":
            return Move(table.fields, table.overwrite, keeps=table.type == "copy")
        case "remove":
            return Remove(table.names)
        case "lookup":
            return Lookup(table.file, table.key, table.field, table.columns, table.prefix, table.overwrite)
        case "geoip":
            return Geoip(table.file, table.field, table.columns, table.prefix, table.overwrite)
        case "trace":
            return Trace(table.trace_id, table.span_id, table.traceparent)
        case "redact":
            return Redact(_redact_rule(table), key)
        case "drop":
            return Drop(name)
        case "sample":
            return Sample(name, table.keep)
        case _:
            assert_never(table.type)


def _redact_rule(table: ShapeTable) -> RedactRule:
    return RedactRule(
        detectors=table.detectors or (() if table.patterns else tuple(BUILT_IN)),
        patterns=table.patterns,
        action=RedactAction(table.action),
        fields=table.names or FIELDS,
    )


def _only(table: ShapeTable) -> None:
    """A setting that its type doesn't look at is a mistake, and so is one that it lacks."""
    needs = _NEEDS[table.type]
    usual = ShapeTable(type=table.type)
    for name in needs:
        if getattr(table, name) == getattr(usual, name):
            raise ValueError(f"{name} is missing")
    for name in table.__struct_fields__:
        looked_at = name in _OF_ALL or name in needs or name in _TAKES.get(table.type, ())
        if not looked_at and getattr(table, name) != getattr(usual, name):
            raise ValueError(f"{name} is nothing that this type looks at")


def is_everything(node: Node) -> bool:
    """Whether no query has to be asked."""
    return isinstance(node, Everything)
