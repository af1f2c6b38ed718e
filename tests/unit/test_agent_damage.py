"""A state file with damage: refused in a sentence, or mended so that no line is lost, and none comes twice unsaid."""

from __future__ import annotations

import random
import re
import shutil
import sqlite3
from collections import Counter
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from logd.agent.rows import checked
from logd.agent.state import VERSION, State
from logd.chunk import Chunk
from logd.errors import ConfigError, Unavailable
from tests.support.agent import Driver, Target, config_of, running

_FILES = ("a.log", "b.log", "c.log")
_LINES = 40


def _write(folder: Path, first: int, count: int) -> list[bytes]:
    """So many lines to each file."""
    texts = []
    for name in _FILES:
        lines = [b"%s line %d of some length" % (name.encode(), n) for n in range(first, first + count)]
        with (folder / "logs" / name).open("ab") as file:
            file.writelines(line + b"\n" for line in lines)
        texts += lines
    return texts


class _Prepared:
    """An agent that was killed: of each file a part was acknowledged, a part was sent, a part is new."""

    def __init__(self, folder: Path) -> None:
        self.config = config_of(folder, batch_seconds=0.0)
        self.db = Path(self.config.data_dir) / "agent.db"
        self.lines = _write(folder, 0, _LINES)
        driver = Driver(self.config)
        driver.settle()
        self.lines += _write(folder, _LINES, _LINES)
        driver.target.forget = 1
        with pytest.raises(Unavailable):
            driver.round()
        driver.crash()
        self.lines += _write(folder, 2 * _LINES, _LINES)
        with closing(sqlite3.connect(self.db)) as db:
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self._chunks: list[Chunk] = list(driver.target.chunks)
        shutil.copy(self.db, self.db.with_suffix(".good"))

    def restore(self) -> None:
        """The state as it was."""
        for suffix in ("-wal", "-shm"):
            Path(f"{self.db}{suffix}").unlink(missing_ok=True)
        shutil.copy(self.db.with_suffix(".good"), self.db)

    def execute(self, statement: str) -> None:
        """Damages a row."""
        with closing(sqlite3.connect(self.db)) as db:
            assert db.execute(statement).rowcount > 0
            db.commit()

    async def start(self) -> tuple[list[bytes], int]:
        """Another start, at a target that has what was sent: the lines that it has then, and the damaged rows."""
        target = Target()
        target.take(self._chunks)
        async with running(self.config, target) as agent:
            return await agent.settle(), agent.agent.status()["damaged_rows"]


def _refusal(db: Path) -> str:
    try:
        State(db).close()
    except ConfigError as error:
        return str(error)
    return ""


@pytest.fixture
def prepared(tmp_path: Path) -> _Prepared:
    return _Prepared(tmp_path)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE sources SET position = position + 1 WHERE CAST(source AS TEXT) LIKE '%a.log'",
        "UPDATE sources SET position = position * 2",
        "UPDATE sources SET position = 'x'",
        "UPDATE sources SET generation = 7",
        "UPDATE sources SET anchor = x'00'",
        "UPDATE sources SET anchor_end = 'x'",
        "UPDATE sources SET checksum = checksum + 1",
        "UPDATE pending SET start = start + 5",
        'UPDATE pending SET "end" = "end" + 5 WHERE source_id = (SELECT min(source_id) FROM pending)',
        "UPDATE pending SET lines = 1",
        "UPDATE pending SET labels = x'00'",
        "UPDATE pending SET source_id = 'ffffffffffffffff' WHERE source_id = (SELECT min(source_id) FROM pending)",
        "UPDATE pending SET source_id = CAST(x'ff' AS TEXT) WHERE source_id = (SELECT min(source_id) FROM pending)",
        "UPDATE entries SET paths = x'00'",
    ],
)
async def test_a_damaged_row_loses_and_doubles_nothing(
    prepared: _Prepared, caplog: pytest.LogCaptureFixture, statement: str
) -> None:
    prepared.execute(statement)
    found, damaged = await prepared.start()
    assert sorted(found) == sorted(prepared.lines)
    assert damaged > 0
    assert ("is damaged" in caplog.text or "are damaged" in caplog.text) != ("entries" in statement)
    assert (await prepared.start())[1] == 0


