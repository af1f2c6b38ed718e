"""The spool on disk: order, restarts, limits, and what a cut or damaged file costs."""

from __future__ import annotations

import os
import random
import re
from pathlib import Path

import msgspec
import pytest

from logd.agent import spool as spool_module
from logd.agent.spool import Spool
from logd.chunk import Chunk, compress
from logd.errors import BadRequest, ConfigError, Unavailable
from tests.support.agent import lines_of
from tests.support.disk import full_disk, small_disk

_MIB = 1024 * 1024
_LARGE = 1 << 40


def chunk_of(first: int, last: int, source_id: str = "0" * 16) -> Chunk:
    """Lines of 100 bytes that barely compress, `first` to before `last`, at their place."""
    texts = [f"{number:06d} {random.Random(number).randbytes(46).hex()}\n" for number in range(first, last)]
    assert {len(text) for text in texts} == {100}
    return Chunk(
        service="s",
        host="h",
        source="/app.log",
        source_id=source_id,
        offset=first * 100,
        end=last * 100,
        lines=last - first,
        observed_us=1_764_000_000_000_000 + first,
        value=compress("".join(texts).encode()),
        tags=("a", "ü"),
        fields={"k": 1},
    )


def spool_of(folder: Path, max_bytes: int = _LARGE, drop_oldest: bool = False) -> Spool:
    return Spool(folder, max_bytes, drop_oldest)


def drain(spool: Spool, most: int = 7) -> list[int]:
    """The numbers of the lines that are sent, after checking that they are at their place."""
    numbers: list[int] = []
    while waiting := spool.peek(most, _MIB):
        for item in waiting.chunks:
            found = [int(line.text[:6]) for line in lines_of(item)]
            assert [line.position for line in lines_of(item)] == [number * 100 for number in found]
            numbers += found
        spool.sent(waiting)
    return numbers


def files(folder: Path) -> list[Path]:
    return sorted((folder / "spool").iterdir())


def fill(spool: Spool, chunks: int, first: int = 0) -> int:
    """Appends chunks of 100 lines, five at a time; gives the number of the line behind."""
    for at in range(first, first + chunks, 5):
        spool.append([chunk_of(number * 100, number * 100 + 100) for number in range(at, min(at + 5, first + chunks))])
    return (first + chunks) * 100


def test_chunks_come_back_as_they_were_and_in_order(tmp_path: Path) -> None:
    spool = spool_of(tmp_path)
    assert not spool.waiting
    assert spool.peek(10, _MIB) is None
    chunks = [chunk_of(0, 10), chunk_of(0, 5, "f" * 16), chunk_of(10, 1000)]
    spool.append(chunks[:2])
    spool.append(chunks[2:])
    assert (spool.lines, spool.oldest_us) == (1005, chunks[0].observed_us)
    waiting = spool.peek(10, 10 * _MIB)
    assert waiting is not None
    assert waiting.chunks == chunks
    spool.sent(waiting)
    assert (spool.waiting, spool.lines, spool.bytes, spool.oldest_us) == (False, 0, 0, None)
    assert files(tmp_path) == []


@pytest.mark.parametrize("file_bytes", [1, 20_000, 10 * _MIB])
@pytest.mark.parametrize("restarts", [1, 4])
def test_what_was_appended_outlives_the_process(
    tmp_path: Path, file_bytes: int, restarts: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spool_module, "FILE_BYTES", file_bytes)
    end, sent = 0, []
    for turn in range(restarts):
        spool = spool_of(tmp_path)
        end = fill(spool, 30, turn * 30)
        waiting = spool.peek(4, _MIB)
        assert waiting is not None
        sent += [int(line.text[:6]) for item in waiting.chunks for line in lines_of(item)]
        spool.sent(waiting)
        assert spool.lines == end - len(sent)
    spool = spool_of(tmp_path)
    assert spool.lines == end - len(sent)
    assert sent + drain(spool) == list(range(end))
    assert spool.counts.damaged_lines == 0
    assert files(tmp_path) == []


def test_what_is_here_already_is_left_out(tmp_path: Path) -> None:
    """A process that was killed before it had noted that its chunks are safe gives them again."""
    spool_of(tmp_path).append([chunk_of(0, 10), chunk_of(10, 20)])
    spool = spool_of(tmp_path)
    spool.append([chunk_of(0, 10), chunk_of(10, 20), chunk_of(20, 30), chunk_of(0, 3, "1" * 16)])
    assert drain(spool) == [*range(30), 0, 1, 2]
    spool.append([chunk_of(0, 10)])
    assert spool.lines == 10, "once all was sent nothing is remembered: the target knows"


def test_a_chunk_that_no_server_would_take_stays_out(tmp_path: Path) -> None:
    spool = spool_of(tmp_path)
    wrong = msgspec.structs.replace(chunk_of(0, 10), fields={"k": "x" * 200_000})
    with pytest.raises(BadRequest):
        spool.append([chunk_of(0, 10, "1" * 16), wrong])
    assert not spool.waiting


def test_when_it_is_full_it_takes_no_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spool_module, "FILE_BYTES", 100_000)
    spool = spool_of(tmp_path, max_bytes=500_000)
    taken = 0
    with pytest.raises(Unavailable, match=r"is full: 4\d+ bytes wait, and agent\.spool_max_bytes is 500000"):
        fill(spool, 1_000)
    taken = spool.lines
    assert sum(path.stat().st_size for path in files(tmp_path)) <= 500_000
    waiting = spool.peek(100, _MIB)
    assert waiting is not None
    spool.sent(waiting)
    spool.append([chunk_of(taken, taken + 100)])
    assert drain(spool) == list(range(len(waiting.chunks) * 100, taken + 100))
    assert spool.counts.overflowed_lines == 0


