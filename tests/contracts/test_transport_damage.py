"""The SQLite transport's file when it is damaged, not ours, or of another logd: one sentence, and nothing else lost."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from logd.backends.transport import sqlite, sqlite_open
from logd.backends.transport import sqlite_schema as schema
from logd.backends.transport.sqlite import SqliteTransport
from logd.chunk import from_message
from logd.errors import ConfigError, Corrupt, Unavailable
from logd.seams import DEAD_LETTERS, RAW_LOGS, Appended
from tests.support.disk import full_disk
from tests.support.transports import A, Clock, held, plain, rest, sent, texts

NOBODY = 65_534


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "transport.db"


@contextlib.asynccontextmanager
async def opened(path: Path) -> AsyncIterator[SqliteTransport]:
    transport = await SqliteTransport.open(path)
    try:
        yield transport
    finally:
        await transport.close()


@contextlib.contextmanager
def sql(path: Path) -> Iterator[sqlite3.Connection]:
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as db:
        yield db


async def refusal(path: Path) -> str:
    """The sentence with which opening it is refused."""
    with pytest.raises(ConfigError) as refused:
        await SqliteTransport.open(path)
    sentence = str(refused.value)
    assert str(path) in sentence
    assert "\n" not in sentence
    return sentence


async def fill(path: Path, *texts: str) -> None:
    async with opened(path) as transport:
        await transport.append(RAW_LOGS, plain(*texts))


def overwrite(path: Path, offset: int, data: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(data)


def last_place(path: Path, text: bytes) -> int:
    return path.read_bytes().rindex(text)


def cut(path: Path, kept: float) -> None:
    os.truncate(path, int(path.stat().st_size * kept))


class TestOneMessage:
    @pytest.mark.parametrize(
        "change",
        [
            "value = CAST('other' AS BLOB)",
            "value = 'text'",
            "value = 3",
            "headers = '{}'",
            "headers = '{'",
            "headers = x'ff'",
            "key = 'other'",
            "key = CAST(x'ff' AS TEXT)",
            "taken = taken + 1",
            "taken = 'x'",
            "lines = 'x'",
            "lines = 999",
            "checksum = checksum + 1",
        ],
    )
    async def test_it_says_so_and_harms_no_other(self, path: Path, change: str) -> None:
        await fill(path, "a", "b", "c")
        with sql(path) as db:
            db.execute(f"UPDATE log_raw_logs SET {change} WHERE position = 2")
        async with opened(path) as transport:
            consumer = await transport.consume(RAW_LOGS, "g")
            first, damaged, last = await rest(consumer)
            assert (texts([first, last]), first.damage, last.damage) == (["a", "c"], "", "")
            assert "position 2 " in damaged.damage
            with pytest.raises(Corrupt, match="position 2 "):
                from_message(damaged)
            await consumer.commit({0: 4})
            assert await transport.append(RAW_LOGS, plain("d")) == Appended(1, 0)
            assert texts(await rest(consumer)) == ["d"]

    async def test_it_is_deleted_like_any_other(self, path: Path) -> None:
        await fill(path, "a", "b", "c")
        async with opened(path) as transport:
            await transport.consume(RAW_LOGS, "g")
        with sql(path) as db:
            db.execute("UPDATE log_raw_logs SET taken = 'x', lines = 'x', value = 'text', bytes_before = 'x'")
        async with opened(path) as transport:
            consumer = await transport.consume(RAW_LOGS, "g")
            await consumer.commit({0: (await rest(consumer))[-1].position + 1})
            async with asyncio.timeout(60):
                while (await transport.status())[RAW_LOGS]["messages"]:
                    await transport.append("elsewhere", plain("x"))

    async def test_a_flipped_byte_anywhere_in_the_value(self, path: Path) -> None:
        await fill(path, "before", "needle" * 30_000, "after")
        overwrite(path, last_place(path, b"needle" * 10), b"\0")
        async with opened(path) as transport:
            messages = await rest(await transport.consume(RAW_LOGS, "g"))
        assert [bool(message.damage) for message in messages] == [False, True, False]


class TestSmallTables:
    async def test_a_group_begins_again_with_the_oldest(self, path: Path) -> None:
        async with opened(path) as transport:
            await transport.append(RAW_LOGS, plain("a", "b", "c"))
            consumer = await transport.consume(RAW_LOGS, "g")
            await transport.consume(RAW_LOGS, "slow")
            await consumer.commit({0: 3})
        with sql(path) as db:
            db.execute("UPDATE groups SET position = 1000 WHERE name = 'g'")
        async with opened(path) as transport:
            assert await held(transport, group="g") == ["a", "b", "c"]

    async def test_a_source_stores_again_rather_than_loses(self, path: Path) -> None:
        async with opened(path) as transport:
            await transport.append(RAW_LOGS, [sent(A, 0, 10)])
        with sql(path) as db:
            db.execute("UPDATE sources SET next = 1000000")
        async with opened(path) as transport:
            assert await transport.append(RAW_LOGS, [sent(A, 10, 20)]) == Appended(1, 0)
            assert await transport.append(RAW_LOGS, [sent(A, 10, 20)]) == Appended(0, 1)

    async def test_counts_begin_again_with_what_is_held(self, path: Path) -> None:
        await fill(path, "aa", "bb")
        with sql(path) as db:
            db.execute("UPDATE topics SET next = 1, bytes = 1000000000000000")
        async with opened(path) as transport:
            await transport.append(RAW_LOGS, plain("c"))
            status = (await transport.status())[RAW_LOGS]
            assert (status["messages"], status["bytes"], status["next_position"]) == (3, 5, 4)
            assert await held(transport) == ["aa", "bb", "c"]


class TestOpening:
    async def test_what_is_no_database(self, path: Path) -> None:
        await fill(path)
        overwrite(path, 0, b"these are not the bytes you are looking for" * 100)
        sentence = await refusal(path)
        assert "is no SQLite database" in sentence
        assert "accepted and not yet indexed" in sentence

    @pytest.mark.parametrize("kept", [0.3, 0.6, 0.95])
    async def test_a_truncated_file(self, path: Path, kept: float) -> None:
        await fill(path, *["x" * 50_000] * 100)
        cut(path, kept)
        sentence = await refusal(path)
        assert "damaged" in sentence
        assert "accepted and not yet indexed" in sentence

    @pytest.mark.parametrize("page", [2, 5, 20])
    async def test_a_page_of_zeros(self, path: Path, page: int) -> None:
        await fill(path, *["x" * 20_000] * 200)
        overwrite(path, page * 65_536, bytes(65_536))
        assert "damaged" in await refusal(path)

    async def test_a_check_that_takes_too_long_is_left(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        await fill(path, *["x" * 20_000] * 2_000)
        monkeypatch.setattr(sqlite_open, "_CHECK_SECONDS", 0.0)
        async with opened(path) as transport:
            assert len(await held(transport)) == 2_000

    async def test_one_that_another_program_has_locked(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        await fill(path, "a")
        monkeypatch.setattr(sqlite_open, "BUSY_SECONDS", 0.01)
        with sql(path) as db:
            db.execute("PRAGMA locking_mode = EXCLUSIVE")
            db.execute("BEGIN EXCLUSIVE")
            assert "locked by another program" in await refusal(path)
        async with opened(path) as transport:
            assert await held(transport) == ["a"]

    async def test_a_folder(self, tmp_path: Path) -> None:
        assert "is a folder" in await refusal(tmp_path)

    async def test_a_folder_that_is_not_there(self, tmp_path: Path) -> None:
        assert "its folder does not exist" in await refusal(tmp_path / "no-such-folder" / "transport.db")

    @pytest.mark.parametrize("what", ["file", "folder", "unreadable"])
    def test_one_that_we_may_not_write(self, what: str) -> None:
        with tempfile.TemporaryDirectory() as name:  # pytest's own folder is closed to others
            folder = Path(name)
            path = folder / "transport.db"
            asyncio.run(fill(path, "a"))
            folder.chmod(0o555 if what == "folder" else 0o777)
            path.chmod({"file": 0o444, "folder": 0o666, "unreadable": 0o000}[what])
            done = subprocess.run(
                [sys.executable, "-c", f"from {__name__} import refused_as_nobody; refused_as_nobody({str(path)!r})"],
                capture_output=True,
                text=True,
                timeout=120,
                check=False,
            )
            folder.chmod(0o755)
        assert done.returncode == 0, done.stderr
        assert re.search(rf"may not read and write {path if what != 'folder' else folder}, ", done.stdout)
        assert "accepted and not yet indexed" in done.stdout

    async def test_a_newer_format(self, path: Path) -> None:
        await fill(path, "a")
        with sql(path) as db:
            db.execute("PRAGMA user_version = 99")
        assert "has format 99" in await refusal(path)


class TestRunning:
    async def test_damage_met_while_reading_is_corrupt_after_what_can_be_read(self, path: Path) -> None:
        await fill(path, *["x" * 20_000] * 200)
        async with opened(path) as transport:
            consumer = await transport.consume(RAW_LOGS, "g")
            overwrite(path, 30 * 65_536, bytes(65_536))
            read = 0
            with contextlib.suppress(Corrupt):
                while True:
                    read += len(await consumer.fetch(1, 5))
            assert 0 < read < 200
            with pytest.raises(Corrupt, match=r"can't read .*transport\.db: it is damaged .*move it") as damage:
                await consumer.fetch(1, 5)
            assert ".recover" in str(damage.value)

    async def test_a_full_disk_recovers_by_itself(self, path: Path) -> None:
        async with opened(path) as transport:
            await transport.append(RAW_LOGS, [sent(A, 0, 10, "before")])
            consumer = await transport.consume(RAW_LOGS, "g")
            with full_disk(600_000):
                for _ in range(3):
                    with pytest.raises(Unavailable, match=r"transport\.db"):
                        await transport.append(
                            RAW_LOGS, [sent(A, 10, 20, "x" * 400_000), sent(A, 20, 30, "y" * 400_000)]
                        )
                assert texts(await rest(consumer)) == ["before"]
                assert "transport.db" in await transport.trouble()
            assert await transport.append(RAW_LOGS, [sent(A, 10, 20, "after")]) == Appended(1, 0)
            assert await transport.trouble() == ""
            assert texts(await rest(consumer)) == ["after"]
            assert (await transport.status())[RAW_LOGS]["ledger"]["appended_messages"] == 2

    async def test_trouble_is_forgotten(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Who asks before sending anything would otherwise never send anything again."""
        monkeypatch.setattr(sqlite, "_TROUBLE_SECONDS", 0.0)
        async with opened(path) as transport:
            with full_disk(600_000), pytest.raises(Unavailable):
                await transport.append(RAW_LOGS, plain(*["x" * 400_000] * 2))
            assert await transport.trouble() == ""


