"""The processor between a real transport and a real index: joining, dead letters, positions, and its stop."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest
from prometheus_client import REGISTRY

from logd import chunk
from logd.chunk import Envelope
from logd.config.schema import Index as IndexLimits
from logd.config.shaping import ShapeTable
from logd.parse import joining
from logd.roles import waiting
from logd.roles.processor import Processor
from logd.seams import RAW_LOGS
from tests.support.naive_parse import as_records
from tests.support.processing import World, envelope, unreadable
from tests.support.rows import everything


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with World.open(tmp_path / "data") as opened:
        yield opened


class TestLines:
    async def test_come_from_the_transport_into_the_index(self, world: World) -> None:
        await world.append(envelope(1, "a", '{"message":"b","service":"own"}'))
        async with world.running():
            await world.index.until(rows=2)
            await world.append(envelope(2, "c"))
            await world.index.until(rows=3)
            assert await world.messages() == ["a", "b", "c"]
        records = as_records((await world.index.search(everything())).table)
        assert {record["message"]: (record["log_id"], record["service"]) for record in records} == {
            "a": (chunk.log_id(f"{1:016x}", 0), "web"),
            "b": (chunk.log_id(f"{1:016x}", 1), "own"),
            "c": (chunk.log_id(f"{2:016x}", 0), "web"),
        }

    async def test_of_other_producers_too(self, world: World) -> None:
        await world.append(Envelope("nginx", {}, b"from elsewhere"), Envelope("", {"lines": "many"}, b"\xff"))
        async with world.running():
            await world.index.until(rows=2)
        assert await world.messages() == ["from elsewhere", "\ufffd"]
        assert await world.letters() == []

    async def test_whose_messages_are_counted_in_bytes_once(self, world: World) -> None:
        def counted() -> float:
            return REGISTRY.get_sample_value("logd_index_message_bytes_total") or 0.0

        before = counted()
        for number in (1, 2):  # the same record, sent again by somebody else
            await world.append(envelope(number, '{"log_id": "mine", "message": "für"}'))
            async with world.running():
                await world.index.until(batches=number)
        assert counted() == before + 4

    async def test_are_counted_as_lag(self, world: World) -> None:
        role = Processor(world.config, world.transport, world.index)
        assert role.lag() == 0
        await world.append(*(envelope(number, "x") for number in range(7)))
        world.index.gate.clear()
        stop = asyncio.Event()
        run = asyncio.create_task(role.run(stop))
        await world.index.until(waiting=1)
        await world.append(envelope(8, "y"))
        assert role.lag() in (0, 1)
        assert role.status()["lag_messages"] == role.lag()
        stop.set()
        world.index.gate.set()
        await run
        assert len(await world.messages()) in (7, 8)


class TestJoining:
    async def test_small_chunks_share_a_batch(self, tmp_path: Path) -> None:
        async with World.open(tmp_path / "data", join_lines=40, join_seconds=600) as world, world.running():
            for number in range(80):
                await world.append(envelope(number, f"{number}"))
            await world.index.until(rows=80)
            assert [len(batch.table) for batch in world.index.batches] == [40, 40]
            assert [batch.positions for batch in world.index.batches] == [{0: 41}, {0: 81}]

    async def test_what_waits_is_joined(self, tmp_path: Path) -> None:
        async with World.open(tmp_path / "data", join_lines=100) as world:
            await world.append(*(envelope(number, "a", "b", "c") for number in range(50)))
            async with world.running():
                await world.index.until(rows=150)
            assert [len(batch.table) for batch in world.index.batches] == [102, 48]

    async def test_not_more_text_than_fits(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(joining, "_PARSE_BYTES", 10_000)
        sizes = [4_000, 4_000, 4_000, 50_000, 1, 1, 10_000]
        await world.append(*(envelope(number, "x" * size) for number, size in enumerate(sizes)))
        async with world.running():
            await world.index.until(rows=7)
        assert [len(batch.table) for batch in world.index.batches] == [2, 1, 1, 2, 1]
        assert [batch.positions[0] for batch in world.index.batches] == [3, 4, 5, 7, 8]

    async def test_no_longer_than_there_is_text_enough(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Few lines may be many bytes, which are held while more are waited for."""
        monkeypatch.setattr(joining, "_PARSE_BYTES", 10_000)
        async with World.open(tmp_path / "data", join_lines=100, join_seconds=600) as world, world.running():
            await world.append(envelope(1, "short"))
            await world.append(envelope(2, random.Random(2).randbytes(10_000).hex()))
            await world.index.until(rows=2)


