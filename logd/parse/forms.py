r"""The forms of plain lines that are recognised without being told: what stands before a message, as fields.

A line is of the first form that it has, whatever lines came before it, so the same line always gives the same record.
A form costs only the lines that begin as it does, and RE2 gives up at the first byte that doesn't fit: ⏱ 0.05 µs.

    access     10.0.0.7 - bob [10/Oct/2026:13:55:36 +0000] "GET /a HTTP/1.1" 200 5 "-" "curl/8"  the line is the message
               also without the last two, and with shop.example.org:443 before it
    syslog     Jun 14 15:16:01 web1 sshd[19939]: …            2026-06-14T15:16:01.123456+02:00 web1 sshd[19939]: …
    klog, glog I0102 15:04:05.000000 1 main.go:9] …           I20260102 15:04:05.000000 1 main.cc:9] …
    java       2026-10-18 18:01:47,978 INFO [main] org.example.Main: …   and with the thread first, with " - ", Spring's
    zookeeper  2026-07-29 17:41:44,747 - INFO [main:Learner@9] - …
    python     2026-05-16 00:00:00,008 - app.db - INFO - …    INFO:app.db:…
    oslo       2026-05-16 00:00:00.008 25746 INFO nova.api [req-1 - - -] …
    hdfs,spark 081109 203615 148 INFO dfs.DataNode: …         17/06/09 20:10:40 INFO spark.Manager: …
    apache     [Sun Dec 04 04:47:44 2005] [error] …           [… 2026] [core:error] [pid 1:tid 2] [client 10.0.0.7:5] …
    nginx      2026/11/24 10:00:00 [error] 12#13: *5 …
    postgres, mysql, redis, elasticsearch, kafka              as their servers write by default
    android, windows (CBS), proxifier, health (fields by |), bgl, thunderbird, hpc: as the data sets of loghub have them
    levelled   2026-11-24 10:00:00 ERROR …   [2026-11-24 10:00:00] app.ERROR: …   Nov 24 10:00:00 ERROR …
               a time and a level, nothing else: the line is the message, as nothing says where it begins; unless
               what is behind them is JSON, as it may be behind a time alone
    timed      2026-11-24T10:00:00Z {…}
"""

from __future__ import annotations

import re

import msgspec

from logd.config.parsers import FieldType
from logd.levels import LEVEL_WORDS
from logd.parse.named import Field, Meaning
from logd.parse.patterns import Pattern, groups

_MONTH = "(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)"
_CLOCK = r"\d\d:\d\d:\d\d"
_ISO = rf"\d{{4}}-\d\d-\d\d[T ]{_CLOCK}(?:[.,]\d+)?(?: ?(?:Z|UTC|GMT|[+-]\d\d:?\d\d)|[+-]\d\d)?"
_TIME = rf"(?P<time>{_ISO})"
_WORDS = "|".join(sorted({word.upper() for word in LEVEL_WORDS if word.isalpha()}, key=lambda word: (-len(word), word)))
_LEVEL = rf"(?P<level>{_WORDS})"
#: In small letters words with a life of their own (`config reloaded`) are none.
_ANY_LEVEL = r"(?P<level>(?i:trace|debug|info|notice|warn|warning|err|error|crit|critical|fatal|severe))"
_REST = r"(?P<message>(?s:.*))$"
#: What stands behind a head and is JSON, or looks like it: then it is known where the message begins.
_OBJECT = r"\s*(?P<message>\{(?s:.*)\})\s*$"
_LOGGER = r"(?P<logger>[A-Za-z_][\w.$/-]*)"
#: A logger that isn't how a sentence begins (`Error: …`, `payment: …`).
_NO_WORD = r"(?P<logger>[A-Za-z_]\w*[.$/][\w.$/-]*)"
_THREAD = r"\[(?P<thread>[^\]]*(?:\[[^\]]*\][^\]]*)?)\]"
_QUOTED = r'(?:[^"\\]|\\.)*'
_DIGITS, _UPPER, _LOWER = "0123456789", "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "abcdefghijklmnopqrstuvwxyz"
_NAME = _UPPER + _LOWER + _DIGITS + "_"

