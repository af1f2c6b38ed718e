"""The forms of plain lines that are recognised: a line of each, and lines that are no more than a text."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from logd.chunk import TEXT, compress, events_body
from logd.parse.forms import FORMS
from logd.parse.plan import Parser
from logd.parse.window import Limits
from tests.support.chunks import OBSERVED_US, TAKEN_US, chunk_of
from tests.support.naive_parse import as_records

_OBSERVED = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=OBSERVED_US)
#: Line; form; time (of 2024-11-22T10:00:00Z it is the latest that isn't ahead), level, message; fields.
_LINES: list[tuple[str, str, str | None, str | None, str | None, dict[str, Any]]] = [
    (
        '192.0.2.7 - bob [22/Nov/2024:09:00:00 +0200] "GET /a?b=1 HTTP/1.1" 200 5316 "-" "curl/8.5.0"',
        "access", "2024-11-22T07:00:00Z", None, None,
        {"client": "192.0.2.7", "user": "bob", "method": "GET", "path": "/a?b=1", "protocol": "HTTP/1.1", "status": 200,
         "bytes": 5316, "user_agent": "curl/8.5.0"},
    ),
    (
        '2001:db8::7 - - [22/Nov/2024:09:00:00 +0000] "-" 408 - "-" "-" "203.0.113.5" 0.001',
        "access", "2024-11-22T09:00:00Z", None, None,
        {"client": "2001:db8::7", "status": 408, "more": '"203.0.113.5" 0.001'},
    ),
    (
        'host.example.org - - [22/Nov/2024:09:00:00 +0000] "GET /ERROR HTTP/1.0" 404 12',
        "access", "2024-11-22T09:00:00Z", None, None,
        {"client": "host.example.org", "method": "GET", "path": "/ERROR", "protocol": "HTTP/1.0", "status": 404,
         "bytes": 12},
    ),
    (
        'shop.example.org:443 192.0.2.7 - - [22/Nov/2024:09:00:00 +0000] "GET / HTTP/1.1" 200 5 "-" "x"',
        "access", "2024-11-22T09:00:00Z", None, None,
        {"vhost": "shop.example.org", "port": 443, "client": "192.0.2.7", "method": "GET", "path": "/",
         "protocol": "HTTP/1.1", "status": 200, "bytes": 5, "user_agent": "x"},
    ),
    (
        "Nov 22 09:00:00 web1 sshd[19939]: Invalid user x from 192.0.2.7",
        "syslog", "2024-11-22T09:00:00Z", None, "Invalid user x from 192.0.2.7",
        {"appname": "sshd", "procid": "19939"},
    ),
    (
        "Dec  1 09:00:00 web1 kernel: [    1.234567] eth0: link up",
        "syslog", "2023-12-01T09:00:00Z", None, "[    1.234567] eth0: link up", {"appname": "kernel"},
    ),
    (
        "2024-11-22T09:00:00.123456+01:00 web1 systemd[1]: Started shop.service.",
        "syslog", "2024-11-22T08:00:00.123456Z", None, "Started shop.service.", {"appname": "systemd", "procid": "1"},
    ),
    (
        "2024-11-22T09:00:00Z LabSZ systemd[1]: Started shop.service.",
        "syslog", "2024-11-22T09:00:00Z", None, "Started shop.service.", {"appname": "systemd", "procid": "1"},
    ),
    (
        "I1122 09:00:00.123456       1 controller.go:116] starting",
        "klog", "2024-11-22T09:00:00.123456Z", "INFO", "starting",
        {"thread": "1", "file": "controller.go", "line": 116},
    ),
    (
        "W20241122 09:00:00.123456 4711 main.cc:12] slow",
        "glog", "2024-11-22T09:00:00.123456Z", "WARN", "slow", {"thread": "4711", "file": "main.cc", "line": 12},
    ),
    (
        "2024-11-22 09:00:00,747 - WARN  [QuorumPeer[myid=1]/0:0:0:0:2181:Leader@774] - timed out",
        "zookeeper", "2024-11-22T09:00:00.747Z", "WARN", "timed out",
        {"thread": "QuorumPeer[myid=1]/0:0:0:0:2181", "logger": "Leader", "line": 774},
    ),
    (
        "2024-11-22 09:00:00,008 - app.db - ERROR - no cart",
        "python", "2024-11-22T09:00:00.008Z", "ERROR", "no cart", {"logger": "app.db"},
    ),
    ("WARNING:app.db:no - cart", "python", None, "WARN", "no - cart", {"logger": "app.db"}),
    (
        "2024-11-22T09:00:00.123Z  INFO 4711 --- [shop] [           main] c.e.shop.Main : started",
        "java", "2024-11-22T09:00:00.123Z", "INFO", "started",
        {"pid": 4711, "application": "shop", "thread": "main", "logger": "c.e.shop.Main"},
    ),
    (
        "2024-11-22 09:00:00,123 [pool-1-thread-2] DEBUG com.example.Cart - found",
        "java", "2024-11-22T09:00:00.123Z", "DEBUG", "found",
        {"thread": "pool-1-thread-2", "logger": "com.example.Cart"},
    ),
    (
        "2024-11-22 09:00:00,123 FATAL [main] com.example.Cart: lost\n\tat com.example.Cart.find(Cart.java:12)",
        "java", "2024-11-22T09:00:00.123Z", "FATAL", "lost\n\tat com.example.Cart.find(Cart.java:12)",
        {"thread": "main", "logger": "com.example.Cart"},
    ),
    (
        "2024-11-22 09:00:00,123 [WARN] com.example.Cart: slow",
        "java", "2024-11-22T09:00:00.123Z", "WARN", "slow", {"logger": "com.example.Cart"},
    ),
    (
        "nova-api.log.1 2024-11-22 09:00:00.008 25746 INFO nova.api [req-1 a b - - -] 10.0.0.7 done",
        "oslo", "2024-11-22T09:00:00.008Z", "INFO", "10.0.0.7 done",
        {"file": "nova-api.log.1", "pid": 25746, "logger": "nova.api", "request": "req-1 a b - - -"},
    ),
    (
        "081109 203615 148 INFO dfs.DataNode$PacketResponder: block blk_38 terminating",
        "hdfs", "2008-11-09T20:36:15Z", "INFO", "block blk_38 terminating",
        {"pid": 148, "logger": "dfs.DataNode$PacketResponder"},
    ),
    (
        "17/06/09 20:10:40 INFO spark.SecurityManager: Changing view acls",
        "spark", "2017-06-09T20:10:40Z", "INFO", "Changing view acls", {"logger": "spark.SecurityManager"},
    ),
    (
        "2024-11-22 09:00:00.123 UTC [4712] app@shop LOG:  duration: 3.2 ms",
        "postgres", "2024-11-22T09:00:00.123Z", "INFO", "duration: 3.2 ms",
        {"pid": 4712, "user": "app", "database": "shop"},
    ),
    (
        "2024-11-22T09:00:00.123456Z 0 [Warning] [MY-010068] [Server] CA certificate ca.pem is self signed.",
        "mysql", "2024-11-22T09:00:00.123456Z", "WARN", "CA certificate ca.pem is self signed.",
        {"thread": "0", "code": "MY-010068", "subsystem": "Server"},
    ),
    (
        "2024/11/22 09:00:00 [crit] 12#13: *5 connect() failed, client: 192.0.2.7",
        "nginx", "2024-11-22T09:00:00Z", "FATAL", "connect() failed, client: 192.0.2.7",
        {"pid": 12, "tid": 13, "connection": "5"},
    ),
    (
        "1:M 22 Nov 2024 09:00:00.123 # WARNING overcommit_memory is set to 0!",
        "redis", "2024-11-22T09:00:00.123Z", "WARN", "WARNING overcommit_memory is set to 0!",
        {"pid": 1, "role": "M"},
    ),
    (
        "03-17 16:13:38.811  1702  2395 D WindowManager: printFreezingDisplayLogsopening app",
        "android", "2024-03-17T16:13:38.811Z", "DEBUG", "printFreezingDisplayLogsopening app",
        {"pid": 1702, "tid": 2395, "logger": "WindowManager"},
    ),
    (
        "2016-09-28 04:30:30, Info                  CBS    Loaded Servicing Stack v6.1.7601.23505",
        "windows", "2016-09-28T04:30:30Z", "INFO", "Loaded Servicing Stack v6.1.7601.23505", {"logger": "CBS"},
    ),
    (
        "20171223-22:15:29:606|Step_LSC|30002312|onStandStepChanged 3579",
        "health", "2017-12-23T22:15:29.606Z", None, "onStandStepChanged 3579", {"logger": "Step_LSC", "pid": 30002312},
    ),
    (
        "- 1117838570 2005.06.03 R02-M1-N0-C:J12-U11 2005-06-03-15.42.50.675872 R02-M1-N0-C:J12-U11 RAS KERNEL INFO"
        " instruction cache parity error corrected",
        "bgl", "2005-06-03T15:42:50.675872Z", "INFO", "instruction cache parity error corrected",
        {"alert": "-", "epoch": "1117838570", "date": "2005.06.03", "node": "R02-M1-N0-C:J12-U11",
         "reporter": "R02-M1-N0-C:J12-U11", "type": "RAS", "logger": "KERNEL"},
    ),
    (
        "- 1131566461 2005.11.09 dn228 Nov 9 12:01:01 dn228/dn228 crond(pam_unix)[2915]: session closed for user root",
        "thunderbird", "2005-11-09T20:01:01Z", None, "session closed for user root",
        {"alert": "-", "date": "2005.11.09", "local_time": "Nov 9 12:01:01", "location": "dn228/dn228",
         "appname": "crond(pam_unix)", "procid": "2915"},
    ),
    (
        "134681 node-246 unix.hw state_change.unavailable 1077804742 1 Component State Change: unavailable",
        "hpc", "2004-02-26T14:12:22Z", None, "Component State Change: unavailable",
        {"id": "134681", "node": "node-246", "logger": "unix.hw", "state": "state_change.unavailable", "flag": "1"},
    ),
    (
        "[Sun Dec 04 04:47:44 2005] [error] mod_jk child workerEnv in error state 6",
        "apache", "2005-12-04T04:47:44Z", "ERROR", "mod_jk child workerEnv in error state 6", {},
    ),
    (
        "[Fri Nov 22 09:00:00.123456 2024] [core:error] [pid 7:tid 8] [client 192.0.2.7:5012] AH00128: no file",
        "apache", "2024-11-22T09:00:00.123456Z", "ERROR", "AH00128: no file",
        {"module": "core", "pid": 7, "tid": 8, "client": "192.0.2.7:5012"},
    ),
    (
        "[2024-11-22T09:00:00,123][WARN ][o.e.n.Node               ] [node-1] starting",
        "elasticsearch", "2024-11-22T09:00:00.123Z", "WARN", "starting", {"logger": "o.e.n.Node", "node": "node-1"},
    ),
    (
        "[2024-11-22 09:00:00,123] INFO [GroupCoordinator id=1] joined (kafka.coordinator.GroupCoordinator)",
        "kafka", "2024-11-22T09:00:00.123Z", "INFO", "[GroupCoordinator id=1] joined",
        {"logger": "kafka.coordinator.GroupCoordinator"},
    ),
    (
        "[10.30 16:49:06] chrome.exe *64 - proxy.example.org:5070 open through proxy proxy.example.org:5070 HTTPS",
        "proxifier", "2024-10-30T16:49:06Z", None,
        "proxy.example.org:5070 open through proxy proxy.example.org:5070 HTTPS", {"program": "chrome.exe *64"},
    ),
    (
        "[2024-11-22 09:00:00] production.ERROR: no cart",
        "levelled", "2024-11-22T09:00:00Z", "ERROR", "[2024-11-22 09:00:00] production.ERROR: no cart",
        {"environment": "production"},
    ),
    (
        "Nov 22 09:00:00 WARN app: no cart",
        "levelled", "2024-11-22T09:00:00Z", "WARN", "Nov 22 09:00:00 WARN app: no cart", {},
    ),
    (
        "2024-11-22T09:00:00.123Z  INFO shop::cart: found", "levelled", "2024-11-22T09:00:00.123Z", "INFO",
        "2024-11-22T09:00:00.123Z  INFO shop::cart: found", {},
    ),
    (
        "2024-11-22T09:00:00.123Z INFO shop.cart: found", "java", "2024-11-22T09:00:00.123Z", "INFO", "found",
        {"logger": "shop.cart"},
    ),
    (
        "2024-11-22 09:00:00 ERROR cart: none",
        "levelled", "2024-11-22T09:00:00Z", "ERROR", "2024-11-22 09:00:00 ERROR cart: none", {},
    ),
    (
        "2024-11-22 09:00:00.123+01 [4712] ERROR:  no cart", "postgres", "2024-11-22T08:00:00.123Z", "ERROR", "no cart",
        {"pid": 4712},
    ),
    (
        "2024-11-22 09:00:00 ERROR no cart",
        "levelled", "2024-11-22T09:00:00Z", "ERROR", "2024-11-22 09:00:00 ERROR no cart", {},
    ),
    (
        "2024-11-22T09:00:00Z [ERROR] {no cart} ", "levelled", "2024-11-22T09:00:00Z", "ERROR", "{no cart}", {},
    ),
    ("2024-11-22 09:00:00 {cart}", "timed", "2024-11-22T09:00:00Z", None, "{cart}", {}),
    (
        'time=2024-11-22T09:00:00Z level=warn msg="no cart" cart=7',
        "logfmt", "2024-11-22T09:00:00Z", "WARN", "no cart", {"cart": 7},
    ),
    ('{"level":"warn","msg":"no cart","cart":7}', "json", None, "WARN", "no cart", {"cart": 7}),
]  # fmt: skip
#: What only looks like one: it stays whole, without fields.
_TEXTS = [
    "",
    "a line",
    "\tat com.example.Cart.find(Cart.java:12)",
    "Nov 22 is a day",
    "INFO: started",
    "INFO a line: with colons",
    "I1122 is a form",
    "2024-11-22 09:00:00 a line: without a level",
    "2024-11-22 was a day - or not - ERROR - was it",
    "[2024-11-22 09:00:00] a line",
    "[error] a line",
    "17/06/09 20:10:40 a line",
    "081109 203615 148",
    "1:M 22 Nov 2024 a line",
    "ok=true",
    "a=1 and b=2",
    "x 192.0.2.7 - - [22/Nov/2024:09:00:00 +0000] a line",
    "key: value | other: value",
    "2024/11/22 09:00:00 [a] line",
    "<b>bold</b>",
    "2024-11-22T09:00:00Z 4711 a: line",
]


@pytest.fixture(scope="module")
def parser() -> Iterator[Parser]:
    parser = Parser(limits=Limits())
    yield parser
    parser.close()


def _read(parser: Parser, lines: list[str]) -> list[tuple[dict[str, Any], str]]:
    """Each line's record, and the form that took it; all in one batch, as they come mixed."""
    texts = [line.encode() for line in lines]
    body = compress(events_body(range(len(texts)), texts))
    chunk = chunk_of(content_type=TEXT, value=body, lines=len(texts), events=True, host="")
    parsed = parser.parse([chunk], [TAKEN_US])
    forms = {row: share.step for share in parsed.shares for row in share.rows.tolist()}
    return [(dict(record), forms[row]) for row, record in enumerate(as_records(parsed.table))]


