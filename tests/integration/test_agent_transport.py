"""The agent and the transport of one machine: real logs go in as files and come out as chunks."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path

import pytest

from logd.agent.agent import Agent
from logd.agent.ship import TransportShipper
from logd.backends.transport.sqlite import SqliteTransport
from logd.chunk import from_message
from logd.config.schema import Agent as AgentSettings
from logd.config.schema import Config, Files
from logd.seams import RAW_LOGS, Consumer
from tests.support.agent import HeldClock, Line, lines_of


async def fetch_all(consumer: Consumer) -> list[Line]:
    """Everything that has been sent so far."""
    found: list[Line] = []
    while messages := await consumer.fetch(16_000, 0.0):
        for message in messages:
            found += lines_of(from_message(message))
    return found


@pytest.mark.parametrize("kills", [0, 3])
async def test_every_line_of_real_logs(test_data: Path, tmp_path: Path, kills: int) -> None:
    files = sorted((test_data / "loghub").glob("*.log"))
    assert files
    config = Config(
        data_dir=str(tmp_path),
        agent=AgentSettings(files=[Files(paths=[str(test_data / "loghub" / "*.log")])], partial_line_seconds=1.0),
    )
    transport = await SqliteTransport.open(tmp_path / "transport.db")
    consumer = await transport.consume(RAW_LOGS, "test")
    try:
        for turn in range(kills + 1):
            clock, stop = HeldClock(), asyncio.Event()
            agent = Agent(config, TransportShipper(transport), clock)
            task = asyncio.create_task(agent.run(stop))
            for _ in range(turn if turn < kills else 12):
                await clock.advance(0.3)
            if turn < kills:
                task.cancel()
                await asyncio.wait([task])
            else:
                assert agent.status()["behind_bytes"] == 0
                stop.set()
                await task
        lines = await fetch_all(consumer)
    finally:
        await transport.close()
    assert len({(line.source_id, line.position) for line in lines}) == len(lines)
    for path in files:
        expected = path.read_bytes().split(b"\n")
        if not expected[-1]:
            expected.pop()
        assert [line.text for line in lines if line.source == str(path)] == expected
    assert Counter(line.source for line in lines) == {str(path): 2000 for path in files}
