"""What every keeper of what fires guarantees to many at once, and to thousands."""

from __future__ import annotations

import asyncio
import zlib

import msgspec

from logd.errors import Conflict
from tests.support.kept_alerts import (
    SHARDS,
    Kept,
    Open,
    alert_of,
    delivery_of,
    event_of,
    rule_in,
)


async def test_thousands_at_once(kept: Kept) -> None:
    rules = [one for one in (f"{number:012x}" for number in range(20_000)) if not zlib.crc32(one.encode()) % SHARDS]
    alerts = [alert_of(rule_id, group=("x" * 200,)) for rule_id in rules]
    events = [event_of("firing", rule_id) for rule_id in rules]
    deliveries = [delivery_of(rule_id, rule_id) for rule_id in rules]
    epoch = (await kept.alerts.take(0, SHARDS)).epoch
    for _ in range(2):
        await kept.alerts.record(0, epoch, 1, alerts, (), events, deliveries)
    left = await kept.alerts.take(0, SHARDS)
    assert (len(left.alerts), [one.id for one in left.deliveries]) == (len(rules), rules)
    assert len(rules) > 4_000
    await kept.alerts.record(0, left.epoch, 1, (), [(one.rule_id, one.group) for one in alerts])
    assert list(await kept.history.alerts()) == []


async def test_several_record_at_once(kept: Kept, open_kept: Open) -> None:
    others = await open_kept()

    async def alerter(keeper: Kept, shard: int) -> None:
        rule_id = rule_in(shard)
        epoch = (await keeper.alerts.take(shard, SHARDS)).epoch
        for number in range(20):
            alerts = [alert_of(rule_id, group=(str(group),), value=number) for group in range(number, number + 5)]
            told = [delivery_of(f"{shard} {number} {n}", rule_id) for n in range(3)]
            event = event_of(str(number), rule_id)
            await keeper.alerts.record(shard, epoch, number, alerts, [(rule_id, (str(number - 1),))], [event], told)
            await keeper.alerts.settle(msgspec.structs.replace(told[0], status="delivered"))

    await asyncio.gather(*(alerter((kept, others)[shard % 2], shard) for shard in range(SHARDS)))
    for shard in range(SHARDS):
        left = await kept.alerts.take(shard, SHARDS)
        assert (left.clock_us, len(left.deliveries)) == (19, 40)
        assert {one.group: one.value for one in left.alerts} == {(str(19 + n),): 19.0 for n in range(5)}
        events = await kept.history.events(rule_in(shard), None, 99)
        assert [event.what for _, event in events] == [*map(str, range(19, -1, -1))]


async def test_several_take_the_same_shard_at_once(kept: Kept, open_kept: Open) -> None:
    others = await open_kept()

    async def alerter(number: int) -> list[str]:
        keeper = (kept, others)[number % 2]
        epoch = (await keeper.alerts.take(0, SHARDS)).epoch
        said: list[str] = []
        try:
            for n in range(5):
                await keeper.alerts.record(0, epoch, epoch, (), (), [event_of(f"{epoch} {n}")])
                said.append(f"{epoch} {n}")
        except Conflict:
            pass
        return said

    said = await asyncio.gather(*(alerter(number) for number in range(6)))
    kept_events = [event.what for _, event in await kept.history.events(None, None, 99)][::-1]
    assert sorted(kept_events) == sorted(what for one in said for what in one)
    # Each had it until the next one took it.
    epochs = [int(what.split()[0]) for what in kept_events]
    assert epochs == sorted(epochs)
    assert (await kept.alerts.take(0, SHARDS)).epoch == 7


async def test_a_delivery_that_is_settled_by_many_at_once_is_there_once(kept: Kept, open_kept: Open) -> None:
    others = await open_kept()
    epoch = (await kept.alerts.take(0, SHARDS)).epoch
    settled = [delivery_of("a", status="failed", settled_us=number) for number in range(6)]
    await asyncio.gather(
        *((kept, others)[n % 2].alerts.settle(one) for n, one in enumerate(settled)),
        kept.alerts.record(0, epoch, 1, (), (), [event_of("x")], [delivery_of("a")]),
    )
    ((_, found),) = await kept.history.deliveries(None, (), None, 9)
    assert found in settled
    assert len(await kept.history.events(None, None, 9)) == 1
