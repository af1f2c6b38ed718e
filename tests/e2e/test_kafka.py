"""One machine's roles over Kafka instead of a file of their own: the same answers, also after a kill."""

from __future__ import annotations

import asyncio
import json
import urllib.request
import uuid
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from logd.backends.transport.kafka import KafkaTransport
from logd.chunk import Message, compress, log_id
from logd.config.schema import Kafka, Transport
from logd.deadletters import dead_letter
from logd.seams import DEAD_LETTERS
from tests.services import Running
from tests.support.commands import Done, begun
from tests.support.letters import PATH, SOURCE, TEXT, broken, chunk
from tests.support.process import PATIENCE_SECONDS, Server, until


@pytest.fixture
def settings(kafka: Running) -> dict[str, Any]:
    return {
        "transport.type": "kafka",
        "transport.kafka.servers": kafka.url,
        "transport.kafka.prefix": f"test-{uuid.uuid4().hex[:12]}.",
        "transport.kafka.partitions": 6,
        "transport.kafka.replication": 1,
        "index.flush_seconds": 0.4,
    }


def _numbers(server: Server) -> list[int]:
    return sorted(record["metadata"]["n"] for record in server.search(q="numbered", limit=10_000)["logs"])


def _found(server: Server, count: int) -> None:
    until(lambda: len(_numbers(server)) >= count, f"all {count} are there")
    assert _numbers(server) == list(range(count))


def test_each_line_is_found_once_also_after_a_kill(tmp_path: Path, settings: dict[str, Any]) -> None:
    with Server(tmp_path, settings=settings, roles="processor,api") as server:
        count = 0
        for _ in range(3):
            for service in range(20):
                lines = [{"message": "numbered", "n": count + n} for n in range(5)]
                server.ingest(f"service-{service}", lines)
                count += 5
            server.kill()
            server.start()
            _found(server, count)
        topic = server.get("/api/v1/status").json()["transport"]["raw-logs"]
        assert topic["messages"] == 60
        assert sum(1 for end in topic["next_positions"].values() if end) > 1, "several partitions have some"
        until(
            lambda: server.get("/api/v1/status").json()["transport"]["raw-logs"]["groups"]["processor"]["lag"] == 0,
            "what is in segments is committed",
        )
        assert server.terminate() == 0
        server.start()
        assert _numbers(server) == list(range(count))


def test_a_tail_sees_all_partitions(tmp_path: Path, settings: dict[str, Any]) -> None:
    with (
        Server(tmp_path, settings=settings, roles="processor,api") as server,
        urllib.request.urlopen(f"http://127.0.0.1:{server.port}/api/v1/logs/tail?q=followed", timeout=60) as answer,
    ):
        while not answer.readline().startswith(b"event: open"):
            pass
        for service in range(20):
            server.ingest(f"service-{service}", [{"message": f"followed {service}"}])
        seen: set[str] = set()
        while len(seen) < 20:
            line = answer.readline()
            if line.startswith(b'data: {"log_id"'):
                seen.add(json.loads(line[6:])["service"])
        assert seen == {f"service-{n}" for n in range(20)}


