"""Which files a round looks at when the kernel says what changed."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import msgspec
import pytest

from logd.agent.agent import Agent
from logd.agent.copies import UNDECIDED_SECONDS
from logd.agent.looks import SAFETY_SECONDS
from logd.agent.watch import Hints, Watched
from logd.config.schema import Files
from tests.support import agent as support
from tests.support.agent import Driver, Start, Target, append, config_of

#: Rounds in which an agent would have polled often.
_ROUNDS = 40


class Watching:
    """A follower that is told what changed, and the files that it looks at."""

    def __init__(self, start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
        self._start, self._patch = start, monkeypatch
        self.looks: list[str] = []
        self.scans = 0

    def begin(self, **settings: Any) -> Driver:
        """Started, with every line read and nothing to do any more."""
        driver = self._start(batch_seconds=0.0, **settings)
        driver.settle()
        roster = driver.follower._roster
        locate, scan = roster.locate, roster.scan

        def counted(tail: Any, now: float) -> os.stat_result | None:
            self.looks.append(os.path.basename(tail.path))
            return locate(tail, now)

        def counted_scan(now: float, now_us: int) -> None:
            self.scans += 1
            scan(now, now_us)

        self._patch.setattr(roster, "locate", counted)
        self._patch.setattr(roster, "scan", counted_scan)
        return driver


@pytest.fixture
def watching(start: Start, monkeypatch: pytest.MonkeyPatch) -> Watching:
    return Watching(start, monkeypatch)


@pytest.fixture
def watch(monkeypatch: pytest.MonkeyPatch) -> str:
    """Here it is always inotify."""
    monkeypatch.setattr(support, "WATCH", "auto")
    return "auto"


def test_what_says_so_of_each_file(watching: Watching, app: Path) -> None:
    for name in ("watched", "linked"):
        append(app.parent / f"{name}.log", f"{name}\n".encode())
    os.link(app.parent / "linked.log", app.parent / "another name")
    driver = watching.begin()
    found = {os.path.basename(file["path"]): file["watch"] for file in driver.follower.files()}
    assert found == {"watched.log": "inotify", "linked.log": "poll"}


def test_thousands_of_quiet_files_are_left_alone(watching: Watching, app: Path) -> None:
    for number in range(2_000):
        (app.parent / f"{number}.log").write_bytes(b"line\n")
    driver = watching.begin()
    assert len(driver.target.texts) == 2_000
    for _ in range(_ROUNDS):
        driver.round()
    assert (watching.looks, watching.scans) == ([], 0)
    append(app.parent / "7.log", b"more\n")
    driver.round()
    assert set(watching.looks) == {"7.log"}
    assert driver.target.texts[-1] == b"more"


@pytest.mark.parametrize("size", [0, 1500])
def test_a_copy_that_stays_is_looked_for_no_more_than_other_files(watching: Watching, app: Path, size: int) -> None:
    """An empty log that was rotated, or somebody's backup."""
    for name in ("app.log", "app.log.1"):
        (app.parent / name).write_bytes(b"line\n" * (size // 5))
    driver = watching.begin(paths=("app.log*",))
    assert len(driver.target.texts) == size // 5
    driver.round(UNDECIDED_SECONDS + 1)
    driver.settle()
    before = watching.scans
    for _ in range(_ROUNDS):
        driver.round()
    assert watching.scans == before


def test_a_round_says_when_the_next_has_to_be(watching: Watching, app: Path) -> None:
    append(app, b"line\n")
    driver = watching.begin(partial_line_seconds=5.0)
    now = driver.clock.seconds
    quiet = driver.follower.round()
    assert not quiet.cargo
    assert now + 1 < quiet.until <= now + SAFETY_SECONDS
    append(app, b"unfinished")
    assert driver.follower.round().until == pytest.approx(now + 5.0)
    driver.clock.seconds += 5.0
    found = driver.follower.round()
    assert found.cargo
    assert found.until <= driver.clock.seconds + driver.config.agent.poll_seconds
    driver.ship(found.cargo)


def test_everything_is_looked_at_now_and_then(watching: Watching, app: Path) -> None:
    """What was written through another path is only seen so."""
    append(app, b"line\n")
    driver = watching.begin()
    driver.follower._looks.watch.close()
    driver.follower._looks.watch = _Silent()
    append(app, b"unseen\n")
    driver.round()
    assert driver.target.texts == [b"line"]
    driver.round(SAFETY_SECONDS)
    assert driver.target.texts == [b"line", b"unseen"]
    assert watching.scans == 1


def test_a_full_queue_is_a_look_at_everything(watching: Watching, app: Path) -> None:
    limit = int(Path("/proc/sys/fs/inotify/max_queued_events").read_text())
    names = ["a.log", "b.log"]
    for name in (*names, "last.log"):
        append(app.parent / name, b"0\n")
    driver = watching.begin()
    with ExitStack() as stack:
        files = [stack.enter_context((app.parent / name).open("ab", buffering=0)) for name in names]
        for number in range(1, limit // 2 + 10):
            for file in files:
                file.write(b"%d\n" % number)
    append(app.parent / "last.log", b"lost hint\n")
    while driver.round():
        pass
    assert driver.target.texts.count(b"lost hint") == 1
    assert len(driver.target.texts) == 2 * (limit // 2 + 10) + 2
    assert driver.target.duplicates == 0


def test_a_new_file_is_seen_at_once(watching: Watching, app: Path) -> None:
    driver = watching.begin(rescan_seconds=3.0)
    driver.round(3.0)  # once more, since the folder is watched only now
    driver.round(3.0)
    append(app, b"new\n")
    driver.round(0.0)
    assert driver.target.texts == [b"new"]


def test_a_folder_that_is_deleted_and_made_again(watching: Watching, tmp_path: Path) -> None:
    path = tmp_path / "logs" / "x" / "app.log"
    path.parent.mkdir(parents=True)
    append(path, b"1\n")
    driver = watching.begin(paths=["*/*.log"])
    shutil.rmtree(path.parent)
    driver.settle()
    path.parent.mkdir()
    append(path, b"2\n")
    assert driver.settle() == [b"1", b"2"]
    watching.looks.clear()
    append(path, b"3\n")
    driver.round()
    assert driver.target.texts == [b"1", b"2", b"3"]


def test_folders_that_come_later(watching: Watching, tmp_path: Path) -> None:
    driver = watching.begin(paths=["a/b/*.log", "deep/**/*.log"])
    for name in ("a/b", "deep", "deep/er/and"):
        folder = tmp_path / "logs" / name
        folder.mkdir(parents=True)
        driver.settle()
        append(folder / "app.log", name.encode() + b"\n")
        driver.settle()
    assert driver.target.texts == [b"a/b", b"deep", b"deep/er/and"]


def test_links_and_what_they_lead_to(watching: Watching, tmp_path: Path) -> None:
    """As a kubelet's: a link in the followed folder, to files in others that are rotated there."""
    old, new, link = tmp_path / "old", tmp_path / "new", tmp_path / "logs" / "app.log"
    for folder in (old, new, link.parent):
        folder.mkdir()
        append(folder / "x", folder.name.encode() + b"\n")
    link.symlink_to(old / "x")
    driver = watching.begin()
    assert driver.target.texts == [b"old"]
    append(old / "x", b"more\n")
    driver.round()
    assert driver.target.texts == [b"old", b"more"]
    link.unlink()
    link.symlink_to(new / "x")
    assert driver.settle() == [b"old", b"more", b"new"]
    append(new / "x", b"last\n")
    driver.round()
    assert driver.target.texts == [b"old", b"more", b"new", b"last"]


def test_a_file_with_two_names_is_polled(watching: Watching, tmp_path: Path, app: Path) -> None:
    append(app, b"1\n")
    other = tmp_path / "elsewhere"
    os.link(app, other)
    driver = watching.begin()
    append(other, b"2\n")
    assert driver.settle() == [b"1", b"2"]


def test_a_file_that_becomes_readable_or_young(watching: Watching, app: Path) -> None:
    append(app, b"old\n")
    os.utime(app, (1, 1))
    driver = watching.begin(ignore_older_seconds=60.0)
    assert driver.target.texts == []
    now = driver.clock.now_us() / 1e6
    append(app, b"young\n")
    os.utime(app, (now, now))
    assert driver.settle() == [b"old", b"young"]


class _Silent:
    """Has nothing to say, and nothing against it."""

    fd: int | None = None

    def follow(self, folders: Iterable[str]) -> Watched:
        return Watched(set(), set())

    def hints(self) -> Hints:
        return Hints(set(), set())

    def close(self) -> None:
        pass


class _Seen(Target):
    """Says when a line arrives."""

    def __init__(self) -> None:
        super().__init__()
        self.arrived = asyncio.Event()

    def take(self, chunks: Any) -> None:
        super().take(chunks)
        self.arrived.set()


async def test_the_agent_sleeps_until_a_file_changes(tmp_path: Path) -> None:
    """With a wait that a test can't sit out, a hint is what wakes it; and so do a reload and the stop."""
    config = config_of(tmp_path, watch="auto", batch_seconds=0.0, poll_seconds=0.01, rescan_seconds=10_000.0)
    path = tmp_path / "logs" / "app.log"
    append(path, b"1\n")
    target, stop = _Seen(), asyncio.Event()
    agent = Agent(config, target)
    task = asyncio.create_task(agent.run(stop))
    try:
        async with asyncio.timeout(120):
            for number in range(2, 6):
                await target.arrived.wait()
                target.arrived.clear()
                append(path, b"%d\n" % number)
            await target.arrived.wait()
            target.arrived.clear()
            settings = {"files": [Files(paths=[str(tmp_path / "logs" / "*")])]}
            (tmp_path / "logs" / "other").write_bytes(b"other\n")
            agent.reload(msgspec.structs.replace(config, agent=msgspec.structs.replace(config.agent, **settings)))
            await target.arrived.wait()
    finally:
        stop.set()
        await asyncio.wait_for(task, 120)
    assert target.texts == [b"1", b"2", b"3", b"4", b"5", b"other"]
    assert target.duplicates == 0
