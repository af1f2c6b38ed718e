"""Every pattern that grok knows by name: what it must match as a whole, with which fields, and what it mustn't."""

from __future__ import annotations

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pytest
import re2

from logd.parse.grok import Grok, compile_grok
from logd.parse.grok_patterns import NOT_AFTER, PATTERNS
from tests.support.grok_bacula_lines import BACULA_LINES
from tests.support.grok_firewall_lines import FIREWALL_LINES
from tests.support.grok_lines import PROGRAM_LINES
from tests.support.grok_sensor_lines import SENSOR_LINES
from tests.support.grok_service_lines import SERVICE_LINES

LINES = [*PROGRAM_LINES, *SERVICE_LINES, *SENSOR_LINES, *BACULA_LINES, *FIREWALL_LINES]

#: name, what it matches as a whole, what it doesn't; with blanks between, or one a line.
WORDS: list[tuple[str, str, str]] = [
    ("USERNAME", "root www-data j.doe _apt", "a/b a@b"),
    ("USER", "root", "a:b"),
    ("EMAILLOCALPART", "j.doe a+b o'brien", "a..b .a a@"),
    ("EMAILADDRESS", "j.doe@example.com a+b@host", "@example.com a@ a.@b.c"),
    ("INT", "0 -5 +12 007", "1.5 0x1 - a"),
    ("BASE10NUM", "0 -5 1.5 +.25 100", "1. . 1.2.3 1e5 --1"),
    ("NUMBER", "42 -0.5", "abc 1,000"),
    ("BASE16NUM", "0x1F ff -0xA 12", "0xG 1g 0x"),
    ("BASE16FLOAT", "0x1.8 a.b 1f", "0x1.8.1 g"),
    ("POSINT", "1 42 900", "0 01 -1"),
    ("NONNEGINT", "0 01 42", "-1 1.5"),
    ("WORD", "GET a_b x1", "a-b ünder"),
    ("NOTSPACE", "a=b;c é [x]", ""),
    ("QUOTEDSTRING", r'''"" "a" 'b' `c` "a\"b" "a'b"''', r'''a "a 'a" "a\" "a"b"'''),
    ("QS", '"x"', "x"),
    (
        "UUID",
        "123e4567-e89b-12d3-a456-426614174000",
        "123e4567-e89b-12d3-a456-42661417400 123e4567e89b12d3a456426614174000",
    ),
    ("URN", "urn:isbn:0451450523 urn:uuid:6e8bc430-9c3a-11d9-9669-0800200c9a66", "urn: urn::x isbn:1"),
    ("LOGLEVEL", "INFO info Warn WARNING err Error CRITICAL fatal severe EMERG emergency notice trace", "info2 loud"),
    ("CISCOMAC", "0011.2233.aabb", "00:11:22:33:aa:bb"),
    ("WINDOWSMAC", "00-11-22-33-AA-BB", "00-11-22-33-AA"),
    ("COMMONMAC", "00:11:22:33:aa:bb", "00:11:22:33:aa:b 00:11:22:33:aa:bb:cc"),
    ("MAC", "0011.2233.aabb 00-11-22-33-AA-BB 00:11:22:33:aa:bb", "001122334455"),
    ("IPV4", "10.0.0.1 255.255.255.255 001.002.003.004 0.0.0.0", "256.1.1.1 1.2.3 1.2.3.4.5 1.2.3.999 a.b.c.d"),
    (
        "IPV6",
        "::1 :: fe80::1%eth0 2001:db8:0:0:1:0:0:1 2001:db8::1 ::ffff:10.0.0.1 1:2:3:4:5:6:7:: 1:2:3:4:5:6:10.0.0.1",
        "1:2:3 10:00:00 12345::1 g::1 1:2:3:4:5:6:7 1:2:3:4:5:6:7:8:9 00:11:22:33:aa:bb",
    ),
    ("IP", "10.0.0.1 ::1", "host 10.0.0"),
    ("HOSTNAME", "localhost web-1 a.example.com a.example.com. 10.0.0.1", "-a a..b a_b .a"),
    ("IPORHOST", "10.0.0.1 ::1 web-1.example.com", "a_b :x"),
    ("HOSTPORT", "localhost:80 10.0.0.1:8080", "localhost localhost:0 :80"),
    ("UNIXPATH", "/ /var/log/x.log /a//b /~u/%41", "var/log a"),
    ("WINPATH", r"C:\x \\server\share C:\Program,Files", r"C:x /x C:\a?b"),
    ("PATH", r"/etc C:\x", "etc"),
    ("TTY", "/dev/pts/0 /dev/tty1 /dev/ttyS0 /dev/ttyp1", "/dev/null /dev/tty tty1"),
    ("URIPROTO", "http git+ssh h2", "1http h"),
    ("URIHOST", "example.com example.com:8080 10.0.0.1:80", "example.com:0 a/b"),
    ("URIPATH", "/ /a/b.c;d=1", "a /a?b"),
    ("URIQUERY", "a=b&c[]=d a|b", "a^b"),
    ("URIPARAM", "?a=b ?", "a=b"),
    ("URIPATHPARAM", "/a?b=c /a", "a?b"),
    ("URI", "http://a.b/c?d=e ftp://u:p@h:21/x https://10.0.0.1:8443 file:///etc/passwd", "a.b/c http:/a"),
    ("MONTH", "Jan january Feb March Mär Mai Okt October Dez december Juni July Sep", "Foo 1 Janx Marchy"),
    ("MONTHNUM", "1 01 9 10 12", "0 13 00"),
    ("MONTHNUM2", "01 12", "1 13 00"),
    ("MONTHDAY", "1 01 31 30 9", "0 32 00"),
    ("DAY", "Mon Monday Tue Wednesday Sun", "Montag mon M"),
    ("YEAR", "24 2024", "2 202 20245"),
    ("HOUR", "0 00 9 23", "24 99"),
    ("MINUTE", "00 59", "0 60"),
    ("SECOND", "0 00 59 60 59.123 5,25 07:500", "61 5."),
    ("TIME", "10:00:00 9:05:07 23:59:60 10:00:00.123 10:00:00,5", "10:00 24:00:00 10:60:00 10:00:61"),
    ("DATE_US", "11/22/2024 1-2-99", "22/11/2024 11.22.2024"),
    ("DATE_EU", "22.11.2024 22/11/24 2-1-99", "11/22/2024"),
    ("DATE", "11/22/2024 22.11.2024", "2024/11/22"),
    ("DATESTAMP", "22.11.2024-10:00:00", "22.11.2024"),
    ("ISO8601_TIMEZONE", "Z +02:00 -0530", "UTC +2 +02"),
    ("ISO8601_SECOND", "59.5 60", "61"),
    (
        "TIMESTAMP_ISO8601",
        "2024-11-22T10:00:00Z 2024-11-22T10:00:00.123+02:00 2024-11-22T10:00 2024-11-22T9:05:07,5-0800 "
        "24-1-2T10:00:00 2024-11-22T1000 2024-11-22T100000.5Z",
        "2024-11-22 2024/11/22T10:00:00 2024-13-22T10:00:00 2024-11-32T10:00:00 2024-11-22T24:00:00 "
        "2024-11-22T10:60:00",
    ),
    ("TZ", "UTC EST EDT PST CST MDT AST", "CET GMT utc"),
    ("DATESTAMP_EVENTLOG", "20241122100000 20240102030405.5", "2024112210"),
    ("HTTPDATE", "", "10/Oct/2000:13:55:36"),
    ("PROG", "sshd (cron) a/b postfix/smtpd", "a[1] a]"),
    ("SYSLOGPROG", "sshd sshd[123] postfix/smtpd[1]", "sshd[0] sshd[x] sshd[1"),
    ("SYSLOGHOST", "web1 10.0.0.1 fe80::1 web_1", "web1: a/b"),
    ("SYSLOGFACILITY", "<1.5>", "<1> <1,5>>"),
    ("CRON_ACTION", "CMD RELOAD", "cmd"),
    ("SYSLOG5424PRINTASCII", "a-b!~", "é"),
    ("SYSLOG5424PRI", "<34>", "34 <a>"),
    ("SYSLOG5424SD", '[a@1] [a][b] [a@1][b] [a="]"]', "a [a"),
    ("JAVACLASS", "String java.lang.String a.B$C _x.$y", "1a a..b a. a-b"),
    ("JAVAFILE", "Main.java a-b.kt", "a/b"),
    ("JAVAMETHOD", "run <init> <clinit> access$000 lambda$x$0", "<run> 1a"),
    ("JAVATHREAD", "TP-Processor12", "Processor12"),
    ("MONGO_WORDDASH", "a-b a_b", "a.b"),
    ("MONGO3_SEVERITY", "I W", "II"),
    ("MONGO3_COMPONENT", "NETWORK", "-"),
    ("RUBY_LOGLEVEL", "DEBUG WARN", "TRACE debug"),
    ("RUUID", "0123456789abcdef0123456789ABCDEF", "0123456789abcdef"),
    ("RCONTROLLER", "PostsController#index Admin::A#b", "PostsController#"),
    ("HAPROXYTIME", "10:00:00", "10:00"),
    ("HAPROXYDATE", "09/Dec/2013:12:59:46.633", "09/Dec/2013:12:59:46"),
    ("HAPROXYURI", "/a?b=c http://u@h:8080/x", "^"),
    ("SQUID3_STATUS", "200 000 0", "-1"),
    ("ELB_URIHOST", "example.com:80", "a/b"),
    ("ELB_URIPATHQUERY", "/a?b", "a"),
    ("ELB_URIPATHPARAM", "/a?b", "a"),
    ("ELB_URI", "http://example.com:80/a?b=c", "example.com"),
    ("BIND9_DNSTYPE", "A AAAA NSEC3", "a 1A"),
    ("BIND9_CATEGORY", "queries", "query"),
    ("EXIM_MSGID", "1V5cUb-0001b4-Q2", "1V5cUb-0001b4"),
    ("EXIM_FLAGS", "<= => -> *> ** == <> >>", "< <<"),
    ("EXIM_PID", "[123]", "123"),
    ("EXIM_QT", "1d2h3m4s 5s", "5"),
    ("EXIM_PROTOCOL", "P=esmtps", "P="),
    ("EXIM_MSG_SIZE", "S=1234", "S=a"),
    ("EXIM_HEADER_ID", "id=a@b", "id="),
    ("EXIM_QUOTED_CONTENT", r"a a\"b", 'a"b'),
    ("EXIM_UNKNOWN_FIELD", 'X=TLS1.2 CV="no"', "toolong=1"),
    ("ZEEK_BOOL", "T F", "true"),
    ("ZEEK_DATA", "a-b", ""),
    ("BACULA_TIMESTAMP", "", "29-Aug-2016"),
    ("BACULA_HOST", "backup-dir web1-fd", "a.b"),
    ("BACULA_VOLUME", "Vol-0001", "a/b"),
    ("BACULA_DEVICE", "FileStorage", "a/b"),
    ("BACULA_DEVICEPATH", "/var/lib/bacula", "var"),
    ("BACULA_CAPACITY", "10,737,418,240 5", "10,"),
    ("BACULA_VERSION", "5.2.6 9.0.6", "(5)"),
    ("BACULA_JOB", "web1.2016-08-29_00.00.00_05", "a/b"),
    ("BRO_BOOL", "T F", "true"),
    ("BRO_DATA", "a-b", ""),
    ("MAVEN_VERSION", "1 1.2 1.2.3 1.* 1.2.3.RELEASE 1.2.3-SNAPSHOT", "1.2.3.4 1. 1.2.3-beta"),
    ("RT_FLOW_EVENT", "RT_FLOW_SESSION_CREATE RT_FLOW_SESSION_CLOSE RT_FLOW_SESSION_DENY", "RT_FLOW_SESSION"),
    ("RT_FLOW_TAG", "RT_FLOW_SESSION_CREATE RT_FLOW_SESSION_CLOSE RT_FLOW_SESSION_DENY", "RT_FLOW_SESSION"),
    ("SFW2_LOG_PREFIX", "SFW2-INext-DROP-DEFLT", "SFW2-INext"),
    ("CISCOTAG", "ASA-6-302013 FWSM-3-106010 SYS-5-CONFIG_I", "ASA-302013 asa-6-1"),
    ("CISCO_ACTION", "Built Teardown Deny permitted est-allowed", "built allow"),
    ("CISCO_DIRECTION", "inbound Outbound", "in"),
    ("CISCO_XLATE_TYPE", "static dynamic", "pat"),
]

