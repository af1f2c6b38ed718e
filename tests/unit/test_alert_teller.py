"""Deliveries come to their targets, and what became of each is in the catalog."""

from __future__ import annotations

import asyncio
import json
import logging
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import pytest

from logd.alerts.rules import Action
from logd.backends.cache.redis_pace import RedisPace
from logd.config.schema import Cache
from logd.seams import Delivery
from tests.support.process import PATIENCE_SECONDS, free_port
from tests.support.receivers import Receiver, answers
from tests.support.tellers import (
    CountedPace,
    Gate,
    HeldClock,
    SteppedClock,
    deliveries,
    eventually,
    opened,
    story,
    working,
)


def statuses(received: Receiver) -> list[str]:
    return [json.loads(one.body)["status"] for one in received.received]


def keys(received: Receiver) -> list[str]:
    return [one.headers["Idempotency-Key"] for one in received.received]


def tried(delivery: Delivery) -> list[tuple[str, int | None]]:
    return [(attempt["result"], attempt["status"]) for attempt in delivery.attempts]


async def test_what_was_recorded_is_delivered(tmp_path: Path) -> None:
    async with Receiver() as receiver, working(tmp_path) as desk:
        made = deliveries(receiver.url, "a", "b")
        await desk.record(made)
        desk.teller.hold(0, made)
        desk.teller.hold(0, made)
        found = await desk.settled(2)
        desk.teller.hold(0, made)
        assert desk.teller.waiting == 0
    assert [one.id for one in found] == [one.id for one in made]
    assert {one.status for one in found} == {"delivered"}
    assert all(one.settled_us is not None for one in found)
    assert [tried(one) for one in found] == [[("delivered", 204)]] * 2
    assert len(receiver.received) == 2
    assert sorted(json.loads(one.body)["group"]["service"] for one in receiver.received) == ["a", "b"]


async def test_each_attempt_is_kept(tmp_path: Path) -> None:
    async with Receiver(answers(500), answers(503, "later"), answers(200)) as receiver, working(tmp_path) as desk:
        made = deliveries(receiver.url, "a")
        desk.teller.hold(0, made)
        (found,) = await desk.settled(1)
    assert tried(found) == [("failed", 500), ("failed", 503), ("delivered", 200)]
    assert found.attempts[1]["error"] == "it answered 503: later"
    assert len(set(keys(receiver))) == 1


@pytest.mark.parametrize("status", [302, 404])
async def test_a_refusal_is_a_dead_letter(tmp_path: Path, status: int) -> None:
    async with Receiver(answers(status, Location="http://127.0.0.1:1/")) as receiver, working(tmp_path) as desk:
        desk.teller.hold(0, deliveries(receiver.url, "a"))
        (found,) = await desk.settled(1)
    assert (found.status, tried(found)) == ("refused", [("refused", status)])
    assert len(receiver.received) == 1


async def test_who_dies_between_record_and_delivery_is_followed_by_one_who_delivers(tmp_path: Path) -> None:
    async with Receiver() as receiver:
        made = deliveries(receiver.url, "a")
        async with opened(tmp_path) as desk:
            await desk.record(made)
        async with working(tmp_path) as desk:
            found = await desk.taken()
            assert [one.id for one in found] == [one.id for one in made]
            desk.teller.hold(0, found)
            await desk.settled(1)
            assert await desk.taken() == []
    assert len(receiver.received) == 1


async def test_who_is_stopped_during_an_attempt_leaves_the_rest(tmp_path: Path) -> None:
    receiver = Receiver()
    receiver.then(answers(500), receiver.hangs)
    async with receiver:
        async with working(tmp_path, grace_seconds=0.01) as desk:
            made = deliveries(receiver.url, "a")
            await desk.record(made)
            desk.teller.hold(0, made)
            await receiver.reached(2)

            async def noted() -> bool:
                return bool((await desk.kept("waiting"))[0].attempts)

            await eventually(noted)
        receiver.then(answers(200))
        async with working(tmp_path) as desk:
            desk.teller.hold(0, await desk.taken())
            (found,) = await desk.settled(1)
    assert tried(found) == [("failed", 500), ("delivered", 200)]
    assert len(set(keys(receiver))) == 1
    assert len(receiver.received) == 3


async def test_what_is_under_way_may_end_after_the_stop(tmp_path: Path) -> None:
    receiver = Receiver()
    receiver.then(receiver.hangs, answers(200))
    async with receiver:
        async with working(tmp_path, grace_seconds=PATIENCE_SECONDS) as desk:
            desk.teller.hold(0, deliveries(receiver.url, "a"))
            await receiver.reached(1)
            desk.stop.set()
            receiver.release()
        async with opened(tmp_path) as desk:
            (found,) = await desk.kept()
    assert found.status == "delivered"


