"""A followed file is copied and truncated, as logrotate's copytruncate does it: every line comes once."""

from __future__ import annotations

import gzip
import os
import shutil
import time
from pathlib import Path

import pytest

from logd.agent.copies import UNDECIDED_SECONDS
from logd.agent.looks import GIVE_UP_SECONDS
from tests.support.agent import append
from tests.support.copied import LONG, Copied

pytestmark = pytest.mark.usefixtures("watch")


def test_what_was_not_read_is_read_in_the_copy(logs: Copied, first: str) -> None:
    logs.write(first, "1")
    assert logs.arrived()
    logs.write("2", "3")
    logs.copytruncate()
    logs.write("4")
    assert logs.arrived()
    assert len({line.source_id for line in logs.agent.target.lines}) == 2
    assert logs.agent.follower.counts.truncations == 1


def test_truncated_twice_and_written_to(logs: Copied, first: str) -> None:
    logs.write(first + " 1")
    assert logs.arrived()
    for number in (2, 3):
        logs.copytruncate()
        logs.write(f"{number} " + first)
    assert logs.arrived()


@pytest.mark.parametrize("between", [1, 3])
def test_several_rotations_between_two_looks(logs: Copied, first: str, between: int) -> None:
    logs.write(first + " 0")
    assert logs.arrived()
    for number in range(1, 10):
        logs.write(f"{number} " + first)
        logs.copytruncate()
        if number % between == 0:
            logs.agent.round()
    logs.write("last")
    assert logs.arrived()


def test_a_file_that_was_empty_at_the_last_look(logs: Copied) -> None:
    logs.write("1")
    assert logs.arrived()
    logs.copytruncate()
    assert logs.arrived()
    logs.write("2")
    logs.copytruncate()
    os.utime(logs.app, ns=(1, 1))
    assert logs.arrived()
    logs.write("3")
    logs.copytruncate()
    logs.write("4")
    os.utime(logs.app, ns=(2, 2))
    assert logs.arrived()


def test_copied_while_nothing_but_the_beginning_of_a_line_was_read(logs: Copied) -> None:
    append(logs.app, b"begin")
    logs.agent.settle()
    logs.write("ning")
    logs.written = [b"beginning"]
    logs.copytruncate()
    logs.app.rename(logs.folder / "app.log.0")
    assert logs.arrived()
    logs.write("2")
    assert logs.arrived()


def test_a_file_whose_copy_is_there_when_it_is_first_seen(logs: Copied, first: str) -> None:
    logs.write("1")
    assert logs.arrived()
    logs.app.unlink()
    assert logs.arrived()
    logs.write(first, "2")
    logs.copy()
    assert logs.arrived()
    os.truncate(logs.app, 0)
    assert logs.arrived()
    logs.write("3")
    assert logs.arrived()


def test_the_copy_is_renamed_and_compressed_later(logs: Copied, first: str) -> None:
    logs.write(first, "1")
    assert logs.arrived()
    for number in range(2, 6):
        logs.write(f"{number}")
        logs.copytruncate()
        logs.agent.round()
        assert logs.arrived()
        if logs.copies > 1:
            old = logs.folder / f"app.log.{logs.copies}"
            old.with_name(old.name + ".gz").write_bytes(gzip.compress(old.read_bytes()))
    logs.agent.round(GIVE_UP_SECONDS + 1)
    logs.agent.round(2.0)
    assert logs.arrived()


def test_a_copy_into_another_folder_that_the_globs_find(tmp_path: Path) -> None:
    logs = Copied(tmp_path, ("app.log", "old/app.log*"))
    (logs.folder / "old").mkdir()
    logs.write(LONG, "1")
    assert logs.arrived()
    logs.write("2")
    shutil.copyfile(logs.app, logs.folder / "old" / "app.log.1")
    os.truncate(logs.app, 0)
    logs.write("3")
    assert logs.arrived()
    logs.agent.crash()


def test_a_copy_of_a_file_that_goes_on(logs: Copied) -> None:
    logs.write(LONG, "1")
    assert logs.arrived()
    logs.copy()
    logs.write("2")
    assert logs.arrived()
    logs.agent.round(UNDECIDED_SECONDS + 1)
    logs.agent.restart()
    assert logs.arrived()
    logs.copytruncate()
    logs.write("3")
    assert logs.arrived()
    logs.agent.restart()
    assert logs.arrived()


def test_a_copy_of_a_file_that_is_deleted(logs: Copied) -> None:
    logs.write(LONG, "1")
    assert logs.arrived()
    logs.copy()
    assert logs.arrived()
    logs.app.unlink()
    logs.agent.round(2.0)
    logs.agent.round(GIVE_UP_SECONDS + 1)
    logs.agent.round(2.0)
    logs.agent.restart()
    assert logs.arrived()


