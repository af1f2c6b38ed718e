"""A followed file is copied and truncated, as logrotate's copytruncate does it: every line comes once."""

from __future__ import annotations

import gzip
import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from logd.agent.copies import UNDECIDED_SECONDS
from logd.agent.looks import GIVE_UP_SECONDS
from logd.agent.tail import Tail
from logd.errors import Unavailable
from tests.support.agent import Driver, append, config_of

pytestmark = pytest.mark.usefixtures("watch")

#: A line that alone fills the fingerprint.
_LONG = "x" * 1100


class Logs:
    """`app.log`, followed."""

    def __init__(self, folder: Path, paths: tuple[str, ...]) -> None:
        self.folder = folder / "logs"
        self.globbed = any("*" in path for path in paths)
        self.app = self.folder / "app.log"
        self.agent = Driver(config_of(folder, paths))
        self.written: list[bytes] = []
        self.copies = 0

    def write(self, *texts: str) -> None:
        append(self.app, b"".join(text.encode() + b"\n" for text in texts))
        self.written += [text.encode() for text in texts]

    def copy(self) -> Path:
        """Shifts the copies, as logrotate does, and makes one."""
        for number in range(self.copies, 0, -1):
            (self.folder / f"app.log.{number}").rename(self.folder / f"app.log.{number + 1}")
        self.copies += 1
        shutil.copyfile(self.app, self.folder / "app.log.1")
        return self.folder / "app.log.1"

    def copytruncate(self) -> None:
        self.copy()
        os.truncate(self.app, 0)

    def arrived(self) -> bool:
        """Every line that was written arrived once, each file's in order."""
        found = self.agent.settle()
        assert sorted(found) == sorted(self.written)
        for source_id in {line.source_id for line in self.agent.target.lines}:
            lines = [line for line in self.agent.target.lines if line.source_id == source_id]
            assert [line.text for line in lines] == [text for text in self.written if text in {at.text for at in lines}]
            assert [line.position for line in lines] == sorted({line.position for line in lines})
        if not self.globbed:
            assert {line.source for line in self.agent.target.lines} <= {str(self.app)}
        assert self.agent.follower.counts.lost_bytes == 0
        return True


@pytest.fixture(params=["app.log", "app.log*"])
def logs(watch: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Logs]:
    found = Logs(tmp_path, (request.param,))
    yield found
    found.agent.crash()


@pytest.fixture(params=["short", _LONG], ids=["short", "long"])
def first(request: pytest.FixtureRequest) -> str:
    """The first line of a file."""
    return str(request.param)


def test_what_was_not_read_is_read_in_the_copy(logs: Logs, first: str) -> None:
    logs.write(first, "1")
    assert logs.arrived()
    logs.write("2", "3")
    logs.copytruncate()
    logs.write("4")
    assert logs.arrived()
    assert len({line.source_id for line in logs.agent.target.lines}) == 2
    assert logs.agent.follower.counts.truncations == 1


def test_truncated_twice_and_written_to(logs: Logs, first: str) -> None:
    logs.write(first + " 1")
    assert logs.arrived()
    for number in (2, 3):
        logs.copytruncate()
        logs.write(f"{number} " + first)
    assert logs.arrived()


@pytest.mark.parametrize("between", [1, 3])
def test_several_rotations_between_two_looks(logs: Logs, first: str, between: int) -> None:
    logs.write(first + " 0")
    assert logs.arrived()
    for number in range(1, 10):
        logs.write(f"{number} " + first)
        logs.copytruncate()
        if number % between == 0:
            logs.agent.round()
    logs.write("last")
    assert logs.arrived()


def test_a_file_that_was_empty_at_the_last_look(logs: Logs) -> None:
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


def test_a_look_at_each_moment_of_a_copy(logs: Logs, first: str) -> None:
    logs.write(first, "1")
    assert logs.arrived()
    logs.write("2", "3")
    data = logs.app.read_bytes()
    copy = logs.folder / "app.log.1"
    for end in (0, 3, 1024, len(data)):
        copy.write_bytes(data[:end])
        assert logs.arrived()
    os.truncate(logs.app, 0)
    logs.write("4")
    assert logs.arrived()
    logs.agent.restart()
    assert logs.arrived()


