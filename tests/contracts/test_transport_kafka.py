"""What only the Kafka transport has: partitions, members of a group that come and go, retention that waits for nobody,
records of other producers."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
import socket
import time
import tracemalloc
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

import msgspec
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions, NewTopic, RecordsToDelete
from prometheus_client import REGISTRY

from logd.backends.transport import kafka_client, kafka_consumer, kafka_reader, kafka_retention
from logd.backends.transport.kafka import KafkaTransport
from logd.backends.transport.kafka_client import Connection
from logd.backends.transport.kafka_topics import DONE, Topics
from logd.chunk import Chunk, Envelope, Message, compress, from_message
from logd.config.schema import Transport as Limits
from logd.errors import BadRequest, ConfigError, Unavailable
from logd.parse.plan import Parser
from logd.seams import DEAD_LETTERS, RAW_LOGS, Appended, Consumer, Moved, Tally
from tests.support.chunks import LIMITS
from tests.support.naive_parse import as_records
from tests.support.transports import A, KafkaStore, held, past, plain, rest, texts

#: A busy machine may take so long for whatever is waited for.
PATIENCE_SECONDS = 120


@contextlib.asynccontextmanager
async def opened(topics: KafkaStore, limits: Limits | None = None, **kafka: Any) -> AsyncIterator[KafkaTransport]:
    transport = await KafkaTransport.open(topics.settings(limits, **kafka))
    try:
        yield transport
    finally:
        await transport.close()


@contextlib.asynccontextmanager
async def admin(topics: KafkaStore) -> AsyncIterator[AIOKafkaAdminClient]:
    client = AIOKafkaAdminClient(bootstrap_servers=topics.settings().kafka.servers)
    await client.start()
    try:
        yield client
    finally:
        await client.close()


def of_services(count: int, each: int = 1) -> list[Envelope]:
    """Envelopes of so many services, which are in all partitions."""
    return [Envelope(f"service-{n % count}", {"logd-chunk": "1", "lines": "1"}, b"%d" % n) for n in range(count * each)]


def ends(messages: Sequence[Message]) -> dict[int, int]:
    """The positions that say all of them are done."""
    return {message.partition: message.position + 1 for message in messages}


class Reader:
    """Fetches and commits in the background, as a processor does; `seen` has what was committed."""

    def __init__(self, consumer: Consumer) -> None:
        self.consumer = consumer
        self.seen: list[Message] = []
        self._task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        while True:
            messages = await self.consumer.fetch(10, 0.25)
            if messages:
                await self.consumer.commit(ends(messages))
                self.seen += messages

    async def stop(self) -> None:
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task


async def until(true: Callable[[], object]) -> None:
    """Polls, as what is waited for comes from the brokers."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not true():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.05)


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


class TestGap:
    async def test_what_was_deleted_unread_is_counted_and_said(
        self, topics: KafkaStore, caplog: pytest.LogCaptureFixture
    ) -> None:
        name = topics.settings().kafka.prefix + RAW_LOGS
        async with opened(topics) as transport, admin(topics) as brokers:
            await transport.consume(RAW_LOGS, "g")
            await transport.append(RAW_LOGS, plain(*"abcdef"))
            (partition,) = (n for n, end in (await transport.status())[RAW_LOGS]["next_positions"].items() if end)
            await brokers.delete_records({TopicPartition(name, int(partition)): RecordsToDelete(4)})
            consumer = await transport.consume(RAW_LOGS, "g")
            assert texts(await rest(consumer)) == ["e", "f"]
            await until_gap(consumer, name, 4)
            assert "LOST 4 messages" in caplog.text
            await transport.append(RAW_LOGS, plain("g"))
            await brokers.delete_records({TopicPartition(name, int(partition)): RecordsToDelete(7)})
            consumer = await transport.consume(RAW_LOGS, "g")
            await until_gap(consumer, name, 11)  # the four again, as nothing was committed, and three more
            assert consumer.lag() == 0


async def until_trouble(transport: KafkaTransport, there: bool) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while bool(await transport.trouble()) is not there:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.05)


async def until_gap(consumer: Consumer, topic: str, count: int) -> None:
    labels = {"topic": topic, "group": topic.replace(RAW_LOGS, "g")}
    async with asyncio.timeout(PATIENCE_SECONDS):
        while REGISTRY.get_sample_value("logd_transport_gap_messages_total", labels) != count:
            await consumer.fetch(10, 0.1)


