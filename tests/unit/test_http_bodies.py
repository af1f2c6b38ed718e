"""Bodies into pieces: nothing lost, nothing doubled, every bound kept."""

from __future__ import annotations

import gzip
import zlib

import pytest
import zstandard
from hypothesis import example, given, settings
from hypothesis import strategies as st

from logd.chunk import MAX_CHUNK_LINES, MAX_VALUE_BYTES, decompress
from logd.errors import BadRequest
from logd.http.bodies import Body, read_body

_MAX_BODY_BYTES = 4_000_000
_MAX_LINE_BYTES = 1_024
_LINE = st.one_of(
    st.binary(max_size=30),
    st.sampled_from([b"", b" ", b"\t ", b"x", b" x ", b"\xff\xfe", "é🦆".encode()]),
    st.integers(_MAX_LINE_BYTES - 2, _MAX_LINE_BYTES + 2).map(lambda size: b"y" * size),
).map(lambda line: line.replace(b"\n", b"").replace(b"\r", b""))
_ENDING = st.sampled_from([b"\n", b"\n", b"\r\n"])


def _read(
    raw: bytes, encoding: str = "", *, max_body_bytes: int = _MAX_BODY_BYTES, max_line_bytes: int = _MAX_LINE_BYTES
) -> Body:
    return read_body(raw, encoding, True, max_body_bytes, max_line_bytes)


def _read_or_refused(raw: bytes, encoding: str) -> Body | None:
    """None when it was refused; nothing else may be raised."""
    try:
        return _read(raw, encoding)
    except BadRequest:
        return None


def _text(body: Body) -> bytes:
    return b"".join(decompress(piece.value) for piece in body.pieces)


def _gzip(data: bytes) -> bytes:
    return gzip.compress(data, 1)


def _expected(text: bytes, max_line_bytes: int) -> list[bytes]:
    """Lines that aren't blank, those over the limit cut (between characters: these are ASCII)."""
    lines = [line for line in text.split(b"\n") if line.strip(b" \t\r")]
    return [line if len(line) <= max_line_bytes else line[:max_line_bytes] for line in lines]


@settings(deadline=None)
@given(st.lists(st.tuples(_LINE, _ENDING), max_size=60), st.booleans())
def test_lines_go_round(lines: list[tuple[bytes, bytes]], last_ends: bool) -> None:
    text = b"".join(line + ending for line, ending in lines)
    if not last_ends:
        text = text.rstrip(b"\r\n")
    body = _read(text)
    expected = _expected(text, _MAX_LINE_BYTES)
    assert _text(body).split(b"\n")[:-1] == expected
    assert body.lines == len(expected) == sum(piece.lines for piece in body.pieces)
    assert body.size_bytes == len(text)
    for piece in body.pieces:
        content = decompress(piece.value)
        assert content.endswith(b"\n")
        assert content.count(b"\n") == piece.lines <= MAX_CHUNK_LINES
        assert not piece.cut or piece.lines == 1


@settings(deadline=None)
@given(st.lists(_LINE, max_size=20), st.integers(1, 3))
def test_every_encoding_gives_the_same(lines: list[bytes], members: int) -> None:
    parts = [b"\n".join(lines[n::members]) + b"\n" for n in range(members)]
    plain = _read(b"".join(parts))
    for encoding, raw in {
        "identity": b"".join(parts),
        "gzip": b"".join(_gzip(part) for part in parts),
        "x-gzip": _gzip(b"".join(parts)),
        "zstd": b"".join(zstandard.compress(part) for part in parts),
    }.items():
        assert _read(raw, encoding) == plain, encoding


@settings(deadline=None)
@given(st.integers(0, 5_000), st.integers(1, 700))
@example(1_000, 10)
@example(1_001, 10)
@example(2_000, 300)
def test_pieces_of_many_lines(count: int, size: int) -> None:
    lines = [b"%0*d" % (size, n % 10**size) for n in range(count)]
    body = _read(b"".join(line + b"\n" for line in lines), max_line_bytes=1_048_576)
    assert _text(body).split(b"\n")[:-1] == lines
    assert all(0 < piece.lines <= MAX_CHUNK_LINES for piece in body.pieces)


