"""What every transport guarantees to those who follow a topic without a group, and keeps for them."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import time

import pytest

from logd.backends.transport import sqlite_retention
from logd.chunk import Message
from logd.config.schema import Transport as Limits
from logd.seams import RAW_LOGS, Consumer, Follower, Transport
from tests.support.transports import Clock, SqliteStore, Store, held, past, plain, rest, texts


async def all_of(follower: Follower) -> list[Message]:
    """What it hasn't fetched yet."""
    messages: list[Message] = []
    async with asyncio.timeout(30):
        while follower.lag() > 0:
            messages += await follower.fetch(10_000, 5)
    return messages


async def pass_all(consumer: Consumer) -> None:
    """The group is past everything there is."""
    if messages := await rest(consumer):
        await consumer.commit(past(messages[-1]))


async def left(transport: Transport, most: int) -> int:
    """The messages held once there are at most so many: deletion comes between appends, and these are appends."""
    async with asyncio.timeout(60):
        while (count := int((await transport.status())[RAW_LOGS]["messages"])) > most:
            await transport.append("elsewhere", plain("x"))
    return count


class TestFollow:
    async def test_what_comes_from_now_on(self, transport: Transport) -> None:
        await transport.append(RAW_LOGS, plain("before"))
        follower = await transport.follow(RAW_LOGS)
        assert follower.lag() == 0
        await transport.append(RAW_LOGS, plain("a", "b"))
        assert follower.lag() == 2
        messages = await all_of(follower)
        assert texts(messages) == ["a", "b"]
        assert past(messages[-1]).items() <= follower.positions.items()
        await follower.close()

    async def test_a_topic_that_is_not_there_yet(self, transport: Transport) -> None:
        follower = await transport.follow(RAW_LOGS)
        assert list(await follower.fetch(10, 0)) == []
        await transport.append(RAW_LOGS, plain("a"))
        assert texts(await all_of(follower)) == ["a"]
        await follower.close()

    async def test_from_a_position(self, transport: Transport) -> None:
        await transport.append(RAW_LOGS, plain("a", "b", "c"))
        first = (await rest(await transport.consume(RAW_LOGS, "g")))[0]
        follower = await transport.follow(RAW_LOGS, past(first))
        assert past(first).items() <= follower.positions.items()
        assert texts(await all_of(follower)) == ["b", "c"]
        await follower.close()

    async def test_a_waiting_fetch_wakes(self, transport: Transport) -> None:
        follower = await transport.follow(RAW_LOGS)
        fetch = asyncio.create_task(follower.fetch(100, 600))
        await asyncio.sleep(0)  # it waits
        await transport.append(RAW_LOGS, plain("a"))
        async with asyncio.timeout(30):
            assert texts(await fetch) == ["a"]
        await follower.close()

    async def test_it_is_no_group(self, transport: Transport) -> None:
        follower = await transport.follow(RAW_LOGS)
        await transport.append(RAW_LOGS, plain("a"))
        assert (await transport.status())[RAW_LOGS]["groups"] == {}
        assert await held(transport) == ["a"]
        await follower.close()

    async def test_closing_twice(self, transport: Transport) -> None:
        one, two = await transport.follow(RAW_LOGS), await transport.follow(RAW_LOGS)
        await one.close()
        await one.close()
        await transport.append(RAW_LOGS, plain("a"))
        assert texts(await all_of(two)) == ["a"]
        await transport.close()
        await two.close()