#: Apache's and nginx's access logs, "common" and "combined", and what their configurations add behind.
COMMON = (
    r"^(?P<client>\S+) (?P<ident>\S+) (?P<user>\S+) "
    rf"\[(?P<time>\d\d/{_MONTH}/\d{{4}}:{_CLOCK} [+-]\d{{4}})\] "
    rf'"(?:(?P<method>[A-Z]+) (?P<path>[^\s"]+)(?: (?P<protocol>HTTP/[\d.]+))?|(?P<request>{_QUOTED}))" '
    r"(?P<status>\d{3}) (?P<bytes>\d+|-)"
)
COMBINED = rf'{COMMON} "(?P<referer>{_QUOTED})" "(?P<user_agent>{_QUOTED})"(?: (?P<more>.*))?$'
#: With the virtual host before it, as Apache's vhost_combined has it.
_VHOST = r"(?P<vhost>[\w.-]+):(?P<port>\d+) "
VHOST_COMBINED = f"^{_VHOST}{COMBINED[1:]}"
ANY_COMBINED = f"^(?:{_VHOST})?{COMBINED[1:]}"
KLOG = (
    rf"^(?P<level>[IWEF])(?P<time>\d{{4}} {_CLOCK}\.\d{{6}}) +(?P<thread>\d+) "
    rf"(?P<file>[^\s:\]]+):(?P<line>\d+)\] {_REST}"
)
GLOG = (
    rf"^(?P<level>[IWEF])(?P<time>\d{{8}} {_CLOCK}\.\d{{6}}) +(?P<thread>\d+) "
    rf"(?P<file>[^\s:\]]+):(?P<line>\d+)\] {_REST}"
)
ACCESS_TYPES: dict[str, FieldType] = {"status": "int", "bytes": "int", "port": "int"}
PLACE_TYPES: dict[str, FieldType] = {"line": "int", "pid": "int", "tid": "int"}
KLOG_MEANING = Meaning(formats=("%m%d %H:%M:%S.%f",))
GLOG_MEANING = Meaning(formats=("%Y%m%d %H:%M:%S.%f",))
ACCESS_MEANING = Meaning(absent=("-",), shown=False)


class Form(msgspec.Struct, frozen=True):
    """`starts` are the bytes that such a line may begin with."""

    name: str
    starts: frozenset[int]
    pattern: Pattern


def pattern(regex: str, meaning: Meaning = Meaning(), types: dict[str, FieldType] | None = None) -> Pattern:  # noqa: B008
    """The pattern of an expression whose named groups are the fields."""
    names = re.findall(r"\(\?P<(\w+)>", regex)
    return Pattern(groups(regex, names), tuple(Field(name, (types or {}).get(name, "text")) for name in names), meaning)


def _form(
    name: str,
    starts: str,
    regex: str,
    formats: tuple[str, ...] = (),
    levels: dict[str, str] | None = None,
    types: dict[str, FieldType] | None = None,
) -> Form:
    return Form(
        name,
        frozenset(starts.encode()),
        pattern(regex, Meaning((), formats, tuple((levels or {}).items())), types or PLACE_TYPES),
    )


_SYSLOG_NAME = r"(?P<appname>(?:-- )?[A-Za-z_/][^\s:\[]*"
_SYSLOG_TAIL = (
    rf" +(?:{_SYSLOG_NAME}(?: [^\s:\[]+){{0,3}})\[(?P<procid>[^\]\s]*)\]"
    rf"|{_SYSLOG_NAME}(?: [\d.]+)?))(?: \((?P<address>[^)\s]*)\))?: *{_REST}"
)
_ISO_SYSLOG = rf"^(?P<time>\d{{4}}-\d\d-\d\dT{_CLOCK}(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)) "
#: Letters and digits, or with a dot or a hyphen: no level, and no number, is written so.
_SURE_HOST = r"(?P<host>(?:[A-Za-z]\w*\d|[\w:]+[.-])(?:[\w.:-]*[\w.-])?)"
_ANY_HOST = r"(?P<host>(?:[A-Za-z_]|\d\w*[A-Za-z.:-])(?:[\w.:-]*[\w.-])?)"
_REDIS_LEVELS = {".": "DEBUG", "-": "DEBUG", "*": "INFO", "#": "WARN"}
POSTGRES_LEVELS = {
    **dict.fromkeys(("log", "statement", "detail", "hint", "context", "query", "location"), "INFO"),
    **{f"debug{number}": "DEBUG" for number in range(1, 6)},
}
_POSTGRES_WORDS = "LOG|ERROR|FATAL|PANIC|WARNING|NOTICE|INFO|DEBUG[1-5]?|STATEMENT|DETAIL|HINT|CONTEXT|QUERY|LOCATION"

