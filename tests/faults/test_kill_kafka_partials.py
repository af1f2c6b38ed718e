"""The broker dies under alerters that share what they count: they are told, and go on when it is back."""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path

import pytest

from logd.backends.transport import kafka_producer, kafka_reader
from logd.errors import Unavailable
from tests.services import running
from tests.support.partials import KafkaTopic, Taker, again, opened, pages_of, together, values_of
from tests.support.transports import KAFKA_VARIABLE

pytestmark = [pytest.mark.servers("kafka"), pytest.mark.timeout(600)]


async def test_the_only_broker_is_killed_and_comes_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kafka_producer, "APPEND_SECONDS", 2.0)
    monkeypatch.setattr(kafka_reader, "SILENT_SECONDS", 5.0)
    with running("kafka", tmp_path / "kafka") as broker:
        monkeypatch.setenv(KAFKA_VARIABLE, broker.url)
        topic = KafkaTopic(tmp_path)
        async with opened(topic) as first, opened(topic) as second:
            one, two = Taker(first), Taker(second)
            kept = pages_of(first, range(100))
            await first.publish(kept)
            await together([one, two], lambda: len(one.caught_up) == len(two.caught_up) == 2)
            for turn in range(2):
                broker.kill()
                with pytest.raises(Unavailable):
                    await first.publish(pages_of(first, range(10), f"perhaps {turn}"))
                for taker in (one, two):
                    with pytest.raises(Unavailable):
                        await taker.until(lambda: False)
                with pytest.raises(Unavailable):
                    await second.read(lambda _: True)
                broker.start()
                changed = pages_of(first, range(10), f"changed {turn}")
                await again(partial(first.publish, changed))
                expected = values_of(kept + changed)
                await _until(one, two, expected)
                assert one.ours | two.ours == set(range(4))
                assert values_of(await second.read(lambda _: True)) == expected
            broker.kill()


async def _until(one: Taker, two: Taker, expected: dict[bytes, bytes]) -> None:
    async def take(taker: Taker) -> None:
        while one.last() | two.last() != expected or one.ours & two.ours:
            await again(taker.take)

    async with asyncio.timeout(120):
        await asyncio.gather(take(one), take(two))
