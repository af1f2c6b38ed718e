"""What every implementation of seams.Partials guarantees."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator

import pytest

from logd.errors import Unavailable
from logd.seams import MAX_PAGE_BYTES, Page, Partials
from tests.support.partials import PATIENCE_SECONDS, Store, Taker, opened, pages_of, together, values_of

_ONE_PROCESS = "one process has the file, and its one shard"


def _all(_: bytes) -> bool:
    return True


@pytest.fixture
async def partials(partials_store: Store) -> AsyncIterator[Partials]:
    async with opened(partials_store) as found:
        yield found


async def test_nothing_was_published_yet(partials: Partials) -> None:
    taker = Taker(partials)
    await taker.until_caught_up()
    assert taker.ours == set(range(partials.shards))
    assert not any(await taker.take(0.1))
    assert await partials.read(_all) == []
    await partials.publish([])


async def test_pages_come_in_order(partials: Partials) -> None:
    taker = Taker(partials)
    first = pages_of(partials, range(50))
    await partials.publish(first)
    await taker.until_caught_up()
    second = pages_of(partials, range(50, 100))
    for at in range(0, 50, 10):
        await partials.publish(second[at : at + 10])
    await taker.until(lambda: sum(map(len, taker.pages.values())) >= 100)
    for shard, found in taker.pages.items():
        assert found == [page for page in first + second if page.shard == shard]


async def test_the_last_of_a_key_counts(partials_store: Store) -> None:
    async with opened(partials_store) as partials:
        taker = Taker(partials)
        for value in ("old", "newer"):
            await partials.publish(pages_of(partials, range(20), value))
        await taker.until_caught_up()
        for value in ("newest", "last"):
            await partials.publish(pages_of(partials, range(10), value))
        expected = values_of(pages_of(partials, range(10), "last") + pages_of(partials, range(10, 20), "newer"))
        await taker.until(lambda: taker.last() == expected)
        assert values_of(await partials.read(_all)) == expected
    async with opened(partials_store) as partials:
        taker = Taker(partials)
        await taker.until_caught_up()
        assert taker.last() == expected


async def test_an_empty_page_is_given_and_may_be_forgotten(partials_store: Store) -> None:
    async with opened(partials_store) as partials:
        taker = Taker(partials)
        await partials.publish(pages_of(partials, range(4)))
        await taker.until_caught_up()
        gone = Page(0, b"0", b"")
        await partials.publish([gone])
        await taker.until(lambda: taker.pages[0][-1] == gone)
        assert {page.key: page.value for page in await partials.read(_all) if page.value} == taker.last()
    async with opened(partials_store) as partials:
        taker = Taker(partials)
        await taker.until_caught_up()
        assert taker.last() == values_of(pages_of(partials, range(1, 4)))


async def test_all_comes_again_after_a_restart(partials_store: Store) -> None:
    for turn in range(3):
        async with opened(partials_store) as partials:
            await partials.publish(pages_of(partials, [turn]))
            taker = Taker(partials)
            await taker.until_caught_up()
            assert taker.last() == values_of(pages_of(partials, range(turn + 1)))
            assert taker.gains == partials.shards


async def test_the_largest_page_is_taken(partials: Partials) -> None:
    pages = [Page(0, b"%d" % number, os.urandom(MAX_PAGE_BYTES)) for number in range(12)]
    await partials.publish(pages)
    taker = Taker(partials)
    await taker.until_caught_up()
    assert taker.pages[0] == pages
    assert await partials.read(_all) == pages


async def test_what_is_read_are_the_wanted_keys(partials: Partials) -> None:
    await partials.publish(pages_of(partials, range(30)))
    found = await partials.read(lambda key: key.startswith(b"1"))
    assert sorted(page.key for page in found) == sorted(b"%d" % number for number in (1, *range(10, 20)))
    assert values_of(found) == {page.key: b"value " + page.key for page in found}


async def test_reading_beside_a_writer(partials: Partials) -> None:
    kept = pages_of(partials, range(200))
    await partials.publish(kept)
    stop = asyncio.Event()

    async def write() -> None:
        at = 200
        while not stop.is_set():
            await partials.publish(pages_of(partials, range(at, at + 20)))
            at += 20

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(write())
        for turn in range(5):
            await partials.publish(pages_of(partials, range(10), f"turn {turn}"))
            found = values_of(await partials.read(_all))
            assert {key: found[key] for key in values_of(kept)} == values_of(
                kept + pages_of(partials, range(10), f"turn {turn}")
            )
        stop.set()


async def test_a_call_that_is_cancelled_loses_nothing(partials: Partials) -> None:
    taker = Taker(partials)
    for turn in range(40):
        await partials.publish(pages_of(partials, range(turn * 5, turn * 5 + 5)))
        try:
            async with asyncio.timeout(turn / 1000):
                taken = await partials.take(1)
        except TimeoutError:
            continue
        for shard in taken.gained:
            taker.pages[shard] = []
        taker.ours |= set(taken.gained)
        taker.caught_up |= set(taken.caught_up)
        for page in taken.pages:
            taker.pages[page.shard].append(page)
    await taker.until(lambda: len(taker.last()) == 200)
    await taker.until_caught_up()
    assert taker.last() == values_of(pages_of(partials, range(200)))


async def test_reading_that_is_cancelled_leaves_nothing(partials: Partials) -> None:
    await partials.publish(pages_of(partials, range(100)))
    for turn in range(20):
        reading = asyncio.create_task(partials.read(_all))
        await asyncio.wait([reading], timeout=turn / 500)
        reading.cancel()
        await asyncio.wait([reading])
    assert len(await partials.read(_all)) == 100


async def test_closing_ends_what_is_under_way(partials_store: Store) -> None:
    partials = await partials_store.open()
    await Taker(partials).until_caught_up()
    published: list[int] = []

    async def publish(number: int) -> None:
        await partials.publish(pages_of(partials, [number]))
        published.append(number)

    calls = [asyncio.create_task(publish(number)) for number in range(20)]
    calls.append(asyncio.create_task(_taking(partials)))
    calls.append(asyncio.create_task(_reading(partials)))
    await asyncio.sleep(0)  # they have begun
    async with asyncio.timeout(PATIENCE_SECONDS):
        await partials.close()
        await partials.close()
        ended = await asyncio.gather(*calls, return_exceptions=True)
    assert {type(error) for error in ended} <= {type(None), Unavailable}
    for call in (partials.publish(pages_of(partials, [1])), partials.take(0), partials.read(_all)):
        with pytest.raises(Unavailable):
            await call
    async with opened(partials_store) as anew:
        taker = Taker(anew)
        await taker.until_caught_up()
        assert values_of(pages_of(anew, published)).items() <= taker.last().items(), "what was published is there"


async def _taking(partials: Partials) -> None:
    while True:
        await partials.take(60)


async def _reading(partials: Partials) -> None:
    await partials.read(_all)


@pytest.mark.only("kafka", reason=_ONE_PROCESS)
async def test_members_share_the_shards(partials_store: Store) -> None:
    async with opened(partials_store) as first:
        one = Taker(first)
        await first.publish(pages_of(first, range(100)))
        await one.until_caught_up()
        async with opened(partials_store) as second:
            two = Taker(second)

            def settled() -> bool:
                return len(one.ours) == len(two.ours) == 2 and two.ours == two.caught_up

            await together([one, two], settled)
            assert one.ours | two.ours == {0, 1, 2, 3}
            assert one.gains == 4, "what it kept it didn't lose"
            assert one.last() | two.last() == values_of(pages_of(first, range(100)))
            before = one.ours
            await second.publish(pages_of(first, range(100, 200)))
            await together([one, two], lambda: len(one.last() | two.last()) == 200)
            assert (one.ours, one.gains, two.gains) == (before, 4, 2)
            assert sum(map(len, one.pages.values())) + sum(map(len, two.pages.values())) >= 200
        await one.until_caught_up()
        assert one.last() == values_of(pages_of(first, range(200)))
        assert one.gains == 6


@pytest.mark.only("kafka", reason=_ONE_PROCESS)
async def test_a_page_comes_once_to_who_keeps_its_shard(partials_store: Store) -> None:
    async with opened(partials_store) as first:
        one = Taker(first)
        await first.publish(pages_of(first, range(40)))
        await one.until_caught_up()
        async with opened(partials_store) as second:
            two = Taker(second)
            await together([one, two], lambda: len(one.ours) == 2 and two.ours == two.caught_up != set())
        await one.until_caught_up()
        kept = [page for shard in one.ours for page in one.pages[shard]]
        assert len(kept) == 40, "shards that stayed weren't read again, others once"


@pytest.mark.only("kafka", reason=_ONE_PROCESS)
async def test_more_members_than_shards(partials_store: Store) -> None:
    async with opened(partials_store, shards=1) as first, opened(partials_store, shards=1) as second:
        one, two = Taker(first), Taker(second)
        await together([one, two], lambda: len(one.ours | two.ours) == 1)
        await first.publish(pages_of(first, range(3)))
        await together([one, two], lambda: len(one.last() | two.last()) == 3)
        assert not one.ours & two.ours


async def test_ten_thousand_pages_are_read_back(partials: Partials, capsys: pytest.CaptureFixture[str]) -> None:
    pages = [Page(n % partials.shards, b"rule-%d" % n, b"%d," % n * 100) for n in range(10_000)]
    begun = time.monotonic()
    await partials.publish(pages)
    published = time.monotonic()
    found = await partials.read(_all)
    read = time.monotonic()
    taker = Taker(partials)
    await taker.until_caught_up()
    taken = time.monotonic()
    assert values_of(found) == values_of(pages) == taker.last()
    with capsys.disabled():
        print(
            f"\n{type(partials).__name__}: 10,000 pages, {sum(len(page.value) for page in pages) / 1e6:.1f} MB: "
            f"published in {published - begun:.2f} s, read in {read - published:.2f} s, taken in {taken - read:.2f} s"
        )