class TestAccount:
    async def test_counts_go_with_the_positions_to_the_next_owner(self, topics: KafkaStore) -> None:
        async with opened(topics) as one, opened(topics) as two:
            await one.append(RAW_LOGS, of_services(30))
            first = await one.consume(RAW_LOGS, "g")
            await first.commit(ends((await rest(first))[:20]), Tally(20, 15, 4, 1))
            await one.close()
            second = await two.consume(RAW_LOGS, "g")
            again = await rest(second)
            await second.commit(ends(again), Tally(10, 10))
            await second.commit(ends(again), Tally(1_000, 1_000))  # of nothing that is new
            group = (await two.status())[RAW_LOGS]["groups"]["g"]
            assert group["tally"] == {"taken": 30, "stored": 25, "duplicates": 4, "refused": 1}
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


class TestRetention:
    async def test_a_group_that_is_far_behind_is_said_until_it_is_not(
        self, topics: KafkaStore, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        monkeypatch.setattr(kafka_retention, "LOOK_SECONDS", 0.05)
        name = topics.settings().kafka.prefix + RAW_LOGS
        labels = {"topic": name, "group": topics.settings().kafka.prefix + "g"}

        def ratio() -> float:
            return REGISTRY.get_sample_value("logd_transport_retention_used_ratio", labels) or 0.0

        async with admin(topics) as brokers:
            await brokers.create_topics([NewTopic(name, 1, 1, topic_configs={"retention.ms": "8000000"})])
        async with opened(topics) as transport:
            consumer = await transport.consume(RAW_LOGS, "g")
            async with AIOKafkaProducer(bootstrap_servers=topics.settings().kafka.servers) as other:
                for age_seconds in (7_200, 60):
                    taken_ms = int((time.time() - age_seconds) * 1000)
                    await other.send_and_wait(name, b"old", timestamp_ms=taken_ms)
            messages: list[Message] = []
            async with asyncio.timeout(PATIENCE_SECONDS):
                while len(messages) < 2:
                    messages += await consumer.fetch(1, 0.25)
            old, new = messages
            await until_trouble(transport, True)
            said = await transport.trouble()
            assert re.search(r"group \S+\.g is 72\d\d s behind, and retention.ms is 8000000: what is over that", said)
            assert 0.9 <= ratio() < 0.95
            assert said in caplog.text
            await consumer.commit(past(old))
            await until_trouble(transport, False)
            await consumer.commit(past(new))
            await until(lambda: ratio() == 0)

    async def test_bytes(self, topics: KafkaStore, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(kafka_retention, "LOOK_SECONDS", 0.05)
        name = topics.settings().kafka.prefix + RAW_LOGS
        async with admin(topics) as brokers:
            configs = {"retention.bytes": "100000", "segment.bytes": "10000000"}
            await brokers.create_topics([NewTopic(name, 1, 1, topic_configs=configs)])
        async with opened(topics) as transport:
            consumer = await transport.consume(RAW_LOGS, "g")
            await transport.append(RAW_LOGS, plain(*(["x" * 9_500] * 9)))
            messages = await rest(consumer)
            await until_trouble(transport, True)
            said = await transport.trouble()
            assert "g is about 90000 bytes behind in a partition, and retention.bytes is 100000" in said
            await consumer.commit(past(messages[2]))
            await until_trouble(transport, False)


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


class TestOtherProducers:
    async def test_lines_beside_chunks(self, topics: KafkaStore) -> None:
        name = topics.settings().kafka.prefix + RAW_LOGS
        body = b'{"message": "from a chunk", "level": "warn"}'
        chunk = Chunk(
            service="ours",
            host="h",
            source="f",
            source_id=A,
            offset=0,
            lines=1,
            observed_us=1_732_269_600_000_000,
            value=compress(body),
            content_type="application/x-ndjson",
        )
        async with opened(topics, partitions=1) as transport:
            await transport.append(RAW_LOGS, [chunk.to_envelope()])
            async with AIOKafkaProducer(bootstrap_servers=topics.settings().kafka.servers) as other:
                await other.send_and_wait(name, b"plain text", key=b"kcat")
                await other.send_and_wait(
                    name, b'{"message": "json"}', headers=[("service", b"fluent"), ("host", b"web")]
                )
                await other.send_and_wait(name, b"\xff bytes", headers=[("service", b"\xe4\xfc")])
                await other.send_and_wait(name, b"", key=b"empty")
                await other.send_and_wait(name, None, key=b"tombstone")
            messages = await rest(await transport.consume(RAW_LOGS, "g"))
        chunks = [from_message(message) for message in messages]
        parser = Parser("UTC", LIMITS, 64 * 1024 * 1024)
        try:
            records = as_records(parser.parse(chunks, [message.timestamp_us for message in messages]).table)
        finally:
            parser.close()
        found = [(record["service"], record["message"]) for record in records]
        assert found[:4] == [
            ("ours", "from a chunk"),
            ("kcat", "plain text"),
            ("fluent", "json"),
            ("\ufffd\ufffd", "\ufffd bytes"),
        ]
        assert records[2]["host"] == "web"
        assert len({record["log_id"] for record in records}) == len(records)

    async def test_a_chunk_whose_headers_are_no_text_is_damaged(self, topics: KafkaStore) -> None:
        name = topics.settings().kafka.prefix + RAW_LOGS
        async with opened(topics) as transport:
            await transport.append(RAW_LOGS, plain("a"))
            async with AIOKafkaProducer(bootstrap_servers=topics.settings().kafka.servers) as other:
                await other.send_and_wait(name, b"x", headers=[("logd-chunk", b"1"), ("service", b"\xff")])
            messages = await rest(await transport.consume(RAW_LOGS, "g"))
        assert sorted(message.damage[:24] for message in messages) == ["", "the headers at position "]


class TestPartitions:
    async def test_a_service_is_in_the_partition_that_its_key_has_for_everybody(self, topics: KafkaStore) -> None:
        name = topics.settings().kafka.prefix + RAW_LOGS
        async with opened(topics, partitions=7) as transport:
            await transport.append(RAW_LOGS, of_services(20))
            async with AIOKafkaProducer(bootstrap_servers=topics.settings().kafka.servers) as other:
                for envelope in of_services(20):
                    await other.send_and_wait(name, b"", key=envelope.key.encode())
            messages = await rest(await transport.consume(RAW_LOGS, "g"))
        assert len({(message.key, message.partition) for message in messages}) == 20
        assert len({message.partition for message in messages}) > 3

    async def test_a_hot_service_is_spread_by_its_sources(self, topics: KafkaStore) -> None:
        sources = [f"{number:016x}" for number in range(30)]
        async with opened(topics, partitions=7, hot_services=["hot"], hot_partitions=3) as transport:
            for _ in range(2):
                envelopes = [Envelope("hot", {"source-id": source}, source.encode()) for source in sources]
                await transport.append(RAW_LOGS, envelopes)
            messages = await rest(await transport.consume(RAW_LOGS, "g"))
        assert len({message.partition for message in messages}) == 3
        assert len({(message.value, message.partition) for message in messages}) == 30, "a resend goes where it was"


async def test_a_broker_that_says_nothing_holds_up_no_other(
    topics: KafkaStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As one whose machine is gone."""
    monkeypatch.setattr(kafka_client, "_CONNECT_SECONDS", 10.0 * PATIENCE_SECONDS)
    settings = topics.settings().kafka
    with socket.create_server(("127.0.0.1", 0)) as silent:
        nobody = f"127.0.0.1:{silent.getsockname()[1]}"
        connection = Connection(msgspec.structs.replace(settings, servers=[nobody, *settings.servers]), {})
        assert connection.options["bootstrap_servers"] == [nobody, *settings.servers]
        async with asyncio.timeout(PATIENCE_SECONDS):
            await connection.look()
        assert connection.options["bootstrap_servers"] == settings.servers, "the driver isn't told of it"
        monkeypatch.setattr(kafka_client, "_SILENT_SECONDS", 0.0)
        assert connection.options["bootstrap_servers"] == [nobody, *settings.servers]


async def test_an_append_that_waits_for_the_topic_has_a_deadline(
    topics: KafkaStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def ensure(*_: object) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(Topics, "ensure", ensure)
    monkeypatch.setattr("logd.backends.transport.kafka.APPEND_SECONDS", 0.01)
    async with opened(topics) as transport:
        with pytest.raises(Unavailable, match=r"no broker has said within 0\.01 s whether there is .*raw-logs"):
            await transport.append(RAW_LOGS, plain("a"))


class TestTopics:
    async def test_made_as_configured(self, topics: KafkaStore, caplog: pytest.LogCaptureFixture) -> None:
        limits = Limits(max_age_seconds=3_600)
        async with opened(topics, limits, partitions=5, replication=1) as transport:
            await transport.append(RAW_LOGS, plain("a"))
            assert len((await transport.status())[RAW_LOGS]["next_positions"]) == 5
        caplog.clear()
        async with opened(topics, limits, partitions=5, replication=1) as transport:
            await transport.append(RAW_LOGS, plain("a"))
        assert [record.getMessage() for record in caplog.records if record.name == "logd.transport"] == []

    async def test_one_that_has_less_is_used_with_a_warning(
        self, topics: KafkaStore, caplog: pytest.LogCaptureFixture
    ) -> None:
        settings = topics.settings()
        configs = {"retention.ms": "60000", "cleanup.policy": "compact,delete"}
        async with admin(topics) as brokers:
            await brokers.create_topics([NewTopic(settings.kafka.prefix + RAW_LOGS, 2, 1, topic_configs=configs)])
        with caplog.at_level(logging.WARNING):
            async with opened(topics, partitions=5, replication=3) as transport:
                await transport.append(RAW_LOGS, plain("a"))
        for said in (
            "2 partitions, fewer than transport.kafka.partitions = 5",
            "1 copies, fewer than transport.kafka.replication = 3",
            "min.insync.replicas = 1",
            "60 s, less than transport.max_age_seconds = 604800",
            "is compacted",
        ):
            assert said in caplog.text


class TestRefusals:
    async def test_a_record_that_no_broker_takes(self, topics: KafkaStore) -> None:
        async with opened(topics) as transport:
            with pytest.raises(BadRequest, match="1000000"):
                await transport.append(RAW_LOGS, [*plain("a"), *plain("x" * 1_100_000)])
            assert await transport.append(RAW_LOGS, plain("b")) == Appended(1, 0)
            assert await held(transport) == ["b"]


class TestDeadLetters:
    async def test_a_topic_of_several_partitions(self, topics: KafkaStore) -> None:
        name = topics.settings().kafka.prefix + DEAD_LETTERS
        async with admin(topics) as brokers:
            await brokers.create_topics([NewTopic(name, 3, 1)])
        async with opened(topics) as transport:
            letters = transport.dead_letters()
            await transport.append(DEAD_LETTERS, of_services(30))
            found = await letters.look(0, 1_000, lambda letter: (letter.position, letter.value))
            assert sorted(value for _, value in found) == sorted(b"%d" % n for n in range(30))
            assert found == sorted(found)
            assert found[-1][0] >= 2**40, "there are some in another partition than the first"
            paged: list[int] = []
            while page := await letters.look(paged[-1] if paged else 0, 7, lambda letter: letter.position):
                paged += page
            assert paged == [position for position, _ in found]
            (chosen, value) = found[-1]
            assert (await letters.read(chosen)).value == value
            assert await letters.replay([chosen, 2**41 + 2**39]) == Moved(1, 1, (2**41 + 2**39,))
            assert await held(transport) == [value.decode()]
            assert (await letters.remove(None)).messages == 29

    async def test_a_page_of_letters_that_need_several_fetches(self, topics: KafkaStore) -> None:
        async with opened(topics) as transport:
            await transport.append(DEAD_LETTERS, [Envelope("s", {}, b"%d" % n * 300_000) for n in range(9)])
            letters, after, found = transport.dead_letters(), 0, list[int]()
            for expected in (4, 4, 1):
                page = await letters.look(after, 4, lambda letter: letter.position)
                assert len(page) == expected
                after = page[-1]
                found += page
            assert found == list(range(1, 10))

    async def test_what_is_done_is_deleted_as_far_as_it_can_be(self, topics: KafkaStore) -> None:
        prefix = topics.settings().kafka.prefix
        letters_at, done_at = TopicPartition(prefix + DEAD_LETTERS, 0), TopicPartition(prefix + DONE, 0)
        async with opened(topics) as transport, opened(topics) as other:
            letters = transport.dead_letters()
            await transport.append(DEAD_LETTERS, plain(*"abcdef"))
            async with AIOKafkaConsumer(bootstrap_servers=topics.settings().kafka.servers) as brokers:

                async def oldest() -> tuple[int, int]:
                    found = await brokers.beginning_offsets([letters_at, done_at])
                    return found[letters_at], found[done_at]

                await letters.remove([2, 3])
                assert await oldest() == (0, 0), "the first one is still there"
                await letters.remove([1])
                assert await oldest() == (3, 1), "its own mark is the newest, and not read yet"
                await other.dead_letters().remove([5])
                assert await oldest() == (3, 2)
            assert await letters.look(0, 9, lambda letter: letter.value) == [b"d", b"f"]
            assert await other.dead_letters().look(0, 9, lambda letter: letter.value) == [b"d", b"f"]
        async with opened(topics) as again:
            assert await again.dead_letters().look(0, 9, lambda letter: letter.value) == [b"d", b"f"]

    async def test_what_is_no_mark_is_passed_over(self, topics: KafkaStore) -> None:
        async with opened(topics) as transport:
            await transport.append(DEAD_LETTERS, plain("a", "b"))
            keys = ("", "0:5-5", "0:9-1", "x:0-1", "0:0-1 ", "99999:0-1", "0:1-2")
            await transport.append(DONE, [Envelope(key, {}, b"") for key in keys])
            assert await transport.dead_letters().look(0, 9, lambda letter: letter.value) == [b"a"]
