"""Files are copied, truncated and renamed while the agent looks, or get others' inodes: every line comes once."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from logd.agent import rotated
from logd.agent.batches import Cargo
from logd.agent.copies import UNDECIDED_SECONDS
from logd.agent.tail import Tail
from tests.support.agent import append
from tests.support.copied import LONG, Copied

pytestmark = pytest.mark.usefixtures("watch")


def test_a_look_at_each_moment_of_a_copy(logs: Copied, first: str) -> None:
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


def test_a_look_at_a_copy_while_it_is_not_known_of_the_truncation_before(logs: Copied, first: str) -> None:
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


def test_truncated_during_a_read(logs: Copied, first: str, monkeypatch: pytest.MonkeyPatch) -> None:
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
    logs: Copied, first: str, monkeypatch: pytest.MonkeyPatch
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


def test_files_are_renamed_while_they_are_looked_for(
    tmp_path: Path, first: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    logs = Copied(tmp_path, ("app.log",))
    for number in range(3):
        logs.write(f"{number}" + "." * (3 - number) + first)
        assert logs.arrived()
        logs.copytruncate()
        assert logs.arrived()
    find_inode = rotated.find_inode
    shifts = 0

    def find_and_shift(folder: str, key: tuple[int, int]) -> object:
        nonlocal shifts
        found = find_inode(folder, key)
        if shifts < 10:
            shifts += 1
            logs.shift()
        return found

    # The path is another file's by the time that it is looked at.
    monkeypatch.setattr(rotated, "find_inode", find_and_shift)
    logs.shift()
    for _ in range(6):
        logs.agent.round(1.1)
    assert shifts
    logs.write("4")
    assert logs.arrived()
    logs.agent.crash()


def test_another_file_has_a_copys_name_while_it_is_compared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    logs = Copied(tmp_path, ("app.log*",))
    logs.write("0")
    assert logs.arrived()
    logs.app.rename(logs.folder / "app.log.1")
    logs.copies = 1
    logs.write(LONG, "1")
    assert logs.arrived()
    siblings = logs.agent.follower._roster.copies.siblings
    may_be_copy = siblings._may_be_copy
    asked: list[str] = []

    def swap_and_ask(path: str, inode: int) -> bool:
        at = logs.folder / "app.log.1"
        if path != str(at):
            return may_be_copy(path, inode)
        asked.append(path)
        aside = at.rename(logs.folder / "aside")
        (logs.folder / "app.log.2").rename(at)
        found = may_be_copy(path, inode)
        at.rename(logs.folder / "app.log.2")
        aside.rename(at)
        return found

    monkeypatch.setattr(siblings, "_may_be_copy", swap_and_ask)
    logs.copy()
    logs.agent.round(2.0)
    monkeypatch.undo()
    assert asked
    os.truncate(logs.app, 0)
    logs.write("2")
    assert logs.arrived()
    logs.agent.crash()


def test_a_copy_beside_a_deleted_file_that_was_closed(tmp_path: Path) -> None:
    logs = Copied(tmp_path, ("app.log*",), max_open_files=1)
    logs.write(LONG, "1")
    assert logs.arrived()
    logs.copytruncate()
    logs.write("2" + LONG)
    assert logs.arrived()
    logs.app.unlink()
    assert logs.arrived()
    logs.write("3" + LONG)
    logs.copy()
    logs.agent.round(1.1)
    os.truncate(logs.app, 0)
    logs.write("4")
    assert logs.arrived()
    logs.agent.crash()


@pytest.mark.parametrize("looks", [False, True])
def test_a_copy_has_the_inode_of_a_file_that_was_closed(tmp_path: Path, looks: bool) -> None:
    logs = Copied(tmp_path, ("app.log*",), max_open_files=1)
    logs.write("0" + LONG)
    assert logs.arrived()
    logs.app.rename(logs.folder / "app.log.1")
    logs.write("1" + LONG)
    assert logs.arrived()
    # As when the old one was deleted, and a new one was given its inode.
    shutil.copyfile(logs.app, logs.folder / "app.log.1")
    if looks:
        logs.agent.round(2.0)
    os.truncate(logs.app, 0)
    logs.write("2")
    assert logs.arrived()
    logs.agent.crash()


def test_a_copy_has_the_inode_of_an_empty_file_that_was_closed(tmp_path: Path) -> None:
    logs = Copied(tmp_path, ("app.log*", "other.log"), max_open_files=1)
    logs.write("0")
    assert logs.arrived()
    os.truncate(logs.app, 0)
    append(logs.folder / "other.log", b"1\n")
    logs.written.append(b"1")
    assert logs.arrived()
    logs.app.rename(logs.folder / "app.log.1")
    logs.write(LONG, "2")
    (logs.folder / "app.log.1").write_bytes(logs.app.read_bytes())
    logs.agent.round(2.0)
    os.truncate(logs.app, 0)
    logs.write("3")
    assert logs.arrived()
    logs.agent.crash()


def test_a_short_copy_of_a_file_at_which_nobody_looked_for_long(logs: Copied) -> None:
    logs.write("1")
    assert logs.arrived()
    logs.copy()
    logs.agent.round(1.1)
    os.truncate(logs.app, 0)
    # As on a host that was asleep.
    logs.agent.round(UNDECIDED_SECONDS + 1)
    logs.write("2")
    assert logs.arrived()


def test_an_empty_file_is_written_to_and_truncated_between_the_look_and_the_read(
    logs: Copied, first: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    logs.write(first, "1")
    assert logs.arrived()
    logs.copytruncate()
    assert logs.arrived()
    logs.write("2" + first)
    read = Tail.read

    def rotate_and_read(tail: Tail, fd: int, now: float, observed_us: int) -> list[Cargo]:
        if tail.path == str(logs.app):
            monkeypatch.undo()
            logs.copytruncate()
            logs.write("3" + first)
        return read(tail, fd, now, observed_us)

    monkeypatch.setattr(Tail, "read", rotate_and_read)
    assert logs.arrived()
    assert logs.copies == 2
