"""What every keeper of what fires guarantees, to alerters and to people who ask: see seams/alerting.py."""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Awaitable, Callable, Sequence
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from logd.errors import Conflict, NotFound
from logd.seams import AlertStage, Event, Watched, shard_of
from tests.support.kept_alerts import (
    ONE,
    SHARDS,
    ZERO,
    Kept,
    Open,
    alert_of,
    at_once,
    delivery_of,
    event_of,
    rule_in,
)

_STATUSES = ("waiting", "delivered", "refused", "failed")


_FULL_ALERT = alert_of(
    rule="ünïcode 'quotes' \"and\" %s 𝄞 /",
    group=("𝄞" * 200, None, "null"),
    severity="critical",
    labels={"a": "𝄞", "b": "1"},
    stage=AlertStage.RESOLVED,
    since_us=2**53 + 1,
    fired_us=2**53 + 2,
    ended_us=2**53 + 3,
    value=0.1,
    at_us=2**60 + 1,
    samples=[{"message": "x" * 20_000, "metadata": {"n": 1, "t": "1"}}] * 5,
    told_us=9,
    told=3,
    told_end=True,
)
_FULL_EVENT = Event(
    at_us=2**60 + 1, rule_id=ZERO, rule="𝄞", group=(None, "ü"), what="firing", value=1.5, why="two\nlines", by="ü"
)
_FULL_DELIVERY = delivery_of(
    "𝄞/" * 300,
    group=(None, "x" * 200),
    target="a mail to ü",
    action={"type": "email", "to": ["a@example.org"], "text": "x" * 70_000},
    notification={"lines": [{"message": "𝄞"}], "value": 0.1},
    attempts=[{"at_us": 2**53 + 1, "error": "%s"}],
    made_us=2**53 + 1,
)


async def test_nothing_at_first(kept: Kept) -> None:
    history = kept.history
    found = [
        *await history.alerts(),
        *await history.events(None, None, 9),
        *await history.deliveries(None, (), None, 9),
    ]
    assert found == []
    assert await history.forget(2**60) == 0
    with pytest.raises(NotFound, match="there is no delivery 'nobody'"):
        await history.again("nobody")
    assert await kept.alerts.take(0, SHARDS) == Watched(epoch=1, clock_us=None, alerts=[], deliveries=[])


async def test_who_takes_a_shard_gets_what_was_left_of_it(kept: Kept, open_kept: Open) -> None:
    mine = await kept.alerts.take(0, SHARDS)
    theirs = await kept.alerts.take(1, SHARDS)
    other = delivery_of("other", ONE)
    await kept.alerts.record(1, theirs.epoch, 5, [alert_of(ONE)], (), [event_of("of another", ONE)], [other])
    await kept.alerts.record(0, mine.epoch, 2**53 + 1, [_FULL_ALERT], (), [_FULL_EVENT], [_FULL_DELIVERY])
    await kept.alerts.record(0, mine.epoch, None)
    others = await open_kept()
    left = await others.alerts.take(0, SHARDS)
    assert (left.epoch, left.clock_us) == (mine.epoch + 1, 2**53 + 1)
    assert (list(left.alerts), list(left.deliveries)) == ([_FULL_ALERT], [_FULL_DELIVERY])
    assert list(await others.history.alerts()) == [_FULL_ALERT, alert_of(ONE)]
    assert [event for _, event in await others.history.events(ZERO, None, 9)] == [_FULL_EVENT]
    assert [one for _, one in await others.history.deliveries(None, ("waiting",), None, 9)] == [_FULL_DELIVERY, other]
    left = await others.alerts.take(1, SHARDS)
    assert (left.clock_us, list(left.alerts), list(left.deliveries)) == (5, [alert_of(ONE)], [other])


