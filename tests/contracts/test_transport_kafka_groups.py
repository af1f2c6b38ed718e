"""What only the Kafka transport has: partitions that come and go with the members of a group, and what is counted with
their positions."""

from __future__ import annotations

import asyncio
import time
import tracemalloc

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import NewPartitions, RecordsToDelete

from logd.backends.transport import kafka_consumer, kafka_reader
from logd.chunk import Envelope, Message
from logd.errors import ConfigError, Unavailable
from logd.seams import RAW_LOGS, Tally
from tests.support.kafka import (
    PATIENCE_SECONDS,
    Reader,
    admin,
    ends,
    of_services,
    opened,
    until,
)
from tests.support.transports import KafkaStore, held, plain, rest, texts


class TestGroup:
    async def test_members_that_come_and_go_share_the_partitions(self, topics: KafkaStore) -> None:
        async with opened(topics, partitions=6) as one, opened(topics, partitions=6) as two:
            first = Reader(await one.consume(RAW_LOGS, "g"))
            await one.append(RAW_LOGS, of_services(40))
            await until(lambda: len(first.seen) == 40)
            second = Reader(await two.consume(RAW_LOGS, "g"))
            await one.append(RAW_LOGS, of_services(40, 3))
            await until(lambda: len(first.seen) + len(second.seen) >= 160)
            assert second.seen, "it got partitions"
            mine = {message.partition for message in first.seen[40:]}
            assert mine.isdisjoint({message.partition for message in second.seen})
            await second.stop()
            await two.close()
            await one.append(RAW_LOGS, of_services(40))
            await until(lambda: len(first.seen) + len(second.seen) >= 200)
            await first.stop()
            places = [(message.partition, message.position) for message in [*first.seen, *second.seen]]
            assert len(places) == len(set(places)) == 200, "all was committed in time, so nothing comes twice"
            assert (await one.status())[RAW_LOGS]["groups"]["g"]["lag"] == 0

    async def test_what_is_left_is_told_of_those_that_it_has(self, topics: KafkaStore) -> None:
        async with opened(topics, partitions=6) as one, opened(topics, partitions=6) as two:
            alone = await one.consume(RAW_LOGS, "g")
            assert alone.lags() == dict.fromkeys(range(6), 0)
            await one.append(RAW_LOGS, of_services(40))
            under_way = await alone.fetch(1, 30)
            joining = asyncio.create_task(two.consume(RAW_LOGS, "g"))
            assert isinstance(alone, kafka_consumer.KafkaConsumer)
            await until(lambda: not alone._owned.is_set())
            assert alone.lags() == {}, "nobody knows yet whose they will be"
            await alone.commit(ends(under_way))
            other = await joining
            await until(alone._owned.is_set)
            assert alone.lags() == {}, "nobody has asked yet where they begin"
            async with asyncio.timeout(PATIENCE_SECONDS):
                while not alone.lags():
                    await alone.fetch(1, 0.25)
            mine, others = alone.lags(), other.lags()
            assert mine.keys().isdisjoint(others)
            assert mine.keys() | others.keys() == set(range(6))
            left = await rest(other)
            assert len(left) == sum(others.values()) > 0
            assert other.lags() == dict.fromkeys(others, 0)
            assert {message.partition for message in left} <= others.keys()
            assert sum(mine.values()) == alone.lag() > 0

    async def test_a_batch_under_way_is_waited_for(self, topics: KafkaStore) -> None:
        async with opened(topics) as one, opened(topics) as two:
            await one.append(RAW_LOGS, of_services(30))
            held_up = await one.consume(RAW_LOGS, "g")
            messages = await rest(held_up)
            assert len(messages) == 30
            joining = asyncio.create_task(two.consume(RAW_LOGS, "g"))
            # The group is being handed out anew once the first member gives nothing more and waits for its commits.
            assert isinstance(held_up, kafka_consumer.KafkaConsumer)
            await until(lambda: not held_up._owned.is_set())
            assert not joining.done()
            await held_up.commit(ends(messages))
            await joining
            assert (await one.status())[RAW_LOGS]["groups"]["g"]["lag"] == 0

    async def test_what_is_not_committed_in_time_is_read_again(
        self, topics: KafkaStore, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        monkeypatch.setattr(kafka_consumer, "REVOKE_SECONDS", 0.2)
        async with opened(topics) as one, opened(topics) as two:
            await one.append(RAW_LOGS, of_services(30))
            slow = await one.consume(RAW_LOGS, "g")
            taken = await rest(slow)
            other = Reader(await two.consume(RAW_LOGS, "g"))
            assert "30 messages" in caplog.text
            again: list[Message] = []
            async with asyncio.timeout(PATIENCE_SECONDS):
                while len(again) + len(other.seen) < 30:
                    again += await slow.fetch(100, 0.25)
            assert again, "it has partitions still"
            assert other.seen, "the other has some too"
            assert {(one.partition, one.position) for one in [*again, *other.seen]} == {
                (one.partition, one.position) for one in taken
            }
            await slow.commit(ends(taken))  # of what the other has now, nothing
            await other.stop()
            assert (await one.status())[RAW_LOGS]["groups"]["g"]["lag"] == 0

    async def test_a_commit_of_what_is_not_ours_changes_nothing(self, topics: KafkaStore) -> None:
        async with opened(topics) as transport:
            await transport.append(RAW_LOGS, plain("a"))
            consumer = await transport.consume(RAW_LOGS, "g")
            await consumer.commit({99: 5})
            assert await held(transport, group="g") == ["a"]

    async def test_an_index_of_another_stream_is_refused(self, topics: KafkaStore) -> None:
        async with opened(topics) as transport:
            await transport.append(RAW_LOGS, plain("a"))
            with pytest.raises(ConfigError, match=r"up to 500, Kafka up to .*transport\.kafka\.servers"):
                await transport.consume(RAW_LOGS, "g", {0: 500})


class TestAccount:
    async def test_counts_go_with_the_positions_to_the_next_owner(self, topics: KafkaStore) -> None:
        async with opened(topics) as one, opened(topics) as two:
            await one.append(RAW_LOGS, of_services(30))
            first = await one.consume(RAW_LOGS, "g")
            await first.commit(ends((await rest(first))[:20]), Tally(20, 12, 4, 1, 2, 1))
            await one.close()
            second = await two.consume(RAW_LOGS, "g")
            again = await rest(second)
            await second.commit(ends(again), Tally(10, 10))
            await second.commit(ends(again), Tally(1_000, 1_000))  # of nothing that is new
            group = (await two.status())[RAW_LOGS]["groups"]["g"]
            assert group["tally"] == {
                "taken": 30,
                "stored": 22,
                "duplicates": 4,
                "refused": 1,
                "dropped": 2,
                "sampled": 1,
                "shed": 0,
            }
            assert (group["passed"], group["lost"], group["lag"]) == (30, 0, 0)

    async def test_what_is_refused_is_not_counted(self, topics: KafkaStore, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(kafka_consumer, "REVOKE_SECONDS", 0.2)
        async with opened(topics, partitions=2) as one, opened(topics, partitions=2) as two:
            await one.append(RAW_LOGS, of_services(30))
            slow = await one.consume(RAW_LOGS, "g")
            taken = await rest(slow)
            await (await two.consume(RAW_LOGS, "g")).commit({})
            await one.close()  # its partition goes to the other
            with pytest.raises(Unavailable):
                await slow.commit(ends(taken), Tally(30, 30))
            assert (await two.status())[RAW_LOGS]["groups"]["g"]["tally"]["taken"] == 0

    async def test_counts_begin_anew_where_another_tool_has_set_the_position(self, topics: KafkaStore) -> None:
        name = topics.settings().kafka.prefix + RAW_LOGS
        async with opened(topics, partitions=1) as transport:
            await transport.append(RAW_LOGS, of_services(30))
            consumer = await transport.consume(RAW_LOGS, "g")
            await consumer.commit({0: 30}, Tally(30, 30))
        async with AIOKafkaConsumer(
            bootstrap_servers=topics.settings().kafka.servers,
            group_id=name.replace(RAW_LOGS, "g"),
            enable_auto_commit=False,
        ) as tool:
            tool.assign([TopicPartition(name, 0)])
            await tool.commit({TopicPartition(name, 0): (10, "by hand")})
        async with opened(topics, partitions=1) as transport:
            consumer = await transport.consume(RAW_LOGS, "g")
            await consumer.commit({0: 12}, Tally(2, 0, 2))
            group = (await transport.status())[RAW_LOGS]["groups"]["g"]
            assert (group["passed"], group["tally"]["taken"], group["tally"]["duplicates"]) == (2, 2, 2)

    async def test_counts_of_an_earlier_version_go_on(self, topics: KafkaStore) -> None:
        name = topics.settings().kafka.prefix + RAW_LOGS
        async with opened(topics, partitions=1) as transport:
            await transport.append(RAW_LOGS, of_services(30))
            await transport.consume(RAW_LOGS, "g")
        written = '{"since":0,"lost":0,"taken":10,"stored":8,"duplicates":1,"refused":1}'
        async with AIOKafkaConsumer(
            bootstrap_servers=topics.settings().kafka.servers,
            group_id=name.replace(RAW_LOGS, "g"),
            enable_auto_commit=False,
        ) as tool:
            tool.assign([TopicPartition(name, 0)])
            await tool.commit({TopicPartition(name, 0): (10, written)})
        async with opened(topics, partitions=1) as transport:
            consumer = await transport.consume(RAW_LOGS, "g")
            await consumer.commit({0: 13}, Tally(3, 0, 0, 0, 2, 1, 1))
            group = (await transport.status())[RAW_LOGS]["groups"]["g"]
            assert Tally(**group["tally"]) == Tally(13, 8, 1, 1, 2, 1, 1)

    async def test_what_was_deleted_unread_is_in_it(self, topics: KafkaStore) -> None:
        name = topics.settings().kafka.prefix + RAW_LOGS
        async with opened(topics, partitions=1) as transport, admin(topics) as brokers:
            consumer = await transport.consume(RAW_LOGS, "g")
            await transport.append(RAW_LOGS, plain(*"abcdef"))
            await brokers.delete_records({TopicPartition(name, 0): RecordsToDelete(4)})
            consumer = await transport.consume(RAW_LOGS, "g")
            await consumer.commit(ends(await rest(consumer)), Tally(2, 2))
            group = (await transport.status())[RAW_LOGS]["groups"]["g"]
            assert (group["passed"], group["lost"], group["lag"]) == (6, 4, 0)


class TestGrowth:
    async def test_partitions_that_are_added_are_read_from_their_beginning(
        self, topics: KafkaStore, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        name = topics.settings().kafka.prefix + RAW_LOGS
        async with opened(topics, partitions=2) as transport:
            # Appends see new partitions later than readers would: what these write comes from another producer.
            await transport.append(RAW_LOGS, of_services(10))
            monkeypatch.setattr(kafka_reader, "METADATA_SECONDS", 0.5)
            group = Reader(await transport.consume(RAW_LOGS, "g"))
            follower = await transport.follow(RAW_LOGS)
            await until(lambda: len(group.seen) == 10)
            async with admin(topics) as brokers:
                await brokers.create_partitions({name: NewPartitions(5)})
            await write(topics, name, 5, b"%d before anybody knows")
            followed: list[Message] = []
            async with asyncio.timeout(PATIENCE_SECONDS):
                while len(followed) < 5:
                    followed += await follower.fetch(100, 0.25)
            await until(lambda: len(group.seen) == 15)
            await write(topics, name, 5, b"%d later")
            await until(lambda: len(group.seen) == 20)
            async with asyncio.timeout(PATIENCE_SECONDS):
                while len(followed) < 10:
                    followed += await follower.fetch(100, 0.25)
            both = sorted(texts(followed))
            assert both == sorted(texts(group.seen)[10:])
            assert both == sorted(f"{n} {said}" for n in range(5) for said in ("before anybody knows", "later"))
            assert follower.positions.keys() == set(range(5))
            await group.stop()
            assert (await transport.status())[RAW_LOGS]["groups"]["g"]["lag"] == 0


async def write(topics: KafkaStore, name: str, partitions: int, text: bytes) -> None:
    """A message into each of the partitions."""
    client = AIOKafkaProducer(bootstrap_servers=topics.settings().kafka.servers)
    async with client as other, asyncio.timeout(PATIENCE_SECONDS):
        while len(await other.partitions_for(name)) < partitions:
            await other.client.force_metadata_update()
        for partition in range(partitions):
            await other.send_and_wait(name, text % partition, partition=partition)


class TestPause:
    async def test_what_nobody_takes_is_not_fetched(self, topics: KafkaStore, monkeypatch: pytest.MonkeyPatch) -> None:
        """Of 60 MB in 3 partitions, what is held is at most what the driver may ask for at once, of each partition."""
        monkeypatch.setattr(kafka_reader, "IDLE_SECONDS", 0.5)
        size, count, partitions = 200_000, 300, 3
        _, most = kafka_reader._PARTITION_BYTES
        async with opened(topics, partitions=partitions) as transport:
            for first in range(0, count, 50):
                await transport.append(
                    RAW_LOGS,
                    [
                        Envelope(f"service-{n % 20}", {"logd-chunk": "1", "lines": "1"}, b"%0*d" % (size, n))
                        for n in range(first, first + 50)
                    ],
                )
            consumer = await transport.consume(RAW_LOGS, "g")
            assert isinstance(consumer, kafka_consumer.KafkaConsumer)
            driver = consumer._driver
            tracemalloc.start()
            try:
                taken = list(await consumer.fetch(1, 30))
                await until(lambda: driver.paused() == driver.assignment())
                held, _ = tracemalloc.get_traced_memory()
            finally:
                tracemalloc.stop()
            # What a partition's next fetch brought, what this fetch left of the one before, and what it gave.
            assert size < held < 2 * partitions * most + size + 1_000_000
            assert len(driver.assignment()) == partitions
            async with asyncio.timeout(PATIENCE_SECONDS):
                while len(taken) < count:
                    taken += await consumer.fetch(10, 5)
                    assert not driver.paused()
            assert sorted(int(message.value[-9:]) for message in taken) == list(range(count)), "each once"

    async def test_a_follower_goes_on_after_a_long_rest(
        self, topics: KafkaStore, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(kafka_reader, "IDLE_SECONDS", 0.1)
        monkeypatch.setattr(kafka_reader, "SILENT_SECONDS", 2.0)
        async with opened(topics) as transport:
            follower = await transport.follow(RAW_LOGS)
            await until(lambda: len(follower._driver.paused()) == 3)  # type: ignore[attr-defined]
            rested = time.monotonic()
            await until(lambda: time.monotonic() - rested > 3)
            assert list(await follower.fetch(10, 0.2)) == [], "silence was our own"
            await transport.append(RAW_LOGS, plain("a"))
            assert texts(await follower.fetch(10, PATIENCE_SECONDS)) == ["a"]
            await follower.close()
