"""What every transport guarantees (seams.Transport): one suite, run over each implementation in STORES."""

from __future__ import annotations

import asyncio
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any, Protocol

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import REGISTRY

from logd.backends.transport import sqlite
from logd.backends.transport.sqlite import SqliteTransport
from logd.backends.transport.sqlite_schema import forget_sources
from logd.chunk import Envelope, Message
from logd.errors import ConfigError, Conflict, Unavailable
from logd.seams import DEAD_LETTERS, RAW_LOGS, Appended, Consumer, Transport
from tests.support.disk import full_disk

EXAMPLES = 600 if os.environ.get("LOGD_TEST_LONG") else 60
A, B = "a" * 16, "b" * 16


class Store(Protocol):
    """Where a transport keeps what it has; `folder` is the test's own."""

    def __init__(self, folder: Path) -> None: ...

    async def open(self) -> Transport:
        """A transport over it, as a starting process opens it."""
        ...

    async def after_power_cut(self) -> Transport:
        """A transport over what would be left if the machine stopped now. The other one lives on, and apart."""
        ...


class SqliteStore:
    """One file; what counts after a power cut is that and its write-ahead log, not the shared memory."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / "transport.db"

    async def open(self) -> Transport:
        return await SqliteTransport.open(self.path)

    async def after_power_cut(self) -> Transport:
        copy = Path(tempfile.mkdtemp(dir=self.folder))
        for suffix in ("", "-wal"):
            shutil.copy(f"{self.path}{suffix}", f"{copy / self.path.name}{suffix}")
        return await SqliteTransport.open(copy / self.path.name)


STORES: dict[str, type[Store]] = {"sqlite": SqliteStore}


@pytest.fixture(params=sorted(STORES))
def kind(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
def store(kind: str, tmp_path: Path) -> Store:
    return STORES[kind](tmp_path)


@pytest.fixture
async def transport(store: Store) -> AsyncIterator[Transport]:
    opened = await store.open()
    yield opened
    await opened.close()


def plain(*texts: str, **headers: str) -> list[Envelope]:
    """Envelopes that nobody remembers: they have no `end`."""
    return [Envelope("service", {"logd-chunk": "1", "lines": "1", **headers}, text.encode()) for text in texts]


def sent(source: str, offset: int, end: int, text: str = "", **headers: str) -> Envelope:
    """An envelope of a source that is remembered."""
    place = {"source-id": source, "offset": str(offset), "end": str(end), "lines": "1", "remember": "3600"}
    return Envelope("service", {"logd-chunk": "1", **place, **headers}, (text or f"{source[0]}{offset}-{end}").encode())


async def rest(consumer: Consumer) -> list[Message]:
    """All messages that there are, from the consumer's place on."""
    messages: list[Message] = []
    async with asyncio.timeout(30):
        while consumer.lag() > 0:
            messages += await consumer.fetch(10_000, 5)
    return messages


async def held(transport: Transport, topic: str = RAW_LOGS, group: str = "all") -> list[str]:
    """The values of all messages, in order."""
    return texts(await rest(await transport.consume(topic, group)))


def texts(messages: Sequence[Message]) -> list[str]:
    return [message.value.decode() for message in messages]


def past(message: Message) -> dict[int, int]:
    """The positions that say the message is done."""
    return {message.partition: message.position + 1}


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
        assert (done.returncode, done.stderr) == (7, "")

        async def look() -> list[str]:
            transport = await store.open()
            try:
                assert await transport.append(RAW_LOGS, [sent(A, 0, 10)]) == Appended(0, 1)
                return await held(transport)
            finally:
                await transport.close()

        assert asyncio.run(look()) == ["first", "second", "third"]

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

    async def test_a_cancelled_append_is_stored_whole_or_not_at_all(self, transport: Transport) -> None:
        append = asyncio.create_task(transport.append(RAW_LOGS, plain("a", "b")))
        await asyncio.sleep(0)
        append.cancel()
        with pytest.raises(asyncio.CancelledError):
            await append
        await transport.append(RAW_LOGS, plain("c"))
        assert await held(transport) in (["c"], ["a", "b", "c"])

    async def test_one_that_cannot_be_stored_harms_no_other(self, transport: Transport) -> None:
        bad = [plain("x", service="\ud800"), [Envelope("s", {"end": "1"}, b"no source")], [sent(A, 0, 10**30)]]
        appends = [plain("a"), *bad, plain("b")]
        results = await asyncio.gather(*(transport.append(RAW_LOGS, one) for one in appends), return_exceptions=True)
        assert results[0] == results[-1] == Appended(1, 0)
        assert all(isinstance(result, Exception) for result in results[1:-1])
        await transport.append(RAW_LOGS, plain("c"))
        assert sorted(await held(transport)) == ["a", "b", "c"]


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
        for kind in STORES:
            with tempfile.TemporaryDirectory() as folder:
                asyncio.run(_same_as_naive(STORES[kind](Path(folder)), steps))


