"""An alerter's first half: from the transport to pages of counts, which every alerter can read.

    transport ── fetch ── leave out what was sent twice ── parse ── count (in a thread) ── publish ── commit

Positions are committed only once everything below them is published, with what is needed to know what is sent twice.
Who takes a partition over goes on from there; see alerts/counter.py for why nothing counts twice.
"""

from __future__ import annotations

import asyncio
import functools
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple, ParamSpec, TypeVar

from logd.alerts.counter import Counter
from logd.alerts.gauges import OTHERS, Gauge
from logd.alerts.pages import SOURCES, clock_pages, is_by, is_of, kind_of, read_sources, sources_page
from logd.alerts.replay import Replay, replayed_seconds
from logd.alerts.sources import Sources
from logd.chunk import Message
from logd.config.schema import Config
from logd.errors import Corrupt, Unavailable
from logd.flow.channel import Channel
from logd.flow.stage import Stage
from logd.http.records import records
from logd.parse.joining import joined, parts
from logd.parse.parsing import Parsing
from logd.roles.alert_commits import Commits
from logd.roles.alert_rows import Rows, count_rows, parsed_rows, slices
from logd.roles.alert_rules import RulesInForce
from logd.roles.parsing import parser_of
from logd.roles.waiting import Waiting
from logd.seams import (
    RAW_LOGS,
    AlertHistory,
    Consumer,
    Event,
    Follower,
    Page,
    Partials,
    StreamPositions,
    Transport,
)
from logd.telemetry import metrics

log = logging.getLogger("logd.alerter")
GROUP = "alerter"
#: People are told within two seconds, of which this is what counts wait for others.
_PUBLISH_SECONDS = 0.5
#: What is read again after a crash; Kafka waits 10 s for a commit when partitions go to others.
_COMMIT_SECONDS = 2.0
_FULL_SECONDS = 3_600.0
#: What is counted together at most: 50 MB.
_MOST_ROWS = 64_000
T = TypeVar("T")
P = ParamSpec("P")


class Fetched(NamedTuple):
    """What came, when it was asked for (Unix µs), and how much more there was of each partition that is ours."""

    messages: Sequence[Message]
    at_us: int
    lags: Mapping[int, int]


