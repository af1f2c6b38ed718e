"""The agent as a task: rounds, backpressure, stopping, and being killed."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest
from prometheus_client import REGISTRY

from logd.agent import agent as agent_module
from logd.agent.agent import Agent
from logd.agent.follow import ROUND_BYTES
from logd.agent.state import State
from logd.chunk import TARGET_BODY_BYTES, Chunk
from logd.errors import ConfigError
from tests.support.agent import HeldClock, Target, config_of, running


def append(folder: Path, data: bytes, name: str = "app.log") -> None:
    with (folder / "logs" / name).open("ab") as file:
        file.write(data)


async def test_lines_arrive_as_they_are_written(tmp_path: Path) -> None:
    async with running(config_of(tmp_path)) as agent:
        for number in range(5):
            append(tmp_path, b"%d\n" % number)
            assert await agent.settle() == [b"%d" % n for n in range(number + 1)]
        await agent.end()


async def test_run_is_the_agent_without_its_status(tmp_path: Path) -> None:
    target, stop, clock = Target(), asyncio.Event(), HeldClock()
    config = config_of(tmp_path, batch_seconds=0.0)
    append(tmp_path, b"a\n")
    task = asyncio.create_task(agent_module.run(config, target, stop, clock))
    await clock.idle()
    stop.set()
    await task
    assert target.texts == [b"a"]


async def test_stopping_sends_the_whole_lines_that_were_read(tmp_path: Path) -> None:
    config = config_of(tmp_path, batch_seconds=100.0)
    append(tmp_path, b"a\nb\nhalf")
    async with running(config) as agent:
        await agent.clock.idle()
        assert agent.target.texts == []
        await agent.end()
        assert agent.target.texts == [b"a", b"b"]
    append(tmp_path, b" and half\n")
    async with running(config, agent.target) as again:
        await again.clock.idle()
        await again.end()
    assert agent.target.texts == [b"a", b"b", b"half and half"]
    assert agent.target.duplicates == 0


async def test_a_target_that_is_away_stops_the_reading(tmp_path: Path) -> None:
    config = config_of(tmp_path, batch_seconds=0.0)
    target = Target()
    target.refuse = 3
    append(tmp_path, b"a\n")
    async with running(config, target) as agent:
        await agent.clock.idle()
        append(tmp_path, b"b\n")
        for _ in range(2):
            await agent.clock.advance(60)
            assert agent.agent.status()["target_error"] == "away"
            assert agent.agent.status()["pending_chunks"] == 1
        assert len(target.attempts) == 3
        assert {item.lines for item in target.attempts} == {1}
        assert await agent.settle() == [b"a", b"b"]
        assert agent.agent.status()["target_error"] is None
        await agent.end()


async def test_one_round_is_held_while_the_target_is_away(tmp_path: Path) -> None:
    target = Target()
    target.refuse = 10**6
    line_bytes = 8 * 1024
    config = config_of(tmp_path, batch_seconds=0.0)
    append(tmp_path, (b"x" * (line_bytes - 1) + b"\n") * (3 * ROUND_BYTES // line_bytes))
    async with running(config, target) as agent:
        await agent.clock.idle()
        first = list(target.attempts)
        assert sum(item.end - item.offset for item in first if item.end) == ROUND_BYTES
        assert agent.agent.status()["pending_chunks"] == len(first) == ROUND_BYTES // TARGET_BODY_BYTES
        append(tmp_path, b"one more\n")
        for _ in range(5):
            await agent.clock.advance(60)
        assert target.attempts == first * 6
        assert agent.agent.status()["behind_bytes"] == 3 * ROUND_BYTES


async def test_stopping_while_the_target_is_away_keeps_what_wasnt_sent(tmp_path: Path) -> None:
    config = config_of(tmp_path, batch_seconds=0.0)
    target = Target()
    target.refuse = 10**6
    append(tmp_path, b"a\n")
    async with running(config, target) as agent:
        await agent.clock.idle()
        append(tmp_path, b"b\n")
        await agent.end()
    assert target.texts == []
    target.refuse = 0
    async with running(config, target) as agent:
        assert await agent.settle() == [b"a", b"b"]


class Hanging:
    """A target that doesn't answer: `before` it takes the chunks, or after."""

    def __init__(self, target: Target, before: bool = True) -> None:
        self.asked = asyncio.Event()
        self._target = target
        self._before = before

    async def send(self, chunks: Sequence[Chunk]) -> None:
        if not self._before:
            self._target.take(chunks)
        self.asked.set()
        await asyncio.Event().wait()


