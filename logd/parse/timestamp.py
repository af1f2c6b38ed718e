r"""Timestamps: text into TIMESTAMPTZ, as a SQL macro for a connection whose TimeZone is `parse.timezone`.

    logd_time(text, observed, ahead_seconds := 3600)

gives the time that a text says, and NULL where it says none: it never raises. Those of NARROW do the same for some of
the forms only: where they give NULL, it may say one in another. SHOWN finds such a text in a plain line
(text.py). `text` (VARCHAR) is named many times in the expansion: pass a column. `observed` is the TIMESTAMPTZ at which
the line was seen. The forms, and whether SHOWN looks for them:

    2024-11-22T10:00:00.123Z, …+02:00             ISO 8601, RFC 3339; with a blank for the T                 yes
    2024-11-22 10:00:00,123                       log4j, Python                                              yes
    2024/11/22 10:00:00, 20241122T100000Z         Go, nginx; ISO 8601's basic format                         yes
    2024-11-22T10:00, 2024-11-22, 2024/11/22      ISO 8601; a date alone is its midnight                     no
    10/Oct/2000:13:55:36 -0700                    CLF: Apache's and nginx's access logs                      yes
    Mon, 02 Jan 2006 15:04:05 GMT                 RFC 1123 and 2822; without weekday: Redis, Tomcat          yes
    Sun Dec 04 04:47:44.123456 2005               ctime(3), Apache's error log; date(1): … UTC 2005          yes
    Jun  4 15:16:01                               BSD syslog, RFC 3164                                       yes
    17/06/09 20:10:40                             yy/MM/dd: log4j in Spark                                   at start
    081109 203615                                 yyMMdd HHmmss: HDFS                                        at start
    1732269600.123, 1.7322696e9, 1732269600123    s, ms, µs or ns since 1970                                 at start

* A zone is Z, UTC, GMT or an offset below 16 hours (+02:00, +0200, +02), after a blank or none. Other abbreviations
  mean different zones to different people: not read. Without a zone the session's TimeZone holds: an hour that it skips
  is taken with the offset before, one that it repeats with the offset after (ICU's way).
* Digits past the microsecond are cut off. In ISO forms 24:00:00 is the next midnight, and second 60 counts as 59.
* What is on no calendar is NULL. Years are 1 to 9999 in ISO's usual form, without an offset that leads out of them;
  elsewhere 1000 to 2999, or two digits: 69 to 99 are 19xx (POSIX).
* A missing year is the latest with which the time isn't more than `ahead_seconds` (what `ingest.max_ahead_seconds`
  says) past `observed`, by the clock of the session's TimeZone; February 29 has the latest leap year.
* Numbers below 10^8 are durations or counts, no times; below 10^11 they are seconds, below 10^14 ms, below 10^17 µs,
  else ns up to 2262: so each reaches from 1973 on. Those with a point or an exponent are doubles, rounded: exact to the
  microsecond until 2242. SHOWN wants 10, 13, 16 or 19 digits before the point.

DuckDB's own casts take much more ("infinity", "T 0:11", BC), so each stands behind a test of its form. CASE evaluates
a branch only for the rows that reach it, so a form pays for the tests before it. ⏱ µs a value: ISO with Z 0.1, with an
offset or local 0.3, numbers 0.2, CLF 0.5, syslog 0.7, the rest up to 1.6; binding the macro takes 8 ms: prepare.
"""

from __future__ import annotations

from collections.abc import Sequence

_MONTH = "Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec"
_MONTH_NUMBERS = "".join(f"{name}{number:02}" for number, name in enumerate(_MONTH.split("|"), 1))
_WEEKDAY = "Mon|Tue|Wed|Thu|Fri|Sat|Sun"
_OFFSET = r"[+-](?:0\d|1[0-5])(?::?[0-5]\d)?"
_CLOCK = r"(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d"
_FRACTION = r"(?:[.,]\d+)?"
#: As many digits as strptime takes.
_MICROS = r"(?:[.,]\d{1,6})?"
#: Years that no offset leads out of 1 to 9999; only ISO's usual form goes beyond.
_YEAR = r"[12]\d{3}"

