"""The hub between a real transport, a real engine and its clients: no gap and no repeat, and who starts and stops."""

from __future__ import annotations

import asyncio
import contextlib
import json
import tempfile
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from logd.backends.transport import sqlite_retention
from logd.backends.transport.sqlite import SqliteTransport
from logd.chunk import Chunk, Envelope, Positions, compress
from logd.enrich import filters
from logd.errors import Unavailable
from logd.http.records import records
from logd.parse.plan import Parser
from logd.query.parse import parse
from logd.query.sql import Condition, compile_sql
from logd.seams import RAW_LOGS
from logd.tail import catch_up, engine, tailing
from logd.tail.engine import Engine
from logd.tail.places import Place, Places, parse_resume_id
from logd.tail.tailing import Tailing


def lines(*texts: str) -> Envelope:
    """A chunk that nobody remembers."""
    return Chunk(
        service="s",
        host="h",
        source="x",
        source_id="0" * 16,
        offset=0,
        lines=len(texts),
        observed_us=1_700_000_000_000_000,
        value=compress("".join(f"{text}\n" for text in texts).encode()),
        positions=Positions.LINE,
    ).to_envelope()


class World:
    """A transport, and a hub over it that runs until the world ends."""

    def __init__(self, transport: SqliteTransport, most: int, grace_seconds: float) -> None:
        self.transport = transport
        self.engines = 0
        self.tailing = Tailing(transport, self._engine, most, grace_seconds)

    def _engine(self) -> Engine:
        self.engines += 1
        return Engine(Parser, records)

    async def send(self, *texts: str) -> None:
        await self.transport.append(RAW_LOGS, [lines(*texts)])

    async def take(self, count: int, resume: Places | None = None, query: str = "") -> tuple[list[str], Places]:
        """The messages of so many lines from a place on, and the place then."""
        async with self.tailing.join(parse(query), resume or {}) as tail, contextlib.aclosing(tail.bodies()) as bodies:
            found: list[str] = []
            async with asyncio.timeout(60):
                async for body in bodies:
                    for data, place in read(body):
                        if "message" in data:
                            found.append(data["message"])
                        if len(found) == count:
                            return found, parse_resume_id(place)
        raise AssertionError(f"it ended after {len(found)} lines")


@contextlib.asynccontextmanager
async def world(folder: Path, most: int = 10, grace_seconds: float = 60.0) -> AsyncIterator[World]:
    transport = await SqliteTransport.open(folder / "transport.db")
    try:
        made = World(transport, most, grace_seconds)
        run = asyncio.create_task(made.tailing.run(), name="tailing")
        try:
            yield made
        finally:
            made.tailing.end()
            await run
    finally:
        await transport.close()


def read(body: bytes) -> list[tuple[dict[str, Any], str]]:
    """The events' data and ids."""
    events = []
    for block in body.decode().split("\n\n")[:-1]:
        fields = dict(line.split(": ", 1) for line in block.split("\n") if not line.startswith(":"))
        if "data" in fields:
            events.append((json.loads(fields["data"]), fields.get("id", "")))
    return events


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tailing, "_JOIN_SECONDS", 0.005)


CHUNKS = st.lists(st.integers(1, 5), min_size=1, max_size=8)


@settings(deadline=None, max_examples=25)
@given(CHUNKS, CHUNKS, st.integers(1, 3), st.data())
def test_from_every_place_on_what_comes_after_it(
    before: list[int], after: list[int], step: int, data: st.DataObject
) -> None:
    """A client that was cut off after any line goes on with the next, whether that is in the queue, in the stream, or
    half in each; of the lines only every `step`-th matches."""
    total = sum(before) + sum(after)
    texts = [f"line{n} {'yes' if n % step == 0 else 'no'}" for n in range(total)]
    matching = [text for text in texts if text.endswith("yes")]
    cut = data.draw(st.integers(1, max(1, sum(text.endswith("yes") for text in texts[: sum(before)]))))

    async def run(folder: Path) -> None:
        async with world(folder) as made:
            sent = iter(texts)

            async def send(counts: Sequence[int]) -> None:
                for count in counts:
                    await made.send(*(next(sent) for _ in range(count)))

            first = asyncio.create_task(made.take(cut, {0: Place(1)}, "yes"))
            await send(before)
            found, place = await first
            if len(matching) > cut:
                rest = asyncio.create_task(made.take(len(matching) - cut, place, "yes"))
                await send(after)
                found += (await rest)[0]
            assert found == matching

    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(run(Path(folder)))


async def test_the_first_client_starts_the_reader_and_the_last_one_stops_it(tmp_path: Path) -> None:
    async with world(tmp_path, grace_seconds=0.0) as made:
        assert made.engines == 0
        for number in (1, 2):
            async with made.tailing.join(parse("a"), {}), made.tailing.join(parse("b"), {}):
                assert made.engines == number
                assert made.tailing.status()["following"]
            async with asyncio.timeout(60):
                while made.tailing.status()["following"]:
                    await made.send("nobody sees it")
        assert made.tailing.status()["clients"] == 0


async def test_within_the_grace_nothing_is_started_anew(tmp_path: Path) -> None:
    async with world(tmp_path) as made:
        for _ in range(3):
            async with made.tailing.join(parse("a"), {}):
                pass
        assert made.engines == 1


async def test_a_client_gets_nothing_of_what_was_there_before(tmp_path: Path) -> None:
    async with world(tmp_path) as made:
        await made.send("before")
        async with made.tailing.join(parse(""), {}) as tail, contextlib.aclosing(tail.bodies()) as bodies:
            assert read(await anext(bodies))[0][1] == "0:2.0"
            await made.send("after")
            assert [data["message"] for data, _ in read(await anext(bodies))] == ["after"]