#: The same for what has blanks in it.
TEXTS: list[tuple[str, list[str], list[str]]] = [
    ("BACULA_TIMESTAMP", ["29-Aug 00:00", "29-Aug-2016 23:59"], ["29-Aug 24:00"]),
    ("EXIM_EXCLUDE_TERMS", ["Start queue run", "End queue run", "Message is frozen"], ["queue run", "Message"]),
    ("SPACE", ["", " \t "], ["a"]),
    ("DATA", ["", "a b"], ["a\nb"]),
    ("GREEDYDATA", ["", "a b"], ["a\nb"]),
    ("NOTSPACE", ["a"], ["a b", ""]),
    ("TIMESTAMP_ISO8601", ["2024-11-22 10:00:00,123"], ["2024-11-22  10:00:00", "Nov 22 10:00:00"]),
    ("DATESTAMP", ["11/22/2024 10:00:00"], ["11/22/2024T10:00:00"]),
    ("DATESTAMP_RFC822", ["Fri Nov 22 2024 10:00:00 UTC"], ["Fri, 22 Nov 2024 10:00:00 UTC"]),
    ("DATESTAMP_RFC2822", ["Fri, 22 Nov 2024 10:00:00 +0200"], ["Fri, 22 Nov 2024 10:00:00 GMT"]),
    ("DATESTAMP_OTHER", ["Fri Nov 22 10:00:00 UTC 2024"], ["Fri Nov 22 10:00:00 2024"]),
    ("HTTPDATE", ["10/Oct/2000:13:55:36 -0700", "1/Jan/2024:00:00:00 +0000"], ["10/10/2000:13:55:36 -0700"]),
    ("HTTPDERROR_DATE", ["Sun Dec 04 04:47:44 2005", "Fri Sep 09 10:42:29.902022 2011"], ["Dec 04 04:47:44 2005"]),
    ("SYSLOGTIMESTAMP", ["Jun  4 15:16:01", "Jun 14 15:16:01", "Jun 04 15:16:01.5"], ["Jun 4", "4 Jun 15:16:01"]),
    ("CATALINA7_DATESTAMP", ["Jan 9, 2014 7:13:13 AM"], ["Jan 9, 2014 7:13:13"]),
    ("CATALINA8_DATESTAMP", ["31-Jul-2020 16:40:38.578"], ["31 Jul 2020 16:40:38"]),
    ("CATALINA_DATESTAMP", ["31-Jul-2020 16:40:38", "Jan 9, 2014 7:13:13 PM"], ["2020-07-31 16:40:38"]),
    ("TOMCATLEGACY_DATESTAMP", ["2014-01-09 20:03:28,269 -0800", "2014-01-09 20:03:28"], ["2014-01-09"]),
    ("TOMCAT_DATESTAMP", ["31-Jul-2020 16:40:38", "2014-01-09 20:03:28"], ["Jul 31 16:40:38"]),
    ("REDISTIMESTAMP", ["14 Nov 07:01:22.119"], ["Nov 14 07:01:22"]),
    ("MONGO_QUERY", ["{ a: 1 }", '{ query: { a: "x" }, $orderby: {} }'], ["{}", "a: 1"]),
    ("JAVAFILE", ["Native Method", "Unknown Source"], ["a(b)"]),
    ("JAVALOGMESSAGE", ["", "any thing"], ["a\nb"]),
    ("BIND9_TIMESTAMP", ["17-Feb-2018 23:06:56.326"], ["17 Feb 2018 23:06:56"]),
    ("EXIM_DATE", ["2014-05-08 10:00:00"], ["2014-05-08"]),
    ("IPTABLES_TCP_FLAGS", ["", "SYN ", "ACK PSH "], ["SYN", "XYZ "]),
    ("CISCOTIMESTAMP", ["Sep 04 2022 16:24:14", "Sep  4 16:24:14"], ["2022 Sep 4 16:24:14"]),
    ("CISCO_ACTION", ["denied by ACL"], ["denied by"]),
    ("CISCO_REASON", ["Duplicate TCP SYN", "TCP FINs"], ["", "a, b"]),
    ("CISCO_INTERVAL", ["first hit", "300-second interval"], ["second hit"]),
]