class TestSince:
    """By what messages say when they were taken, which on Kafka is in milliseconds."""

    async def test_each_time_finds_its_first_message(self, transport: Transport) -> None:
        for text in "abcdefgh":
            before_us = time.time_ns() // 1_000
            while time.time_ns() // 1_000 < before_us + 2_000:  # noqa: ASYNC110
                await asyncio.sleep(0.001)
            await transport.append(RAW_LOGS, plain(text, text.upper()))
        messages = await rest(await transport.consume(RAW_LOGS, "g"))
        times = sorted({message.timestamp_us for message in messages})
        assert len(times) >= 8
        for since_us in (0, *times, times[3] + 1_000):
            follower = await transport.follow(RAW_LOGS, since_us=since_us)
            left = [message for message in messages if message.timestamp_us >= since_us]
            assert follower.lag() == len(left)
            assert texts(await all_of(follower)) == texts(left)
            await follower.close()

    async def test_where_there_is_none_what_comes_from_now_on(self, transport: Transport) -> None:
        await transport.append(RAW_LOGS, plain("before"))
        (message,) = await rest(await transport.consume(RAW_LOGS, "g"))
        follower = await transport.follow(RAW_LOGS, since_us=message.timestamp_us + 3_600_000_000)
        assert follower.lag() == 0
        await transport.append(RAW_LOGS, plain("a"))
        assert texts(await all_of(follower)) == ["a"]
        await follower.close()

    async def test_a_topic_that_is_not_there_yet(self, transport: Transport) -> None:
        follower = await transport.follow(RAW_LOGS, since_us=0)
        await transport.append(RAW_LOGS, plain("a"))
        assert texts(await all_of(follower)) == ["a"]
        await follower.close()

    async def test_a_position_and_a_time_are_one_too_many(self, transport: Transport) -> None:
        with pytest.raises(ValueError, match="not at both"):
            await transport.follow(RAW_LOGS, {0: 1}, since_us=0)

    @pytest.mark.only("sqlite", reason="the brokers' clocks can't be set")
    async def test_a_clock_that_went_back(self, store: Store) -> None:
        clock = Clock()
        transport = await store.open(Limits(), clock)
        begin = clock.seconds
        seconds = [0, 10, 20, 30, 5, 15, 25, 35, 45]
        for after in seconds:
            clock.seconds = begin + after
            await transport.append(RAW_LOGS, plain(str(after)))
        for since in range(46):
            follower = await transport.follow(RAW_LOGS, since_us=int((begin + since) * 1e6))
            found = [int(text) for text in texts(await all_of(follower))]
            assert seconds[-len(found) :] == found
            assert found[0] >= since, "it begins at one that was taken then or later"
            assert len(found) == len(seconds) or seconds[-len(found) - 1] < since, "after one that was taken earlier"
            await follower.close()
        await transport.close()

    @pytest.mark.only("sqlite", reason="brokers delete what is too old in large pieces")
    async def test_the_oldest_that_is_left(self, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sqlite_retention, "FOLLOWED_BYTES", 10)
        transport = await store.open()
        group, first = await transport.consume(RAW_LOGS, "g"), await transport.follow(RAW_LOGS)
        await transport.append(RAW_LOGS, plain(*"abcdefghijklmnopqrstuvwxyz"))
        await pass_all(group)
        assert await left(transport, 10) == 10
        follower = await transport.follow(RAW_LOGS, since_us=1)
        assert texts(await all_of(follower)) == list("qrstuvwxyz")
        await follower.close()
        await first.close()
        await transport.close()

    @pytest.mark.only("sqlite", reason="what brokers store they check themselves")
    async def test_times_that_are_damaged_mislead_nobody(self, store: Store) -> None:
        assert isinstance(store, SqliteStore)
        clock = Clock()
        transport = await store.open(Limits(), clock)
        for _ in range(16):
            clock.seconds += 1
            await transport.append(RAW_LOGS, plain("a"))
        times = [message.timestamp_us for message in await rest(await transport.consume(RAW_LOGS, "g"))]
        with contextlib.closing(sqlite3.connect(store.path)) as db, db:
            db.execute('UPDATE "log_raw_logs" SET taken = 5 WHERE position % 3 = 0')
            db.execute('UPDATE "log_raw_logs" SET taken = ? WHERE position % 3 = 1', (1 << 60,))
        for number, since_us in enumerate(times):
            follower = await transport.follow(RAW_LOGS, since_us=since_us)
            # The nearest before it that isn't damaged is the last to be left out.
            assert number - 2 <= follower.positions[0] - 1 <= number
            await follower.close()
        await transport.close()