def test_a_look_at_a_copy_while_it_is_not_known_of_the_truncation_before(logs: Logs, first: str) -> None:
    logs.write(first, "1")
    assert logs.arrived()
    logs.copytruncate()
    logs.write("2", "3")
    copy = logs.copy()
    data = copy.read_bytes()
    for end in (0, len(data)):
        copy.write_bytes(data[:end])
        logs.agent.round(1.1)
    os.truncate(logs.app, 0)
    logs.write("4")
    assert logs.arrived()


def test_copied_while_nothing_but_the_beginning_of_a_line_was_read(logs: Logs) -> None:
    append(logs.app, b"begin")
    logs.agent.settle()
    logs.write("ning")
    logs.written = [b"beginning"]
    logs.copytruncate()
    logs.app.rename(logs.folder / "app.log.0")
    assert logs.arrived()
    logs.write("2")
    assert logs.arrived()


def test_a_file_whose_copy_is_there_when_it_is_first_seen(logs: Logs, first: str) -> None:
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


def test_batches_are_sent_from_the_copy_of_a_file_that_was_emptied_and_renamed(tmp_path: Path) -> None:
    logs = Logs(tmp_path, ("app.log*",))
    logs.write("1")
    logs.agent.target.forget = 1
    with pytest.raises(Unavailable):
        logs.agent.settle()
    logs.agent.crash()
    logs.copytruncate()
    (logs.folder / "app.log.1").rename(logs.folder / "app.log.2")
    logs.app.rename(logs.folder / "app.log.1")
    logs.write("2")
    logs.agent.start()
    assert logs.arrived()
    logs.agent.crash()


def test_truncated_during_a_read(logs: Logs, first: str, monkeypatch: pytest.MonkeyPatch) -> None:
    logs.write(first, "1")
    assert logs.arrived()
    logs.write("2", "3")
    check = Tail.check

    def rotate_and_check(tail: Tail, fd: int) -> tuple[bytes, bytes]:
        if tail.path == str(logs.app):
            monkeypatch.undo()
            logs.copytruncate()
            logs.write("4")
        return check(tail, fd)

    # Between the reading of a block and the look at the file's beginning.
    monkeypatch.setattr(Tail, "check", rotate_and_check)
    assert logs.arrived()
    assert logs.copies == 1


