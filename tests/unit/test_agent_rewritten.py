"""A followed file is written anew and isn't shorter, and begins as it did: nothing of it is taken for what was read."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from logd.agent.follow import ROUND_BYTES
from logd.agent.identity import ANCHOR_BYTES, FINGERPRINT_BYTES
from logd.agent.looks import GIVE_UP_SECONDS
from tests.support.agent import Driver, append, config_of

pytestmark = pytest.mark.usefixtures("watch")

#: What every one of the files begins with: more than their fingerprint tells apart.
_HEADING = b"a banner " * 150


class Logs:
    """`app.log`, followed."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        self.folder = folder / "logs"
        self.app = self.folder / "app.log"
        self.agent = Driver(config_of(folder, ("app.log",), **settings))
        self.written: list[bytes] = []
        self.encoding = str(settings.get("encoding", "utf-8"))

    def write(self, *texts: str) -> None:
        """Appends lines; the first of a file has the heading."""
        for text in texts:
            new = not self.app.exists() or not self.app.stat().st_size
            line = (_HEADING if new else b"") + text.encode()
            append(self.app, (line + b"\n").decode().encode(self.encoding))
            self.written.append(line)

    def write_anew(self, *texts: str) -> None:
        os.truncate(self.app, 0)
        self.write(*texts)

    def stop(self, stopped: bool) -> None:
        if stopped:
            self.agent.crash()

    def start(self, stopped: bool) -> None:
        if stopped:
            self.agent.start()

    def arrived(self) -> bool:
        """Every line that was written arrived once, and nothing else did."""
        found = self.agent.settle()
        assert sorted(found) == sorted(self.written)
        assert self.agent.follower.counts.lost_bytes == 0
        for source_id in {line.source_id for line in self.agent.target.lines}:
            positions = [line.position for line in self.agent.target.lines if line.source_id == source_id]
            assert positions == sorted(set(positions))
        return True


@pytest.fixture
def logs(watch: str, tmp_path: Path) -> Iterator[Logs]:
    found = Logs(tmp_path)
    yield found
    found.agent.crash()


@pytest.fixture(params=[False, True], ids=["running", "stopped"])
def stopped(request: pytest.FixtureRequest) -> bool:
    """No agent runs while it happens."""
    return bool(request.param)


@pytest.mark.parametrize(
    "texts",
    [("3", "4"), ("3", "4", "5"), ("3", "a line that is longer than all before", "5"), tuple(map(str, range(10, 900)))],
    ids=["same size", "longer", "other lines", "many"],
)
def test_written_anew(logs: Logs, stopped: bool, texts: tuple[str, ...]) -> None:
    logs.write("1", "2")
    assert logs.arrived()
    logs.stop(stopped)
    logs.write_anew(*texts)
    os.utime(logs.app, ns=(1, 1))
    logs.start(stopped)
    assert logs.arrived()
    assert len({line.source_id for line in logs.agent.target.lines}) == 2
    assert logs.agent.follower.counts.truncations == (not stopped)


def test_written_anew_with_lines_of_one_length(logs: Logs, stopped: bool) -> None:
    """Only the time before a long message is another one."""
    message = "x" * 700
    logs.write(*(f"{number:03d} {message}" for number in range(100)))
    assert logs.arrived()
    logs.stop(stopped)
    logs.write_anew(*(f"{number:03d} {message}" for number in range(100, 210)))
    logs.start(stopped)
    assert logs.arrived()


def test_written_anew_again_and_again(logs: Logs, stopped: bool) -> None:
    for number in range(20):
        logs.write_anew(f"{number:03d}", "end") if number else logs.write(f"{number:03d}", "end")
        os.utime(logs.app, ns=(number, number))
        assert logs.arrived()
        if stopped:
            logs.agent.restart()
            assert logs.arrived()


@pytest.mark.parametrize(
    "settings", [{"batch_seconds": 10.0}, {"multiline_continuation": r"\t", "multiline_seconds": 10.0}]
)
def test_written_anew_while_lines_are_held(tmp_path: Path, stopped: bool, settings: dict[str, Any]) -> None:
    """What is held is the end of what it was, or, when it wasn't sent before the stop, lost with the file."""
    logs = Logs(tmp_path, **settings)
    logs.write("1")
    logs.agent.round(1.1)
    logs.agent.round(11.0)
    logs.write("2", "3")
    held = 2 - logs.agent.settle().count(b"2")
    assert held
    if stopped:
        logs.agent.crash()
        del logs.written[-held:]
    logs.write_anew("4", "5", "6", "7")
    logs.start(stopped)
    for _ in range(3):
        logs.agent.round(11.0)
    assert logs.arrived()
    logs.agent.crash()


def test_written_anew_while_what_was_sent_may_not_have_arrived(logs: Logs, caplog: pytest.LogCaptureFixture) -> None:
    logs.write("1")
    assert logs.arrived()
    logs.write("2")
    logs.agent.clock.seconds += 1
    cargo = logs.agent.follower.round().cargo
    while not cargo:
        logs.agent.clock.seconds += 1
        cargo = logs.agent.follower.round().cargo
    logs.agent.follower.store(cargo)
    logs.agent.crash()
    logs.written.pop()
    logs.write_anew("3", "4", "5")
    logs.agent.start()
    assert logs.agent.follower.counts.lost_bytes == 2
    assert "2 bytes that may not have arrived" in caplog.text
    assert sorted(logs.agent.settle()) == sorted(logs.written)


