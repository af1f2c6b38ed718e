"""Kafka goes away under an agent that is killed meanwhile: every line comes into it, those of a file in order."""

from __future__ import annotations

import asyncio
import threading
import time
from pathlib import Path

import pytest

from logd.backends.transport.kafka import KafkaTransport
from logd.chunk import decompress, from_message
from logd.config.schema import Kafka, Transport
from logd.seams import RAW_LOGS
from tests.services import running
from tests.support.process import Server, until

pytestmark = [pytest.mark.servers("kafka"), pytest.mark.timeout(900)]
_SETTINGS = {
    "agent.poll_seconds": 0.05,
    "agent.rescan_seconds": 0.1,
    "agent.batch_seconds": 0.05,
    "transport.type": "kafka",
    "transport.kafka.partitions": 3,
    "transport.kafka.replication": 1,
    "transport.kafka.connect_seconds": 2,
}


def _write(path: Path, stop: threading.Event) -> int:
    """Numbered lines, a thousand a second, until it is to stop; gives how many."""
    count = 0
    with path.open("a", buffering=1) as file:
        while not stop.wait(0.01):
            file.writelines(f"{n}\n" for n in range(count, count + 10))
            count += 10
    return count


def _size(server: Server) -> int:
    return sum(path.stat().st_size for path in server.data_dir.glob("spool/*"))


async def _lines(servers: str) -> list[int]:
    """The numbers of all lines in Kafka, each where it came first; what was sent again has the same place."""
    settings = Transport(type="kafka", kafka=Kafka(servers=servers.split(",")))
    transport = await KafkaTransport.open(settings)
    try:
        ends = (await transport.status()).get(RAW_LOGS, {}).get("next_positions", {})
        if not ends:
            return []
        follower = await transport.follow(RAW_LOGS, dict.fromkeys(map(int, ends), 0))
        found: dict[int, None] = {}
        messages = 0
        while messages < sum(ends.values()):
            for message in await follower.fetch(10_000, 0.5):
                messages += 1
                found.update(dict.fromkeys(map(int, decompress(from_message(message).value).split())))
        await follower.close()
    finally:
        await transport.close()
    return list(found)


@pytest.mark.parametrize("before", [True, False], ids=["away from the start", "there at first"])
def test_kafka_is_away(tmp_path: Path, before: bool, long: bool) -> None:
    log, stop = tmp_path / "app.log", threading.Event()
    log.touch()
    counts: list[int] = []
    writer = threading.Thread(target=lambda: counts.append(_write(log, stop)))
    with running("kafka", tmp_path / "kafka") as kafka:
        settings = {**_SETTINGS, "transport.kafka.servers": kafka.url}
        agent = Server(tmp_path / "agent", files=[log], settings=settings, roles="agent")
        if before:
            kafka.kill()
        writer.start()
        try:
            with agent:
                if not before:
                    until(lambda: "following" in agent.log(), "it runs")
                    until(lambda: asyncio.run(_lines(kafka.url)), "lines are in Kafka")
                    kafka.kill()
                away = time.monotonic() + (60 if long else 10)
                until(lambda: _size(agent) > 0, "it spools")
                until(lambda: time.monotonic() > away, "time has passed")
                spooled = _size(agent)
                agent.kill()
                agent.start()
                until(lambda: _size(agent) > spooled, "it goes on spooling")
                kafka.start()
                until(lambda: not _size(agent), "the spool is sent")
                stop.set()
                writer.join()
                until(lambda: len(asyncio.run(_lines(kafka.url))) >= counts[0], "all lines are in Kafka")
                assert agent.terminate() == 0
        finally:
            stop.set()
            writer.join()
        assert asyncio.run(_lines(kafka.url)) == list(range(counts[0]))
