"""Times by formats that a step declares: strptime's, or numbers since 1970; else the usual forms of timestamp.py.

`%Y %m %d %H %M %S %f %z …` are DuckDB's, which are C's: %f takes up to six digits, %n nine. `:%g` at the end is a
count of milliseconds, of up to three digits, as it is when it has no zeros before it. A format without a year is in the
latest year with which the time isn't ahead, as timestamp.py says; one without a zone is in the session's. %Z is a
zone's name (Europe/Berlin), or one of ABBREVIATIONS; of a few others (IST) it is what ICU takes them for.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import duckdb

from logd.parse.literals import literal
from logd.parse.window import Limits

#: What a number counts, and how many microseconds that are: so many, or one of so many.
UNITS = {"unix": (1_000_000, 1), "unix_ms": (1_000, 1), "unix_us": (1, 1), "unix_ns": (1, 1_000)}
#: Hours and minutes from UTC. RFC 2822's of North America, where ICU takes CST for the zone with its summer time; and
#: those in use elsewhere that mean one zone, of which ICU knows few, and takes BST for Bangladesh's.
ABBREVIATIONS = {
    **dict.fromkeys(("UTC", "GMT", "UT", "Z", "WET"), "+00:00"),
    **dict.fromkeys(("BST", "CET", "WEST", "WAT"), "+01:00"),
    **dict.fromkeys(("CEST", "EET", "CAT", "SAST"), "+02:00"),
    **dict.fromkeys(("EEST", "MSK", "EAT", "TRT"), "+03:00"),
    **dict.fromkeys(("PKT",), "+05:00"),
    **dict.fromkeys(("WIB",), "+07:00"),
    **dict.fromkeys(("AWST", "HKT", "SGT", "PHT"), "+08:00"),
    **dict.fromkeys(("JST", "KST"), "+09:00"),
    **dict.fromkeys(("ACST",), "+09:30"),
    **dict.fromkeys(("AEST",), "+10:00"),
    **dict.fromkeys(("ACDT",), "+10:30"),
    **dict.fromkeys(("AEDT",), "+11:00"),
    **dict.fromkeys(("NZST",), "+12:00"),
    **dict.fromkeys(("NZDT",), "+13:00"),
    **dict.fromkeys(("NDT",), "-02:30"),
    **dict.fromkeys(("ADT", "BRT", "ART"), "-03:00"),
    **dict.fromkeys(("NST",), "-03:30"),
    **dict.fromkeys(("AST", "EDT"), "-04:00"),
    **dict.fromkeys(("EST", "CDT"), "-05:00"),
    **dict.fromkeys(("CST", "MDT"), "-06:00"),
    **dict.fromkeys(("MST", "PDT"), "-07:00"),
    **dict.fromkeys(("PST", "AKDT"), "-08:00"),
    **dict.fromkeys(("AKST",), "-09:00"),
    **dict.fromkeys(("HST",), "-10:00"),
}
_YEAR = frozenset("yYcxG")
#: With one of these a format says a day; else it would be the year's first.
_DAY = frozenset("djxcUWV")
_DIRECTIVE = re.compile(r"%-?(.)")
#: What may follow a percent sign, and what one and a hyphen.
_KNOWN, _KNOWN_SHORT = frozenset("aAbBcdfgGhHIjmMnpSTuUVwWxXyYzZ%"), frozenset("djmyHIMS")
#: From the year 1 to the year 9999.
_LEAST_MICROS, _MOST_MICROS = -62_135_596_800_000_000, 253_402_300_799_999_999
_WHOLE = "^-?[0-9]{1,18}$|^-?[1-8][0-9]{18}$"


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
    for found in re.finditer("%(-?)(.?)", one, re.DOTALL):
        if found[2] not in (_KNOWN_SHORT if found[1] else _KNOWN) or not found[2]:
            return f"a format of strptime, which has no {found[0]}"
    try:
        with duckdb.connect() as sql:
            sql.execute(f"SELECT try_strptime('x', {literal(one)})")
    except duckdb.Error:
        return "a format of strptime whose directives go together"
    if not _says(one, _DAY):
        return "a format with a day, such as %d or %j"
    return None


def _time(text: str, one: str, limits: Limits) -> str:
    if one in UNITS:
        return _number(text, *UNITS[one])
    if one.endswith(":%g"):
        place = f"length({text}) - strpos(reverse({text}), ':') + 1"
        whole = _time(f"left({text}, {place} - 1)", one[:-3], limits)
        millis = f"regexp_extract({text}, ':([0-9]{{1,3}})$', 1)"
        return f"({whole} + to_milliseconds(CAST(nullif({millis}, '') AS BIGINT)))"
    if _says(one, _YEAR):
        return _read(text, one)
    latest = f"make_timestamptz(epoch_us(observed) + {limits.max_ahead_seconds * 1_000_000})"
    tries = [
        _read(f"(year(CAST({latest} AS TIMESTAMP)) - {back} || ' ' || {text})", f"%Y {one}")
        for back in range(5)  # February 29 is in one of them
    ]
    ways = ", ".join(f"CASE WHEN {one_try} <= {latest} THEN {one_try} END" for one_try in tries)
    return f"coalesce({ways})"


def _number(text: str, times: int, over: int) -> str:
    """What is less than a microsecond falls off, as in the usual forms. Not by a double, which of nanoseconds keeps
    the last 256; a fraction takes a decimal, which costs ten times what a whole number does."""
    whole, exact = f"try_cast({text} AS BIGINT)", f"try_cast({text} AS DECIMAL(28, 9))"
    least, most = _LEAST_MICROS * over // times, _MOST_MICROS * over // times
    return f"""CASE WHEN regexp_matches({text}, '{_WHOLE}')
      THEN CASE WHEN {whole} BETWEEN {least} AND {most} THEN make_timestamptz({whole} * {times} // {over}) END
      WHEN {exact} BETWEEN {least} AND {most}
      THEN make_timestamptz(CAST(trunc({exact} * {times / over}) AS BIGINT)) END"""


def _read(text: str, one: str) -> str:
    read = f"CAST(try_strptime({text}, {literal(one)}) AS TIMESTAMPTZ)"
    if not _says(one, frozenset("Z")):
        return read
    zones = ", ".join(f"'{name}': '{offset}'" for name, offset in ABBREVIATIONS.items())
    zone = f"regexp_extract({text}, '\\b(?:{'|'.join(ABBREVIATIONS)})\\b')"
    by_offset = _DIRECTIVE.sub(lambda found: "%z" if found[0] == "%Z" else found[0], one)
    known = f"replace({text}, {zone}, MAP {{{zones}}}[{zone}])"
    return f"coalesce(CAST(try_strptime({known}, {literal(by_offset)}) AS TIMESTAMPTZ), {read})"


def _says(one: str, directives: frozenset[str]) -> bool:
    return not directives.isdisjoint(_DIRECTIVE.findall(one))
