"""What only the file of partials guarantees: what survives a kill, and what becomes of damage."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from logd.backends.partials.sqlite import SqlitePartials
from logd.backends.partials.sqlite_file import VERSION
from logd.backup.live import AT_REST
from logd.backup.make import make
from logd.backup.restore import restore
from logd.errors import ConfigError, Unavailable
from tests.support.partials import SqliteFile, Taker, opened, pages_of, values_of

#: Publishes page after page, and prints how many are published.
_PUBLISH = """
import asyncio, sys
from pathlib import Path
from logd.backends.partials.sqlite import SqlitePartials
from logd.seams import Page

async def publish():
    partials = await SqlitePartials.open(Path(sys.argv[1]))
    count = 0
    while True:
        await partials.publish([Page(0, b"%d" % count, b"x" * 1000), Page(0, b"count", b"%d" % count)])
        count += 1
        print(count, flush=True)

asyncio.run(publish())
"""


def _publish_until_killed(path: Path) -> int:
    """How many calls it said to have published."""
    with subprocess.Popen([sys.executable, "-c", _PUBLISH, str(path)], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        said = [process.stdout.readline() for _ in range(50)]
        process.kill()
        said += process.stdout.read().splitlines()
    assert process.returncode == -signal.SIGKILL
    return int(said[-1])


@pytest.fixture
def file(tmp_path: Path) -> SqliteFile:
    folder = tmp_path / "data"
    folder.mkdir()
    return SqliteFile(folder)


async def _found(file: SqliteFile) -> dict[bytes, bytes]:
    async with opened(file) as partials:
        taker = Taker(partials)
        await taker.until_caught_up()
        assert values_of(await partials.read(lambda _: True)) == taker.last()
        return taker.last()


async def test_what_was_published_survives_a_kill(file: SqliteFile) -> None:
    said = _publish_until_killed(file.path)
    found = await _found(file)
    count = int(found.pop(b"count")) + 1
    assert count in (said, said + 1)
    assert set(found) == {b"%d" % number for number in range(count)}, "all of a call, or nothing"


async def test_a_large_file_comes_in_portions(file: SqliteFile, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("logd.backends.partials.sqlite._PORTION_BYTES", 100)
    async with opened(file) as partials:
        await partials.publish(pages_of(partials, range(100)))
    async with opened(file) as partials:
        taker = Taker(partials)
        first = await taker.take()
        assert (first.gained, first.caught_up) == ((0,), ())
        changed = pages_of(partials, range(90, 100), "changed") + pages_of(partials, range(10), "changed")
        await partials.publish(changed)
        await taker.until_caught_up()
        assert b"90" not in values_of(taker.pages[0]), "what was published since comes behind the file"
        await taker.until(lambda: len(taker.last()) == 100)
        assert taker.pages[0][-20:] == changed
        assert taker.last() == values_of(pages_of(partials, range(100)) + changed)


@pytest.mark.parametrize("damage", ["beginning", "schema", "no database", "another database"])
async def test_a_damaged_file_is_put_aside(file: SqliteFile, damage: str, caplog: pytest.LogCaptureFixture) -> None:
    async with opened(file) as partials:
        await partials.publish(pages_of(partials, range(1000)))
    whole = file.path.read_bytes()
    match damage:
        case "beginning":
            file.path.write_bytes(b"\0" * 100 + whole[100:])
        case "schema":
            file.path.write_bytes(whole[:100] + b"\xff" * 4096 + whole[4196:])
        case "no database":
            file.path.write_bytes(b"this is no database, and never was one" * 100)
        case _:
            file.path.unlink()
            with closing(sqlite3.connect(file.path)) as db:
                db.execute("CREATE TABLE pages (other)")
                db.commit()
    damaged = file.path.read_bytes()
    assert await _found(file) == {}
    assert "alerts.db is damaged (" in caplog.text
    aside = file.path.with_name("alerts.db.damaged").read_bytes()
    assert aside[100:] == damaged[100:], "as it was, but for the mode of its log"
    async with opened(file) as partials:
        await partials.publish(pages_of(partials, range(3)))
    assert len(await _found(file)) == 3


async def test_a_damaged_page_is_left_out(file: SqliteFile, caplog: pytest.LogCaptureFixture) -> None:
    async with opened(file) as partials:
        await partials.publish(pages_of(partials, range(10), "as it was published"))
    with closing(sqlite3.connect(file.path)) as db:
        db.execute("UPDATE pages SET value = ? WHERE key = ?", (b"as it was Published", b"4"))
        db.commit()
    assert set(await _found(file)) == {b"%d" % number for number in range(10) if number != 4}
    assert "what alerts have counted of b'4' is damaged, and left out" in caplog.text


async def test_a_backup_has_it(file: SqliteFile, tmp_path: Path) -> None:
    async with opened(file) as partials:
        await partials.publish(pages_of(partials, range(10)))
        await make(file.path.parent, tmp_path / "backup", AT_REST)
        await partials.publish(pages_of(partials, range(10), "later"))
    restored = tmp_path / "restored"
    restored.mkdir()
    restore(tmp_path / "backup", restored)
    assert await _found(SqliteFile(restored)) == values_of(pages_of(partials, range(10)))


async def test_what_cant_be_opened_is_said(file: SqliteFile) -> None:
    with closing(sqlite3.connect(file.path)) as db:
        db.execute(f"PRAGMA user_version = {VERSION + 1}")
    with pytest.raises(ConfigError, match=f"has version {VERSION + 1}, this logd knows {VERSION}: use a newer logd"):
        await file.open()
    file.path.unlink()
    file.path.mkdir()
    with pytest.raises(ConfigError, match="is a folder, not a file"):
        await file.open()


async def test_what_cant_be_written_is_unavailable_and_changes_nothing(file: SqliteFile) -> None:
    partials = await SqlitePartials.open(file.path)
    try:
        taker = Taker(partials)
        await taker.until_caught_up()
        partials._db.execute("PRAGMA max_page_count = 1")  # as many as there are: a full disk
        large = pages_of(partials, range(200), "x" * 1000)
        with pytest.raises(Unavailable, match=r"alerts.db, can't be used \(.*full"):
            await partials.publish(large)
        assert not any(await taker.take(0))
        partials._db.execute("PRAGMA max_page_count = 1000000")
        await partials.publish(large)
        await taker.until(lambda: taker.last() == values_of(large))
    finally:
        await partials.close()
