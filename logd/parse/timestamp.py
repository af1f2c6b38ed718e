r"""Timestamps: text into TIMESTAMPTZ, as SQL macros for a connection whose TimeZone is `parse.timezone`.

    logd_time(text, observed)         a value that should be a time: a field of a JSON line
    logd_text_time(line, observed)    the first time in a plain line, begun within its first 100 characters or so

Each gives NULL where there is no time, and never raises. `text` is named many times in the expansion: pass a column.
`observed` is the TIMESTAMPTZ at which the line was seen. The forms, and whether they are looked for in a plain line:

    2024-11-22T10:00:00.123Z, …+02:00             ISO 8601, RFC 3339; also with a blank, without seconds       yes
    2024-11-22 10:00:00,123                       log4j, Python                                                yes
    2024/11/22 10:00:00, 20241122T100000Z         Go, nginx; ISO 8601's basic format                           yes
    2024-11-22, 2024/11/22                        midnight                                                     no
    10/Oct/2000:13:55:36 -0700                    CLF: Apache's and nginx's access logs                        yes
    Mon, 02 Jan 2006 15:04:05 GMT                 RFC 1123 and 2822; without the weekday: Redis                yes
    Sun Dec 04 04:47:44.123456 2005               ctime(3), date(1), Apache's error log                        yes
    Jun  4 15:16:01, Dec 10 2024 06:55:46         BSD syslog (RFC 3164); Cisco                                 yes
    17/06/09 20:10:40                             yy/MM/dd: log4j in Spark                                     at its start
    081109 203615                                 yyMMdd HHmmss: HDFS                                          at its start
    1732269600.123, 1.7322696e9, 1732269600123    s, ms, µs or ns since 1970, told by size     10 digits up, at its start

* A zone is Z, UTC, GMT, UT or an offset below 16 hours. Other abbreviations mean different zones to different people,
  so they aren't read. Without a zone the session's TimeZone holds; an hour that it skips is taken with the offset
  before, one that it repeats with the offset after (ICU's way; Python's fold 0 and 1).
* Digits past the microsecond are cut off. 24:00:00 is the next midnight; second 60 the last microsecond of its minute.
  What is on no calendar is NULL, and so are 0001-01-01 and 9999-12-31, which Go and .NET write where there is no time.
* A missing year is the latest with which the time isn't more than `ahead_seconds` (a named parameter, 3600: what
  `ingest.max_ahead_seconds` says) past `observed`, by the clock of the session's TimeZone; for February 29 the latest
  leap year. Of two digits, 69 to 99 are 19xx (POSIX).
* Numbers below 10^11 are seconds, below 10^14 ms, below 10^17 µs, else ns: each unit gets 1973 to 5138.

DuckDB's own casts take much more ("infinity", "T 0:11", BC), so each is kept behind a test of its form. CASE evaluates
a branch only for the rows that reach it, so a form costs what stands before it. A lambda over a list of one is a LET.
⏱ µs a value: ISO with Z 0.1, with an offset 0.2, epoch 0.3, the others 1 to 1.5.
"""

from __future__ import annotations

from collections.abc import Sequence

_MONTH = "Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec"
_MONTH_NUMBERS = "".join(f"{name}{number:02}" for number, name in enumerate(_MONTH.split("|"), 1))
_OFFSET = r"[+-](?:0\d|1[0-5])(?::?[0-5]\d)?"
_CLOCK = r"[0-2]\d:[0-5]\d(?::[0-6]\d(?:[.,]\d+)?)?"
#: Whole seconds at least: after the name of a month, 10:30 alone is too little to be sure of.
_FULL_CLOCK = r"[0-2]\d:[0-5]\d:[0-6]\d(?:[.,]\d+)?"

