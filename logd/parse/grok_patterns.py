r"""The patterns that grok knows by name: what they accept is what Logstash's accept, written anew for RE2.

These here are the pieces; the other files have whole lines made of them. Where the meaning differs:

* A number isn't found inside a longer one: NOT_AFTER says what mustn't stand before, and grok.py how far it sees to it.
  What mustn't stand behind it isn't looked at: a number takes all the digits that it can.
* IPV4 stands between ASCII word boundaries, where the original only forbids digits: it isn't found in `v10.0.0.1a`.
* IPV6 counts the groups only where there is no `::`, so that it has a quarter of the size; a zone has no blanks.
* HOSTNAME, EMAILADDRESS and URN have no limits of length.
* Words and their boundaries are ASCII, in RE2 as in Ruby.

At each character there is mostly one way to go on, with which RE2 is fastest: `1[0-2]?|[2-9]`, not `1[0-2]|[1-9]`.
"""

from __future__ import annotations

from collections.abc import Mapping

from logd.parse.grok_bacula import BACULA
from logd.parse.grok_firewalls import FIREWALLS
from logd.parse.grok_formats import FORMATS
from logd.parse.grok_sensors import SENSORS
from logd.parse.grok_services import SERVICES

_OCTET = r"(?:2(?:[0-4]\d?|5[0-5]?|[6-9])?|[01]\d{0,2}|[3-9]\d?)"
_IPV4 = rf"\b{_OCTET}\.{_OCTET}\.{_OCTET}\.{_OCTET}\b"
_HEX = "[0-9A-Fa-f]{1,4}"
_DOTTED = r"\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}"
_IPV6 = (
    rf"(?:(?:{_HEX}:){{6}}(?:{_HEX}:{_HEX}|{_DOTTED})|(?:{_HEX}(?::{_HEX})*)?::(?:(?:{_HEX}:)*(?:{_DOTTED}|{_HEX}))?)"
    r"(?:%[\w.~-]+)?"
)
_LABEL = r"[0-9A-Za-z][0-9A-Za-z-]*"
_HOSTNAME = rf"\b{_LABEL}(?:\.{_LABEL})*\.?"
#: What RFC 5322 calls atext.
_ATEXT = r"[\w!#$%&'*+/=?^`{|}~-]+"
_LEVELS = (
    "alert trace debug notice information info inf warning warn war error err er eror critical crit cri fatal severe "
    "emergency emerg"
)

_TEXT = {
    "USERNAME": r"[\w.-]+",
    "USER": "%{USERNAME}",
    "INT": r"[+-]?\d+",
    "BASE10NUM": r"[+-]?(?:\d+(?:\.\d+)?|\.\d+)",
    "NUMBER": "%{BASE10NUM}",
    "BASE16NUM": r"[+-]?(?:0x)?[0-9A-Fa-f]+",
    "BASE16FLOAT": r"\b[+-]?(?:0x)?(?:[0-9A-Fa-f]+(?:\.[0-9A-Fa-f]*)?|\.[0-9A-Fa-f]+)\b",
    "POSINT": r"\b[1-9]\d*\b",
    "NONNEGINT": r"\b\d+\b",
    "WORD": r"\b\w+\b",
    "NOTSPACE": r"\S+",
    "SPACE": r"\s*",
    "DATA": ".*?",
    "GREEDYDATA": ".*",
    "QUOTEDSTRING": r"""(?:"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|`(?:[^`\\]|\\.)*`)""",
    "QS": "%{QUOTEDSTRING}",
    "UUID": r"[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}",
    "URN": r"urn:[0-9A-Za-z][0-9A-Za-z-]*:(?:[\w()+,.:=@;$!*'/?#-]|%[0-9A-Fa-f]{2})+",
    "LOGLEVEL": "(?:" + "|".join(f"{word}|{word.title()}|{word.upper()}" for word in _LEVELS.split()) + ")",
}

_NETWORK = {
    "CISCOMAC": r"[0-9A-Fa-f]{4}\.[0-9A-Fa-f]{4}\.[0-9A-Fa-f]{4}",
    "WINDOWSMAC": r"[0-9A-Fa-f]{2}(?:-[0-9A-Fa-f]{2}){5}",
    "COMMONMAC": r"[0-9A-Fa-f]{2}(?::[0-9A-Fa-f]{2}){5}",
    "MAC": "(?:%{CISCOMAC}|%{WINDOWSMAC}|%{COMMONMAC})",
    "IPV4": _IPV4,
    "IPV6": _IPV6,
    "IP": rf"(?:{_IPV6}|{_IPV4})",
    "HOSTNAME": _HOSTNAME,
    "IPORHOST": rf"(?:{_IPV6}|{_IPV4}|{_HOSTNAME})",
    "HOSTPORT": "%{IPORHOST}:%{POSINT}",
    "EMAILLOCALPART": rf"{_ATEXT}(?:\.{_ATEXT})*",
    "EMAILADDRESS": "%{EMAILLOCALPART}@%{HOSTNAME}",
}

