"""Whatever an alerter and its replay do meanwhile, the counts are those of one who has read all of it: no message is
counted twice, and none is missed."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from typing import Any, NoReturn

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logd.alerts import replay as replaying
from logd.alerts.counter import Counter
from logd.alerts.gauges import Gauge, gauges
from logd.alerts.replay import Replay, replayed_seconds
from logd.alerts.sources import Sources
from logd.errors import Corrupt, Unavailable
from logd.http.records import records
from logd.seams import StreamPositions
from tests.support.alert_engine import rule
from tests.support.alert_stream import Cells, Follower, Stream, at_once, cells_of, counted_in
from tests.support.rows import DAY

SECOND = 1_000_000
PARTS = 3
OLD = gauges({"old": rule("old", ["service"], threshold=1, window_seconds=60)}, 1, 15)["old"]
NEW = [
    *gauges({"new": rule("new", ["service"], threshold=1, window_seconds=90)}, 1, 15)["new"],
    *gauges({"few": rule("few", threshold=1, aggregation="distinct", field="service", window_seconds=60)}, 1, 15)[
        "few"
    ],
]


class Alerter:
    """Counts its parts of a stream, batch by batch, the old gauges until it has the new ones too."""

    def __init__(self, stream: Stream, parts: Sequence[int]) -> None:
        self.stream = stream
        self.positions = dict.fromkeys(parts, 0)
        self.counter = Counter("one", OLD, records)
        self.sources = Sources()
        self.has_new = False

    async def batch(self, part: int, most: int) -> None:
        """Of a part so many messages at most."""
        some = self.stream.parts[part][self.positions[part] :][:most]
        new = [message for message in some if self.sources.is_new(message)]
        if new:
            await counted_in(self.counter)(new)
        if some:
            self.positions[part] = some[-1].position + 1

    async def take_over(self, replay: Replay, counter: Counter) -> bool:
        """Between two batches."""
        if await replay.hand_over():
            everything = Counter("one", [*OLD, *NEW], records)
            for one in (self.counter, counter):
                everything.take_over(one)
            self.counter = everything
            self.has_new = True
        return self.has_new


class Run:
    """An alerter and a replay, and for each part from where on each gauge has to be counted."""

    def __init__(self, since_us: int) -> None:
        self.stream = Stream(PARTS)
        self.alerter = Alerter(self.stream, [0, 1])
        self.since_us = since_us
        self.old_from: dict[int, int] = {0: 0, 1: 0}
        self.new_from: dict[int, int] = {}
        self.now_us = 0
        self.made = Counter("one", NEW, records)
        self.replay = self._begin()

    def _begin(self) -> Replay:
        self.new_from = dict.fromkeys(self.alerter.positions, 0)
        return Replay(
            self.made,
            self.since_us,
            lambda: self.alerter.positions,
            self.stream.follow,
            counted_in(self.made),
            at_once,
            Sources(),
            lines=2,
        )

    async def change_rules(self) -> None:
        """Again."""
        if not self.alerter.has_new:
            await self.replay.close()
            self.made.close()
            self.made = Counter("one", NEW, records)
            self.replay = self._begin()

    def append(self, part: int, after: int, service: str, source: str) -> None:
        """One comes `after` so many seconds. What a source sends has its number."""
        self.now_us += after * SECOND
        end = 1 + sum(one.headers.get("source-id") == source for one in self.stream.parts[part])
        self.stream.append(part, self.now_us, service, {"source-id": source, "end": str(end)} if source else {})

    def append_again(self, part: int, which: int) -> None:
        """One that was there is sent again."""
        if messages := self.stream.parts[part]:
            one = messages[which % len(messages)]
            again = {**one.headers, "time": one.headers.get("time", str(one.timestamp_us))}
            if "end" in one.headers:
                self.stream.append(part, self.now_us, one.value.decode(), again)

    async def lose(self, part: int) -> None:
        """It is another's."""
        self.alerter.positions.pop(part, None)
        self.alerter.counter.forget(part)
        self.alerter.sources.forget(part)
        self.old_from.pop(part, None)
        self.new_from.pop(part, None)
        if not self.alerter.has_new:
            await self.replay.forget(part)

    async def gain(self, part: int, committed: int, published: int, *, knew_new: bool) -> None:
        """From one who had counted all of it up to `published`, and committed what is not beyond that."""
        await self.lose(part)
        messages = self.stream.parts[part]
        published %= len(messages) + 1
        committed %= published + 1
        owner, sources = Counter("two", [*OLD, *NEW] if knew_new else OLD, records), Sources()
        ends: dict[str, int] = {}
        new = []
        for message in messages[:published]:
            if message.position == committed:
                ends = dict(sources.ends(part))
            if sources.is_new(message):
                new.append(message)
        if committed == published:
            ends = dict(sources.ends(part))
        if new:
            await counted_in(owner)(new)
        pages = owner.pages()
        owner.close()
        assert self.alerter.counter.restore(pages) == 0
        self.alerter.sources.forget(part, ends)
        if not self.alerter.has_new:
            assert await self.replay.begin(part, committed, pages, ends) == 0
        self.alerter.positions[part] = committed
        self.old_from[part] = 0
        self.new_from[part] = 0 if knew_new else committed

    async def end(self) -> None:
        """The replay ends, and the alerter counts all that there is."""
        async with asyncio.timeout(120):
            while not self.alerter.has_new:
                await self.alerter.take_over(self.replay, self.made)
        for part in self.alerter.positions:
            await self.alerter.batch(part, 1_000)

    async def check(self) -> None:
        """Against one who reads all of it."""
        found = self._of_window(cells_of(self.alerter.counter.pages()))
        self.alerter.counter.close()
        old = await _recount(self.stream, OLD, self.old_from)
        new = await _recount(self.stream, NEW, self.new_from)
        assert found == self._of_window({**old, **new})

    def _of_window(self, cells: Cells) -> Cells:
        """What is older than the replay is of no window, and may be in it."""
        widths = {gauge.key: gauge.span.width_us for gauge in [*OLD, *NEW]}
        old = {gauge.key for gauge in OLD}
        since_us = DAY + self.since_us
        return {key: cell for key, cell in cells.items() if key[0] in old or key[2] * widths[key[0]] >= since_us}