class TestShaping:
    async def test_what_is_left_out_moves_the_position_and_is_counted(self, world: World) -> None:
        drop = ShapeTable(type="drop", query="message:noise")
        world.config = msgspec.structs.replace(world.config, shape=[drop])
        await world.append(envelope(1, "noise", "a noise"), envelope(2, "noise", "b", "c"))
        async with world.running():
            await world.index.until(batches=1)
            await world.append(envelope(3, "noise"))
            await world.index.until(batches=2)
            assert await world.messages() == ["b", "c"]
        told = [(batch.lines, batch.refused, batch.dropped, len(batch.table)) for batch in world.index.batches]
        assert told == [(5, 0, 3, 2), (1, 0, 1, 0)]
        assert (await world.group())["lag"] == 0

    async def test_of_an_unreadable_chunk_s_neighbours(self, world: World) -> None:
        """The batch is parsed in parts, which are put together."""
        rules = [ShapeTable(type="drop", name="n", query="noise"), ShapeTable(type="sample", query="more", keep=1e-9)]
        world.config = msgspec.structs.replace(world.config, shape=rules)
        own = envelope(6, '{"log_id": "mine", "message": "kept"}', "noise")
        await world.append(envelope(1, "noise"), unreadable(2), envelope(3, "b", "noise", "more"), own)
        async with world.running():
            await world.index.until(batches=1)
        (batch,) = world.index.batches
        assert batch.table["message"].to_pylist() == ["b", "kept"]
        assert batch.own_ids is not None
        assert batch.own_ids.to_pylist() == [False, True]
        assert (batch.lines, batch.refused, batch.dropped, batch.sampled) == (7, 1, 3, 1)


class TestDeadLetters:
    async def test_an_unreadable_chunk_becomes_one_and_harms_no_neighbour(self, world: World) -> None:
        bad_headers = Envelope("k", {"logd-chunk": "1", "offset": "x", "remember": "ever", "lines": "?"}, b"original")
        await world.append(
            envelope(1, "a"), unreadable(2), envelope(3, "b"), bad_headers, envelope(4, "c"), envelope(5, "d")
        )
        async with world.running():
            await world.index.until(rows=4)
        assert await world.messages() == ["a", "b", "c", "d"]
        first, second = await world.letters()
        assert (first.value, second.value, second.key) == (b"this is no zstd", b"original", "k")
        assert "no zstd frame" in first.headers["dead-letter-reason"]
        assert "headers" in second.headers["dead-letter-reason"]
        for letter, place in ((first, "2"), (second, "4")):
            assert (letter.headers["dead-letter-partition"], letter.headers["dead-letter-position"]) == ("0", place)
        assert (first.headers["refused-source-id"], first.headers["refused-offset"]) == (f"{2:016x}", "0")
        assert (await world.group())["lag"] == 0

    async def test_it_is_one_even_when_it_is_read_again(self, world: World) -> None:
        await world.append(envelope(1, "a"), unreadable(2), envelope(3, "b"))
        async with world.running():
            await world.index.until(rows=2)
            crashed = world.copy("crashed")
        async with World.open(crashed) as again:
            assert await again.messages() == []
            assert len(await again.letters()) == 1
            async with again.running():
                await again.index.until(rows=2)
            assert await again.messages() == ["a", "b"]
            assert len(await again.letters()) == 1

    async def test_a_chunk_of_nothing_else_is_passed(self, world: World) -> None:
        await world.append(unreadable(1))
        async with world.running():
            async with asyncio.timeout(60):
                while not world.index.batches:  # noqa: ASYNC110
                    await asyncio.sleep(0)
        assert (len(await world.letters()), (await world.group())["lag"]) == (1, 0)


