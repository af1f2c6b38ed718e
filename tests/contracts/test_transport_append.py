"""What every transport guarantees about an append: whole, durable, in order, and harmless to others."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest

from logd.chunk import Envelope
from logd.errors import Unavailable
from logd.seams import DEAD_LETTERS, RAW_LOGS, Appended, Transport
from tests.support.transports import STORES, A, Store, held, plain, rest, sent, texts


class TestAppend:
    async def test_messages_come_as_they_were_sent_in_order(self, transport: Transport) -> None:
        headers = {"service": "käse", "x": '"\\\n', "empty": ""}
        values = [b"", b"\x00\xff" * 10, bytes(range(256)), b"x" * 900_000]
        for value in values:
            assert await transport.append(RAW_LOGS, [Envelope("key ü", headers, value)]) == Appended(1, 0)
        messages = await rest(await transport.consume(RAW_LOGS, "g"))
        assert [message.value for message in messages] == values
        assert {message.key for message in messages} == {"key ü"}
        assert all(message.headers == headers for message in messages)
        assert [message.position for message in messages] == sorted({message.position for message in messages})

    async def test_nothing_is_appended_by_an_empty_append(self, transport: Transport) -> None:
        assert await transport.append(RAW_LOGS, []) == Appended(0, 0)
        assert await held(transport) == []

    @pytest.mark.only("sqlite", reason="Kafka's partitions are appended to one by one, and batches of senders mix")
    async def test_the_messages_of_an_append_stay_together(self, transport: Transport) -> None:
        batches = [[f"{number}.{part}" for part in range(7)] for number in range(40)]
        await asyncio.gather(*(transport.append(RAW_LOGS, plain(*batch)) for batch in batches))
        found = await held(transport)
        together = [found[start : start + 7] for start in range(0, len(found), 7)]
        assert sorted(together) == sorted(batches)

    async def test_topics_are_apart(self, transport: Transport) -> None:
        await transport.append(RAW_LOGS, [sent(A, 0, 10, "raw")])
        assert await transport.append(DEAD_LETTERS, [sent(A, 0, 10, "dead")]) == Appended(1, 0)
        assert await held(transport) == ["raw"]
        assert await held(transport, DEAD_LETTERS) == ["dead"]

    @pytest.mark.only("sqlite", reason="Kafka has what was accepted on several brokers instead of on one disk")
    async def test_what_was_appended_survives_a_power_cut(self, store: Store, transport: Transport) -> None:
        for number in range(20):
            await transport.append(RAW_LOGS, [sent(A, number, number + 1, f"{number}")])
            left = await store.after_power_cut()
            try:
                assert await held(left) == [f"{n}" for n in range(number + 1)]
                assert await left.append(RAW_LOGS, [sent(A, number, number + 1)]) == Appended(0, 1)
            finally:
                await left.close()

    def test_what_was_appended_survives_the_process(self, kind: str, store: Store, tmp_path: Path) -> None:
        code = f"from {__name__} import die_after_append; die_after_append({kind!r}, {str(tmp_path)!r})"
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 7, done.stderr

        async def look() -> list[str]:
            transport = await store.open()
            try:
                return await held(transport)
            finally:
                await transport.close()

        assert asyncio.run(look()) == ["first", "second", "third"]

    async def test_what_a_source_sends_again_is_there(self, transport: Transport) -> None:
        """Once, or twice with the same ids, which the index leaves out."""
        for _ in range(2):
            appended = await transport.append(RAW_LOGS, [sent(A, 0, 10)])
            assert appended.stored + appended.duplicates == 1
        assert set(await held(transport)) == {"a0-10"}

    async def test_after_close_it_is_unavailable(self, store: Store) -> None:
        transport = await store.open()
        await transport.append(RAW_LOGS, plain("a"))
        consumer = await transport.consume(RAW_LOGS, "g")
        await transport.close()
        await transport.close()
        with pytest.raises(Unavailable):
            await transport.append(RAW_LOGS, plain("b"))
        with pytest.raises(Unavailable):
            await consumer.commit({0: 2})
        with pytest.raises(Unavailable):
            await transport.consume(RAW_LOGS, "new")

    async def test_close_finishes_the_appends_under_way(self, store: Store) -> None:
        transport = await store.open()
        appends = [asyncio.create_task(transport.append(RAW_LOGS, plain(f"{n}"))) for n in range(50)]
        await asyncio.sleep(0)  # each has put its work
        await transport.close()
        assert await asyncio.gather(*appends) == [Appended(1, 0)] * 50
        again = await store.open()
        try:
            assert sorted(await held(again)) == sorted(f"{n}" for n in range(50))
        finally:
            await again.close()

    @pytest.mark.only("sqlite", reason="Kafka stores records, not appends: a part may be stored")
    async def test_a_cancelled_append_is_stored_whole_or_not_at_all(self, transport: Transport) -> None:
        append = asyncio.create_task(transport.append(RAW_LOGS, plain("a", "b")))
        await asyncio.sleep(0)
        append.cancel()
        with pytest.raises(asyncio.CancelledError):
            await append
        await transport.append(RAW_LOGS, plain("c"))
        assert await held(transport) in (["c"], ["a", "b", "c"])

    async def test_one_beside_it_that_cannot_be_stored_hides_it_from_no_reader(self, transport: Transport) -> None:
        consumer = await transport.consume(RAW_LOGS, "g")
        appends = [plain("a"), plain("x", service="\ud800")]
        await asyncio.gather(*(transport.append(RAW_LOGS, one) for one in appends), return_exceptions=True)
        assert texts(await consumer.fetch(100, 60)) == ["a"]

    async def test_one_that_cannot_be_stored_harms_no_other(self, transport: Transport) -> None:
        appends = [plain("a"), plain("x", service="\ud800"), plain("b")]
        results = await asyncio.gather(*(transport.append(RAW_LOGS, one) for one in appends), return_exceptions=True)
        assert results[0] == results[-1] == Appended(1, 0)
        assert isinstance(results[1], Exception)
        await transport.append(RAW_LOGS, plain("c"))
        assert sorted(await held(transport)) == ["a", "b", "c"]


def die_after_append(kind: str, folder: str) -> None:
    """In a process of its own: appends, and is gone without a goodbye as soon as the appends have returned."""

    async def run() -> None:
        transport = await STORES[kind](Path(folder)).open()
        await transport.append(RAW_LOGS, [sent(A, 0, 10, "first")])
        await transport.append(RAW_LOGS, plain("second", "third"))
        os._exit(7)

    asyncio.run(run())