async def test_who_was_overtaken_changes_nothing(kept: Kept, open_kept: Open) -> None:
    mine = await kept.alerts.take(0, SHARDS)
    await kept.alerts.record(0, mine.epoch, 1, [alert_of()], (), [event_of("mine")], [delivery_of("mine")])
    others = await open_kept()
    theirs = await others.alerts.take(0, SHARDS)
    changed = [alert_of(value=9.0), alert_of(group=("new",))]
    with pytest.raises(Conflict, match=f"shard 0 .*its epoch is {theirs.epoch}, not {mine.epoch}"):
        await kept.alerts.record(0, mine.epoch, 9, changed, [(ZERO, ())], [event_of("late")], [delivery_of("late")])
    with pytest.raises(Conflict, match=r"shard 3 .*its epoch is None, not 1"):
        await kept.alerts.record(3, 1, 9)
    left = await others.alerts.take(0, SHARDS)
    assert (left.clock_us, list(left.alerts), list(left.deliveries)) == (1, [alert_of()], [delivery_of("mine")])
    assert [event.what for _, event in await others.history.events(None, None, 9)] == ["mine"]


@pytest.mark.parametrize("shards", [1, 3, 8])
async def test_shards_can_be_more_or_fewer(kept: Kept, shards: int) -> None:
    rules = [rule_in(shard) for shard in range(SHARDS)]
    before = [await kept.alerts.take(shard, SHARDS) for shard in range(SHARDS)]
    for shard, rule_id in enumerate(rules):
        await kept.alerts.record(shard, before[shard].epoch, 10 + shard, [alert_of(rule_id)], (), (), [])
    found = [await kept.alerts.take(shard, shards) for shard in range(shards)]
    assert {one.clock_us for one in found} == {10}
    for shard in range(shards):
        assert {one.rule_id for one in found[shard].alerts} == {one for one in rules if shard_of(one, shards) == shard}
    # Whoever shared them as before has nothing any more.
    for shard in range(SHARDS):
        with pytest.raises(Conflict):
            await kept.alerts.record(shard, before[shard].epoch, 99)
    again = [await kept.alerts.take(shard, SHARDS) for shard in range(SHARDS)]
    assert [one.alerts[0].rule_id for one in again] == rules
    for shard, one in enumerate(found):
        with pytest.raises(Conflict):
            await kept.alerts.record(shard, one.epoch, 99)


async def test_alerts_are_replaced_and_forgotten_by_rule_and_group(kept: Kept) -> None:
    groups = [(), ("",), (None,), ("a", None), (None, "a"), ("null",), ("ü" * 200, "𝄞" * 200, "ss"), ("ß",), ("ss",)]
    epoch = (await kept.alerts.take(0, SHARDS)).epoch
    same = rule_in(0, start=1)
    await kept.alerts.record(
        0, epoch, 1, [alert_of(rule_id, group=group) for group in groups for rule_id in (ZERO, same)]
    )
    assert {one.group for one in await kept.history.alerts() if one.rule_id == ZERO} == set(groups)
    await kept.alerts.record(0, epoch, 2, [alert_of(group=(None,), value=2.0)], [(ZERO, ("",)), (ZERO, ("no such",))])
    found = {one.group: one.value for one in await kept.history.alerts() if one.rule_id == ZERO}
    assert found == {group: 2.0 if group == (None,) else 1.0 for group in groups if group != ("",)}
    assert len([one for one in await kept.history.alerts() if one.rule_id == same]) == len(groups)
    # Twice in one call: the last one counts.
    await kept.alerts.record(
        0, epoch, 3, [alert_of(value=7.0), alert_of(value=8.0)], [(ZERO, group) for group in groups]
    )
    assert [one.value for one in await kept.history.alerts() if one.rule_id == ZERO] == [8.0]


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 0.0, 1e300, 5e-324])
async def test_any_value_is_kept(kept: Kept, value: float) -> None:
    epoch = (await kept.alerts.take(0, SHARDS)).epoch
    event = msgspec.structs.replace(_FULL_EVENT, value=value)
    await kept.alerts.record(0, epoch, 1, [msgspec.structs.replace(_FULL_ALERT, value=value)], (), [event])
    (found,), ((_, happened),) = await kept.history.alerts(), await kept.history.events(None, None, 9)
    for one in (found.value, happened.value):
        assert one == value or (one is not None and math.isnan(one) and math.isnan(value))
    assert msgspec.structs.replace(found, value=1.0) == msgspec.structs.replace(_FULL_ALERT, value=1.0)
    assert msgspec.structs.replace(happened, value=1.0) == msgspec.structs.replace(event, value=1.0)


