"""A record within a message: JSON behind a head, which is found without being told, and `then`, which says the rest."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from logd.chunk import CRI, TEXT, Chunk, compress, events_body
from logd.errors import ConfigError
from logd.parse.plan import Parser
from tests.support.chunks import AT, LIMITS, SOURCE, TAKEN_US, chunk_of, read
from tests.support.naive_parse import as_records, naive_parse, same
from tests.support.parsers import chains, one
from tests.unit.test_parse_plan import broken_lines, json_lines

_SYSLOG = "Nov 22 09:00:00 web1 app[12]: "
_OBSERVED = AT + timedelta(hours=1)
_OF_SYSLOG = {"appname": "app", "procid": "12"}
_CART = {"cart": 7, **_OF_SYSLOG}
_JSON = '{"level":"error","msg":"no cart","cart":7}'


@pytest.fixture(scope="module")
def parser() -> Iterator[Parser]:
    parser = Parser(limits=LIMITS)
    yield parser
    parser.close()


def _plain(parser: Parser, line: str, **headers: Any) -> dict[str, Any]:
    return read(parser, line, **{"content_type": TEXT, **headers})


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        (
            _SYSLOG + _JSON,
            {"timestamp": AT, "level": "ERROR", "host": "web1", "message": "no cart", "metadata": _CART},
        ),
        (
            f"2024-11-22T09:00:00+00:00 web1 app[12]: {_JSON}",
            {"timestamp": AT, "level": "ERROR", "host": "web1", "message": "no cart", "metadata": _CART},
        ),
        # What it says itself comes first, and a level that only shows in it is none.
        (
            _SYSLOG + '{"ts":"2024-11-22T08:00:00Z","host":"h2","message":"an ERROR","procid":5,"service":"s"}',
            {
                "timestamp": AT - timedelta(hours=1), "host": "h2", "service": "s", "message": "an ERROR",
                "metadata": {"procid": 5, "appname": "app"},
            },
        ),
        (
            _SYSLOG + '{"trace_id":"t1","tags":["a"],"log_id":"x1","n":null}',
            {
                "timestamp": AT, "host": "web1", "message": '{"trace_id":"t1","tags":["a"],"log_id":"x1","n":null}',
                "trace_id": "t1", "tags": ["a"], "log_id": "x1", "metadata": {"n": None} | _OF_SYSLOG,
            },
        ),
        (
            _SYSLOG + '{"time":"1971-01-01T00:00:00Z","msg":"m"}',
            {
                "host": "web1", "message": "m",
                "metadata": {"original_timestamp": "1971-01-01T00:00:00Z"} | _OF_SYSLOG,
            },
        ),
        (
            "2024-11-22 09:00:00,000 [main] WARN com.example.Cart - " + '{"message":"m","thread":"t","a":{"b":[1]}}',
            {
                "timestamp": AT, "level": "WARN", "message": "m",
                "metadata": {"thread": "t", "a": {"b": [1]}, "logger": "com.example.Cart"},
            },
        ),
        (
            "I1122 09:00:00.000000 1 main.go:9] " + '{"message":"m","severity":"warning"}',
            {
                "timestamp": AT, "level": "WARN", "message": "m",
                "metadata": {"thread": "1", "file": "main.go", "line": 9},
            },
        ),
        *(
            (head + _JSON, {"timestamp": AT, "level": "ERROR", "message": "no cart", "metadata": {"cart": 7}})
            for head in (
                "2024-11-22 09:00:00,000 INFO ", "2024-11-22T09:00:00Z [warn]: ", "Nov 22 09:00:00 WARN ",
                "[2024-11-22 09:00:00] INFO: ", "2024-11-22T09:00:00.000Z ", "[2024-11-22 09:00:00] ",
            )
        ),
        (
            '2024-11-22 09:00:00 WARN {"error":"none","user":{"name":"ERROR"}}  ',
            {
                "timestamp": AT, "level": "WARN", "message": '{"error":"none","user":{"name":"ERROR"}}',
                "metadata": {"error": "none", "user": {"name": "ERROR"}},
            },
        ),
        # What is no JSON object is a message as others are, and nothing is missed of it.
        *(
            (_SYSLOG + text, {"timestamp": AT, "host": "web1", "message": text, "metadata": _OF_SYSLOG})
            for text in ("{main} started", '{"a":1} {"b":2}', "[1]", '"a"', "{}x", '{"a":' * 600 + "1" + "}" * 600)
        ),
        (_SYSLOG + "{}", {"timestamp": AT, "host": "web1", "message": "{}", "metadata": _OF_SYSLOG}),
    ],
)  # fmt: skip
def test_json_behind_a_head(parser: Parser, line: str, wanted: dict[str, Any]) -> None:
    for ending in ("", "\n", "\r\n"):
        value = compress(events_body([0], [(line + ending).encode()]))
        assert _plain(parser, "", events=True, value=value) == wanted


def test_lines_with_and_without_it_in_a_batch(parser: Parser) -> None:
    texts = [_SYSLOG + _JSON, _SYSLOG + "a text", "words", _JSON, _SYSLOG + "{x", _SYSLOG + '{"msg":"b"}']
    parsed = parser.parse([chunk_of(*texts, content_type=TEXT)], [TAKEN_US])
    assert parsed.table["message"].to_pylist() == ["no cart", "a text", "words", "no cart", "{x", "b"]
    shares = {share.step: share.rows.tolist() for share in parsed.shares}
    assert shares == {"syslog": [1, 4], "syslog > json": [0, 5], "text": [2], "json": [3]}
    assert parsed.unparsed == 0


def test_the_time_of_a_wrapping_counts_unless_the_json_says_its_own(parser: Parser) -> None:
    wrapped = "2024-11-22T07:00:00Z stdout F " + _SYSLOG
    assert _plain(parser, wrapped + _JSON, content_type=CRI)["timestamp"] == AT - timedelta(hours=2)
    own = _plain(parser, wrapped + '{"time":"2024-11-22T08:00:00Z"}', content_type=CRI)
    assert own["timestamp"] == AT - timedelta(hours=1)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists((json_lines() | broken_lines()).filter(lambda line: "{" in line[:3]), min_size=1, max_size=6))
def test_it_is_what_the_naive_parser_makes_of_the_json(parser: Parser, lines: list[str]) -> None:
    """As in a line of its own from that host, with the head's fields around; the head's time is when it was seen."""
    texts = [line.strip(" \t\n\r").encode("utf-8", "surrogatepass") for line in lines]

    def chunk(before: bytes, **headers: Any) -> Chunk:
        value = compress(events_body(range(len(texts)), [before + text for text in texts]))
        usual = {"content_type": TEXT, "events": True, "lines": len(texts), "value": value, "source_id": SOURCE}
        return chunk_of("", **{**usual, **headers})

    bare = chunk(b"", fields=_OF_SYSLOG, host="web1")
    expected, own = naive_parse([bare], [TAKEN_US], LIMITS)
    parsed = parser.parse([chunk(b"Nov 22 10:00:00 web1 app[12]: ")], [TAKEN_US])
    for record, found, text in zip(expected, as_records(parsed.table), texts, strict=True):
        if "unparsed" in (record["tags"] or []):
            # No JSON: the message as it is, behind the head, whose time counts and not one that shows.
            record = {**record, "tags": None, "level": found["level"], "metadata": _OF_SYSLOG, "timestamp": _OBSERVED}
            assert found["message"] == text.decode("utf-8", "replace")
        assert same(found, record)
    assert (parsed.own_ids.to_pylist() if parsed.own_ids is not None else [False] * len(own)) == own


# `then`

_DOCUMENT = '{{"@timestamp":"2024-11-22T09:00:00Z","message":{},"agent":{{"id":1}}}}'
_AROUND = {"agent": {"id": 1}}


@pytest.mark.parametrize(
    ("steps", "line", "wanted"),
    [
        (
            r"{type = 'json', then = [{type = 'regex', pattern = 'user (?P<user>\w+)'}, {type = 'auto'}]}",
            _DOCUMENT.format('"for user bob"'),
            {"timestamp": AT, "message": "for user bob", "metadata": {"user": "bob"} | _AROUND},
        ),
        (
            "{type = 'json', then = [{type = 'auto'}]}",
            _DOCUMENT.format(r'"10.0.0.7 - - [22/Nov/2024:08:00:00 +0000] \"GET /a HTTP/1.1\" 200 5"'),
            {
                "timestamp": AT - timedelta(hours=1),
                "message": '10.0.0.7 - - [22/Nov/2024:08:00:00 +0000] "GET /a HTTP/1.1" 200 5',
                "metadata": {"client": "10.0.0.7", "method": "GET", "path": "/a", "protocol": "HTTP/1.1", "status": 200,
                             "bytes": 5} | _AROUND,
            },
        ),
        (
            "{type = 'json', then = [{type = 'json', timezone = 'Europe/Berlin'}]}",
            _DOCUMENT.format(r'"{\"time\":\"2024-11-22 09:00:00\",\"msg\":\"m\",\"agent\":2,\"tags\":[\"b\"]}"')
            .replace('"agent":', '"tags":["a"],"agent":'),
            {"timestamp": AT - timedelta(hours=1), "message": "m", "tags": ["a", "b"], "metadata": {"agent": 2}},
        ),
        # Within a message there may be another.
        (
            r"{type = 'json', then = [{type = 'regex', pattern = '^(?P<level>\w+) (?P<message>.*)', "
            "then = [{type = 'logfmt'}]}]}",
            _DOCUMENT.format('"warn a=1 b=2"'),
            {"timestamp": AT, "level": "WARN", "message": "a=1 b=2", "metadata": {"a": 1, "b": 2} | _AROUND},
        ),
        # What none understands stays as it is.
        (
            "{type = 'json', then = [{type = 'klog'}, {type = 'auto'}]}",
            _DOCUMENT.format('"2024-11-22 07:00:00 a text"'),
            {"timestamp": AT, "message": "2024-11-22 07:00:00 a text", "metadata": _AROUND},
        ),
        (
            "{type = 'json', then = [{type = 'logfmt'}, {type = 'json'}]}",
            _DOCUMENT.format('"{a text"'),
            {"timestamp": AT, "message": "{a text", "metadata": _AROUND},
        ),
        (
            "{type = 'json', then = [{type = 'auto'}]}",
            '{"tags":["a"],"n":1}',
            {"tags": ["a"], "message": '{"tags":["a"],"n":1}', "metadata": {"n": 1}},
        ),
        (
            r"{type = 'regex', pattern = '^(?P<n>\d+) (?P<text>.*)', message = 'text', then = [{type = 'json'}]}",
            '7 {"level":"warn","message":"m"}',
            {"level": "WARN", "message": "m", "metadata": {"n": "7"}},
        ),
        # Without being told, only what has a head of a known form is.
        (
            r"{type = 'regex', pattern = '^(?P<n>\d+) (?P<message>.*)'}",
            '7 {"a":1}',
            {"message": '{"a":1}', "metadata": {"n": "7"}},
        ),
        (
            "{type = 'klog'}",
            'I1122 09:00:00.000000 1 main.go:9] {"a":1,"msg":"m"}',
            {"timestamp": AT, "level": "INFO", "message": "m",
             "metadata": {"a": 1, "thread": "1", "file": "main.go", "line": 9}},
        ),
    ],
)  # fmt: skip
def test_steps_for_a_message(steps: str, line: str, wanted: dict[str, Any]) -> None:
    parser = Parser(limits=LIMITS, chains=one(steps))
    try:
        assert _plain(parser, line) == wanted
        # Beside others, in any order.
        lines = ["none", line, '{"message":"x"}', "none"]
        together = parser.parse([chunk_of(*lines, content_type=TEXT)], [TAKEN_US])
        alone = [_plain(parser, line) for line in lines]
        for record, expected in zip(as_records(together.table), alone, strict=True):
            assert {name: record[name] for name in expected} == expected
        rows = [row for share in together.shares for row in share.rows.tolist()]
        assert sorted(rows) == [0, 1, 2, 3]
    finally:
        parser.close()


@pytest.mark.parametrize(
    ("steps", "said"),
    [
        ("{type = 'json', then = [{type = 'text'}]}", "step 1 (json): then, step 1 (text): expected another"),
        ("{type = 'json', then = [{type = 'syslog'}]}", "then, step 1 (syslog): expected another type"),
        ("{type = 'json', then = [{type = 'auto'}, {type = 'json'}]}", "then, step 2 (json): no message comes to it"),
        (
            "{type = 'json', then = [{type = 'regex', pattern = '(?P<a>x', name = 'b'}]}",
            "parser 'p', step 1 (json): then, step 1 (regex): pattern can't be had from RE2: ",
        ),
        ("{type = 'key_value', then = [{type = 'json'}]}", "then is nothing that this type looks at"),
        ("{type = 'combined', then = [{type = 'json'}]}", "then is nothing that this type looks at"),
        ("{type = 'auto', then = [{type = 'json'}]}", "then is nothing that this type looks at"),
        ("{type = 'regex', pattern = '(?P<a>x)', then = [{type = 'json'}]}", "then is for its message, and none of"),
        ("{type = 'regex', pattern = '(?P<msg>x)', spread = 'msg'}", "spread is 'msg', which is its message"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said(steps: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        one(steps)
    assert said in str(caught.value)


def test_a_zone_of_an_inner_step_is_its_own() -> None:
    parser = Parser(
        limits=LIMITS,
        chains=chains(
            r"""
            [[parser]]
            name = "shop"
            [[parser.steps]]
            type = "json"
            [[parser.steps.then]]
            type = "regex"
            pattern = '^(?P<time>\S+ \S+) (?P<message>.*)'
            timezone = "Asia/Tokyo"
            """
        ),
    )
    try:
        found = _plain(parser, '{"time":"2024-11-22T10:00:00Z","msg":"2024-11-22 18:00:00 m"}')
        assert found == {"timestamp": AT, "message": "m"}
    finally:
        parser.close()
