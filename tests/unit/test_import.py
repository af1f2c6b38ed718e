"""What `logd import` reads, and how it cuts it: whatever is in a file, each line once and in its order."""

from __future__ import annotations

import gzip
import io
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from logd.chunk import MAX_VALUE_BYTES, Chunk, decompress
from logd.cli import portions as cutting
from logd.cli.import_state import State
from logd.cli.inputs import Input, opened
from logd.cli.portions import HEAD_BYTES, Labels, Namer, portions
from logd.errors import Corrupt, NotFound

LABELS = Labels("s", "h", "f", "text/plain", 5)
TEXT = b"".join(b"line %d\n" % number for number in range(50_000))


def packed(kind: str, text: bytes) -> bytes:
    match kind:
        case "gzip":
            half = len(text) // 2
            return gzip.compress(text[:half]) + gzip.compress(text[half:]) + b"\0" * 512
        case "zstd":
            half = len(text) // 2
            return zstandard.compress(text[:half]) + zstandard.ZstdCompressor(3).compress(text[half:])
    return text


@pytest.mark.parametrize("kind", ["plain", "gzip", "zstd"])
@pytest.mark.parametrize("start", [0, 1, 300_000, len(TEXT)])
def test_reading(tmp_path: Path, kind: str, start: int) -> None:
    path = tmp_path / "file"
    path.write_bytes(packed(kind, TEXT))
    source = opened(str(path))
    blocks = list(source.blocks(start))
    assert b"".join(blocks) == TEXT[start:]
    assert all(blocks)
    assert b"".join(source.blocks()) == TEXT
    assert source.raw_position() == path.stat().st_size
    source.close()


@pytest.mark.parametrize("kind", ["gzip", "zstd"])
@pytest.mark.parametrize("damage", ["cut", "changed", "garbage behind"])
def test_damage_is_named_with_its_place(tmp_path: Path, kind: str, damage: str) -> None:
    whole = packed(kind, os.urandom(200_000) + TEXT)
    broken = {
        "cut": whole[: len(whole) - 700],
        "changed": whole[:250_000] + bytes(64) + whole[250_064:],
        "garbage behind": whole + b"garbage",
    }[damage]
    path = tmp_path / "file"
    path.write_bytes(broken)
    source = opened(str(path))
    before: list[bytes] = []
    with pytest.raises(Corrupt, match=rf"{path} can't be read beyond byte \d+: its {kind} stream is damaged: ."):
        before.extend(source.blocks())
    assert before
    source.close()


@pytest.mark.parametrize("magic", [b"\xfd7zXZ\0", b"BZh9", b"PK\x03\x04"])
def test_other_formats(tmp_path: Path, magic: bytes) -> None:
    (tmp_path / "file").write_bytes(magic + bytes(100))
    with pytest.raises(Corrupt, match="expected text, gzip or zstd"):
        opened(str(tmp_path / "file"))


def test_what_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="no such file"):
        opened(str(tmp_path / "none"))
    with pytest.raises(NotFound, match="is a directory"):
        opened(str(tmp_path))


def test_a_pipe(monkeypatch: pytest.MonkeyPatch) -> None:
    for kind in ("plain", "gzip", "zstd"):
        raw = io.BytesIO(packed(kind, TEXT))
        source = Input("-", raw, raw.read(8))
        assert not source.seekable
        assert source.identity() is None
        assert b"".join(source.blocks()) == TEXT


def lines_of(chunks: list[Chunk]) -> list[bytes]:
    return [line for chunk in chunks for line in decompress(chunk.value).splitlines(keepends=True)]


def blocks_of(text: bytes, size: int) -> Iterator[bytes]:
    return (text[at : at + size] for at in range(0, len(text), size))


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.binary(max_size=40).map(lambda line: line.replace(b"\n", b"")), max_size=60),
    st.integers(1, 100),
    st.integers(16, 64),
    st.booleans(),
)
def test_cutting(lines: list[bytes], block: int, target: int, ends: bool) -> None:
    text = b"".join(line + b"\n" for line in lines)
    text = text if ends else text[:-1]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cutting, "TARGET_BYTES", target)
        found = list(portions(blocks_of(text, block), 0, 15))
    places = [(portion.start, portion.end) for portion in found]
    assert [start for start, _ in places] == [0, *[end for _, end in places]][: len(places)]
    assert (places[-1][1] if places else 0) == len(text)
    for portion in found:
        original = text[portion.start : portion.end]
        if portion.cut:
            assert portion.text == original[:15].decode("utf-8", "ignore").encode() + b"\n"
            assert len(original) > target
        else:
            assert portion.text == original
            assert original.endswith(b"\n") or portion is found[-1]
    # Where one ends depends on the text from its beginning on, not on how it was read or where reading began.
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cutting, "TARGET_BYTES", target)
        for portion in found:
            again = list(portions(blocks_of(text[portion.end :], block + 3), portion.end, 15))
            assert again == found[found.index(portion) + 1 :]