async def test_an_end_never_overtakes_its_firing(tmp_path: Path) -> None:
    script = [answers(503), answers(500), answers(200), answers(503), answers(200)]
    async with Receiver(*script) as receiver, working(tmp_path) as desk:
        desk.teller.hold(0, list(reversed(story(receiver.url))))
        await desk.settled(2)
    assert statuses(receiver) == ["firing", "firing", "firing", "resolved", "resolved"]


async def test_groups_wait_for_one_another_only_where_they_share_messages(tmp_path: Path) -> None:
    receiver = Receiver()
    receiver.then(receiver.hangs)
    async with receiver, working(tmp_path, grace_seconds=0.01, concurrency=3) as desk:
        made = deliveries(receiver.url, *"abcdef", action=Action(type="alertmanager", url=receiver.url))
        desk.teller.hold(0, made)
        await receiver.reached(3)
        assert desk.teller.waiting == 3
        desk.teller.drop(0)
    assert receiver.most_at_once == 3
    assert len(receiver.received) == 3


async def test_a_target_that_hangs_keeps_no_other_waiting(tmp_path: Path) -> None:
    slow = Receiver()
    slow.then(slow.hangs)
    async with slow, Receiver() as quick, working(tmp_path, grace_seconds=0.01, concurrency=1) as desk:
        desk.teller.hold(0, [*deliveries(slow.url, *"abc"), *deliveries(quick.url, *"abc")])
        await desk.settled(3)
        assert desk.teller.waiting == 2
    assert len(quick.received) == 3
    assert len(slow.received) == 1


async def test_a_shard_that_went_away(tmp_path: Path) -> None:
    receiver = Receiver()
    receiver.then(receiver.hangs)
    async with receiver, working(tmp_path, concurrency=1) as desk:
        made = deliveries(receiver.url, *"abc")
        await desk.record(made)
        desk.teller.hold(0, made)
        await receiver.reached(1)
        desk.teller.drop(0)

        async def idle() -> bool:
            return not desk.teller.waiting

        await eventually(idle)
        found = await desk.kept()
        assert {one.status for one in found} == {"waiting"}
        # It comes back.
        receiver.then(answers(200))
        desk.teller.hold(0, await desk.taken())
        await desk.settled(3)
    assert len(receiver.received) == 4


