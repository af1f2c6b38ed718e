"""What every transport guarantees to its readers: order, groups, positions, waking."""

from __future__ import annotations

import asyncio

import pytest

from logd.seams import DEAD_LETTERS, RAW_LOGS, Transport
from tests.support.transports import Store, held, past, plain, rest, texts


class TestConsume:
    async def test_from_the_oldest_message_on(self, transport: Transport) -> None:
        await transport.append(RAW_LOGS, plain("a", "b"))
        consumer = await transport.consume(RAW_LOGS, "g")
        assert consumer.lag() == 2
        assert texts(await consumer.fetch(100, 5)) == ["a", "b"]
        assert consumer.lag() == 0

    async def test_how_much_is_left_of_each_partition(self, transport: Transport) -> None:
        consumer = await transport.consume(RAW_LOGS, "g")
        partitions = set(consumer.lags())
        assert partitions >= {0}
        assert consumer.lags() == dict.fromkeys(partitions, 0), "without any message, it has them all the same"
        await transport.append(RAW_LOGS, plain("a", "b"))
        (first,) = await consumer.fetch(1, 30)
        assert consumer.lags() == {**dict.fromkeys(partitions, 0), first.partition: 1}
        assert consumer.lag() == 1
        await rest(consumer)
        assert consumer.lags() == dict.fromkeys(partitions, 0)

    async def test_what_is_read_again_is_left_again(self, transport: Transport) -> None:
        await transport.append(RAW_LOGS, plain("a", "b"))
        await rest(await transport.consume(RAW_LOGS, "g"))
        assert sorted((await transport.consume(RAW_LOGS, "g")).lags().values())[-1] == 2

    async def test_a_topic_that_is_not_there_yet(self, transport: Transport) -> None:
        consumer = await transport.consume(RAW_LOGS, "g")
        assert consumer.lag() == 0
        assert list(await consumer.fetch(100, 0)) == []
        await transport.append(RAW_LOGS, plain("a"))
        assert texts(await rest(consumer)) == ["a"]

    async def test_max_lines(self, transport: Transport) -> None:
        await transport.append(RAW_LOGS, [*plain("a", "b", "c", "d", lines="10"), *plain("e")])
        consumer = await transport.consume(RAW_LOGS, "g")
        fetched = [texts(await consumer.fetch(limit, 5)) for limit in (1, 11, 10, 10)]
        assert fetched == [["a"], ["b", "c"], ["d"], ["e"]]

    async def test_lines_that_say_nothing_count_as_one(self, transport: Transport) -> None:
        await transport.append(RAW_LOGS, [*plain("a", lines="many"), *plain("b", lines="-5"), *plain("c")])
        consumer = await transport.consume(RAW_LOGS, "g")
        assert texts(await consumer.fetch(2, 5)) == ["a", "b"]

    async def test_fetching_commits_nothing(self, transport: Transport) -> None:
        await transport.append(RAW_LOGS, plain("a", "b"))
        assert await held(transport, group="g") == ["a", "b"]
        assert await held(transport, group="g") == ["a", "b"]

    async def test_groups_are_independent(self, transport: Transport) -> None:
        await transport.append(RAW_LOGS, plain("a", "b", "c"))
        one, two = await transport.consume(RAW_LOGS, "one"), await transport.consume(RAW_LOGS, "two")
        messages = await rest(one)
        await one.commit(past(messages[-1]))
        assert await held(transport, group="one") == []
        assert texts(await rest(two)) == ["a", "b", "c"]
        await two.commit(past(messages[0]))
        assert await held(transport, group="two") == ["b", "c"]

    async def test_a_commit_never_moves_backwards(self, transport: Transport) -> None:
        await transport.append(RAW_LOGS, plain("a", "b", "c"))
        consumer = await transport.consume(RAW_LOGS, "g")
        messages = await rest(consumer)
        for message in (messages[1], messages[0]):
            await consumer.commit(past(message))
        assert await held(transport, group="g") == ["c"]

    async def test_a_restart_resumes(self, store: Store) -> None:
        for expected in (["0", "1"], ["1", "2"], ["2", "3"]):
            transport = await store.open()
            count = int(expected[-1])
            new = plain(f"{count}") if count > 1 else plain("0", "1")
            await transport.append(RAW_LOGS, new)
            messages = await rest(await transport.consume(RAW_LOGS, "g"))
            assert texts(messages) == expected
            await (await transport.consume(RAW_LOGS, "g")).commit(past(messages[0]))
            await transport.close()

    @pytest.mark.only("sqlite", reason="Kafka has it on several brokers instead of on one disk")
    async def test_a_commit_survives_a_power_cut(self, store: Store, transport: Transport) -> None:
        await transport.append(RAW_LOGS, plain("a", "b"))
        consumer = await transport.consume(RAW_LOGS, "g")
        await consumer.commit(past((await rest(consumer))[0]))
        left = await store.after_power_cut()
        try:
            assert await held(left, group="g") == ["b"]
        finally:
            await left.close()

    async def test_from_a_given_position(self, transport: Transport) -> None:
        await transport.append(RAW_LOGS, plain("a", "b", "c"))
        messages = await rest(await transport.consume(RAW_LOGS, "g"))
        consumer = await transport.consume(RAW_LOGS, "g", past(messages[0]))
        assert texts(await rest(consumer)) == ["b", "c"]

    async def test_a_waiting_fetch_wakes(self, transport: Transport) -> None:
        consumer = await transport.consume(RAW_LOGS, "g")
        for text in ("a", "b"):
            fetch = asyncio.create_task(consumer.fetch(100, 600))
            await asyncio.sleep(0)  # it waits
            await transport.append(DEAD_LETTERS, plain("elsewhere"))
            await transport.append(RAW_LOGS, plain(text))
            async with asyncio.timeout(30):
                assert texts(await fetch) == [text]

    async def test_all_waiting_fetches_wake(self, transport: Transport) -> None:
        consumers = [await transport.consume(RAW_LOGS, f"g{n}") for n in range(5)]
        fetches = [asyncio.create_task(consumer.fetch(100, 600)) for consumer in consumers]
        await asyncio.sleep(0)
        await transport.append(RAW_LOGS, plain("a"))
        async with asyncio.timeout(30):
            assert [texts(messages) for messages in await asyncio.gather(*fetches)] == [["a"]] * 5

    async def test_a_fetch_gives_up_in_time(self, transport: Transport) -> None:
        consumer = await transport.consume(RAW_LOGS, "g")
        async with asyncio.timeout(30):
            assert list(await consumer.fetch(100, 0.01)) == []

    @pytest.mark.parametrize("turns", [0, 1, 2, 3, 10])
    async def test_a_cancelled_fetch_harms_nothing(self, transport: Transport, turns: int) -> None:
        await transport.append(RAW_LOGS, plain("a", "b"))
        consumer = await transport.consume(RAW_LOGS, "g")
        fetch = asyncio.create_task(consumer.fetch(1, 600))
        for _ in range(turns):
            await asyncio.sleep(0)
        if fetch.done():
            assert texts(await fetch) == ["a"]
            assert texts(await rest(consumer)) == ["b"]
            return
        fetch.cancel()
        with pytest.raises(asyncio.CancelledError):
            await fetch
        assert texts(await rest(consumer)) == ["a", "b"]

    async def test_a_fetch_cancelled_while_it_waits_harms_nothing(self, transport: Transport) -> None:
        consumer = await transport.consume(RAW_LOGS, "g")
        fetch = asyncio.create_task(consumer.fetch(1, 600))
        await asyncio.sleep(0)
        fetch.cancel()
        with pytest.raises(asyncio.CancelledError):
            await fetch
        await transport.append(RAW_LOGS, plain("a"))
        assert texts(await rest(consumer)) == ["a"]

    async def test_nothing_is_deleted_that_a_group_has_not_passed(self, transport: Transport) -> None:
        all_texts = [f"{n}" for n in range(30)]
        await transport.append(RAW_LOGS, plain(*all_texts))
        fast, slow = await transport.consume(RAW_LOGS, "fast"), await transport.consume(RAW_LOGS, "slow")
        messages = await rest(fast)
        assert await held(transport, group="slow") == all_texts
        for at in (0, 5, 12, 29):
            await fast.commit(past(messages[-1]))
            await slow.commit(past(messages[at]))
            assert await held(transport, group="slow") == all_texts[at + 1 :]

    async def test_dead_letters_are_all_kept(self, transport: Transport) -> None:
        await transport.append(DEAD_LETTERS, plain("a", "b"))
        await transport.append(RAW_LOGS, plain("c"))
        consumer = await transport.consume(RAW_LOGS, "g")
        for message in await rest(consumer):
            await consumer.commit(past(message))
            await consumer.commit(past(message))
        assert (await transport.status())[DEAD_LETTERS]["messages"] == 2

    async def test_status_says_what_is_there(self, transport: Transport) -> None:
        await transport.append(RAW_LOGS, plain("aa", "bb", lines="3"))
        await transport.consume(RAW_LOGS, "g")
        topic = (await transport.status())[RAW_LOGS]
        assert topic["messages"] == 2
        assert topic["groups"]["g"]["lag"] == 2

    @pytest.mark.only("sqlite", reason="brokers look into no record")
    async def test_status_says_how_much_is_there(self, transport: Transport) -> None:
        await transport.append(RAW_LOGS, plain("aa", "bb", lines="3"))
        topic = (await transport.status())[RAW_LOGS]
        assert (topic["bytes"], topic["lines"]) == (4, 6)