class TestReplacedFile:
    """A queue that was moved away, or comes from a copy, while the index knows more of the stream."""

    async def test_a_new_file_goes_on_where_the_index_is(self, path: Path) -> None:
        async with opened(path) as transport:
            await transport.append(RAW_LOGS, plain("early"))  # before the processor says where it is
            consumer = await transport.consume(RAW_LOGS, "processor", {0: 5_000})
            await transport.append(RAW_LOGS, plain("late"))
            messages = await rest(consumer)
            assert texts(messages) == ["early", "late"]
            assert [message.position for message in messages] == [5_000, 5_001]

    async def test_a_copy_gives_nothing_again_and_loses_nothing(self, path: Path) -> None:
        await fill(path, *[f"{number}" for number in range(10)])
        async with opened(path) as transport:
            await transport.append(RAW_LOGS, plain("early"))
            consumer = await transport.consume(RAW_LOGS, "processor", {0: 30})
            await transport.append(RAW_LOGS, plain("late"))
            assert texts(await rest(consumer)) == ["early", "late"]


class TestFormat1:
    @pytest.fixture
    def old(self, path: Path) -> Path:
        with sql(path) as db:
            db.execute("PRAGMA page_size = 65536")
            db.execute("PRAGMA journal_mode = WAL")
            db.executescript(
                """
                CREATE TABLE sources (topic TEXT, source TEXT, next INTEGER NOT NULL, expires REAL NOT NULL,
                  digest TEXT NOT NULL, PRIMARY KEY (topic, source)) WITHOUT ROWID;
                CREATE TABLE groups (topic TEXT, name TEXT, position INTEGER NOT NULL,
                  PRIMARY KEY (topic, name)) WITHOUT ROWID;
                CREATE TABLE "log_raw_logs" (position INTEGER PRIMARY KEY AUTOINCREMENT, taken INTEGER NOT NULL,
                  lines INTEGER NOT NULL, key TEXT NOT NULL, headers BLOB NOT NULL, value BLOB NOT NULL);
                INSERT INTO log_raw_logs (position, taken, lines, key, headers, value) VALUES
                  (7, 1, 2, 'k', x'7b7d', x'61'), (8, 1, 3, 'k', x'7b7d', x'6262');
                INSERT INTO groups VALUES ('raw-logs', 'g', 7);
                INSERT INTO sources VALUES ('raw-logs', 'aaaaaaaaaaaaaaaa', 10, 9e9, '');
                PRAGMA user_version = 1;
                """
            )
        return path

    async def test_is_brought_to_today_with_all_that_is_in_it(self, old: Path) -> None:
        for _ in range(2):
            clock = Clock()
            clock.seconds = 2.0
            transport = await SqliteTransport.open(old, clock=clock)
            assert texts(await rest(await transport.consume(RAW_LOGS, "g"))) == ["a", "bb"]
            assert await transport.append(RAW_LOGS, [sent(A, 0, 10)]) == Appended(0, 1)
            await transport.close()
        with sql(old) as db:
            assert db.execute("PRAGMA user_version").fetchone() == (3,)
        async with opened(old) as transport:
            status = (await transport.status())[RAW_LOGS]
        assert (status["messages"], status["lines"], status["bytes"], status["next_position"]) == (2, 5, 3, 9)

    async def test_what_fails_leaves_the_old_file(self, old: Path) -> None:
        with sql(old) as db:
            db.execute("CREATE TABLE topics (x)")  # in the migration's way
        await refusal(old)
        with sql(old) as db:
            assert db.execute("PRAGMA user_version").fetchone() == (1,)
            assert db.execute("SELECT count(*) FROM pragma_table_info('groups')").fetchone() == (3,)