#: A user may be called `-`; the rest may match nothing.
ANYTHING = {"HTTPDUSER", "RAILS3PROFILE", "EXIM_NAMED_FIELDS"}
ANYTHING |= {"HAPROXYCAPTUREDREQUESTHEADERS", "HAPROXYCAPTUREDRESPONSEHEADERS"}

WHOLE = [(name, text) for name, texts, _ in WORDS for text in texts.split()]
WHOLE += [(name, text) for name, texts, _ in TEXTS for text in texts]
NOT_WHOLE = [(name, text) for name, _, texts in WORDS for text in texts.split()]
NOT_WHOLE += [(name, text) for name, _, texts in TEXTS for text in texts]


def of(name: str) -> Grok:
    return compile_grok(f"%{{{name}}}", {})


def fields(grok: Grok, text: str) -> dict[str, str] | None:
    """Of a match of the whole text; those that matched something."""
    found = re2.fullmatch(grok.regex, text)
    if found is None:
        return None
    matched = {
        field.name: next((found[group] for group in field.groups if found[group]), None) for field in grok.fields
    }
    return {name: value for name, value in matched.items() if value is not None}


@pytest.mark.parametrize(("name", "text"), WHOLE)
def test_matches(name: str, text: str) -> None:
    assert re2.fullmatch(of(name).regex, text)


