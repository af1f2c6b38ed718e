r"""Container runtimes' records out of their wrapping: the text, when the runtime took it in, and from which stream.

    application/x-docker-json   {"log":"text\n","stream":"stdout","time":"2026-03-14T09:26:53.589793238Z"}
    application/x-cri           2026-03-14T09:26:53.589793238Z stdout F text

A line of a chunk is a record, or several with newlines between them, which the agent has found to belong together: the
parts of a long line (of Docker's all but the last lack the \n, of CRI's they have the tag P), or the lines of a trace.
Their texts become one; time and stream are those of the first. What is no record stays as it is; but of a record of
Docker's that was over the limit for lines, and so lost its end, the text counts as far as it goes.

The queries are for wrapping.py, and need the macros of timestamp.py.
"""

from __future__ import annotations

import json
import re

from logd.parse.json import suspect

_HEAD = r"^\S+ (?:stdout|stderr) [PF]\S* ?"
_PART = r"^\S+ (?:stdout|stderr) P\S* ?"
_STREAM = """'{{"stream":"' || {} || '"}}'"""
#: The text of a record, to its end or as far as whole characters and escapes go.
_TEXT = re.compile(r'\{"log":"((?:[^"\\\n]++|\\(?:[^u\n]|u[0-9a-fA-F]{4}))*+)')
#: What may stand behind it: the end of the text, or what is left of an escape.
_BEHIND = re.compile(r'"|(?:\\(?:u[0-9a-fA-F]{0,3})?)?\Z')
#: Where the text was cut between the two escapes of one character.
_HALF = re.compile("[\ud800-\udbff]\\Z")
_SURROGATE = re.compile("[\ud800-\udfff]")
#: A newline before the line's own at its end.
_SEVERAL = "strpos(line, chr(10)) BETWEEN 1 AND length(line) - 1"


def cri_query(source: str) -> str:
    """Of CRI's records."""
    part = f"regexp_matches(part, '{_PART}')"
    text = f"regexp_replace(part, '{_HEAD}', '') || CASE WHEN {part} THEN '' ELSE chr(10) END"
    several = f"array_to_string(list_transform(string_split(rtrim(line, chr(10)), chr(10)), lambda part: {text}), '')"
    return f"""
WITH headed AS (
  SELECT line, observed, nullif(regexp_extract(line, '{_HEAD}'), '') AS head FROM {source}
)
SELECT head IS NOT NULL AS known, logd_time(split_part(head, ' ', 1), observed) AS time,
  {_STREAM.format("split_part(head, ' ', 2)")} AS metadata,
  CASE WHEN head IS NULL THEN line WHEN {_SEVERAL} THEN {several} ELSE substr(line, length(head) + 1) END AS text
FROM headed"""


def docker_query(source: str) -> str:
    """Of Docker's records."""
    logs = """list_transform(string_split(rtrim(line, chr(10)), chr(10)),
      lambda part: CASE WHEN json_valid(part) THEN coalesce(json_extract_string(part, '$.log'), part) ELSE part END)"""
    transform = '{"log":"VARCHAR","stream":"VARCHAR","time":"VARCHAR"}'
    return f"""
WITH parted AS (
  SELECT line, observed, starts_with(line, '{{"log":') AND NOT ({suspect("line")}) AS plain, {_SEVERAL} AS several
  FROM {source}
), parsed AS (
  SELECT line, observed, plain AND several AS several, CASE WHEN plain THEN try(json_transform(
    CASE WHEN several THEN split_part(line, chr(10), 1) ELSE line END, '{transform}')) END AS j
  FROM parted
)
SELECT known, logd_time(j.time, observed) AS time, CASE WHEN known THEN {_STREAM.format("j.stream")} END AS metadata,
  CASE WHEN NOT known THEN line WHEN several THEN array_to_string({logs}, '')
    ELSE j.log END AS text
FROM (SELECT *, coalesce(j.log IS NOT NULL AND j.stream IN ('stdout', 'stderr'), false) AS known FROM parsed)"""


def text_of_cut(record: str) -> str | None:
    """The text of a record of Docker's that was cut somewhere; None when it is no such thing."""
    record = record.removesuffix("\n")
    found = _TEXT.match(record)
    if found is None or not _BEHIND.match(record, found.end()):
        return None
    try:
        text: str = json.loads(f'"{found[1]}"', strict=False)
    except ValueError:
        return None
    if found.end() == len(record) or record[found.end()] != '"':
        text = _HALF.sub("", text)
    return _SURROGATE.sub("\ufffd", text)
