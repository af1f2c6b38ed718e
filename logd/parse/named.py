"""Fields that a pattern has taken out of lines, into record columns: one DuckDB query over a batch.

A field of a usual name (json.NAMES), or of the one that the step gives, becomes its column and leaves; a time that
can't be read and a word that is no level stay, as everything else does, in `metadata`, under their names. An empty
field, or one that holds what stands for nothing (`-`), is none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from logd.config.parsers import FieldType
from logd.parse import formats, text
from logd.parse.json import MAX_LOG_ID_BYTES, MAX_TRACE_ID_BYTES, NAMES
from logd.parse.literals import literal
from logd.parse.timestamp import NARROW
from logd.parse.window import Limits

_NULL = "NULL::VARCHAR"
#: As JSON writes them: a number with leading zeros, or with more digits than a double keeps, stays a text.
_INT = r"-?(?:0|[1-9]\d{0,17})"
_FLOAT = r"-?(?:0|[1-9]\d{0,17})(?:\.\d{1,17})?(?:[eE][+-]?\d{1,2})?"


class Field(msgspec.Struct, frozen=True):
    """What a pattern takes out. Of several with one name the first that isn't empty counts."""

    name: str
    type: FieldType = "text"


class Meaning(msgspec.Struct, frozen=True):
    """What the fields of a step are. `roles` are pairs of a column and its field, where that isn't one of the usual
    names; `formats` are those of its time; `levels` pairs of a word, in lower case, and its level, beside the usual."""

    roles: tuple[tuple[str, str], ...] = ()
    formats: tuple[str, ...] = ()
    levels: tuple[tuple[str, str], ...] = ()
    absent: tuple[str, ...] = ()
    #: Whether a level that shows in the message counts where no field is one.
    shown: bool = True


def query(source: str, fields: Sequence[Field], meaning: Meaning, limits: Limits, time: str = "logd_time") -> str:
    """SQL over `source` (i, text VARCHAR, observed TIMESTAMPTZ, takes_ids BOOLEAN, f0 … fn VARCHAR) giving a row a
    line: i, unread, time, late_text, level, service, host, message, trace_id, log_id, metadata. Where no field is the
    message, the text is. `time` is the macro that reads times: if it is one of timestamp.NARROW, only the usual words
    are levels, and rows are `unread` that may have another time or level. Needs the macros of timestamp.py and
    level.py."""
    absent = "".join(f" WHEN {{0}} = {literal(value)} THEN NULL" for value in ("", *meaning.absent))
    given = ", ".join(f"CASE{absent.format(f'f{place}')} ELSE f{place} END AS f{place}" for place in range(len(fields)))
    values = {name: _coalesced(fields, name) for name in dict.fromkeys(field.name for field in fields)}
    names = {role: _name_of(role, values, meaning) for role in NAMES}
    texts = {role: values[name] if (name := names[role]) else _NULL for role in NAMES}
    used = {
        "time": "time IS NULL",
        "level": "level IS NULL",
        "service": "",
        "host": "",
        "message": "",
        "trace": "trace_id IS NULL",
        "log_id": "log_id IS NULL",
    }
    members = []
    for name, value in values.items():
        kept = next((used[role] for role in used if names[role] == name), "true")
        if kept:
            member = _member(name, value, next(field.type for field in fields if field.name == name))
            members.append(member if kept == "true" else f"CASE WHEN {kept} THEN {member} END")
    narrow = time in NARROW
    unread = "(level IS NULL AND level_text IS NOT NULL)"
    if not meaning.formats:
        unread += " OR (time IS NULL AND time_text IS NOT NULL)"
    metadata = f"nullif('{{' || concat_ws(',', {', '.join(members)}) || '}}', '{{}}')" if members else _NULL
    return f"""
WITH given AS (
  SELECT i, text, observed, takes_ids{", " if fields else ""}{given} FROM {source}
), named AS (
  SELECT *, {texts["time"]} AS time_text, {texts["level"]} AS level_text FROM given
), valued AS (
  SELECT *, {formats.time("time_text", meaning.formats, limits, time)} AS time,
    {_level(names, texts, meaning, narrow)} AS level,
    {_sized(texts["trace"], MAX_TRACE_ID_BYTES)} AS trace_id,
    CASE WHEN takes_ids THEN {_sized(texts["log_id"], MAX_LOG_ID_BYTES)} END AS log_id
  FROM named
)
SELECT i, {unread} AS unread, time,
  CASE WHEN {limits.outside("time", "observed")} THEN time_text END AS late_text, level,
  {texts["service"]} AS service, {texts["host"]} AS host, coalesce({texts["message"]}, text) AS message,
  trace_id, log_id, {metadata} AS metadata
FROM valued"""


def level(text: str, field: str, meaning: Meaning, narrow: bool = False) -> str:
    """SQL: the level that `text`, a column, says as the value of `field`; the step's own words come first. A `narrow`
    one knows only the usual words besides."""
    usual = f"logd_usual_level({text})" if narrow else f"logd_level({text}, {field})"
    if not meaning.levels:
        return usual
    words = ", ".join(f"{literal(word)}: {literal(level)}" for word, level in meaning.levels)
    return f"coalesce(MAP {{{words}}}[lower({text})], {usual})"


def name_of(role: str, fields: Sequence[Field], meaning: Meaning) -> str | None:
    """The field that is the column, None when none is."""
    return _name_of(role, {field.name: "" for field in fields}, meaning)


def _name_of(role: str, values: Mapping[str, str], meaning: Meaning) -> str | None:
    roles = dict(meaning.roles)
    if role in roles:
        return roles[role] if roles[role] in values else None
    if role not in ("time", "level", "service", "host", "message", "trace", "log_id"):
        return None
    taken = set(roles.values())
    return next((name for name in NAMES[role] if name in values and name not in taken), None)


def _level(names: Mapping[str, str | None], texts: Mapping[str, str], meaning: Meaning, narrow: bool) -> str:
    if names["level"] is None:
        return text.shown_level(texts["message"] if names["message"] else "text") if meaning.shown else _NULL
    return level("level_text", literal(names["level"]), meaning, narrow)


def _coalesced(fields: Sequence[Field], name: str) -> str:
    places = [f"f{place}" for place, field in enumerate(fields) if field.name == name]
    return places[0] if len(places) == 1 else f"coalesce({', '.join(places)})"


def _sized(text: str, limit_bytes: int) -> str:
    return f"CASE WHEN strlen({text}) BETWEEN 1 AND {limit_bytes} THEN {text} END"


def _member(name: str, value: str, kind: FieldType) -> str:
    """`"name":value`, null where there is none. What isn't of its type stays a text."""
    as_text = f"CAST(to_json({value}) AS VARCHAR)"
    match kind:
        case "text":
            typed = as_text
        case "int":
            typed = f"CASE WHEN regexp_full_match({value}, '{_INT}') THEN {value} ELSE {as_text} END"
        case "float":
            typed = f"CASE WHEN regexp_full_match({value}, '{_FLOAT}') THEN {value} ELSE {as_text} END"
        case "boolean":
            typed = f"CASE WHEN lower({value}) IN ('true', 'false') THEN lower({value}) ELSE {as_text} END"
    return f"{literal(msgspec.json.encode(name).decode() + ':')} || {typed}"
