"""The archiver of a cluster: from the transport, through the parser, into the archive.

    transport ── fetch ── parse, shape (in a thread) ── batch ── files by policy, day, hour ── manifests ── commit

Rows are held until there are flush_rows or flush_bytes of them, or for flush_seconds; then one batch becomes files
while the next one is fetched, so that twice the bytes are in memory at most. While objects can't be written, nothing
more is fetched, and the transport holds the lines.

A message is taken once, by its position; what another archiver has archived meanwhile is found by its manifest
(tiers/archive/streaming.py). What can't be read at all is counted: the processor makes dead letters.
"""

from __future__ import annotations

import asyncio
import functools
import logging
import shutil
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import ParamSpec, TypeVar

from logd.chunk import Message
from logd.config.schema import Config
from logd.errors import ConfigError, Corrupt, Unavailable
from logd.flow import crash
from logd.flow.clock import now_us
from logd.flow.stage import Stage
from logd.parse.joining import joined, parts
from logd.parse.parsing import Parsing
from logd.roles.archiving_rows import rows_of
from logd.roles.parsing import parser_of
from logd.roles.waiting import Waiting
from logd.seams import NOTHING, RAW_LOGS, Archive, Consumer, Objects, Tally, Transport
from logd.telemetry import metrics
from logd.tiers.archive.batch import Assigns, Batch, Part, manifest_of
from logd.tiers.archive.files import Local
from logd.tiers.archive.manifests import StreamManifest
from logd.tiers.archive.streaming import Outdated, StreamArchive, count, tally_of

log = logging.getLogger("logd.archiver")
GROUP = "archiver"
_OBJECTS, _CATALOG = "the store of objects", "the catalog"
T = TypeVar("T")
P = ParamSpec("P")


