"""Fields that a step says are columns, out of the metadata of lines that name their fields themselves (JSON, pairs)."""

from __future__ import annotations

from collections.abc import Sequence

from logd.parse import formats
from logd.parse.json import NAMES
from logd.parse.literals import literal, path
from logd.parse.named import Meaning, level
from logd.parse.window import Limits

_ROLES = ("time", "level", "message", "service", "host")
_USUAL = {**NAMES, "level": (*NAMES["level"], *NAMES["number"])}


def taken(meaning: Meaning, timezone: str) -> frozenset[str]:
    """The columns about which the step says anything that the usual names don't: they are this query's to find."""
    roles = {role for role, _ in meaning.roles}
    roles |= {"time"} if meaning.formats or timezone else set()
    roles |= {"level"} if meaning.levels else set()
    return frozenset(roles)


def left(meaning: Meaning, roles: frozenset[str]) -> frozenset[str]:
    """The usual names of those columns, and what the step names, which then stay in the metadata."""
    return frozenset(name for role in roles for name in _USUAL[role]).union(name for _, name in meaning.roles)


def query(source: str, meaning: Meaning, roles: frozenset[str], limits: Limits) -> str:
    """SQL over `source` (i, observed, line, time, late_text, level, service, host, message, metadata) giving the same
    columns without `observed` and `line`. For each of `roles` the field that the step names, else the first that is
    there of the usual names, if it serves. A name with dots is a key, or a path; what was taken from under a key leaves
    the metadata. `line` is a JSON object or null: of what was spread out from its member "metadata" no name is a usual
    one."""
    given = dict(meaning.roles)
    some = [role for role in _ROLES if role in roles]
    texts, values, keys, new = [], [], [], dict.fromkeys(_ROLES, "NULL")
    for role in some:
        name = given.get(role)
        own, usual = f"{role}_own", f"{role}_usual"
        texts.append(f"{_value(name) if name else 'NULL::VARCHAR'} AS {own}")
        texts.append(f"{_first(_USUAL[role])} AS {usual}, {_key(_USUAL[role])} AS {usual}_key")
        values.append(f"{_read(role, own, literal(name or ''), meaning, limits)} AS {own}_value")
        values.append(f"{_read(role, usual, f'{usual}_key', meaning, limits)} AS {usual}_value")
        keys.append(
            f"CASE WHEN {own}_value IS NOT NULL THEN {literal(name or '')} "
            f"WHEN {usual}_value IS NOT NULL THEN {usual}_key END"
        )
        new[role] = f"coalesce({own}_value, {usual}_value)"
    late = "late_text"
    if "time" in roles:
        text = "CASE WHEN time_own_value IS NOT NULL THEN time_own ELSE time_usual END"
        late = f"CASE WHEN {limits.outside(new['time'], 'observed')} THEN {text} END"
    return f"""
WITH told AS (
  SELECT *, CASE WHEN contains(line, '"metadata"') AND json_valid(line) THEN json_keys(line) END AS names FROM {source}
),
given AS (SELECT *, {", ".join(texts)} FROM told),
read AS (SELECT *, {", ".join(values)} FROM given),
judged AS (SELECT *, list_filter([{", ".join(keys)}], lambda key: key IS NOT NULL) AS consumed FROM read)
SELECT i, coalesce({new["time"]}, time) AS time, {late} AS late_text,
  coalesce({new["level"]}, level) AS level, coalesce({new["service"]}, service) AS service,
  coalesce({new["host"]}, host) AS host, coalesce({new["message"]}, message) AS message,
  CASE WHEN len(consumed) = 0 OR metadata IS NULL THEN metadata
    ELSE nullif(json_merge_patch(metadata, '{{' || array_to_string(
      list_transform(consumed, lambda key: CAST(to_json(key) AS VARCHAR) || ':null'), ',') || '}}'), '{{}}') END
    AS metadata
FROM judged"""


def _read(role: str, text: str, key: str, meaning: Meaning, limits: Limits) -> str:
    """What the text is as the column; NULL when it can't be. An object is nobody's name."""
    match role:
        case "time":
            return formats.time(text, meaning.formats, limits)
        case "level":
            return level(text, key, meaning)
        case "message":
            return f"nullif({text}, '')"
    return f"CASE WHEN NOT starts_with({text}, '{{') THEN nullif({text}, '') END"


def _value(name: str) -> str:
    ways = [_at([name])]
    parts = name.split(".")
    if len(parts) > 1 and all(parts):
        ways.append(_at(parts))
    return f"coalesce({', '.join(ways)}, NULL::VARCHAR)"


def _first(names: Sequence[str]) -> str:
    return f"coalesce({', '.join(map(_usual, names))})"


def _key(names: Sequence[str]) -> str:
    """The name of what _first gives."""
    return "CASE " + " ".join(f"WHEN {_usual(name)} IS NOT NULL THEN {literal(name)}" for name in names) + " END"


def _usual(name: str) -> str:
    return f"CASE WHEN names IS NULL OR list_contains(names, {literal(name)}) THEN {_at([name])} END"


def _at(parts: Sequence[str]) -> str:
    return f"json_extract_string(metadata, {path(*parts)})"