#: Most times in JSON. `_` is any character, but the cast takes only digits there.
_UTC = ("2___-__-__T__:__:__._%Z", "2___-__-__T__:__:__Z")
_ISO = rf"(?:\d{{4}}-\d\d-\d\d|{_YEAR}/\d\d/\d\d)(?:[T ][0-2]\d:[0-5]\d(?::[0-6]\d{_FRACTION})?(?:Z|{_OFFSET})?)?"
_LOOSE_ISO = (
    rf"{_YEAR}(?:-\d\d-|/\d\d/)\d\d[Tt ][0-2]\d:[0-5]\d(?::[0-6]\d{_FRACTION})?(?: ?[Zz]| UTC| GMT| ?{_OFFSET})?"
)
_BASIC_ISO = rf"({_YEAR})(\d\d)(\d\d)T([0-2]\d)([0-5]\d)([0-6]\d)({_FRACTION}(?:Z|{_OFFSET})?)"
_WHOLE_NUMBER = r"\d{1,19} ?"
_NUMBER = r"\d{1,19}(?:\.\d*)?(?:[eE][+-]?\d\d?)? ?"
_CLF = rf"[0-3]\d/(?:{_MONTH})/{_YEAR}:{_CLOCK} {_OFFSET}"
_SYSLOG = rf"(?:{_MONTH}) [ \d]?\d {_CLOCK}{_MICROS}"
_CTIME = rf"(?:{_WEEKDAY}) (?:{_MONTH}) [ \d]?\d {_CLOCK}{_MICROS} {_YEAR}"
_DATE_1 = rf"(?:{_WEEKDAY}) (?:{_MONTH}) [ \d]?\d {_CLOCK} (?:UTC|GMT) {_YEAR}"
#: At most four groups: with more, RE2 leaves its one-pass engine and takes three times as long.
_DAY_FIRST = (
    rf"(?:(?:{_WEEKDAY})[a-z]*, )?(\d?\d)[ /-]({_MONTH})[ /-]({_YEAR})"
    rf"[ :]({_CLOCK}{_FRACTION}(?: UTC| GMT| ?{_OFFSET})?)"
)
_SPARK = rf"\d\d/\d\d/\d\d {_CLOCK}{_FRACTION}"
_HDFS = r"\d{6} \d{6} ?"

#: The same in a plain line, where they must be told from other numbers: complete, in range, between word boundaries.
_DAY = r"(?:0[1-9]|[12]\d|3[01])"
_NUMERIC_DAY = rf"(?:0[1-9]|1[0-2])[-/]{_DAY}"
_SEEN_ZONE = rf"(?:[Zz]\b|\b(?: (?:UTC|GMT|Z)\b| ?[+-](?:0\d|1[0-5]):?[0-5]\d\b|{_OFFSET}\b)?)"
SHOWN: str = "|".join(
    [
        rf"\b(?:19|20)\d\d[-/]{_NUMERIC_DAY}[Tt ][0-2]\d:[0-5]\d:[0-6]\d{_FRACTION}{_SEEN_ZONE}",
        rf"\b(?:19|20)\d\d(?:0[1-9]|1[0-2]){_DAY}T[0-2]\d[0-5]\d[0-6]\d{_FRACTION}(?:Z|{_OFFSET})?\b",
        rf"\b(?:(?:{_WEEKDAY}), )?(?:[1-9]|{_DAY})[ /-](?:{_MONTH})[ /-](?:19|20)\d\d"
        rf"[ :]{_CLOCK}{_FRACTION}{_SEEN_ZONE}",
        rf"\b(?:{_WEEKDAY}) (?:{_MONTH}) [ \d]\d {_CLOCK}(?:{_MICROS}| [A-Z]{{3,5}}) (?:19|20)\d\d\b",
        rf"\b(?:{_MONTH}) [ \d]?\d {_CLOCK}{_MICROS}\b",
        rf"^\d\d/{_NUMERIC_DAY} {_CLOCK}{_FRACTION}\b",
        r"^\d{6} [0-2]\d[0-5]\d[0-5]\d ",
        r"^(?:\d{10}|\d{13}|\d{16}|\d{19})(?:\.\d+)? ",
    ]
)


def _let(name: str, value: str, then: str) -> str:
    """`then`, in which `name` stands for `value`, evaluated once: a lambda over a list of one."""
    return f"list_transform([{value}], lambda {name}: {then})[1]"


def _is(pattern: str) -> str:
    return f"regexp_full_match(text, '{pattern}')"


def _cast(text: str) -> str:
    return f"try_cast({text} AS TIMESTAMPTZ)"


def _strptime(text: str, *formats: str) -> str:
    """Read by the first format that fits. One that doesn't costs 0.5 µs, for the error that nobody sees."""
    quoted = ", ".join(f"'{one}'" for one in formats)
    return f"try_strptime({text}, [{quoted}])"


def _local(timestamp: str) -> str:
    return f"CAST({timestamp} AS TIMESTAMPTZ)"


def _tidy(text: str) -> str:
    """A time of day and its zone as the cast reads them."""
    return f"replace(replace(replace(replace({text}, ',', '.'), ':60', ':59'), ' +', '+'), ' -', '-')"


def _since_1970(kind: str, divided: str) -> str:
    micros = f"""CASE WHEN n < 100000000 THEN NULL WHEN n < 100000000000 THEN n * 1000000
        WHEN n < 100000000000000 THEN n * 1000
        WHEN n < 100000000000000000 THEN n WHEN n < 1e20 THEN {divided} END"""
    return _let("n", f"try_cast(text AS {kind})", f"make_timestamptz(CAST({micros} AS BIGINT))")


