"""Messages that can't be parsed, and engines that break: neither takes other messages with it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import duckdb
import pyarrow as pa
import pytest

from logd.chunk import Chunk, Message
from logd.parse.columns import Parsed
from logd.parse.parsing import Parsing
from logd.parse.plan import Parser
from tests.support.chunks import chunk_of

_POISON = "poison"


def _break(parser: Parser) -> None:
    """One invalid byte through Arrow makes DuckDB refuse everything from then on."""
    _, offsets = pa.array([0, 1], pa.int32()).buffers()
    bad = pa.table({"x": pa.Array.from_buffers(pa.string(), 1, [None, offsets, pa.py_buffer(b"\xff")])})
    parser._sql.register("bad", bad)
    with pytest.raises(duckdb.InternalException):
        parser._sql.execute("SELECT lower(x) FROM bad")
    assert not parser.usable()


class _Fragile(Parser):
    """A parser whose engine breaks on one service's chunks."""

    def parse(self, chunks: Sequence[Chunk], taken_us: Sequence[int]) -> Parsed:
        if any(chunk.service == _POISON for chunk in chunks):
            _break(self)
        return super().parse(chunks, taken_us)


class _Parsers:
    """Makes parsers, and remembers them."""

    def __init__(self, kind: Callable[[], Parser]) -> None:
        self._kind = kind
        self.made: list[Parser] = []

    def __call__(self) -> Parser:
        self.made.append(self._kind())
        return self.made[-1]


@pytest.fixture
def parsers() -> _Parsers:
    return _Parsers(_Fragile)


@pytest.fixture
def parsing(parsers: _Parsers) -> Iterator[Parsing]:
    opened = Parsing(parsers)
    yield opened
    opened.close()


def _message(number: int, service: str = "web", value: bytes | None = None) -> Message:
    envelope = chunk_of(f"{number}", f"{number}+", service=service, source_id=f"{number:016x}").to_envelope()
    return Message(0, 100 + number, 1_700_000_000_000_000, "", envelope.headers, value or envelope.value)


def _lines(numbers: Sequence[int]) -> list[str]:
    return [line for number in numbers for line in (f"{number}", f"{number}+")]


_PLACES = pytest.mark.parametrize("bad", [[], [0], [8], [0, 8], [3, 4], [1, 3, 5, 7], list(range(9))])


@_PLACES
def test_what_is_unreadable_is_found_among_its_neighbours(parsing: Parsing, bad: Sequence[int]) -> None:
    messages = [_message(n, value=b"this is no zstd" if n in bad else None) for n in range(9)]
    parsed, refused = parsing.parse(messages)
    assert [one.message.position - 100 for one in refused] == list(bad)
    assert parsed.table["message"].to_pylist() == _lines([n for n in range(9) if n not in bad])


@pytest.mark.parametrize("count", [1, 2, 9])
def test_an_engine_that_broke_costs_no_message(
    parsing: Parsing, parsers: _Parsers, count: int, caplog: pytest.LogCaptureFixture
) -> None:
    _break(parsers.made[0])
    parsed, refused = parsing.parse([_message(number) for number in range(count)])
    assert parsed.table["message"].to_pylist() == _lines(range(count))
    assert not refused
    assert len(parsers.made) == 2
    assert "made anew" in caplog.text
    assert not parsing.parse([_message(1)])[1]
    assert len(parsers.made) == 2


def test_what_is_unreadable_is_refused_by_a_new_engine_too(parsing: Parsing, parsers: _Parsers) -> None:
    _break(parsers.made[0])
    parsed, refused = parsing.parse([_message(0), _message(1, value=b"this is no zstd"), _message(2)])
    assert [one.message.position - 100 for one in refused] == [1]
    assert parsed.table["message"].to_pylist() == _lines([0, 2])


@_PLACES
def test_what_breaks_engines_is_refused_alone(parsing: Parsing, bad: Sequence[int]) -> None:
    parsed, refused = parsing.parse([_message(n, _POISON if n in bad else "web") for n in range(9)])
    assert [one.message.position - 100 for one in refused] == list(bad)
    assert all("invalidated" in one.reason for one in refused)
    assert parsed.table["message"].to_pylist() == _lines([n for n in range(9) if n not in bad])
    assert not parsing.parse([_message(1)])[1]
