"""What can happen to a followed file, one test each."""

from __future__ import annotations

import gzip
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from logd.agent.looks import GIVE_UP_SECONDS
from logd.config.schema import Files
from tests.support.agent import Driver, config_of

pytestmark = pytest.mark.usefixtures("watch")


class Logs:
    """A log folder with `app.log` in it, followed."""

    def __init__(self, folder: Path, paths: tuple[str, ...] = ("app.log",)) -> None:
        self.config = config_of(folder, paths)
        self.folder = folder / "logs"
        self.app = self.folder / "app.log"
        self.agent = Driver(self.config)
        self.written: list[bytes] = []

    def write(self, *texts: str, to: str = "app.log") -> None:
        """Appends lines."""
        with (self.folder / to).open("ab") as file:
            file.write(b"".join(text.encode() + b"\n" for text in texts))
        self.written += [text.encode() for text in texts]

    def rename(self, old: str, new: str) -> None:
        (self.folder / old).rename(self.folder / new)

    def arrived(self) -> bool:
        """Every line that was written arrived once, and nothing else did."""
        found = self.agent.settle()
        assert sorted(found) == sorted(self.written)
        assert self.agent.follower.counts.lost_bytes == 0
        return True


@pytest.fixture
def logs(watch: str, tmp_path: Path) -> Iterator[Logs]:
    found = Logs(tmp_path)
    yield found
    found.agent.crash()


@pytest.fixture
def all_logs(watch: str, tmp_path: Path) -> Iterator[Logs]:
    """The same with a glob that finds the rotated files as well."""
    found = Logs(tmp_path, ("app.log*",))
    yield found
    found.agent.crash()


@pytest.fixture(params=["app.log", "app.log*"])
def both(watch: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Logs]:
    found = Logs(tmp_path, (request.param,))
    yield found
    found.agent.crash()


def test_lines_are_appended(both: Logs) -> None:
    both.write("1", "2")
    assert both.arrived()
    both.write("3")
    assert both.arrived()
    assert [line.position for line in both.agent.target.lines] == [0, 2, 4]
    assert len({line.source_id for line in both.agent.target.lines}) == 1


def test_renamed_and_created_anew(both: Logs) -> None:
    both.write("1")
    assert both.arrived()
    both.write("2")
    both.rename("app.log", "app.log.1")
    both.write("3")
    assert both.arrived()
    assert {line.source for line in both.agent.target.lines} == {str(both.app)}


def test_the_renamed_file_is_still_written_to(both: Logs) -> None:
    both.write("1")
    assert both.arrived()
    both.rename("app.log", "app.log.1")
    both.agent.round()
    both.write("2", to="app.log.1")
    both.write("3")
    both.write("4", to="app.log.1")
    assert both.arrived()


def test_renamed_twice_between_two_looks(both: Logs) -> None:
    both.write("1")
    assert both.arrived()
    both.write("2")
    both.rename("app.log", "app.log.1")
    both.write("3", "in the middle")
    both.rename("app.log.1", "app.log.2")
    both.rename("app.log", "app.log.1")
    both.write("4")
    assert both.arrived()
    assert len(both.agent.follower.tails) == 3


def test_renamed_twice_while_a_scan_is_under_way(logs: Logs, monkeypatch: pytest.MonkeyPatch) -> None:
    logs.write("1")
    assert logs.arrived()
    discovery = logs.agent.follower._roster._discovery
    find = discovery.find

    def find_and_rotate() -> Iterator[tuple[str, Files]]:
        yield from find()
        monkeypatch.undo()
        for number in (1, 2):
            if number == 2:
                logs.rename("app.1.log", "app.2.log")
            logs.rename("app.log", "app.1.log")
            logs.write(f"in the file after rotation {number}")

    monkeypatch.setattr(discovery, "find", find_and_rotate)
    assert logs.arrived()


