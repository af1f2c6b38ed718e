"""Fields that a step says are columns, out of the metadata of lines that name their fields themselves (JSON, pairs)."""

from __future__ import annotations

import msgspec

from logd.parse import formats
from logd.parse.json import NAMES
from logd.parse.named import Meaning, literal
from logd.parse.window import Limits

_ROLES = ("time", "level", "message", "service", "host")


def needed(meaning: Meaning) -> bool:
    """Whether the step says anything that the usual names don't."""
    return bool(meaning.roles or meaning.formats or meaning.levels)


def query(source: str, meaning: Meaning, limits: Limits) -> str:
    """SQL over `source` (i, observed, time, late_text, level, service, host, message, metadata) giving the same columns
    without `observed`. A name with dots is a key, or a path; what was under a key leaves the metadata."""
    given = dict(meaning.roles)
    names: dict[str, tuple[str, ...]] = {role: (given[role],) if role in given else () for role in _ROLES}
    if meaning.formats and not names["time"]:
        names["time"] = NAMES["time"]
    if meaning.levels and not names["level"]:
        names["level"] = NAMES["level"]
    values = ", ".join(f"{_value(names[role])} AS {role}_given" for role in _ROLES)
    words = f"MAP {{{', '.join(f'{literal(word)}: {literal(level)}' for word, level in meaning.levels)}}}"
    shown = f"logd_level(level_given, {literal(names['level'][0] if names['level'] else '')})"
    level = f"coalesce({words}[lower(level_given)], {shown})" if meaning.levels else shown
    consumed = " || ".join(
        f"CASE WHEN {role}_new IS NOT NULL THEN {literal(_nulls(names[role]))} ELSE '' END"
        for role in _ROLES
        if names[role]
    )
    return f"""
WITH given AS (SELECT *, {values} FROM {source}),
read AS (
  SELECT *, {formats.time("time_given", meaning.formats, limits)} AS time_new, {level} AS level_new,
    nullif(message_given, '') AS message_new, nullif(service_given, '') AS service_new,
    nullif(host_given, '') AS host_new
  FROM given
), judged AS (
  SELECT *, {consumed or "''"} AS consumed FROM read
)
SELECT i, coalesce(time_new, time) AS time,
  CASE WHEN time_new IS NULL THEN late_text WHEN {limits.outside("time_new", "observed")} THEN time_given END
    AS late_text,
  coalesce(level_new, level) AS level, coalesce(service_new, service) AS service, coalesce(host_new, host) AS host,
  coalesce(message_new, message) AS message,
  CASE WHEN consumed = '' OR metadata IS NULL THEN metadata
    ELSE nullif(json_merge_patch(metadata, '{{' || consumed[2:] || '}}'), '{{}}') END AS metadata
FROM judged"""


def _value(names: tuple[str, ...]) -> str:
    ways = []
    for name in names:
        ways.append(f"json_extract_string(metadata, {literal(_path([name]))})")
        if "." in name:
            ways.append(f"json_extract_string(metadata, {literal(_path(name.split('.')))})")
    return f"coalesce({', '.join(ways)}, NULL::VARCHAR)" if ways else "NULL::VARCHAR"


def _path(parts: list[str]) -> str:
    return "$" + "".join("." + msgspec.json.encode(part).decode() for part in parts)


def _nulls(names: tuple[str, ...]) -> str:
    return "".join(f",{msgspec.json.encode(name).decode()}:null" for name in names)