class AlertCounting:
    """One member of the group `alerter`. `name` is no other's."""

    def __init__(
        self,
        config: Config,
        transport: Transport,
        partials: Partials,
        rules: RulesInForce,
        history: AlertHistory,
        name: str,
    ) -> None:
        self._limits = config.parse
        self._commits = Commits(rules, forgets=config.transport.type == "sqlite")
        # A transport of our own leaves out itself what was sent twice.
        self._sources = Sources() if config.transport.type == "kafka" else None
        self._replay_seconds = config.alerts.replay_seconds
        # Shorter than any window and the lateness together.
        self._slice_us = max(1, config.alerts.late_seconds // 2) * 1_000_000
        self._make_parser = parser_of(config)
        self._parsing: Parsing | None = None
        self._transport = transport
        self._partials = partials
        self._rules = rules
        self._history = history
        #: By rule, when it may be said again that it has too many groups.
        self._said_full: dict[str, float] = {}
        self._name = name
        self._waiting = Waiting(log)
        self._thread = ThreadPoolExecutor(1, "alerter.count")
        self._channel: Channel[Fetched] = Channel(Stage("alerter.count", 1, "batches"))
        self._consumer: Consumer | None = None
        self._counter = self._filled = Counter(name, [], records)
        self._generation = 0
        self._parsed: list[Rows] = []
        #: By partition, the position up to which everything is counted, and when the transport took it.
        self._next: dict[int, int] = {}
        self._upto_us: dict[int, int] = {}
        self._committed: dict[int, int] = {}
        #: The windows of new rules are filled meanwhile.
        self._replay: Replay | None = None
        self._replaying: asyncio.Task[None] | None = None
        self._superseded: list[Page] = []
        self._publish_at = self._commit_at = 0.0

    @property
    def stages(self) -> tuple[Stage, ...]:
        """The queue before the parser."""
        return (self._channel.stage,)

    def trouble(self) -> str:
        """Why nothing goes on; empty when it does."""
        return self._waiting.trouble()

    def lag(self) -> int:
        """Messages not fetched yet."""
        return self._consumer.lag() if self._consumer else 0

    async def run(self, stop: asyncio.Event) -> None:
        """Runs until `stop`; then what was fetched is counted, published and committed. Raises Corrupt after that when
        the transport can't be read on."""
        self._waiting = Waiting(log, stop)
        self._consumer = await self._waiting.until_available("the transport", self._transport.consume, RAW_LOGS, GROUP)
        try:
            async with asyncio.TaskGroup() as tasks:
                fetching = tasks.create_task(self._fetch(self._consumer, stop), name="alerter.fetch")
                tasks.create_task(self._count(self._consumer, tasks), name="alerter.count")
        finally:
            if self._parsing is not None:
                await self._in_thread(self._parsing.close)
            await self._in_thread(self._counter.close)
            await asyncio.to_thread(self._thread.shutdown)
        if damage := fetching.result():
            raise damage

    async def _fetch(self, consumer: Consumer, stop: asyncio.Event) -> Corrupt | None:
        async def fetch(lines: int, wait_seconds: float) -> Sequence[Message]:
            return await self._waiting.fetched(consumer, lines, wait_seconds, stop)

        try:
            while not stop.is_set():
                at_us = _now_us()
                messages = await joined(fetch, self._limits.join_lines, self._limits.join_seconds)
                await self._channel.put(Fetched(messages, at_us, consumer.lags()))
        except Corrupt as damage:
            return damage
        finally:
            await self._channel.close()
        return None

    async def _count(self, consumer: Consumer, tasks: asyncio.TaskGroup) -> None:
        async for fetched in self._channel:
            await self._use_rules(tasks)
            await self._go_on(fetched)
            new = fetched.messages
            if self._sources is not None:
                new = [message for message in new if self._sources.is_new(message)]
            if new and self._counter.gauges:
                await self._parse(new)
            self._advance(fetched)
            await self._hand_over()
            if sum(len(rows.table) for rows in self._parsed) >= _MOST_ROWS:
                await self._in_thread(self._count_parsed)
            if time.monotonic() >= self._publish_at:
                await self._publish()
            if time.monotonic() >= self._commit_at:
                due = self._commits.due(self._next, self._generation, self._replay)
                if due is not None:
                    await self._commit(consumer, due)
        await self._end_replay()
        await self._publish()
        await self._commit(consumer, await self._commits.at_end(self._next, self._generation))

    async def _parse(self, messages: Sequence[Message]) -> None:
        """What took long to come is published step by step of the stream's time: or who evaluates it would see its end
        before its beginning was decided."""
        for number, some in enumerate(slices(messages, self._slice_us)):
            if number:
                await self._publish()
            for part in parts(some):
                self._parsed += await self._in_thread(self._rows_of, part)
            self._upto_us |= {message.partition: min(message.timestamp_us, _now_us()) for message in some}

    async def _use_rules(self, tasks: asyncio.TaskGroup) -> None:
        """Those that hold by now: what was counted for the same goes on, and what is new is counted from a while ago
        on."""
        if self._generation == self._rules.generation:
            return
        starts = not self._generation
        self._generation = self._rules.generation
        await self._in_thread(self._count_parsed)
        await self._end_replay()
        gauges = [gauge for of_rule in self._rules.gauges.values() for gauge in of_rule]
        known = {gauge.key for gauge in self._counter.gauges}
        new = [gauge for gauge in gauges if gauge.key not in known]
        seconds = 0.0 if starts or not self._upto_us else replayed_seconds(new, self._replay_seconds)
        if seconds:
            await self._fill(new, int(min(self._upto_us.values()) - seconds * 1e6), tasks)
            gauges = [gauge for gauge in gauges if gauge.key in known]
        await self._count_for(gauges)

    async def _count_for(self, gauges: Sequence[Gauge], *others: Counter) -> None:
        """From now on, with what was counted of them."""
        counter = await self._in_thread(Counter, self._name, gauges, records)
        for other in (self._counter, *others):
            await self._in_thread(counter.take_over, other)
        self._counter = counter

    async def _fill(self, new: Sequence[Gauge], since_us: int, tasks: asyncio.TaskGroup) -> None:
        counter = await self._in_thread(Counter, self._name, new, records)

        async def count(messages: Sequence[Message]) -> None:
            for some in parts(messages):
                rows = await self._in_thread(self._rows_of, some)
                await self._in_thread(count_rows, counter, rows)

        async def follow(start: StreamPositions | None, since_us: int | None) -> Follower:
            return await self._transport.follow(RAW_LOGS, start, since_us)

        sources = None if self._sources is None else Sources()
        self._filled = counter
        self._replay = Replay(counter, since_us, self._next.copy, follow, count, self._in_thread, sources)
        self._replaying = tasks.create_task(self._replay.run(), name="alerter.replay")

    async def _hand_over(self) -> None:
        """What new rules have counted, once that is all up to here."""
        if self._replay is None or self._replaying is None or not self._replaying.done():
            return
        await self._in_thread(self._count_parsed)
        if await self._replay.hand_over():
            self._replay = self._replaying = None
            await self._count_for([*self._counter.gauges, *self._filled.gauges], self._filled)

    async def _end_replay(self) -> None:
        """Rules have changed meanwhile, or the end is there."""
        if self._replay is None or self._replaying is None:
            return
        self._replaying.cancel()
        await asyncio.wait([self._replaying])
        await self._replay.close()
        await self._in_thread(self._filled.close)
        self._replay = self._replaying = None

    async def _go_on(self, fetched: Fetched) -> None:
        """Reads what others have published of partitions that are ours only now, or that go on elsewhere."""
        if fetched.lags:
            for part in self._next.keys() - fetched.lags.keys():
                await self._forget(part)
        first = {message.partition: message.position for message in reversed(fetched.messages)}
        new = {part for part, position in first.items() if self._next.get(part) != position}
        if not new:
            return
        await self._publish()  # what isn't published would be lost
        wanted = {b"%d" % part for part in new}
        pages = await self._waiting.until_available(
            "what alerters share", self._partials.read, lambda key: is_of(key, wanted)
        )
        for part in new:
            await self._forget(part)
        counts = [page for page in pages if kind_of(page.key) != SOURCES]
        filled = {gauge.key for gauge in self._filled.gauges} if self._replay is not None else ()
        known = [page for page in counts if kind_of(page.key) not in filled]
        damaged = await self._in_thread(self._counter.restore, known)
        damaged += self._restore_sources([page for page in pages if kind_of(page.key) == SOURCES])
        if self._replay is not None:
            for part in new:
                of_part = [page for page in counts if is_of(page.key, {b"%d" % part})]
                ends = None if self._sources is None else self._sources.ends(part)
                await self._replay.begin(part, first[part], of_part, ends)
        if damaged:
            log.error("%d pages of counts are damaged: what they had counted is missing in windows", damaged)
        self._next |= {part: first[part] for part in new}

    def _restore_sources(self, pages: Sequence[Page]) -> int:
        """How many are damaged."""
        damaged = 0
        newest: dict[int, int] = {}
        for page in pages:
            if not page.value:
                continue
            try:
                sources = read_sources(page)
            except Corrupt:
                damaged += 1
                continue
            part = int(page.key.split(b"/")[1])
            if sources.version >= newest.get(part, 0):
                newest[part] = sources.version
                if self._sources is not None:
                    self._sources.forget(part, sources.ends)
            if not is_by(page.key, self._name):
                self._superseded.append(Page(page.shard, page.key, b""))
        return damaged

    async def _forget(self, part: int) -> None:
        for known in (self._next, self._upto_us, self._committed):
            known.pop(part, None)
        if self._sources is not None:
            self._sources.forget(part)
        if self._replay is not None:
            await self._replay.forget(part)
        await self._in_thread(self._counter.forget, part)

    def _rows_of(self, messages: Sequence[Message]) -> list[Rows]:
        """Without a rule nothing is parsed, and no parser takes memory."""
        if self._parsing is None:
            self._parsing = Parsing(self._make_parser)
        return parsed_rows(self._parsing, messages)

    def _count_parsed(self) -> None:
        parsed, self._parsed = self._parsed, []
        count_rows(self._counter, parsed)

    def _advance(self, fetched: Fetched) -> None:
        now_us = _now_us()  # a producer's clock may be ahead: windows would be decided before they are over
        for message in fetched.messages:
            self._next[message.partition] = message.position + 1
            self._upto_us[message.partition] = min(message.timestamp_us, now_us)
        for part, lag in fetched.lags.items():
            if not lag:
                self._upto_us[part] = max(self._upto_us.get(part, 0), fetched.at_us)

    async def _publish(self) -> None:
        await self._in_thread(self._count_parsed)
        pages = await self._in_thread(self._counter.pages)
        clocks: Sequence[Page] = ()
        if self._upto_us and self._rules.gauges:
            clocks = clock_pages(self._partials.shards, self._name, self._upto_us)
        await self._share([*pages, *clocks])
        await self._share(self._counter.superseded())
        for rule_id, count in self._counter.refused().items():
            metrics.ALERT_OTHERS.labels(rule_id).inc(count)
            await self._say_full(rule_id)
        metrics.ALERT_PAGES.inc(len(pages))
        metrics.ALERTER_LAG.set(self.lag())
        self._publish_at = time.monotonic() + _PUBLISH_SECONDS

    async def _share(self, pages: Sequence[Page]) -> None:
        if pages:
            await self._waiting.until_available("what alerters share", self._partials.publish, pages)

    async def _say_full(self, rule_id: str) -> None:
        """That a rule has more groups than it may have; of each rule now and then."""
        rule = self._rules.rules.get(rule_id)
        if rule is None or time.monotonic() < self._said_full.get(rule_id, 0.0):
            return
        self._said_full[rule_id] = time.monotonic() + _FULL_SECONDS
        why = f"there are more than {rule.max_groups:,} groups: further ones are counted together, as {OTHERS}"
        log.warning("the alert rule %r: %s", rule.name, why)
        event = Event(at_us=_now_us(), rule_id=rule_id, rule=rule.name, what="groups_full", why=why)
        try:
            await self._history.add(event)
        except (Unavailable, Corrupt) as error:
            log.warning("the history of alerts doesn't say so: %s", error)

    async def _commit(self, consumer: Consumer, upto: StreamPositions) -> None:
        self._commit_at = time.monotonic() + _COMMIT_SECONDS
        moved = {part: at for part, at in upto.items() if at != self._committed.get(part)}
        if not moved:
            return
        await self._publish()
        sources = [
            sources_page(self._partials.shards, self._name, part, upto[part], self._sources.ends(part))
            for part in moved
            if self._sources is not None and self._sources.ends(part)
        ]
        await self._share(sources)
        await self._share(self._superseded)
        self._superseded = []
        await self._waiting.until_available("the transport", consumer.commit, moved)
        self._committed |= moved

    async def _in_thread(self, function: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> T:
        call = functools.partial(function, *arguments, **named)
        return await asyncio.get_running_loop().run_in_executor(self._thread, call)


def _now_us() -> int:
    return time.time_ns() // 1_000