def test_renamed_thrice_with_the_oldest_deleted(both: Logs) -> None:
    both.write("1")
    assert both.arrived()
    for number in range(2, 6):
        both.write(f"{number}")
        for old in (2, 1):
            if (both.folder / f"app.log.{old}").exists():
                both.rename(f"app.log.{old}", f"app.log.{old + 1}")
        both.rename("app.log", "app.log.1")
        both.write(f"after {number}")
        both.agent.round()
    assert both.arrived()


def test_old_rotated_files_beside_it_are_not_read(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "app.log.1").write_bytes(b"old\n")
    (tmp_path / "logs" / "app.log.2").write_bytes(b"older\n")
    logs = Logs(tmp_path)
    logs.write("1")
    assert logs.arrived()
    logs.rename("app.log.2", "app.log.3")
    logs.rename("app.log.1", "app.log.2")
    logs.rename("app.log", "app.log.1")
    logs.write("2")
    assert logs.arrived()
    logs.agent.crash()


def test_dated_rotation_with_the_extension_last(tmp_path: Path) -> None:
    logs = Logs(tmp_path, ("app.log",))
    logs.write("1")
    assert logs.arrived()
    logs.rename("app.log", "app-20260314.log")
    logs.write("2")
    logs.rename("app.log", "app-20260314-1.log")
    logs.write("3")
    assert logs.arrived()
    logs.agent.crash()


def test_renamed_while_the_agent_is_stopped(both: Logs) -> None:
    both.write("1")
    assert both.arrived()
    both.agent.crash()
    both.write("2")
    both.rename("app.log", "app.log.1")
    both.write("3")
    both.agent.start()
    assert both.arrived()


def test_truncated_by_copytruncate(logs: Logs) -> None:
    logs.write("1", "2", "3")
    assert logs.arrived()
    shutil.copy(logs.app, logs.folder / "app.log.1")
    os.truncate(logs.app, 0)
    logs.agent.round()
    logs.write("4")
    assert logs.arrived()
    assert len({line.source_id for line in logs.agent.target.lines}) == 2
    assert logs.agent.follower.counts.truncations == 1


@pytest.mark.parametrize("stopped", [False, True])
def test_truncated_and_grown_past_its_old_size(logs: Logs, stopped: bool) -> None:
    logs.write("1", "2")
    assert logs.arrived()
    if stopped:
        logs.agent.crash()
    os.truncate(logs.app, 0)
    logs.write("3", "4", "5", "a line that is longer than all of those before")
    if stopped:
        logs.agent.start()
    assert logs.arrived()


def test_rewritten_with_the_same_size(logs: Logs) -> None:
    logs.write("1", "2")
    assert logs.arrived()
    os.truncate(logs.app, 0)
    logs.write("3", "4")
    os.utime(logs.app, ns=(1, 1))
    assert logs.arrived()


def test_truncated_again_and_again_while_empty(logs: Logs) -> None:
    logs.app.touch()
    logs.agent.settle()
    for number in range(5):
        logs.write(f"{number}")
        assert logs.arrived()
        os.truncate(logs.app, 0)
        logs.agent.settle()
    logs.agent.restart()
    logs.write("the last")
    assert logs.arrived()


def test_lines_read_before_a_truncation_arrive(logs: Logs) -> None:
    logs.write("0")
    assert logs.arrived()
    logs.write("1", "2")
    logs.agent.round()
    assert len(logs.agent.target.lines) == 1
    os.truncate(logs.app, 0)
    logs.write("3")
    assert logs.arrived()


def test_replaced_by_a_shorter_and_by_a_longer_file(logs: Logs) -> None:
    logs.write("the first", "file")
    assert logs.arrived()
    for text in ("short", "a much longer one than the others"):
        logs.write(text, to="new")
        logs.rename("new", "app.log")
        assert logs.arrived()


def test_deleted_while_open(logs: Logs) -> None:
    logs.write("1")
    assert logs.arrived()
    logs.write("2")
    logs.app.unlink()
    logs.write("3")
    assert logs.arrived()
    assert len(logs.agent.follower.tails) == 2
    logs.agent.round(GIVE_UP_SECONDS)
    logs.agent.round()
    assert len(logs.agent.follower.tails) == 1


