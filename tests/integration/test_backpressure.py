"""Backpressure by arithmetic: with its end stopped, a pipeline takes in what its queues hold and one for each stage,
exactly, and nothing more however much is there."""

from __future__ import annotations

import asyncio
import contextlib
import random
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from logd import chunk
from logd.backends.catalog.appearing import AppearingFile, AppearingTokens
from logd.backends.catalog.appearing_agents import AppearingAgents
from logd.backends.catalog.appearing_alerts import (
    AppearingAcknowledgements,
    AppearingAlertHistory,
    AppearingAlerts,
    AppearingSilences,
)
from logd.backends.catalog.appearing_named import appearing_alert_rules, appearing_dashboards, appearing_saved
from logd.backends.catalog.appearing_tiers import AppearingHolds, AppearingRetention
from logd.backends.index.segments import SegmentsIndex
from logd.backends.transport.sqlite import SqliteTransport
from logd.chunk import Chunk, Envelope, Positions
from logd.config.schema import Api as ApiSettings
from logd.config.schema import Config, Ingest, Parse, SearchLimits
from logd.config.schema import Index as IndexLimits
from logd.flow.stage import Stage
from logd.http.agent_reports import AgentReports
from logd.http.app import Behind
from logd.http.bodies import read_body
from logd.roles import waiting
from logd.roles.api import Api
from logd.roles.processor import Processor
from logd.seams import (
    RAW_LOGS,
    Batch,
    Buckets,
    DeadLetters,
    Fields,
    Found,
    FoundFields,
    Groups,
    Histogram,
    Index,
    Mined,
    Patterns,
    Search,
    Stats,
    StreamPositions,
    Transport,
    Written,
)
from tests.support.counted import CountedTransport

#: One in the hand of the processor's fetch, one before the parser, one that the index hasn't taken.
_FETCHING = _QUEUED = _WRITING = 1


def _envelopes(first: int, count: int) -> list[Envelope]:
    """Messages of a line each."""
    return [
        Chunk(
            service="web",
            host="h",
            source="/var/log/x",
            source_id=f"{number:016x}",
            offset=0,
            end=1,
            lines=1,
            observed_us=1_700_000_000_000_000,
            value=chunk.compress(b"%d" % number),
            positions=Positions.LINE,
        ).to_envelope()
        for number in range(first, first + count)
    ]


async def _until(condition: Callable[[], object]) -> None:
    """Lets the others run until it is true."""
    async with asyncio.timeout(120):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.001)


class _Sink:
    """An index that takes nothing until `gate` is open."""

    def __init__(self) -> None:
        self.gate = asyncio.Event()
        self.messages: list[str] = []
        self.stages: Sequence[Stage] = ()

    def durable(self) -> StreamPositions | None:
        return None

    async def write(self, batch: Batch) -> Written:
        await self.gate.wait()
        self.messages += batch.table["message"].to_pylist()
        return Written()

    async def flush(self) -> None:
        pass

    async def search(self, search: Search) -> Found:
        raise NotImplementedError

    async def explain(self, search: Search) -> dict[str, Any]:
        raise NotImplementedError

    async def histogram(self, histogram: Histogram) -> Buckets:
        raise NotImplementedError

    async def stats(self, stats: Stats) -> Groups:
        raise NotImplementedError

    async def fields(self, fields: Fields) -> FoundFields:
        raise NotImplementedError

    async def patterns(self, patterns: Patterns) -> Mined:
        raise NotImplementedError

    async def status(self) -> dict[str, Any]:
        return {}

    async def close(self) -> None:
        pass


@pytest.fixture
async def transport(tmp_path: Path) -> AsyncIterator[CountedTransport]:
    sqlite = await SqliteTransport.open(tmp_path / "transport.db")
    opened = CountedTransport(sqlite, sqlite.dead_letters())
    yield opened
    await opened.close()


@contextlib.asynccontextmanager
async def _running(transport: Transport, index: Index) -> AsyncIterator[Processor]:
    """A processor that joins nothing, stopped in the end."""
    role = Processor(Config(parse=Parse(join_lines=1, join_seconds=0)), transport, index)
    stop = asyncio.Event()
    run = asyncio.create_task(role.run(stop), name="processor")
    try:
        yield role
    finally:
        stop.set()
        async with asyncio.timeout(120):
            await run


