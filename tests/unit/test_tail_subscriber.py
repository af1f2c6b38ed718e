"""A client's queue: what it holds is bounded, and what is dropped is counted and told in its place."""

from __future__ import annotations

import asyncio
import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logd.query.tree import Everything
from logd.tail import events
from logd.tail import subscriber as module
from logd.tail.events import Part
from logd.tail.places import Place
from logd.tail.rate import UNLIMITED
from logd.tail.subscriber import Subscriber

START = {0: Place(0)}


def subscriber(max_bytes: int = 1_000_000, **more: float) -> Subscriber:
    return Subscriber(Everything(), START, UNLIMITED, max_bytes, **more)


def part(first: int, count: int, width: int = 1) -> Part:
    """Lines of so many bytes each; `after` is the number of the next one."""
    body = b"".join(b"%0*d\n\n" % (width, number) for number in range(first, first + count))
    return Part(body, count, str(first + count))


async def everything(one: Subscriber) -> list[tuple[str, int]]:
    """What is taken until only a heartbeat comes: the lines' numbers, and how many were missed."""
    found: list[tuple[str, int]] = []
    while not (body := await one.take(0)).startswith(b":"):
        for block in body.decode().split("\n\n")[:-1]:
            if block.startswith("event: missed"):
                found.append(("missed", json.loads(block.partition("data: ")[2])["lines"]))
            elif block.startswith("event: gap"):
                found.append(("gap", 0))
            else:
                found.append(("line", int(block)))
    return found


async def test_in_order() -> None:
    one = subscriber()
    one.put([part(0, 2), part(2, 1)], {0: Place(1)})
    one.put([part(3, 1)], {0: Place(2)})
    assert await one.take(0) == b"0\n\n1\n\n2\n\n3\n\n"
    assert await one.take(0) == b":\nid: 0:2.0\n\n"


async def test_a_write_is_small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_WRITE_BYTES", 10)
    one = subscriber()
    one.put([part(n, 1, 6) for n in range(4)], START)
    assert [len(await one.take(0)) for _ in range(2)] == [16, 16]


async def test_it_waits_for_what_comes() -> None:
    one = subscriber()
    taking = asyncio.create_task(one.take(600))
    await asyncio.sleep(0)
    one.put([], {0: Place(7)})  # nothing matched: no reason to wake
    await asyncio.sleep(0)
    assert not taking.done()
    one.put([part(0, 1)], {0: Place(8)})
    assert await taking == b"0\n\n"


async def test_the_oldest_is_dropped_by_bytes() -> None:
    one = subscriber(max_bytes=30)
    for n in range(10):
        one.put([part(n, 1, 8)], START)
    assert one.held_bytes == 30
    assert await everything(one) == [("missed", 7), ("line", 7), ("line", 8), ("line", 9)]


async def test_the_oldest_is_dropped_by_events(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_EVENTS", 5)
    one = subscriber()
    for n in range(0, 20, 2):
        one.put([part(n, 2)], START)
    assert await everything(one) == [("missed", 16), *(("line", n) for n in range(16, 20))]


async def test_the_last_part_stays_however_large() -> None:
    one = subscriber(max_bytes=10)
    one.put([part(0, 1, 5), part(1, 3, 50)], START)
    assert await everything(one) == [("missed", 1), ("line", 1), ("line", 2), ("line", 3)]


async def test_missed_tells_from_where_it_goes_on() -> None:
    one = subscriber(max_bytes=4)
    one.put([part(0, 5), part(5, 1)], START)
    assert await one.take(0) == b'event: missed\nid: 5\ndata: {"lines":5}\n\n5\n\n'


async def test_a_gap_is_never_dropped() -> None:
    one = subscriber(max_bytes=4)
    one.put([part(0, 1), events.gap("a", "b"), part(1, 2)], START)
    one.put([part(3, 1)], START)
    assert await everything(one) == [("gap", 0), ("missed", 3), ("line", 3)]


async def test_what_was_missed_before_is_added_up() -> None:
    one = subscriber(max_bytes=4)
    one.put([Part(b"", 0, "7", 7), part(7, 1)], START)
    one.put([part(8, 1)], START)
    one.put([part(9, 1)], START)
    assert await everything(one) == [("missed", 9), ("line", 9)]


@given(
    st.lists(
        st.one_of(st.tuples(st.just("put"), st.integers(1, 6)), st.tuples(st.just("take"), st.just(0))), max_size=40
    ),
    st.integers(1, 60),
)
def test_every_line_is_taken_or_counted(steps: list[tuple[str, int]], max_bytes: int) -> None:
    async def run() -> None:
        one = subscriber(max_bytes)
        sent = 0
        found: list[tuple[str, int]] = []
        for step, count in steps:
            if step == "put":
                one.put([part(sent, count, 3)], START)
                sent += count
                assert one.held_bytes <= max(max_bytes, count * 5)
            else:
                found += await everything(one)
        found += await everything(one)
        number = 0
        for kind, value in found:
            if kind == "missed":
                number += value
            else:
                assert value == number  # each in its place, after as many as were sent or missed
                number += 1
        assert number == sent

    asyncio.run(run())


async def test_its_end_drops_what_waits_and_wakes() -> None:
    one = subscriber()
    taking = asyncio.create_task(one.take(600))
    await asyncio.sleep(0)
    one.end("enough")
    one.end("too late")
    one.put([part(0, 1)], START)
    assert await taking == b""
    assert (one.ended, one.held_bytes, await one.take(600)) == ("enough", 0, b"")


async def test_a_write_without_progress_ends() -> None:
    one = subscriber(patience_seconds=0.01)
    with pytest.raises(TimeoutError):
        async with one.writing():
            await asyncio.sleep(600)


async def test_the_end_hurries_a_write(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_END_SECONDS", 0.01)
    one = subscriber()

    async def write() -> None:
        async with one.writing():
            await asyncio.sleep(600)

    writing = asyncio.create_task(write())
    await asyncio.sleep(0)
    one.end("enough")
    async with asyncio.timeout(30):
        with pytest.raises(TimeoutError):
            await writing
        with pytest.raises(TimeoutError):
            await write()


def test_line_endings_between_members_end_no_field() -> None:
    import orjson

    body = events.record({"metadata": orjson.Fragment('{"a":1,\r\n"b":2\n}')}, "0:1.1")
    assert body == b'id: 0:1.1\ndata: {"metadata":{"a":1,  "b":2 }}\n\n'
    assert re.fullmatch(rb"(?:\w+: [^\r\n]+\n)+\n", body)
