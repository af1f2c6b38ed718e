"""Cutting blocks into pieces, against a reference that goes line by line."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from logd.agent import lines
from logd.agent.lines import Piece, cut
from logd.chunk import MAX_CHUNK_LINES, TARGET_BODY_BYTES

LIMIT = 1024


def texts_of(data: bytes, pieces: list[Piece]) -> list[bytes]:
    """The lines that the pieces give, cut ones marked."""
    texts: list[bytes] = []
    for piece in pieces:
        body = data[piece.start : piece.end]
        if piece.kept is not None:
            assert piece.lines == 1
            assert body.find(b"\n") in (-1, len(body) - 1)
            texts.append(b"CUT " + body[: piece.kept])
            continue
        found = body.split(b"\n")
        if not found[-1]:
            found.pop()
        assert len(found) == piece.lines <= MAX_CHUNK_LINES
        assert piece.lines == 1 or len(body) <= TARGET_BODY_BYTES
        texts += found
    return texts


def one_by_one(data: bytes, limit: int) -> list[bytes]:
    found = data.split(b"\n")
    if not found[-1]:
        found.pop()
    return [text if len(text) <= limit else b"CUT " + text[:limit] for text in found]


TEXT = st.builds(
    lambda size, fill: fill * size,
    st.one_of(st.integers(0, 40), st.sampled_from([LIMIT - 1, LIMIT, LIMIT + 1, 3 * LIMIT])),
    st.sampled_from([b"a", b"\r", b"\0"]),
)


@given(st.lists(TEXT, max_size=30), st.integers(1, 300), st.booleans())
def test_every_line_once(some: list[bytes], times: int, newline: bool) -> None:
    data = b"\n".join(some * times) + (b"\n" if newline else b"")
    pieces = cut(data, LIMIT, close=True)
    assert texts_of(data, pieces) == one_by_one(data, LIMIT)
    at = 0
    for piece in pieces:
        assert piece.start == at < piece.end
        at = piece.end
    assert at == len(data)
    if newline:
        assert cut(data, LIMIT, close=False) in (pieces, pieces[:-1])


@pytest.mark.parametrize(
    ("data", "pieces"),
    [
        (b"", []),
        (b"a\n", [Piece(0, 2, 1)]),
        (b"a", [Piece(0, 1, 1)]),
        (b"\n\n", [Piece(0, 2, 2)]),
        (b"a\r\nb\r\n", [Piece(0, 6, 2)]),
        (b"x\n" * 1000, [Piece(0, 2000, 1000)]),
        (b"x\n" * 1001, [Piece(0, 2000, 1000), Piece(2000, 2002, 1)]),
        (b"y" * LIMIT + b"\n", [Piece(0, LIMIT + 1, 1)]),
        (b"a\n" + b"y" * 2000 + b"\nb\n", [Piece(0, 2, 1), Piece(2, 2003, 1, LIMIT), Piece(2003, 2005, 1)]),
        (b"y" * 2000, [Piece(0, 2000, 1, LIMIT)]),
    ],
)
def test_pieces(data: bytes, pieces: list[Piece]) -> None:
    assert cut(data, LIMIT, close=True) == pieces


def test_what_isnt_full_waits() -> None:
    assert cut(b"a\nb\n", LIMIT, close=False) == []
    assert cut(b"x\n" * 1500, LIMIT, close=False) == [Piece(0, 2000, 1000)]
    body = (b"z" * 1000 + b"\n") * 600
    assert cut(body, LIMIT, close=False) == [Piece(0, TARGET_BODY_BYTES // 1001 * 1001, TARGET_BODY_BYTES // 1001)]


def test_lines_before_one_over_the_limit_dont_wait() -> None:
    assert cut(b"a\n" + b"y" * 2000 + b"\nb\n", LIMIT, close=False)[:2] == [Piece(0, 2, 1), Piece(2, 2003, 1, LIMIT)]


def test_a_line_larger_than_a_body_is_alone() -> None:
    long = b"y" * (TARGET_BODY_BYTES + 5) + b"\n"
    assert cut(b"a\n" + long + b"b\n", 1 << 20, close=True) == [
        Piece(0, 2, 1),
        Piece(2, 2 + len(long), 1),
        Piece(2 + len(long), 4 + len(long), 1),
    ]


@given(st.binary(max_size=200), st.integers(1, 20))
def test_the_position_after_so_many_newlines(data: bytes, count: int) -> None:
    parts = data.split(b"\n")
    if len(parts) > count:
        assert lines.after(data, 0, len(data), count) == len(b"\n".join(parts[:count])) + 1
    assert lines.newlines(data) == data.count(b"\n")