@pytest.mark.parametrize("there", [4, 20, 60])
async def test_a_sink_that_takes_nothing(transport: CountedTransport, there: int) -> None:
    sink = _Sink()
    await transport.append(RAW_LOGS, _envelopes(0, there))
    async with _running(transport, sink) as role:
        (queue,) = role.stages
        await _until(lambda: queue.blocking)
        assert (transport.taken, queue.held) == (_FETCHING + _QUEUED + _WRITING, _QUEUED)
        await transport.append(RAW_LOGS, _envelopes(there, 30))
        assert (transport.taken, queue.held) == (_FETCHING + _QUEUED + _WRITING, _QUEUED)
        assert role.lag() == there + 30 - transport.taken
        sink.gate.set()
        await _until(lambda: len(sink.messages) == there + 30)
        await _until(lambda: not queue.blocking)
        assert queue.blocked_seconds > 0
    assert sink.messages == [f"{number}" for number in range(there + 30)]


async def test_no_more_than_fits_blocks_nobody(transport: CountedTransport) -> None:
    sink = _Sink()
    await transport.append(RAW_LOGS, _envelopes(0, _QUEUED + _WRITING))
    async with _running(transport, sink) as role:
        (queue,) = role.stages
        await _until(lambda: queue.held == _QUEUED)
        sink.gate.set()
        await _until(lambda: len(sink.messages) == _QUEUED + _WRITING)
        assert queue.blocked_seconds == 0


