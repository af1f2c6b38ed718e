"""The processor: from the transport, through the parser, into the index.

    transport ── fetch: up to join_lines or join_seconds ── parse, shape, shed (in a thread) ── index.write ── commit

One batch is parsed while the next is fetched. Positions travel with the batch: the group's position moves only to what
the index says is durable. What can't be parsed at all becomes a dead letter before its position is passed.
"""

from __future__ import annotations

import asyncio
import functools
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar, cast

import pyarrow as pa
import pyarrow.compute as pc
from prometheus_client import REGISTRY
from prometheus_client.registry import Collector

from logd.chunk import Message
from logd.config.schema import Config
from logd.deadletters import dead_letter
from logd.enrich.meter import Counted, Meter
from logd.errors import Corrupt, Unavailable
from logd.flow.channel import Channel
from logd.flow.stage import Stage
from logd.parse.columns import Parsed
from logd.parse.joining import joined, lines_of, parts
from logd.parse.parsing import Parsing, Refused
from logd.roles.parsing import parser_of
from logd.roles.shedding import Dropping, Left, Shedder
from logd.roles.waiting import Waiting
from logd.seams import (
    DEAD_LETTERS,
    NOTHING,
    RAW_LOGS,
    Batch,
    Consumer,
    Disks,
    Index,
    StreamPositions,
    Tally,
    Transport,
)
from logd.telemetry import metrics

log = logging.getLogger("logd.processor")
GROUP = "processor"
Gaps = Callable[[pa.Table], Awaitable[None]]
_SHAPED = {"dropped": metrics.SHAPE_DROPPED, "sampled": metrics.SHAPE_SAMPLED, "redacted": metrics.SHAPE_REDACTED}
T = TypeVar("T")
P = ParamSpec("P")