@pytest.mark.parametrize("ending", ["", "\n", "\r\n"])
def test_a_line_of_each_form(parser: Parser, ending: str) -> None:
    """In one batch, in which each of them has others beside it."""
    found = _read(parser, [line + ending for line, *_ in _LINES])
    for (line, form, time, level, message, fields), (record, taken_by) in zip(_LINES, found, strict=True):
        expected = {
            "form": form,
            "timestamp": datetime.fromisoformat(time) if time else _OBSERVED,
            "level": level,
            "message": line if message is None else message,
            "metadata": fields or None,
            "tags": None,
        }
        assert {"form": taken_by, **{name: record[name] for name in expected if name != "form"}} == expected


@pytest.mark.parametrize(
    "place", range(len(_LINES)), ids=[f"{form}-{number}" for number, (_, form, *_) in enumerate(_LINES)]
)
def test_a_line_is_the_same_alone(parser: Parser, place: int) -> None:
    (alone,) = _read(parser, [_LINES[place][0]])
    assert alone[1] == _LINES[place][1]
    assert alone[0]["message"] == (_LINES[place][4] or _LINES[place][0])


def test_there_is_a_line_of_each_form() -> None:
    assert {form.name for form in FORMS} <= {form for _, form, *_ in _LINES}


@pytest.mark.parametrize("line", _TEXTS)
def test_a_line_that_stays_whole(parser: Parser, line: str) -> None:
    ((record, form),) = _read(parser, [line])
    assert form == "text"
    assert (record["message"], record["metadata"], record["tags"]) == (line, None, None)


def test_each_row_is_in_one_share(parser: Parser) -> None:
    lines = [line for line, *_ in _LINES] + _TEXTS + ["{"]
    found = _read(parser, lines)
    assert [form for _, form in found] == [form for _, form, *_ in _LINES] + ["text"] * len(_TEXTS) + ["unparsed"]