class TestConsume:
    async def test_from_the_oldest_message_on(self, transport: Transport) -> None:
        await transport.append(RAW_LOGS, plain("a", "b"))
        consumer = await transport.consume(RAW_LOGS, "g")
        assert consumer.lag() == 2
        assert texts(await consumer.fetch(100, 5)) == ["a", "b"]
        assert consumer.lag() == 0

    async def test_a_topic_that_is_not_there_yet(self, transport: Transport) -> None:
        consumer = await transport.consume(RAW_LOGS, "g")
        assert consumer.lag() == 0
        assert list(await consumer.fetch(100, 0)) == []
        await transport.append(RAW_LOGS, plain("a"))
        assert texts(await rest(consumer)) == ["a"]

    async def test_max_lines(self, transport: Transport) -> None:
        await transport.append(RAW_LOGS, [*plain("a", "b", "c", "d", lines="10"), *plain("e")])
        consumer = await transport.consume(RAW_LOGS, "g")
        fetched = [texts(await consumer.fetch(limit, 5)) for limit in (1, 11, 10, 10)]
        assert fetched == [["a"], ["b", "c"], ["d"], ["e"]]

    async def test_lines_that_say_nothing_count_as_one(self, transport: Transport) -> None:
        await transport.append(RAW_LOGS, [*plain("a", lines="many"), *plain("b", lines="-5"), *plain("c")])
        consumer = await transport.consume(RAW_LOGS, "g")
        assert texts(await consumer.fetch(2, 5)) == ["a", "b"]

    async def test_fetching_commits_nothing(self, transport: Transport) -> None:
        await transport.append(RAW_LOGS, plain("a", "b"))
        assert await held(transport, group="g") == ["a", "b"]
        assert await held(transport, group="g") == ["a", "b"]

    async def test_groups_are_independent(self, transport: Transport) -> None:
        await transport.append(RAW_LOGS, plain("a", "b", "c"))
        one, two = await transport.consume(RAW_LOGS, "one"), await transport.consume(RAW_LOGS, "two")
        messages = await rest(one)
        await one.commit(past(messages[-1]))
        assert await held(transport, group="one") == []
        assert texts(await rest(two)) == ["a", "b", "c"]
        await two.commit(past(messages[0]))
        assert await held(transport, group="two") == ["b", "c"]

    async def test_a_commit_never_moves_backwards(self, transport: Transport) -> None:
        await transport.append(RAW_LOGS, plain("a", "b", "c"))
        consumer = await transport.consume(RAW_LOGS, "g")
        messages = await rest(consumer)
        for message in (messages[1], messages[0]):
            await consumer.commit(past(message))
        assert await held(transport, group="g") == ["c"]

    async def test_a_restart_resumes(self, store: Store) -> None:
        for expected in (["0", "1"], ["1", "2"], ["2", "3"]):
            transport = await store.open()
            count = int(expected[-1])
            new = plain(f"{count}") if count > 1 else plain("0", "1")
            await transport.append(RAW_LOGS, new)
            messages = await rest(await transport.consume(RAW_LOGS, "g"))
            assert texts(messages) == expected
            await (await transport.consume(RAW_LOGS, "g")).commit(past(messages[0]))
            await transport.close()

    async def test_a_commit_survives_a_power_cut(self, store: Store, transport: Transport) -> None:
        await transport.append(RAW_LOGS, plain("a", "b"))
        consumer = await transport.consume(RAW_LOGS, "g")
        await consumer.commit(past((await rest(consumer))[0]))
        left = await store.after_power_cut()
        try:
            assert await held(left, group="g") == ["b"]
        finally:
            await left.close()

    async def test_from_a_given_position(self, transport: Transport) -> None:
        await transport.append(RAW_LOGS, plain("a", "b", "c"))
        messages = await rest(await transport.consume(RAW_LOGS, "g"))
        consumer = await transport.consume(RAW_LOGS, "g", past(messages[0]))
        assert texts(await rest(consumer)) == ["b", "c"]

    async def test_a_waiting_fetch_wakes(self, transport: Transport) -> None:
        consumer = await transport.consume(RAW_LOGS, "g")
        for text in ("a", "b"):
            fetch = asyncio.create_task(consumer.fetch(100, 600))
            await asyncio.sleep(0)  # it waits
            await transport.append(DEAD_LETTERS, plain("elsewhere"))
            await transport.append(RAW_LOGS, plain(text))
            async with asyncio.timeout(30):
                assert texts(await fetch) == [text]

    async def test_all_waiting_fetches_wake(self, transport: Transport) -> None:
        consumers = [await transport.consume(RAW_LOGS, f"g{n}") for n in range(5)]
        fetches = [asyncio.create_task(consumer.fetch(100, 600)) for consumer in consumers]
        await asyncio.sleep(0)
        await transport.append(RAW_LOGS, plain("a"))
        async with asyncio.timeout(30):
            assert [texts(messages) for messages in await asyncio.gather(*fetches)] == [["a"]] * 5

    async def test_a_fetch_gives_up_in_time(self, transport: Transport) -> None:
        consumer = await transport.consume(RAW_LOGS, "g")
        async with asyncio.timeout(30):
            assert list(await consumer.fetch(100, 0.01)) == []

    @pytest.mark.parametrize("turns", [0, 1, 2, 3, 10])
    async def test_a_cancelled_fetch_harms_nothing(self, transport: Transport, turns: int) -> None:
        await transport.append(RAW_LOGS, plain("a", "b"))
        consumer = await transport.consume(RAW_LOGS, "g")
        fetch = asyncio.create_task(consumer.fetch(1, 600))
        for _ in range(turns):
            await asyncio.sleep(0)
        if fetch.done():
            assert texts(await fetch) == ["a"]
            assert texts(await rest(consumer)) == ["b"]
            return
        fetch.cancel()
        with pytest.raises(asyncio.CancelledError):
            await fetch
        assert texts(await rest(consumer)) == ["a", "b"]

    async def test_a_fetch_cancelled_while_it_waits_harms_nothing(self, transport: Transport) -> None:
        consumer = await transport.consume(RAW_LOGS, "g")
        fetch = asyncio.create_task(consumer.fetch(1, 600))
        await asyncio.sleep(0)
        fetch.cancel()
        with pytest.raises(asyncio.CancelledError):
            await fetch
        await transport.append(RAW_LOGS, plain("a"))
        assert texts(await rest(consumer)) == ["a"]

    async def test_nothing_is_deleted_that_a_group_has_not_passed(self, transport: Transport) -> None:
        all_texts = [f"{n}" for n in range(30)]
        await transport.append(RAW_LOGS, plain(*all_texts))
        fast, slow = await transport.consume(RAW_LOGS, "fast"), await transport.consume(RAW_LOGS, "slow")
        messages = await rest(fast)
        assert await held(transport, group="slow") == all_texts
        for at in (0, 5, 12, 29):
            await fast.commit(past(messages[-1]))
            await slow.commit(past(messages[at]))
            assert await held(transport, group="slow") == all_texts[at + 1 :]

    async def test_dead_letters_are_all_kept(self, transport: Transport) -> None:
        await transport.append(DEAD_LETTERS, plain("a", "b"))
        await transport.append(RAW_LOGS, plain("c"))
        consumer = await transport.consume(RAW_LOGS, "g")
        for message in await rest(consumer):
            await consumer.commit(past(message))
            await consumer.commit(past(message))
        assert (await transport.status())[DEAD_LETTERS]["messages"] == 2

    async def test_status_says_what_is_there(self, transport: Transport) -> None:
        await transport.append(RAW_LOGS, plain("aa", "bb", lines="3"))
        await transport.consume(RAW_LOGS, "g")
        topic = (await transport.status())[RAW_LOGS]
        assert (topic["messages"], topic["bytes"], topic["lines"]) == (2, 4, 6)
        assert topic["groups"]["g"]["lag"] == 2