FORMS: tuple[Form, ...] = (
    Form("access", frozenset((_NAME + ":-").encode()), pattern(COMBINED, ACCESS_MEANING, ACCESS_TYPES)),
    Form("access", frozenset((_NAME + ":-").encode()), pattern(f"{COMMON}$", ACCESS_MEANING, ACCESS_TYPES)),
    Form("access", frozenset(_NAME.encode()), pattern(VHOST_COMBINED, ACCESS_MEANING, ACCESS_TYPES)),
    _form(
        "levelled",
        "JFMASOND",
        rf"^(?P<time>{_MONTH} [ \d]?\d {_CLOCK}(?:[.,]\d{{1,6}})?) +\[?{_LEVEL}\]?:? (?:{_OBJECT})?",
    ),
    _form(
        "syslog",
        "JFMASOND",
        rf"^(?P<time>{_MONTH} [ \d]?\d (?:\d{{4}} )?{_CLOCK}) (?P<host>[\w.:-]*[\w.-]){_SYSLOG_TAIL}",
    ),
    _form("syslog", _DIGITS, f"{_ISO_SYSLOG}{_SURE_HOST}{_SYSLOG_TAIL}"),
    Form("klog", frozenset(b"IWEF"), pattern(KLOG, KLOG_MEANING, PLACE_TYPES)),
    Form("glog", frozenset(b"IWEF"), pattern(GLOG, GLOG_MEANING, PLACE_TYPES)),
    _form(
        "zookeeper",
        _DIGITS,
        rf"^{_TIME} - {_LEVEL} +\[(?P<thread>[^@]*):(?P<logger>[^:@\]]*)@(?P<line>\d+)\] - {_REST}",
    ),
    _form("python", _DIGITS, rf"^{_TIME} - {_LOGGER} - {_LEVEL} - {_REST}"),
    _form(
        "java",
        _DIGITS,
        rf"^{_TIME} +{_LEVEL} (?P<pid>\d+) --- (?:\[(?P<application>[^\]]*)\] )?\[ *(?P<thread>[^\]]*)\] "
        rf"(?P<logger>\S+) *: {_REST}",
    ),
    _form("java", _DIGITS, rf"^{_TIME} {_THREAD} {_LEVEL} +{_LOGGER}(?: +-|:)(?: +|$){_REST}"),
    _form("java", _DIGITS, rf"^{_TIME} +{_LEVEL} +{_THREAD} {_LOGGER}(?: +-|:)(?: |$){_REST}"),
    _form(
        "oslo",
        _NAME + "/",
        rf"^(?:(?P<file>[^\s\d]\S*\.log\S*) )?{_TIME} (?P<pid>\d+) {_LEVEL} {_LOGGER} \[(?P<request>[^\]]*)\] {_REST}",
    ),
    _form("java", _DIGITS, rf"^{_TIME} +\[?{_LEVEL}\]? +(?:{_LOGGER} +-|{_NO_WORD}:)(?: |$){_REST}"),
    _form("hdfs", _DIGITS, rf"^(?P<time>\d{{6}} \d{{6}}) (?P<pid>\d+) {_LEVEL} (?P<logger>[\w.$]+): {_REST}"),
    _form("spark", _DIGITS, rf"^(?P<time>\d\d/\d\d/\d\d {_CLOCK}(?:,\d+)?) {_LEVEL} (?P<logger>[\w.$]+): {_REST}"),
    _form(
        "postgres",
        _DIGITS,
        rf"^{_TIME} \[(?P<pid>\d+)(?:-\d+)?\] (?:(?P<user>[^@\s]*)@(?P<database>\S*) )?"
        rf"(?P<level>{_POSTGRES_WORDS}):  ?{_REST}",
        levels=POSTGRES_LEVELS,
    ),
    _form(
        "mysql",
        _DIGITS,
        rf"^{_TIME} (?P<thread>\d+) \[(?P<level>System|Note|Warning|ERROR|Error)\] "
        rf"(?:\[(?P<code>MY-\d+)\] )?(?:\[(?P<subsystem>\w+)\] )?{_REST}",
        levels={"system": "INFO", "note": "INFO"},
    ),
    _form(
        "nginx",
        _DIGITS,
        rf"^(?P<time>\d{{4}}/\d\d/\d\d {_CLOCK}) \[(?P<level>\w+)\] (?P<pid>\d+)#(?P<tid>\d+): "
        rf"(?:\*(?P<connection>\d+) )?{_REST}",
    ),
    _form(
        "redis",
        _DIGITS,
        rf"^(?P<pid>\d+):(?P<role>[XCSM]) (?P<time>\d\d? {_MONTH} \d{{4}} {_CLOCK}\.\d+) (?P<level>[.*#-]) {_REST}",
        levels=_REDIS_LEVELS,
    ),
    _form(
        "android",
        _DIGITS,
        rf"^(?P<time>\d\d-\d\d {_CLOCK}\.\d+) +(?P<pid>\d+) +(?P<tid>\d+) (?P<level>[VDIWEFA]) "
        rf"(?P<logger>[^:]*?) *: ?{_REST}",
        formats=("%m-%d %H:%M:%S.%f",),
    ),
    _form(
        "windows",
        _DIGITS,
        rf"^(?P<time>\d{{4}}-\d\d-\d\d {_CLOCK}), {_ANY_LEVEL} +(?P<logger>\S+) +{_REST}",
    ),
    _form(
        "health",
        _DIGITS,
        rf"^(?P<time>\d{{8}}-\d\d?:\d\d?:\d\d?:\d{{1,3}})\|(?P<logger>[^|]*)\|(?P<pid>\d+)\|{_REST}",
        formats=("%Y%m%d-%H:%M:%S:%g",),
    ),
    _form(
        "bgl",
        _NAME + "-",
        r"^(?P<alert>[A-Z-][\w-]*) (?P<epoch>\d{9,10}) (?P<date>\d{4}\.\d\d\.\d\d) (?P<node>\S+) "
        r"(?P<time>\d{4}-\d\d-\d\d-\d\d\.\d\d\.\d\d\.\d+) (?P<reporter>\S+) (?P<type>\S+) (?P<logger>\S+) "
        rf"(?P<level>[A-Z]+) {_REST}",
        formats=("%Y-%m-%d-%H.%M.%S.%f",),
        levels={"failure": "FATAL"},
    ),
    _form(
        "thunderbird",
        _NAME + "-",
        r"^(?P<alert>[A-Z-][\w-]*) (?P<time>\d{9,10}) (?P<date>\d{4}\.\d\d\.\d\d) (?P<host>\S+) "
        rf"(?P<local_time>{_MONTH} [ \d]?\d {_CLOCK}) (?P<location>\S+) "
        rf"(?:(?P<appname>[^\s:\[]+)(?:\[(?P<procid>[^\]\s]*)\])?: ?)?{_REST}",
        formats=("unix",),
    ),
    _form(
        "hpc",
        _DIGITS,
        r"^(?P<id>\d+) (?P<node>\S+) (?P<logger>[a-z]\S*) (?P<state>[a-z]\S*) (?P<time>\d{9,10}) (?P<flag>\d+) "
        rf"{_REST}",
        formats=("unix",),
    ),
    _form(
        "apache",
        "[",
        rf"^\[(?P<time>[A-Z][a-z]{{2}} {_MONTH} [ \d]\d {_CLOCK}(?:\.\d+)? \d{{4}})\] "
        r"\[(?:(?P<module>[^\]:]*):)?(?P<level>\w+)\] "
        r"(?:\[pid (?P<pid>\d+)(?::tid (?P<tid>\d+))?\] (?:\[client (?P<client>[^\]]+)\] )?)?"
        rf"{_REST}",
    ),
    _form(
        "elasticsearch",
        "[",
        rf"^\[{_TIME}\]\[{_LEVEL} *\]\[(?P<logger>[^\]]*[^\] ]) *\] (?:\[(?P<node>[^\]]*)\] ?)?{_REST}",
    ),
    _form("kafka", "[", rf"^\[{_TIME}\] {_LEVEL} (?P<message>.*) \((?P<logger>[A-Za-z_][\w.$-]*)\)$"),
    _form(
        "proxifier",
        "[",
        rf"^\[(?P<time>\d\d\.\d\d {_CLOCK})\] (?P<program>\S+(?: \*64)?) - {_REST}",
        formats=("%m.%d %H:%M:%S",),
    ),
    _form("levelled", "[", rf"^\[{_TIME}\] \[?(?:(?P<environment>\w+)\.)?{_ANY_LEVEL}\]?:? (?:{_OBJECT})?"),
    _form("python", _UPPER, rf"^{_LEVEL}:(?P<logger>[A-Za-z_][\w.]*):{_REST}"),
    _form("levelled", _DIGITS, rf"^{_TIME} +\[?{_ANY_LEVEL}\]?:? (?:{_OBJECT})?"),
    _form("timed", _DIGITS + "[", rf"^\[?{_TIME}\]?:? {_OBJECT}"),
    # After those with a level, which is no host.
    _form("syslog", _DIGITS, f"{_ISO_SYSLOG}{_ANY_HOST}{_SYSLOG_TAIL}"),
)
