"""The bounded channel: order, backpressure by arithmetic, and its end."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator

import pytest

from logd.flow.channel import Channel, Closed
from logd.flow.stage import Stage


def channel_of(capacity: int) -> Channel[int]:
    """A channel for so many."""
    return Channel(Stage("test.channel", capacity, "items"))


async def settle() -> None:
    """Until every task waits for another, or for nothing that comes."""
    for _ in range(500):
        await asyncio.sleep(0)


async def relay(source: AsyncIterator[int], target: Channel[int]) -> None:
    """A stage: passes on what it gets, and then that nothing more comes."""
    async for item in source:
        await target.put(item)
    await target.close()


async def test_first_in_first_out() -> None:
    channel = channel_of(100)
    for item in range(100):
        await channel.put(item)
    await channel.close()
    assert [item async for item in channel] == list(range(100))


@pytest.mark.parametrize("capacity", [0, -1])
def test_a_capacity_is_at_least_one(capacity: int) -> None:
    with pytest.raises(ValueError, match=str(capacity)):
        channel_of(capacity)


class TestBackpressure:
    @pytest.mark.parametrize("capacities", [[1], [3], [1, 1], [2, 5], [1, 4, 2, 1]])
    async def test_a_stuck_pipeline_has_accepted_its_capacities_and_one_a_stage(self, capacities: list[int]) -> None:
        channels = [channel_of(capacity) for capacity in capacities]
        accepted: list[int] = []

        async def produce() -> None:
            for item in itertools.count():
                await channels[0].put(item)
                accepted.append(item)

        async with asyncio.TaskGroup() as tasks:
            producer = tasks.create_task(produce(), name="produce")
            stages = [tasks.create_task(relay(*pair), name="relay") for pair in itertools.pairwise(channels)]
            await settle()
            room = sum(capacities) + len(stages)
            assert len(accepted) == room
            assert [channel.stage.held for channel in channels] == capacities
            for taken in range(10):
                assert await anext(channels[-1]) == taken
                await settle()
                assert len(accepted) == room + taken + 1
            producer.cancel()
            await channels[0].close()
            # The producer's last item was never accepted, so it isn't there.
            assert [item async for item in channels[-1]] == list(range(10, room + 10))
        assert all(stage.done() for stage in stages)

    async def test_waiting_is_measured_only_when_it_is_full(self) -> None:
        channel = channel_of(1)
        await channel.put(1)
        assert channel.stage.blocked_seconds == 0.0
        put = asyncio.create_task(channel.put(2))
        await settle()
        assert await anext(channel) == 1
        await put
        assert channel.stage.blocked_seconds > 0.0

    async def test_many_senders_and_receivers_lose_and_double_nothing(self) -> None:
        channel = channel_of(3)
        received: list[int] = []

        async def send(start: int) -> None:
            for item in range(start, start + 50):
                await channel.put(item)

        async def receive() -> None:
            async for item in channel:
                received.append(item)
                await asyncio.sleep(0)

        async with asyncio.TaskGroup() as receivers:
            for _ in range(3):
                receivers.create_task(receive(), name="receive")
            async with asyncio.TaskGroup() as senders:
                for start in range(0, 250, 50):
                    senders.create_task(send(start), name="send")
            await channel.close()
        assert sorted(received) == list(range(250))

    async def test_a_cancelled_put_leaves_nothing(self) -> None:
        channel = channel_of(1)
        await channel.put(1)
        waiting = [asyncio.create_task(channel.put(item)) for item in (2, 3)]
        await settle()
        waiting[0].cancel()
        assert await anext(channel) == 1
        await waiting[1]
        await channel.close()
        assert [item async for item in channel] == [3]
        assert waiting[0].cancelled()

    async def test_a_cancelled_receiver_takes_nothing(self) -> None:
        channel = channel_of(1)
        receivers = [asyncio.ensure_future(anext(channel)) for _ in range(2)]
        await settle()
        receivers[0].cancel()
        await channel.put(1)
        assert await receivers[1] == 1


class TestClose:
    async def test_what_is_held_is_still_received(self) -> None:
        channel = channel_of(2)
        await channel.put(1)
        await channel.put(2)
        await channel.close()
        await channel.close()
        assert [item async for item in channel] == [1, 2]
        assert [item async for item in channel] == []

    async def test_nothing_can_be_put_any_more(self) -> None:
        channel = channel_of(2)
        await channel.close()
        with pytest.raises(Closed):
            await channel.put(1)

    async def test_a_waiting_sender_is_told(self) -> None:
        channel = channel_of(1)
        await channel.put(1)
        put = asyncio.create_task(channel.put(2))
        await settle()
        await channel.close()
        with pytest.raises(Closed):
            await put
        assert [item async for item in channel] == [1]

    async def test_waiting_receivers_end(self) -> None:
        channel = channel_of(1)

        async def receive() -> list[int]:
            return [item async for item in channel]

        receivers = [asyncio.create_task(receive()) for _ in range(3)]
        await settle()
        await channel.close()
        assert await asyncio.gather(*receivers) == [[], [], []]