class TestSqlite:
    """What only the SQLite transport has: a file."""

    @pytest.fixture
    def file(self, tmp_path: Path) -> SqliteStore:
        return SqliteStore(tmp_path)

    async def test_waiting_appends_share_a_commit(self, file: SqliteStore) -> None:
        transport = await file.open()
        await transport.append(RAW_LOGS, plain("first"))
        before = _commits()
        with sqlite3.connect(file.path, isolation_level=None) as other:
            other.execute("BEGIN IMMEDIATE")  # the writer waits, so what comes meanwhile waits together
            appends = [asyncio.create_task(transport.append(RAW_LOGS, plain(f"{n}"))) for n in range(300)]
            await asyncio.sleep(0)
            other.execute("COMMIT")
        other.close()
        assert await asyncio.gather(*appends) == [Appended(1, 0)] * 300
        assert _commits() - before <= 5
        assert len(await held(transport)) == 301
        await transport.close()

    async def test_a_full_disk_is_unavailable_and_loses_nothing(self, file: SqliteStore) -> None:
        transport = await file.open()
        await transport.append(RAW_LOGS, [sent(A, 0, 10, "before")])
        with full_disk(600_000):
            big = [sent(A, 10, 20, "x" * 400_000), sent(A, 20, 30, "y" * 400_000)]
            with pytest.raises(Unavailable, match=r"transport\.db"):
                await transport.append(RAW_LOGS, big)
        assert await held(transport) == ["before"]
        assert "transport.db" in transport.trouble()
        assert await transport.append(RAW_LOGS, [sent(A, 10, 20, "after")]) == Appended(1, 0)
        assert transport.trouble() == ""
        assert await held(transport) == ["before", "after"]
        await transport.close()
        again = await file.open()
        assert await held(again) == ["before", "after"]
        await again.close()

    async def test_trouble_is_forgotten(self, file: SqliteStore, monkeypatch: pytest.MonkeyPatch) -> None:
        """Who asks before sending anything would otherwise never send anything again."""
        monkeypatch.setattr(sqlite, "_TROUBLE_SECONDS", 0.0)
        transport = await file.open()
        await transport.append(RAW_LOGS, [sent(A, 0, 10, "before")])
        with full_disk(600_000), pytest.raises(Unavailable):
            await transport.append(RAW_LOGS, plain(*["x" * 400_000] * 2))
        assert transport.trouble() == ""
        await transport.close()

    async def test_space_is_given_back(self, file: SqliteStore) -> None:
        transport = await file.open()
        consumer = await transport.consume(RAW_LOGS, "g")
        for _ in range(6):
            await transport.append(RAW_LOGS, plain(*["x" * 50_000] * 100))
            await consumer.commit(past((await rest(consumer))[-1]))
        await transport.close()
        assert file.path.stat().st_size < 2 * 100 * 50_000, "30 MB went through, in rounds of 5"

    async def test_positions_go_on_after_everything_was_trimmed(self, file: SqliteStore) -> None:
        seen = []
        for text in ("a", "b", "c"):
            transport = await file.open()
            consumer = await transport.consume(RAW_LOGS, "g")
            await transport.append(RAW_LOGS, plain(text))
            (message,) = await rest(consumer)
            seen.append((message.position, message.value.decode()))
            await consumer.commit(past(message))
            await transport.close()
        assert [text for _, text in seen] == ["a", "b", "c"]
        assert [position for position, _ in seen] == sorted({position for position, _ in seen})

    async def test_sources_that_are_forgotten_take_no_space(self, file: SqliteStore) -> None:
        transport = await file.open()
        await transport.append(RAW_LOGS, [sent(f"{n:016x}", 0, 1, remember="0") for n in range(100)])
        await transport.append(RAW_LOGS, [sent(A, 0, 1, remember="86400")])
        await transport.close()
        await (await file.open()).close()
        db = sqlite3.connect(file.path)
        # What ran out while nobody served it has an hour more.
        assert db.execute("SELECT count(*) FROM sources").fetchall() == [(101,)]
        forget_sources(db, time.time() + 7_200)
        assert db.execute("SELECT source FROM sources").fetchall() == [(A,)]
        db.close()

    async def test_a_newer_format_is_refused(self, file: SqliteStore) -> None:
        await (await file.open()).close()
        db = sqlite3.connect(file.path)
        db.execute("PRAGMA user_version = 99")
        db.close()
        with pytest.raises(ConfigError, match=r"transport\.db has format 99"):
            await file.open()

    async def test_what_is_no_database_is_refused(self, file: SqliteStore) -> None:
        file.path.write_bytes(b"these are not the bytes you are looking for" * 100)
        with pytest.raises(ConfigError, match=r"transport\.db"):
            await file.open()

    async def test_a_folder_that_is_not_there_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigError, match="no-such-folder"):
            await SqliteTransport.open(tmp_path / "no-such-folder" / "transport.db")

    async def test_a_topic_has_a_plain_name(self, file: SqliteStore) -> None:
        transport = await file.open()
        with pytest.raises(ValueError, match="topic"):
            await transport.append('x"; DROP TABLE groups; --', plain("a"))
        assert await transport.append(RAW_LOGS, plain("a")) == Appended(1, 0)
        await transport.close()


def die_after_append(kind: str, folder: str) -> None:
    """In a process of its own: appends, and is gone without a goodbye as soon as the appends have returned."""

    async def run() -> None:
        transport = await STORES[kind](Path(folder)).open()
        await transport.append(RAW_LOGS, [sent(A, 0, 10, "first")])
        await transport.append(RAW_LOGS, plain("second", "third"))
        os._exit(7)

    asyncio.run(run())


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


def _commits() -> float:
    return REGISTRY.get_sample_value("logd_transport_commit_seconds_count") or 0.0
