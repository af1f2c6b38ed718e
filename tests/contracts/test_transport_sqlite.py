"""What only the SQLite transport has: a file, its space and its format."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from pathlib import Path

import pytest
from prometheus_client import REGISTRY

from logd.seams import DEAD_LETTERS, RAW_LOGS, Appended
from tests.support.transports import A, Clock, SqliteStore, held, past, plain, rest, sent


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

    async def test_space_is_used_again(self, file: SqliteStore) -> None:
        transport = await file.open()
        consumer = await transport.consume(RAW_LOGS, "g")
        for _ in range(6):
            await transport.append(RAW_LOGS, plain(*["x" * 50_000] * 100))
            await consumer.commit(past((await rest(consumer))[-1]))
        await transport.close()
        assert file.path.stat().st_size < 2 * 100 * 50_000, "30 MB went through, in rounds of 5"

    async def test_space_is_given_back(self, file: SqliteStore) -> None:
        transport = await file.open()
        consumer = await transport.consume(RAW_LOGS, "g")
        for _ in range(4):
            await transport.append(RAW_LOGS, plain(*["x" * 100_000] * 400))
        assert _file_bytes(file) > 150_000_000
        await consumer.commit(past((await rest(consumer))[-1]))
        async with asyncio.timeout(60):
            while _file_bytes(file) > 80_000_000:
                await transport.append(DEAD_LETTERS, plain("x"))
        await transport.close()

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

    @pytest.mark.parametrize("reopen", [False, True])
    async def test_sources_that_are_forgotten_take_no_space(self, file: SqliteStore, reopen: bool) -> None:
        clock = Clock()
        transport = await file.open(clock=clock)
        await transport.append(RAW_LOGS, [sent(f"{n:016x}", 0, 1, remember="3600") for n in range(100)])
        await transport.append(RAW_LOGS, [sent(A, 0, 1, remember="604800")])
        assert _sources(file) == 101
        if reopen:
            await transport.close()
            transport = await file.open(clock=clock)
        for hour, left in ((1, 1), (24 * 7 - 2, 1), (2, 0)):
            clock.seconds += hour * 3_600
            await transport.append(RAW_LOGS, plain("a"))  # after this the writer looks
            await transport.append(RAW_LOGS, plain("b"))
            assert _sources(file) == left
        await transport.close()

    async def test_a_topic_has_a_plain_name(self, file: SqliteStore) -> None:
        transport = await file.open()
        with pytest.raises(ValueError, match="topic"):
            await transport.append('x"; DROP TABLE groups; --', plain("a"))
        assert await transport.append(RAW_LOGS, plain("a")) == Appended(1, 0)
        await transport.close()


def _commits() -> float:
    return REGISTRY.get_sample_value("logd_transport_commit_seconds_count") or 0.0


def _sources(file: SqliteStore) -> int:
    with contextlib.closing(sqlite3.connect(file.path)) as db:
        (count,) = db.execute("SELECT count(*) FROM sources").fetchone()
    return int(count)


def _file_bytes(file: SqliteStore) -> int:
    """As large as the database is, whether a checkpoint has written it or not."""
    with contextlib.closing(sqlite3.connect(file.path)) as db:
        (size,) = db.execute("SELECT page_size * page_count FROM pragma_page_size, pragma_page_count").fetchone()
    return int(size)