async def _recount(stream: Stream, gauges: Sequence[Gauge], begin: dict[int, int]) -> Cells:
    """What one counts who reads each part from there on."""
    counter, sources = Counter("one", gauges, records), Sources()
    read = [message for part in begin for message in stream.parts[part] if sources.is_new(message)]
    messages = [message for message in read if message.position >= begin[message.partition]]
    try:
        if messages:
            await counted_in(counter)(messages)
        return cells_of(counter.pages())
    finally:
        counter.close()


_PART = st.integers(0, PARTS - 1)
_OPERATIONS = st.one_of(
    st.tuples(st.just("append"), _PART, st.integers(0, 6), st.sampled_from("ab"), st.sampled_from(["", "s", "t"])),
    st.tuples(st.just("append"), _PART, st.integers(0, 6), st.sampled_from("ab"), st.sampled_from(["", "s", "t"])),
    st.tuples(st.just("again"), _PART, st.integers(0, 20)),
    st.tuples(st.just("batch"), _PART, st.integers(1, 9)),
    st.tuples(st.just("batch"), _PART, st.integers(1, 9)),
    st.tuples(st.just("step")),
    st.tuples(st.just("step")),
    st.tuples(st.just("hand over"), st.integers(0, 5)),
    st.tuples(st.just("fail"), st.integers(1, 3)),
    st.tuples(st.just("rules")),
    st.tuples(st.just("lose"), _PART),
    st.tuples(st.just("gain"), _PART, st.integers(0, 50), st.integers(0, 50), st.booleans()),
)


@given(
    before=st.lists(
        st.tuples(_PART, st.integers(0, 6), st.sampled_from("ab"), st.sampled_from(["", "s"])),
        min_size=12,
        max_size=20,
    ),
    counted=st.tuples(st.integers(0, 9), st.integers(0, 9)),
    since=st.integers(0, 4),
    held=st.integers(0, 4),
    read_on=st.integers(0, PARTS),
    operations=st.lists(_OPERATIONS, min_size=30, max_size=60),
)
def test_each_message_counts_once(
    before: list[Any], counted: tuple[int, int], since: int, held: int, read_on: int, operations: list[Any]
) -> None:
    async def go() -> None:
        run = Run(since * 6 * SECOND)  # a bucket of each gauge begins there
        for part, after, service, source in before:
            run.append(part, after, service, source)
        for part, most in enumerate(counted):
            await run.alerter.batch(part, most)
        for what, *values in operations:
            match what:
                case "append" if run.now_us < 150 * SECOND:
                    run.append(*values)
                case "again":
                    run.append_again(*values)
                case "batch" if values[0] in run.alerter.positions:
                    await run.alerter.batch(*values)
                case "step" if not run.alerter.has_new:
                    with contextlib.suppress(Unavailable):
                        await run.replay.step()
                case "hand over" if not values[0] and not run.alerter.has_new:
                    await run.alerter.take_over(run.replay, run.made)
                case "fail":
                    run.stream.failing = values[0]
                case "rules":
                    await run.change_rules()
                case "lose":
                    await run.lose(*values)
                case "gain":
                    await run.gain(*values[:3], knew_new=values[3])
        for part in list(run.alerter.positions)[:read_on]:
            await run.alerter.batch(part, 1_000)
        await run.end()
        await run.check()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(replaying, "_HELD_BYTES", held)
        asyncio.run(go())