class TestPositions:
    async def test_are_committed_only_when_the_rows_are_durable(self, world: World) -> None:
        await world.append(envelope(1, "a"), envelope(2, "b"))
        async with world.running():
            await world.index.until(rows=2)
            await world.append(envelope(3, "c"))
            await world.index.until(rows=3)
            assert await world.group() == {"position": 0, "lag": 3}
            await world.index.flush()
            await world.append(envelope(4, "d"))
            await world.index.until(rows=4)
            async with asyncio.timeout(60):
                while (await world.group())["position"] == 0:  # noqa: ASYNC110
                    await asyncio.sleep(0)
            assert await world.group() == {"position": 4, "lag": 1}
            assert (await world.transport.status())[RAW_LOGS]["messages"] >= 1
        assert await world.group() == {"position": 5, "lag": 0}

    async def test_are_committed_while_nothing_comes(self, world: World) -> None:
        await world.append(envelope(1, "a"))
        async with world.running():
            await world.index.until(rows=1)
            await world.index.flush()
            async with asyncio.timeout(60):
                while (await world.group())["lag"]:  # noqa: ASYNC110
                    await asyncio.sleep(0)

    async def test_what_was_in_memory_is_read_again_after_a_crash(self, world: World) -> None:
        await world.append(envelope(1, "a"), envelope(2, "b"))
        async with world.running():
            await world.index.until(rows=2)
            await world.index.flush()
            await world.append(envelope(3, "c"))
            await world.index.until(rows=3)
            crashed = world.copy("crashed")
        async with World.open(crashed) as again:
            assert await again.messages() == ["a", "b"]
            async with again.running():
                await again.index.until(rows=1)
            assert await again.messages() == ["a", "b", "c"]

    async def test_of_the_index_count_and_not_the_transports(self, world: World) -> None:
        """A crash between the index's flush and the group's commit."""
        await world.append(envelope(1, "a"), envelope(2, "b"))
        async with world.running():
            await world.index.until(rows=2)
            world.index.gate.clear()
            await world.index.flush()
            crashed = world.copy("crashed")
        async with World.open(crashed) as again:
            await again.append(envelope(3, "c"))
            async with again.running():
                await again.index.until(rows=1)
            assert await again.messages() == ["a", "b", "c"]
            assert again.index.rows == 1


class TestStop:
    async def test_what_was_fetched_is_finished(self, world: World) -> None:
        world.index.gate.clear()
        await world.append(*(envelope(number, f"{number}") for number in range(5)))
        async with world.running() as stop:
            await world.index.until(waiting=1)
            stop.set()
            await world.append(envelope(9, "late"))
        assert world.index.durable() in ({0: 6}, {0: 7})
        assert (await world.index.status())["recent_rows"] == 0
        assert (await world.messages())[:5] == [f"{number}" for number in range(5)]
        group = await world.group()
        assert (group["position"], group["lag"]) == (
            6 + len(await world.messages()) - 5,
            6 - len(await world.messages()),
        )

    async def test_without_anything_to_do(self, world: World) -> None:
        async with world.running():
            pass
        assert await world.messages() == []

    async def test_then_another_goes_on(self, world: World) -> None:
        for number in range(3):
            await world.append(envelope(number, f"{number}"))
            async with world.running():
                await world.index.until(rows=number + 1)
        assert await world.messages() == ["0", "1", "2"]
        assert world.index.rows == 3


class TestUnavailable:
    async def test_an_index_that_cannot_write_is_asked_again(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        monkeypatch.setattr(waiting, "_RETRY_SECONDS", (0.001, 0.01))
        limits = IndexLimits(flush_rows=1, flush_bytes=2**40, flush_seconds=1_000_000)
        async with World.open(tmp_path / "data", limits, join_lines=1) as world:
            in_the_way = world.folder / "index" / "policy=DEFAULT"
            in_the_way.write_text("not a folder")
            await world.append(*(envelope(number, f"{number}") for number in range(6)))
            async with world.running():
                await world.index.until(refused=3)
                assert len(world.index.batches) == 2
                assert (await world.group())["position"] == 0
                in_the_way.unlink()
                await world.index.until(rows=6)
            assert await world.messages() == [f"{number}" for number in range(6)]
            assert (await world.group())["lag"] == 0
        assert "the index is unavailable" in caplog.text