async def test_those_that_fired_last_come_first(kept: Kept) -> None:
    epoch = (await kept.alerts.take(0, SHARDS)).epoch
    wanted = [
        alert_of(group=("d",), stage=AlertStage.RESOLVED, fired_us=9, since_us=1),
        alert_of(group=("c",), stage=AlertStage.FIRING, fired_us=8, since_us=7),
        alert_of(group=("a",), since_us=99),
        alert_of(group=("b",), since_us=98),
    ]
    await kept.alerts.record(0, epoch, 1, [wanted[2], wanted[0], wanted[3], wanted[1]])
    assert list(await kept.history.alerts()) == wanted


async def test_what_is_settled_stays_so(kept: Kept, open_kept: Open) -> None:
    epoch = (await kept.alerts.take(0, SHARDS)).epoch
    names = ["waits", "done", "refused"]
    await kept.alerts.record(0, epoch, 1, (), (), (), [delivery_of(name) for name in names])
    numbers = {one.id: number for number, one in await kept.history.deliveries(None, (), None, 9)}
    done = delivery_of("done", status="delivered", attempts=[{"result": "delivered"}], settled_us=5)
    refused = delivery_of("refused", status="refused", settled_us=6)
    unknown = delivery_of("unknown", ONE, status="failed", settled_us=7)
    others = await open_kept()  # whoever has its shard
    for one in (done, refused, unknown):
        await others.alerts.settle(one)
    new = [delivery_of(name, target="new") for name in (*names, "new")]
    await kept.alerts.record(0, epoch, 2, (), (), (), new)
    found = dict(await kept.history.deliveries(None, (), None, 9))
    assert found[numbers["waits"]] == new[0]
    assert (found[numbers["done"]], found[numbers["refused"]]) == (done, refused)
    assert [one.id for _, one in await kept.history.deliveries(ZERO, ("delivered", "waiting"), None, 9)] == [
        "new", "done", "waits"
    ]  # fmt: skip
    assert [one for _, one in await kept.history.deliveries(None, ("refused", "failed"), None, 9)] == [unknown, refused]
    assert list((await others.alerts.take(0, SHARDS)).deliveries) == [new[0], new[3]]


async def test_what_was_delivered_stays_so(kept: Kept) -> None:
    states = {name: delivery_of("a", status=name, settled_us=number) for number, name in enumerate(_STATUSES)}
    for before in states.values():
        for after in states.values():
            name = f"{before.status} {after.status}"
            await kept.alerts.settle(msgspec.structs.replace(before, id=name))
            await kept.alerts.settle(msgspec.structs.replace(after, id=name))
    stay = {"waiting": (), "delivered": _STATUSES, "refused": ("waiting",), "failed": ("waiting",)}
    found = await kept.history.deliveries(None, (), None, 99)
    assert len(found) == len(_STATUSES) ** 2
    for _, one in found:
        before_, after_ = one.id.split()
        assert one.status == (before_ if after_ in stay[before_] else after_), one.id


async def test_a_dead_letter_waits_again(kept: Kept, open_kept: Open) -> None:
    for status in _STATUSES:
        await kept.alerts.settle(delivery_of(status, status=status, attempts=[{"error": "x"}], settled_us=5))
    for status in ("waiting", "delivered"):
        with pytest.raises(Conflict, match=f"the delivery '{status}' is {status}"):
            await kept.history.again(status)
    for status in ("refused", "failed"):
        waits = await kept.history.again(status)
        assert waits == delivery_of(status, attempts=[{"error": "x"}])
        with pytest.raises(Conflict, match="is waiting"):
            await kept.history.again(status)
    others = await open_kept()
    left = await others.alerts.take(0, SHARDS)
    assert [one.id for one in left.deliveries] == ["waiting", "refused", "failed"]


