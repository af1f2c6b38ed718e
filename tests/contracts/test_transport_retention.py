"""What a transport of our own guarantees about how much it holds: the slowest group is waited for, dead letters are
trimmed, and the ledger says what became of everything."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import pytest
from prometheus_client import REGISTRY

from logd.config.schema import Transport as Limits
from logd.errors import Unavailable
from logd.seams import DEAD_LETTERS, RAW_LOGS, Appended, Consumer, Transport
from tests.support.transports import A, B, Clock, Store, held, past, plain, rest, sent, texts

pytestmark = pytest.mark.only("sqlite", reason="Kafka's retention is the brokers', and waits for nobody")
DAY = 86_400.0
Opened = Callable[..., AbstractAsyncContextManager[Transport]]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def opened(store: Store, clock: Clock) -> Opened:
    """Opens the store's transport with limits, and closes it."""

    @asynccontextmanager
    async def opening(**limits: Any) -> AsyncIterator[Transport]:
        transport = await store.open(Limits(**limits), clock)
        try:
            yield transport
        finally:
            await transport.close()

    return opening


async def done(consumer: Consumer) -> list[str]:
    """Takes and commits everything."""
    messages = await rest(consumer)
    if messages:
        await consumer.commit(past(messages[-1]))
    return texts(messages)


async def tidied(transport: Transport, topic: str, messages: int) -> dict[str, Any]:
    """The topic's status once it holds so few: deletion comes between appends, and these are appends elsewhere."""
    async with asyncio.timeout(60):
        while True:
            status: dict[str, Any] = (await transport.status())[topic]
            if status["messages"] <= messages:
                return status
            await transport.append("elsewhere", plain("x"))


class TestFull:
    async def test_by_bytes_until_the_slowest_group_commits(self, opened: Opened) -> None:
        async with opened(max_bytes=1_000) as transport:
            fast, slow = await transport.consume(RAW_LOGS, "fast"), await transport.consume(RAW_LOGS, "slow")
            for _ in range(3):
                assert await transport.append(RAW_LOGS, plain("x" * 600, "y" * 500)) == Appended(2, 0)
                with pytest.raises(Unavailable, match=r"max_bytes = 1000.*'fast'|max_bytes = 1000.*'slow'"):
                    await transport.append(RAW_LOGS, plain("z"))
                await done(fast)
                with pytest.raises(Unavailable, match=r"raw-logs is full: 1100 bytes .*max_bytes = 1000") as refused:
                    await transport.append(RAW_LOGS, plain("z"))
                assert "logd transport forget slow" in str(refused.value)
                assert refused.value.retry_after_seconds >= 5
                assert await done(slow) == ["x" * 600, "y" * 500]
            assert await held(transport) == []

    async def test_by_age_of_what_the_slowest_group_has_not_taken(self, opened: Opened, clock: Clock) -> None:
        async with opened(max_age_seconds=7 * DAY) as transport:
            consumer = await transport.consume(RAW_LOGS, "slow")
            await transport.append(RAW_LOGS, plain("old"))
            clock.seconds += 4 * DAY
            await transport.append(RAW_LOGS, plain("newer"))
            clock.seconds += 3 * DAY + 1
            with pytest.raises(Unavailable, match=r"604801 s, over transport\.max_age_seconds = 604800.*'slow'"):
                await transport.append(RAW_LOGS, plain("refused"))
            messages = await rest(consumer)
            await consumer.commit(past(messages[0]))
            await transport.append(RAW_LOGS, plain("accepted"))
            assert await held(transport, group="slow") == ["newer", "accepted"]

    async def test_an_idle_topic_gets_no_older(self, opened: Opened, clock: Clock) -> None:
        async with opened(max_age_seconds=DAY) as transport:
            consumer = await transport.consume(RAW_LOGS, "g")
            for _ in range(3):
                await transport.append(RAW_LOGS, plain("a"))
                await done(consumer)
                clock.seconds += 2 * DAY

    async def test_a_limit_survives_reopening(self, opened: Opened) -> None:
        async with opened(max_bytes=10) as transport:
            consumer = await transport.consume(RAW_LOGS, "g")
            await transport.append(RAW_LOGS, plain("x" * 5, "x" * 5))
            await consumer.commit(past((await rest(consumer))[0]))
            await transport.append(RAW_LOGS, plain("x" * 6))
        async with opened(max_bytes=10) as transport:
            with pytest.raises(Unavailable, match="11 bytes"):
                await transport.append(RAW_LOGS, plain("y"))
        async with opened(max_bytes=11) as transport:
            await transport.append(RAW_LOGS, plain("y"))

    async def test_all_or_nothing(self, opened: Opened) -> None:
        async with opened(max_bytes=10) as transport:
            await transport.consume(RAW_LOGS, "g")
            await transport.append(RAW_LOGS, [sent(A, 0, 10, "x" * 11)])
            with pytest.raises(Unavailable):
                await transport.append(RAW_LOGS, [sent(A, 0, 10), sent(B, 0, 10), *plain("y")])
            assert await held(transport) == ["x" * 11]
            assert await transport.append(RAW_LOGS, [sent(A, 0, 10)]) == Appended(0, 1), "nothing of it is stored"
            await done(await transport.consume(RAW_LOGS, "g"))
            await done(await transport.consume(RAW_LOGS, "all"))
            assert await transport.append(RAW_LOGS, [sent(B, 0, 10)]) == Appended(1, 0)

    async def test_one_that_is_refused_harms_no_append_beside_it(self, opened: Opened) -> None:
        async with opened(max_bytes=10) as transport:
            await transport.consume(RAW_LOGS, "g")
            await transport.append(RAW_LOGS, plain("x" * 11))
            full = [transport.append(RAW_LOGS, plain("z")) for _ in range(5)]
            letters = [transport.append(DEAD_LETTERS, plain("l")) for _ in range(5)]
            results = await asyncio.gather(*full, *letters, return_exceptions=True)
            assert [type(result) for result in results] == [Unavailable] * 5 + [Appended] * 5
            assert await held(transport) == ["x" * 11]
            assert (await transport.status())[DEAD_LETTERS]["messages"] == 5

    async def test_another_group_that_begins_at_the_oldest_counts(self, opened: Opened) -> None:
        async with opened(max_bytes=10) as transport:
            consumer = await transport.consume(RAW_LOGS, "g")
            await transport.append(RAW_LOGS, plain("a" * 4, "b" * 4))
            await consumer.commit(past((await rest(consumer))[0]))
            await transport.append(RAW_LOGS, plain("c" * 4))
            await transport.append(RAW_LOGS, plain("d" * 4))
            with pytest.raises(Unavailable, match="12 bytes"):
                await transport.append(RAW_LOGS, plain("e"))


