r"""Pairs of keys and values in a text, as a JSON object.

    ts=2026-11-24T10:00:00Z level=info msg="cache \"a\" is full" size=12 ok=true        logfmt: nothing but pairs
    user=bob;action=login;ms=12                                                      key_value, by any delimiters

A quoted value is a string, with JSON's escapes; `true`, `false` and numbers as JSON writes them, of up to 15 digits,
are what they look like; anything else is a string. A key without a value is "".
"""

from __future__ import annotations

import re

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from logd.parse.literals import literal
from logd.parse.prepared import PreparedQuery

_KEY = r"[A-Za-z_@][\w.@/-]*"
_QUOTED = r'"(?:[^"\\]|\\.)*"'
_LOGFMT_PAIR = rf'{_KEY}=(?:{_QUOTED}|[^\s"]*)'
#: A text of nothing but pairs, at least so many.
LOGFMT = rf"^{_LOGFMT_PAIR}(?:[ \t]+{_LOGFMT_PAIR})*[ \t]*$"
LOGFMT_CERTAIN = rf"^{_LOGFMT_PAIR}(?:[ \t]+{_LOGFMT_PAIR})+[ \t]*$"
#: Of ordinary logfmt each pair is rewritten in one go, with marks around what wasn't quoted; ⏱ 1.6 µs a line where the
#: general way takes 5.
_ORDINARY = rf'({_KEY})=(?:({_QUOTED})|([^\s"\\]+))[ \t]*'
_MARKED = '"\\1":\\2\x01\\3\x02,'
#: What stands for a delimiter of several characters, once it is found.
_DELIMITER, _BETWEEN = "\x1e", "\x1f"
_TYPED = r"true|false|-?(?:0|[1-9]\d{0,14})(?:\.\d{1,6})?"


class Pairs:
    """Takes pairs out of texts. Not thread-safe. `delimiter` is between key and value, `between` between pairs; without
    them it is logfmt."""

    def __init__(self, sql: duckdb.DuckDBPyConnection, name: str, delimiter: str = "", between: str = " ") -> None:
        text = "text"
        if delimiter:
            text, delimiter, between = _told(delimiter, between)
            stop = _class(between) + _class(delimiter)
            value = rf"{_QUOTED}|[^{_class(between)}\"\n]*"
            regex = rf"([^{stop}\s\"][^{stop}\"\n]*?)\s*{re.escape(delimiter)}\s*({value})"
            matches = regex
        else:
            regex = rf'({_KEY})=({_QUOTED}|[^\s"]*)'
            matches = LOGFMT
        self._is_logfmt = not delimiter
        self._valid = PreparedQuery(
            sql, f"{name}_valid", lambda source: f"SELECT coalesce(json_valid(object), false) AS good FROM {source}"
        )
        self._query = PreparedQuery(sql, name, lambda source: _query(source, text, literal(regex), literal(matches)))

    def objects(self, texts: pa.StringArray) -> pa.StringArray:
        """Of each text the JSON object, null where there is none."""
        if not self._is_logfmt:
            return self._in_general(texts)
        known = pc.match_substring_regex(texts, LOGFMT)
        objects = pc.if_else(known, _rewritten(texts), pa.scalar(None, pa.string()))
        table = pa.table({"object": objects})
        good = self._valid.run(table)["good"].combine_chunks()
        others = pc.and_(known, pc.invert(good))
        if not bool(pc.any(others).as_py()):
            return objects
        return pc.replace_with_mask(objects, others, self._in_general(texts.filter(others)))

    def _in_general(self, texts: pa.StringArray) -> pa.StringArray:
        return self._query.run(pa.table({"text": texts}))["object"].combine_chunks().cast(pa.string())


def _rewritten(texts: pa.StringArray) -> pa.StringArray:
    """The objects of ordinary texts; of others what is no JSON."""
    marked = pc.replace_substring_regex(texts, _ORDINARY, _MARKED)
    # A mark in the text itself would become a quote; as it is, no JSON string has one.
    marked = pc.if_else(pc.match_substring_regex(texts, "[\x01\x02]"), pa.scalar(None, pa.string()), marked)
    marked = pc.replace_substring(marked, "\x01\x02", "")
    marked = pc.replace_substring_regex(marked, f"\x01({_TYPED})\x02", r"\1")
    for mark in ("\x01", "\x02"):
        marked = pc.replace_substring(marked, mark, '"')
    return pc.binary_join_element_wise("{", pc.replace_substring_regex(marked, ",$", ""), "}", "")


def _told(delimiter: str, between: str) -> tuple[str, str, str]:
    """SQL: `text` with a mark for each of the two that has several characters, the longer one first; and what the two
    are there. In a quoted value behind a delimiter there is none."""
    text = "text"
    for one in sorted((delimiter, between), key=len, reverse=True):
        if len(one) == 1:
            continue
        found, quoted = re.escape(one), rf"[ \t]*{_QUOTED}"
        if one == delimiter:
            text = f"regexp_replace({text}, {literal(f'{found}({quoted})?')}, {literal(_DELIMITER)} || '\\1', 'g')"
            delimiter = _DELIMITER
        else:
            value = f"{re.escape(delimiter)}{quoted}"
            text = f"regexp_replace({text}, {literal(f'({value})|{found}')}, '\\1' || {literal(_BETWEEN)}, 'g')"
            between = _BETWEEN
    return text, delimiter, between


def _query(source: str, text: str, regex: str, matches: str) -> str:
    inner = "trim(pair[2])"
    value = f"""CASE WHEN regexp_full_match({inner}, '{_TYPED}') THEN {inner}
      WHEN starts_with({inner}, '"') THEN CASE WHEN json_valid({inner}) THEN {inner}
        ELSE CAST(to_json({inner}[2:-2]) AS VARCHAR) END
      ELSE CAST(to_json({inner}) AS VARCHAR) END"""
    pair = f"CAST(to_json(pair[1]) AS VARCHAR) || ':' || {value}"
    keys, values = (f"regexp_extract_all(text, {regex}, {group})" for group in (1, 2))
    return f"""
WITH given AS (SELECT {text} AS text FROM {source}),
told AS (SELECT text, regexp_matches(text, {matches}) AS known FROM given),
split AS (SELECT CASE WHEN known THEN {keys} END AS keys, CASE WHEN known THEN {values} END AS parts FROM told)
SELECT CASE WHEN keys IS NOT NULL
  THEN '{{' || array_to_string(list_transform(list_zip(keys, parts), lambda pair: {pair}), ',') || '}}' END AS object
FROM split"""


def _class(text: str) -> str:
    return re.sub(r"([\\\]\[^-])", r"\\\1", text)