async def test_what_became_of_it_is_kept_once_the_catalog_is_back(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with Receiver() as receiver, working(tmp_path) as desk:
        made = deliveries(receiver.url, "a")
        await desk.record(made)
        with closing(sqlite3.connect(tmp_path / "catalog.db", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            with caplog.at_level(logging.WARNING, "logd.alerts"):
                desk.teller.hold(0, made)

                async def failed() -> bool:
                    return "can't be kept yet" in caplog.text

                await eventually(failed)
            other.execute("ROLLBACK")
        (found,) = await desk.settled(1)
    assert found.status == "delivered"
    assert len(receiver.received) == 1


async def test_a_dead_letter_that_is_sent_again(tmp_path: Path) -> None:
    async with Receiver(answers(404), answers(200)) as receiver, working(tmp_path) as desk:
        desk.teller.hold(0, deliveries(receiver.url, "a"))
        (found,) = await desk.settled(1)
        assert found.status == "refused"
        await desk.history.again(found.id)
        (found,) = await desk.settled(1)
    assert tried(found) == [("refused", 404), ("delivered", 200)]


async def test_what_is_too_much_waits_in_the_catalog(tmp_path: Path) -> None:
    async with Receiver() as receiver, working(tmp_path, most_held=3) as desk:
        made = deliveries(receiver.url, *map(str, range(20)))
        await desk.record(made)
        desk.teller.hold(0, made)
        assert desk.teller.waiting <= 3
        await desk.settled(20)
    assert sorted(keys(receiver)) == sorted(one.id.rpartition("-")[0] for one in made)


async def test_what_waits_in_the_catalog_is_not_overtaken(tmp_path: Path) -> None:
    async with Receiver() as receiver, working(tmp_path, most_held=2, concurrency=2) as desk:
        stories = [story(receiver.url, f"rule {n}") for n in range(10)]
        for part in (0, 1):
            made = [one[part] for one in stories]
            await desk.record(made)
            desk.teller.hold(0, made)
        await desk.settled(20)
    heard = [json.loads(one.body) for one in receiver.received]
    for n in range(10):
        assert [one["status"] for one in heard if one["rule"]["name"] == f"rule {n}"] == ["firing", "resolved"]


async def test_who_comes_after_what_had_no_room_waits_behind_it(tmp_path: Path) -> None:
    async with Receiver() as receiver, working(tmp_path, clock=HeldClock(), most_held=2) as desk:
        stories = [story(receiver.url, f"rule {n}") for n in range(3)]
        for part in (0, 1):
            made = [one[part] for one in stories]
            await desk.record(made)
            desk.teller.hold(0, made)
            assert (desk.teller.waiting + desk.teller.sending) == (2 if part == 0 else 0)
            await desk.settled(2)

            async def idle() -> bool:
                return not desk.teller.sending

            await eventually(idle)
    assert statuses(receiver) == ["firing", "firing"]


async def test_what_ends_during_a_look_is_not_delivered_again(tmp_path: Path) -> None:
    receiver, gate = Receiver(), Gate()
    receiver.then(receiver.hangs, answers(200))
    async with receiver, working(tmp_path, gate=gate) as desk:
        made = deliveries(receiver.url, "a")
        await desk.record(made)
        desk.teller.hold(0, made)
        await receiver.reached(1)
        async with asyncio.timeout(PATIENCE_SECONDS):
            await gate.reached.wait()
            receiver.release()
            await desk.settled(1)
            gate.reached.clear()
            gate.opened.set()
            await gate.reached.wait()
    assert len(receiver.received) == 2


async def test_who_has_too_much_keeps_no_other_waiting(tmp_path: Path) -> None:
    slow = Receiver()
    slow.then(slow.hangs)
    held: dict[str, Any] = {"clock": HeldClock(), "most_held": 2, "grace_seconds": 0.01}
    async with slow, Receiver() as quick, working(tmp_path, **held) as desk:
        for url, groups in ((slow.url, "abcdef"), (quick.url, "ab")):
            made = deliveries(url, *groups)
            await desk.record(made)
            desk.teller.hold(0, made)
        await desk.settled(2)
        assert desk.teller.waiting == 1
    assert len(quick.received) == 2


async def test_what_is_over_the_limit_waits_and_is_said_once(tmp_path: Path) -> None:
    pace = CountedPace()
    settings: dict[str, Any] = {"clock": SteppedClock(), "rate_per_minute": 6, "concurrency": 2}
    async with Receiver() as receiver, working(tmp_path, pace, **settings) as desk:
        made = [one for n in range(14) for one in deliveries(receiver.url, "a", name=f"rule {n}")]
        desk.teller.hold(0, made)
        found = await desk.settled(14)
        events = await desk.events()
    assert {one.status for one in found} == {"delivered"}
    turns = sorted(pace.turns)
    assert len(turns) == 14
    assert all(turns[n + 6] - turns[n] >= 60_000_000 for n in range(8))
    assert [(event.what, event.why.split(" has had ")[1]) for event in events] == [
        ("limited", "6 messages within a minute: others wait")
    ]


async def test_who_is_stopped_while_a_target_has_had_enough_leaves_the_rest(tmp_path: Path) -> None:
    pace = CountedPace()
    async with Receiver() as receiver:
        async with working(
            tmp_path, pace, clock=HeldClock(), rate_per_minute=1, grace_seconds=PATIENCE_SECONDS
        ) as desk:
            made = deliveries(receiver.url, "a", "b")
            await desk.record(made)
            desk.teller.hold(0, made)
            async with asyncio.timeout(PATIENCE_SECONDS):
                await pace.refused.wait()
        async with opened(tmp_path) as desk:
            assert [one.status for one in await desk.kept()] == ["delivered", "waiting"]
    assert len(receiver.received) == 1


async def test_without_the_shared_pace_each_has_its_own(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    pace = RedisPace(Cache(type="redis", url=f"redis://127.0.0.1:{free_port()}/0"), "")
    with caplog.at_level(logging.WARNING, "logd.alerts"):
        async with Receiver() as receiver, working(tmp_path, pace) as desk:
            desk.teller.hold(0, deliveries(receiver.url, *"abcdef"))
            found = await desk.settled(6)
            await pace.close()
    assert {one.status for one in found} == {"delivered"}
    assert [record.message for record in caplog.records if "this process's own" in record.message] == [
        caplog.records[0].message
    ]


async def test_damaged_rows(tmp_path: Path) -> None:
    async with Receiver() as receiver, working(tmp_path) as desk:
        first, second, third = deliveries(receiver.url, *"abc")
        desk.teller.hold(0, [msgspec.structs.replace(first, notification={"rule": 1})])
        desk.teller.hold(0, [msgspec.structs.replace(second, action={"type": "carrier pigeon"})])
        desk.teller.hold(0, [msgspec.structs.replace(third, status="refused")])
        (found,) = await desk.settled(1)
        assert desk.teller.waiting == 0
    assert found.status == "refused"
    assert found.attempts[0]["error"].startswith("the notification is damaged: ")
    assert receiver.received == []