async def _pages(asked: Callable[[int | None], Awaitable[Sequence[tuple[int, object]]]]) -> list[object]:
    found: list[object] = []
    before = None
    while page := await asked(before):
        numbers = [number for number, _ in page]
        assert numbers == sorted(set(numbers), reverse=True)
        assert before is None or numbers[0] < before
        found += [one for _, one in page]
        before = numbers[-1]
    return found


@pytest.mark.parametrize("limit", [1, 3, 100])
async def test_pages_by_number(kept: Kept, limit: int) -> None:
    epoch = (await kept.alerts.take(0, SHARDS)).epoch
    events = [event_of(str(number), (ZERO, ONE)[number % 2]) for number in range(10)]
    deliveries = [delivery_of(str(number), (ZERO, ONE)[number % 2]) for number in range(10)]
    await kept.alerts.record(0, epoch, 1, (), (), events[:5], deliveries[:5])
    await kept.history.add(events[5])
    await kept.alerts.record(0, epoch, 1, (), (), events[6:], deliveries[5:])
    history = kept.history
    assert await _pages(lambda before: history.events(None, before, limit)) == events[::-1]
    assert await _pages(lambda before: history.events(ONE, before, limit)) == events[::-2]
    assert await _pages(lambda before: history.deliveries(None, (), before, limit)) == deliveries[::-1]
    assert await _pages(lambda before: history.deliveries(ONE, ("waiting",), before, limit)) == deliveries[::-2]
    assert list(await history.events(None, None, 0)) == []


async def test_the_past_is_forgotten(kept: Kept) -> None:
    epoch = (await kept.alerts.take(0, SHARDS)).epoch
    events = [event_of(str(number), at_us=number) for number in range(2_500)]
    done = [delivery_of(str(number), status="delivered", made_us=number) for number in range(2_500)]
    await kept.alerts.record(0, epoch, 1, [alert_of()], (), events, [delivery_of("waits"), *done])
    newest = (await kept.history.events(None, None, 1))[0][0]
    assert await kept.history.forget(2_400) == 4_800
    assert await kept.history.forget(2_400) == 0
    assert [event.at_us for _, event in await kept.history.events(None, None, 999)] == [*range(2_499, 2_399, -1)]
    left = [one.id for _, one in await kept.history.deliveries(None, (), None, 999)]
    assert left == [*map(str, range(2_499, 2_399, -1)), "waits"]
    assert len(await kept.history.alerts()) == 1
    # No number is used again.
    assert await kept.history.forget(2**60) == 200
    await kept.history.add(event_of("new"))
    assert (await kept.history.events(None, None, 1))[0][0] == newest + 1


async def test_what_is_damaged_is_left_out(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "catalog.db"
    kept = await at_once(path)
    epoch = (await kept.alerts.take(0, SHARDS)).epoch
    events = [event_of(str(number)) for number in range(6)]
    alerts = [alert_of(group=("a",)), alert_of(group=("b",))]
    await kept.alerts.record(0, epoch, 1, alerts, (), events, [delivery_of(str(number)) for number in range(6)])
    with closing(sqlite3.connect(path)) as db, db:
        for table in ("alert_events", "alert_deliveries"):
            db.execute(f"UPDATE {table} SET body = '{{}}' WHERE number IN (2, 5)")
        db.execute("UPDATE alerts SET body = replace(body, 'pending', 'nonsense') WHERE body LIKE '%\"b\"%'")
    assert list(await kept.history.alerts()) == alerts[:1]
    assert list((await kept.alerts.take(0, SHARDS)).alerts) == alerts[:1]
    # Pages are full all the same.
    assert [event.what for _, event in await kept.history.events(None, None, 3)] == ["5", "3", "2"]
    assert [one.id for _, one in await kept.history.deliveries(None, (), None, 4)] == ["5", "3", "2", "0"]
    assert "the event 5 of alerts is damaged" in caplog.text
    assert "the delivery 2 of alerts is damaged" in caplog.text
    await kept.alerts.close()