def test_a_batch_that_is_missing_is_made_anew(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    config = config_of(tmp_path, batch_seconds=0.0)
    lines = [b"%d" % n for n in range(2_500)]
    (tmp_path / "logs" / "app.log").write_bytes(b"".join(line + b"\n" for line in lines))
    driver = Driver(config, Target())
    driver.target.refuse = 1
    with pytest.raises(Unavailable):
        driver.round()
    driver.crash()
    with closing(sqlite3.connect(tmp_path / "data" / "agent.db")) as db:
        assert db.execute("SELECT count(*) FROM pending").fetchone()[0] > 1
        db.execute("DELETE FROM pending WHERE start = 0")
        db.commit()
    driver.start()
    assert driver.settle() == lines
    assert "are damaged, they are made anew" in caplog.text
    driver.crash()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE sources SET source_id = 'ffffffffffffffff' WHERE CAST(source AS TEXT) LIKE '%a.log'",
        "UPDATE sources SET source_id = CAST(x'ff' AS TEXT) WHERE CAST(source AS TEXT) LIKE '%a.log'",
        "UPDATE sources SET digest = x'00' WHERE CAST(source AS TEXT) LIKE '%a.log'",
        "UPDATE sources SET inode = '1' WHERE CAST(source AS TEXT) LIKE '%a.log'",
        "UPDATE sources SET device = 'x' WHERE CAST(source AS TEXT) LIKE '%a.log'",
        "UPDATE sources SET digest_bytes = 'x' WHERE CAST(source AS TEXT) LIKE '%a.log'",
        "UPDATE sources SET ended = 1 WHERE CAST(source AS TEXT) LIKE '%a.log'",
        "UPDATE sources SET gone_us = 1",
    ],
)
async def test_where_the_id_is_lost_lines_come_twice_rather_than_never(
    prepared: _Prepared, caplog: pytest.LogCaptureFixture, statement: str
) -> None:
    prepared.execute(statement)
    found, _ = await prepared.start()
    assert set(found) == set(prepared.lines)
    assert max(Counter(found).values()) <= 2
    assert "is damaged" in caplog.text


async def test_any_changed_byte(prepared: _Prepared, caplog: pytest.LogCaptureFixture, long: bool) -> None:
    good = prepared.db.read_bytes()
    used = [place for place, byte in enumerate(good) if byte]
    chance = random.Random(1)
    refused = said = 0
    for place in used if long else chance.sample(used, 120):
        prepared.restore()
        changed = bytearray(good)
        changed[place] ^= chance.randint(1, 255)
        prepared.db.write_bytes(changed)
        caplog.clear()
        if refusal := _refusal(prepared.db):
            assert str(prepared.db) in refusal
            refused += 1
            continue
        found, _ = await prepared.start()
        if "damaged" in caplog.text:
            assert set(prepared.lines) <= set(found), place
            said += 1
        else:
            assert sorted(found) == sorted(prepared.lines), place
    assert refused > 0
    assert said > 0


@pytest.mark.parametrize("kept", [0.1, 0.5, 0.7])
def test_a_truncated_state_is_refused(prepared: _Prepared, kept: float) -> None:
    good = prepared.db.read_bytes()
    prepared.db.write_bytes(good[: int(len(good) * kept)])
    sentence = r"agent\.db is damaged or is none: .*; without this file all files are read again"
    assert re.search(sentence, _refusal(prepared.db))


@pytest.mark.parametrize("emptied", [False, True])
async def test_without_the_file_everything_is_read_again_and_nothing_comes_twice(
    prepared: _Prepared, emptied: bool
) -> None:
    prepared.db.unlink()
    if emptied:
        prepared.db.touch()
    found, _ = await prepared.start()
    assert set(found) == set(prepared.lines)


async def test_a_damaged_index_is_made_anew(prepared: _Prepared, caplog: pytest.LogCaptureFixture) -> None:
    with closing(sqlite3.connect(prepared.db)) as db:
        root = db.execute("SELECT rootpage FROM sqlite_master WHERE name = 'sources_by_inode'").fetchone()[0]
        inode, size = (
            db.execute("SELECT inode, 0 FROM sources").fetchone()[0],
            db.execute("PRAGMA page_size").fetchone(),
        )
    data = bytearray(prepared.db.read_bytes())
    place = data.index(inode.encode(), (root - 1) * size[0])
    data[place] ^= 1
    prepared.db.write_bytes(data)
    found, _ = await prepared.start()
    assert "had a damaged index, which was made anew" in caplog.text
    assert sorted(found) == sorted(prepared.lines)