async def test_too_many_clients(tmp_path: Path) -> None:
    async with world(tmp_path, most=1) as made, made.tailing.join(parse(""), {}):
        with pytest.raises(Unavailable, match=r"1 tails are open, which is search\.tails"):
            async with made.tailing.join(parse(""), {}):
                pass


async def test_after_the_end_nobody_joins(tmp_path: Path) -> None:
    async with world(tmp_path) as made:
        async with made.tailing.join(parse(""), {}) as tail:
            made.tailing.end()
            bodies = [body async for body in tail.bodies()]
            assert bodies[-1] == b'event: end\ndata: {"reason":"the server is stopping"}\n\n'
        with pytest.raises(Unavailable, match="stopping"):
            async with made.tailing.join(parse(""), {}):
                pass


async def test_what_is_missing_in_the_stream_is_a_gap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite_retention, "FOLLOWED_BYTES", 1)
    async with world(tmp_path) as made:
        group = await made.transport.consume(RAW_LOGS, "g")
        for n in range(5):
            await made.send(f"line{n}")
        await group.fetch(100, 5)
        await group.commit({0: 5})
        async with asyncio.timeout(60):
            while (await made.transport.status())[RAW_LOGS]["messages"] > 1:
                await made.transport.append("elsewhere", [lines("x")])
        async with made.tailing.join(parse(""), {0: Place(2)}) as tail, contextlib.aclosing(tail.bodies()) as bodies:
            assert read(await anext(bodies))[0][1] == "0:2.0"
            assert read(await anext(bodies)) == [({"from": "0:2.0", "to": "0:5.0"}, "0:5.0")]
            assert [data["message"] for data, _ in read(await anext(bodies))] == ["line4"]


async def test_more_than_is_read_again_is_a_gap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catch_up, "_MAX_BYTES", 1)
    monkeypatch.setattr(catch_up, "_STEP_LINES", 1)
    async with world(tmp_path) as made:
        for n in range(5):
            await made.send(f"line{n}")
        async with made.tailing.join(parse(""), {0: Place(1)}) as tail, contextlib.aclosing(tail.bodies()) as bodies:
            await anext(bodies)
            assert [data["message"] for data, _ in read(await anext(bodies))] == ["line0"]
            assert read(await anext(bodies)) == [({"from": "0:2.0", "to": "0:6.0"}, "0:6.0")]


async def test_of_a_large_batch_the_newest_are_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine.Engine.run, "__defaults__", (3,))
    async with (
        world(tmp_path) as made,
        made.tailing.join(parse("yes"), {}) as tail,
        contextlib.aclosing(tail.bodies()) as bodies,
    ):
        await anext(bodies)
        await made.send(*(f"line{n} {'yes' if n % 2 else 'no'}" for n in range(20)))
        found = read(await anext(bodies))
    assert found[0] == ({"lines": 7}, "0:1.14")
    assert [data["message"] for data, _ in found[1:]] == ["line15 yes", "line17 yes", "line19 yes"]
    assert [place for _, place in found[1:]] == ["0:1.16", "0:1.18", "0:2.0"]


async def test_a_message_that_cannot_be_read_takes_no_other_along(tmp_path: Path) -> None:
    broken = lines("broken")
    async with world(tmp_path) as made:
        taking = asyncio.create_task(made.take(2, {0: Place(1)}))
        await made.transport.append(RAW_LOGS, [lines("a"), Envelope("s", broken.headers, b"no zstd"), lines("b")])
        assert await taking == (["a", "b"], {0: Place(4)})


async def test_a_filter_that_fails_ends_its_client_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bad = parse("bad")
    failing = Condition("CAST(message AS INTEGER) = 1", [], frozenset(["message"]))
    monkeypatch.setattr(filters, "compile_sql", lambda node: failing if node == bad else compile_sql(node))
    async with world(tmp_path) as made, made.tailing.join(bad, {}) as tail, contextlib.aclosing(tail.bodies()) as ends:
        good = asyncio.create_task(made.take(2, {0: Place(1)}, "good"))
        await made.send("good")
        last = [body async for body in ends][-1]
        assert b"event: end" in last
        assert b"Could not convert string" in last
        await made.send("good")
        assert (await good)[0] == ["good", "good"]


@pytest.mark.parametrize("resume", [{}, {0: Place(1)}])
async def test_what_comes_before_the_first_write_comes_once(tmp_path: Path, resume: Places) -> None:
    async with world(tmp_path) as made, made.tailing.join(parse(""), resume) as tail:
        watching = asyncio.create_task(made.take(1, {0: Place(1)}))
        await made.send("a")
        await watching  # so it waits for the other client too
        await made.send("b")
        found: list[str] = []
        async with asyncio.timeout(60), contextlib.aclosing(tail.bodies()) as bodies:
            assert read(await anext(bodies))[0][1] == "0:1.0"
            while len(found) < 2:
                found += [data["message"] for data, _ in read(await anext(bodies))]
        assert found == ["a", "b"]


async def test_the_end_waits_for_nobody_who_joins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tailing, "_START_SECONDS", 600.0)
    transport = await SqliteTransport.open(tmp_path / "transport.db")
    hub = Tailing(transport, lambda: Engine(Parser, records), 10)  # nobody runs it

    async def join() -> None:
        async with hub.join(parse(""), {}):
            raise AssertionError("joined")

    joining = asyncio.create_task(join())
    await asyncio.sleep(0)
    hub.end()
    async with asyncio.timeout(30):
        with pytest.raises(Unavailable, match="stopping"):
            await joining
    await transport.close()
