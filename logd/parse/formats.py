"""Times by formats that a step declares: strptime's, or numbers since 1970; else the usual forms of timestamp.py.

`%Y %m %d %H %M %S %f %z …` are DuckDB's, which are C's: %f takes up to six digits, %n nine. `:%g` at the end is a
count of milliseconds, of up to three digits, as it is when it has no zeros before it. A format without a year is in the
latest year with which the time isn't ahead, as timestamp.py says; one without a zone is in the session's.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import duckdb

from logd.parse.window import Limits

#: What a number counts, and its microseconds.
UNITS = {"unix": "1000000", "unix_ms": "1000", "unix_us": "1", "unix_ns": "0.001"}
_YEAR = frozenset("yYcxG")
#: With one of these a format says a day; else it would be the year's first.
_DAY = frozenset("djxcUWV")
_DIRECTIVE = re.compile(r"%-?(.)")
#: Seconds that fit a timestamp of either sign; the product is in microseconds.
_LARGEST_MICROS = 253_402_300_799_999_999


def time(text: str, formats: Sequence[str], limits: Limits, usual: str = "logd_time") -> str:
    """SQL: the time that `text`, a column, says, NULL when it says none; without formats by the macro `usual`. Needs a
    column `observed`."""
    if not formats:
        return f"{usual}({text}, observed, ahead_seconds := {limits.max_ahead_seconds})"
    return f"coalesce({', '.join(_time(text, one, limits) for one in formats)}, NULL::TIMESTAMPTZ)"


def check(one: str) -> str | None:
    """What is wrong with a format, None when nothing is."""
    if one in UNITS:
        return None
    if "%" not in one:
        return f"a format of strptime such as %Y-%m-%d %H:%M:%S, or {', '.join(UNITS)}"
    try:
        with duckdb.connect() as sql:
            sql.execute(f"SELECT try_strptime('x', {_quoted(one)})")
    except duckdb.Error as error:
        return f"a format of strptime ({str(error).partition(chr(10))[0]})"
    if not _says(one, _DAY):
        return "a format with a day, such as %d or %j"
    return None


def _time(text: str, one: str, limits: Limits) -> str:
    if one in UNITS:
        micros = f"try_cast({text} AS DOUBLE) * {UNITS[one]}"
        return f"""CASE WHEN {micros} BETWEEN -62135596800000000 AND {_LARGEST_MICROS}
          THEN make_timestamptz(CAST(round({micros}) AS BIGINT)) END"""
    if one.endswith(":%g"):
        place = f"length({text}) - strpos(reverse({text}), ':') + 1"
        whole = _time(f"left({text}, {place} - 1)", one[:-3], limits)
        millis = f"regexp_extract({text}, ':([0-9]{{1,3}})$', 1)"
        return f"({whole} + to_milliseconds(CAST(nullif({millis}, '') AS BIGINT)))"
    if _says(one, _YEAR):
        return f"CAST(try_strptime({text}, {_quoted(one)}) AS TIMESTAMPTZ)"
    latest = f"make_timestamptz(epoch_us(observed) + {limits.max_ahead_seconds * 1_000_000})"
    tries = [
        f"CAST(try_strptime(year(CAST({latest} AS TIMESTAMP)) - {back} || ' ' || {text}, {_quoted('%Y ' + one)})"
        " AS TIMESTAMPTZ)"
        for back in range(5)  # February 29 is in one of them
    ]
    ways = ", ".join(f"CASE WHEN {one_try} <= {latest} THEN {one_try} END" for one_try in tries)
    return f"coalesce({ways})"


def _says(one: str, directives: frozenset[str]) -> bool:
    return not directives.isdisjoint(_DIRECTIVE.findall(one))


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