def test_when_it_is_full_it_drops_its_oldest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(spool_module, "FILE_BYTES", 100_000)
    spool = spool_of(tmp_path, max_bytes=500_000, drop_oldest=True)
    end = fill(spool, 50)
    in_flight = spool.peek(1, _MIB)
    assert in_flight is not None
    end = fill(spool, 50, 50)
    spool.sent(in_flight)  # dropped meanwhile
    assert sum(path.stat().st_size for path in files(tmp_path)) <= 500_000
    rest = drain(spool)
    assert rest == list(range(end - len(rest), end))
    assert len(rest) > 5_000
    assert spool.counts.overflowed_lines == end - len(rest)
    assert "lines are dropped, as agent.spool_when_full says" in caplog.text


@pytest.mark.parametrize("part", [0.0, 0.004, 0.3, 0.5, 0.77, 0.999])
def test_a_file_that_was_cut(tmp_path: Path, part: float, caplog: pytest.LogCaptureFixture) -> None:
    fill(spool_of(tmp_path), 20)
    end = fill(spool_of(tmp_path), 20, 20)
    (first, _) = files(tmp_path)
    os.truncate(first, int(first.stat().st_size * part))
    spool = spool_of(tmp_path)
    found = drain(spool)
    whole = len(found) - 2_000
    assert found == [*range(whole), *range(2_000, end)]
    assert abs(whole - 2_000 * part) <= 100, "frames are nearly of one size"
    if part > 0.004:  # else its header is gone as well, which knows how many there were
        assert spool.counts.damaged_lines == 2_000 - whole
        assert f"bytes are missing; {2_000 - whole} lines of it are lost, {whole} are sent" in caplog.text
    assert files(tmp_path) == []


@pytest.mark.parametrize("seed", range(30))
def test_a_file_with_changed_bytes(tmp_path: Path, seed: int) -> None:
    """Whatever is damaged, the rest arrives in order, nothing else does, and what is lost is counted."""
    chance = random.Random(seed)
    end = fill(spool_of(tmp_path), 40)
    (path,) = files(tmp_path)
    data = bytearray(path.read_bytes())
    for _ in range(chance.choice((1, 3, 10))):
        at = chance.randrange(48, len(data))
        length = min(chance.choice((1, 50, 5_000)), len(data) - at)
        data[at : at + length] = chance.randbytes(length)
    path.write_bytes(data)
    spool = spool_of(tmp_path)
    found = drain(spool)
    assert found == sorted(set(found))
    assert len(found) + spool.counts.damaged_lines == end
    assert len(found) < end
    assert not spool.waiting


def test_a_damaged_header_costs_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    end = fill(spool_of(tmp_path), 20)
    (path,) = files(tmp_path)
    data = bytearray(path.read_bytes())
    data[9] ^= 1
    path.write_bytes(data)
    spool = spool_of(tmp_path)
    assert spool.lines == end
    assert drain(spool) == list(range(end))
    assert re.search(r"header is damaged.*; 0 lines of it are lost, 2000 are sent", caplog.text)


def test_what_was_being_written_is_taken_where_it_is_whole(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """As after a power cut, or a kill between the sync and the note."""
    spool = spool_of(tmp_path)
    fill(spool, 5)
    (path,) = files(tmp_path)
    header = path.read_bytes()[:48]
    fill(spool, 5, 5)
    data = path.read_bytes()
    for cut in (0, 1, 5_000):
        path.write_bytes(header[:44] + data[44 : len(data) - cut])
        other = spool_of(tmp_path)
        assert other.lines == (1_000 if not cut else 900)
    assert drain(other) == list(range(900))
    assert other.counts.damaged_lines == 0
    assert caplog.text == ""


def test_a_file_that_somebody_removed(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    spool = spool_of(tmp_path)
    fill(spool, 5)
    files(tmp_path)[0].unlink()
    assert drain(spool) == []
    assert spool.counts.damaged_lines == 500
    assert "500 lines of it are lost" in caplog.text
    fill(spool, 5)
    assert drain(spool) == list(range(500))


def test_a_folder_that_cant_be_used(tmp_path: Path) -> None:
    (tmp_path / "spool").mkdir()
    (tmp_path / "spool" / "000000000001.spool").mkdir()
    with pytest.raises(ConfigError, match=r"the agent's spool .*/spool can't be opened: is a directory"):
        spool_of(tmp_path)


def test_a_disk_that_is_full(tmp_path: Path) -> None:
    """What couldn't be written isn't there, and what was is; with room it goes on."""
    spool = spool_of(tmp_path)
    end = fill(spool, 20)
    more = [chunk_of(at, at + 1_000) for at in range(end, end + 4_000, 1_000)]
    with full_disk(files(tmp_path)[0].stat().st_size + 3_000):
        for _ in range(3):
            with pytest.raises(Unavailable, match="can't be written"):
                spool.append(more)
    again = spool_of(tmp_path)
    assert again.lines == end
    spool.append(more)
    assert drain(spool) == list(range(end + 4_000))


@pytest.mark.skipif(os.getuid() != 0, reason="only root can mount a disk")
def test_a_disk_that_the_spool_has_filled_empties_as_it_is_sent(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 16 * _MIB) as disk:
        spool = spool_of(disk.root)
        disk.fill(but_bytes=5 * _MIB)
        with pytest.raises(Unavailable, match="can't be written: no space left on device"):
            fill(spool, 1_000)
        safe = spool.lines
        assert spool_of(disk.root).lines == safe > 20_000
        assert drain(spool) == list(range(safe))
        assert files(disk.root) == []
        spool.append([chunk_of(0, 100)])
        assert drain(spool) == list(range(100))
