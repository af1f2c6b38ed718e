"""The parser, rule by rule: names, metadata, trace ids, a client's own ids, tags, and lines that are no strict JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from logd.chunk import Positions, log_id
from logd.parse.json import MAX_DEPTH, NAMES
from logd.parse.mend import mend
from logd.parse.plan import Parser
from tests.support.chunks import ACCEPTED, AT, LIMITS, SOURCE, TAKEN_US, chunk_of, read
from tests.support.naive_parse import Record, as_records


@pytest.fixture(scope="module")
def parser() -> Iterator[Parser]:
    """One for all, as in a role: what it has met before must not show."""
    parser = Parser(limits=LIMITS)
    yield parser
    parser.close()


class TestNames:
    @pytest.mark.parametrize("name", NAMES["time"])
    def test_times(self, parser: Parser, name: str) -> None:
        assert read(parser, json.dumps({name: ACCEPTED, "message": "m"})) == {"timestamp": AT, "message": "m"}

    @pytest.mark.parametrize("name", NAMES["level"])
    def test_levels(self, parser: Parser, name: str) -> None:
        assert read(parser, json.dumps({name: "Warning", "message": "m"})) == {"level": "WARN", "message": "m"}

    @pytest.mark.parametrize("name", NAMES["number"])
    def test_opentelemetry_numbers(self, parser: Parser, name: str) -> None:
        assert read(parser, json.dumps({name: 17, "message": "m"})) == {"level": "ERROR", "message": "m"}

    @pytest.mark.parametrize("role", ["service", "host"])
    def test_services_and_hosts(self, parser: Parser, role: str) -> None:
        for name in NAMES[role]:
            assert read(parser, json.dumps({name: "own", "message": "m"})) == {role: "own", "message": "m"}

    @pytest.mark.parametrize("name", NAMES["message"])
    def test_messages(self, parser: Parser, name: str) -> None:
        assert read(parser, json.dumps({name: "m"})) == {"message": "m"}

    @pytest.mark.parametrize("name", NAMES["trace"])
    def test_trace_ids(self, parser: Parser, name: str) -> None:
        assert read(parser, json.dumps({name: "t", "message": "m"})) == {"trace_id": "t", "message": "m"}

    def test_no_two_differ_only_in_case(self) -> None:
        names = [name.lower() for names in NAMES.values() for name in names]
        assert len(set(names)) == len(names)

    @pytest.mark.parametrize(
        ("line", "columns", "kept"),
        [
            # The first present name is taken, in the table's order and not the line's; the others stay.
            ({"msg": "b", "message": "a"}, {"message": "a"}, ["msg"]),
            ({"ts": 5, "timestamp": ACCEPTED}, {"timestamp": AT}, ["ts"]),
            # Null is as good as absent, but stays.
            ({"message": None, "msg": "b"}, {"message": "b"}, ["message"]),
            ({"level": None, "severity": "info"}, {"level": "INFO"}, ["level"]),
            # What doesn't serve isn't consumed, and the next name isn't asked.
            ({"level": "bogus", "severity": "info"}, {}, ["level", "severity"]),
            ({"timestamp": "soon", "time": ACCEPTED}, {}, ["timestamp", "time"]),
            ({"timestamp": True}, {}, ["timestamp"]),
            ({"service": "", "host": ""}, {}, ["service", "host"]),
            # Numbers by whose they are.
            ({"severity": 3}, {"level": "ERROR"}, []),
            ({"level": 50}, {"level": "ERROR"}, []),
            ({"level": 3}, {}, ["level"]),
            ({"level": "info", "severity_number": 17}, {"level": "INFO"}, ["severity_number"]),
            ({"severity_number": 99}, {}, ["severity_number"]),
            # ECS objects give their name or level, and stay.
            ({"service": {"name": "own", "v": 1}}, {"service": "own"}, ["service"]),
            ({"service": {"name": ""}, "host": {"name": None}}, {}, ["service", "host"]),
            ({"log": {"level": "error"}}, {"level": "ERROR"}, ["log"]),
            ({"log": {"level": "error"}, "severity_number": 99}, {"level": "ERROR"}, ["log", "severity_number"]),
            ({"log": '{"level":"error"}'}, {}, ["log"]),
            # Other types become text where a column is text.
            ({"message": {"a": [1, None]}}, {"message": '{"a":[1,null]}'}, []),
            ({"message": 5, "service": True, "host": 7}, {"message": "5", "service": "true", "host": "7"}, []),
            ({"message": ""}, {"message": ""}, []),
            # Without a message the line is it.
            ({"x": 1, "message": None}, {"message": '{"message": null, "x": 1}'}, ["x", "message"]),
            # Keys that only look known, and an empty one, which is a key.
            ({"Message": "m", "LEVEL": "info", "service.Name": "s"}, {}, ["Message", "LEVEL", "service.Name"]),
            ({"": 1}, {}, [""]),
            ({"": 1, "x": 2}, {}, ["", "x"]),
        ],
    )
    def test_rules(self, parser: Parser, line: dict[str, Any], columns: Record, kept: list[str]) -> None:
        line = {"message": "m", **line}
        metadata = {"metadata": {name: line[name] for name in kept}} if kept else {}
        assert read(parser, json.dumps(line)) == {"message": "m", **columns, **metadata}

    @pytest.mark.parametrize("line", ["{}", " { } ", '{"x":1}', '{"":1}', '{"":1,"x":2}'])
    def test_a_line_without_a_message_is_it(self, parser: Parser, line: str) -> None:
        metadata = {"metadata": json.loads(line)} if json.loads(line) else {}
        assert read(parser, line) == {"message": line, **metadata}


class TestMetadata:
    @pytest.mark.parametrize(
        ("line", "metadata"),
        [
            ({"metadata": {"a": 1}}, {"a": 1}),
            ({"metadata": {}}, None),
            ({"metadata": {}, "x": 1}, {"x": 1}),
            ({"metadata": {"a": 1}, "x": {"y": [1, None]}}, {"a": 1, "x": {"y": [1, None]}}),
            ({"metadata": {"x": 1}, "x": 2}, {"metadata": {"x": 1}, "x": 2}),
            ({"metadata": {"metadata": 1}}, {"metadata": 1}),
            ({"metadata": {"metadata": 1}, "x": 2}, {"metadata": 1, "x": 2}),
            ({"metadata": {"message": "inner", "level": "info"}}, {"message": "inner", "level": "info"}),
            ({"metadata": None}, {"metadata": None}),
            ({"metadata": [1]}, {"metadata": [1]}),
            ({"metadata": "text"}, {"metadata": "text"}),
            ({"metadata": '{"a":1}'}, {"metadata": '{"a":1}'}),
            ({"metadata": "{oops"}, {"metadata": "{oops"}),
            ({"a": None, "b": {"c": None}}, {"a": None, "b": {"c": None}}),
            ({"n": 10**30, "f": 1e300, "i": -(2**63), "z": 1.50}, {"n": 10**30, "f": 1e300, "i": -(2**63), "z": 1.5}),
            ({"é\n": "\x00\x1f"}, {"é\n": "\x00\x1f"}),
        ],
    )
    def test_nothing_is_dropped(self, parser: Parser, line: dict[str, Any], metadata: Any) -> None:
        for ascii_only in (True, False):
            record = read(parser, json.dumps({**line, "message": "m"}, ensure_ascii=ascii_only))
            assert record == {"message": "m", **({"metadata": metadata} if metadata else {})}

    @pytest.mark.parametrize(
        ("line", "trace_id", "metadata"),
        [
            ({"metadata": {"trace_id": "t"}}, "t", None),
            ({"metadata": {"trace_id": "t", "b": 2}}, "t", {"b": 2}),
            ({"metadata": {"a": 1, "trace_id": "t", "b": 2}}, "t", {"a": 1, "b": 2}),
            ({"metadata": {"a": 1, "trace_id": "t"}}, "t", {"a": 1}),
            ({"metadata": {"trace_id": 't"\\\n,é😀', "b": 2}}, 't"\\\n,é😀', {"b": 2}),
            ({"metadata": {"trace_id": "t", "b": "back\\slash"}}, "t", {"b": "back\\slash"}),
            ({"metadata": {"a": {"trace_id": "t"}}}, None, {"a": {"trace_id": "t"}}),
            ({"metadata": {"a": {"trace_id": "t"}, "trace_id": "t"}}, "t", {"a": {"trace_id": "t"}}),
            ({"metadata": {"a": '"trace_id":"t"', "trace_id": "t"}}, "t", {"a": '"trace_id":"t"'}),
            ({"metadata": {'a"trace_id': "t", "trace_id": "t"}}, "t", {'a"trace_id': "t"}),
            ({"metadata": {'a"trace_id': "t"}}, None, {'a"trace_id': "t"}),
            ({"metadata": {"trace_id": 5}}, None, {"trace_id": 5}),
            ({"metadata": {"trace_id": 5, "a": {"trace_id": "5"}}}, None, {"trace_id": 5, "a": {"trace_id": "5"}}),
            ({"metadata": {"trace_id": {"trace_id": "t"}}}, None, {"trace_id": {"trace_id": "t"}}),
            ({"metadata": {"trace_id": ""}}, None, {"trace_id": ""}),
            ({"metadata": {"trace_id": "x" * 128}}, "x" * 128, None),
            ({"metadata": {"trace_id": "x" * 129}}, None, {"trace_id": "x" * 129}),
            ({"metadata": {"trace_id": "é" * 65}}, None, {"trace_id": "é" * 65}),
            ({"metadata": {"trace_id": "inner"}, "trace_id": "outer"}, "outer", {"trace_id": "inner"}),
            ({"metadata": {"trace_id": "t"}, "trace_id": ""}, None, {"metadata": {"trace_id": "t"}, "trace_id": ""}),
            ({"metadata": {"trace_id": "t", "b": 2}, "x": 1}, "t", {"b": 2, "x": 1}),
            ({"metadata": {"trace_id": "t", "x": 2}, "x": 1}, None, {"metadata": {"trace_id": "t", "x": 2}, "x": 1}),
            ({"trace_id": "x" * 129}, None, {"trace_id": "x" * 129}),
            ({"traceId": "a", "trace_id": "b"}, "b", {"traceId": "a"}),
        ],
    )  # fmt: skip
    def test_trace_ids_are_lifted(
        self, parser: Parser, line: dict[str, Any], trace_id: str | None, metadata: Any
    ) -> None:
        wanted = {"message": "m", "trace_id": trace_id, "metadata": metadata}
        for separators in ((",", ":"), (" , ", " : ")):
            record = read(parser, json.dumps({**line, "message": "m"}, separators=separators))
            assert record == {name: value for name, value in wanted.items() if value is not None}


class TestOwnIds:
    def test_a_client_chooses_in_an_http_body(self, parser: Parser) -> None:
        parsed = parser.parse([chunk_of('{"log_id":"mine","message":"m"}', '{"message":"m"}')], [TAKEN_US])
        assert parsed.table["log_id"].to_pylist() == ["mine", log_id(SOURCE, 1)]
        assert parsed.own_ids is not None
        assert parsed.own_ids.to_pylist() == [True, False]

    def test_nobody_chooses_in_a_file(self, parser: Parser) -> None:
        parsed = parser.parse([chunk_of('{"log_id":"mine","message":"m"}', positions=Positions.BYTE)], [TAKEN_US])
        (record,) = as_records(parsed.table)
        assert (record["log_id"], record["metadata"]) == (log_id(SOURCE, 0), {"log_id": "mine"})
        assert parsed.own_ids is None

    @pytest.mark.parametrize(
        ("given", "kept"), [("x" * 512, True), ("x" * 513, False), ("é" * 256, True), ("é" * 257, False), ("", False)]
    )
    def test_of_1_to_512_bytes(self, parser: Parser, given: str, kept: bool) -> None:
        record = read(parser, json.dumps({"log_id": given, "message": "m"}))
        assert record == {"message": "m", **({"log_id": given} if kept else {"metadata": {"log_id": given}})}

    def test_joined_results(self, parser: Parser) -> None:
        some = [chunk_of('{"message":"a"}'), chunk_of('{"log_id":"mine"}'), chunk_of("text", "NaN")]
        parts = [parser.parse([one], [TAKEN_US]) for one in some]
        joined = parts[0].joined(parts[1]).joined(parts[2])
        together = parser.parse(some, [TAKEN_US] * 3)
        assert as_records(joined.table) == as_records(together.table)
        assert joined.own_ids is not None
        assert joined.own_ids.to_pylist() == [False, True, False, False]
        assert (joined.unparsed, joined.mended, joined.out_of_window) == (2, 0, 0)


class TestTags:
    @pytest.mark.parametrize(
        ("own", "tags", "metadata"),
        [
            (["a", "b"], ["t", "a", "b"], None),
            ([], ["t"], None),
            ([1, None, {"a": 1}, ["x"]], ["t", "1", '{"a":1}', '["x"]'], None),
            ("a", ["t"], {"tags": "a"}),
            ('["a"]', ["t"], {"tags": '["a"]'}),
            ("[", ["t"], {"tags": "["}),
            (None, ["t"], {"tags": None}),
        ],
    )
    def test_after_the_chunks_own(self, parser: Parser, own: Any, tags: list[str], metadata: Any) -> None:
        record = read(parser, json.dumps({"tags": own, "message": "m"}), tags=("t",))
        assert record == {"message": "m", "tags": tags, **({"metadata": metadata} if metadata else {})}

    def test_none_are_null(self, parser: Parser) -> None:
        assert (
            read(parser, '{"tags":[null],"message":"m"}')
            == read(parser, '{"tags":[],"message":"m"}')
            == {"message": "m"}
        )


class TestMended:
    """Lines that are no strict JSON, or that DuckDB reads in another way."""

    @pytest.mark.parametrize(
        ("line", "record"),
        [
            ('{"message":"m","x":NaN}', {"message": "m", "metadata": {"x": "NaN"}}),
            ('{"message":"m","x":[-Infinity, 1]}', {"message": "m", "metadata": {"x": ["-Infinity", 1]}}),
            ('{"message":"m","metadata":{"x":NaN}}', {"message": "m", "metadata": {"x": "NaN"}}),
            ('{"message":"m","metadata":{"x":":NaN,"}}', {"message": "m", "metadata": {"x": ":NaN,"}}),
            ('{"message":"m","x":"\\ud800"}', {"message": "m", "metadata": {"x": "\ufffd"}}),
            ('{"message":"\\udc00\\ud800"}', {"message": "\ufffd\ufffd"}),
            ('{"message":"\\ud83d\\ude00"}', {"message": "😀"}),
            ('{"message":"m","\\ud800":1,"\\ud801":2}', {"message": "m", "metadata": {"\ufffd": 2}}),
            ('{"message":"a","message":"b"}', {"message": "b"}),
            ('{"message":"m","x":1,"y":2,"x":3}', {"message": "m", "metadata": {"x": 3, "y": 2}}),
            ('{"x":1,"x":NaN}\r', {"message": '{"x":1,"x":NaN}', "metadata": {"x": "NaN"}}),
            ('{"message":"a\\u0000b","x":"\\u0000"}', {"message": "a\0b", "metadata": {"x": "\0"}}),
        ],
    )
    def test_to_json(self, parser: Parser, line: str, record: Record) -> None:
        assert read(parser, line) == record

    @pytest.mark.parametrize(
        "line",
        ['{"message":"m"', '{"message":"m"} x', '{"message":"m"} {}', "{", "{]", '{"a" 1}', "{a:1}", "{'a':1}",
         '{"a":01}', '{"a":"\t"}', '{"a":"\\x"}', '{"a":tru}', '{"message":"m", /* no */ "a":1}',
         '\ufeff{"message":"m"}', '\xa0{"message":"m"}', '{"x":"' + "é" * 200, "[1]", '"x"', "null", "5"],
    )  # fmt: skip
    def test_or_text(self, parser: Parser, line: str) -> None:
        assert read(parser, line) == {"message": line, "tags": ["unparsed"]}

    def test_text_is_unparsed_where_json_was_promised(self, parser: Parser) -> None:
        assert read(parser, "hello") == {"message": "hello", "tags": ["unparsed"]}
        assert read(parser, "hello", content_type="text/plain") == {"message": "hello"}
        assert read(parser, "{hello", content_type="text/plain") == {"message": "{hello", "tags": ["unparsed"]}

    @pytest.mark.parametrize("depth", [2, MAX_DEPTH - 1, MAX_DEPTH, MAX_DEPTH + 1])
    @pytest.mark.parametrize("brackets", ["[]", "{}"])
    def test_depth(self, parser: Parser, depth: int, brackets: str) -> None:
        inner = depth - 1
        opened, closed = ('{"x":', "}") if brackets == "{}" else ("[", "]")
        line = f'{{"message":"m","host":"own","x":{opened * inner}1{closed * inner}}}'
        record = read(parser, line)
        if depth > MAX_DEPTH:
            assert record == {"message": line, "tags": ["unparsed"]}
        else:
            assert record == {"message": "m", "host": "own", "metadata": {"x": json.loads(line)["x"]}}

    def test_many_brackets_are_no_depth(self, parser: Parser) -> None:
        many = [{"a": [1]}] * 600
        line = json.dumps({"timestamp": ACCEPTED, "level": "info", "message": "m", "x": many})
        assert read(parser, line) == {"timestamp": AT, "level": "INFO", "message": "m", "metadata": {"x": many}}

    def test_text_full_of_brackets(self, parser: Parser) -> None:
        text = "[{" * 2_000
        assert read(parser, json.dumps({"message": "m", "x": text})) == {"message": "m", "metadata": {"x": text}}


@pytest.mark.parametrize(
    ("line", "mended"),
    [
        ('{"a":1}', '{"a":1}'),
        (' { "a" : [ 1 , 2.50 ] } \n', '{"a":[1,2.5]}'),
        ('{"a":NaN,"b":-Infinity}', '{"a":"NaN","b":"-Infinity"}'),
        ('{"a":1e999,"b":-1E999}', '{"a":"1e999","b":"-1E999"}'),
        ('{"a":' + "9" * 309 + "}", '{"a":"' + "9" * 309 + '"}'),
        ('{"a":' + "9" * 308 + "}", '{"a":' + "9" * 308 + "}"),
        ('{"a":1,"a":2}', '{"a":2}'),
        ('{"a":{"b":1,"b":2}}', '{"a":{"b":2}}'),
        ('{"a":"\\ud800 \\ud83d\\ude00"}', '{"a":"\ufffd 😀"}'),
        ('{"\\ud800":1,"\\ud801":2}', '{"\ufffd":2}'),
        ("[1]", None),
        ("5", None),
        ("{", None),
        ('{"a":1} x', None),
        ('{"a":nan}', None),
        ('{"a":' * (MAX_DEPTH + 1) + "1" + "}" * (MAX_DEPTH + 1), None),
        ('{"a":"' + "[" * 1_000 + '"}', '{"a":"' + "[" * 1_000 + '"}'),
        ('{"a\\"[":"' + "\\\\[" * 600 + '"}', '{"a\\"[":"' + "\\\\[" * 600 + '"}'),
    ],
)
def test_mend(line: str, mended: str | None) -> None:
    assert mend(line) == mended