class TestFormat2:
    @pytest.fixture
    async def old(self, path: Path) -> Path:
        """Two topics; the counts of one of them are damaged."""
        async with opened(path) as transport:
            await transport.append(RAW_LOGS, plain("a", "b", lines="3"))
            await transport.append(DEAD_LETTERS, plain("c"))
        with sql(path) as db:
            rows = db.execute("SELECT * FROM topics ORDER BY topic").fetchall()
            for column in ("replayed_messages", "replayed_lines", "removed_messages", "removed_lines"):
                db.execute(f"ALTER TABLE topics DROP COLUMN {column}")
            for topic, *counts in rows:
                checksum = schema.row_checksum(topic, *counts[:-5]) ^ (topic == DEAD_LETTERS)
                db.execute("UPDATE topics SET checksum = ? WHERE topic = ?", (checksum, topic))
            db.execute("PRAGMA user_version = 2")
        return path

    async def test_is_brought_to_today_with_its_counts(self, old: Path, caplog: pytest.LogCaptureFixture) -> None:
        for damaged in (1, 0):
            caplog.clear()
            async with opened(old) as transport:
                status = await transport.status()
                await transport.append(RAW_LOGS, plain("d"))
            assert sum("the counts of topic dead-letters are damaged" in text for text in caplog.messages) == damaged
        assert (status[RAW_LOGS]["lines"], status[RAW_LOGS]["ledger"]["appended_lines"]) == (7, 7)
        assert status[RAW_LOGS]["ledger"]["removed_lines"] == 0
        assert status[DEAD_LETTERS]["lines"] == 1


def refused_as_nobody(path: str) -> None:
    """In a process of its own: opens the file as a user who isn't root, and prints the sentence."""
    if os.getuid() == 0:
        os.setuid(NOBODY)
    try:
        sqlite_open.open_writer(Path(path))
    except ConfigError as error:
        print(error)