def test_what_is_no_chunk_is_a_line_or_a_dead_letter(tmp_path: Path, settings: dict[str, Any]) -> None:
    """Of everything that others can put into the topic nothing is passed over, and nothing stops the rest."""
    prefix = settings["transport.kafka.prefix"]
    place = {"source-id": SOURCE, "offset": "0", "lines": "1", "observed": "1769860800000000"}
    # Each with its headers, and what is said of it as a dead letter; None of a line.
    records: list[tuple[bytes | None, dict[str, bytes], str | None]] = [
        (b"a plain line", {}, None),
        (b"", {"service": b"plain"}, None),
        (None, {"service": b"plain"}, None),
        (b"odd \xff", {"service": b"\xff"}, None),
        (b"long " + b"x" * 3_000_000, {}, None),
        (b"y" * 2_000_000, {**_encoded(place), "logd-chunk": b"1"}, "is no zstd frame"),
        (broken(), {**_encoded(place), "logd-chunk": b"1"}, "is no zstd frame"),
        (b"z" * 3_000_000, {"logd-chunk": b"1"}, "can't be read"),
        (compress(b"of the future"), {**_encoded(place), "logd-chunk": b"2"}, "is newer than this logd"),
        (compress(b"x"), {"logd-chunk": b"1", "service": b"\xff"}, "are no UTF-8"),
        (compress(b"x"), {"logd-chunk": b"1", "offset": b"9" * 30}, "can't be read"),
        (None, {**_encoded(place), "logd-chunk": b"1"}, "is no zstd frame"),
    ]
    bad = [said for _, _, said in records if said]

    async def send() -> None:
        name = prefix + "raw-logs"
        servers = settings["transport.kafka.servers"]
        brokers = AIOKafkaAdminClient(bootstrap_servers=servers)
        await brokers.start()
        await brokers.create_topics([NewTopic(name, 1, 1, topic_configs={"max.message.bytes": "5000000"})])
        await brokers.close()
        async with AIOKafkaProducer(bootstrap_servers=servers, max_request_size=5_000_000) as other:
            for value, headers, _ in records:
                await other.send_and_wait(name, value, headers=list(headers.items()), key=b"foreign")

    asyncio.run(send())
    with Server(tmp_path, settings=settings, roles="processor,api") as server:
        server.may_log_errors = True
        server.ingest("after", [{"message": "numbered", "n": 0}])
        _found(server, 1)
        until(lambda: len(server.get(PATH).json()["deadletters"]) == len(bad), "all dead letters")
        letters = server.get(PATH).json()["deadletters"]
        for letter, said in zip(letters, bad, strict=True):
            assert said in letter["reason"]
        assert [letter["size"] for letter in letters if "bytes, of which" in letter["reason"]] == [
            pytest.approx(990_000, abs=2_000)
        ] * 2
        lines = server.search(limit=100)["logs"]
        assert {line["message"][:12] for line in lines} >= {"a plain line", "odd \ufffd", "long xxxxxxx"}
        assert len(lines) == 1 + len(records) - len(bad)
        status = server.get("/api/v1/status").json()
        assert status["transport"]["dead-letters"]["messages"] == len(bad)
        purged = _command(server, "deadletter", "purge", *map(str, [letters[0]["position"], 999]))
        assert (purged.code, "no dead letter at position 999" in purged.error) == (1, True)
        assert server.terminate() == 0
        server.start()
        assert server.get(PATH).json()["deadletters"] == letters[1:]
        assert f"{len(bad) - 1} dead letters: see" in _command(server, "status").out


def test_a_replay_stores_each_line_once_with_its_id(tmp_path: Path, settings: dict[str, Any]) -> None:
    refused = Message(0, 7, 5, "s", chunk(0).to_envelope().headers, chunk(0).value)

    async def bury(count: int) -> None:
        kafka = Kafka(
            servers=[settings["transport.kafka.servers"]], prefix=settings["transport.kafka.prefix"], replication=1
        )
        transport = await KafkaTransport.open(Transport(type="kafka", kafka=kafka))
        await transport.append(DEAD_LETTERS, [dead_letter(refused, "as a test")] * count)
        await transport.close()

    asyncio.run(bury(2))
    positions = [at for at, byte in enumerate(b"\n" + TEXT[:-1]) if byte == 10]
    with Server(tmp_path, settings=settings, roles="processor,api") as server:
        (first, _) = server.get(PATH).json()["deadletters"]
        shown = json.loads(_command(server, "deadletter", "show", str(first["position"])).out)
        assert (shown["text"].encode(), shown["reason"], shown["lines"]) == (TEXT, "as a test", 40)
        done = _command(server, "deadletter", "replay", str(first["position"]))
        assert done.out == "1 dead letters with 40 lines are in the queue again\n"
        until(lambda: server.search(limit=1)["total_hits"] == 40, "they are stored")
        # Another copy of it, as there is one after a crash between the append and the mark.
        assert _command(server, "deadletter", "replay", "--all").code == 0
        assert _command(server, "deadletter", "list").out == ""
        server.ingest("after", [{"message": "numbered", "n": 0}])
        _found(server, 1)
        until(
            lambda: server.get("/api/v1/status").json()["transport"]["raw-logs"]["groups"]["processor"]["lag"] == 0,
            "all is read",
        )
        found = [record["log_id"] for record in server.search(q="ERROR", limit=1_000)["logs"]]
        assert sorted(found) == [log_id(SOURCE, at) for at in positions]


def _encoded(headers: dict[str, str]) -> dict[str, bytes]:
    return {name: text.encode() for name, text in headers.items()}


def _command(server: Server, *arguments: object) -> Done:
    with begun(*arguments, "--url", f"http://127.0.0.1:{server.port}") as child:
        out, error = child.communicate(timeout=PATIENCE_SECONDS)
    return Done(child.returncode, out, error)
