"""Lines that are broken on purpose: each is a record all the same, and its neighbours are unharmed.

Every line stands between two good ones, as NDJSON and, where its brackets allow it, as an element of `logs`.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator, Mapping
from typing import Any

import orjson
import pytest

from tests.support.process import JSON, NDJSON, Server, until

#: What DuckDB is given is at most 500 levels deep; these are far more, in a line that isn't cut.
_LEVELS = 170_000
_MAX_RSS_BYTES = 600_000_000

#: The line, and what its record has (a message of None: the whole line, as it is).
_Line = tuple[bytes, Mapping[str, Any]]
_TEXT: Mapping[str, Any] = {"message": None, "tags": ["unparsed"], "metadata": {}, "level": None}
_M: Mapping[str, Any] = {"message": "m", "tags": []}


def _deep(opening: str, closing: str, levels: int = _LEVELS) -> str:
    return opening * levels + "1" + closing * levels


_NO_OBJECTS: dict[str, _Line] = {
    "a string": (b'"just a string"', _TEXT),
    "a number": (b"42", _TEXT),
    "null": (b"null", _TEXT),
    "true": (b"true", _TEXT),
    "an array": (b'[1, {"message": "no"}, "x"]', _TEXT),
    "an empty array": (b"[]", _TEXT),
    "words": (b"hello, world", _TEXT),
    "NaN": (b"NaN", _TEXT),
}
_MALFORMED: dict[str, _Line] = {
    "single quotes": (b"{'message': 'x'}", _TEXT),
    "bare value": (b'{"message": x}', _TEXT),
    "bare key": (b'{message: "x"}', _TEXT),
    "no comma": (b'{"message": "x" "a": 1}', _TEXT),
    "no value": (b'{"message": }', _TEXT),
    "no colon": (b'{"message" "x"}', _TEXT),
    "two objects": (b'{"message": "x"} {"message": "y"}', _TEXT),
    "something behind": (b'{"message": "x"} # comment', _TEXT),
    "a bad escape": (rb'{"message": "\x41"}', _TEXT),
    "half an escape": (rb'{"message": "\u12"}', _TEXT),
    "leading zeros": (b'{"message": "m", "a": 007}', _TEXT),
    "crossed brackets": (b'{"message": [1, 2}}, [', _TEXT),
}
_ONLY_LINES: dict[str, _Line] = {
    "cut off in a string": (b'{"message": "x', _TEXT),
    "cut off in an object": (b'{"message": "x"', _TEXT),
    "an opening brace": (b"{", _TEXT),
    "a closing brace": (b"}", _TEXT),
    "a quote": (b'"', _TEXT),
    "opening brackets": (b"[[[[", _TEXT),
    "an unclosed string": (b'{"message: x}', _TEXT),
    "a trailing backslash": (b'{"message": "x\\', _TEXT),
    "deep, open arrays": (b"[" * 1_000_000, _TEXT),
    "deep, open objects": (b'{"a":' * _LEVELS, _TEXT),
    "deep, closing only": (b"}" * 1_000_000, _TEXT),
    "deep, open in an object": (b'{"message":"m","a":' + b"[" * 1_000_000, _TEXT),
}
_ODD: dict[str, _Line] = {
    "an empty object": (b"{}", {"message": "{}", "metadata": {}}),
    "indented": (b' \t {"message": "m"}', _M),
    "no message": (b'{"a": 1}', {"message": '{"a": 1}', "metadata": {"a": 1}}),
    "a message that is a number": (b'{"message": 5}', {"message": "5"}),
    "a message that is an object": (b'{"message": {"a": 1}}', {"message": '{"a":1}'}),
    "an empty message": (b'{"message": ""}', {"message": ""}),
    "line separators": ('{"message": "a\u2028b\u2029c\x85d"}'.encode(), {"message": "a\u2028b\u2029c\x85d"}),
    "a surrogate pair": (rb'{"message": "\ud83e\udd86"}', {"message": "🦆"}),
    "invalid utf-8": (b'{"message": "caf\xe9 au lait"}', {"message": "caf\ufffd au lait", "tags": []}),
    "invalid utf-8 in a key": (b'{"message": "m", "k\xff": 1}', {**_M, "metadata": {"k\ufffd": 1}}),
    "surrogates as utf-8": (b'{"message": "a \xed\xa0\x80 b"}', {"message": "a \ufffd\ufffd\ufffd b"}),
    "an overlong nul": (b'{"message": "a \xc0\x80 b"}', {"message": "a \ufffd\ufffd b"}),
    "invalid utf-8 in text": (b"caf\xe9 \xff\xfe au lait", {"message": "caf\ufffd \ufffd\ufffd au lait"}),
    "nul": (rb'{"message": "a \u0000 b"}', {"message": "a \0 b", "tags": []}),
    "nul in metadata": (
        rb'{"message": "m", "a": "\u0000", "b": ["\u0000"]}',
        {**_M, "metadata": {"a": "\0", "b": ["\0"]}},
    ),
    "nul in a key": (rb'{"message": "m", "a\u0000b": 1}', {**_M, "metadata": {"a\0b": 1}}),
    "nul in a service": (rb'{"message": "m", "host": "a\u0000b"}', {**_M, "host": "a\0b"}),
    "raw nul": (b'{"message": "a \0 b"}', {}),
    "raw nul in text": (b"a \0 b", {"message": "a \0 b", "tags": ["unparsed"]}),
    "raw control characters": (b'{"message": "a \x01\x1b b"}', {}),
    "a lone surrogate": (rb'{"message": "a \ud800 b"}', {"message": "a \ufffd b", "tags": []}),
    "a lone low surrogate": (rb'{"message": "a \udfff b", "n": 1}', {"message": "a \ufffd b", "metadata": {"n": 1}}),
    "lone surrogates in metadata": (
        rb'{"message": "m", "a": ["\ud800", "x"]}',
        {**_M, "metadata": {"a": ["\ufffd", "x"]}},
    ),
    "lone surrogates in a key": (rb'{"message": "m", "a\ud800": 1}', {**_M, "metadata": {"a\ufffd": 1}}),
    "a surrogate pair reversed": (rb'{"message": "\udd86\ud83e"}', {"message": "\ufffd\ufffd"}),
    "a message twice": (b'{"message": "first", "message": "m"}', _M),
    "a key twice": (b'{"message": "m", "a": 1, "b": 2, "a": 3}', {**_M, "metadata": {"a": 3, "b": 2}}),
    "a level twice": (b'{"message": "m", "level": "info", "level": "error"}', {**_M, "level": "ERROR"}),
    "metadata twice": (b'{"message": "m", "metadata": {"a": 1}, "metadata": {"b": 2}}', {**_M, "metadata": {"b": 2}}),
    "a key twice, inside": (b'{"message": "m", "metadata": {"a": 1, "a": 2}}', {**_M}),
    "nan": (b'{"message": "m", "a": NaN}', {**_M, "metadata": {"a": "NaN"}}),
    "infinities": (
        b'{"message": "m", "a": [Infinity, -Infinity], "b": {"c": NaN}}',
        {**_M, "metadata": {"a": ["Infinity", "-Infinity"], "b": {"c": "NaN"}}},
    ),
    "nan inside metadata": (b'{"message": "m", "metadata": {"a": NaN}}', {**_M, "metadata": {"a": "NaN"}}),
    "nan as a message": (b'{"message": NaN}', {"message": "NaN"}),
    "nan as a time": (b'{"message": "m", "timestamp": NaN}', {**_M, "metadata": {"timestamp": "NaN"}}),
    "nan in a string": (b'{"message": "m", "a": ": NaN, [NaN]"}', {**_M, "metadata": {"a": ": NaN, [NaN]"}}),
    "numbers that no double holds": (
        b'{"message": "m", "a": 1e999, "b": [-1E+999]}',
        {**_M, "metadata": {"a": "1e999", "b": ["-1E+999"]}},
    ),
    "an integer of many digits": (
        b'{"message": "m", "a": %s}' % (b"9" * 5_000),
        {**_M, "metadata": {"a": "9" * 5_000}},
    ),
    "an integer of 350 digits": (b'{"message": "m", "a": %s}' % (b"9" * 350), {**_M, "metadata": {"a": "9" * 350}}),
    "an integer of 30 digits": (b'{"message": "m", "a": %s}' % (b"9" * 30), _M),
    "a comma too many": (b'{"message": "m", "a": 1,}', {**_M, "metadata": {"a": 1}}),
    "a comma too many, inside": (b'{"message": "m", "metadata": {"a": [1,],}}', {**_M, "metadata": {"a": [1]}}),
    "a small number": (b'{"message": "m", "a": 1e-999, "b": -0, "c": -0.0}', _M),
    "metadata that is an array": (b'{"message": "m", "metadata": [1, 2]}', {**_M, "metadata": {"metadata": [1, 2]}}),
    "metadata that is a string": (b'{"message": "m", "metadata": "x"}', {**_M, "metadata": {"metadata": "x"}}),
    "metadata that is json": (b'{"message": "m", "metadata": "{\\"a\\": 1}"}', {**_M}),
    "metadata that is a number": (b'{"message": "m", "metadata": 1}', {**_M, "metadata": {"metadata": 1}}),
    "metadata that is true": (b'{"message": "m", "metadata": true}', {**_M, "metadata": {"metadata": True}}),
    "metadata that is null": (b'{"message": "m", "metadata": null}', {**_M}),
    "metadata that is empty": (b'{"message": "m", "metadata": {}}', {**_M, "metadata": {}}),
    "a time that is an object": (
        b'{"message": "m", "timestamp": {"a": 1}}',
        {**_M, "metadata": {"timestamp": {"a": 1}}},
    ),
    "a time that is none": (b'{"message": "m", "timestamp": "soon"}', {**_M, "metadata": {"timestamp": "soon"}}),
    "a time on no calendar": (b'{"message": "m", "timestamp": "2026-02-30"}', {**_M}),
    "a time of too many digits": (b'{"message": "m", "timestamp": %s}' % (b"9" * 40), {**_M}),
    "a time out of range": (b'{"message": "m", "timestamp": 1e300}', {**_M}),
    "a negative time": (b'{"message": "m", "timestamp": -1}', {**_M}),
    "a level that is an array": (b'{"message": "m", "level": [1]}', {**_M, "level": None, "metadata": {"level": [1]}}),
    "a service that is a number": (b'{"message": "m", "host": 5}', {**_M, "host": "5"}),
    "tags that are a string": (b'{"message": "m", "tags": "a"}', {**_M, "metadata": {"tags": "a"}}),
    "tags of all kinds": (b'{"message": "m", "tags": ["a", null, 1, {"b": 2}]}', {"message": "m"}),
    "a trace id that is an object": (b'{"message": "m", "trace_id": {"a": 1}}', {"message": "m"}),
    "a huge value": (b'{"message": "m", "a": "%s"}' % (b"x" * 1_000_000), {**_M, "metadata": {"a": "x" * 1_000_000}}),
    "a huge key": (b'{"message": "m", "%s": 1}' % (b"x" * 1_000_000), {**_M, "metadata": {"x" * 1_000_000: 1}}),
    "a host of many bytes": (b'{"message": "m", "host": "%s"}' % (b"x" * 100_000), {**_M, "host": "x" * 100_000}),
    "many keys": (
        orjson.dumps({"message": "m", **{f"key{n}": n for n in range(20_000)}}),
        {**_M, "metadata": {f"key{n}": n for n in range(20_000)}},
    ),
    "many escapes": (b'{"message": "%s"}' % (rb"\\\"" * 200_000), {"message": '\\"' * 200_000}),
    "many brackets in a string": (b'{"message": "%s"}' % (b"[" * 1_000_000), {"message": "[" * 1_000_000, "tags": []}),
    "400 levels": (
        b'{"message": "m", "a": %s}' % _deep("[", "]", 400).encode(),
        {**_M, "metadata": {"a": json.loads(_deep("[", "]", 400))}},
    ),
    "deep arrays": (_deep("[", "]").encode(), {}),
    "deep objects": (_deep('{"a":', "}").encode(), {}),
    "deep arrays in a field": (b'{"message":"m","a":%s}' % _deep("[", "]").encode(), {}),
    "deep objects in metadata": (b'{"message":"m","metadata":%s}' % _deep('{"a":', "}").encode(), {}),
    "deep in the message": (b'{"message":%s}' % _deep("[", "]").encode(), {}),
    "deep and mixed": (b'{"message":"m","a":%s}' % _deep('[{"b":', "}]", 100_000).encode(), {}),
}
_ELEMENTS = {**_NO_OBJECTS, **_MALFORMED, **_ODD}
_LINES = {**_ELEMENTS, **_ONLY_LINES}
#: Standing alone they break the envelope, which is no JSON then.
_NO_ELEMENTS = {"crossed brackets"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(tmp_path_factory.mktemp("lines"), settings={"parse.join_seconds": 0.02}) as running:
        yield running


@pytest.fixture
def service() -> str:
    return f"service-{uuid.uuid4().hex}"


def _good(text: str) -> bytes:
    return orjson.dumps({"message": text, "level": "warn", "timestamp": "2026-11-20T10:00:00Z", "a": {"b": [1, None]}})


def _is_good(record: Mapping[str, Any], text: str) -> None:
    parts = (record["message"], record["level"], record["timestamp"], record["metadata"], record["tags"])
    assert parts == (text, "WARN", "2026-11-20T10:00:00.000Z", {"a": {"b": [1, None]}}, [])


def _is_kept(record: Mapping[str, Any], name: str) -> None:
    line, expected = _LINES[name]
    for key, value in expected.items():
        if key == "message" and value is None:
            assert record["message"] == line.decode()
        else:
            assert record[key] == value


@pytest.mark.parametrize("name", _LINES)
def test_a_line(server: Server, service: str, name: str) -> None:
    body = b"\n".join((_good("before"), _LINES[name][0], _good("behind")))
    answer = server.post(body, NDJSON, service)
    assert (answer.status, answer.json()) == (202, {"accepted": 3})
    before, record, behind = server.records(service)
    _is_good(before, "before")
    _is_good(behind, "behind")
    _is_kept(record, name)


@pytest.mark.parametrize("name", [name for name in _ELEMENTS if name not in _NO_ELEMENTS])
def test_an_element(server: Server, service: str, name: str) -> None:
    body = b'{"logs": [' + b",".join((_good("before"), _LINES[name][0], _good("behind"))) + b"]}"
    answer = server.post(body, JSON, service)
    assert (answer.status, answer.json()["accepted"] >= 3) == (202, True), answer
    records = server.records(service)
    _is_good(records[0], "before")
    _is_good(records[-1], "behind")
    if len(records) == 3:
        _is_kept(records[1], name)
    else:
        assert name == "words"  # the comma parts elements


def test_newlines_inside_an_element(server: Server, service: str) -> None:
    body = b'{"logs": [\r\n{\n"message":\r\n"a\\nb"\n,"n": [\n1]\r}\n]\n}\n'
    assert server.post(body, JSON, service).status == 202
    (record,) = server.records(service)
    assert (record["message"], record["metadata"]) == ("a\nb", {"n": [1]})


def test_all_at_once(tmp_path_factory: pytest.TempPathFactory) -> None:
    """In one request, so in one batch; then from segments, then after a crash."""
    body = b"\n".join(part for name in _LINES for part in (_good(f"before {name}"), _LINES[name][0]))
    with Server(tmp_path_factory.mktemp("all")) as server:

        def all_are_found() -> list[dict[str, Any]]:
            records = server.records("all")
            assert len(records) == 2 * len(_LINES)
            for name, before, record in zip(_LINES, records[::2], records[1::2], strict=True):
                _is_good(before, f"before {name}")
                _is_kept(record, name)
            return records

        answer = server.post(body, NDJSON, "all")
        assert (answer.status, answer.json()) == (202, {"accepted": 2 * len(_LINES)})
        records = all_are_found()
        server.kill()
        server.restart()
        assert all_are_found() == records
        assert server.terminate() == 0
        server.restart()
        assert all_are_found() == records
        for word in ("caf", "MESSAGE", "NOT lait", "host:5 OR nul"):
            server.search(q=word, service="all")
        assert server.peak_rss_bytes() < _MAX_RSS_BYTES


@pytest.mark.parametrize("form", ["ndjson", "json"])
def test_a_line_over_the_limit_is_cut(tmp_path_factory: pytest.TempPathFactory, form: str) -> None:
    limit = 10_000
    lines = [
        _good("before"),
        b'{"message": "%s"}' % (b"x" * limit),
        _good("between"),
        "ä".encode() * limit,
        b'{"message": "%s"}' % (b"y" * (limit - 15)),
        _good("behind"),
    ]
    body = b"\n".join(lines) if form == "ndjson" else b'{"logs": [' + b",".join(lines) + b"]}"
    settings = {"ingest.max_line_bytes": limit, "parse.join_seconds": 0.02}
    with Server(tmp_path_factory.mktemp("cut"), settings=settings) as server:
        answer = server.post(body, NDJSON if form == "ndjson" else JSON, "cut")
        assert (answer.status, answer.json()) == (202, {"accepted": 6})
        before, first, between, second, fits, behind = server.records("cut")
        for record, text in ((before, "before"), (between, "between"), (behind, "behind")):
            _is_good(record, text)
        assert first["message"] == '{"message": "' + "x" * (limit - 13)
        assert second["message"] == "ä" * (limit // 2)
        assert first["tags"] == second["tags"] == ["cut", "unparsed"]
        assert (fits["message"], fits["tags"]) == ("y" * (limit - 15), [])
        metrics = server.get("/metrics").body.decode()
        assert 'logd_ingest_cut_lines_total{reason="line_too_long"} 2.0' in metrics


@pytest.mark.parametrize(
    ("limit", "max_rss_bytes"), [(1_048_576, _MAX_RSS_BYTES), (16_777_216, 1_000_000_000)], ids=["cut", "whole"]
)
def test_a_million_levels(tmp_path_factory: pytest.TempPathFactory, limit: int, max_rss_bytes: int) -> None:
    levels = 1_000_000
    elements = [
        _deep("[", "]", levels).encode(),
        _deep('{"a":', "}", levels).encode(),
        b'{"message":"m","a":%s}' % _deep("[", "]", levels).encode(),
        b'{"message":"m","metadata":%s}' % _deep('{"a":', "}", levels).encode(),
    ]
    lines = [*elements, b"[" * levels, b'{"a":' * levels, b'{"message":"m","a":' + b"[" * levels]
    with Server(tmp_path_factory.mktemp("deep"), settings={"ingest.max_line_bytes": limit}) as server:
        for form, sent in (("json", elements), ("ndjson", lines)):
            parts = [part for line in sent for part in (_good("before"), line)]
            body = b"\n".join(parts) if form == "ndjson" else b'{"logs": [' + b",".join(parts) + b"]}"
            answer = server.post(body, NDJSON if form == "ndjson" else JSON, form)
            assert (answer.status, answer.json()) == (202, {"accepted": 2 * len(sent)})
            records = server.records(form)
            assert len(records) == 2 * len(sent)
            for line, before, record in zip(sent, records[::2], records[1::2], strict=True):
                _is_good(before, "before")
                assert record["message"] == line[:limit].decode()
                assert record["tags"] == (["cut", "unparsed"] if len(line) > limit else ["unparsed"])
        assert server.peak_rss_bytes() < max_rss_bytes


def test_a_file_of_bad_lines(tmp_path_factory: pytest.TempPathFactory) -> None:
    """The agent reads plain text: every line is a record, with its text."""
    folder = tmp_path_factory.mktemp("file")
    lines = [part for name in _LINES for part in (b"before " + name.encode(), _LINES[name][0])]
    path = folder / "bad.log"
    path.write_bytes(b"\n".join((*lines, b"x" * 3_000_000, b"behind", b"")))
    # FILE… leaves out what looks binary.
    settings = {"agent.files": json.dumps([{"paths": [str(path)]}])}
    with Server(folder / "server", settings=settings) as server:
        until(lambda: server.search(service="bad", q="behind")["total_hits"], "the last line is found")
        records = server.records("bad")
        assert len(records) == len(lines) + 2
        assert [record["message"] for record in records[:-2:2]] == [f"before {name}" for name in _LINES]
        assert records[-2]["message"] == "x" * 1_048_576
        assert records[-2]["tags"] == ["cut"]
        assert records[-1]["message"] == "behind"
        assert server.peak_rss_bytes() < _MAX_RSS_BYTES
