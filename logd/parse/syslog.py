r"""Syslog messages (RFC 3164, RFC 5424) out of their header: the text, and what the header says of it.

    <34>1 2026-03-14T09:26:53.589Z web1 su 123 ID47 [origin@32473 ip="10.0.0.1"] text       RFC 5424
    <34>Mar 14 09:26:53 web1 su[123]: text                                                 RFC 3164, as it is written

Both are read as they come rather than as they should be: a header of RFC 3164 may have RFC 3339's time (rsyslog's
forwarding), a year (Cisco), no host (a local /dev/log), no tag, or nothing but its priority; in one of RFC 5424 the
structured data may be missing. Structured data that names something twice stays a text. What has no priority from 0 to
191, or a time that is on no calendar, is no syslog message: it stays as it is.
"""

from __future__ import annotations

from logd.levels import SYSLOG_LEVELS

_FACILITIES = (
    "kern user mail daemon auth syslog lpr news uucp cron authpriv ftp ntp audit alert clock "
    "local0 local1 local2 local3 local4 local5 local6 local7"
)
_SEVERITIES = "emerg alert crit err warning notice info debug"
_MONTH = "Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec"
_ISO = r"\d{4}-\d\d-\d\dT[0-9:]{8}(?:[.,]\d+)?(?:Z|[+-]\d\d:?\d\d)?"
_PRIORITY = r"<(\d{1,3})>"
_ELEMENT = r"\[[^\s=\]\"]+(?: +[^\s=\]\"]+=\"(?:[^\"\\]|\\.)*\")* *\]"
_PARAMETER = r" ([^\s=\]\"]+)=\"((?:[^\"\\]|\\.)*)\""
#: The groups: priority, time, host, application, process, message's id, structured data. A BOM says that the text is
#: UTF-8.
_NEW = rf"^{_PRIORITY}1 ({_ISO}|-) (\S+) (\S+) (\S+) (\S+)(?: (-|(?:{_ELEMENT})+))?(?: \x{{FEFF}}?|[\r\n]|$)"
#: priority, time, host, tag, process. A host's name doesn't end with a colon, as a tag does.
_OLD = (
    rf"^{_PRIORITY}(?:((?:{_MONTH}) [ \d]?\d (?:\d{{4}} )?\d\d:\d\d:\d\d(?:[.,]\d+)?|{_ISO}):? (?:(\S*[^\s:]) )?)?"
    r"(?:([A-Za-z_][\w./()@-]{0,127})(?:\[([^\]\s]{0,64})\](?:: ?| )|: ?))?"
)


def query(source: str) -> str:
    """SQL over `source` (line VARCHAR, observed TIMESTAMPTZ, host_locked BOOLEAN: the chunk's host counts) giving a row
    a line: text, time, level, service, host, metadata; and known: it is a syslog message. Otherwise the text is the
    line. Needs the macros of timestamp.py."""
    return f"""
WITH told AS (
  SELECT line, observed, host_locked,
    nullif(regexp_extract(line, '{_NEW}'), '') AS new_head, nullif(regexp_extract(line, '{_OLD}'), '') AS old_head
  FROM {source}
), headed AS (
  SELECT line, observed, host_locked, coalesce(new_head, old_head) AS head,
    CASE WHEN new_head IS NOT NULL
      THEN regexp_extract(new_head, '{_NEW}', ['priority', 'time', 'host', 'app', 'process', 'id', 'data'])
      ELSE struct_insert(regexp_extract(old_head, '{_OLD}', ['priority', 'time', 'host', 'app', 'process']),
        id := '', data := '') END AS h
  FROM told
), named AS (
  SELECT line, observed, host_locked, head, try_cast(h.priority AS INT) AS priority, {_given("h.host")} AS host,
    {_given("h.app")} AS app, {_given("h.process")} AS process, {_given("h.id")} AS id, {_given("h.data")} AS data,
    ltrim(regexp_replace({_given("h.time")}, '^([A-Z][a-z][a-z]) ( ?\\d+) (\\d{{4}}) ', '\\2 \\1 \\3 ')) AS written
  FROM headed
), timed AS (
  SELECT *, logd_time(written, observed) AS time FROM named
), judged AS (
  SELECT *, coalesce(priority <= 191, false) AND (written IS NULL OR time IS NOT NULL) AS known,
    priority // 8 + 1 AS facility, priority % 8 + 1 AS severity
  FROM timed
)
SELECT known, CASE WHEN known THEN substr(line, length(head) + 1) ELSE line END AS text,
  CASE WHEN known THEN time END AS time, CASE WHEN known THEN {_list(*SYSLOG_LEVELS)}[severity] END AS level,
  CASE WHEN known THEN app END AS service, CASE WHEN known THEN host END AS host,
  CASE WHEN known THEN '{{"facility":"' || {_list(*_FACILITIES.split())}[facility] || '","severity":"'
    || {_list(*_SEVERITIES.split())}[severity] || '"' || {_member("hostname", "CASE WHEN host_locked THEN host END")}
    || {_member("appname", "app")} || {_member("procid", "process")} || {_member("msgid", "id")}
    || coalesce(',"structured_data":' || {_structured("data")}, '') || '}}' END AS metadata
FROM judged"""


def _given(text: str) -> str:
    return f"nullif(nullif({text}, ''), '-')"


def _list(*texts: str) -> str:
    return "[" + ", ".join(f"'{text}'" for text in texts) + "]"


def _member(name: str, value: str) -> str:
    return f"""coalesce(',"{name}":' || to_json({value}), '')"""


def _structured(data: str) -> str:
    """An object of objects as JSON: {"origin@32473": {"ip": "10.0.0.1"}}."""
    elements = f"regexp_extract_all({data}, '{_ELEMENT}')"
    name = r"regexp_extract(element, '^\[([^\s=\]\"]+)', 1)"
    keys, values = (f"regexp_extract_all(element, '{_PARAMETER}', {group})" for group in (1, 2))
    unescaped = r"""regexp_replace(pair[2], '\\(["\\\]])', '\1', 'g')"""
    pairs = f"list_transform(list_zip({keys}, {values}), lambda pair: to_json(pair[1]) || ':' || to_json({unescaped}))"
    made = f"to_json({name}) || ':{{' || array_to_string({pairs}, ',') || '}}'"
    twice = f"len(list_distinct({keys})) < len({keys})"
    names = f"list_transform({elements}, lambda element: {name})"
    return f"""CASE WHEN {data} IS NULL THEN NULL
      WHEN len(list_distinct({names})) < len({names}) OR len(list_filter({elements}, lambda element: {twice})) > 0
      THEN to_json({data})
      ELSE '{{' || array_to_string(list_transform({elements}, lambda element: {made}), ',') || '}}' END"""
