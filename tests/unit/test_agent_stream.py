"""Streams: the same lines whatever the pieces in which they come, cut at the limit, in chunks of a bounded size."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logd.agent.batches import Labels
from logd.agent.stream import LineStream, MessageStream, Stream, pump
from logd.chunk import MAX_CHUNK_LINES, Chunk
from tests.support.agent import lines_of

LABELS = Labels("s", "h", "source", ("t",), {"a": 1})
LIMIT = 1_024


def cuts(data: bytes, places: Sequence[int]) -> list[bytes]:
    """The data in pieces, cut at these places."""
    bounds = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    return [data[a:b] for a, b in pairwise(bounds)]


def texts(chunks: Sequence[Chunk]) -> list[bytes]:
    """What the chunks have, after checking them and that they are one source's, end to end."""
    assert len({item.source_id for item in chunks}) <= 1
    for one, next_one in pairwise(chunks):
        assert one.end is not None
        assert one.end <= next_one.offset
    found = [line for item in chunks for line in lines_of(item)]
    places = [line.position for line in found]
    assert places == sorted(set(places))
    return [line.text for line in found]


def fed(stream: Stream, parts: Sequence[bytes]) -> list[Chunk]:
    """The chunks when each part is taken as soon as it came."""
    made: list[Chunk] = []
    for part in parts:
        stream.add(part)
        made += stream.take(close=False)
    return made + stream.take(close=True)


LINES = st.lists(st.binary(max_size=40).map(lambda text: text.replace(b"\n", b"")), max_size=30)
PLACES = st.lists(st.integers(0, 10_000), max_size=20)


@given(LINES, PLACES, st.booleans())
def test_lines_come_out_whatever_the_pieces(lines: list[bytes], places: list[int], ended: bool) -> None:
    data = b"".join(line + b"\n" for line in lines)
    data = data if ended else data[:-1]
    expected = data.split(b"\n")
    if expected[-1] == b"":
        expected.pop()
    assert texts(fed(LineStream(lambda: LABELS, LIMIT), cuts(data, places))) == expected


@given(st.lists(st.binary(max_size=40), max_size=30), PLACES)
def test_counted_messages_come_out_whatever_the_pieces(messages: list[bytes], places: list[int]) -> None:
    messages = [message or b"-" for message in messages]
    data = b"".join(b"%d %b" % (len(message), message) for message in messages)
    assert texts(fed(MessageStream(lambda: LABELS, LIMIT), cuts(data, places))) == messages


@given(st.binary(max_size=200), PLACES)
def test_no_bytes_break_the_count(data: bytes, places: list[int]) -> None:
    texts(fed(MessageStream(lambda: LABELS, 64), cuts(data, places)))


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (b"5 hello5 world", [b"hello", b"world"]),
        (b"7 two\nline", [b"two\nlin", b"e"]),
        (b"5 helloworse\n5 after", [b"hello", b"worse", b"after"]),
        (b"5 hello99 cut off", [b"hello", b"cut off"]),
        (b"0 nothing", [b"0 nothing"]),
        (b"12345678901 too long a number\n3 abc", [b"12345678901 too long a number", b"abc"]),
    ],
)
def test_messages_that_say_their_length(data: bytes, found: list[bytes]) -> None:
    assert texts(fed(MessageStream(lambda: LABELS, LIMIT), [data])) == found
    assert texts(fed(MessageStream(lambda: LABELS, LIMIT), [data[n : n + 1] for n in range(len(data))])) == found


@pytest.mark.parametrize("step", [1, 100, 5_000])
def test_a_line_over_the_limit_is_cut_and_the_next_one_is_whole(step: int) -> None:
    data = b"first\n" + b"x" * 3_000 + b"\nlast\n"
    chunks = fed(LineStream(lambda: LABELS, LIMIT), [data[n : n + step] for n in range(0, len(data), step)])
    first, cut, last = texts(chunks)
    assert (first, last) == (b"first", b"last")
    assert cut == b"x" * LIMIT
    assert [item.tags for item in chunks if "cut" in item.tags] == [("t", "cut")]


