"""JSON lines into record columns: one DuckDB query over a batch, whatever the lines' keys.

A line's top-level keys are either *consumed* (they become a column and leave) or stay, with their value, in `metadata`;
so nothing is dropped and nothing is kept twice. The usual line, whose keys are all consumed, costs one parse and one
count of its keys. What stays of a line with more is put together from its values where many lines have the same keys
  (layouts.py), and else cut out by `json_merge_patch`, which costs three times as much and gives the same text.

* Of NAMES[role] the first present name is taken. A value that doesn't serve (no time, no known level) isn't consumed.
* `metadata`, when it is an object, is spread among the other fields; when a key of it is also there at the top level,
  it stays as a field called `metadata`, so that both survive.
* A trace id is lifted out of `metadata` too, and taken out there: answers put it back.
* Lines that DuckDB can't read, or that have a key twice, come out with `mend` set (for NaN see strict.py).

Planning the query costs more than running it over a few thousand lines (⏱ 26 ms with all names, 8 with the usual), so
it is made for the names that were seen; `layout` of the answer tells the caller when a line may have others.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set

import msgspec

from logd.parse.text import MESSAGE
from logd.parse.window import Limits

#: The names that inputs use for a column, the best first: logd's own, ECS, OpenTelemetry, and common libraries'.
#: No two may differ only in case: they are fields of one DuckDB struct.
NAMES: dict[str, tuple[str, ...]] = {
    "time": ("timestamp", "@timestamp", "time", "ts", "datetime", "@t", "timeUnixNano", "asctime"),
    "level": ("level", "severity_text", "severityText", "log.level", "severity", "lvl", "loglevel", "levelname", "@l"),
    "number": ("severity_number", "severityNumber"),
    "service": ("service", "service.name", "service_name"),
    "host": ("host", "host.name", "hostname", "host.hostname"),
    "message": ("message", "msg", "body", "@m"),
    "trace": ("trace_id", "traceId", "trace.id"),
    "log": ("log",),
    "log_id": ("log_id",),
    "tags": ("tags",),
    "metadata": ("metadata",),
}
KNOWN: frozenset[str] = frozenset(name for names in NAMES.values() for name in names)
USUAL: frozenset[str] = frozenset({"timestamp", "level", "service", "host", "message", "metadata"})
#: Deeper lines are not given to any JSON function (a million levels took DuckDB over a minute): mended, or text.
MAX_DEPTH = 500
MAX_LOG_ID_BYTES = 512
#: Read as JSON and not as text: a string that only looks like an object, or a list, is none.
_AS_JSON = frozenset({*NAMES["trace"], *NAMES["log"], *NAMES["tags"], *NAMES["metadata"]})
MAX_TRACE_ID_BYTES = 128

_NULL = "NULL::VARCHAR"


class Layout(msgspec.Struct, frozen=True):
    """The top-level keys of lines, in their order, as far as a query needs them: DuckDB's hash of their list, how many
    are names of KNOWN (all of them are consumed, or the line is none of these), and the others."""

    hashed: int
    known: int
    others: tuple[str, ...]


_TRACED = f"""CASE WHEN strlen(found_trace) BETWEEN 1 AND {MAX_TRACE_ID_BYTES} THEN found_trace END AS inner_trace,
    '{{"trace_id":"' || found_trace || '",' AS beginning"""


def fields_query(source: str, names: Set[str], layouts: Sequence[Layout], limits: Limits, *, careful: bool) -> str:
    """SQL over `source` (i, line VARCHAR starting with "{", observed TIMESTAMPTZ, takes_ids BOOLEAN, checked BOOLEAN:
    the line is known to be JSON and not too deep) giving a row a line: i, mend, unread, time, late_text, level,
    service, host, message, trace_id, tags, log_id, metadata, layout.

    `names` of KNOWN are looked for; log_id and tags are there only if among them. `time` is null where none was
    understood; `late_text` is what was written for one that isn't accepted. `layout` is a hash of the keys of a line
    that has more than were consumed and none of the `layouts`; elsewhere null. Needs the macros of timestamp.py and
    level.py.

    When not `careful` the query fails on a line that is no JSON, and marks as `unread` the lines whose time or level is
    of no usual form: they have to be read again. It costs 0.4 µs a line less in a batch of 24,000."""
    parsed = "try(json_transform({}))" if careful else "json_transform({})"
    types = {name: _type(name) for name in sorted(KNOWN & names)}
    others = dict.fromkeys(name for layout in layouts for name in layout.others)
    more = {name: f"x{place}" for place, name in enumerate(others)}
    transform = msgspec.json.encode({**types, **dict.fromkeys(more, "JSON")}).decode()
    values = "".join(f""", j."{name}" AS {column}""" for name, column in more.items())
    columns = "".join(f", {column}" for column in more.values())
    has = {role: tuple(name for name in all_names if name in names) for role, all_names in NAMES.items()}
    texts = ", ".join(f"{_value(has[role])} AS {role}_text, {_key(has[role])} AS {role}_key" for role in NAMES)
    served = {
        "time": "time IS NOT NULL",
        "level": "level IS NOT NULL",
        "number": "level_text IS NULL AND logd_level(number_text, number_key) IS NOT NULL",
        "service": "service IS NOT NULL AND NOT starts_with(service_text, '{')",
        "host": "host IS NOT NULL AND NOT starts_with(host_text, '{')",
        "message": "true",
        "trace": "trace IS NOT NULL",
        "log_id": "log_id IS NOT NULL",
        "tags": "tags IS NOT NULL",
    }
    consumed = [role for role in served if has[role]]
    read = dict.fromkeys([*consumed, "time", "message"])
    shown = "".join(f", {role}" for role in ("tags", "log_id") if has[role])
    count = " + ".join(f"({role}_text IS NOT NULL AND {served[role]})::INT" for role in consumed) or "0"
    keys = ", ".join(f"CASE WHEN {role}_text IS NOT NULL AND {served[role]} THEN {role}_key END" for role in consumed)
    ahead = f"observed, ahead_seconds := {limits.max_ahead_seconds}"
    return f"""