async def test_a_state_of_version_1_is_brought_up_to_date(prepared: _Prepared) -> None:
    with closing(sqlite3.connect(prepared.db, isolation_level=None)) as db:
        db.execute("DROP INDEX sources_by_inode")
        for table in ("sources", "pending", "entries"):
            db.execute(f"ALTER TABLE {table} DROP COLUMN checksum")
        for column in ("anchor", "anchor_end"):
            db.execute(f"ALTER TABLE sources DROP COLUMN {column}")
        db.execute("CREATE INDEX sources_by_inode ON sources (inode)")
        db.execute("PRAGMA user_version = 1")
    found, damaged = await prepared.start()
    assert damaged == 0
    assert sorted(found) == sorted(prepared.lines)
    with closing(sqlite3.connect(prepared.db)) as db:
        assert db.execute("PRAGMA user_version").fetchone()[0] == VERSION


def _take_anchors(db: sqlite3.Connection) -> None:
    """Leaves the sources as version 3 had them."""
    rows = [checked(*values) for *values, _, _, _ in db.execute("SELECT * FROM sources").fetchall()]
    assert rows
    for column in ("anchor", "anchor_end"):
        db.execute(f"ALTER TABLE sources DROP COLUMN {column}")
    db.executemany("REPLACE INTO sources VALUES (?,?,?,?,?,?,?,?,?,?,?,?)", rows)


async def test_a_state_of_version_2_is_brought_up_to_date(prepared: _Prepared) -> None:
    """Its batches say nothing of encodings."""
    with closing(sqlite3.connect(prepared.db, isolation_level=None)) as db:
        _take_anchors(db)
        rows = db.execute("SELECT * FROM pending").fetchall()
        assert rows
        for *values, _ in rows:
            labels = msgspec.json.decode(values[5])
            del labels["encoding"]
            values[5] = msgspec.json.encode(labels)
            db.execute("REPLACE INTO pending VALUES (?,?,?,?,?,?,?,?)", checked(*values))
        db.execute("PRAGMA user_version = 2")
    found, damaged = await prepared.start()
    assert damaged == 0
    assert sorted(found) == sorted(prepared.lines)
    with closing(sqlite3.connect(prepared.db)) as db:
        assert db.execute("PRAGMA user_version").fetchone()[0] == VERSION


async def test_a_state_of_version_3_is_brought_up_to_date(prepared: _Prepared) -> None:
    with closing(sqlite3.connect(prepared.db, isolation_level=None)) as db:
        _take_anchors(db)
        db.execute("PRAGMA user_version = 3")
    found, damaged = await prepared.start()
    assert damaged == 0
    assert sorted(found) == sorted(prepared.lines)
    with closing(sqlite3.connect(prepared.db)) as db:
        assert db.execute("PRAGMA user_version").fetchone()[0] == VERSION
        assert db.execute("SELECT count(*) FROM sources WHERE anchor_end = position").fetchone()[0] == len(_FILES)


async def test_a_row_of_version_3_that_is_damaged_stays_so(
    prepared: _Prepared, caplog: pytest.LogCaptureFixture
) -> None:
    with closing(sqlite3.connect(prepared.db, isolation_level=None)) as db:
        _take_anchors(db)
        db.execute("UPDATE sources SET position = position + 1 WHERE CAST(source AS TEXT) LIKE '%a.log'")
        db.execute("PRAGMA user_version = 3")
    found, damaged = await prepared.start()
    assert damaged > 0
    assert sorted(found) == sorted(prepared.lines)
    assert "is damaged" in caplog.text


def test_a_state_that_another_process_writes_is_refused(prepared: _Prepared) -> None:
    with closing(sqlite3.connect(prepared.db, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(ConfigError, match=r"agent\.db can't be opened: database is locked; without this file"):
            State(prepared.db, busy_seconds=0)
