"""What every transport guarantees about its dead letters."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from logd.backends.transport import kafka_letters, sqlite_letters
from logd.chunk import Chunk, Envelope, Message, compress
from logd.config.schema import Transport as Limits
from logd.deadletters import dead_letter
from logd.errors import NotFound, Unavailable
from logd.seams import DEAD_LETTERS, RAW_LOGS, Appended, DeadLetters, Moved, Transport
from tests.support.transports import A, Clock, Store, held, past, plain, rest, sent

_KNOWS_SOURCES = pytest.mark.only("sqlite", reason="Kafka knows no sources, and is never full")
_COUNTS = pytest.mark.only(
    "sqlite", reason="what Kafka has is its brokers' affair: their clock, their disks, their counts"
)


@pytest.fixture
def letters(store: Store, transport: Transport) -> DeadLetters:
    return store.dead_letters(transport)


def chunk(offset: int = 0, lines: int = 3) -> Envelope:
    """A chunk of source A with an end."""
    text = b"".join(b"line %d\n" % number for number in range(offset, offset + lines))
    end = offset + len(text)
    return Chunk(
        service="s",
        host="h",
        source="f",
        source_id=A,
        offset=offset,
        end=end,
        lines=lines,
        observed_us=5,
        value=compress(text),
    ).to_envelope()


async def buried(transport: Transport, envelopes: Sequence[Envelope], group: str = "processor") -> list[Message]:
    """Sends them, and has a reader refuse them all."""
    consumer = await transport.consume(RAW_LOGS, group)
    await transport.append(RAW_LOGS, envelopes)
    messages = await rest(consumer)
    await transport.append(DEAD_LETTERS, [dead_letter(message, "because") for message in messages])
    await consumer.commit(past(messages[-1]))
    return messages


async def positions(letters: DeadLetters) -> list[int]:
    return await letters.look(0, 1_000, lambda letter: letter.position)


async def test_none(letters: DeadLetters) -> None:
    assert await positions(letters) == []
    assert await letters.replay(None) == await letters.remove(None) == Moved()
    assert await letters.replay([7]) == Moved(missing=(7,))
    with pytest.raises(NotFound, match="no dead letter at position 7"):
        await letters.read(7)


async def test_look_and_read(transport: Transport, letters: DeadLetters) -> None:
    await buried(transport, plain("a", "b", "c", "d"))
    assert await letters.look(1, 2, lambda letter: letter.value) == [b"b", b"c"]
    letter = await letters.read(3)
    assert (letter.value, letter.headers["dead-letter-reason"]) == (b"c", "because")
    with pytest.raises(NotFound):
        await letters.read(5)


async def test_a_replay_is_what_was_sent(transport: Transport, letters: DeadLetters) -> None:
    (message,) = await buried(transport, [chunk()])
    assert await letters.replay([1, 1, 9]) == Moved(1, 3, (9,))
    consumer = await transport.consume(RAW_LOGS, "processor")
    replayed = (await rest(consumer))[-1]
    kept = {name: text for name, text in message.headers.items() if name not in ("end", "remember")}
    assert replayed.headers == {**kept, "replayed": "1"}
    assert (replayed.key, replayed.value) == (message.key, message.value)


@_KNOWS_SOURCES
async def test_a_replay_is_no_resend(transport: Transport, letters: DeadLetters) -> None:
    await buried(transport, [chunk()])
    assert await transport.append(RAW_LOGS, [sent(A, 100, 200)]) == Appended(1, 0)
    assert await letters.replay([1]) == Moved(1, 3)
    assert await transport.append(RAW_LOGS, [sent(A, 100, 200)]) == Appended(0, 1)


async def test_a_letter_is_replayed_once(transport: Transport, letters: DeadLetters) -> None:
    await buried(transport, [chunk(), chunk(100)])
    results = await asyncio.gather(*(letters.replay([2]) for _ in range(10)))
    assert sum(result.messages for result in results) == 1
    assert await positions(letters) == [1]
    assert len(await rest(await transport.consume(RAW_LOGS, "processor"))) == 1


async def test_what_is_refused_again_is_another_letter(transport: Transport, letters: DeadLetters) -> None:
    (first,) = await buried(transport, [chunk()])
    assert (await letters.replay(None)).messages == 1
    (again,) = await buried(transport, [])
    assert await positions(letters) == [2]
    assert (await letters.replay(None)).messages == 1
    assert await positions(letters) == []
    last = (await rest(await transport.consume(RAW_LOGS, "processor")))[-1]
    assert last.headers == again.headers
    assert (last.headers["source-id"], last.headers["offset"]) == (first.headers["source-id"], "0")


async def test_all_are_those_at_the_beginning_in_their_order(
    transport: Transport, letters: DeadLetters, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (sqlite_letters, kafka_letters):
        monkeypatch.setattr(module, "_STEP_MESSAGES", 2)
    await buried(transport, plain(*"abcde"))
    assert (await letters.replay(None)).messages == 5
    assert await held(transport, group="processor") == list("abcde")
    assert await positions(letters) == []


@pytest.mark.only("sqlite", reason="on Kafka a fetch is what is bounded")
async def test_a_step_is_bounded_in_bytes(
    transport: Transport, letters: DeadLetters, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_letters, "_STEP_BYTES", 2)
    await buried(transport, plain("aaaa", "b", "c", "dddd"))
    assert (await letters.replay([1, 2, 3, 4, 5])) == Moved(4, 4, (5,))
    assert await held(transport, group="processor") == ["aaaa", "b", "c", "dddd"]


@_KNOWS_SOURCES
async def test_a_full_queue_keeps_them(store: Store) -> None:
    transport = await store.open(Limits(max_bytes=3))
    letters = store.dead_letters(transport)
    await buried(transport, plain("ab"))
    await transport.append(RAW_LOGS, plain("cdef"))
    with pytest.raises(Unavailable, match="raw-logs is full"):
        await letters.replay(None)
    assert await positions(letters) == [1]
    await transport.close()


async def test_damaged_ones_stay(transport: Transport, letters: DeadLetters) -> None:
    damaged = Message(0, 7, 5, "", {}, b"what is left", "it was damaged")
    await transport.append(DEAD_LETTERS, [dead_letter(damaged, damaged.damage), *plain("never a letter")])
    moved = await letters.replay(None)
    assert moved.messages == 1
    assert list(moved.refused) == [1]
    assert "what is left of it" in moved.refused[1]
    assert await positions(letters) == [1]


async def test_some_are_removed(transport: Transport, letters: DeadLetters) -> None:
    await buried(transport, plain(*"abcde"))
    before = await letters.look(2, 1, lambda letter: letter.timestamp_us)
    assert await letters.remove([2, 4, 9]) == Moved(2, 2, (9,))
    assert await letters.look(0, 2, lambda letter: letter.position) == [1, 3]
    assert await letters.remove(None, 1) == Moved()
    assert await letters.remove([4]) == Moved(missing=(4,))
    with pytest.raises(NotFound):
        await letters.read(4)
    assert (await transport.status())[DEAD_LETTERS]["messages"] == 3
    assert await letters.remove(None, before[0] + 60_000_000) == Moved(3, 3)
    assert await positions(letters) == []
    await buried(transport, plain("f"))
    assert await positions(letters) == [6]


async def test_two_processes_agree(store: Store, transport: Transport, letters: DeadLetters) -> None:
    other = await store.open()
    theirs = store.dead_letters(other)
    await buried(transport, plain(*"abcdef"))
    assert await positions(theirs) == [1, 2, 3, 4, 5, 6]
    await letters.remove([2])
    assert await positions(theirs) == [1, 3, 4, 5, 6]
    assert (await theirs.replay([1, 2, 5])).messages == 2
    assert await letters.replay([5, 6]) == Moved(1, 1, (5,))
    assert await positions(letters) == await positions(theirs) == [3, 4]
    await theirs.remove(None)
    assert await positions(letters) == await positions(theirs) == []
    await other.close()


@_COUNTS
async def test_removing(store: Store) -> None:
    clock = Clock()
    transport = await store.open(clock=clock)
    letters = store.dead_letters(transport)
    for text in "abcd":
        await buried(transport, plain(text))
        clock.seconds += 10
    assert await letters.remove([2, 9]) == Moved(1, 1, (9,))
    assert await letters.remove(None, int((clock.seconds - 15) * 1e6)) == Moved(2, 2)
    assert await positions(letters) == [4]
    assert await letters.remove(None) == Moved(1, 1)
    assert await positions(letters) == []
    await buried(transport, plain("e"))
    assert await positions(letters) == [5]
    await transport.close()


@_COUNTS
async def test_the_ledger(store: Store) -> None:
    transport = await store.open()
    letters = store.dead_letters(transport)
    await buried(transport, [chunk(0, 3), chunk(100, 5), chunk(200, 7)])
    await letters.replay([2])
    await letters.remove([3])
    await transport.close()
    transport = await store.open()
    status = await transport.status()
    ledger = status[DEAD_LETTERS]["ledger"]
    assert {name: ledger[f"{name}_lines"] for name in ("appended", "replayed", "removed", "expired")} == {
        "appended": 15,
        "replayed": 5,
        "removed": 7,
        "expired": 0,
    }
    assert (status[DEAD_LETTERS]["messages"], status[DEAD_LETTERS]["lines"]) == (1, 3)
    assert status[RAW_LOGS]["ledger"]["appended_lines"] == 20
    await transport.close()


@_COUNTS
async def test_after_a_power_cut(store: Store, transport: Transport, letters: DeadLetters) -> None:
    await buried(transport, plain("a", "b", "c"))
    await letters.replay([1])
    await letters.remove([2])
    copy = await store.after_power_cut()
    assert await positions(store.dead_letters(copy)) == [3]
    assert await held(copy, group="processor") == ["a"]
    await copy.close()
