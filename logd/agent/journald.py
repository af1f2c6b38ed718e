"""systemd's journal, by `journalctl --output=json`, each entry once, also after a kill.

    journal.json    source-id ┆ cursor and position of what is acknowledged ┆ batches that may be under way

The state is written, with an fsync, before a batch's first send. After a crash journalctl gives the same entries behind
the cursor again, and they are cut into the same batches, at the same positions: the target leaves out what it has.
Positions count entries. The names that logd has columns for are put in the place of the journal's; others stay.

Lost: what the journal itself has deleted before it was read.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import re
import secrets
import shutil
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path

import msgspec

from logd import chunk
from logd.agent import lines
from logd.agent.batches import Labels
from logd.agent.stream import READ_BYTES, Deliver, Seconds, pump
from logd.chunk import CUT_TAG, Chunk, Positions
from logd.config.schema import Journald
from logd.errors import ConfigError, Corrupt
from logd.flow.clock import now_us

logger = logging.getLogger("logd.agent")
STATE = "journal.json"
#: A quote inside of a value has a backslash before it, so that these are only ever found where a name begins.
_NAMES = tuple(
    (mark + b'"' + journal + b'":', mark + b'"' + ours + b'":')
    for mark in (b"{", b",")
    for journal, ours in (
        (b"MESSAGE", b"message"),
        (b"PRIORITY", b"severity"),
        (b"__REALTIME_TIMESTAMP", b"timestamp"),
        (b"_HOSTNAME", b"host"),
        (b"SYSLOG_IDENTIFIER", b"service"),
    )
)
_CURSOR = re.compile(rb'[{,]"__CURSOR":"([^"]+)"')
#: Between tries when journalctl ends, which it shouldn't, or the state can't be written.
_AGAIN_SECONDS = 5.0
_NDJSON = "application/x-ndjson"


class Cut(msgspec.Struct, frozen=True):
    """A batch: so many entries, up to and with that of the cursor."""

    entries: int
    observed_us: int
    cursor: str


class State(msgspec.Struct, kw_only=True):
    """See the module. `chosen` are journalctl's options that say which entries were cut; None: those of now."""

    source_id: str
    cursor: str = ""
    position: int = 0
    under_way: list[Cut] = []
    chosen: list[str] | None = None


class Entries:
    """A stream.Stream of journalctl's lines. `under_way` are batches that were cut before."""

    def __init__(self, labels: Callable[[], Labels], state: State, max_line_bytes: int) -> None:
        self._labels = labels
        self._source_id = state.source_id
        self._position = state.position
        self._again = deque(state.under_way)
        self._max_line_bytes = max_line_bytes
        self._held = b""
        self._cuts: list[Cut] = []

    @property
    def held_bytes(self) -> int:
        return len(self._held)

    @property
    def under_way(self) -> list[Cut]:
        """What the last `take` gave, and what is still to come again."""
        return [*self._cuts, *self._again]

    def add(self, data: bytes) -> None:
        self._held += data

    def take(self, close: bool) -> list[Chunk]:
        """An entry that isn't whole will come again."""
        end = self._held.rfind(b"\n") + 1
        body, at = self._held[:end], 0
        made: list[Chunk] = []
        self._cuts = []
        while self._again and at < end:
            cut = self._again[0]
            if lines.newlines(body[at:]) < cut.entries:
                break
            upto = lines.after(body, at, end, cut.entries)
            if _cursor_of(body[at:upto]) != cut.cursor:
                # Others would be taken for those that may have arrived, and left out.
                logger.error("the journal has lost entries that were not yet acknowledged")
                self._source_id, self._position = secrets.token_hex(8), 0
                self._again.clear()
                break
            made.append(self._chunk(body[at:upto], cut))
            self._again.popleft()
            at = upto
        if not self._again:
            for piece in lines.cut(body[at:], self._max_line_bytes, close=True):
                part = body[at + piece.start : at + piece.end]
                made.append(self._chunk(part, Cut(piece.lines, now_us(), _cursor_of(part))))
            at = end
        self._held = self._held[at:]
        return made

    def _chunk(self, body: bytes, cut: Cut) -> Chunk:
        for journal, ours in _NAMES:
            body = body.replace(journal, ours)
        labels = self._labels()
        value, events, tags = chunk.compress(body), False, labels.tags
        if len(value) > chunk.MAX_VALUE_BYTES or (cut.entries == 1 and len(body) > self._max_line_bytes):
            # One entry of a megabyte: what is left is no JSON any more, and found as text.
            text = body[: min(self._max_line_bytes, chunk.TARGET_BODY_BYTES)]
            value, events, tags = chunk.compress(chunk.events_body([self._position], [text])), True, (*tags, CUT_TAG)
        offset = self._position
        self._position += cut.entries
        self._cuts.append(cut)
        return Chunk(
            service=labels.service,
            host=labels.host,
            source=labels.source,
            source_id=self._source_id,
            offset=offset,
            end=self._position,
            lines=cut.entries,
            observed_us=cut.observed_us,
            value=value,
            content_type=_NDJSON,
            positions=Positions.LINE,
            events=events,
            tags=tags,
            fields=labels.fields,
        )


