"""Files that aren't UTF-8: their lines arrive as UTF-8, at the positions that they have in their file."""

from __future__ import annotations

import codecs
from itertools import pairwise
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from logd.agent.encodings import BY_NAME, Encoding
from logd.errors import Unavailable
from tests.support.agent import Start, append

#: With characters whose bytes have a newline's in them, and ones of four bytes.
LINES = ["plain", "", "ĊਊĀ਀ü", "emoji \U0001f600", "\U0001f60a\u0a0a", "\u000b\u0085\u2028 are no newlines", "end\r"]
CODECS = {
    "utf-16": (codecs.BOM_UTF16_LE, "utf-16-le"),
    "utf-16-be": (b"", "utf-16-be"),
    "utf-16-le": (b"", "utf-16-le"),
}


def utf8(lines: list[str]) -> list[bytes]:
    return [line.encode() for line in lines]


@pytest.mark.parametrize(
    ("encoding", "bom", "codec"),
    [
        ("utf-16", codecs.BOM_UTF16_LE, "utf-16-le"),
        ("utf-16", codecs.BOM_UTF16_BE, "utf-16-be"),
        ("utf-16", b"", "utf-16-le"),
        ("utf-16-le", codecs.BOM_UTF16_LE, "utf-16-le"),
        ("utf-16-le", b"", "utf-16-le"),
        ("utf-16-be", codecs.BOM_UTF16_BE, "utf-16-be"),
    ],
)
def test_utf_16_a_byte_at_a_time(app: Path, start: Start, encoding: str, bom: bytes, codec: str) -> None:
    agent = start(encoding=encoding, batch_seconds=0.0, partial_line_seconds=1e6)
    data = bom + "".join(f"{line}\n" for line in LINES).encode(codec)
    for byte in range(len(data)):
        append(app, data[byte : byte + 1])
        agent.round(1.0)
    assert agent.target.texts == utf8(LINES)
    for line, text in zip(agent.target.lines, LINES, strict=True):
        after = data[line.position :].removeprefix(bom if line.position == 0 else b"")
        assert after.startswith((text + "\n").encode(codec))


def test_latin_1(app: Path, start: Start) -> None:
    append(app, "Grüße\r\n\x85\xa0ÿ\n\nend\n".encode("latin-1"))
    agent = start(encoding="latin-1")
    assert agent.settle() == utf8(["Grüße\r", "\x85\xa0ÿ", "", "end"])
    assert [line.position for line in agent.target.lines] == [0, 7, 11, 12]
    assert [item.lines for item in agent.target.chunks] == [4]


@pytest.mark.parametrize("encoding", CODECS)
def test_many_lines_and_long_ones(app: Path, start: Start, encoding: str) -> None:
    bom, codec = CODECS[encoding]
    lines = [*(f"{number} ü{'x' * (number % 300)}" for number in range(5_000)), "é" * 3_000, "z", "ab" * 600_000, "y"]
    append(app, bom + "".join(f"{line}\n" for line in lines).encode(codec))
    agent = start(encoding=encoding, max_line_bytes=4096)
    assert agent.settle() == utf8([*lines[:-4], "é" * 2048, "z", "ab" * 1024, "y"])
    assert agent.follower.counts.cut_lines == 2


@pytest.mark.parametrize("encoding", ["latin-1", "utf-16"])
def test_multiline(app: Path, start: Start, encoding: str) -> None:
    agent = start(encoding=encoding, multiline_continuation=r"\s|é", multiline_seconds=1e6)
    append(app, "a\n ü\nédition\nb\n c\nd\n".encode(encoding))
    assert agent.settle() == utf8(["a\n ü\nédition", "b\n c"])


@pytest.mark.parametrize("encoding", ["latin-1", "utf-16"])
def test_an_unfinished_line(app: Path, start: Start, encoding: str) -> None:
    codec = {"utf-16": "utf-16-le"}.get(encoding, encoding)
    agent = start(encoding=encoding, partial_line_seconds=1.0)
    append(app, "a\nbé".encode(codec) + b"x")
    agent.settle()
    # Half of a character waits for the other.
    half = [b"b\xc3\xa9x"] if encoding == "latin-1" else [b"b\xc3\xa9"]
    assert agent.settle() == [b"a", *half]
    agent.restart()
    append(app, b"" if encoding == "latin-1" else b"\0")
    append(app, "\r\nc\n".encode(codec))
    assert agent.settle() == [b"a", *half, *([b"c"] if encoding == "latin-1" else [b"x\r", b"c"])]


def test_from_the_end_of_half_a_character(app: Path, start: Start) -> None:
    append(app, "old\n".encode("utf-16-le") + b"n")
    agent = start(encoding="utf-16", read_from="end")
    append(app, b"\0" + "ew\nx\n".encode("utf-16-le"))
    assert agent.settle() == [b"new", b"x"]


def test_a_resend_is_the_same_whatever_the_configuration_is_by_then(app: Path, start: Start) -> None:
    agent = start(encoding="utf-16", max_line_bytes=4096)
    append(app, codecs.BOM_UTF16_BE + "".join(f"{line}\n" for line in [*LINES * 300, "x" * 9_000]).encode("utf-16-be"))
    agent.target.forget = 1
    with pytest.raises(Unavailable):
        agent.settle()
    agent.crash()
    first = list(agent.target.attempts)
    entry = msgspec.structs.replace(agent.config.agent.files[0], encoding="utf-8")
    agent.config = msgspec.structs.replace(
        agent.config, agent=msgspec.structs.replace(agent.config.agent, files=[entry])
    )
    agent.start()
    assert agent.target.attempts[len(first) :] == first


@settings(max_examples=1000)
@given(st.binary(max_size=80), st.sampled_from(sorted(BY_NAME)))
def test_whatever_the_bytes(data: bytes, name: str) -> None:
    encoding: Encoding = BY_NAME[name]
    data = data.replace(b"\x07", encoding.newline)
    starts, texts = encoding.starts(data), encoding.texts(data, 1)
    assert len(starts) == len(texts) + 1
    assert starts[0] == 0
    assert starts[-1] == len(data)
    assert texts == [encoding.texts(data[start:end], 1)[0] for start, end in pairwise(starts)]
    ends = [end for end in starts[1:] if end % encoding.unit == 0 and data[:end].endswith(encoding.newline)]
    assert encoding.first_end(data) == (ends[0] if ends else 0)
    assert encoding.last_end(data) == (ends[-1] if ends else 0)
