"""What people may write into a step: names of fields with any characters, formats of times, delimiters."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from logd.chunk import TEXT
from logd.errors import ConfigError
from logd.parse.plan import Parser
from tests.support.chunks import AT, LIMITS, TAKEN_US, chunk_of, read
from tests.support.naive_parse import as_records
from tests.support.parsers import one


def _read(step: str, line: str) -> dict[str, Any]:
    parser = Parser(limits=LIMITS, chains=one(step))
    try:
        return read(parser, line, content_type=TEXT)
    finally:
        parser.close()


@pytest.mark.parametrize("name", ["a\tb", "\x01", "a\x00b", "a\\b", 'a"b', "a'b", "a.b", "é", "$", "*", "a[0]"])
def test_a_field_may_have_any_name(name: str) -> None:
    key = json.dumps(name)
    assert _read(f"{{type = 'json', message = {key}}}", json.dumps({name: "m", "x": 1})) == {
        "message": "m",
        "metadata": {"x": 1},
    }
    csv = f"{{type = 'csv', columns = [{key}, 'q'], spread = {key}}}"
    assert _read(csv, "x=1 y=2,3") == {"message": "x=1 y=2,3", "metadata": {"x": 1, "y": 2, "q": "3"}}
    assert _read(csv, "x,3")["metadata"] == {name: "x", "q": "3"}


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        (
            {"metadata": {"time": "22.11.2024", "level": "weh", "m": "x"}, "a": 1},
            {"metadata": {"time": "22.11.2024", "level": "weh", "m": "x", "a": 1}},
        ),
        (
            {"metadata": {"time": "1.1.2024", "b": 2}, "ts": "22.11.2024", "level": "weh"},
            {
                "timestamp": datetime(2024, 11, 22, tzinfo=UTC),
                "level": "WARN",
                "metadata": {"time": "1.1.2024", "b": 2},
            },
        ),
        (
            {"time": "22.11.2024", "level": "weh"},
            {"timestamp": datetime(2024, 11, 22, tzinfo=UTC), "level": "WARN"},
        ),
    ],
)
def test_usual_names_are_the_lines_own(line: dict[str, Any], wanted: dict[str, Any]) -> None:
    text = json.dumps(line)
    step = "{type = 'json', formats = ['%-d.%-m.%Y'], levels = {weh = 'WARN'}}"
    assert _read(step, text) == {"message": text, **wanted}


@pytest.mark.parametrize(
    ("form", "text", "seconds"),
    [
        ("%Y-%m-%d %H:%M:%S %Z", "2024-11-22 09:00:00 UTC", 0),
        ("%Y-%m-%d %H:%M:%S %Z", "2024-11-22 10:00:00 CET", 0),
        ("%Y-%m-%d %H:%M:%S %Z", "2024-11-22 11:00:00 CEST", 0),
        ("%Y-%m-%d %H:%M:%S %Z", "2024-11-22 10:00:00 BST", 0),
        ("%Y-%m-%d %H:%M:%S %Z", "2024-11-22 01:00:00 PST", 0),
        ("%Y-%m-%d %H:%M:%S %Z", "2024-07-22 03:00:00 CST", -123 * 86_400),
        ("%Y-%m-%d %H:%M:%S %Z", "2024-11-22 18:00:00 Asia/Tokyo", 0),
        ("%Z %b %d %H:%M:%S", "EDT Nov 22 05:00:00", 0),
        ("%d.%m.%Y %H:%M:%S %%Z %Z:%g", "22.11.2024 10:00:00 %Z CET:7", 0.007),
        ("unix", "1732266000", 0),
        ("unix", "1732266000.1234567", 0.123456),
        ("unix", "1.732266e9", 0),
        ("unix_ms", "1732266000123.9", 0.1239),
        ("unix_us", "1732266000123456", 0.123456),
        ("unix_ns", "1732266000123456999", 0.123456),
        ("unix_ns", "1732266000123456999.9", 0.123456),
    ],
)
def test_a_time_by_its_format(form: str, text: str, seconds: float) -> None:
    step = f"{{type = 'regex', pattern = '^(?P<time>.*)$', timezone = 'Asia/Kathmandu', formats = ['{form}']}}"
    assert _read(step, text) == {"timestamp": AT + timedelta(seconds=seconds), "message": text}


@pytest.mark.parametrize(
    ("form", "text"),
    [
        ("%Y-%m-%d %H:%M:%S %Z", "2024-11-22 09:00:00 NONE"),
        ("unix", "99999999999999999999"),
        ("unix_ns", "x"),
        ("unix_ms", "NaN"),
        ("unix_us", "1e400"),
    ],
)
def test_what_is_no_time_stays(form: str, text: str) -> None:
    step = f"{{type = 'regex', pattern = '^(?P<time>.*)$', formats = ['{form}']}}"
    assert _read(step, text) == {"message": text, "metadata": {"time": text}}


@pytest.mark.parametrize(
    ("delimiter", "between", "line", "pairs"),
    [
        ("=", ", ", 'name=Bob Smith, n=3, q="a, b", z=', {"name": "Bob Smith", "n": 3, "q": "a, b", "z": ""}),
        (" => ", ", ", 'a name => Bob, q => "a => 1, b", z => 5" x', {"a name": "Bob", "q": "a => 1, b", "z": 5}),
        (": ", " ", "user: bob n: 5", {"user": "bob", "n": 5}),
        ("\\", "|", "a\\1|b\\x", {"a": 1, "b": "x"}),
        ("]", "[", "a]1[b]2", {"a": 1, "b": 2}),
        ("^", "-", "a^1-b^2", {"a": 1, "b": 2}),
        (".", "..", "a.1..b.2", {"a": 1, "b": 2}),
        ("==", "=", "a==1=b==2", {"a": 1, "b": 2}),
        ("'", "''", "a'1''b'2", {"a": 1, "b": 2}),
        ("is", "and", "a is 1 and b is 2", {"a": 1, "b": 2}),
        ("\t", "\x00", "a\t1\x00b\t2", {"a": 1, "b": 2}),
        ("é", "\U0001f600", "aé1\U0001f600bé2", {"a": 1, "b": 2}),
        ("=", "\\E", "a=1\\Eb=2", {"a": 1, "b": 2}),
    ],
)
def test_pairs_by_any_delimiters(delimiter: str, between: str, line: str, pairs: dict[str, Any]) -> None:
    written = (json.dumps(delimiter, ensure_ascii=False), json.dumps(between, ensure_ascii=False))
    step = "{{type = 'key_value', delimiter = {}, pair_delimiter = {}}}".format(*written)
    assert _read(step, line) == {"message": line, "metadata": pairs}


@pytest.mark.parametrize(
    ("step", "refusal"),
    [
        ("{type = 'json', formats = ['%d %q']}", "formats has '%d %q', expected a format of strptime, which has no %q"),
        ("{type = 'json', formats = ['%d %']}", "formats has '%d %', expected a format of strptime, which has no %"),
        ("{type = 'json', formats = ['%-Y']}", "formats has '%-Y', expected a format of strptime, which has no %-Y"),
        ("{type = 'key_value', delimiter = '\"'}", "delimiter is '\"', expected a text without quotes"),
        ("{type = 'key_value', pair_delimiter = '\", '}", "pair_delimiter is '\", ', expected a text without quotes"),
    ],
)
def test_a_setting_is_refused(step: str, refusal: str) -> None:
    with pytest.raises(ConfigError) as refused:
        one(step)
    assert refusal in str(refused.value)


def test_times_that_change_their_form_are_what_each_is_alone() -> None:
    """A step's queries know one form of time at a time, and the usual words for levels."""
    step = one(r"""{type = "regex", pattern = '^(?P<time>[^|]*)\|(?P<level>[^|]*)\|(?P<message>.*)'}""")
    times = ["2024-11-22T09:00:00Z", "22/Nov/2024:09:00:00 +0000", "Nov 22 09:00:00", "20241122T090000Z", "never"]
    lines = [f"{time}|{level}|m" for time in times for level in ("info", "WRN", "loud")]
    batches = [[line] * 20 for line in lines] + [lines, lines[:1], lines[::-1], lines[3:4] * 40]
    parser = Parser(limits=LIMITS, chains=step)
    for batch in batches:
        got = as_records(parser.parse([chunk_of(*batch, content_type=TEXT)], [TAKEN_US]).table)
        fresh = Parser(limits=LIMITS, chains=step)
        assert got == as_records(fresh.parse([chunk_of(*batch, content_type=TEXT)], [TAKEN_US]).table)
        fresh.close()
        for record, line in zip(got, batch, strict=True):
            time, level, _ = line.split("|")
            assert ("time" in (record["metadata"] or {})) == (time == "never")
            assert record["level"] == {"info": "INFO", "WRN": "WARN"}.get(level)
    parser.close()
