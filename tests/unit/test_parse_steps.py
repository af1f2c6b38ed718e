"""Configured parsers: each type of step on lines that it understands and on others, and whose lines are whose."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest

from logd.chunk import TEXT, compress, events_body
from logd.errors import ConfigError
from logd.parse.chains import Chain
from logd.parse.plan import Parser
from tests.support.chunks import AT, LIMITS, TAKEN_US, chunk_of, read
from tests.support.naive_parse import as_records
from tests.support.parsers import chains, one


@pytest.fixture
def open_parser() -> Iterator[Callable[[tuple[Chain, ...]], Parser]]:
    """What makes parsers, which are closed in the end."""
    made: list[Parser] = []

    def make(compiled: tuple[Chain, ...]) -> Parser:
        made.append(Parser(limits=LIMITS, chains=compiled))
        return made[-1]

    yield make
    for parser in made:
        parser.close()


WHEN = {"timestamp": AT}
UNPARSED = {"tags": ["unparsed"]}
REGEX = r"""{type = "regex", pattern = '^(?P<when>\S+) (?P<severity>\w+) \[(?P<order>\d+)\] (?P<message>(?s:.*))',
  time = "when", level = "severity", levels = {MINOR = "WARN"}, types = {order = "int"}}""".replace("\n", " ")


@pytest.mark.parametrize(
    ("steps", "line", "wanted"),
    [
        (
            REGEX,
            "2024-11-22T09:00:00Z MINOR [17] paid",
            {**WHEN, "level": "WARN", "message": "paid", "metadata": {"order": 17}},
        ),
        (
            REGEX,
            "2024-11-22T09:00:00Z error [017] x\ny",
            {**WHEN, "level": "ERROR", "message": "x\ny", "metadata": {"order": "017"}},
        ),
        (
            REGEX,
            "yesterday other [1] x",
            {"message": "x", "metadata": {"when": "yesterday", "severity": "other", "order": 1}},
        ),
        (REGEX, "none of that", {"message": "none of that", **UNPARSED}),
        (REGEX + ", {type = 'text'}", "none of that", {"message": "none of that"}),
        (REGEX + ", {type = 'auto'}", '{"message":"m"}', {"message": "m"}),
        (
            "{type = 'text'}",
            "2024-11-22 09:00:00 ERROR no room",
            {**WHEN, "level": "ERROR", "message": "2024-11-22 09:00:00 ERROR no room"},
        ),
        (
            "{type = 'auto'}",
            "2024-11-22 09:00:00 ERROR no room",
            {**WHEN, "level": "ERROR", "message": "2024-11-22 09:00:00 ERROR no room"},
        ),
        (
            "{type = 'grok', pattern = '%{TIMESTAMP_ISO8601:time} %{LOGLEVEL:level} %{IP:[source][ip]} "
            "%{NUMBER:ms:float} %{ORDER:order} %{GREEDYDATA:message}', patterns = {ORDER = 'o-[0-9]+'}}",
            "2024-11-22T09:00:00Z WARN 10.0.0.7 12.50 o-1 late",
            {
                **WHEN,
                "level": "WARN",
                "message": "late",
                "metadata": {"source.ip": "10.0.0.7", "ms": 12.5, "order": "o-1"},
            },
        ),
        (
            "{type = 'grok', pattern = '%{SYSLOGLINE}'}",
            "now Nov 22 09:00:00 web1 su[7]: failed",
            {
                **WHEN,
                "host": "web1",
                "message": "failed",
                "metadata": {"process.name": "su", "process.pid": 7},
            },
        ),
        ("{type = 'grok', pattern = '%{INT:n:int}( %{WORD:w})?'}", "no 5", {"message": "no 5", "metadata": {"n": 5}}),
        ("{type = 'json'}", '{"message":"m","a":1}', {"message": "m", "metadata": {"a": 1}}),
        ("{type = 'json'}", "{m", {"message": "{m", **UNPARSED}),
        ("{type = 'json'}", "m", {"message": "m", **UNPARSED}),
        (
            "{type = 'json', time = 'event.at', level = 'sev', message = 'text', host = 'node', "
            "levels = {bad = 'ERROR'}}",
            '{"event":{"at":"2024-11-22T09:00:00Z"},"sev":"BAD","text":"m","node":"n","a":null}',
            {
                **WHEN,
                "level": "ERROR",
                "message": "m",
                "host": "n",
                "metadata": {"event": {"at": "2024-11-22T09:00:00Z"}, "a": None},
            },
        ),
        (
            "{type = 'json', formats = ['%d.%m.%Y %H:%M'], timezone = 'Europe/Berlin'}",
            '{"time":"22.11.2024 10:00","message":"m"}',
            {**WHEN, "message": "m"},
        ),
        # What the step says comes before the usual names, and what those would have taken stays.
        (
            "{type = 'json', timezone = 'Europe/Berlin'}",
            '{"ts":"2024-11-22 10:00:00","msg":"m"}',
            {**WHEN, "message": "m"},
        ),
        (
            "{type = 'logfmt', timezone = 'Europe/Berlin'}",
            "ts=2024-11-22T10:00:00 msg=m",
            {**WHEN, "message": "m"},
        ),
        (
            "{type = 'json', formats = ['%y/%d/%m %H:%M:%S']}",
            '{"ts":"24/10/11 09:00:00","datetime":"x","msg":"m"}',
            {"timestamp": AT - timedelta(days=12), "message": "m", "metadata": {"datetime": "x"}},
        ),
        ("{type = 'json', message = 'a..b'}", '{"a..b":"m","a":1}', {"message": "m", "metadata": {"a": 1}}),
        ("{type = 'json', levels = {30 = 'ERROR'}}", '{"level":30,"msg":"m"}', {"level": "ERROR", "message": "m"}),
        (
            "{type = 'json', message = 'log', level = 'sev', host = 'h', service = 's', time = 'at'}",
            '{"message":"a","log":"b","level":"info","sev":"warn","host":"c","h":"d","service":"e","s":"f",'
            '"ts":"2024-11-22T08:00:00Z","at":"2024-11-22T09:00:00Z"}',
            {
                **WHEN,
                "level": "WARN",
                "message": "b",
                "host": "d",
                "service": "f",
                "metadata": {
                    "message": "a",
                    "level": "info",
                    "host": "c",
                    "service": "e",
                    "ts": "2024-11-22T08:00:00Z",
                },
            },
        ),
        (
            "{type = 'json', message = 'log', level = 'sev', host = 'h', time = 'at'}",
            '{"message":"a","severity_number":17,"sev":"x","hostname":"c","ts":"2024-11-22T09:00:00Z","at":1}',
            {**WHEN, "level": "ERROR", "message": "a", "host": "c", "metadata": {"sev": "x", "at": 1}},
        ),
        (
            "{type = 'regex', pattern = '^(?P<time>.*?) - (?P<message>.*)$', formats = ['%Y%m%d-%H:%M:%S:%g']}",
            "20241122-9:0:0:99999999999999999 - m",
            {"message": "m", "metadata": {"time": "20241122-9:0:0:99999999999999999"}},
        ),
        (
            "{type = 'logfmt'}",
            r'ts=2024-11-22T09:00:00Z level=warn msg="a \"b\"" n=12 x=1.50 ok=true id=007 '
            'big=1234567890123456 e= q="5"',
            {
                **WHEN,
                "level": "WARN",
                "message": 'a "b"',
                "metadata": {"n": 12, "x": 1.5, "ok": True, "id": "007", "big": "1234567890123456", "e": "", "q": "5"},
            },
        ),
        ("{type = 'logfmt'}", "just=one", {"message": "just=one", "metadata": {"just": "one"}}),
        ("{type = 'logfmt'}", "words and=pairs", {"message": "words and=pairs", **UNPARSED}),
        (
            "{type = 'key_value', delimiter = ':', pair_delimiter = ';'}",
            'time:2024-11-22T09:00:00Z; user: bob ;ms:12;who:"a;b"',
            {
                **WHEN,
                "message": 'time:2024-11-22T09:00:00Z; user: bob ;ms:12;who:"a;b"',
                "metadata": {"user": "bob", "ms": 12, "who": "a;b"},
            },
        ),
        (
            "{type = 'key_value'}",
            "login failed user=bob from=10.0.0.7",
            {
                "message": "login failed user=bob from=10.0.0.7",
                "metadata": {"user": "bob", "from": "10.0.0.7"},
            },
        ),
        (
            "{type = 'key_value'}",
            "hello msg=x y=1 tail",
            {"message": "hello msg=x y=1 tail", "metadata": {"y": 1}},
        ),
        ("{type = 'key_value'}", "nothing", {"message": "nothing", **UNPARSED}),
        (
            "{type = 'csv', columns = ['time', 'user', 'n', 'message'], types = {n = 'int'}}",
            '2024-11-22T09:00:00Z,"b,o""b",5,it ended',
            {**WHEN, "message": "it ended", "metadata": {"user": 'b,o"b', "n": 5}},
        ),
        ("{type = 'csv', columns = ['a', 'b'], delimiter = '|'}", "1|", {"message": "1|", "metadata": {"a": "1"}}),
        ("{type = 'csv', columns = ['a', 'b']}", "1,2,3", {"message": "1,2,3", **UNPARSED}),
        (
            "{type = 'combined'}",
            r'10.0.0.7 - bob [22/Nov/2024:10:00:00 +0100] "GET /a?b=c HTTP/1.1" 404 5 "-" "a \"b\""',
            {
                **WHEN,
                "message": r'10.0.0.7 - bob [22/Nov/2024:10:00:00 +0100] "GET /a?b=c HTTP/1.1" 404 5 "-" "a \"b\""',
                "metadata": {
                    "client": "10.0.0.7",
                    "user": "bob",
                    "method": "GET",
                    "path": "/a?b=c",
                    "protocol": "HTTP/1.1",
                    "status": 404,
                    "bytes": 5,
                    "user_agent": r"a \"b\"",
                },
            },
        ),
        (
            "{type = 'common'}",
            '::1 - - [22/Nov/2024:09:00:00 +0000] "-" 408 -',
            {
                **WHEN,
                "message": '::1 - - [22/Nov/2024:09:00:00 +0000] "-" 408 -',
                "metadata": {"client": "::1", "status": 408},
            },
        ),
        (
            "{type = 'klog'}",
            'W1122 09:00:00.000000    1234 file.go:12] "Slow" pod="a/b"',
            {
                **WHEN,
                "level": "WARN",
                "message": '"Slow" pod="a/b"',
                "metadata": {"thread": "1234", "file": "file.go", "line": 12},
            },
        ),
        (
            "{type = 'glog'}",
            "F20241122 09:00:00.000000  1234 file.cc:12] gone",
            {
                **WHEN,
                "level": "FATAL",
                "message": "gone",
                "metadata": {"thread": "1234", "file": "file.cc", "line": 12},
            },
        ),
        (
            "{type = 'syslog'}, {type = 'regex', pattern = 'user (?P<user>\\w+)'}",
            "<38>Nov 22 09:00:00 web1 sshd[7]: Invalid user bob from 10.0.0.7",
            {
                **WHEN,
                "level": "INFO",
                "service": "sshd",
                "host": "web1",
                "message": "Invalid user bob from 10.0.0.7",
                "metadata": {"user": "bob", "facility": "auth", "severity": "info", "appname": "sshd", "procid": "7"},
            },
        ),
        (
            "{type = 'container'}, {type = 'logfmt'}",
            '{"log":"a=1 b=2\\n","stream":"stderr","time":"2024-11-22T09:00:00Z"}',
            {**WHEN, "message": "a=1 b=2", "metadata": {"a": 1, "b": 2, "stream": "stderr"}},
        ),
        (
            "{type = 'regex', pattern = '^(?P<time>.*?) - (?P<message>.*)$', formats = ['unix', '%H:%M:%S %d %B'], "
            "timezone = 'America/New_York'}",
            "04:00:00 22 November - m",
            {**WHEN, "message": "m"},
        ),
        (
            "{type = 'regex', pattern = '^(?P<time>\\S+) (?P<message>.*)$', formats = ['unix']}",
            "1732266000.25 m",
            {"timestamp": AT + timedelta(seconds=0.25), "message": "m"},
        ),
        (
            "{type = 'regex', pattern = '^(?P<a>x)?(b(c|d))?(?P<message>.*)$', types = {a = 'boolean'}}",
            "bdtrue",
            {"message": "true"},
        ),
        ("{type = 'regex', pattern = '^\\Qa(\\E(?P<message>.*)$'}", "a(b", {"message": "b"}),
    ],
)
def test_a_line(
    open_parser: Callable[[tuple[Chain, ...]], Parser], steps: str, line: str, wanted: dict[str, Any]
) -> None:
    parser = open_parser(one(steps))
    for ending in ("", "\n"):
        value = compress(events_body([0], [(line + ending).encode()]))
        assert read(parser, line, content_type=TEXT, events=True, value=value) == wanted


@pytest.mark.parametrize(
    ("toml", "said"),
    [
        ("{type = 'regex', pattern = '(?P<a>x'}", "parser 'p', step 1 (regex): pattern can't be had from RE2: "),
        ("{type = 'regex', pattern = '(?P<a>x)(?=y)'}", "pattern can't be had from RE2: "),
        ("{type = 'regex', pattern = 'x'}", "pattern has no named group such as (?P<message>.*)"),
        ("{type = 'regex', pattern = '(?P<a>x)(?P<a>y)'}", "pattern has the group 'a' twice"),
        ("{type = 'regex', pattern = '(?P<a>x)', time = 'b'}", "time is 'b', expected one of its fields: a"),
        (
            "{type = 'regex', pattern = '(?P<a>x)', types = {b = 'int'}}",
            "types has 'b', expected some of its fields: a",
        ),
        ("{type = 'regex'}", "pattern is missing"),
        ("{type = 'grok', pattern = '%{INTT:n}'}", "parser 'p', step 1 (grok): "),
        ("{type = 'grok', pattern = '(?=x)%{INT:n}'}", "lookaround"),
        ("{type = 'grok', pattern = '%{INT}'}", "pattern has no field such as %{GREEDYDATA:message}"),
        ("{type = 'csv'}", "columns is missing"),
        ("{type = 'csv', columns = ['a'], delimiter = ';;'}", "delimiter is ';;', expected one character"),
        ("{type = 'json', pattern = 'x'}", "pattern is nothing that this type looks at"),
        ("{type = 'text', time = 'x'}", "time is nothing that this type looks at"),
        ("{type = 'json', timezone = 'Mars'}", "timezone is 'Mars', expected an IANA name"),
        ("{type = 'json', formats = ['iso']}", "formats has 'iso', expected a format of strptime"),
        ("{type = 'json', formats = ['%H:%M:%S']}", "formats has '%H:%M:%S', expected a format with a day"),
        ("{type = 'json', timezone = 'localtime'}", "timezone is 'localtime', expected an IANA name"),
        ("{type = 'json', absent = ['-']}", "absent is nothing that this type looks at"),
        ("{type = 'syslog', time = 'x'}", "time is nothing that this type looks at"),
        ("{type = 'text'}, {type = 'json'}", "step 2 (json): no line comes to it"),
        (r"{type = 'regex', pattern = '\(?P<a>x'}", "pattern has 0 named groups, and 1 that look like one"),
        ("{type = 'regex', pattern = '[(?P<a>x)]'}", "pattern has 0 named groups, and 1 that look like one"),
        ("{type = 'json'}, {type = 'syslog'}", "step 2 (syslog): a syslog step comes before the others"),
        ("{type = 'key_value', pair_delimiter = '='}", "pair_delimiter is '=', expected another text than delimiter"),
    ],
)
def test_what_is_wrong_is_said(toml: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        one(toml)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("glob", "good"), [("[", False), ("a[!]", False), ("[[]", True), ("[]a]*", True), ("[b-a]", False)]
)
@pytest.mark.parametrize("setting", ["services", "sources", "content_types"])
def test_a_wrong_glob_is_said(setting: str, glob: str, good: bool) -> None:
    toml = f"parser = [{{name = 'p', {setting} = ['*', '{glob}'], steps = [{{type = 'text'}}]}}]"
    if good:
        chains(toml)
    else:
        with pytest.raises(ConfigError, match=rf"parser 'p': {setting} has '{re.escape(glob)}', expected a glob "):
            chains(toml)


def test_a_text_step_understands_every_line_of_a_body(open_parser: Callable[[tuple[Chain, ...]], Parser]) -> None:
    assert read(open_parser(one("{type = 'text'}")), "no JSON") == {"message": "no JSON"}


def test_two_parsers_of_one_name_are_refused() -> None:
    with pytest.raises(ConfigError, match="'p' is there twice"):
        chains("parser = [{name='p', steps=[{type='json'}]}, {name='p', steps=[{type='text'}]}]")


def test_each_line_has_the_first_parser_that_is_for_it(open_parser: Callable[[tuple[Chain, ...]], Parser]) -> None:
    parser = open_parser(
        chains(
            """
            [[parser]]
            name = "by service"
            services = ["shop-*"]
            steps = [{type = "logfmt"}]
            [[parser]]
            name = "by source"
            sources = ["*/access.log"]
            steps = [{type = "csv", columns = ["a", "b"]}]
            """
        )
    )
    pairs, row = "a=1 b=2", "1,2"
    for service, source, fields, row_fields in [
        ("shop-1", "/x/access.log", {"a": 1, "b": 2}, None),
        ("web", "/x/access.log", None, {"a": "1", "b": "2"}),
        ("web", "/x/error.log", {"a": 1, "b": 2}, None),  # nobody's: recognised
    ]:
        chunks = [
            chunk_of(pairs, row, service=service, source=source, content_type=TEXT),
            chunk_of(pairs, service="shop-2", content_type=TEXT),
        ]
        records = as_records(parser.parse(chunks, [TAKEN_US] * 2).table)
        assert [record["metadata"] for record in records] == [fields, row_fields, {"a": 1, "b": 2}]


def test_a_syslog_message_is_for_the_parser_of_who_wrote_it(
    open_parser: Callable[[tuple[Chain, ...]], Parser],
) -> None:
    parser = open_parser(
        chains("parser = [{name='p', services=['su'], steps=[{type='regex', pattern='(?P<user>\\w+)$'}]}]")
    )
    line = "<34>Nov 22 09:00:00 web1 {}[12]: failed for bob"
    chunk = chunk_of(line.format("su"), line.format("cron"), content_type="application/x-syslog")
    su, cron = as_records(parser.parse([chunk], [TAKEN_US]).table)
    assert (su["service"], su["metadata"]["user"]) == ("su", "bob")
    assert (cron["service"], "user" in cron["metadata"]) == ("cron", False)