class Processor:
    """One consumer of the stream, with its parser."""

    def __init__(
        self,
        config: Config,
        transport: Transport,
        index: Index,
        disks: Disks | None = None,
        gaps: Gaps | None = None,
        dropping: Dropping | None = None,
    ) -> None:
        """`disks` are the index's, if anybody looks at them. `gaps` is told, before their position is passed, of the
        rows that shedding leaves out, and that an archive has all the same. `dropping` says that DEBUG and TRACE are
        dropped."""
        self._config = config
        self._make_parser = parser_of(config)
        self._meter = Meter(config.metric, config.search.default_operator)
        self._shedder = Shedder.of(config.shedding, disks, dropping)
        self._transport = transport
        self._index = index
        self._gaps = gaps
        self._thread = ThreadPoolExecutor(1, "processor.parse")
        self._channel: Channel[Sequence[Message]] = Channel(Stage("processor.parse", 1, "batches"))
        self._consumer: Consumer | None = None
        self._committed: StreamPositions = {}
        self._waiting = Waiting(log)

    def lag(self) -> int:
        """Messages not fetched yet."""
        return self._consumer.lag() if self._consumer else 0

    @property
    def stages(self) -> tuple[Stage, ...]:
        """The queue before the parser."""
        return (self._channel.stage,)

    def trouble(self) -> str:
        """Why nothing goes on; empty when it does."""
        return self._waiting.trouble()

    def status(self) -> dict[str, object]:
        """Lag in messages, and what is shed, where that is configured."""
        shedder = self._shedder
        shedding = {"shedding": shedder.status()} if shedder is not None and shedder.on else {}
        return {"lag_messages": self.lag(), **shedding}

    async def run(self, stop: asyncio.Event) -> None:
        """Runs until `stop`, then finishes what was fetched and flushes the index. Raises Corrupt after that when the
        transport can't be read on."""
        start = self._index.durable() or None
        consumer = await self._waiting.until_available("the transport", self._transport.consume, RAW_LOGS, GROUP, start)
        self._consumer = consumer
        parsing = await self._in_thread(Parsing, self._make_parser)
        REGISTRY.register(cast(Collector, self._meter))
        try:
            async with asyncio.TaskGroup() as tasks:
                fetching = tasks.create_task(self._fetch(consumer, stop), name="processor.fetch")
                tasks.create_task(self._write(parsing, consumer), name="processor.write")
                if self._shedder is not None:
                    watching = tasks.create_task(self._shedder.watch(), name="processor.disks")
                    await asyncio.wait([fetching])
                    watching.cancel()
        finally:
            REGISTRY.unregister(cast(Collector, self._meter))
            await self._in_thread(self._meter.close)
            await self._in_thread(parsing.close)
            await asyncio.to_thread(self._thread.shutdown)
        try:
            await self._index.flush()
            await self._commit(consumer)
        except Unavailable as error:
            log.error("not everything is in segments; the transport has it, and it will be read again: %s", error)
        if damage := fetching.result():
            raise damage

    async def _fetch(self, consumer: Consumer, stop: asyncio.Event) -> Corrupt | None:
        """Joins what comes within join_seconds, so that small chunks share one parse. Ends when it should stop, or with
        the reason why no more can be read."""
        limits = self._config.parse

        async def fetch(lines: int, wait_seconds: float) -> Sequence[Message]:
            return await self._waiting.fetched(consumer, lines, wait_seconds, stop)

        try:
            while not stop.is_set():
                messages = await joined(fetch, limits.join_lines, limits.join_seconds)
                if not messages:
                    await self._commit(consumer)  # what has become durable since the last batch
                    await self._idle(consumer)
                    continue
                metrics.PROCESSOR_LAG.set(consumer.lag())
                for part in parts(messages):
                    await self._channel.put(part)
        except Corrupt as damage:
            return damage
        finally:
            await self._channel.close()
        return None

    async def _write(self, parsing: Parsing, consumer: Consumer) -> None:
        async for messages in self._channel:
            started = time.perf_counter()
            left, refused, counted = await self._in_thread(self._parsed, parsing, messages)
            parsed = left.parsed
            if self._shedder is not None:
                self._shedder.tell(left.episodes)
            metrics.PARSE_SECONDS.inc(time.perf_counter() - started)
            await self._bury(refused)
            if self._gaps is not None and left.rows is not None:
                await self._waiting.until_available("the catalog", self._gaps, left.rows)
            positions = {message.partition: message.position + 1 for message in messages}
            lost = lines_of([one.message for one in refused])
            table, own_ids = parsed.stored()
            dropped, sampled = parsed.done("dropped"), parsed.done("sampled")
            batch = Batch(table, positions, own_ids, lines_of(messages), lost, dropped, sampled)
            written = await self._waiting.until_available("the index", self._index.write, batch)
            self._meter.add(counted)
            _count(parsed)
            stored = len(table) - written.duplicates - written.refused
            if stored:
                size_bytes = pc.sum(pc.binary_length(table["message"])).as_py() or 0
                metrics.INDEX_MESSAGE_BYTES.inc(size_bytes * stored / len(table))
            tally = Tally(batch.lines, stored, written.duplicates, lost + written.refused, dropped, sampled, left.lines)
            await self._commit(consumer, positions, tally)

    def _parsed(self, parsing: Parsing, messages: Sequence[Message]) -> tuple[Left, Sequence[Refused], Counted | None]:
        parsed, refused = parsing.parse(messages)
        counted = self._meter.observe(parsed.table)  # also what the index does without
        left = Left(parsed) if self._shedder is None else self._shedder.shed(parsed, messages, refused)
        return left, refused, counted

    async def _idle(self, consumer: Consumer) -> None:
        """A spike ends also when nothing comes after it."""
        if self._shedder is not None and self._shedder.lasts and not consumer.lag() and not self._channel.stage.held:
            self._shedder.tell(await self._in_thread(self._shedder.idle))

    async def _commit(self, consumer: Consumer, written: StreamPositions | None = None, tally: Tally = NOTHING) -> None:
        """Moves the group to what is durable: as far as the index says, or, if it leaves that to us, as was written,
        with what became of it."""
        durable = self._index.durable()
        if durable is None:
            # Always: a commit that was left to other members says nothing, and then the same may come again.
            if written:
                await self._waiting.until_available("the transport", consumer.commit, written, tally)
        elif durable and durable != self._committed:
            await self._waiting.until_available("the transport", consumer.commit, durable)
            self._committed = durable

    async def _bury(self, refused: Sequence[Refused]) -> None:
        if not refused:
            return
        letters = [dead_letter(one.message, one.reason) for one in refused]
        await self._waiting.until_available("the transport", self._transport.append, DEAD_LETTERS, letters)
        metrics.DEAD_LETTERS.labels("unreadable").inc(len(letters))
        log.error("%d messages went to dead-letters, the first at %d: %s", *_first(refused))

    async def _in_thread(self, function: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> T:
        call = functools.partial(function, *arguments, **named)
        return await asyncio.get_running_loop().run_in_executor(self._thread, call)


def _first(refused: Sequence[Refused]) -> tuple[int, int, str]:
    return len(refused), refused[0].message.position, refused[0].reason


def _count(parsed: Parsed) -> None:
    metrics.PARSE_LINES.inc(len(parsed.table))
    metrics.PARSE_UNPARSED.inc(parsed.unparsed)
    for share in parsed.shares:
        metrics.PARSE_BY.labels(share.parser, share.step).inc(len(share.rows))
    metrics.PARSE_MENDED.inc(parsed.mended)
    metrics.PARSE_OUT_OF_WINDOW.labels("time_not_accepted").inc(parsed.out_of_window)
    for (what, name), count in parsed.shaped.items():
        _SHAPED[what].labels(name).inc(count)
