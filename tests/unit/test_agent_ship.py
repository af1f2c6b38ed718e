"""Sending: retries, conflicts, and how a chunk is halved."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest

from logd import chunk, shipment
from logd.agent.aside import Aside
from logd.agent.batches import Batch, Event, Labels, fill
from logd.agent.delivery import Delivery
from logd.agent.ship import SEND_BYTES, SEND_CHUNKS, TransportShipper, halves
from logd.chunk import Chunk, Envelope
from logd.errors import BadRequest, Conflict, Unavailable
from logd.seams import RAW_LOGS
from tests.support.agent import HeldClock, Target, lines_of


def chunk_of(first: int, last: int, source_id: str = "0" * 16) -> Chunk:
    """Lines of five bytes, `first` to before `last`, at their place."""
    body = b"".join(b"%04d\n" % number for number in range(first, last))
    return Chunk(
        service="s",
        host="h",
        source="/app.log",
        source_id=source_id,
        offset=first * 5,
        end=last * 5,
        lines=last - first,
        observed_us=1,
        value=chunk.compress(body),
    )


LABELS = Labels("s", "h", "/app.log")


def _nothing_is_refused(item: Chunk) -> None:
    raise AssertionError(item)


async def deliver(target: Target, chunks: Sequence[Chunk]) -> Delivery:
    delivery = Delivery(target, HeldClock(), _nothing_is_refused)
    assert await delivery.deliver(chunks, asyncio.Event()) == len(chunks)
    return delivery


def numbers(target: Target) -> list[int]:
    return [int(line.text) for line in target.lines]


async def test_groups_are_bounded_and_in_order() -> None:
    calls: list[int] = []

    class Counting:
        async def send(self, chunks: Sequence[Chunk]) -> None:
            calls.append(len(chunks))

    chunks = [chunk_of(number, number + 1) for number in range(SEND_CHUNKS + 10)]
    delivery = Delivery(Counting(), HeldClock(), _nothing_is_refused)
    assert await delivery.deliver(chunks, asyncio.Event()) == len(chunks)
    assert calls == [SEND_CHUNKS, 10]
    assert (delivery.sent.chunks, delivery.sent.lines) == (266, 266)


@pytest.mark.parametrize(("sent", "wanted"), [(1, 1000), (999, 1000), (333, 334), (500, 501), (1, 2)])
async def test_a_chunk_that_is_half_sent_gives_the_other_half(sent: int, wanted: int) -> None:
    target = Target()
    target.take([chunk_of(0, sent)])
    delivery = await deliver(target, [chunk_of(0, wanted), chunk_of(wanted, wanted + 10)])
    assert numbers(target) == list(range(wanted + 10))
    assert delivery.sent.conflict_lines == 0


async def test_chunks_cut_at_other_places_than_before() -> None:
    target = Target()
    for first in range(0, 3000, 300):
        target.take([chunk_of(first, first + 300)])
    await deliver(target, [chunk_of(first, first + 700) for first in range(0, 3500, 700)])
    assert numbers(target) == list(range(3500))


async def test_a_line_that_contradicts_is_given_up_and_said(caplog: pytest.LogCaptureFixture) -> None:
    target = Target()
    other = Chunk(
        service="s",
        host="h",
        source="/app.log",
        source_id="0" * 16,
        offset=0,
        end=52,
        lines=1,
        observed_us=1,
        value=chunk.compress(b"x" * 52),
    )
    target.take([other])
    delivery = await deliver(target, [chunk_of(0, 20), chunk_of(0, 3, "1" * 16)])
    assert delivery.sent.conflict_lines == 1
    assert "/app.log: 1 line(s) at byte 50 contradict" in caplog.text
    assert [int(line.text) for line in target.lines[1:]] == [*range(11, 20), 0, 1, 2]


@pytest.mark.parametrize(("refuse", "forget"), [(1, 0), (0, 1), (3, 2)])
async def test_it_tries_until_it_succeeds(refuse: int, forget: int) -> None:
    target, clock, stop = Target(), HeldClock(), asyncio.Event()
    target.refuse, target.forget = refuse, forget
    delivery = Delivery(target, clock, _nothing_is_refused)
    sending = asyncio.create_task(delivery.deliver([chunk_of(0, 10)], stop))
    for _ in range(refuse + forget - 1):
        await clock.advance(60)
        assert delivery.error is not None
    await clock.idle()
    clock.wake(60)
    assert await sending == 1
    assert numbers(target) == list(range(10))
    assert delivery.sent.retries == refuse + forget
    assert delivery.error is None


async def test_it_waits_longer_and_longer_but_not_for_ever() -> None:
    waits: list[float] = []
    stopping = asyncio.Event()

    class Noting(HeldClock):
        async def wait(self, seconds: float, stop: asyncio.Event) -> None:
            waits.append(seconds)
            if len(waits) == 12:
                stopping.set()

    target = Target()
    target.refuse = 100
    delivery = Delivery(target, Noting(), _nothing_is_refused)
    assert await delivery.deliver([chunk_of(0, 1)], stopping) == 0
    assert target.refuse == 100 - 13
    assert 1.0 <= waits[0] <= 1.5  # the target asked for a second
    assert 15 <= waits[-1] <= 30
    assert len(set(waits[7:])) > 1


class Picky(Target):
    """Refuses for good what has the line `wrong`, and what is more than `most` bytes at once."""

    def __init__(self, wrong: bytes = b"", most: int = 1 << 30) -> None:
        super().__init__()
        self.wrong, self.most = wrong, most

    def take(self, chunks: Sequence[Chunk]) -> None:
        if sum(len(item.value) for item in chunks) > self.most:
            raise BadRequest("body_too_large", "too much", "body", 413)
        if any(line.text == self.wrong for item in chunks for line in lines_of(item)):
            raise BadRequest("bad_chunk", "wrong")
        super().take(chunks)


async def test_a_chunk_that_is_refused_is_kept_and_harms_no_other(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    chunks = [chunk_of(first, first + 10) for first in range(0, 100, 10)]
    target, aside = Picky(wrong=b"0034"), Aside(tmp_path)
    delivery = Delivery(target, HeldClock(), aside.keep)
    assert await delivery.deliver(chunks, asyncio.Event()) == 10
    assert numbers(target) == [*range(30), *range(40, 100)]
    assert delivery.sent.refused_lines == 10
    assert "/app.log: 10 line(s) at byte 150 are refused, and kept on this host: wrong" in caplog.text
    (kept,) = aside.folder.iterdir()
    assert kept.name == "0000000000000000-000000000096.shipment"
    assert shipment.decode(kept.read_bytes()).envelopes == [chunks[3].to_envelope()]


async def test_what_is_too_much_goes_in_parts(tmp_path: Path) -> None:
    chunks = [chunk_of(first, first + 100) for first in range(0, 1000, 100)]
    target = Picky(most=len(chunk_of(0, 50).value))
    delivery = Delivery(target, HeldClock(), Aside(tmp_path).keep)
    assert await delivery.deliver(chunks, asyncio.Event()) == 10
    assert numbers(target) == list(range(1000))
    assert delivery.sent.refused_lines == 0


async def test_a_line_that_is_too_much_is_kept(tmp_path: Path) -> None:
    target, aside = Picky(most=1), Aside(tmp_path)
    delivery = Delivery(target, HeldClock(), aside.keep)
    assert await delivery.deliver([chunk_of(0, 3)], asyncio.Event()) == 1
    assert target.lines == []
    kept = sorted(aside.folder.iterdir())
    assert [shipment.decode(path.read_bytes()).lines for path in kept] == [1, 1, 1]


async def test_it_waits_while_what_is_refused_cant_be_kept(tmp_path: Path) -> None:
    target, clock, aside = Picky(wrong=b"0000"), HeldClock(), Aside(tmp_path, limit_bytes=100)
    delivery = Delivery(target, clock, aside.keep)
    sending = asyncio.create_task(delivery.deliver([chunk_of(0, 1), chunk_of(1, 2)], asyncio.Event()))
    for _ in range(3):
        await clock.advance(60)
        assert "refused holds 0 bytes of refused chunks, look at them" in (delivery.error or "")
    assert target.lines == []
    target.wrong = b""
    sending.cancel()
    await asyncio.wait([sending])
    assert await delivery.deliver([chunk_of(0, 1), chunk_of(1, 2)], asyncio.Event()) == 2
    assert numbers(target) == [0, 1]


async def test_a_send_is_bounded_in_bytes() -> None:
    calls: list[int] = []

    class Counting:
        async def send(self, chunks: Sequence[Chunk]) -> None:
            calls.append(sum(len(item.value) for item in chunks))

    body = random.Random(1).randbytes(900_000)
    large = msgspec.structs.replace(chunk_of(0, 1), value=body)
    delivery = Delivery(Counting(), HeldClock(), _nothing_is_refused)
    assert await delivery.deliver([large] * 20, asyncio.Event()) == 20
    assert max(calls) <= SEND_BYTES < max(calls) + len(body)
    assert sum(calls) == 20 * len(body)


async def test_a_transport_takes_envelopes() -> None:
    taken: list[tuple[str, list[Envelope]]] = []

    class Transport:
        async def append(self, topic: str, envelopes: Sequence[Envelope]) -> None:
            taken.append((topic, list(envelopes)))

    await TransportShipper(Transport()).send([chunk_of(0, 3)])  # type: ignore[arg-type]
    assert taken == [(RAW_LOGS, [chunk_of(0, 3).to_envelope()])]


def test_halves() -> None:
    whole = chunk_of(10, 17)
    first, second = halves(whole)
    assert (first.offset, first.end, first.lines) == (50, 65, 3)
    assert (second.offset, second.end, second.lines) == (65, 85, 4)
    assert lines_of(first) + lines_of(second) == lines_of(whole)
    assert halves(chunk_of(0, 1)) == []


@pytest.mark.parametrize("count", [2, 3, 1_000])
def test_halves_of_events(count: int) -> None:
    events = tuple(Event(100 + 9 * number, 8) for number in range(count))
    batch = Batch(
        source_id="0" * 16, start=90, end=100 + 9 * count, lines=count, observed_us=7, labels=LABELS, events=events
    )
    data = b"".join(b"ab\n c%03d\n" % number for number in range(count))
    whole = fill(batch, data, 100).chunk()
    first, second = halves(whole)
    assert (first.offset, first.end, first.lines) == (90, second.offset, count // 2)
    assert (second.end, second.lines) == (whole.end, count - count // 2)
    assert lines_of(first) + lines_of(second) == lines_of(whole)


async def test_events_that_were_sent_before_in_other_batches() -> None:
    # As after a restore of the state from a copy: the same events, cut into batches elsewhere.
    def events_chunk(first: int, end: int) -> Chunk:
        events = tuple(Event(9 * number, 8) for number in range(first, end))
        batch = Batch(
            source_id="0" * 16,
            start=9 * first,
            end=9 * end,
            lines=end - first,
            observed_us=7,
            labels=LABELS,
            events=events,
        )
        return fill(batch, b"".join(b"ab\n c%03d\n" % number for number in range(end)), 0).chunk()

    target = Target()
    delivery = Delivery(target, HeldClock(), _nothing_is_refused)
    assert await delivery.deliver([events_chunk(0, 7)], asyncio.Event()) == 1
    assert await delivery.deliver([events_chunk(2, 12)], asyncio.Event()) == 1
    assert target.texts == [b"ab\n c%03d" % number for number in range(12)]
    assert delivery.sent.conflict_lines == 0


def test_the_target_of_these_tests_refuses_contradictions() -> None:
    target = Target()
    target.take([chunk_of(0, 10)])
    with pytest.raises(Conflict):
        target.take([chunk_of(5, 15)])
    target.refuse = 1
    with pytest.raises(Unavailable):
        target.take([chunk_of(10, 15)])
