r"""Plain lines into record columns: the whole line is the message, its time and its level are what shows in it.

Each step is a subquery, and so computed once: nested expressions took 2.4 µs a line, these 1.6 ⏱.
"""

from __future__ import annotations

from logd.parse import level, timestamp

#: A line's time and level are looked for near its beginning: further on, others' are quoted. They must begin within
#: NEAR; the head is longer, so that none is cut off, which would make another one of it.
_NEAR_CHARACTERS = 100
_HEAD_CHARACTERS = 160
#: The line without its ending, \n, \r\n or (where the \n was cut off before) \r. A slice: trimming takes 1 µs a line.
MESSAGE = """CASE WHEN suffix(line, chr(13) || chr(10)) THEN line[:-3]
    WHEN suffix(line, chr(10)) OR suffix(line, chr(13)) THEN line[:-2] ELSE line END"""


def query(source: str, ahead_seconds: int = 3600) -> str:
    """SQL over `source` (i, line VARCHAR, observed TIMESTAMPTZ) giving a row a line: i, time, level, message.

    `time` and `level` are null where none shows. `message` is the line without its one line ending; other white space
    stays. Needs the macros of timestamp.py and level.py."""
    return f"""
WITH cut AS (
  SELECT i, line, observed, left(line, {_HEAD_CHARACTERS}) AS head FROM {source}
), shown AS (
  SELECT i, line, observed, head, regexp_extract(head, '{timestamp.SHOWN}') AS time_text,
    regexp_extract(head, '{level.SHOWN}') AS level_text
  FROM cut
)
SELECT i,
  CASE WHEN {_near("time_text")} THEN logd_time(time_text, observed, ahead_seconds := {ahead_seconds}) END AS time,
  CASE WHEN {_near("level_text")} THEN logd_shown_level(level_text) END AS level, {MESSAGE} AS message
FROM shown"""


def shown_level(line: str) -> str:
    """SQL: the level that shows near the beginning of `line`, a column."""
    head = f"left({line}, {_HEAD_CHARACTERS})"
    found = f"regexp_extract({head}, '{level.SHOWN}')"
    near = f"strpos({head}, shown) <= {_NEAR_CHARACTERS}"
    return f"""list_transform([{found}],
      lambda shown: CASE WHEN shown <> '' AND {near} THEN logd_shown_level(shown) END)[1]"""


def _near(match: str) -> str:
    return f"{match} <> '' AND strpos(head, {match}) <= {_NEAR_CHARACTERS}"
