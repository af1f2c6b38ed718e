"""A log folder, a target that behaves like the transport, and between them the agent or only its follower, driven by
hand."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec

from logd import chunk
from logd.agent.agent import Agent
from logd.agent.batches import Cargo
from logd.agent.follow import Follower
from logd.agent.labelling import open_source
from logd.agent.ship import Shipper
from logd.chunk import Chunk
from logd.config.schema import Agent as AgentSettings
from logd.config.schema import Config, Files, Ingest
from logd.errors import Conflict, Unavailable

#: `agent.watch` of `config_of`; the fixture `watch` sets it.
WATCH = "poll"
#: So many new files are made until one has the inode of the one that was deleted.
_TRIES = 16


class Line(msgspec.Struct, frozen=True):
    """A line that arrived: its text without newline, with its identity."""

    text: bytes
    source_id: str
    position: int
    source: str


class Target:
    """Takes chunks as the transport does: a source's chunk is left out when it was sent before. `refuse` sends fail
    before anything is taken, and then `forget` ones after everything was."""

    def __init__(self) -> None:
        self.lines: list[Line] = []
        self.chunks: list[Chunk] = []
        #: Everything that was ever sent, resends and failures too.
        self.attempts: list[Chunk] = []
        self.duplicates = 0
        self.refuse = 0
        self.forget = 0
        self._next: dict[str, int] = {}

    def take(self, chunks: Sequence[Chunk]) -> None:
        """Raises Unavailable, Conflict."""
        self.attempts += chunks
        if self.refuse:
            self.refuse -= 1
            raise Unavailable("away")
        reached = dict(self._next)
        fresh: list[Chunk] = []
        for item in chunks:
            assert item.end is not None
            below = reached.get(item.source_id, 0)
            if item.end <= below:
                self.duplicates += 1
                continue
            if item.offset < below:
                raise Conflict(f"{item.source_id} has sent up to {below}, not from {item.offset}")
            reached[item.source_id] = item.end
            fresh.append(item)
        self._next = reached
        for item in fresh:
            self.chunks.append(item)
            self.lines += lines_of(item)
        if self.forget:
            self.forget -= 1
            raise Unavailable("gone after taking it")

    async def send(self, chunks: Sequence[Chunk]) -> None:
        """As a Shipper."""
        self.take(chunks)

    @property
    def texts(self) -> list[bytes]:
        """The lines that arrived, in the order of arrival."""
        return [line.text for line in self.lines]


def lines_of(item: Chunk) -> list[Line]:
    """The lines of a chunk, after checking what its headers say about it."""
    assert len(item.value) <= chunk.MAX_VALUE_BYTES
    assert item.lines <= chunk.MAX_CHUNK_LINES
    body = chunk.decompress(item.value)
    texts: list[bytes]
    if item.events:
        count = item.lines
        positions = list(struct.unpack_from(f"<{count}q", body))
        lengths = struct.unpack_from(f"<{count}i", body, 8 * count)
        texts, at = [], 12 * count
        for length in lengths:
            texts.append(body[at : at + length])
            at += length
        assert at == len(body)
    else:
        assert item.end is not None
        assert len(body) == item.end - item.offset
        texts = body.split(b"\n")
        if not texts[-1]:
            texts.pop()
        positions, position = [], item.offset
        for text in texts:
            positions.append(position)
            position += len(text) + 1
    assert len(texts) == item.lines
    return [Line(text, item.source_id, position, item.source) for text, position in zip(texts, positions, strict=True)]


class HeldClock:
    """Time that passes only when told to. A task that waits is woken by `advance`."""

    def __init__(self) -> None:
        self.seconds = 1000.0
        self.epoch_us = 1_700_000_000_000_000
        self._waiting: list[tuple[float, asyncio.Event]] = []
        self._idle = asyncio.Event()

    def now_us(self) -> int:
        return self.epoch_us + int(self.seconds * 1e6)

    def monotonic(self) -> float:
        return self.seconds

    async def wait(self, seconds: float, stop: asyncio.Event) -> None:
        woken = asyncio.Event()
        self._waiting.append((self.seconds + seconds, woken))
        self._idle.set()
        async with asyncio.TaskGroup() as group:
            waits = [group.create_task(event.wait()) for event in (woken, stop)]
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            for task in waits:
                task.cancel()
        self._waiting = [item for item in self._waiting if item[1] is not woken]

    async def idle(self) -> None:
        """Until somebody waits."""
        while not self._waiting:
            self._idle.clear()
            await self._idle.wait()

    async def advance(self, seconds: float) -> None:
        """Lets time pass once somebody waits, wakes who has waited long enough, and returns when it waits again."""
        await self.idle()
        self.wake(seconds)
        await self.idle()

    def wake(self, seconds: float) -> None:
        """Lets time pass, and wakes who has waited long enough."""
        self.seconds += seconds
        due = [item for item in self._waiting if item[0] <= self.seconds]
        self._waiting = [item for item in self._waiting if item not in due]
        for _, woken in due:
            woken.set()


def config_of(folder: Path, paths: Sequence[str] = ("*.log",), max_line_bytes: int = 1 << 20, **agent: Any) -> Config:
    """An agent that follows `paths` in `folder`/logs. `agent` are settings of `[agent]`, and of its only entry. Files
    are polled, as a held clock says when, unless WATCH or `watch` says otherwise."""
    logs = folder / "logs"
    logs.mkdir(exist_ok=True)
    names = set(Files.__struct_fields__)
    entry = {name: value for name, value in agent.items() if name in names}
    files = Files(paths=[str(logs / path) for path in paths], **entry)
    settings = {name: value for name, value in agent.items() if name not in names}
    return Config(
        data_dir=str(folder / "data"),
        agent=AgentSettings(host="testhost", files=[files], **{"watch": WATCH, **settings}),
        ingest=Ingest(max_line_bytes=max_line_bytes),
    )


class Driver:
    """A follower and its target, a step at a time. `Driver(...)` starts it; `crash` and `start` begin it again."""

    def __init__(self, config: Config, target: Target | None = None, clock: HeldClock | None = None) -> None:
        self.config = config
        self.target = target or Target()
        self.clock = clock or HeldClock()
        self.start()

    def start(self) -> None:
        """Like the process: opens the state, sends what may not have arrived."""
        self.follower = Follower(self.config, self.clock, pods=open_source(self.config.agent.kubernetes, {}))
        self.ship(self.follower.resume())

    def crash(self) -> None:
        """Nothing more is stored."""
        self.follower.close()

    def restart(self) -> None:
        """A crash, and then a start."""
        self.crash()
        self.start()

    def ship(self, cargo: list[Cargo]) -> None:
        """What the agent does with a round's batches. Raises Unavailable."""
        self.follower.store(cargo)
        if cargo:
            self.target.take([item.chunk() for item in cargo])
            self.follower.acknowledge(cargo)

    def round(self, seconds: float = 0.25) -> bool:
        """A round, after so long; says whether there is more to read."""
        self.clock.seconds += seconds
        found = self.follower.round()
        self.ship(found.cargo)
        return found.more

    def settle(self) -> list[bytes]:
        """Rounds until every whole line has arrived, and that is stored; gives all lines that have."""
        for _ in range(12):
            while self.round():
                pass
        return self.target.texts