class Journal:
    """Follows it until it should stop. Another one, with other settings, then goes on behind what this one has read."""

    def __init__(
        self,
        settings: Journald,
        labels: Callable[[], Labels],
        data_dir: Path,
        max_line_bytes: int,
        batch_seconds: Seconds,
    ) -> None:
        """Raises ConfigError when there is no journalctl, or the state can't be read."""
        self.settings = settings
        self._labels = labels
        self._max_line_bytes = max_line_bytes
        self._batch_seconds = batch_seconds
        self._path = data_dir / STATE
        _read(self._path)
        program = shutil.which("journalctl")
        if program is None:
            raise ConfigError("agent.journald.enabled is true, and there is no journalctl on this machine")
        self._chosen = [f"--directory={settings.directory}"] if settings.directory else []
        self._chosen += [f"--unit={unit}" for unit in settings.units]
        self._command = [program, "--output=json", "--all", "--no-pager", "--quiet", *self._chosen]

    async def run(self, deliver: Deliver, stop: asyncio.Event) -> None:
        """Until `stop`: then what was read is still delivered. Raises ConfigError when the state can't be used."""
        state = await asyncio.to_thread(_read, self._path)
        if state is None:
            cursor = await self._newest() if self.settings.read_from == "end" else ""
            state = State(source_id=secrets.token_hex(8), cursor=cursor)
            await self._store(state, stop)
        if state.under_way and state.chosen not in (None, self._chosen):
            # Other entries would be taken for those.
            entries = sum(cut.entries for cut in state.under_way)
            logger.warning("%d entries of the journal may come twice: others are followed than before", entries)
            state.source_id, state.position, state.under_way = secrets.token_hex(8), 0, []
        state.chosen = self._chosen
        while not stop.is_set():
            await self._follow(state, deliver, stop)
            await _wait(stop)

    async def _follow(self, state: State, deliver: Deliver, stop: asyncio.Event) -> None:
        """Until journalctl ends."""
        entries = Entries(self._labels, state, self._max_line_bytes)
        short = False

        async def remember(chunks: Sequence[Chunk]) -> int:
            nonlocal short
            if short:  # what comes behind that would say that it was sent
                return 0
            state.source_id, state.position, state.under_way = chunks[0].source_id, chunks[0].offset, entries.under_way
            done = await deliver(chunks) if await self._store(state, stop) else 0
            short = done < len(chunks)
            if done:
                state.cursor = state.under_way[done - 1].cursor
                state.position += sum(cut.entries for cut in state.under_way[:done])
                state.under_way = state.under_way[done:]
            return done

        async with self._journalctl(state.cursor, stop) as reader:
            await pump(lambda: reader.read(READ_BYTES), entries, remember, self._batch_seconds, chunk.TARGET_BODY_BYTES)
        await self._store(state, stop)

    async def _store(self, state: State, stop: asyncio.Event) -> bool:
        """Nothing is sent before the disk has it. False when it can't have it while `stop` is set: then what it has is
        where the next one begins."""
        while True:
            stopping = stop.is_set()
            try:
                await asyncio.to_thread(_write, self._path, state)
                return True
            except OSError as error:
                logger.error("nothing of the journal is sent until %s can be written: %s", self._path, error.strerror)
                if stopping:
                    return False
                await _wait(stop)

    @contextlib.asynccontextmanager
    async def _journalctl(self, cursor: str, stop: asyncio.Event) -> AsyncIterator[asyncio.StreamReader]:
        """What it writes, until it ends by itself or because of `stop`."""
        command = [*self._command, "--follow", "--no-tail", *([f"--after-cursor={cursor}"] if cursor else [])]
        process = await asyncio.create_subprocess_exec(
            *command, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, limit=READ_BYTES
        )
        assert process.stdout is not None
        async with asyncio.TaskGroup() as tasks:
            ending = tasks.create_task(_end(process, stop), name="agent.journald")
            try:
                yield process.stdout
            finally:
                ending.cancel()
                if process.returncode is None:
                    process.terminate()
                code = await process.wait()
        if not stop.is_set():
            logger.error("journalctl ended with %d, and is started again", code)

    async def _newest(self) -> str:
        """The cursor of the last entry; empty when there is none."""
        process = await asyncio.create_subprocess_exec(
            *self._command, "--lines=1", stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE
        )
        out, _ = await process.communicate()
        return _cursor_of(out) if out else ""


async def _wait(stop: asyncio.Event) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_AGAIN_SECONDS):
            await stop.wait()


async def _end(process: asyncio.subprocess.Process, stop: asyncio.Event) -> None:
    await stop.wait()
    with contextlib.suppress(ProcessLookupError):
        process.terminate()


def _cursor_of(entries: bytes) -> str:
    """Of the last entry. Raises Corrupt."""
    found = _CURSOR.search(entries, entries.rfind(b"\n", 0, -1) + 1)
    if found is None:
        raise Corrupt(f"journalctl gave an entry without __CURSOR: {entries[-200:]!r}")
    return found[1].decode()


def _read(path: Path) -> State | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=State)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.DecodeError) as error:
        raise ConfigError(f"{path} can't be read: {error}; without it the journal is read as read_from says") from error


def _write(path: Path, state: State) -> None:
    part = path.with_suffix(".part")
    with part.open("wb") as file:
        file.write(msgspec.json.encode(state))
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)