class TestNobodyReads:
    async def test_the_oldest_go_by_bytes(self, opened: Opened) -> None:
        async with opened(max_bytes=1_000) as transport:
            for number in range(30):
                await transport.append(DEAD_LETTERS, plain(f"{number:0100}"))
            status = await tidied(transport, DEAD_LETTERS, 10)
            assert (status["messages"], status["bytes"]) == (10, 1_000)
            assert [int(text) for text in await held(transport, DEAD_LETTERS)] == list(range(20, 30))

    async def test_the_oldest_go_by_age(self, opened: Opened, clock: Clock) -> None:
        async with opened(max_age_seconds=DAY) as transport:
            for number in range(10):
                await transport.append(DEAD_LETTERS, plain(f"{number}"))
                clock.seconds += DAY / 4
            await tidied(transport, DEAD_LETTERS, 4)
            assert await held(transport, DEAD_LETTERS) == ["6", "7", "8", "9"]

    async def test_many_go_in_many_steps(self, opened: Opened) -> None:
        async with opened(max_bytes=1_000_000_000) as transport:
            await transport.append(DEAD_LETTERS, plain(*["x"] * 5_000))
        async with opened(max_bytes=1) as transport:
            status = await tidied(transport, DEAD_LETTERS, 1)
            assert status["ledger"]["expired_messages"] == 4_999


class TestBusy:
    async def test_deletion_keeps_up_with_appends_that_never_pause(self, opened: Opened) -> None:
        async with opened() as transport:
            consumer = await transport.consume(RAW_LOGS, "g")
            most = 0

            def append() -> asyncio.Task[Appended]:
                return asyncio.create_task(transport.append(RAW_LOGS, plain(*["x"] * 3_000)))

            waiting = [append() for _ in range(4)]
            for _ in range(25):  # several appends are always waiting
                await waiting.pop(0)
                waiting.append(append())
                await done(consumer)
                most = max(most, (await transport.status())[RAW_LOGS]["messages"])
            await asyncio.gather(*waiting)
            assert most < 10 * 3_000, "what is done is deleted meanwhile"


