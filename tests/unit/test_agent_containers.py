"""Container runtimes' files: which records belong together, and that all else travels as it is."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from logd.agent.containers import all_whole, format_of, records
from logd.chunk import CRI, DOCKER, MAX_CHUNK_LINES, TEXT
from logd.errors import Unavailable
from tests.support.agent import Start, append


def cri(text: str, stream: str = "stdout", tag: str = "F", second: int = 0) -> bytes:
    return f"2026-03-14T09:26:{second:02}.589793238Z {stream} {tag} {text}\n".encode()


def docker(text: str, stream: str = "stdout", tag: str = "F", second: int = 0) -> bytes:
    log = text + ("\n" if tag == "F" else "")
    time = f"2026-03-14T09:26:{second:02}.589793238Z"
    return json.dumps({"log": log, "stream": stream, "time": time}, separators=(",", ":")).encode() + b"\n"


KINDS = {"cri": cri, "docker": docker}
Record = Callable[..., bytes]


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def record(kind: str) -> Record:
    return KINDS[kind]


def event(*parts: bytes) -> bytes:
    return b"".join(parts).removesuffix(b"\n")


@pytest.mark.parametrize(
    ("prefix", "kind"),
    [
        (b"", ""),
        (b"2026-03-14T09:2", ""),
        (b"2026-03-14T09:26:53.58Z stdout F x", "cri"),
        (b"2026-03-14T09:26:53.58+02:00 stderr P x", "cri"),
        (b"2026-03-14T09:26:53.58Z stdout F\n", "cri"),
        (b"2026-03-14T09:26:53.58Z stdin F x\n", "lines"),
        (b'{"log":"a', "docker"),
        (b'{"log', ""),
        (b'{"log":1}\n', "lines"),
        (b"\n", "lines"),
        (b"x" * 128, "lines"),
    ],
)
def test_what_a_file_shows(prefix: bytes, kind: str) -> None:
    assert format_of(prefix) == kind


@pytest.mark.parametrize(
    ("content_type", "line", "partial"),
    [
        (CRI, cri("a"), False),
        (CRI, cri("a", tag="P"), True),
        (CRI, cri(" stdout P b"), False),
        (CRI, b"no record\n", False),
        (DOCKER, docker("a"), False),
        (DOCKER, docker("a", tag="P"), True),
        (DOCKER, docker("", tag="P"), True),
        (DOCKER, docker("ends with \\n", tag="P"), True),
        (DOCKER, docker("ends with \\\\"), False),
        (DOCKER, docker('\\n","stream":"'), False),
        (DOCKER, docker('\\n","stream":"', tag="P"), True),
        (DOCKER, b'{"log":"a\\n","stream":"stdout","attrs":{"b":"c"},"time":"x"}\n', False),
        (DOCKER, b'{"log":"a","stream":"stdout","attrs":{"b":"\\n","stream":"c"},"time":"x"}\n', True),
        (DOCKER, b"no record\n", False),
    ],
)
def test_parts(content_type: str, line: bytes, partial: bool) -> None:
    assert list(records(content_type, line, 1, texts=False).partial) == [partial]
    if partial and b'"attrs"' not in line:
        assert not all_whole(content_type, line, 1)


def test_whole_records_travel_as_they_are(app: Path, start: Start, kind: str, record: Record) -> None:
    data = b"".join(record(f"text {number}", ("stdout", "stderr")[number % 2]) for number in range(2_500))
    append(app, data)
    agent = start(format=kind)
    assert b"\n".join((*agent.settle(), b"")) == data
    assert {item.events for item in agent.target.chunks} == {False}
    assert {item.content_type for item in agent.target.chunks} == {{"cri": CRI, "docker": DOCKER}[kind]}


def test_parts_are_joined_in_their_stream(app: Path, start: Start, kind: str, record: Record) -> None:
    first, second, third = (record(text, tag=tag) for text, tag in (("a", "P"), ("b", "P"), ("c", "F")))
    other, between = record("x", "stderr", "P"), record("y", "stderr")
    plain = record("plain")
    append(app, plain + first + other + second + between + plain[:-1] + b"\n" + third + plain)
    agent = start(format=kind)
    # The third line of stdout goes on with the part before it; what comes then is a line of its own.
    assert agent.settle() == [
        event(plain),
        event(first, second, plain),
        event(other, between),
        event(third),
        event(plain),
    ]
    assert [line.position for line in agent.target.lines] == sorted(line.position for line in agent.target.lines)


def test_a_part_waits_for_the_rest(app: Path, start: Start, kind: str, record: Record) -> None:
    agent = start(format=kind, multiline_seconds=2.0)
    part, rest, plain = record("a", tag="P"), record("b"), record("plain")
    append(app, plain + part)
    agent.round(1.5)
    agent.round(0.6)
    assert agent.target.texts == [event(plain)]
    append(app, rest)
    agent.round(0.6)
    agent.round(0.6)
    assert agent.target.texts == [event(plain), event(part, rest)]
    append(app, part)
    agent.settle()
    agent.round(2.0)
    assert agent.target.texts[2:] == [event(part)]


def test_a_part_whose_stream_is_silent_holds_nothing_up(app: Path, start: Start, kind: str, record: Record) -> None:
    agent = start(format=kind, multiline_seconds=2.0)
    part, rest = record("part", "stderr", "P"), record("rest", "stderr", second=2)
    append(app, part)
    for second in (1, 1, 1, 1):
        append(app, record("x", second=second))
        agent.round(1.9)
    assert agent.target.texts == []
    append(app, record("x", second=2) + rest)
    agent.round(0.6)
    agent.round(0.6)
    assert agent.target.texts[0] == event(part)
    assert agent.target.texts[-1] == event(rest)


def test_traces_in_a_container(app: Path, start: Start, kind: str, record: Record) -> None:
    trace = [record(text, "stderr") for text in ("java.io.IOException: no", "\tat a.B.c(B.java:1)", "\t... 3 more")]
    log = [record("2026 ERROR oh", "stderr"), record("2026 INFO \"fine\" 'é'")]
    append(app, log[0] + trace[0] + log[1] + trace[1] + trace[2] + log[1] + log[0])
    agent = start(format=kind, multiline="java", multiline_seconds=5.0)
    agent.settle()
    agent.round(5.0)
    assert agent.target.texts == [event(log[0], *trace), event(log[1]), event(log[1]), event(log[0])]


def test_two_streams_that_are_never_apart(app: Path, start: Start, kind: str, record: Record) -> None:
    # Every part is followed by a whole line of the other stream, and its rest stands behind the next part of that.
    texts = [record(str(number), ("stdout", "stderr")[number % 2], "P") for number in range(3_000)]
    append(app, b"".join(texts))
    agent = start(format=kind, multiline_lines=500)
    agent.settle()
    agent.round(2.0)
    got = b"\n".join((*agent.target.texts, b"")).splitlines()
    assert sorted(got) == sorted(text[:-1] for text in texts)
    assert max(item.lines for item in agent.target.chunks) <= MAX_CHUNK_LINES
    assert len(agent.target.texts) < 30


def test_lines_that_are_no_records(app: Path, start: Start, kind: str, record: Record) -> None:
    broken = [
        b"oops\n",
        b'{"log":"a\n',
        b"\n",
        b"2026 stdout X a\n",
        b"\xff\xfe\n",
        b'{"log":[1]}\n',
        b"[" * 9000 + b"\n",
    ]
    append(app, b"".join(line + record("a", tag="P") + record("b") for line in broken))
    agent = start(format=kind)
    joined = event(record("a", tag="P"), record("b"))
    assert agent.settle() == [text for line in broken for text in (line[:-1], joined)]


def test_auto(tmp_path: Path, app: Path, start: Start) -> None:
    agent = start(format="auto", batch_seconds=0.0, partial_line_seconds=1.0)
    for name, data in (("cri", cri("a")), ("docker", docker("a")), ("app", b"a\n"), ("part", b"20")):
        for byte in range(len(data)):
            append(app.with_name(f"{name}.log"), data[byte : byte + 1])
            agent.round(0.25)
    agent.settle()
    types = {Path(item.source).stem: item.content_type for item in agent.target.chunks}
    assert types == {"cri": CRI, "docker": DOCKER, "app": TEXT, "part": TEXT}


def test_a_resend_is_the_same_whatever_the_configuration_is_by_then(
    app: Path, start: Start, kind: str, record: Record
) -> None:
    agent = start(format=kind)
    append(app, (record("a", tag="P") + record("x", "stderr") + record("b") + record("c")) * 700)
    agent.target.forget = 1
    with pytest.raises(Unavailable):
        agent.settle()
    agent.crash()
    first = list(agent.target.attempts)
    entry = msgspec.structs.replace(agent.config.agent.files[0], format="lines", encoding="utf-16")
    agent.config = msgspec.structs.replace(
        agent.config, agent=msgspec.structs.replace(agent.config.agent, files=[entry])
    )
    agent.start()
    assert agent.target.attempts[len(first) :] == first
    assert agent.target.lines[0].text == event(record("a", tag="P"), record("b"))