@pytest.mark.parametrize(("name", "text"), NOT_WHOLE)
def test_does_not_match(name: str, text: str) -> None:
    assert not re2.fullmatch(of(name).regex, text)


@pytest.mark.parametrize(("name", "line", "expected"), LINES)
def test_lines(name: str, line: str, expected: dict[str, str]) -> None:
    assert fields(of(name), line) == expected


def test_types() -> None:
    types = {field.name: field.type for field in of("COMBINEDAPACHELOG").fields}
    assert {name for name, kind in types.items() if kind == "int"} == {
        "http.response.status_code",
        "http.response.body.bytes",
    }
    assert {field.name: field.type for field in of("RAILS3FOOT").fields}["rails.request.duration.total"] == "float"


@pytest.mark.parametrize("name", sorted({name for name, _, _ in LINES if name not in ANYTHING}))
def test_what_is_no_line(name: str) -> None:
    for line in ("", "-", "Nothing of that kind is here: 1, 2, 3.", '{"level":"info","msg":"GET / HTTP/1.1"}'):
        assert fields(of(name), line) is None


def test_every_pattern_is_tried() -> None:
    tried = {name for name, _ in WHOLE} | {name for name, _, _ in LINES}
    assert {name for name in PATTERNS if name not in tried} == set()


@pytest.mark.parametrize("name", NOT_AFTER)
def test_guards_are_of_known_patterns(name: str) -> None:
    assert re2.compile(f"[^{NOT_AFTER[name]}]")
    assert name in PATTERNS


