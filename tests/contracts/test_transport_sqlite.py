"""What only the SQLite transport has: a file, its space and its format."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

import pytest
from prometheus_client import REGISTRY

from logd.backends.transport.sqlite import SqliteTransport
from logd.errors import ConfigError, Unavailable
from logd.seams import RAW_LOGS, Appended
from tests.support.disk import full_disk
from tests.support.transports import A, SqliteStore, held, past, plain, rest, sent


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
        assert await transport.append(RAW_LOGS, [sent(A, 10, 20, "after")]) == Appended(1, 0)
        assert await held(transport) == ["before", "after"]
        await transport.close()
        again = await file.open()
        assert await held(again) == ["before", "after"]
        await again.close()

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


def _commits() -> float:
    return REGISTRY.get_sample_value("logd_transport_commit_seconds_count") or 0.0