def test_what_was_not_read_is_counted(logs: Logs, caplog: pytest.LogCaptureFixture) -> None:
    logs.write("1")
    assert logs.arrived()
    append(logs.app, (b"y" * 999 + b"\n") * (ROUND_BYTES // 500))
    assert logs.agent.round()
    (tail,) = logs.agent.follower.tails
    unread, size = tail.size - tail.read_position, tail.size
    assert unread > 0
    logs.write_anew("2")
    append(logs.app, (b"z" * 999 + b"\n") * (size // 1000))
    os.utime(logs.app, ns=(1, 1))
    found = logs.agent.settle()
    assert found.count(b"z" * 999) == size // 1000
    assert logs.written[-1] in found
    assert logs.agent.follower.counts.lost_bytes == unread
    assert f"{unread} bytes of it were read" in caplog.text


def test_the_inode_is_that_of_a_deleted_file(logs: Logs, stopped: bool) -> None:
    """Where the file system doesn't reuse inodes at once, this is a plain deletion."""
    logs.write("0")
    assert logs.arrived()
    for number in range(1, 4):
        if not stopped:
            logs.app.unlink()
            logs.agent.round()
            logs.agent.round(GIVE_UP_SECONDS + 1)
            logs.agent.round()
            assert logs.agent.follower.tails == []
        else:
            logs.agent.crash()
            logs.app.unlink()
        logs.write(*map(str, range(number, 3 * number)))
        logs.start(stopped)
        assert logs.arrived()


def test_copied_and_truncated_with_the_same_heading(logs: Logs, stopped: bool) -> None:
    """An older copy, of which all was read, begins like the one in which it goes on."""
    logs.write("1", "2")
    shutil.copyfile(logs.app, logs.folder / "app.log.2")
    assert logs.arrived()
    os.truncate(logs.app, 0)
    assert logs.arrived()
    logs.write("3", "4")
    assert logs.arrived()
    logs.stop(stopped)
    logs.write("5")
    shutil.copyfile(logs.app, logs.folder / "app.log.1")
    logs.write_anew("6", "7", "8", "9")
    logs.start(stopped)
    assert logs.arrived()


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_two_bytes_a_character(tmp_path: Path, stopped: bool, encoding: str) -> None:
    logs = Logs(tmp_path, encoding=encoding)
    logs.write("1", "2")
    assert logs.arrived()
    logs.write("3")
    assert logs.arrived()
    logs.stop(stopped)
    logs.write_anew("4", "5", "6", "7")
    logs.start(stopped)
    assert logs.arrived()
    logs.agent.crash()


def test_long_lines_and_lines_without_an_end(tmp_path: Path, stopped: bool) -> None:
    logs = Logs(tmp_path, max_line_bytes=1 << 22, partial_line_seconds=5.0)
    texts = ["1", "y" * 3_000_000, "2" * 100]
    logs.write(*texts)
    append(logs.app, b"half")
    logs.written.append(b"half")
    logs.agent.settle()
    logs.agent.round(6.0)
    assert logs.arrived()
    append(logs.app, b" a line\n")
    logs.written.append(b" a line")
    assert logs.arrived()
    logs.stop(stopped)
    logs.write_anew("3", texts[1], "4" * 100, "5 longer than half a line")
    logs.start(stopped)
    assert logs.arrived()
    logs.agent.crash()


def test_from_the_end(tmp_path: Path, stopped: bool) -> None:
    """Nothing was read yet."""
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "app.log").write_bytes(_HEADING + b"0\n")
    logs = Logs(tmp_path, read_from="end")
    assert logs.arrived()
    logs.stop(stopped)
    logs.write_anew("1", "2")
    logs.start(stopped)
    assert logs.arrived()
    logs.agent.crash()


@pytest.mark.parametrize("footer", [b"]\n", b"</log>\n"])
def test_a_footer_that_is_written_over(logs: Logs, stopped: bool, footer: bytes) -> None:
    """It is the same file: it isn't read again."""
    logs.write(*(f"line {number}" for number in range(3000)))
    append(logs.app, footer)
    before = len(logs.agent.settle())
    for number in range(3):
        logs.stop(stopped)
        with logs.app.open("r+b") as file:
            file.seek(-len(footer), os.SEEK_END)
            file.write(b"," * len(footer[:-1]) + b"\nmore\n" + footer)
        logs.start(stopped)
        assert len(logs.agent.settle()) == before + 2 * (number + 1)
    assert len({line.source_id for line in logs.agent.target.lines}) == 1


def test_a_file_that_has_not_changed_is_not_read(logs: Logs, monkeypatch: pytest.MonkeyPatch) -> None:
    logs.write("1")
    assert logs.arrived()
    read: list[int] = []
    pread = os.pread

    def counted(fd: int, length: int, position: int) -> bytes:
        read.append(length)
        return pread(fd, length, position)

    monkeypatch.setattr(os, "pread", counted)
    for _ in range(100):
        logs.agent.round(1.0)
    assert read == []
    logs.write("2")
    assert logs.arrived()
    assert sum(length in (FINGERPRINT_BYTES, ANCHOR_BYTES) for length in read) <= 4