_PATHS = {
    "UNIXPATH": r"/[\w%!$@:.,+~/-]*",
    "WINPATH": r"(?:[A-Za-z]+:|\\)\\[^?*]*",
    "PATH": "(?:%{UNIXPATH}|%{WINPATH})",
    "TTY": r"/dev/(?:pts|tty)\w*/?\d+",
    "URIPROTO": r"[A-Za-z][A-Za-z0-9+.-]+",
    "URIHOST": "%{IPORHOST}(?::%{POSINT})?",
    "URIPATH": r"/[\w$.+!*'(){},~:;=@#%&/-]*",
    "URIQUERY": r"[\w$.+!*'|(){},~@#%&/=:;?\[\]<>-]*",
    "URIPARAM": r"\?%{URIQUERY}",
    "URIPATHPARAM": r"%{URIPATH}(?:\?%{URIQUERY})?",
    "URI": r"%{URIPROTO}://(?:%{USER}(?::[^@\s]*)?@)?(?:%{URIHOST})?(?:%{URIPATH}(?:\?%{URIQUERY})?)?",
}

_HOUR = r"(?:[01]\d?|2[0-3]?|[3-9])"
_MINUTE = r"[0-5]\d"
_SECOND = r"(?:[0-5]\d?|60?|[7-9])(?:[:.,]\d+)?"
_MONTH_NUMBER = r"(?:0[1-9]|1[0-2]?|[2-9])"
_DAY = r"(?:0[1-9]|[12]\d?|3[01]?|[4-9])"
_YEAR = r"\d\d(?:\d\d)?"
_ZONE = rf"(?:Z|[+-]{_HOUR}:?{_MINUTE})"
_CLOCK = rf"{_HOUR}:{_MINUTE}:{_SECOND}"
#: English, and German where it is another word.
_MONTHS = (
    "[Jj]an(?:uary?|uar)?|[Ff]eb(?:ruary?|ruar)?|[Mm](?:ar(?:ch)?|är(?:z)?|rz?|a[yi])|[Aa]pr(?:il)?|[Jj]u[nl](?:[eiy])?"
    "|[Aa]ug(?:ust)?|[Ss]ep(?:tember)?|[Oo][ck]t(?:ober)?|[Nn]ov(?:ember)?|[Dd]e[cz](?:ember)?"
)
_MONTH = rf"\b(?:{_MONTHS})\b"

_TIMES = {
    "MONTH": _MONTH,
    "MONTHNUM": _MONTH_NUMBER,
    "MONTHNUM2": "(?:0[1-9]|1[0-2])",
    "MONTHDAY": _DAY,
    "DAY": "(?:Mon(?:day)?|Tue(?:sday)?|Wed(?:nesday)?|Thu(?:rsday)?|Fri(?:day)?|Sat(?:urday)?|Sun(?:day)?)",
    "YEAR": _YEAR,
    "HOUR": _HOUR,
    "MINUTE": _MINUTE,
    "SECOND": _SECOND,
    "TIME": _CLOCK,
    "DATE_US": rf"{_MONTH_NUMBER}[/-]{_DAY}[/-]{_YEAR}",
    "DATE_EU": rf"{_DAY}[./-]{_MONTH_NUMBER}[./-]{_YEAR}",
    "DATE": "(?:%{DATE_US}|%{DATE_EU})",
    "DATESTAMP": "%{DATE}[- ]%{TIME}",
    "ISO8601_TIMEZONE": _ZONE,
    "ISO8601_SECOND": _SECOND,
    "TIMESTAMP_ISO8601": (
        rf"{_YEAR}-{_MONTH_NUMBER}-{_DAY}[T ](?:[01](?:\d:?|:)|2(?:[0-3]:?|:)|[3-9]:){_MINUTE}(?::?{_SECOND})?{_ZONE}?"
    ),
    "TZ": "(?:[ACEMP][DS]T|UTC)",
    "DATESTAMP_RFC822": "%{DAY} %{MONTH} %{MONTHDAY} %{YEAR} %{TIME} %{TZ}",
    "DATESTAMP_RFC2822": "%{DAY}, %{MONTHDAY} %{MONTH} %{YEAR} %{TIME} %{ISO8601_TIMEZONE}",
    "DATESTAMP_OTHER": "%{DAY} %{MONTH} %{MONTHDAY} %{TIME} %{TZ} %{YEAR}",
    "DATESTAMP_EVENTLOG": "%{YEAR}%{MONTHNUM2}%{MONTHDAY}%{HOUR}%{MINUTE}%{SECOND}",
    "HTTPDATE": rf"{_DAY}/{_MONTH}/{_YEAR}:{_CLOCK} [+-]?\d+",
    "HTTPDERROR_DATE": rf"%{{DAY}} {_MONTH} {_DAY} {_CLOCK} {_YEAR}",
    "SYSLOGTIMESTAMP": rf"{_MONTH} +{_DAY} {_CLOCK}",
}

PATTERNS: Mapping[str, str] = {
    **_TEXT,
    **_NETWORK,
    **_PATHS,
    **_TIMES,
    **FORMATS,
    **SERVICES,
    **SENSORS,
    **BACULA,
    **FIREWALLS,
}

#: Classes of characters, without their brackets.
NOT_AFTER: Mapping[str, str] = {
    "BASE10NUM": "0-9.+-",
    "BASE16NUM": "0-9A-Fa-f",
    "QUOTEDSTRING": r"\\",
}