WITH parsed AS (
  SELECT i, line, observed, takes_ids,
    CASE WHEN NOT checked AND {suspect("line")} THEN NULL ELSE {parsed.format(f"line, '{transform}'")} END AS j
  FROM {source}
), named AS (
  SELECT i, line, observed, takes_ids, j IS NOT NULL AS ok, {texts}{values} FROM parsed
), valued AS (
  SELECT i, line, observed, ok{columns}, {", ".join(f"{role}_text, {role}_key" for role in read)},
    {"logd_time" if careful else "logd_usual_time"}(time_text, {ahead}) AS time,
    {_level(has, "logd_level(level_text, level_key)" if careful else "logd_usual_level(level_text)")} AS level,
    {_name("service_text") if has["service"] else _NULL} AS service,
    {_name("host_text") if has["host"] else _NULL} AS host,
    {_trace("trace_text") if has["trace"] else _NULL} AS trace,
    {f"CASE WHEN takes_ids THEN {_sized('log_id_text', MAX_LOG_ID_BYTES)} END" if has["log_id"] else _NULL} AS log_id,
    {_tags("tags_text") if has["tags"] else "NULL::VARCHAR[]"} AS tags,
    {_object("metadata_text") if has["metadata"] else _NULL} AS meta,
    CASE WHEN ok THEN json_keys(line) END AS keys
  FROM named
), counted AS (
  SELECT *, {count} + (meta IS NOT NULL)::INT AS consumed,
    CASE WHEN len(keys) <> consumed THEN hash(keys) END AS hashed
  FROM valued
), known AS (
  SELECT *, {_told(layouts, more)} AS told FROM counted
), cut AS (
  SELECT *, CASE WHEN hashed IS NULL THEN '{{}}' WHEN told IS NOT NULL THEN told
    ELSE {_without(f"{keys or _NULL}, CASE WHEN meta IS NOT NULL THEN 'metadata' END")} END AS extra
  FROM known
), merged AS (
  SELECT *, CASE WHEN extra = '{{}}' THEN meta WHEN meta IS NULL OR meta = '{{}}' THEN extra
    WHEN list_has_any(json_keys(extra), json_keys(meta)) THEN {_without(keys or _NULL)}
    ELSE extra[:-2] || ',' || meta[2:] END AS full_metadata
  FROM cut
), found AS (
  SELECT *, CASE WHEN trace IS NULL THEN {_found_trace("full_metadata")} END AS found_trace FROM merged
), traced AS (
  SELECT *, {_TRACED} FROM found
)
SELECT i, CASE WHEN NOT ok THEN true WHEN hashed IS NULL OR told IS NOT NULL THEN false
    ELSE len(list_distinct(keys)) <> len(keys) END AS mend,
  {"false" if careful else _unread(has)} AS unread,
  time, CASE WHEN {limits.outside("time", "observed")} THEN time_text END AS late_text,
  level, service, host, coalesce(message_text, {MESSAGE}) AS message,
  coalesce(trace, inner_trace) AS trace_id{shown}, {_untraced("full_metadata")} AS metadata,
  CASE WHEN told IS NULL THEN hashed END AS layout
FROM traced"""


def _told(layouts: Sequence[Layout], columns: Mapping[str, str]) -> str:
    """What stays of a line of one of the layouts, put together from its values: a third of the cost of cutting the
    rest out. Null for other lines, and where a key that should have been consumed wasn't, or a value is null."""
    # Hashes can be made to be equal. A line with as many keys, of which these are there, has no others: what it is
    # taken for gives all of it.
    ways = []
    for layout in layouts:
        members = " || ',' || ".join(f"""'"{name}":' || {columns[name]}""" for name in layout.others)
        whole = f"""'{{' || {members} || '}}'"""
        same = f"consumed = {layout.known} AND len(keys) = {layout.known + len(layout.others)}"
        ways.append(f"WHEN hashed = {layout.hashed} AND {same} THEN {whole}")
    return f"CASE {' '.join(ways)} END" if ways else _NULL