#: What the cast to TIMESTAMPTZ reads as it stands.
_ISO = rf"\d{{4}}[-/]\d\d[-/]\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?(?:Z|{_OFFSET})?)?"
#: The two usual kinds of it at a third of the price. `_` is any character, but only digits pass the cast as well.
_ISO_UTC = ("2___-__-__T__:__:__._%Z", "2___-__-__T__:__:__Z")
_WHOLE_NUMBER = r"\d{1,19} ?"
_NUMBER = r"\d{1,19}(?:\.\d*)?(?:[eE][+-]?\d\d?)? ?"
_COMPACT = r"^(\d\d|\d{4})(\d\d)(\d\d)[Tt ]([0-2]\d)([0-5]\d)([0-6]\d)"

#: Every other form in parts. Which year, month and day are filled says which form it was; all are empty in no match.
_PARTS = {
    "year": r"^(?:(\d{4}|\d\d)",
    "month_day": r"([-/]\d\d[-/]\d\d)",
    "day_before": r"|(?:[A-Z][a-z]{2,8},? )?(?:(\d?\d)[ /-]",
    "name_after": rf"({_MONTH})",
    "name_before": rf"|({_MONTH})",
    "day_after": r" {1,2}(\d?\d))",
    "year_after": r"(?:[ /-](\d{4}))?)",
    "clock": rf"(?:[Tt :]({_CLOCK})",
    "zone": rf"(?: ?([Zz]|UTC|GMT|UT|{_OFFSET})| [A-Z]{{3,5}})?",
    "year_last": r"(?: (\d{4}))? ?)?$",
}

#: The same in a plain line, where they must be told from other numbers: complete, in range, between word boundaries.
_ZONE_SEEN = rf"(?: ?(?:UTC|GMT|Z)\b| ?[+-](?:0\d|1[0-5]):?[0-5]\d\b|z\b|{_OFFSET}\b)?"
_DAY = r"(?:0[1-9]|[12]\d|3[01])"
_NUMERIC_DAY = rf"(?:0[1-9]|1[0-2])[-/]{_DAY}"
_SEEN = "|".join(
    [
        rf"\b(?:19|20)\d\d[-/]{_NUMERIC_DAY}[Tt ]{_CLOCK}\b{_ZONE_SEEN}",
        rf"\b(?:19|20)\d\d(?:0[1-9]|1[0-2]){_DAY}[Tt][0-2]\d[0-5]\d[0-6]\d(?:[.,]\d+)?\b{_ZONE_SEEN}",
        rf"\b(?:[A-Z][a-z]{{2}}, )?(?:0?[1-9]|[12]\d|3[01])[ /-](?:{_MONTH})[ /-]\d{{4}}[ :]{_FULL_CLOCK}\b{_ZONE_SEEN}",
        rf"\b(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) (?:{_MONTH}) [ \d]\d {_FULL_CLOCK}(?: [A-Z]{{3,5}})? (?:19|20)\d\d\b",
        rf"\b(?:{_MONTH}) [ \d]?\d(?: (?:19|20)\d\d)? {_FULL_CLOCK}\b{_ZONE_SEEN}",
        rf"^\d\d/{_NUMERIC_DAY} {_FULL_CLOCK}\b",
        r"^\d{6} [0-2]\d[0-5]\d[0-6]\d ",
        r"^(?:\d{10}|\d{13}|\d{16}|\d{19})(?:\.\d+)? ",
    ]
)
_SEARCHED_CHARACTERS = 128


def _let(name: str, value: str, then: str) -> str:
    """`then`, in which `name` stands for `value`, evaluated once."""
    return f"list_transform([{value}], lambda {name}: {then})[1]"


def _since_1970(number: str, kind: str) -> str:
    """A number of `kind` as a time. Doubles are rounded to the microsecond, which they tell apart in every unit."""
    micros = """CASE WHEN n < 100000000000 THEN n * 1000000 WHEN n < 100000000000000 THEN n * 1000
      WHEN n < 100000000000000000 THEN n ELSE n / 1000 END"""
    return _let("n", f"try_cast({number} AS {kind})", f"make_timestamptz(CAST({micros} AS BIGINT))")