async def test_what_is_held_is_read_again_along_with_what_was_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replaying, "_HELD_BYTES", 2)
    run = Run(0)
    for _ in range(10):
        for part in (0, 1):
            run.append(part, 0, "a", "")
    for part in (0, 1):
        await run.alerter.batch(part, 1)
    while await run.replay.step():
        pass
    for _ in range(2):
        await run.alerter.batch(1, 4)
        while await run.replay.step():
            pass
    assert run.stream.opened > 1, "it was dropped"
    for part in (0, 1):
        await run.alerter.batch(part, 10)
    await run.end()
    await run.check()


async def test_what_was_held_of_a_part_that_comes_back_is_not_counted_before_the_rest() -> None:
    run = Run(0)
    for _ in range(5):
        run.append(0, 0, "a", "")
    await run.alerter.batch(0, 1)
    while await run.replay.step():
        pass
    await run.gain(0, 0, 0, knew_new=False)
    await run.alerter.batch(0, 2)
    await run.end()
    await run.check()


async def test_what_a_source_sent_the_last_owner_does_not_count_again() -> None:
    run = Run(0)
    run.append(2, 0, "a", "s")
    run.append_again(2, 0)
    await run.gain(2, 1, 1, knew_new=True)
    await run.alerter.batch(2, 1)
    await run.end()
    await run.check()


async def test_nothing_is_counted_after_the_handover() -> None:
    run = Run(0)
    for _ in range(4):
        run.append(0, 0, "a", "")
    await run.alerter.batch(0, 2)
    async with asyncio.timeout(120):
        running = asyncio.create_task(run.replay.run())
        await run.end()
        await running
    assert not await run.replay.step()
    assert run.stream.opened == 1
    await run.check()


async def test_one_that_is_cancelled_leaves_no_reader_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replaying, "_RETRY_SECONDS", (600.0, 600.0))
    run = Run(0)
    run.append(0, 0, "a", "")
    await run.alerter.batch(0, 1)
    opened = []

    async def follow(start: StreamPositions | None, since_us: int | None) -> Follower:
        opened.append(await run.stream.follow(start, since_us))
        run.stream.failing = 1
        return opened[0]

    monkeypatch.setattr(run.replay, "_follow", follow)
    running = asyncio.create_task(run.replay.run())
    async with asyncio.timeout(120):
        while run.stream.failing or not opened:  # noqa: ASYNC110 - it waits for the next try then
            await asyncio.sleep(0)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    await run.replay.close()
    assert [one.closed for one in opened] == [True]
    run.made.close()
    run.alerter.counter.close()


async def test_a_stream_that_can_never_be_read_holds_no_rule_up(monkeypatch: pytest.MonkeyPatch) -> None:
    async def follow(*_: object) -> NoReturn:
        raise Corrupt("it is damaged")

    run = Run(0)
    run.append(0, 0, "a", "")
    await run.alerter.batch(0, 1)
    monkeypatch.setattr(run.replay, "_follow", follow)
    async with asyncio.timeout(120):
        await run.replay.run()
    assert await run.replay.hand_over()
    run.made.close()
    run.alerter.counter.close()


@pytest.mark.parametrize(
    ("condition", "seconds"),
    [
        pytest.param({"window_seconds": 60}, 75, id="the window and the lateness"),
        pytest.param({"aggregation": "spike", "window_seconds": 60}, 135, id="and the window before"),
        pytest.param({"window_seconds": 7200}, 3600, id="no more than is allowed"),
    ],
)
def test_how_far_back(condition: dict[str, Any], seconds: float) -> None:
    some = gauges({"one": rule("one", threshold=1, **condition)}, 1, 15)["one"]
    assert replayed_seconds(some, 3_600) == pytest.approx(seconds, abs=15)
