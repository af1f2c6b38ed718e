"""Lines without an end, lines without a measure, and more files than may be open."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

from logd import chunk
from logd.agent import follow, tail
from logd.chunk import MAX_CHUNK_LINES, MAX_VALUE_BYTES
from tests.support.agent import Start, append


def test_crlf_is_kept(app: Path, start: Start) -> None:
    append(app, b"a\r\n\r\nb\r\n")
    agent = start()
    assert agent.settle() == [b"a\r", b"\r", b"b\r"]
    assert chunk.decompress(agent.target.chunks[0].value) == b"a\r\n\r\nb\r\n"


def test_no_final_newline(app: Path, start: Start) -> None:
    append(app, b"a\nb")
    agent = start(partial_line_seconds=5.0)
    assert agent.settle() == [b"a"]
    agent.round(4.0)
    assert agent.target.texts == [b"a", b"b"]
    agent.restart()
    append(app, b"\nc\n")
    assert agent.settle() == [b"a", b"b", b"c"]
    assert [line.position for line in agent.target.lines] == [0, 2, 4]


def test_behind_by_bytes_and_seconds_agree(app: Path, start: Start) -> None:
    append(app, b"a\n")
    agent = start(batch_seconds=0.0)
    cargo = agent.follower.round().cargo
    agent.clock.seconds += 1.0
    agent.follower.round()
    (file,) = agent.follower.files()
    assert (file["offset"], file["behind_bytes"], file["behind_seconds"]) == (0, 2, 1.0)
    agent.ship(cargo)
    agent.follower.store([])
    (file,) = agent.follower.files()
    assert (file["offset"], file["behind_bytes"], file["behind_seconds"]) == (2, 0, 0.0)


def test_an_unfinished_line_is_held_while_it_grows(app: Path, start: Start) -> None:
    agent = start(partial_line_seconds=5.0)
    for _ in range(10):
        append(app, b"x")
        agent.round(4.0)
    assert agent.target.texts == []
    append(app, b"\n")
    assert agent.settle() == [b"x" * 10]


@pytest.mark.parametrize("ending", [b"\n", b"\r\n"])
def test_a_newline_that_comes_late_is_no_line(app: Path, start: Start, ending: bytes) -> None:
    append(app, b"a")
    agent = start(partial_line_seconds=0.0)
    agent.settle()
    append(app, ending)
    agent.settle()
    append(app, b"\nb\n")
    assert agent.settle() == [b"a", b"", b"b"]


def test_the_rest_of_a_line_that_was_shipped(app: Path, start: Start) -> None:
    append(app, b"begun")
    agent = start(partial_line_seconds=1.0)
    agent.settle()
    append(app, b" and ended\nb\n")
    assert agent.settle() == [b"begun", b" and ended", b"b"]


def test_a_line_over_the_limit_is_cut(app: Path, start: Start) -> None:
    append(app, b"before\n" + b"x" * 3000 + b"\nafter\n" + b"y" * 1024 + b"\n")
    agent = start(max_line_bytes=1024, tags=["web"])
    assert agent.settle() == [b"before", b"x" * 1024, b"after", b"y" * 1024]
    assert [line.position for line in agent.target.lines] == [0, 7, 3008, 3014]
    cut = agent.target.chunks[1]
    assert (cut.offset, cut.end, cut.lines, cut.events, cut.tags) == (7, 3008, 1, True, ("web", "cut"))
    assert [item.tags for item in agent.target.chunks if item is not cut] == [("web",), ("web",)]
    assert (agent.follower.counts.cut_lines, agent.follower.counts.cut_bytes) == (1, 3001 - 1024)


@pytest.mark.parametrize("size", [tail.BLOCK_BYTES - 1, tail.BLOCK_BYTES, tail.BLOCK_BYTES + 1, 5 * tail.BLOCK_BYTES])
@pytest.mark.parametrize("limit", [1024, 1 << 20])
def test_lines_around_the_size_of_a_block(app: Path, start: Start, size: int, limit: int) -> None:
    append(app, b"a\n" + b"x" * size + b"\nb\n" + b"y" * (size - 3) + b"\nc\n")
    agent = start(max_line_bytes=limit)
    assert agent.settle() == [b"a", (b"x" * size)[:limit], b"b", (b"y" * (size - 3))[:limit], b"c"]
    positions = [line.position for line in agent.target.lines]
    assert positions == [0, 2, size + 3, size + 5, 2 * size + 3]


def test_a_line_that_never_ends_isnt_held_in_memory(app: Path, start: Start) -> None:
    agent = start(max_line_bytes=1024, partial_line_seconds=5.0)
    for _ in range(20):
        append(app, b"x" * (1 << 20))
        while agent.round():
            pass
        assert sum(len(held.held) for held in agent.follower.tails) == 0
    assert agent.target.texts == []
    append(app, b"\nb\n")
    assert agent.settle() == [b"x" * 1024, b"b"]
    assert agent.follower.counts.read_bytes < 22 << 20


def test_a_long_line_without_its_end(app: Path, start: Start) -> None:
    append(app, b"x" * (1 << 20))
    agent = start(max_line_bytes=1024, partial_line_seconds=1.0)
    assert agent.settle() == [b"x" * 1024]
    append(app, b"rest\nb\n")
    assert agent.settle()[1:] == [b"rest", b"b"]


def test_a_line_that_doesnt_compress_is_cut_to_fit_a_chunk(app: Path, start: Start) -> None:
    noise = random.Random(1).randbytes(3 << 20).replace(b"\n", b".")
    append(app, noise + b"\nb\n")
    agent = start(max_line_bytes=64 << 20)
    found = agent.settle()
    assert len(found[0]) > MAX_VALUE_BYTES * 0.8
    assert noise.startswith(found[0])
    assert found[1:] == [b"b"]
    assert agent.target.chunks[0].tags == ("cut",)


def test_chunks_are_closed_at_a_thousand_lines(app: Path, start: Start) -> None:
    append(app, b"".join(b"%0120d\n" % number for number in range(2500)))
    agent = start(batch_seconds=0.5)
    agent.round(0.0)
    assert [item.lines for item in agent.target.chunks] == [MAX_CHUNK_LINES, MAX_CHUNK_LINES]
    agent.round(0.5)
    assert [item.lines for item in agent.target.chunks] == [MAX_CHUNK_LINES, MAX_CHUNK_LINES, 500]
    assert agent.target.texts == [b"%0120d" % number for number in range(2500)]


def test_a_quiet_line_waits_no_longer_than_batch_seconds(app: Path, start: Start) -> None:
    agent = start(batch_seconds=0.5)
    append(app, b"a\n")
    agent.settle()
    append(app, b"b\n")
    agent.round(0.25)
    append(app, b"c\n")
    agent.round(0.25)
    assert agent.target.texts == [b"a"]
    agent.round(0.25)
    assert agent.target.texts == [b"a", b"b", b"c"]


def test_a_busy_file_leaves_the_others_their_turn(app: Path, start: Start) -> None:
    append(app, (b"busy" * 70 + b"\n") * 100_000)
    quiet = [app.with_name(f"quiet{number}.log") for number in range(5)]
    for path in quiet:
        append(path, b"quiet\n")
    agent = start(batch_seconds=0.0)
    assert agent.round()
    assert agent.target.texts.count(b"quiet") == 5
    read = agent.follower.counts.read_bytes
    assert follow.ROUND_BYTES * 0.8 < read < follow.ROUND_BYTES * 1.3
    agent.settle()
    assert len(agent.target.lines) == 100_005


def test_memory_is_bounded_over_all_files(tmp_path: Path, start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(follow, "HELD_BYTES", 10_000)
    agent = start(batch_seconds=1e6)
    for number in range(20):
        append(tmp_path / "logs" / f"{number}.log", b"x" * 900 + b"\n")
    agent.round(2.0)
    assert len(agent.target.lines) == 20


@pytest.mark.parametrize("limit", [1, 3])
def test_open_files_are_bounded(tmp_path: Path, start: Start, limit: int) -> None:
    agent = start(max_open_files=limit)
    logs = tmp_path / "logs"
    assert open_below(logs) == 0
    for turn in range(3):
        for number in range(10):
            append(logs / f"{number}.log", b"%d %d\n" % (number, turn))
        for _ in range(4):
            agent.round(0.6)
            assert open_below(logs) <= limit
    assert sorted(agent.target.texts) == sorted(b"%d %d" % (n, t) for n in range(10) for t in range(3))
    # Renamed while they are closed.
    for number in range(10):
        append(logs / f"{number}.log", b"%d last\n" % number)
        (logs / f"{number}.log").rename(logs / f"{number}.log.1")
    agent.settle()
    assert len(agent.target.lines) == 40


def open_below(folder: Path) -> int:
    links = [f"/proc/self/fd/{fd}" for fd in os.listdir("/proc/self/fd")]
    return sum(os.readlink(link).startswith(str(folder)) for link in links if os.path.lexists(link))


def test_an_unreadable_file_becomes_readable(app: Path, start: Start, caplog: pytest.LogCaptureFixture) -> None:
    # Root may read everything, but nobody can follow this.
    app.symlink_to(app)
    agent = start()
    agent.settle()
    agent.settle()
    assert agent.follower.unreadable() == {str(app): "Too many levels of symbolic links"}
    assert len([record for record in caplog.records if "can't be read" in record.message]) == 1
    app.unlink()
    append(app, b"a\n")
    assert agent.settle() == [b"a"]
    assert agent.follower.unreadable() == {}


def test_what_is_no_file(app: Path, start: Start) -> None:
    os.mkfifo(app)
    app.with_name("folder.log").mkdir()
    app.with_name("dangling.log").symlink_to("nowhere")
    append(app.with_name("real.log"), b"a\n")
    assert start().settle() == [b"a"]


def test_files_of_which_little_comes_are_sent_together(app: Path, start: Start) -> None:
    logs = [app.with_name(f"{number}.log") for number in range(3)]
    for log in logs:
        append(log, b"begun\n")
    agent = start()
    agent.settle()
    sent, rounds = len(agent.target.chunks), 0
    for log in logs:
        append(log, b"more\n")
        agent.round(0.25)
    while len(agent.target.chunks) == sent:
        agent.round(0.25)
        rounds += 1
    assert len(agent.target.chunks) == sent + 3
    assert rounds <= 3


def test_the_next_round_waits_until_what_is_held_is_due(app: Path, start: Start) -> None:
    append(app, b"begun\n")
    agent = start(batch_seconds=1.0)
    agent.settle()
    append(app, b"first\n")
    found = agent.follower.round()
    assert (found.cargo, found.more) == ([], False)
    if agent.follower.hints_fd is None:
        assert found.not_before == agent.clock.monotonic() + 0.25
    else:
        assert found.not_before == agent.clock.monotonic() + 1.0
    agent.clock.seconds += 1.0
    append(app, b"second\n")
    found = agent.follower.round()
    assert [item.batch.lines for item in found.cargo] == [2]
    assert found.not_before == agent.clock.monotonic() + 0.25
