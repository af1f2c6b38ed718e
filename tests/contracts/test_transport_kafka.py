"""What only the Kafka transport has: records of other producers, topics and brokers as they are found."""

from __future__ import annotations

import asyncio
import logging
import socket

import msgspec
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import NewTopic

from logd.backends.transport import kafka_client
from logd.backends.transport.kafka_client import Connection
from logd.backends.transport.kafka_topics import DONE, Topics
from logd.chunk import Chunk, Envelope, compress, from_message
from logd.config.schema import Transport as Limits
from logd.errors import BadRequest, Unavailable
from logd.parse.plan import Parser
from logd.seams import DEAD_LETTERS, RAW_LOGS, Appended, Moved
from tests.support.chunks import LIMITS
from tests.support.kafka import (
    PATIENCE_SECONDS,
    admin,
    of_services,
    opened,
)
from tests.support.naive_parse import as_records
from tests.support.transports import A, KafkaStore, held, plain, rest


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