@pytest.mark.parametrize(
    ("pattern", "text", "expected"),
    [
        ("%{NUMBER:x}", "took 12.5ms", {"x": "12.5"}),
        ("%{NUMBER:x}", "v1.2", {"x": "1.2"}),
        ("%{GREEDYDATA}%{NUMBER:x}", "took 123.45", {"x": "123.45"}),
        ("%{GREEDYDATA:rest}%{NUMBER:x}ms", "in 1.5ms, 17ms", {"rest": "in 1.5ms, ", "x": "17"}),
        ("%{DATA:rest}%{NUMBER:x}$", "a 12", {"rest": "a ", "x": "12"}),
        (".*%{NUMBER:x}", "12", {"x": "12"}),
        (".+%{NUMBER:x}", "a12", {"x": "12"}),
        (".+?%{NUMBER:x}", "a12 13", {"x": "12"}),
        (".*?%{NUMBER:x}", "12 13", {"x": "12"}),
        ("(?<r>.*)(?:%{NUMBER:x}|foo)$", "x1foo", {"r": "x1"}),
        ("(?<r>.*)(?:%{NUMBER:x})?foo$", "x1foo", {"r": "x1"}),
        ("(?<r>.*)((%{NUMBER:x}))foo$", "x1foo", {"r": "x", "x": "1"}),
        ("(?:%{NUMBER:x} )?(?<r>foo)", "1foo", {"r": "foo"}),
        ("(?:%{NUMBER:x} )?(?<r>foo)", "v1 foo", {"x": "1", "r": "foo"}),
        ("(?:%{NUMBER:x} )*(?<r>foo)", "v1 2 foo", {"x": "2", "r": "foo"}),
        ("(?:a|%{NUMBER:x})+(?<r>foo)", "1.2a3foo", {"x": "3", "r": "foo"}),
        ("%{GREEDYDATA}%{NUMBER:x}", "a\n12", {"x": "12"}),
        ("a%{DATA}%{NUMBER:x}", "a1.5 7", {"x": "1.5"}),
        ("a%{GREEDYDATA}%{NUMBER:x}", "a12.5", {"x": "12.5"}),
        ("x%{NUMBER:x}", "x5", {"x": "5"}),
        ("(?:%{NUMBER:x}|none)$", "1 none", {}),
        ("(?:%{NUMBER:x} ?)+", "1 2 3", {"x": "3"}),
        ("(?<x>%{NUMBER}|none)", "none", {"x": "none"}),
        ("%{BASE16NUM:x}", "commit deadbeef", {"x": "c"}),
        ("%{GREEDYDATA} %{BASE16NUM:x}", "commit deadbeef", {"x": "deadbeef"}),
        ("%{QS:x}", r"a \"b\" 'c'", {"x": "'c'"}),
        ("%{GREEDYDATA}%{IP:x}", "from 10.20.30.40", {"x": "10.20.30.40"}),
        ("src_ip=%{IP:x}", "src_ip=10.0.0.1,", {"x": "10.0.0.1"}),
        ("%{IPORHOST:x}", "10.0.0.1.", {"x": "10.0.0.1"}),
        ("%{WORD:x}", "-- a b", {"x": "a"}),
        ("%{INT:x}", "a-5b", {"x": "-5"}),
        ("%{POSINT:x}", "a5 05 7", {"x": "7"}),
        ("%{LOGLEVEL:x}", "2024 WARNING x", {"x": "WARNING"}),
        (
            "%{COMMONAPACHELOG}",
            'nginx: 10.0.0.1 - - [10/Oct/2000:13:55:36 -0700] "-" 400 0',
            {
                "source.address": "10.0.0.1",
                "timestamp": "10/Oct/2000:13:55:36 -0700",
                "http.response.status_code": "400",
                "http.response.body.bytes": "0",
            },
        ),
    ],
)
def test_found_in_a_text(pattern: str, text: str, expected: dict[str, str]) -> None:
    grok = compile_grok(pattern, {})
    found = re2.search(grok.regex, text)
    assert found
    matched = {field.name: found[group] for field in grok.fields for group in field.groups if found[group]}
    assert matched == expected


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("%{GREEDYDATA}%{NUMBER:x}$", "a 1.2.3"),
        ("%{DATA}%{NUMBER:x}$", "a 1.2.3"),
        ("%{IPV4}", "1.2.3.4567"),
        ("%{IPV4}", "1234.5.6.7"),
        ("%{UUID}", "1-2"),
    ],
)
def test_not_found_in_a_text(pattern: str, text: str) -> None:
    assert not re2.search(compile_grok(pattern, {}).regex, text)


def test_the_engines_agree() -> None:
    """Arrow's and DuckDB's RE2 give the groups that re2 gives."""
    sql = duckdb.connect()
    try:
        for name, line, _ in LINES:
            grok = of(name)
            found = re2.search(grok.regex, line)
            assert found
            groups = [group for field in grok.fields for group in field.groups]
            expected = {group: found[group] or "" for group in groups}
            assert pc.extract_regex(pa.array([line]), grok.regex).to_pylist() == [expected]
            assert pc.extract_regex(pa.array([line]), grok.at_start).to_pylist() == [expected]
            if groups:
                groups.sort(key=lambda group: int(group[1:]))
                quoted = grok.regex.replace("'", "''")
                query = f"SELECT regexp_extract(line, '{quoted}', {groups}) FROM (SELECT ? AS line)"
                assert sql.execute(query, [line]).fetchall() == [(expected,)]
    finally:
        sql.close()