async def test_an_index_that_cannot_flush(
    transport: CountedTransport, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It takes what its memory may hold; the rest stays where it is."""
    monkeypatch.setattr(waiting, "_RETRY_SECONDS", (0.001, 0.01))
    limits = IndexLimits(flush_rows=5, flush_bytes=2**40, flush_seconds=1_000_000)
    index = await SegmentsIndex.open(tmp_path / "index", limits, SearchLimits(threads=1))
    in_the_way = tmp_path / "index" / "policy=DEFAULT"
    in_the_way.write_text("not a folder")
    rows = index.stages[0]
    await transport.append(RAW_LOGS, _envelopes(0, 50))
    async with contextlib.AsyncExitStack() as stack:
        stack.push_async_callback(index.close)
        role = await stack.enter_async_context(_running(transport, index))
        (queue,) = role.stages
        await _until(lambda: queue.blocking and rows.blocking)
        assert rows.held == rows.capacity == 10
        assert transport.taken == rows.capacity + _WRITING + _QUEUED + _FETCHING
        in_the_way.unlink()
        await _until(lambda: transport.taken == 50 and role.lag() == 0)
    assert rows.held == 0
    assert not rows.blocking
    assert rows.blocked_seconds > 0


class _Plug(dict[str, str]):
    """Headers that hold the transport's writer up, for as long as it looks at them, until `pulled`."""

    def __init__(self) -> None:
        super().__init__()
        self.reached = threading.Event()
        self.pulled = threading.Event()

    def __contains__(self, key: object) -> bool:
        self.reached.set()
        self.pulled.wait()
        return super().__contains__(key)


class _Client:
    """An HTTP request whose body can be sent in parts."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def begin(cls, address: str, size_bytes: int) -> _Client:
        host, _, port = address.removeprefix("http://").rpartition(":")
        client = cls(*await asyncio.open_connection(host, int(port)))
        head = "POST /api/v1/logs/ingest HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: text/plain\r\n"
        await client.send(f"{head}Content-Length: {size_bytes}\r\n\r\n".encode())
        return client

    async def send(self, part: bytes) -> None:
        self._writer.write(part)
        await self._writer.drain()

    async def answer(self) -> tuple[int, str]:
        """The status, and Retry-After where there is one."""
        async with asyncio.timeout(120):
            head = (await self._reader.readuntil(b"\r\n\r\n")).decode().splitlines()
        self._writer.close()
        with contextlib.suppress(ConnectionError):  # the server may have closed on a body that it didn't want
            await self._writer.wait_closed()
        waits = [line.partition(": ")[2] for line in head if line.startswith("Retry-After: ")]
        return int(head[0].split()[1]), "".join(waits)


@contextlib.asynccontextmanager
async def _serving(
    transport: Transport, dead_letters: DeadLetters, folder: Path, **ingest: int
) -> AsyncIterator[tuple[str, Stage]]:
    """An HTTP end over the transport: its address, and the stage of its bodies."""

    async def ready() -> str:
        return ""

    config = Config(api=ApiSettings(listen="127.0.0.1:0"), ingest=Ingest(**ingest))
    sink = _Sink()
    catalog = AppearingFile(folder / "catalog.db")
    behind = Behind(
        transport,
        dead_letters,
        sink,
        sink,
        lambda: 0,
        AppearingTokens(catalog),
        appearing_saved(catalog),
        appearing_alert_rules(catalog),
        AppearingSilences(catalog),
        AppearingAcknowledgements(catalog),
        AppearingAlerts(catalog),
        AppearingAlertHistory(catalog),
        AppearingRetention(catalog),
        AppearingHolds(catalog),
        appearing_dashboards(catalog),
        AgentReports(AppearingAgents(catalog), 120.0),
    )
    api = Api(config, behind, {}, (), ready)
    address = await api.start()
    stop = asyncio.Event()
    run = asyncio.create_task(api.run(stop), name="api")
    try:
        yield address, api.stages[0]
    finally:
        stop.set()
        async with asyncio.timeout(120):
            await run


async def test_bodies_are_held_up_to_the_limit(transport: CountedTransport, tmp_path: Path) -> None:
    size = 30_000
    serving = _serving(transport, transport.dead_letters, tmp_path, max_inflight_bytes=100_000)
    async with serving as (address, bodies):
        waiting = [await _Client.begin(address, size + 1) for _ in range(3)]
        for client in waiting:
            await client.send(b"x" * size)
        await _until(lambda: bodies.held == 3 * size)
        assert not bodies.blocking
        for _ in range(5):
            refused = await _Client.begin(address, size + 1)
            await refused.send(b"x" * size)
            assert await refused.answer() == (429, "1")
            assert bodies.held == 3 * size
            assert bodies.blocking
        for client in waiting:
            await client.send(b"\n")
        assert [await client.answer() for client in waiting] == [(202, "")] * 3
        assert bodies.held == 0
        assert not bodies.blocking


async def test_a_writer_that_stands_still(tmp_path: Path) -> None:
    """What waits for it is bounded, and so is what waits for that: the rest is told to come again."""
    body = random.Random(7).randbytes(20_000).hex().encode()
    size = sum(len(piece.value) for piece in read_body(body, "", True, 10**6, 10**6).pieces)
    fits = 4
    transport = await SqliteTransport.open(tmp_path / "transport.db", pending_bytes=fits * size)
    (pending,) = transport.stages
    plug = _Plug()
    try:
        serving = _serving(transport, transport.dead_letters(), tmp_path)
        async with asyncio.TaskGroup() as tasks, serving as (address, bodies):
            tasks.create_task(transport.append("plug", [Envelope("", plug, b"")]), name="plug")
            assert await asyncio.to_thread(plug.reached.wait, 120)
            waiting = []
            for number in range(1, fits + 1):
                waiting.append(await _Client.begin(address, len(body)))
                await waiting[-1].send(body)
                held = number * size
                await _until(lambda held=held: pending.held == held)  # type: ignore[misc]
            assert not pending.blocking
            for _ in range(5):
                refused = await _Client.begin(address, len(body))
                await refused.send(body)
                assert await refused.answer() == (429, "1")
                assert (pending.held, bodies.held) == (fits * size, 0)
            assert pending.blocking
            plug.pulled.set()
            assert [await client.answer() for client in waiting] == [(202, "")] * fits
            assert pending.held == 0
            assert not pending.blocking
        assert (await transport.status())[RAW_LOGS]["messages"] == fits
    finally:
        plug.pulled.set()
        await transport.close()