@pytest.mark.only("sqlite", reason="Kafka keeps everything until its retention ends, whoever follows")
class TestKept:
    """`seconds` and bytes of what is kept are the constants of the implementation, which the tests make small."""

    @pytest.fixture(autouse=True)
    def _small(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sqlite_retention, "FOLLOWED_BYTES", 10)
        monkeypatch.setattr(sqlite_retention, "FOLLOWED_SECONDS", 60.0)

    async def test_the_last_while_somebody_follows(self, store: Store) -> None:
        clock = Clock()
        transport = await store.open(Limits(), clock)
        group = await transport.consume(RAW_LOGS, "g")
        follower = await transport.follow(RAW_LOGS)
        await transport.append(RAW_LOGS, plain(*"abcdefghijklmnopqrstuvwxyz"))
        messages = await rest(group)
        await group.commit(past(messages[-1]))
        assert await left(transport, 10) == 10
        again = await transport.follow(RAW_LOGS, past(messages[-5]))
        assert texts(await all_of(again)) == ["w", "x", "y", "z"]
        await again.close()
        # One that was away for too long sees by the positions that there is something missing.
        late = await transport.follow(RAW_LOGS, past(messages[3]))
        found = await all_of(late)
        assert texts(found) == list("qrstuvwxyz")
        assert found[0].position > messages[3].position + 1
        await late.close()
        await follower.close()
        await transport.append("elsewhere", plain("x"))
        assert await left(transport, 10) == 10  # its followers may come back
        clock.seconds += sqlite_retention.LINGER_SECONDS
        assert await left(transport, 0) == 0
        await transport.close()

    async def test_across_a_restart(self, store: Store) -> None:
        clock = Clock()
        transport = await store.open(Limits(), clock)
        group = await transport.consume(RAW_LOGS, "g")
        follower = await transport.follow(RAW_LOGS)
        await transport.append(RAW_LOGS, plain("a", "b"))
        messages = await rest(group)
        await group.commit(past(messages[-1]))
        await follower.close()
        await transport.close()
        clock.seconds += 30
        transport = await store.open(Limits(), clock)
        await transport.append("elsewhere", plain("x"))
        again = await transport.follow(RAW_LOGS, past(messages[0]))
        assert texts(await all_of(again)) == ["b"]
        await again.close()
        await transport.close()
        transport = await store.open(Limits(), clock)
        clock.seconds += 61
        assert await left(transport, 0) == 0
        await transport.close()

    async def test_until_it_is_too_old(self, store: Store) -> None:
        clock = Clock()
        transport = await store.open(Limits(), clock)
        group = await transport.consume(RAW_LOGS, "g")
        follower = await transport.follow(RAW_LOGS)
        await transport.append(RAW_LOGS, plain("old"))
        clock.seconds += 50
        await transport.append(RAW_LOGS, plain("new"))
        await pass_all(group)
        await transport.append("elsewhere", plain("x"))
        assert await left(transport, 2) == 2
        clock.seconds += 20
        assert await left(transport, 1) == 1
        messages = await all_of(follower)
        assert texts(messages) == ["new"]
        clock.seconds += 50
        assert await left(transport, 0) == 0
        await follower.close()
        await transport.close()

    async def test_all_that_is_missing_moves_a_reader_on(self, store: Store) -> None:
        clock = Clock()
        transport = await store.open(Limits(), clock)
        group = await transport.consume(RAW_LOGS, "g")
        await transport.append(RAW_LOGS, plain("a", "b"))
        messages = await rest(group)
        await group.commit(past(messages[-1]))
        assert await left(transport, 0) == 0
        late = await transport.follow(RAW_LOGS, past(messages[0]))
        assert list(await late.fetch(10, 5)) == []
        assert late.positions == past(messages[1])
        await late.close()
        await transport.close()

    async def test_what_a_group_has_not_taken_stays(self, store: Store) -> None:
        clock = Clock()
        transport = await store.open(Limits(), clock)
        await transport.consume(RAW_LOGS, "g")
        follower = await transport.follow(RAW_LOGS)
        await transport.append(RAW_LOGS, plain(*"abcdefghijklmnopqrstuvwxyz"))
        clock.seconds += 1_000
        await transport.append("elsewhere", plain("x"))
        assert await left(transport, 26) == 26
        await follower.close()
        await transport.close()

    async def test_followers_take_no_room_from_the_groups(self, store: Store) -> None:
        """What is kept for them is not what waits: appends go on."""
        transport = await store.open(Limits(max_bytes=12), Clock())
        group = await transport.consume(RAW_LOGS, "g")
        follower = await transport.follow(RAW_LOGS)
        for _ in range(10):
            await transport.append(RAW_LOGS, plain("12345", "12345"))
            await pass_all(group)
        await follower.close()
        await transport.close()