def test_a_line_larger_than_memory_is_cut() -> None:
    huge = (b"x" * 1_000_000 for _ in range(40))
    text = [b"first\n", *huge, b"\nlast\n"]
    first, cut, last = portions(iter(text), 0, 4096)
    assert (first.text, last.text) == (b"first\n", b"last\n")
    assert cut.text == b"x" * 4096 + b"\n"
    assert (cut.start, cut.end) == (6, 6 + 40_000_000 + 1)
    (chunk,), _ = Namer(b"", LABELS).chunks(cut, 0, 4096)
    assert (chunk.tags, chunk.lines) == (("cut",), 1)


def test_a_line_that_hardly_compresses_fits_into_a_chunk() -> None:
    line = os.urandom(1_000_000).replace(b"\n", b"")
    (portion,) = portions(iter([line]), 0, 2_000_000)
    (chunk,), _ = Namer(b"", LABELS).chunks(portion, 0, 2_000_000)
    assert len(chunk.value) <= MAX_VALUE_BYTES
    assert chunk.tags == ("cut",)


def test_names_rise_and_are_those_of_the_content() -> None:
    (portion,) = portions(iter([TEXT]), 0, 4096)
    namer = Namer(TEXT[:HEAD_BYTES], LABELS)
    chunks, digest = namer.chunks(portion, 7, 4096)
    assert b"".join(lines_of(chunks)) == TEXT
    assert [chunk.offset for chunk in chunks] == [0, *[chunk.end for chunk in chunks[:-1]]]
    assert {chunk.source_id for chunk in chunks} == {namer.name(7, digest, 0)}
    assert {chunk.digest for chunk in chunks} == {digest}
    assert namer.name(7, digest, 0) < namer.name(8, "0" * 32, 0)
    assert len({namer.name(7, digest, attempt) for attempt in range(5)}) == 5
    other = Labels("s", "other host", "f", "text/plain", 5)
    assert Namer(TEXT[:HEAD_BYTES], other).name(7, digest, 0) != namer.name(7, digest, 0)
    elsewhere = Labels("s", "h", "another path", "text/plain", 9)
    assert Namer(TEXT[:HEAD_BYTES], elsewhere).name(7, digest, 0) == namer.name(7, digest, 0)


def test_blank_lines_are_no_lines() -> None:
    (portion,) = portions(iter([b"\n \r\na\n\n\tb\n\n"]), 0, 4096)
    chunks, _ = Namer(b"", LABELS).chunks(portion, 0, 4096)
    assert lines_of(chunks) == [b"a\n", b"\tb\n"]
    (blank,) = portions(iter([b"\n \r\n\n"]), 0, 4096)
    assert Namer(b"", LABELS).chunks(blank, 0, 4096)[0] == []


class TestState:
    @pytest.fixture
    def path(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
        monkeypatch.setattr(cutting, "TARGET_BYTES", 100_000)
        path = tmp_path / "file"
        path.write_bytes(TEXT)
        return path

    @pytest.fixture
    def half(self, path: Path) -> int:
        """Where an import of the file was interrupted."""
        source, state = opened(str(path)), state_of(path)
        first, second, *_ = portions(source.blocks(), 0, 4096)
        state.advance(first.text[:HEAD_BYTES], first, 10)
        state.advance(first.text[:HEAD_BYTES], second, 20)
        source.close()
        return second.end

    @pytest.mark.parametrize("kind", ["plain", "gzip", "zstd"])
    def test_is_taken_up(self, path: Path, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
        path.write_bytes(packed(kind, TEXT))
        source, state = opened(str(path)), state_of(path)
        found = list(portions(source.blocks(), 0, 4096))
        head = found[0].text[:HEAD_BYTES]
        for portion in found[:2]:
            state.advance(head, portion, 10)
        again = state_of(path)
        assert again.resume(source) == head
        assert (again.progress.offset, again.progress.number, again.progress.lines) == (found[1].end, 2, 20)
        assert list(portions(source.blocks(found[1].end), found[1].end, 4096)) == found[2:]
        source.close()

    def test_a_file_that_grew(self, path: Path, half: int) -> None:
        with path.open("ab") as file:
            file.write(b"more\n")
        assert resumed_at(path) == half

    @pytest.mark.parametrize("change", ["beginning", "end of what was sent", "shorter", "another file", "state"])
    def test_is_not_for_another_content(self, path: Path, half: int, change: str, tmp_path: Path) -> None:
        text = bytearray(TEXT)
        match change:
            case "beginning":
                text[3] ^= 1
            case "end of what was sent":
                text[half - 2] ^= 1
            case "shorter":
                del text[half - 1 :]
            case "another file":
                path.rename(tmp_path / "old")
            case "state":
                (file,) = (tmp_path / "state").rglob("*.json")
                file.write_bytes(b'{"path": 7')
        path.write_bytes(text)
        assert resumed_at(path) is None

    def test_without_a_place_for_it(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("XDG_STATE_HOME", "/dev/null/none")
        source, state = opened(str(path)), state_of(path)
        state.advance(b"", next(portions(source.blocks(), 0, 4096)), 1)
        source.close()
        assert resumed_at(path) is None


def state_of(path: Path) -> State:
    source = opened(str(path))
    identity = source.identity()
    source.close()
    assert identity is not None
    return State(str(path), identity, LABELS, "http://x")


def resumed_at(path: Path) -> int | None:
    source, state = opened(str(path)), state_of(path)
    head = state.resume(source)
    source.close()
    return None if head is None else state.progress.offset