class TestLedger:
    async def test_says_what_became_of_everything(self, opened: Opened) -> None:
        async with opened(max_bytes=3) as transport:
            consumer = await transport.consume(RAW_LOGS, "g")
            await transport.append(RAW_LOGS, [sent(A, 0, 10, lines="10"), *plain("b", lines="5")])
            await done(consumer)
            await transport.append(RAW_LOGS, [sent(A, 0, 10, lines="10"), sent(A, 10, 11)])
            with pytest.raises(Unavailable):
                await transport.append(RAW_LOGS, plain("refused"))
            await transport.append(DEAD_LETTERS, plain("aa", "bb", "cc", lines="2"))
            await tidied(transport, DEAD_LETTERS, 1)
            await tidied(transport, RAW_LOGS, 1)
        async with opened() as transport:
            status = await transport.status()
        raw, letters = status[RAW_LOGS], status[DEAD_LETTERS]
        assert (raw["messages"], raw["lines"]) == (1, 1)
        assert raw["ledger"] == {
            "appended_messages": 3,
            "appended_lines": 16,
            "appended_bytes": len("a0-10") + 1 + len("a10-11"),
            "duplicate_messages": 1,
            "duplicate_lines": 10,
            "expired_messages": 0,
            "expired_lines": 0,
            "replayed_messages": 0,
            "replayed_lines": 0,
            "removed_messages": 0,
            "removed_lines": 0,
        }
        assert letters["ledger"]["appended_lines"] == 6
        assert (letters["ledger"]["expired_messages"], letters["ledger"]["expired_lines"]) == (2, 4)
        assert (letters["messages"], letters["lines"], letters["bytes"]) == (1, 2, 2)

    async def test_duplicates_are_in_the_metrics(self, opened: Opened) -> None:
        before = REGISTRY.get_sample_value("logd_transport_duplicates_total") or 0
        async with opened() as transport:
            await transport.append(RAW_LOGS, [sent(A, 0, 10)])
            await transport.append(RAW_LOGS, [sent(A, 0, 10)])
        assert REGISTRY.get_sample_value("logd_transport_duplicates_total") == before + 1


class TestSources:
    async def test_one_unseen_for_seven_days_is_forgotten(self, opened: Opened, clock: Clock) -> None:
        week = {"remember": "604800"}
        async with opened(max_age_seconds=300 * DAY) as transport:
            await transport.append(RAW_LOGS, [sent(A, 0, 10, **week), sent(B, 0, 10, remember="3600")])
            clock.seconds += 3_601
            assert await transport.append(RAW_LOGS, [sent(A, 0, 10, **week)]) == Appended(0, 1)
            assert await transport.append(RAW_LOGS, [sent(B, 0, 10, remember="3600")]) == Appended(1, 0), (
                "its time is over"
            )
            clock.seconds += 7 * DAY
            assert await transport.append(RAW_LOGS, [sent(A, 0, 10, **week)]) == Appended(1, 0)

    async def test_one_that_goes_on_is_remembered(self, opened: Opened, clock: Clock) -> None:
        async with opened(max_age_seconds=300 * DAY) as transport:
            for day in range(20):
                chunk = sent(A, day, day + 1, remember="604800")
                assert await transport.append(RAW_LOGS, [chunk]) == Appended(1, 0)
                assert await transport.append(RAW_LOGS, [chunk]) == Appended(0, 1)
                clock.seconds += DAY
            assert await transport.append(RAW_LOGS, [sent(A, 0, 1)]) == Appended(0, 1)

    async def test_one_whose_time_ran_out_while_nobody_served_it_has_an_hour(
        self, opened: Opened, clock: Clock
    ) -> None:
        async with opened() as transport:
            await transport.append(RAW_LOGS, [sent(A, 0, 10)])
        clock.seconds += DAY
        async with opened() as transport:
            assert await transport.append(RAW_LOGS, [sent(A, 0, 10)]) == Appended(0, 1)
            clock.seconds += 3_601
            assert await transport.append(RAW_LOGS, [sent(A, 0, 10)]) == Appended(1, 0)
