"""Container runtimes' records as the processor reads them: text, time and stream, one record or several in a line."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from logd.chunk import CRI, DOCKER, TEXT, Message, Positions, compress, events_body, from_message
from logd.parse.plan import Parser
from tests.support.chunks import LIMITS, OBSERVED_US, TAKEN_US, chunk_of, read
from tests.support.naive_parse import as_records
from tests.support.parsers import one

AT = datetime(2024, 11, 22, 9, 30, 1, 589793, UTC)
TIME = "2024-11-22T09:30:01.589793238Z"


@pytest.fixture(scope="module")
def parser() -> Iterator[Parser]:
    parser = Parser(limits=LIMITS)
    yield parser
    parser.close()


def cri(text: str, stream: str = "stdout", tag: str = "F", time: str = TIME) -> str:
    return f"{time} {stream} {tag} {text}"


def docker(text: str, stream: str = "stdout", tag: str = "F", time: str = TIME) -> str:
    log = text + ("\n" if tag == "F" else "")
    return json.dumps({"log": log, "stream": stream, "time": time}, separators=(",", ":"))


KINDS = {CRI: cri, DOCKER: docker}
OUT = {"metadata": {"stream": "stdout"}}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("hello", {"message": "hello"}),
        ("", {"message": ""}),
        ("  two  spaces ", {"message": "  two  spaces "}),
        ("stdout F x", {"message": "stdout F x"}),
        ("é \t \\ \" 'quoted'", {"message": "é \t \\ \" 'quoted'"}),
        ("\r", {"message": ""}),
        ("WARN: low", {"message": "WARN: low", "level": "WARN"}),
        # A time in a text says less than the runtime's.
        ("2024-11-22 08:00:00 ERROR x", {"message": "2024-11-22 08:00:00 ERROR x", "level": "ERROR"}),
        (
            '{"message":"m","level":"warn","a":1}',
            {"message": "m", "level": "WARN", "metadata": {"a": 1, "stream": "stdout"}},
        ),
        ('{"message":"m","stream":"mine"}', {"message": "m", "metadata": {"stream": "mine"}}),
        (
            '{"message":"m","time":"2024-11-22T09:00:00Z"}',
            {"message": "m", "timestamp": datetime(2024, 11, 22, 9, tzinfo=UTC)},
        ),
        ('{"message":', {"message": '{"message":', "tags": ["unparsed"]}),
        ('{"message":"m","x":NaN}', {"message": "m", "metadata": {"x": "NaN", "stream": "stdout"}}),
    ],
)
def test_one_record(parser: Parser, kind: str, text: str, wanted: dict[str, Any]) -> None:
    for ending in ("", "\n"):
        record = KINDS[kind](text)
        found = read(parser, record + ending, content_type=kind, positions=Positions.BYTE)
        assert found == {"timestamp": AT, **OUT, **wanted}


@pytest.mark.parametrize("kind", KINDS)
def test_several_records_are_one(parser: Parser, kind: str) -> None:
    record = KINDS[kind]
    later = "2024-11-22T09:45:00Z"
    events = [
        [record("a", tag="P"), record("b ", tag="P", time=later), record("c", time=later)],
        [record("java.io.IOException: no", "stderr"), record("\tat a.B", "stderr"), record("", "stderr")],
        [record('{"message":', tag="P"), record('"m"}')],
        [record("unfinished", tag="P")],
        [record("one", "stderr"), "no record", record("ü")],
    ]
    texts = ["\n".join(parts).encode() for parts in events]
    chunk = chunk_of(
        value=compress(events_body(range(5), texts)),
        events=True,
        lines=5,
        content_type=kind,
        positions=Positions.BYTE,
        fields={"pod": "web-1"},
    )
    records = as_records(parser.parse([chunk], [TAKEN_US]).table)
    broken = "" if kind == DOCKER else "\n"
    assert [found["message"] for found in records] == [
        "ab c",
        "java.io.IOException: no\n\tat a.B\n",
        "m",
        "unfinished",
        f"one\nno record{broken}ü",
    ]
    assert {found["timestamp"] for found in records} == {AT}
    streams = ["stdout", "stderr", "stdout", "stdout", "stderr"]
    assert [found["metadata"] for found in records] == [{"pod": "web-1", "stream": stream} for stream in streams]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "line",
    [
        "",
        "hello",
        "{",
        '{"log":"cut off',
        '{"log":"a\\n","stream":"stdout","time"',
        '{"log":1',
        '{"log":' + "[" * 1_000_000,
        '{"log":"a","x":' + "[" * 500_000 + "]" * 500_000 + "}",
        "2024-11-22T09:30:01Z stdin F x",
        "2024-11-22T09:30:01Z stdout Q x",
        " stdout F x",
        "\n\n",
        "\x00",
    ],
)
@pytest.mark.timeout(60)
def test_what_is_no_record_harms_no_other(parser: Parser, kind: str, line: str) -> None:
    good = KINDS[kind]("good")
    texts = [text.encode() for text in (good, line, good)]
    chunk = chunk_of(value=compress(events_body(range(3), texts)), events=True, lines=3, content_type=kind)
    first, odd, last = as_records(parser.parse([chunk], [TAKEN_US]).table)
    assert first["message"] == last["message"] == "good"
    assert first["timestamp"] == last["timestamp"] == AT
    assert odd["tags"] == ["unparsed"]
    assert odd["message"] == line.removesuffix("\n")
    assert odd["metadata"] is None


#: Records that were cut, and their texts; None where they don't show.
CUT = [
    ('{"log":"cut off', "cut off"),
    ('{"log":"', ""),
    ('{"log":"a\\', "a"),
    ('{"log":"a\\\\', "a\\"),
    ('{"log":"a\\u00', "a"),
    ('{"log":"a\\u00e9', "aé"),
    ('{"log":"a\\ud83d', "a"),
    ('{"log":"a\\ud83d\\ude', "a"),
    ('{"log":"a\\ud83d\\ude00 \\"b\\"\\t', 'a😀 "b"\t'),
    ('{"log":"a\\ud83d b', "a\ufffd b"),
    ('{"log":"WARN: low\\n","stream":"stdo', "WARN: low"),
    ('{"log":"a"', "a"),
    ('{"log":"' + "[" * 1_000_000, "[" * 1_000_000),
    ('{"log":"' + "a\\n\\t" * 200_000, ("a\n\t" * 200_000)),
    ('{"log":"a\\q b', None),
    ('{"log":"a\\uX b', None),
    ('{"log":1', None),
    ('{"log', None),
    ("hello", None),
]


@pytest.mark.parametrize(("record", "text"), CUT)
@pytest.mark.timeout(60)
def test_a_record_of_docker_that_was_cut(parser: Parser, record: str, text: str | None) -> None:
    whole = chunk_of(docker("whole"), content_type=DOCKER)
    body = compress(events_body([0], [record.encode()]))
    cut = chunk_of(value=body, events=True, lines=1, content_type=DOCKER, tags=("web", "cut"))
    first, found, last = as_records(parser.parse([whole, cut, whole], [TAKEN_US] * 3).table)
    assert first["message"] == last["message"] == "whole"
    assert first["metadata"] == last["metadata"] == OUT["metadata"]
    assert found["message"] == (record if text is None else text)
    assert found["tags"] == ["web", "cut", *(["unparsed"] if text is None else [])]
    assert found["timestamp"] == datetime(2024, 11, 22, 10, tzinfo=UTC)
    assert found["level"] == ("WARN" if text == "WARN: low" else None)
    assert found["metadata"] is None


def test_a_record_that_was_cut_within_a_character(parser: Parser) -> None:
    body = compress(events_body([0], [docker("caf").encode()[:11] + "é".encode()[:1]]))
    chunk = chunk_of(value=body, events=True, lines=1, content_type=DOCKER, tags=("cut",))
    (found,) = as_records(parser.parse([chunk], [TAKEN_US]).table)
    assert (found["message"], found["tags"]) == ("caf\ufffd", ["cut"])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("time", "original"), [("1999-01-01T00:00:00Z", "1999-01-01T00:00:00.000000Z"), ("yesterday", None)]
)
def test_times_that_wont_do(parser: Parser, kind: str, time: str, original: str | None) -> None:
    found = read(parser, KINDS[kind]("hello", time=time), content_type=kind)
    metadata = {"stream": "stdout", **({"original_timestamp": original} if original else {})}
    assert found == {"message": "hello", "metadata": metadata}


@pytest.mark.parametrize("kind", KINDS)
def test_a_configured_parser_takes_apart_what_the_container_wrote(kind: str) -> None:
    """What the chunk says it is needs no step; a text stays as it came, unless a step takes the wrapping off."""
    steps = r"{type = 'regex', pattern = '^user (?P<user>\w+)$'}, {type = 'json'}"
    plain, told = (Parser(limits=LIMITS, chains=one(each)) for each in (steps, f"{{type = 'container'}}, {steps}"))
    try:
        records = [KINDS[kind](text) for text in ("user bob", '{"message":"m","a":1}', "else")]
        expected = [
            {"timestamp": AT, "message": "user bob", "metadata": {"user": "bob", "stream": "stdout"}},
            {"timestamp": AT, "message": "m", "metadata": {"a": 1, "stream": "stdout"}},
            {"timestamp": AT, "message": "else", "tags": ["unparsed"], **OUT},
        ]
        for record, wanted in zip(records, expected, strict=True):
            assert read(plain, record, content_type=kind) == wanted
            assert read(told, record, content_type=kind) == wanted
            assert read(told, record, content_type=TEXT) == wanted
            foreign = from_message(Message(3, 7, OBSERVED_US, "shop", {"content-type": kind}, record.encode()))
            (found,) = as_records(plain.parse([foreign], [TAKEN_US]).table)
            assert {name: found[name] for name in wanted} == wanted
        assert read(plain, records[0], content_type=TEXT)["message"] != "user bob"
    finally:
        plain.close()
        told.close()


def test_beside_other_chunks(parser: Parser) -> None:
    chance = random.Random(7)
    kinds = {CRI: cri, DOCKER: docker, "text/plain": lambda text, stream: text}
    chunks, wanted = [], []
    for number in range(40):
        kind = chance.choice(sorted(kinds))
        streams = [chance.choice(("stdout", "stderr")) for _ in range(chance.randrange(1, 30))]
        fields = {"n": number} if chance.random() < 0.5 else {}
        lines = [kinds[kind](f"line {place} of {number}", stream) for place, stream in enumerate(streams)]
        chunks.append(chunk_of(*lines, content_type=kind, fields=fields))
        wanted += [
            (f"line {place} of {number}", {**fields, **({} if kind == "text/plain" else {"stream": stream})} or None)
            for place, stream in enumerate(streams)
        ]
    records = as_records(parser.parse(chunks, [TAKEN_US] * len(chunks)).table)
    assert [(found["message"], found["metadata"]) for found in records] == wanted