async def test_stopping_ends_with_the_drain_when_the_target_hangs(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    config = config_of(tmp_path, batch_seconds=100.0)
    config = msgspec.structs.replace(config, server=msgspec.structs.replace(config.server, drain_seconds=0.01))
    append(tmp_path, b"a\n")
    async with running(config, Hanging(Target())) as agent:
        await agent.clock.idle()
        await agent.end()
    assert "1 chunks were not sent" in caplog.text
    async with running(config) as agent:
        await agent.clock.idle()
        assert agent.target.texts == [b"a"]


@pytest.mark.parametrize("before", [True, False])
async def test_killed_while_sending_again_and_again(tmp_path: Path, before: bool) -> None:
    config = config_of(tmp_path, batch_seconds=0.0)
    target = Target()
    written = 0
    for _ in range(10):
        append(tmp_path, b"".join(b"%d\n" % number for number in range(written, written + 300)))
        written += 300
        hanging = Hanging(target, before)
        async with running(config, hanging):
            await hanging.asked.wait()
    async with running(config, target) as agent:
        await agent.settle()
    assert target.texts == [b"%d" % number for number in range(written)]


async def test_a_state_restored_from_an_older_copy(tmp_path: Path) -> None:
    config = config_of(tmp_path)
    target = Target()
    append(tmp_path, b"".join(b"%d\n" % number for number in range(700)))
    async with running(config, target) as agent:
        await agent.settle()
        await agent.end()
    shutil.copytree(tmp_path / "data", tmp_path / "backup")
    written = 700
    for count in (450, 10, 1300):
        append(tmp_path, b"".join(b"%d\n" % number for number in range(written, written + count)))
        written += count
        async with running(config, target) as agent:
            await agent.settle()
            await agent.end()
    shutil.rmtree(tmp_path / "data")
    (tmp_path / "backup").rename(tmp_path / "data")
    append(tmp_path, b"the last\n")
    async with running(config, target) as agent:
        found = await agent.settle()
    assert found == [*(b"%d" % number for number in range(written)), b"the last"]
    assert agent.agent.status()["conflict_lines"] == 0


async def test_nothing_is_sent_that_isnt_remembered(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    config = config_of(tmp_path, batch_seconds=0.0)
    async with running(config) as agent:
        await agent.clock.idle()
        blocker = State(tmp_path / "data" / "agent.db")
        blocker.db.execute("BEGIN IMMEDIATE")
        append(tmp_path, b"a\n")
        await agent.clock.advance(2.0)
        assert "nothing is sent until the agent's state can be written" in caplog.text
        assert agent.target.attempts == []
        blocker.db.execute("ROLLBACK")
        blocker.close()
        assert await agent.settle() == [b"a"]
        await agent.end()


async def test_a_newer_state_is_refused(tmp_path: Path) -> None:
    config = config_of(tmp_path)
    state = State(tmp_path / "data" / "agent.db")
    state.db.execute("PRAGMA user_version = 99")
    state.close()
    with pytest.raises(ConfigError, match="version 99"):
        await Agent(config, Target(), HeldClock()).run(asyncio.Event())


async def test_status_and_metrics(tmp_path: Path) -> None:
    def value(name: str, **labels: str) -> float:
        return REGISTRY.get_sample_value(f"logd_agent_{name}", labels) or 0.0

    before = value("sent_lines_total"), value("cut_lines_total", reason="line_too_long")
    config = config_of(tmp_path, max_line_bytes=1024, batch_seconds=0.0)
    agent = Agent(config, Target())
    assert agent.status()["files"] == 0
    append(tmp_path, b"a\n" + b"x" * 2000 + b"\n", "a.log")
    append(tmp_path, b"b\nunfinished", "b.log")
    async with running(config) as one:
        await one.settle()
        status = one.agent.status()
        assert status.pop("behind_seconds") > 0
        assert status == {
            "files": 2,
            "behind_bytes": 10,
            "unreadable": {},
            "pending_chunks": 0,
            "sent_chunks": 3,
            "sent_lines": 3,
            "cut_lines": 1,
            "dropped_lines": 0,
            "truncations": 0,
            "lost_bytes": 0,
            "conflict_lines": 0,
            "refused_lines": 0,
            "damaged_rows": 0,
            "unknown_pods": 0,
            "pods": 0,
            "pods_error": "",
            "state_error": "",
            "target_error": None,
            "spool_bytes": 0,
            "spool_lines": 0,
            "spool_oldest_seconds": None,
            "spool_error": None,
            "spool_dropped_lines": 0,
            "spool_lost_lines": 0,
            "replaying": False,
        }
        assert value("sent_lines_total") - before[0] == 3
        assert value("cut_lines_total", reason="line_too_long") - before[1] == 1
        assert value("followed_files") == 2
        assert value("behind_bytes") == 10
        await one.end()


async def test_nothing_overtakes_what_couldnt_be_sent_before_the_stop(tmp_path: Path) -> None:
    config = config_of(tmp_path, batch_seconds=100.0)
    target = Target()
    target.refuse = 2
    append(tmp_path, b"".join(b"%d\n" % number for number in range(1500)))
    async with running(config, target) as agent:
        await agent.clock.idle()
        await agent.end()
    assert target.refuse == 0
    async with running(config, target) as agent:
        await agent.clock.idle()
        await agent.end()
    assert target.texts == [b"%d" % number for number in range(1500)]