def test_a_message_over_the_limit_is_cut_and_little_of_it_is_held() -> None:
    stream = MessageStream(lambda: LABELS, LIMIT)
    stream.add(b"1000000 ")
    for _ in range(1_000):
        stream.add(b"x" * 1_000)
        assert stream.held_bytes <= 3 * LIMIT
    stream.add(b"4 next")
    assert texts(stream.take(close=True)) == [b"x" * LIMIT, b"next"]


def test_chunks_are_bounded() -> None:
    stream = LineStream(lambda: LABELS, LIMIT)
    stream.add(b"line\n" * 2_500)
    assert [item.lines for item in stream.take(close=False)] == [MAX_CHUNK_LINES, MAX_CHUNK_LINES, 500]
    messages = MessageStream(lambda: LABELS, 10_000_000)
    for _ in range(MAX_CHUNK_LINES + 1):
        messages.put(b"x")
    messages.put(os.urandom(2_000_000))  # as large as no chunk can be
    chunks = messages.take(close=True)
    assert [item.lines for item in chunks] == [MAX_CHUNK_LINES, 1, 1]
    assert chunks[-1].tags == ("t", "cut")


async def test_pump_delivers_by_size_by_time_and_at_the_end() -> None:
    parts: asyncio.Queue[bytes] = asyncio.Queue()
    delivered: asyncio.Queue[list[bytes]] = asyncio.Queue()

    async def deliver(chunks: Sequence[Chunk]) -> int:
        delivered.put_nowait([line.text for item in chunks for line in lines_of(item)])
        return len(chunks)

    async with asyncio.timeout(60):
        pumping = asyncio.create_task(pump(parts.get, LineStream(lambda: LABELS, LIMIT), deliver, lambda: 0.05, 100))
        parts.put_nowait(b"by time\n")
        assert await delivered.get() == [b"by time"]
        parts.put_nowait(b"y" * 120 + b"\n")
        assert await delivered.get() == [b"y" * 120]
        parts.put_nowait(b"unfinished")
        parts.put_nowait(b"")
        assert await delivered.get() == [b"unfinished"]
        assert await pumping == 0


async def test_pump_tells_what_could_not_be_delivered() -> None:
    parts = [b"a\nb\n", b""]

    async def read() -> bytes:
        return parts.pop(0)

    async def deliver(chunks: Sequence[Chunk]) -> int:
        return 0

    assert await pump(read, LineStream(lambda: LABELS, LIMIT), deliver, lambda: 60.0, 1_000) == 2


@pytest.mark.parametrize("at", range(13))
def test_newlines_behind_messages_that_say_their_length(at: int) -> None:
    """However the bytes come; one within a message stays."""
    stream = MessageStream(lambda: LABELS, LIMIT)
    sent = b"4 a\nb\n\n2 c\r\n"
    stream.add(sent[:at])
    stream.add(sent[at:])
    assert [line.text for item in stream.take(close=True) for line in lines_of(item)] == [b"a\nb\n", b"c\r"]


@pytest.mark.parametrize("size", [LIMIT - 1, LIMIT, LIMIT + 1, LIMIT + 2, 3 * LIMIT])
@pytest.mark.parametrize("step", [1, 7, LIMIT, 10 * LIMIT])
def test_messages_around_the_limit(size: int, step: int) -> None:
    stream = MessageStream(lambda: LABELS, LIMIT)
    sent = b"%d %s3 abc" % (size, b"x" * size) * 2
    texts = []
    for at in range(0, len(sent), step):
        stream.add(sent[at : at + step])
        texts += [line.text for item in stream.take(close=False) for line in lines_of(item)]
    texts += [line.text for item in stream.take(close=True) for line in lines_of(item)]
    assert texts == [b"x" * min(size, LIMIT), b"abc"] * 2