def _other() -> str:
    """The parts of any other form put together as ISO 8601."""
    dashed = rf"regexp_replace(text, '{_COMPACT}', '\1-\2-\3 \4:\5:\6')"
    names = ", ".join(f"'{name}'" for name in _PARTS)
    parts = f"regexp_extract({dashed}, '{''.join(_PARTS.values())}', [{names}])"
    month = f"substr('{_MONTH_NUMBERS}', strpos('{_MONTH_NUMBERS}', p.name_after || p.name_before) + 3, 2)"
    day = "lpad(p.day_before || p.day_after, 2, '0')"
    assembled = f"""{{
      'year': CASE strlen(p.year) WHEN 4 THEN p.year WHEN 2 THEN CASE WHEN p.year < '69' THEN '20' ELSE '19' END || p.year
        ELSE p.year_after || p.year_last END,
      'rest': CASE WHEN p.month_day <> '' THEN p.month_day ELSE '-' || {month} || '-' || {day} END || ' ' ||
        CASE WHEN p.clock LIKE '__:__:60%' THEN p.clock[:6] || '59.999999' WHEN p.clock <> '' THEN replace(p.clock, ',', '.')
        WHEN p.month_day <> '' THEN '00:00' END,
      'zone': CASE WHEN p.zone = '' OR p.zone[1] IN ('+', '-') THEN p.zone ELSE 'Z' END}}"""
    whole = f"CASE q.year WHEN '' THEN CAST({_missing_year()} AS VARCHAR) ELSE q.year END || q.rest || q.zone"
    return _let("q", _let("p", parts, assembled), _let("c", whole, f"CASE WHEN {_in_range('c')} THEN {_cast('c')} END"))


def _missing_year() -> str:
    """The year of `latest`, or the one before when the rest of the time is past it; for February 29 a leap year."""
    latest = "CAST(make_timestamptz(epoch_us(observed) + CAST(ahead_seconds AS BIGINT) * 1000000) AS TIMESTAMP)"
    year = f"year({latest}) - CAST(q.rest > strftime({latest}, '-%m-%d %H:%M:%S.%f~') AS INTEGER)"
    every = "CASE WHEN starts_with(q.rest, '-02-29') THEN 4 ELSE 1 END"
    return f"({year}) // {every} * {every}"


def _cast(text: str) -> str:
    return f"try_cast({text} AS TIMESTAMPTZ)"


def _in_range(text: str) -> str:
    """Of the years 1 to 9999, without the first and the last day: so an offset never leads out of them."""
    return f"{text} BETWEEN '0001-01-02' AND '9999-12-31'"


_UTC = " OR ".join(f"text LIKE '{pattern}'" for pattern in _ISO_UTC)

MACROS: Sequence[str] = (
    f"""CREATE OR REPLACE MACRO logd_time(text, observed, ahead_seconds := 3600) AS CASE
    WHEN ({_UTC}) AND NOT contains(text, ' ') THEN {_cast("text")}
    WHEN text IS NULL THEN NULL
    WHEN regexp_full_match(text, '{_ISO}') AND {_in_range("text")} THEN {_cast("replace(text, ',', '.')")}
    WHEN regexp_full_match(text, '{_WHOLE_NUMBER}') THEN {_since_1970("text", "BIGINT")}
    WHEN regexp_full_match(text, '{_NUMBER}') THEN {_since_1970("text", "DOUBLE")}
    ELSE {_other()} END""",
    # A match that runs into the cut may go on behind it: then it isn't known.
    f"""CREATE OR REPLACE MACRO logd_text_time(line, observed, ahead_seconds := 3600) AS
    {
        _let(
            "seen",
            f"regexp_extract(left(line, {_SEARCHED_CHARACTERS}), '{_SEEN}')",
            f"CASE WHEN seen <> '' AND NOT (strlen(line) > {_SEARCHED_CHARACTERS}"
            f" AND suffix(left(line, {_SEARCHED_CHARACTERS}), seen)) THEN logd_time(seen, observed, ahead_seconds) END",
        )
    }""",
)