def test_a_file_that_only_begins_like_another_one(tmp_path: Path) -> None:
    logs = Copied(tmp_path, ("worker*.log",))
    logs.app = logs.folder / "worker.log"
    logs.write("ready", "1 of the first")
    assert logs.agent.settle() == logs.written
    other = logs.folder / "worker-1.log"
    # It waits as long as it may be a copy: until it differs, or long enough.
    append(other, b"ready\n")
    assert logs.agent.settle() == logs.written
    append(other, b"1 of the second\n")
    assert logs.agent.settle() == [*logs.written, b"ready", b"1 of the second"]
    append(logs.folder / "worker-2.log", b"ready\n")
    logs.agent.settle()
    logs.agent.round(UNDECIDED_SECONDS + 1)
    assert logs.agent.settle()[-1] == b"ready"
    assert len(logs.agent.target.texts) == 5
    logs.agent.crash()


def test_a_file_with_the_same_long_beginning_is_another_one(tmp_path: Path) -> None:
    logs = Copied(tmp_path, ("app.log*",))
    logs.write(LONG, "1", "2 and more than in the other one")
    assert logs.arrived()
    append(logs.folder / "app.log.1", LONG.encode() + b"\nother\n")
    assert logs.agent.settle()[-2:] == [LONG.encode(), b"other"]
    longer = logs.app.read_bytes() + b"more\n"
    append(logs.folder / "app.log.2", longer)
    assert logs.agent.settle()[5:] == longer.splitlines()
    logs.agent.crash()


def test_a_truncation_without_a_copy_beside_old_rotated_files(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    for number in (1, 2):
        append(tmp_path / "logs" / f"app.log.{number}", LONG.encode() + b"\nold %d\n" % number)
    logs = Copied(tmp_path, ("app.log",))
    logs.write(LONG, "1")
    assert logs.arrived()
    os.truncate(logs.app, 0)
    logs.write("2")
    assert logs.arrived()
    logs.agent.crash()


@pytest.mark.parametrize("read", [False, True])
def test_a_copy_that_is_compressed_at_once(logs: Copied, read: bool, caplog: pytest.LogCaptureFixture) -> None:
    logs.write(LONG, "1")
    assert logs.arrived()
    logs.write("seen")
    if read:
        assert logs.arrived()
    copy = logs.copy()
    os.truncate(logs.app, 0)
    copy.with_name("app.log.1.gz").write_bytes(gzip.compress(copy.read_bytes()))
    copy.unlink()
    append(logs.app, b"new\n")
    logs.agent.settle()
    assert logs.agent.follower.counts.lost_bytes == (0 if read else 5)
    assert ("delaycompress" in caplog.text) is not read
    assert caplog.text.count("are lost") == (0 if read else 1)
    assert logs.agent.target.texts[-1] == b"new"


def test_many_rotated_files_that_a_glob_finds(tmp_path: Path) -> None:
    """Each is by its name a rotation of all others: what that costs doesn't grow with their number's cube."""
    logs = Copied(tmp_path, ("app.log*",))
    for number in range(200):
        logs.write(str(number))
        logs.app.rename(logs.folder / f"app.log.{number + 1}")
    began = time.process_time()
    assert logs.arrived()
    # It took over a minute, and takes a second.
    assert time.process_time() - began < 20
    logs.agent.crash()


@pytest.mark.parametrize("max_open_files", [2, 100])
def test_while_a_copy_waits_only_it_and_its_original_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, max_open_files: int
) -> None:
    logs = Copied(tmp_path, ("app.log*",), max_open_files=max_open_files)
    for number in range(20):
        logs.write(f"{number} {LONG}")
        logs.app.rename(logs.folder / f"app.log.{number + 2}")
    logs.write(f"current {LONG}")
    assert logs.arrived()
    copy = logs.folder / "app.log.1"
    shutil.copyfile(logs.app, copy)
    # No name has changed for a while: when it is so new, all are looked at again.
    os.utime(logs.folder, ns=(1, 1))
    read: set[int] = set()
    pread = os.pread

    def noted(fd: int, length: int, position: int) -> bytes:
        read.add(os.fstat(fd).st_ino)
        return pread(fd, length, position)

    monkeypatch.setattr(os, "pread", noted)
    for _ in range(5):
        logs.agent.round(2.0)
    assert read == {logs.app.stat().st_ino, copy.stat().st_ino}
    # It grows without its folder changing.
    logs.write("more")
    shutil.copyfile(logs.app, copy)
    os.truncate(logs.app, 0)
    assert logs.arrived()
    logs.agent.crash()