def _syslog() -> str:
    """In the year of the latest time allowed, or the one before; February 29 in the leap year before."""
    latest = "CAST(make_timestamptz(epoch_us(observed) + CAST(ahead_seconds AS BIGINT) * 1000000) AS TIMESTAMP)"
    before = f"(year({latest}) - 1) // {{0}} * {{0}}".format("CASE WHEN starts_with(text, 'Feb 29') THEN 4 ELSE 1 END")
    formats = [f"%Y %b %d %H:%M:%S{fraction}" for fraction in ("", ".%f", ",%f")]
    this_year, earlier = [_strptime(f"{year} || ' ' || text", *formats) for year in (f"year({latest})", before)]
    return _local(f"CASE WHEN {this_year} <= {latest} THEN {this_year} ELSE {earlier} END")


def _clf() -> str:
    """Not by %z: in a zone whose summer time is half an hour (Lord Howe) strptime is off by that."""
    local = _strptime("left(text, 20)", "%d/%b/%Y:%H:%M:%S")
    return _cast(f"(CAST({local} AS VARCHAR) || substr(text, 22))")


def _date_1() -> str:
    zoneless = "replace(replace(text, ' UTC ', ' '), ' GMT ', ' ')"
    return f"make_timestamptz(epoch_us({_strptime(zoneless, '%a %b %d %H:%M:%S %Y')}))"


def _day_first() -> str:
    month = f"substr('{_MONTH_NUMBERS}', strpos('{_MONTH_NUMBERS}', t.m) + 3, 2)"
    parts = f"regexp_extract(text, '{_DAY_FIRST}', ['d', 'm', 'y', 'clock'])"
    return _let("t", parts, _cast(f"(t.y || '-' || {month} || '-' || t.d || ' ' || {_tidy('t.clock')})"))


def _basic_iso() -> str:
    return _cast(_tidy(rf"regexp_replace(text, '{_BASIC_ISO}', '\1-\2-\3 \4:\5:\6\7')"))


#: What most programs write.
_USUAL = f"""WHEN (text LIKE '{_UTC[0]}' OR text LIKE '{_UTC[1]}') AND NOT contains(text, ' ')
      THEN coalesce({_cast("text")}, {_cast("replace(replace(text, ':60.', ':59.'), ':60Z', ':59Z')")})
    WHEN text IS NULL THEN NULL
    WHEN {_is(_ISO)} THEN CASE WHEN text BETWEEN '0001-01-02' AND '9999-12-31'
        OR (suffix(text, 'Z') AND text BETWEEN '0001' AND '9999-12-31T24')
      THEN {_cast("replace(replace(text, ',', '.'), ':60', ':59')")} END
    WHEN {_is(_WHOLE_NUMBER)} THEN {_since_1970("BIGINT", "n // 1000")}"""
_OF_SYSLOG = f"WHEN {_is(_SYSLOG)} THEN {_syslog()}"
_OF_CLF = f"WHEN {_is(_CLF)} THEN {_clf()}"
_OTHERS = f"""WHEN {_is(_NUMBER)} THEN {_since_1970("DOUBLE", "n / 1000")}
    WHEN {_is(_CTIME)} THEN {
    _local(_strptime("replace(text, ',', '.')", "%a %b %d %H:%M:%S %Y", "%a %b %d %H:%M:%S.%f %Y"))
}
    WHEN {_is(_DATE_1)} THEN {_date_1()}
    WHEN {_is(_DAY_FIRST)} THEN {_day_first()}
    WHEN {_is(_LOOSE_ISO)} THEN {_cast(f"replace({_tidy('upper(text)')}, ' Z', 'Z')")}
    WHEN {_is(_BASIC_ISO)} THEN {_basic_iso()}
    WHEN {_is(_SPARK)} THEN {_cast("(CASE WHEN text < '69' THEN '20' ELSE '19' END || replace(text, ',', '.'))")}
    WHEN {_is(_HDFS)} THEN {_local(_strptime("text[:13]", "%y%m%d %H%M%S"))}"""
_MACROS = {
    "logd_time": f"{_USUAL} {_OF_SYSLOG} {_OF_CLF} {_OTHERS}",
    "logd_usual_time": _USUAL,
    "logd_syslog_time": _OF_SYSLOG,
    "logd_clf_time": _OF_CLF,
}
#: Macros for some of the forms: where logd_time costs 5 ms for every query over a batch, these cost 1.
NARROW: Sequence[str] = tuple(_MACROS)[1:]
MACROS: Sequence[str] = tuple(
    f"CREATE OR REPLACE MACRO {name}(text, observed, ahead_seconds := 3600) AS CASE {branches} END"
    for name, branches in _MACROS.items()
)
