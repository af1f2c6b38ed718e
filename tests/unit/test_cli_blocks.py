"""Parsed lines as a terminal shows them: nothing wider than it, nothing that it would obey."""

from __future__ import annotations

import fcntl
import io
import json
import os
import pty
import re
import struct
import subprocess
import sys
import termios
import unicodedata
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from logd.chunk import TEXT, compress, events_body
from logd.cli.blocks import Blocks
from logd.cli.hits import cut, width
from logd.parse.plan import Parser
from tests.support.chunks import TAKEN_US, chunk_of

_COLOUR = re.compile(r"\x1b\[[0-9;]*m")


@pytest.fixture(scope="module")
def parser() -> Iterator[Parser]:
    parser = Parser()
    yield parser
    parser.close()


def _shown(parser: Parser, *lines: str, columns: int = 80, colour: bool = False, service: str = "shop") -> list[str]:
    texts = [line.encode("utf-8", "surrogatepass") for line in lines]
    value = compress(events_body(range(len(texts)), texts))
    chunk = chunk_of("", content_type=TEXT, events=True, lines=len(texts), value=value, service=service, host="here")
    out = io.StringIO()
    Blocks("here", columns, colour).write(parser.parse([chunk], [TAKEN_US]), out)
    return out.getvalue().split("\n")[:-1]


def test_a_line_that_fits_is_one(parser: Parser) -> None:
    line = json.dumps({"time": "2024-11-22T09:00:00Z", "level": "warn", "msg": "paid late"})
    assert _shown(parser, line) == ["2024-11-22T09:00:00.000Z WARN  shop paid late"]


def test_what_is_longer_goes_on_below(parser: Parser) -> None:
    fields = {"pod": "shop/cart-7", "order": 17, "path": "/a" * 100, "x": "a\nb", "host": "web1"}
    line = json.dumps({"time": "2024-11-22T09:00:00Z", "msg": "one two three " * 6 + "\n\tat four", **fields})
    assert _shown(parser, line) == [
        "2024-11-22T09:00:00.000Z -     shop web1 one two three one two three one two",
        "    three one two three one two three one two three",
        "        at four",
        "    pod=shop/cart-7  order=17",
        "    path=/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a…",
        r'    x="a\nb"',
    ]


def test_a_long_message_shows_its_beginning(parser: Parser) -> None:
    shown = _shown(parser, "\n".join(f"line {number}" for number in range(10_000)))
    assert [line.split()[-1] for line in shown] == [*map(str, range(8)), "…"]
    assert len(_shown(parser, "x" * 1_000_000)) == 9


def test_a_head_without_room_stands_alone(parser: Parser) -> None:
    assert _shown(parser, "a text", columns=50, service="0123456789" * 6) == [
        "2024-11-22T10:00:00.000Z -     01234567890123456789012…",
        "    a text",
    ]


_TEXT = st.text(st.sampled_from('ab x日é\u0301😀\u200b\x1b\x07\x9b\t\n\r\u202e\u2028="'), max_size=300)


@settings(deadline=None, max_examples=100)
@given(message=_TEXT, name=_TEXT, value=_TEXT, columns=st.integers(60, 200), colour=st.booleans())
def test_nothing_is_wider_than_the_terminal(
    parser: Parser, message: str, name: str, value: str, columns: int, colour: bool
) -> None:
    for line in _shown(parser, json.dumps({"msg": message, name: value}), columns=columns, colour=colour):
        plain = _COLOUR.sub("", line) if colour else line
        assert width(plain) <= columns
        assert not any(unicodedata.category(character) in ("Cc", "Zl", "Zp") for character in plain)
        assert "\u202e" not in plain


@pytest.mark.parametrize(
    ("text", "columns", "cut_to"),
    [
        ("abc", 3, "abc"),
        ("abcd", 3, "ab…"),
        ("日本語", 6, "日本語"),
        ("日本語", 5, "日本…"),
        ("日本語", 4, "日…"),
        ("e\u0301e", 2, "e\u0301e"),
    ],
)
def test_cut(text: str, columns: int, cut_to: str) -> None:
    assert cut(text, columns) == cut_to


def test_a_terminal_gets_blocks_of_its_width(tmp_path: Path) -> None:
    """With what rules leave out said and the tally cut, too."""
    (tmp_path / "shop.log").write_text('{"msg":"' + "paid late " * 20 + '","order":17}\n{' + "x" * 200 + "\n")
    (tmp_path / "logd.toml").write_text("[[shape]]\ntype = 'drop'\nname = 'noise'\nquery = 'paid'\n")
    command = [sys.executable, "-m", "logd", "parse", "--config", "logd.toml", "shop.log"]
    environ = {name: value for name, value in os.environ.items() if not name.startswith("LOGD_")}
    for name in ("COLUMNS", "NO_COLOR"):
        environ.pop(name, None)
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 70, 0, 0))
    with subprocess.Popen(command, cwd=tmp_path, env=environ, stdin=theirs, stdout=theirs, stderr=theirs) as process:
        os.close(theirs)
        written = b""
        try:
            while part := os.read(ours, 65_536):
                written += part
        except OSError:  # nobody has the other end any more
            pass
        finally:
            os.close(ours)
        assert process.wait() == 0
    text = written.decode()
    assert "\x1b[33mdropped by noise\x1b[0m" in text
    lines = _COLOUR.sub("", text).replace("\r\n", "\n").split("\n")
    assert max(map(len, lines)) == 70
    assert "    order=17" in lines
    assert "dropped by noise  1" in lines
