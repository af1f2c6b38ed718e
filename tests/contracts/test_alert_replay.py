"""The windows of a new alert rule, filled from a transport while its alerter goes on."""

from __future__ import annotations

import asyncio

from logd.alerts.counter import Counter
from logd.alerts.gauges import gauges
from logd.alerts.replay import Replay
from logd.alerts.sources import Sources
from logd.alerts.windows import Windows
from logd.http.records import records
from logd.seams import RAW_LOGS, Follower, StreamPositions, Transport
from tests.support.alert_engine import rule
from tests.support.alert_stream import at_once, counted_in
from tests.support.kafka import PATIENCE_SECONDS, of_services

NEW = gauges({"new": rule("new", threshold=1, window_seconds=3_600, max_groups=100)}, 1, 15)["new"]


async def test_what_was_before_and_what_comes_meanwhile(transport: Transport) -> None:
    consumer = await transport.consume(RAW_LOGS, "alerter")
    positions: dict[int, int] = {}
    new, counter = Counter("one", NEW, records), Counter("one", [], records)
    taken = 0

    async def follow(start: StreamPositions | None, since_us: int | None) -> Follower:
        return await transport.follow(RAW_LOGS, start, since_us)

    await transport.append(RAW_LOGS, of_services(40, 5))
    replay: Replay | None = None
    running: asyncio.Task[None] | None = None
    handed_over = False
    async with asyncio.timeout(PATIENCE_SECONDS):
        while taken < 400 or not handed_over:
            messages = await consumer.fetch(7, 0.25)
            if messages and not handed_over:
                first = {message.partition: message.position for message in reversed(messages)}
                for part in first.keys() - positions.keys():
                    if replay is not None:
                        await replay.begin(part, first[part], [])
            if messages:
                await counted_in(counter)(messages)
            taken += len(messages)
            positions.update({message.partition: message.position + 1 for message in messages})
            if taken >= 100 and running is None:
                replay = Replay(new, 0, positions.copy, follow, counted_in(new), at_once, Sources(), lines=11)
                running = asyncio.create_task(replay.run())
                await transport.append(RAW_LOGS, of_services(40, 5))
            elif replay is not None and running is not None and running.done() and not handed_over:
                handed_over = await replay.hand_over()
                if handed_over:
                    counter.close()
                    counter = Counter("one", NEW, records)
                    counter.take_over(new)
    assert running is not None
    await running
    try:
        assert _total(counter) == taken == 400
    finally:
        counter.close()


def _total(counter: Counter) -> int:
    """What was counted of all buckets and parts."""
    (counted,) = counter._counted
    return sum(int(store.series([()]).sum()) for store in counted.stores.values() if isinstance(store, Windows))