@pytest.mark.parametrize("size", [0, 5, 2000])
@pytest.mark.parametrize("stopped", [False, True])
def test_a_new_file_has_the_inode_of_a_deleted_one(logs: Logs, size: int, stopped: bool) -> None:
    # Where the file system doesn't reuse inodes at once, this is a plain deletion. With the same content, nobody could
    # tell the new file from the old one.
    logs.write("x" * size)
    assert logs.arrived()
    for number in range(3):
        if stopped:
            logs.agent.crash()
            logs.app.unlink()
        else:
            logs.app.unlink()
            logs.agent.round()
            logs.agent.round(GIVE_UP_SECONDS + 1)
            logs.agent.round()
            assert len(logs.agent.follower.tails) == 0
        logs.write(f"{number}" * (size + number + 1))
        if stopped:
            logs.agent.start()
        assert logs.arrived()


def test_the_rotated_file_is_compressed(all_logs: Logs) -> None:
    all_logs.write("1")
    assert all_logs.arrived()
    all_logs.write("2")
    all_logs.rename("app.log", "app.log.1")
    all_logs.write("3")
    all_logs.agent.round()
    rotated = all_logs.folder / "app.log.1"
    (all_logs.folder / "app.log.1.gz").write_bytes(gzip.compress(rotated.read_bytes()))
    shutil.copy(all_logs.folder / "app.log.1.gz", all_logs.folder / "app.log.hidden")
    rotated.unlink()
    assert all_logs.arrived()
    assert list(all_logs.agent.follower.unreadable()) == [str(all_logs.folder / "app.log.hidden")]


def test_a_symlink_that_moves(tmp_path: Path) -> None:
    logs = Logs(tmp_path, ("current",))
    logs.write("1", to="a")
    (logs.folder / "current").symlink_to("a")
    assert logs.arrived()
    logs.write("2", to="a")
    logs.write("3", to="b")
    (logs.folder / "current").unlink()
    (logs.folder / "current").symlink_to("b")
    assert logs.arrived()
    logs.agent.crash()


def test_hard_links_and_symlinks_are_one_file(tmp_path: Path) -> None:
    logs = Logs(tmp_path, ("*.log",))
    logs.write("1", to="b.log")
    os.link(logs.folder / "b.log", logs.folder / "a.log")
    (logs.folder / "c.log").symlink_to("a.log")
    assert logs.arrived()
    (logs.folder / "a.log").unlink()
    logs.write("2", to="b.log")
    assert logs.arrived()
    logs.agent.crash()


def test_files_that_appear_later_in_folders_that_appear_later(tmp_path: Path) -> None:
    logs = Logs(tmp_path, ("**/*.log",))
    assert logs.arrived()
    (logs.folder / "x" / "y").mkdir(parents=True)
    logs.write("1", to="x/y/deep.log")
    logs.write("2", to="top.log")
    logs.write("3", to="top.txt")
    logs.written.pop()
    assert logs.arrived()
    logs.agent.crash()


def test_moved_elsewhere_and_back(logs: Logs) -> None:
    logs.write("1")
    assert logs.arrived()
    (logs.folder / "old").mkdir()
    logs.rename("app.log", "old/app.log")
    logs.agent.round()
    logs.agent.round(GIVE_UP_SECONDS + 1)
    assert len(logs.agent.follower.tails) == 0
    logs.rename("old/app.log", "app.log")
    logs.write("2")
    assert logs.arrived()


@pytest.mark.parametrize("days", [-400, 400])
def test_the_hosts_clock_jumps(both: Logs, days: int) -> None:
    both.write("1")
    assert both.arrived()
    both.agent.clock.epoch_us += days * 86_400_000_000
    both.write("2")
    both.rename("app.log", "app.log.1")
    both.write("3")
    assert both.arrived()
    both.agent.restart()
    both.write("4")
    assert both.arrived()
    assert len({line.source_id for line in both.agent.target.lines}) == 2
