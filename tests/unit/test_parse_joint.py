"""Chunks parsed together give the records that each gives alone: whatever their parsers, zones, wrappings and forms."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from logd.chunk import CRI, DOCKER, SYSLOG, TEXT, Chunk, Positions, compress, events_body
from logd.config.parsers import ParserFile
from logd.parse.chains import compile_chains
from logd.parse.columns import NDJSON
from logd.parse.plan import Parser
from tests.support.chunks import LIMITS, TAKEN_US, chunk_of
from tests.support.naive_parse import as_records

PARSERS = r"""
[[parser]]
name = "berlin"
services = ["b"]
[[parser.steps]]
type = "regex"
pattern = '^(?P<time>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) (?P<level>\w+) (?P<message>.*)'
timezone = "Europe/Berlin"
[[parser.steps]]
type = "json"
timezone = "Europe/Berlin"
message = "log"
[[parser.steps]]
type = "auto"

[[parser]]
name = "new york"
services = ["n"]
[[parser.steps]]
type = "regex"
pattern = '^(?P<time>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) (?P<level>\w+) (?P<message>.*)'
timezone = "America/New_York"
[[parser.steps]]
type = "logfmt"
[[parser.steps]]
type = "key_value"
delimiter = ":"
pair_delimiter = ";"

[[parser]]
name = "syslog"
services = ["s"]
[[parser.steps]]
type = "syslog"
[[parser.steps]]
type = "klog"
[[parser.steps]]
type = "csv"
columns = ["a", "time", "message"]
formats = ["%d.%m.%Y %H:%M"]

[[parser]]
name = "container"
services = ["c"]
[[parser.steps]]
type = "container"
[[parser.steps]]
type = "grok"
pattern = "%{TIMESTAMP_ISO8601:time} %{LOGLEVEL:level} %{GREEDYDATA:message}"
[[parser.steps]]
type = "text"

[[parser]]
name = "documents"
services = ["d"]
[[parser.steps]]
type = "json"
[[parser.steps.then]]
type = "regex"
pattern = '^(?P<time>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) (?P<level>\w+) (?P<message>.*)'
timezone = "Asia/Tokyo"
[[parser.steps.then]]
type = "auto"

[[parser]]
name = "within a wrapping"
services = ["sshd", "app"]
[[parser.steps]]
type = "regex"
pattern = 'user (?P<user>\w+)'
"""
LINES = [
    b"",
    b"   ",
    b"words",
    b"\xe9\xff",
    b"\x00\x01",
    b"{bad",
    b'{"a":"\xff"}',
    b'{"x":NaN}',
    b'{"a":1,"a":2}',
    b'{"a":"\\ud800"}',
    b'{"ts":"2024-11-22 09:00:00","log":"x","msg":"y","level":"warn"}',
    b' {"message":"m","service":"app","log_id":"x1","tags":["t"]}',
    b'{"severity_number":17,"traceId":"q","@t":"2024-11-22T09:00:00Z","host.name":"h"}',
    b'{"log":"2024-11-22 08:00:00 WARN in\\n","stream":"stderr","time":"2024-11-22T09:00:00.5Z"}',
    b"2024-11-22 09:00:00 ERROR no room",
    b"a=1 b=2 level=error ts=2024-11-22T09:00:00",
    b"a:1;b:2;c:x",
    b"<38>Nov 22 09:00:00 web1 sshd[7]: Invalid user bob from 10.0.0.7",
    b"<38>1 2024-11-22T09:00:00Z h app 7 - - user x",
    b"I1122 09:00:00.000000 1 main.go:9] m",
    b'x,22.11.2024 09:00,"a ""q"" b"',
    b"2024-11-22T09:00:00Z stdout F 2024-11-22T08:00:00Z INFO inner",
    b'10.0.0.7 - bob [22/Nov/2024:09:00:00 +0000] "GET /a HTTP/1.1" 200 5 "-" "curl/8"',
    b"[2024-11-22 09:00:00] app.ERROR: m",
    b"1:M 22 Nov 2024 09:00:00.123 * m",
    b"Nov 22 09:00:00 web1 sshd[7]: m",
    b'Nov 22 09:00:00 web1 sshd[7]: {"level":"warn","ts":"2024-11-22T08:00:00Z","a":2,"tags":["u"]}',
    b'Nov 22 09:00:00 web1 sshd[7]: {"msg":"an ERROR","host":"h"}',
    b"Nov 22 09:00:00 web1 sshd[7]: {bad",
    b'{"message":"2024-11-22 18:00:00 WARN in","a":2,"tags":["u"]}',
    b'{"message":"{\\"msg\\":\\"n\\",\\"tags\\":[\\"v\\"]}","time":"2024-11-22T09:00:00Z","tags":["u"]}',
    b'{"msg":"level=error a=1","level":"info"}',
]
CHUNKS = st.tuples(
    st.lists(st.sampled_from(LINES), max_size=6),
    st.sampled_from([b"", b"\n", b"\nmore\n at x", b"\r\n"]),
    st.fixed_dictionaries(
        {
            "service": st.sampled_from(["b", "n", "s", "c", "d", "sshd", "other"]),
            "content_type": st.sampled_from([TEXT, NDJSON, SYSLOG, DOCKER, CRI]),
            "positions": st.sampled_from(Positions),
            "service_locked": st.booleans(),
            "host_locked": st.booleans(),
            "fields": st.sampled_from([{}, {"a": 9}]),
            "tags": st.sampled_from([(), ("t",)]),
        }
    ),
)


@pytest.fixture(scope="module")
def parser() -> Iterator[Parser]:
    chains = compile_chains(msgspec.convert(tomllib.loads(PARSERS), ParserFile).parser)
    parser = Parser(limits=LIMITS, chains=chains)
    yield parser
    parser.close()


@settings(max_examples=30, deadline=None)
@given(st.lists(CHUNKS, min_size=1, max_size=8))
def test_together_as_alone(parser: Parser, drawn: list[tuple[list[bytes], bytes, dict[str, object]]]) -> None:
    chunks: list[Chunk] = []
    for place, (lines, ending, headers) in enumerate(drawn):
        events = [line + ending for line in lines]
        value = compress(events_body(list(range(len(events))), events))
        chunks.append(chunk_of(*lines, events=True, value=value, source_id=f"{place:016x}", **headers))
    together = parser.parse(chunks, [TAKEN_US] * len(chunks))
    alone = [parser.parse([chunk], [TAKEN_US]) for chunk in chunks]
    assert as_records(together.table) == [record for parsed in alone for record in as_records(parsed.table)]
    for name in ("unparsed", "mended", "out_of_window"):
        assert getattr(together, name) == sum(getattr(parsed, name) for parsed in alone), name


def test_zones_meet_in_a_batch(parser: Parser) -> None:
    line = "2024-11-22 04:00:00 ERROR m"
    chunks = [chunk_of(line, "{", service=service, content_type=TEXT) for service in ("b", "n", "other")]
    times = parser.parse(chunks, [TAKEN_US] * 3).table["timestamp"].to_pylist()
    assert [time.hour for time in times[::2]] == [3, 9, 4]


def test_no_lines_are_no_records(parser: Parser) -> None:
    empty = chunk_of(events=True, value=compress(events_body([], [])))
    assert len(parser.parse([empty], [TAKEN_US]).table) == 0
    assert len(parser.parse([empty, chunk_of(b"\xff")], [TAKEN_US] * 2).table) == 1
