"""The catalog's tables, the same on SQLite and MariaDB. A change here comes with a migration, which a test compares.

tokens   id → name, SHA-256 of the secret, scopes (`ingest,search`), services and hosts (JSON lists), times in µs,
         rates, checksum of all the others. Rows are never deleted: once there was a token, one is needed
saved_searches   id → name, which no other one has, parameters (a JSON object), the token that made it (its id, and its
         name) and the name of the one that changed it last, times in µs, version, one more at each change
alert_rules   id → name, which no other one has, rule (a JSON object), and the rest as of a saved search
silences   id → a rule's id or a glob of names, labels and group (JSON objects of globs), times in µs, why, who
acknowledgements   SHA-256 of rule and group → rule, group (a JSON list), since when it fires, who, why, when
alert_shards   shard → epoch, one more each time that it is taken, its clock in µs, and how many shards there are
alerts   SHA-256 of rule and group → rule, what it is shared by (CRC-32 of the rule's id), times in µs, the rest as JSON
alert_events   number, which rises and is used once → rule, when, the rest as JSON
alert_deliveries   number, which rises and is used once → SHA-256 of its id, rule, CRC-32, status, when it was made, the
                   rest as JSON
archive_files   an object's name → policy, day, hour, sizes and checksums, row groups (pieces, in base64), rows by
                service (JSON), and its state: live, aside (damaged, with the reason) or garbage, since when
archive_days   policy, day → version, one more at each change, and sums of the day's live files
archive_positions   partition → everything below it is in the archive
tier_boundaries   policy → days before the first are warm, before the second cold
tier_steps   policy, day → how far a move has come (JSON)
tier_moves   number, which rises and is used once → what was done with a day of a policy, when, by whom, detail (JSON)
tier_gaps   policy, day → how many lines the archive may have and the index not
leases   name → who has it, until when in µs
restores   id → when it was asked for, the rest as JSON
retention_policies   name, version → services (a JSON list), days, in force from and until in µs; rows stay
legal_holds   id → name, which no other one has, query, services (a JSON list), times in µs, who; rows stay
dashboards   id → name, which no other one has, panels (a JSON object: these, time, refresh_seconds), the rest as of a
             saved search
agents   AgentReport.key → its host, what it said of itself last (a JSON object), when, in µs
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    Double,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)
from sqlalchemy.dialects.mysql import MEDIUMTEXT

#: Names of keys and indexes are part of the schema: migrations drop them by name.
METADATA = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "ix": "ix_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s",
    }
)

#: What one table is on MariaDB: case counts, as it does in SQLite.
MYSQL: dict[str, Any] = {"mysql_engine": "InnoDB", "mysql_charset": "utf8mb4", "mysql_collate": "utf8mb4_bin"}
#: MariaDB's TEXT ends at 64 kB, which a few thousand names take, or a rule of ten conditions.
LARGE = Text().with_variant(MEDIUMTEXT(), "mysql")
#: SQLite counts up only what it calls INTEGER.
NUMBER = BigInteger().with_variant(Integer(), "sqlite")
#: SQLite would use the last number again, once its row is gone.
NUMBERED: dict[str, Any] = {**MYSQL, "sqlite_autoincrement": True}

TOKENS = Table(
    "tokens",
    METADATA,
    Column("id", String(12), primary_key=True),
    Column("name", String(200), nullable=False),
    Column("digest", String(64), nullable=False),
    Column("scopes", String(100), nullable=False),
    Column("services", LARGE, nullable=False),
    Column("hosts", LARGE, nullable=False),
    Column("created_us", BigInteger, nullable=False),
    Column("expires_us", BigInteger),
    Column("revoked_us", BigInteger),
    Column("requests_per_second", Double),
    Column("bytes_per_second", Double),
    Column("checksum", BigInteger, nullable=False),
    **MYSQL,
)

SAVED_SEARCHES = Table(
    "saved_searches",
    METADATA,
    Column("id", String(12), primary_key=True),
    Column("name", String(200), nullable=False),
    Column("description", Text, nullable=False),
    Column("parameters", Text, nullable=False),
    Column("owner", String(12), nullable=False),
    Column("created_by", String(200), nullable=False),
    Column("updated_by", String(200), nullable=False),
    Column("created_us", BigInteger, nullable=False),
    Column("updated_us", BigInteger, nullable=False),
    Column("version", BigInteger, nullable=False),
    UniqueConstraint("name"),
    **MYSQL,
)

ALERT_RULES = Table(
    "alert_rules",
    METADATA,
    Column("id", String(12), primary_key=True),
    Column("name", String(200), nullable=False),
    Column("rule", LARGE, nullable=False),
    Column("owner", String(12), nullable=False),
    Column("created_by", String(200), nullable=False),
    Column("updated_by", String(200), nullable=False),
    Column("created_us", BigInteger, nullable=False),
    Column("updated_us", BigInteger, nullable=False),
    Column("version", BigInteger, nullable=False),
    UniqueConstraint("name"),
    **MYSQL,
)

SILENCES = Table(
    "silences",
    METADATA,
    Column("id", String(12), primary_key=True),
    Column("rule", String(200), nullable=False),
    Column("labels", LARGE, nullable=False),
    Column("group", LARGE, nullable=False),
    Column("from_us", BigInteger, nullable=False),
    Column("to_us", BigInteger, nullable=False),
    Column("why", Text, nullable=False),
    Column("owner", String(12), nullable=False),
    Column("created_by", String(200), nullable=False),
    Column("created_us", BigInteger, nullable=False),
    **MYSQL,
)

ACKNOWLEDGEMENTS = Table(
    "acknowledgements",
    METADATA,
    Column("id", String(64), primary_key=True),
    Column("rule_id", String(20), nullable=False, index=True),
    Column("group", LARGE, nullable=False),
    Column("fired_us", BigInteger, nullable=False),
    Column("by", String(200), nullable=False),
    Column("why", Text, nullable=False),
    Column("at_us", BigInteger, nullable=False),
    **MYSQL,
)

ALERT_SHARDS = Table(
    "alert_shards",
    METADATA,
    Column("shard", BigInteger, primary_key=True, autoincrement=False),
    Column("shards", BigInteger, nullable=False),
    Column("epoch", BigInteger, nullable=False),
    Column("clock_us", BigInteger),
    **MYSQL,
)

ALERTS = Table(
    "alerts",
    METADATA,
    Column("id", String(64), primary_key=True),
    Column("rule_crc", BigInteger, nullable=False),
    Column("since_us", BigInteger, nullable=False),
    Column("fired_us", BigInteger),
    Column("body", LARGE, nullable=False),
    **MYSQL,
)

ALERT_EVENTS = Table(
    "alert_events",
    METADATA,
    Column("number", NUMBER, primary_key=True),
    Column("rule_id", String(20), nullable=False, index=True),
    Column("at_us", BigInteger, nullable=False, index=True),
    Column("body", LARGE, nullable=False),
    **NUMBERED,
)

ALERT_DELIVERIES = Table(
    "alert_deliveries",
    METADATA,
    Column("number", NUMBER, primary_key=True),
    Column("id", String(64), nullable=False),
    Column("rule_id", String(20), nullable=False, index=True),
    Column("rule_crc", BigInteger, nullable=False),
    Column("status", String(20), nullable=False, index=True),
    Column("made_us", BigInteger, nullable=False, index=True),
    Column("body", LARGE, nullable=False),
    UniqueConstraint("id"),
    **NUMBERED,
)

ALERT_TURNS = Table(
    "alert_turns",
    METADATA,
    Column("target", String(64), primary_key=True),
    Column("next_us", BigInteger, nullable=False),
    **MYSQL,
)

ARCHIVE_FILES = Table(
    "archive_files",
    METADATA,
    Column("name", String(255), primary_key=True),
    Column("policy", String(100), nullable=False),
    Column("day", BigInteger, nullable=False),
    Column("hour", BigInteger, nullable=False),
    Column("rows", BigInteger, nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    Column("crc", BigInteger, nullable=False),
    Column("skip_bytes", BigInteger, nullable=False),
    Column("skip_crc", BigInteger, nullable=False),
    Column("raw_bytes", BigInteger, nullable=False),
    Column("pieces", LARGE, nullable=False),
    Column("services", LARGE, nullable=False),
    Column("state", String(10), nullable=False),
    Column("reason", Text, nullable=False),
    Column("at_us", BigInteger, nullable=False),
    Index("ix_archive_files_day", "day", "policy"),
    Index("ix_archive_files_state", "state", "at_us"),
    **MYSQL,
)

ARCHIVE_DAYS = Table(
    "archive_days",
    METADATA,
    Column("policy", String(100), primary_key=True),
    Column("day", BigInteger, primary_key=True, autoincrement=False),
    Column("version", BigInteger, nullable=False),
    Column("files", BigInteger, nullable=False),
    Column("rows", BigInteger, nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    Column("skip_bytes", BigInteger, nullable=False),
    Column("raw_bytes", BigInteger, nullable=False),
    **MYSQL,
)

ARCHIVE_POSITIONS = Table(
    "archive_positions",
    METADATA,
    Column("partition", BigInteger, primary_key=True, autoincrement=False),
    Column("position", BigInteger, nullable=False),
    **MYSQL,
)

TIER_BOUNDARIES = Table(
    "tier_boundaries",
    METADATA,
    Column("policy", String(100), primary_key=True),
    Column("warm_before", BigInteger, nullable=False),
    Column("cold_before", BigInteger, nullable=False),
    **MYSQL,
)

TIER_STEPS = Table(
    "tier_steps",
    METADATA,
    Column("policy", String(100), primary_key=True),
    Column("day", BigInteger, primary_key=True, autoincrement=False),
    Column("step", LARGE, nullable=False),
    **MYSQL,
)

TIER_MOVES = Table(
    "tier_moves",
    METADATA,
    Column("number", NUMBER, primary_key=True),
    Column("at_us", BigInteger, nullable=False),
    Column("policy", String(100), nullable=False),
    Column("day", BigInteger, nullable=False),
    Column("what", String(40), nullable=False),
    Column("by", String(200), nullable=False),
    Column("detail", LARGE, nullable=False),
    **NUMBERED,
)

TIER_GAPS = Table(
    "tier_gaps",
    METADATA,
    Column("policy", String(100), primary_key=True),
    Column("day", BigInteger, primary_key=True, autoincrement=False),
    Column("lines", BigInteger, nullable=False),
    **MYSQL,
)

LEASES = Table(
    "leases",
    METADATA,
    Column("name", String(100), primary_key=True),
    Column("owner", String(200), nullable=False),
    Column("until_us", BigInteger, nullable=False),
    **MYSQL,
)

RESTORES = Table(
    "restores",
    METADATA,
    Column("id", String(12), primary_key=True),
    Column("created_us", BigInteger, nullable=False),
    Column("body", LARGE, nullable=False),
    **MYSQL,
)

RETENTION_POLICIES = Table(
    "retention_policies",
    METADATA,
    Column("name", String(100), primary_key=True),
    Column("version", BigInteger, primary_key=True, autoincrement=False),
    Column("services", LARGE, nullable=False),
    Column("hot_days", BigInteger, nullable=False),
    Column("warm_days", BigInteger, nullable=False),
    Column("cold_days", BigInteger, nullable=False),
    Column("description", Text, nullable=False),
    Column("from_us", BigInteger, nullable=False),
    Column("until_us", BigInteger),
    Column("updated_by", String(200), nullable=False),
    Column("updated_us", BigInteger, nullable=False),
    **MYSQL,
)

LEGAL_HOLDS = Table(
    "legal_holds",
    METADATA,
    Column("id", String(12), primary_key=True),
    Column("name", String(200), nullable=False),
    Column("query", LARGE, nullable=False),
    Column("services", LARGE, nullable=False),
    Column("from_us", BigInteger),
    Column("to_us", BigInteger),
    Column("reason", Text, nullable=False),
    Column("created_by", String(200), nullable=False),
    Column("created_us", BigInteger, nullable=False),
    Column("released_by", String(200), nullable=False),
    Column("released_us", BigInteger),
    UniqueConstraint("name"),
    **MYSQL,
)

DASHBOARDS = Table(
    "dashboards",
    METADATA,
    Column("id", String(12), primary_key=True),
    Column("name", String(200), nullable=False),
    Column("description", Text, nullable=False),
    Column("panels", LARGE, nullable=False),
    Column("owner", String(12), nullable=False),
    Column("created_by", String(200), nullable=False),
    Column("updated_by", String(200), nullable=False),
    Column("created_us", BigInteger, nullable=False),
    Column("updated_us", BigInteger, nullable=False),
    Column("version", BigInteger, nullable=False),
    UniqueConstraint("name"),
    **MYSQL,
)

AGENTS = Table(
    "agents",
    METADATA,
    Column("id", String(64), primary_key=True),
    Column("host", String(255), nullable=False),
    Column("report", LARGE, nullable=False),
    Column("seen_us", BigInteger, nullable=False, index=True),
    **MYSQL,
)
