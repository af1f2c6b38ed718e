"""Any records through each type of rule stay records, as many as came."""

from __future__ import annotations

import tempfile
from pathlib import Path

import msgspec

from logd.config.shaping import ShapeTable
from logd.enrich.rules import compile_rules
from logd.enrich.shaping import Shaping
from logd.parse.columns import NDJSON
from logd.parse.plan import Parser
from logd.parse.window import Limits
from tests.fuzz.records import OBSERVED_US, check, chunk_of

_FOLDER = Path(tempfile.mkdtemp())
(_FOLDER / "file.csv").write_text('key,a.b,"c\n",message,level\nx,1,2,3,ERROR\n"",",",é,\U0001f600,x\n1,,,,\n')
_KEY = "k" * 32
_RULES = (
    [ShapeTable(type="redact")],
    [ShapeTable(type="redact", action="hash", names=["message", "metadata.a", "metadata.a.b"])],
    [ShapeTable(type="redact", detectors=["email"], patterns={"own": "a+b?", "end": "z$"})],
    [
        ShapeTable(type="set", fields={"a.b": {"c": [1]}, "tags": ["t", "a"], "level": "WARN", "host": "x"}),
        ShapeTable(type="set", fields={"a": None, "message": "\x00é", "service": "y"}, overwrite=True, query="a:1"),
    ],
    [
        ShapeTable(type="rename", fields={"a": "b.c", "b": "message", "c.d": "a"}),
        ShapeTable(type="rename", fields={"level": "x", "host": "service", "trace_id": "message"}, overwrite=True),
        ShapeTable(type="copy", fields={"message": "a", "a": "trace_id", "x": "level", "b": "service"}, overwrite=True),
    ],
    [ShapeTable(type="remove", names=["a", "b.c", "m*", "*.[x-z]", "trace_id", "level"], services=["s*"])],
    [
        ShapeTable(type="trace", trace_id=["t", "a.t"], span_id=["s", "message"], traceparent=["p", "a.p"]),
        ShapeTable(type="lookup", file=str(_FOLDER / "file.csv"), key="key", field="a", prefix="l."),
        ShapeTable(type="lookup", file=str(_FOLDER / "file.csv"), key="key", field="message", overwrite=True),
    ],
    [
        ShapeTable(type="drop", query="level:DEBUG OR a:>5 OR metadata.a.b:[1 TO 2] OR message:/x+/"),
        ShapeTable(type="sample", keep=0.5, query="NOT service:x"),
        ShapeTable(type="redact", query="a:* AND message:b"),
    ],
)
SEEDS = (
    b'\x00{"message":"bob@example.org 4111 1111 1111 1111 10.0.0.1 ::1","a":{"s":"123-45-6789","b":[1,"\\u00e9"]}}\n',
    b'\x01{"a":{"b":"Bearer abcdefgh1234","aws_secret_key":"wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"}}\n',
    b'\x02{"a":"eyJhbGciOiJub25lIn0.e30.","b":"DE89 3704 0044 0532 0130 00","m":"aabz"}\ntext a z\n',
    b'\x03{"a":1,"a.b":2,"tags":["a"],"level":"info"}\n{"a":{"b":null}}\n',
    b'\x04{"a":"x","b":{"c":1},"c.d":"\\"","c":{"d":2}}\n{"b.c":1,"x":"error"}\n',
    b'\x05{"a":1,"b":{"c":1,"x":{"y":2}},"mm":1,"trace_id":"t"}\n',
    b'\x06{"t":"1","a":{"p":"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}}\n{"a":"x"}\n{"a":1}\n',
    b'\x07{"level":"debug","a":{"b":1.5},"service":"x"}\n{"a":[1,6],"msg":"b xx"}\n',
)
_parser = Parser("UTC", Limits(), 256 * 1024 * 1024)
_shapings = [
    Shaping(compile_rules(rules, environ={"LOGD_REDACT_KEY": _KEY}))
    for rules in (*_RULES, [rule for rules in _RULES for rule in rules])
]


def test_one_input(data: bytes) -> None:
    """The first byte chooses the rules; the rest are JSON lines, so that any object can be the metadata. Fails on every
    exception."""
    if not data:
        return
    chunk, count = chunk_of(data[1:], NDJSON)
    parsed = _parser.parse([chunk], [OBSERVED_US])
    shaped = _shapings[data[0] % len(_shapings)].shape(parsed.table)
    assert shaped.kept is None or len(shaped.kept) == count
    check(msgspec.structs.replace(parsed, table=shaped.table), count)