def suspect(line: str) -> str:
    """Too many opening brackets to be sure of the depth; asked only of lines long enough to be that deep."""
    openers = f"strlen({line}) - strlen(replace(replace({line}, '{{', ''), '[', ''))"
    return f"strlen({line}) > {2 * MAX_DEPTH} AND {openers} > {MAX_DEPTH}"


def _type(name: str) -> str:
    return "JSON" if name in _AS_JSON else "VARCHAR"


def _object(json: str) -> str:
    return f"CASE WHEN starts_with({json}, '{{') THEN CAST({json} AS VARCHAR) END"


def _value(names: tuple[str, ...]) -> str:
    values = [f'j."{name}"' for name in names]
    return values[0] if len(values) == 1 else f"coalesce({', '.join(values)})" if values else _NULL


def _key(names: tuple[str, ...]) -> str:
    """The name that the value came from; of one name a constant, which costs nothing."""
    if len(names) <= 1:
        return f"'{names[0]}'" if names else _NULL
    return "CASE " + " ".join(f"""WHEN j."{name}" IS NOT NULL THEN '{name}'""" for name in names) + " END"


def _name(text: str) -> str:
    """A service's or host's name: the value, or the `name` of an ECS object, which then stays in the metadata too."""
    return f"""CASE WHEN starts_with({text}, '{{') THEN nullif(try(json_extract_string({text}, '$.name')), '')
      ELSE nullif({text}, '') END"""


def _unread(has: dict[str, tuple[str, ...]]) -> str:
    level = " OR (level IS NULL AND level_text IS NOT NULL)" if has["level"] else ""
    return f"(time IS NULL AND time_text IS NOT NULL){level}"


def _level(has: dict[str, tuple[str, ...]], of_text: str) -> str:
    """The level's value; where no text field has one, OpenTelemetry's number or ECS's `{"log": {"level": …}}`."""
    ways = []
    if has["level"]:
        ways.append(of_text)
    if has["number"]:
        ways.append("CASE WHEN level_text IS NULL THEN logd_level(number_text, number_key) END")
    if has["log"]:
        nested = "try(json_extract_string(log_text, '$.level'))"
        ways.append(f"""CASE WHEN level_text IS NULL AND starts_with(log_text, '{{')
      THEN logd_level({nested}, 'level') END""")
    return f"coalesce({', '.join(ways)})" if ways else _NULL


def _tags(text: str) -> str:
    return f"""CASE WHEN starts_with({text}, '[') THEN try(from_json({text}, '["VARCHAR"]')) END"""


def _trace(json: str) -> str:
    """A trace id is a string; what else stands under its name stays a field."""
    text = f"json_extract_string({json}, '$')"
    return f"""CASE WHEN starts_with({json}, '"') THEN {_sized(text, MAX_TRACE_ID_BYTES)} END"""


def _sized(text: str, limit_bytes: int) -> str:
    return f"CASE WHEN strlen({text}) BETWEEN 1 AND {limit_bytes} THEN {text} END"


def _without(keys: str) -> str:
    """The line without the keys that the expressions give (null ones are passed over)."""
    patch = f"""'{{"' || nullif(concat_ws('":null,"', {keys}), '') || '":null}}'"""
    return f"json_merge_patch(line, coalesce({patch}, '{{}}'))"


def _found_trace(metadata: str) -> str:
    """The trace id among the fields, where there is one. A column of its own: the text is parsed for it."""
    value = f"json_extract_string({metadata}, '$.trace_id')"
    return f"""CASE WHEN starts_with({metadata}, '{{"trace_id":"') THEN {value}
      WHEN contains({metadata}, '"trace_id":"')
        THEN CASE WHEN json_type({metadata}, '$.trace_id') = 'VARCHAR' THEN {value} END END"""


def _untraced(metadata: str) -> str:
    """The metadata without its member `trace_id`, cut out of the text where that is exact: when the text begins with
    the member, or when it stands there once. Quotes within strings are escaped, so it is never found in one."""
    member = "beginning[2:-2]"
    return f"""CASE WHEN inner_trace IS NULL THEN nullif({metadata}, '{{}}')
    WHEN starts_with({metadata}, beginning) THEN '{{' || substr({metadata}, length(beginning) + 1)
    WHEN strlen(replace({metadata}, {member}, '')) <> strlen({metadata}) - strlen({member})
      THEN nullif(json_merge_patch({metadata}, '{{"trace_id":null}}'), '{{}}')
    WHEN contains({metadata}, {member} || ',') THEN replace({metadata}, {member} || ',', '')
    ELSE nullif(replace(replace({metadata}, ',' || {member}, ''), {member}, ''), '{{}}') END"""