#: Starts one with these settings.
Start = Callable[..., Driver]


def append(path: Path, data: bytes) -> None:
    """As a program does that writes a log."""
    with path.open("ab") as file:
        file.write(data)


def replace_file(path: Path) -> None:
    """Deletes the file; the new one has its inode where the file system gives it again."""
    inode = path.stat().st_ino
    path.unlink()
    others = [path.with_name(f"new.{number}") for number in range(_TRIES)]
    for other in others:
        other.touch()
        if other.stat().st_ino == inode:
            break
    other.rename(path)
    for other in others:
        other.unlink(missing_ok=True)


def same_bytes_at_each_send(attempts: list[Chunk]) -> None:
    """A chunk that was sent again was the same in everything."""
    first: dict[tuple[str, int], Chunk] = {}
    for item in attempts:
        assert first.setdefault((item.source_id, item.offset), item) == item


class Running:
    """An agent that runs as its task, and what it takes to drive it."""

    def __init__(self, config: Config, shipper: Shipper, clock: HeldClock, spools: bool = False) -> None:
        self.clock, self.stop = clock, asyncio.Event()
        self.target = shipper if isinstance(shipper, Target) else Target()
        self.agent = Agent(config, shipper, clock, spools)
        self.task = asyncio.create_task(self.agent.run(self.stop))

    async def settle(self) -> list[bytes]:
        """Rounds until every whole line has arrived, unless the target refuses; gives all lines that have."""
        for _ in range(8):
            step = asyncio.create_task(self.clock.advance(0.3))
            await asyncio.wait({step, self.task}, return_when=asyncio.FIRST_COMPLETED)
            if self.task.done():
                step.cancel()
                await self.task
        return self.target.texts

    async def until(self, condition: Callable[[], object]) -> None:
        """Rounds, a moment of real time each, until the condition is true: what waits in threads needs some."""
        async with asyncio.timeout(120):
            while not condition():
                self.clock.wake(0.3)
                await asyncio.sleep(0.002)
                if self.task.done():
                    await self.task

    async def end(self) -> None:
        """Stops it; time passes meanwhile."""
        self.stop.set()
        while not (await asyncio.wait([self.task], timeout=0.002))[0]:
            self.clock.wake(1.0)
        await self.task

    async def kill(self) -> None:
        """Nothing more is sent or stored."""
        self.task.cancel()
        await asyncio.wait([self.task])


@asynccontextmanager
async def running(
    config: Config, target: Shipper | None = None, spools: bool = False, clock: HeldClock | None = None
) -> AsyncIterator[Running]:
    """Started, and killed at the end."""
    found = Running(config, target or Target(), clock or HeldClock(), spools)
    try:
        yield found
    finally:
        await found.kill()