def test_truncated_between_the_copys_admission_and_its_comparison(
    logs: Logs, first: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    logs.write(first, "1")
    assert logs.arrived()
    logs.write("2")
    copies = logs.agent.follower._roster.copies
    waits = copies.waits

    def truncate_and_compare(path: str, fd: int) -> bool:
        monkeypatch.undo()
        os.truncate(logs.app, 0)
        return waits(path, fd)

    monkeypatch.setattr(copies, "waits", truncate_and_compare)
    logs.copy()
    logs.agent.round(2.0)
    logs.write("3")
    assert logs.app.stat().st_size == 2
    assert logs.arrived()


@pytest.mark.parametrize("rewritten", [False, True])
def test_copied_and_truncated_while_stopped(logs: Logs, first: str, rewritten: bool) -> None:
    logs.write(first, "1")
    assert logs.arrived()
    logs.agent.crash()
    logs.write("2")
    logs.copytruncate()
    if rewritten:
        logs.write("3", "a line that makes it longer than before " + "y" * 2000)
    logs.agent.start()
    assert logs.arrived()
    logs.agent.restart()
    logs.write("4")
    assert logs.arrived()


def test_copied_and_deleted_while_stopped(logs: Logs, first: str) -> None:
    logs.write(first, "1")
    assert logs.arrived()
    logs.agent.crash()
    logs.write("2")
    # The inode mustn't be given to the file that is written next.
    os.link(logs.app, logs.folder / "kept")
    logs.copy()
    logs.app.unlink()
    (logs.folder / "kept").rename(logs.folder.parent / "kept")
    logs.write("3")
    logs.agent.start()
    assert logs.arrived()


def test_batches_that_may_not_have_arrived_are_sent_from_the_copy(logs: Logs, first: str) -> None:
    logs.write(first)
    assert logs.arrived()
    logs.write("1", "2")
    logs.agent.target.forget = 1
    with pytest.raises(Unavailable):
        logs.agent.settle()
    logs.agent.crash()
    sent = list(logs.agent.target.attempts)
    logs.write("3")
    logs.copytruncate()
    logs.write("4")
    logs.agent.start()
    assert logs.agent.target.attempts[len(sent) :] == sent[-1:]
    assert logs.arrived()


def test_truncated_within_what_may_have_arrived(logs: Logs) -> None:
    logs.write(_LONG)
    assert logs.arrived()
    acknowledged = logs.app.stat().st_size
    logs.write("1", "2")
    logs.agent.target.forget = 1
    with pytest.raises(Unavailable):
        logs.agent.settle()
    logs.agent.crash()
    logs.copy()
    os.truncate(logs.app, acknowledged)
    logs.agent.start()
    logs.written.append(_LONG.encode())
    assert sorted(logs.agent.settle()) == sorted(logs.written)
    assert logs.agent.follower.counts.lost_bytes == 0


def test_killed_before_it_is_stored_that_a_source_goes_on_in_a_copy(logs: Logs, first: str) -> None:
    logs.write(first, "1")
    assert logs.arrived()
    logs.write("2")
    logs.copytruncate()
    logs.agent.follower.round()
    logs.agent.restart()
    logs.write("3")
    assert logs.arrived()


def test_the_copy_is_renamed_and_compressed_later(logs: Logs, first: str) -> None:
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
    logs = Logs(tmp_path, ("app.log", "old/app.log*"))
    (logs.folder / "old").mkdir()
    logs.write(_LONG, "1")
    assert logs.arrived()
    logs.write("2")
    shutil.copyfile(logs.app, logs.folder / "old" / "app.log.1")
    os.truncate(logs.app, 0)
    logs.write("3")
    assert logs.arrived()
    logs.agent.crash()


def test_a_copy_of_a_file_that_goes_on(logs: Logs) -> None:
    logs.write(_LONG, "1")
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


def test_a_copy_of_a_file_that_is_deleted(logs: Logs) -> None:
    logs.write(_LONG, "1")
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
    logs = Logs(tmp_path, ("worker*.log",))
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
    logs = Logs(tmp_path, ("app.log*",))
    logs.write(_LONG, "1", "2 and more than in the other one")
    assert logs.arrived()
    append(logs.folder / "app.log.1", _LONG.encode() + b"\nother\n")
    assert logs.agent.settle()[-2:] == [_LONG.encode(), b"other"]
    longer = logs.app.read_bytes() + b"more\n"
    append(logs.folder / "app.log.2", longer)
    assert logs.agent.settle()[5:] == longer.splitlines()
    logs.agent.crash()


def test_a_truncation_without_a_copy_beside_old_rotated_files(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    for number in (1, 2):
        append(tmp_path / "logs" / f"app.log.{number}", _LONG.encode() + b"\nold %d\n" % number)
    logs = Logs(tmp_path, ("app.log",))
    logs.write(_LONG, "1")
    assert logs.arrived()
    os.truncate(logs.app, 0)
    logs.write("2")
    assert logs.arrived()
    logs.agent.crash()


@pytest.mark.parametrize("read", [False, True])
def test_a_copy_that_is_compressed_at_once(logs: Logs, read: bool, caplog: pytest.LogCaptureFixture) -> None:
    logs.write(_LONG, "1")
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
    logs = Logs(tmp_path, ("app.log*",))
    for number in range(200):
        logs.write(str(number))
        logs.app.rename(logs.folder / f"app.log.{number + 1}")
    began = time.process_time()
    assert logs.arrived()
    # It took over a minute, and takes a second.
    assert time.process_time() - began < 20
    logs.agent.crash()