@pytest.mark.parametrize("size", [1_048_575, 1_048_576, 1_048_577, 3_000_000])
@pytest.mark.parametrize("ending", [b"", b"\n", b"\nnext\n"])
def test_long_lines(size: int, ending: bytes) -> None:
    limit = 1_048_576
    body = _read(b"first\n" + b"x" * size + ending, max_line_bytes=limit)
    lines = _text(body).split(b"\n")[:-1]
    assert lines == [b"first", b"x" * min(size, limit), *([b"next"] if b"next" in ending else [])]
    assert [piece.cut for piece in body.pieces if b"xx" in decompress(piece.value)] == [size > limit]


@settings(deadline=None)
@given(st.integers(0, 3))
def test_a_cut_is_between_characters(shift: int) -> None:
    line = b"x" * shift + "🦆".encode() * 1_000
    (piece,) = _read(line).pieces
    assert piece.cut
    text = decompress(piece.value).decode()
    assert line.decode().startswith(text[:-1])
    assert _MAX_LINE_BYTES - 4 < len(text.encode()) - 1 <= _MAX_LINE_BYTES


def test_a_piece_is_small_enough_for_every_transport() -> None:
    noise = bytes(range(14, 256)) * 5_000
    body = _read(noise[:1_048_576] + b"\n" + noise[:1_048_576], max_line_bytes=1_048_576)
    assert all(len(piece.value) <= MAX_VALUE_BYTES for piece in body.pieces)


def test_json_bodies() -> None:
    body = read_body(b'{"logs": [{"a": 1}, "x",\n 2]}', "", False, _MAX_BODY_BYTES, _MAX_LINE_BYTES)
    assert _text(body) == b'{"a": 1}\n "x"\n  2\n'
    assert body.lines == 3
    for empty in (b'{"logs": []}', b'{"logs": [ ]}'):
        assert read_body(empty, "", False, _MAX_BODY_BYTES, _MAX_LINE_BYTES).pieces == []


@pytest.mark.parametrize("encoding", ["gzip", "zstd"])
def test_the_limit_holds_to_the_byte(encoding: str) -> None:
    """Of a body that isn't compressed the reader of the request counts the bytes."""
    compress = _gzip if encoding == "gzip" else zstandard.compress
    text = b"line\n" * 1_000
    assert _read(compress(text), encoding, max_body_bytes=5_000).lines == 1_000
    with pytest.raises(BadRequest) as refused:
        _read(compress(text + b"\n"), encoding, max_body_bytes=5_000)
    assert (refused.value.status, refused.value.code) == (413, "body_too_large")


@settings(deadline=None)
@given(st.binary(max_size=300), st.data())
def test_cut_or_changed_streams_are_refused(text: bytes, data: st.DataObject) -> None:
    for encoding, raw in {
        "gzip": _gzip(text),
        "zstd": zstandard.ZstdCompressor(write_checksum=True).compress(text),
    }.items():
        end = data.draw(st.integers(0, len(raw) - 1), label=f"cut {encoding}")
        with pytest.raises(BadRequest) as refused:
            _read(raw[:end], encoding)
        assert (refused.value.status, refused.value.where) == (400, "body")
        place = data.draw(st.integers(0, len(raw) - 1), label=f"change {encoding}")
        changed = raw[:place] + bytes([raw[place] ^ (1 << data.draw(st.integers(0, 7)))]) + raw[place + 1 :]
        body = _read_or_refused(changed, encoding)
        # A bit that means nothing is one such as the time in gzip's header.
        assert body in (None, _read(text))


@settings(deadline=None)
@given(st.binary(max_size=200), st.sampled_from(["gzip", "zstd"]))
def test_noise_is_refused(raw: bytes, encoding: str) -> None:
    _read_or_refused(raw, encoding)


@pytest.mark.parametrize("encoding", ["br", "deflate", "gzip, gzip", "GZIP", "zstd;q=1", "\0"])
def test_unknown_encodings(encoding: str) -> None:
    with pytest.raises(BadRequest) as refused:
        _read(zlib.compress(b"x"), encoding)
    assert (refused.value.status, refused.value.where) == (415, "content-encoding")
