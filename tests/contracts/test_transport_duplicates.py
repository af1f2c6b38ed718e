"""What a transport guarantees that knows what each source has sent: a resend is left out, and counted.

Kafka knows no sources. There a resend is stored again, with the same source-id and offset, so with the same log_ids, of
which the index keeps one; test_transport_append.py has what is common to both.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from logd.chunk import Envelope
from logd.errors import Conflict
from logd.seams import RAW_LOGS, Appended, Transport
from tests.support.transports import A, B, SqliteStore, Store, held, past, plain, rest, sent

pytestmark = pytest.mark.only("sqlite", reason="Kafka knows no sources: the index leaves resends out")
EXAMPLES = 600 if os.environ.get("TEST_LONG") else 60


class TestDuplicates:
    async def test_a_resend_is_left_out_and_counted(self, transport: Transport) -> None:
        first = [sent(A, 0, 10), sent(A, 10, 20), sent(B, 0, 5)]
        assert await transport.append(RAW_LOGS, first) == Appended(3, 0)
        assert await transport.append(RAW_LOGS, first) == Appended(0, 3)
        assert await transport.append(RAW_LOGS, [sent(A, 10, 20), sent(A, 20, 30)]) == Appended(1, 1)
        assert await held(transport) == ["a0-10", "a10-20", "b0-5", "a20-30"]

    async def test_within_one_append(self, transport: Transport) -> None:
        assert await transport.append(RAW_LOGS, [sent(A, 0, 10), sent(A, 0, 10), sent(A, 10, 11)]) == Appended(2, 1)
        assert await held(transport) == ["a0-10", "a10-11"]

    async def test_in_appends_that_share_a_commit(self, transport: Transport) -> None:
        results = await asyncio.gather(*(transport.append(RAW_LOGS, [sent(A, 0, 10)]) for _ in range(20)))
        assert sum(result.stored for result in results) == 1
        assert sum(result.duplicates for result in results) == 19

    async def test_after_reopening(self, store: Store) -> None:
        for expected in (Appended(1, 0), Appended(0, 1), Appended(0, 1)):
            transport = await store.open()
            assert await transport.append(RAW_LOGS, [sent(A, 0, 10)]) == expected
            await transport.close()

    async def test_after_all_messages_were_consumed(self, transport: Transport) -> None:
        consumer = await transport.consume(RAW_LOGS, "g")
        await transport.append(RAW_LOGS, [sent(A, 0, 10)])
        for _ in range(3):
            for message in await rest(consumer):
                await consumer.commit(past(message))
            assert await transport.append(RAW_LOGS, [sent(A, 0, 10)]) == Appended(0, 1)

    async def test_a_gap_is_no_conflict(self, transport: Transport) -> None:
        assert await transport.append(RAW_LOGS, [sent(A, 0, 10), sent(A, 50, 60)]) == Appended(2, 0)
        assert await transport.append(RAW_LOGS, [sent(A, 20, 40)]) == Appended(0, 1)

    @pytest.mark.parametrize("overlap", [(0, 11), (5, 15), (9, 30)])
    async def test_a_conflict_leaves_nothing(
        self, store: Store, transport: Transport, overlap: tuple[int, int]
    ) -> None:
        await transport.append(RAW_LOGS, [sent(A, 0, 10)])
        with pytest.raises(Conflict, match=A):
            await transport.append(RAW_LOGS, [*plain("before"), sent(B, 0, 5), sent(A, *overlap), *plain("after")])
        assert await held(transport) == ["a0-10"]
        assert await transport.append(RAW_LOGS, [sent(B, 0, 5), sent(A, 10, 20)]) == Appended(2, 0)

    async def test_a_conflict_within_one_append(self, transport: Transport) -> None:
        with pytest.raises(Conflict):
            await transport.append(RAW_LOGS, [sent(A, 0, 10), sent(A, 5, 15)])
        assert await transport.append(RAW_LOGS, [sent(A, 0, 7)]) == Appended(1, 0)

    async def test_a_conflict_harms_no_append_beside_it(self, transport: Transport) -> None:
        await transport.append(RAW_LOGS, [sent(A, 0, 10)])
        appends = [plain("a"), [sent(A, 5, 15)], plain("b")]
        results = await asyncio.gather(*(transport.append(RAW_LOGS, one) for one in appends), return_exceptions=True)
        assert [type(result) for result in results] == [Appended, Conflict, Appended]
        assert sorted(await held(transport)) == ["a", "a0-10", "b"]

    async def test_a_source_is_forgotten_when_its_time_is_over(self, transport: Transport) -> None:
        short = sent(A, 0, 10, remember="0")
        assert await transport.append(RAW_LOGS, [short]) == Appended(1, 0)
        assert await transport.append(RAW_LOGS, [short, sent(B, 0, 10)]) == Appended(2, 0)
        assert await transport.append(RAW_LOGS, [sent(B, 0, 10)]) == Appended(0, 1)

    async def test_the_last_chunk_says_how_long_a_source_is_remembered(self, transport: Transport) -> None:
        await transport.append(RAW_LOGS, [sent(A, 0, 10, remember="0"), sent(A, 10, 20)])
        assert await transport.append(RAW_LOGS, [sent(A, 0, 10)]) == Appended(0, 1)

    async def test_a_place_that_cannot_be_kept_harms_no_other(self, transport: Transport) -> None:
        bad = [[Envelope("s", {"end": "1"}, b"no source")], [sent(A, 0, 10**30)]]
        appends = [plain("a"), *bad, plain("b")]
        results = await asyncio.gather(*(transport.append(RAW_LOGS, one) for one in appends), return_exceptions=True)
        assert results[0] == results[-1] == Appended(1, 0)
        assert all(isinstance(result, Exception) for result in results[1:-1])
        assert sorted(await held(transport)) == ["a", "b"]

    async def test_without_an_end_nobody_remembers(self, transport: Transport) -> None:
        once = plain("a", **{"source-id": A, "offset": "0"})
        assert await transport.append(RAW_LOGS, once) == Appended(1, 0)
        assert await transport.append(RAW_LOGS, [*once, *once]) == Appended(2, 0)

    @settings(max_examples=EXAMPLES, deadline=None)
    @given(
        st.lists(
            st.lists(st.tuples(st.sampled_from([A, B]), st.integers(0, 6), st.integers(1, 4)), max_size=4)
            | st.just("reopen"),
            max_size=12,
        )
    )
    def test_as_a_naive_list_would(self, steps: list[Any]) -> None:
        with tempfile.TemporaryDirectory() as folder:
            asyncio.run(_same_as_naive(SqliteStore(Path(folder)), steps))


async def _same_as_naive(store: Store, steps: Sequence[Any]) -> None:
    transport = await store.open()
    kept: list[str] = []
    reached: dict[str, int] = {}
    for number, step in enumerate(steps):
        if step == "reopen":
            await transport.close()
            transport = await store.open()
            continue
        envelopes = [
            sent(source, at, at + size, f"{number}.{n}.{at}-{at + size}") for n, (source, at, size) in enumerate(step)
        ]
        wanted = _naive_append(envelopes, kept, reached)
        if wanted is None:
            with pytest.raises(Conflict):
                await transport.append(RAW_LOGS, envelopes)
        else:
            assert await transport.append(RAW_LOGS, envelopes) == wanted
    assert await held(transport) == kept
    await transport.close()


def _naive_append(envelopes: Sequence[Envelope], kept: list[str], reached: dict[str, int]) -> Appended | None:
    """None for a conflict."""
    fresh, ahead, duplicates = [], dict(reached), 0
    for envelope in envelopes:
        source, begin, end = (envelope.headers[name] for name in ("source-id", "offset", "end"))
        if int(end) <= ahead.get(source, 0):
            duplicates += 1
        elif int(begin) < ahead.get(source, 0):
            return None
        else:
            ahead[source] = int(end)
            fresh.append(envelope.value.decode())
    kept += fresh
    reached.update(ahead)
    return Appended(len(fresh), duplicates)