class Archiving:
    """One consumer of the stream, with its parser."""

    def __init__(
        self, config: Config, transport: Transport, objects: Objects, archive: Archive, policies: Assigns
    ) -> None:
        self._parse = config.parse
        self._limits = config.archiver
        self._make_parser = parser_of(config)
        self._transport = transport
        self._folder = Path(config.data_dir) / "archive"
        self._stream = StreamArchive(objects, archive, policies, self._folder)
        self._thread = ThreadPoolExecutor(1, "archiver.parse")
        self._stage = Stage("archiver.batch", 2 * config.archiver.flush_bytes, "bytes")
        self._consumer: Consumer | None = None
        self._waiting = Waiting(log)
        #: By partition, the position of the message that is to be taken next.
        self._next: dict[int, int] = {}
        self._under_way: list[Batch] = []
        self._rows = self._files = self._bytes = 0

    def lag(self) -> int:
        """Messages not fetched yet."""
        return self._consumer.lag() if self._consumer else 0

    @property
    def stages(self) -> tuple[Stage, ...]:
        """What waits to be written."""
        return (self._stage,)

    def trouble(self) -> str:
        """Why nothing goes on; empty when it does."""
        return self._waiting.trouble()

    def waiting_seconds(self) -> float:
        """For how long the oldest message waits that was fetched and isn't in the archive."""
        oldest = min((batch.oldest_us for batch in self._under_way if batch.parts), default=None)
        return 0.0 if oldest is None else max(0.0, (now_us() - oldest) / 1e6)

    def status(self) -> dict[str, object]:
        """Lag in messages, what waits, what was written since the start, and why nothing goes on."""
        return {
            "lag_messages": self.lag(),
            "waiting_rows": sum(batch.rows for batch in self._under_way),
            "waiting_seconds": round(self.waiting_seconds(), 1),
            "archived_rows": self._rows,
            "archived_files": self._files,
            "archived_bytes": self._bytes,
            "trouble": self.trouble() or None,
        }

    async def run(self, stop: asyncio.Event) -> None:
        """Runs until `stop`, then archives what was fetched. Raises Corrupt after that when the transport, or a
        manifest, can't be read on."""
        self._waiting = Waiting(log, stop)
        metrics.ARCHIVE_TROUBLE.set_function(lambda: float(bool(self.trouble())))
        metrics.ARCHIVE_WAITING_SECONDS.set_function(self.waiting_seconds)
        await asyncio.to_thread(_emptied, self._folder)
        try:
            parsing = await self._in_thread(Parsing, self._make_parser)
            try:
                await self._take(parsing, stop)
            finally:
                await self._in_thread(parsing.close)
        except ExceptionGroup as failures:
            _raise_others(failures)
        except Unavailable as error:
            _say(error)
        finally:
            await asyncio.to_thread(self._thread.shutdown)

    async def _take(self, parsing: Parsing, stop: asyncio.Event) -> None:
        """Takes what comes until `stop`, batch by batch."""
        damage = None
        while not stop.is_set() and damage is None:
            # Asked again, it begins anew at what is committed: after all that was archived, and before all that wasn't.
            consumer = await self._waiting.until_available("the transport", self._transport.consume, RAW_LOGS, GROUP)
            self._consumer, self._next, self._under_way = consumer, {}, []
            async with asyncio.TaskGroup() as tasks:
                damage = await self._take_from(consumer, parsing, stop, tasks)
        if damage is not None:
            raise damage

    async def _take_from(
        self, consumer: Consumer, parsing: Parsing, stop: asyncio.Event, tasks: asyncio.TaskGroup
    ) -> Corrupt | None:
        """Ends when it should stop, when the reader has to begin anew, or with the reason why nothing more can be
        read."""
        batch, damage, anew = self._begun(), None, False
        flushing: asyncio.Task[bool] | None = None
        while not (stop.is_set() or damage or anew):
            try:
                messages = await self._fetched(consumer, stop)
            except Corrupt as error:
                damage, messages = error, ()
            if messages := await self._untaken(consumer, messages):
                for part in parts(messages):
                    await self._add(batch, parsing, part)
            anew = flushing is not None and flushing.done() and not flushing.result()
            if not anew and self._is_due(batch, consumer):
                if flushing is not None:
                    self._stage.block()
                    anew = not await flushing
                    self._stage.room()
                if not anew:
                    flushing = tasks.create_task(self._flush(consumer, batch), name="archiver.flush")
                    batch = self._begun()
        if flushing is not None:
            anew = not await flushing
        if not anew:
            await self._flush(consumer, batch)
        return damage

    async def _fetched(self, consumer: Consumer, stop: asyncio.Event) -> Sequence[Message]:
        async def fetch(lines: int, wait_seconds: float) -> Sequence[Message]:
            return await self._waiting.fetched(consumer, lines, wait_seconds, stop)

        messages = await joined(fetch, self._parse.join_lines, self._parse.join_seconds)
        metrics.ARCHIVER_LAG.set(consumer.lag())
        return messages

    async def _untaken(self, consumer: Consumer, messages: Sequence[Message]) -> Sequence[Message]:
        """Without those that were taken before: a partition that came back is read again from what is committed."""
        found = []
        ends = {message.partition: message.position + 1 for message in messages}
        for message in messages:
            if message.partition not in self._next:
                end = ends[message.partition] + consumer.lags().get(message.partition, 2**62)
                self._next[message.partition] = await self._beginning(consumer, message, end)
            if message.position >= self._next[message.partition]:
                found.append(message)
                self._next[message.partition] = message.position + 1
        return found

    async def _beginning(self, consumer: Consumer, first: Message, end: int) -> int:
        """Where the archive of a partition ends, if that is behind its first message: whoever was killed before it
        could commit has left it there. Raises ConfigError when the partition's end is before that."""
        known = await self._waiting.until_available(_CATALOG, self._stream.positions)
        listed = known.get(first.partition, 0)
        if await self._is_unlisted(first, listed):
            raise ConfigError(
                f"the catalog lists the archive of partition {first.partition} up to {listed}, it goes up to "
                f"{first.position} at least: the catalog was made anew, or is from a backup; run `logd archive rebuild`"
            )
        position = await self._adopted(first.partition, max(first.position, listed))
        if position > end:
            raise ConfigError(
                f"the archive has partition {first.partition} of {RAW_LOGS} up to {position}, the transport up to "
                f"{end}: it is another transport, or was made anew; see [transport] and [objects]"
            )
        if position > first.position:
            await self._commit(consumer, {first.partition: position}, NOTHING)
        return position

    async def _is_unlisted(self, first: Message, listed: int) -> bool:
        """Whether something was archived before this message that the list hasn't: commits come after that."""
        return listed < first.position and await self._waiting.until_available(
            _OBJECTS, self._stream.has_written, first.partition, listed, first.position
        )

    async def _adopted(self, partition: int, position: int) -> int:
        """Where the manifests end that follow one another from a position on; all of them are in the list then."""
        while True:
            manifest = await self._waiting.until_available(_OBJECTS, self._stream.adopted, partition, position)
            if manifest is None:
                return position
            position = manifest.end

    async def _add(self, batch: Batch, parsing: Parsing, messages: Sequence[Message]) -> None:
        for rows in await self._in_thread(rows_of, parsing, messages):
            batch.add(rows.partition, rows.start, rows.end, rows.table, rows.tally, rows.taken_us)
        self._stage.held = sum(one.size_bytes for one in self._under_way)

    def _begun(self) -> Batch:
        batch = Batch()
        self._under_way.append(batch)
        return batch

    def _is_due(self, batch: Batch, consumer: Consumer) -> bool:
        """Also when partitions are handed out anew: who gets them then waits for what we have of them."""
        limits = self._limits
        return bool(batch.parts) and (
            batch.rows >= limits.flush_rows
            or batch.size_bytes >= limits.flush_bytes
            or batch.age_seconds >= limits.flush_seconds
            or not consumer.lags()
        )

    async def _flush(self, consumer: Consumer, batch: Batch) -> bool:
        """Whether all of it is in the archive, and committed. False when another archiver has archived some of it, and
        the rest has to be read again."""
        whole, tally = True, NOTHING
        positions: dict[int, int] = {}
        for partition, part in batch.parts.items():
            end, of_part = await self._archive(partition, part)
            positions[partition] = end
            tally += of_part
            if end < part.end:
                whole = False
            self._next[partition] = max(self._next.get(partition, 0), end)
        if positions:
            await self._commit(consumer, positions, tally)
        self._under_way.remove(batch)
        self._stage.held = sum(one.size_bytes for one in self._under_way)
        return whole

    async def _archive(self, partition: int, part: Part) -> tuple[int, Tally]:
        """Where the archive of the partition ends now, and what became of the lines."""
        wait = self._waiting.until_available
        manifest = None
        while manifest is None:
            written = await wait("the local disk", self._stream.write, part)
            try:
                manifest = await self._put(manifest_of(partition, part, written), written)
            except Outdated as error:
                log.warning("%s; they are written again", error)
                await self._stream.drop(written)
            finally:
                for local in written:
                    local.unlink()
        await wait(_CATALOG, self._stream.name, manifest)
        return manifest.end, tally_of(manifest)

    async def _put(self, ours: StreamManifest, written: Sequence[Local]) -> StreamManifest:
        """The manifest that counts: ours, or of another archiver, who was first. Raises Outdated."""
        await self._waiting.until_available(_OBJECTS, self._stream.put, written)
        manifest = await self._waiting.until_available(_OBJECTS, self._stream.put_manifest, ours)
        if manifest != ours:
            log.warning("another archiver has partition %d from position %d on", ours.partition, ours.start)
            await self._stream.drop(written)
            return manifest
        count(written)
        self._files += len(written)
        self._rows += sum(local.file.rows for local in written)
        self._bytes += sum(local.file.size_bytes + local.file.skip_bytes for local in written)
        return manifest

    async def _commit(self, consumer: Consumer, positions: dict[int, int], tally: Tally) -> None:
        await self._waiting.until_available("the transport", consumer.commit, positions, tally)
        crash.point("archive.committed")

    async def _in_thread(self, function: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> T:
        call = functools.partial(function, *arguments, **named)
        return await asyncio.get_running_loop().run_in_executor(self._thread, call)


def _raise_others(failures: ExceptionGroup) -> None:
    """That something is unavailable ends it only when it should stop anyway."""
    gone, others = failures.split(Unavailable)
    if others is not None:
        raise others.exceptions[0]
    if gone is not None:
        _say(gone.exceptions[0])


def _say(error: Exception) -> None:
    log.warning("not everything is archived; the transport has it, and it will be read again: %s", error)


def _emptied(folder: Path) -> None:
    """Files that a killed process has left are of no use: they weren't put, or are named by nothing."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True)
