"""Chunks into lines: many chunks' bodies as one Arrow column of text, with each line's chunk and position.

The column shares the joined bodies' memory. In the layout "lines" a value is what stands between two \n: a \r before
one is still there, which is white space to JSON and is trimmed from text.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from logd.chunk import MAX_POSITION, Chunk, Positions, decompress
from logd.errors import Corrupt

Ints = np.ndarray[Any, np.dtype[np.int64]]
_NEWLINE = 10


class Lines(msgspec.Struct, frozen=True):
    """`text` is valid UTF-8: bytes that weren't are U+FFFD, in `mended` lines. `chunk` is an index into the chunks,
    `position` the place in the source; a row each."""

    text: pa.StringArray
    chunk: np.ndarray[Any, np.dtype[np.int32]]
    position: Ints
    mended: int

    def __len__(self) -> int:
        return len(self.text)


class _Part(msgspec.Struct, frozen=True):
    """A chunk's text, where each line ends in it, and the lines' positions. In `terminated` text a \\n is the last byte
    of each line, and nowhere else."""

    text: bytes
    ends: Ints
    positions: Ints
    terminated: bool


def join(chunks: Sequence[Chunk]) -> Lines:
    """The lines of all chunks, in order. Raises Corrupt, naming the chunk, when one can't be read."""
    parts = [_events(chunk) if chunk.events else _lines(chunk) for chunk in chunks]
    text = _column(parts)
    mended = 0
    try:
        # DuckDB's lower() and others would invalidate its whole instance on anything that is no UTF-8.
        text.validate(full=True)
    except pa.ArrowInvalid:
        text = _column(list(map(_mend, parts)))
        mended = pc.sum(pc.match_substring(text, "\ufffd")).as_py() or 0
    counts = [len(part.ends) for part in parts]
    positions = np.concatenate([part.positions for part in parts]) if parts else np.zeros(0, np.int64)
    return Lines(text, np.repeat(np.arange(len(parts), dtype=np.int32), counts), positions, mended)


def _lines(chunk: Chunk) -> _Part:
    body = decompress(chunk.value)
    if not body.endswith(b"\n"):
        body += b"\n"
    ends = _line_ends(body)
    if chunk.positions is Positions.LINE:
        positions = np.arange(chunk.offset, chunk.offset + len(ends))
    else:
        positions = np.empty(len(ends), np.int64)
        positions[0] = chunk.offset
        np.add(ends[:-1], chunk.offset, out=positions[1:])
    return _Part(body, ends, positions, terminated=True)


def _line_ends(body: bytes) -> Ints:
    return np.flatnonzero(np.frombuffer(body, np.uint8) == _NEWLINE) + 1


def _events(chunk: Chunk) -> _Part:
    body = decompress(chunk.value)
    count = chunk.lines
    head = 12 * count
    if len(body) < head:
        raise Corrupt(f"chunk of {count} events at {chunk.source_id}:{chunk.offset} has {len(body)} bytes")
    positions = np.frombuffer(body, "<i8", count)
    lengths = np.frombuffer(body, "<i4", count, 8 * count).astype(np.int64)
    if (lengths < 0).any() or (positions & ~MAX_POSITION).any() or int(lengths.sum()) != len(body) - head:
        raise Corrupt(f"chunk of {count} events at {chunk.source_id}:{chunk.offset} contradicts its lengths")
    return _Part(body[head:], np.cumsum(lengths), positions, terminated=False)


def _mend(part: _Part) -> _Part:
    """The same lines as valid UTF-8. A replaced byte changes lengths, never the number of line endings."""
    if part.terminated:
        text = part.text.decode("utf-8", "replace").encode()
        return _Part(text, _line_ends(text), part.positions, terminated=True)
    starts = [0, *part.ends.tolist()][:-1]
    pieces = [
        part.text[start:end].decode("utf-8", "replace").encode()
        for start, end in zip(starts, part.ends.tolist(), strict=True)
    ]
    return _Part(b"".join(pieces), np.cumsum([len(piece) for piece in pieces]), part.positions, terminated=False)


def _column(parts: Sequence[_Part]) -> pa.StringArray:
    offsets = np.zeros(sum(len(part.ends) for part in parts) + 1, np.int32)
    texts: list[bytes] = []
    row, base = 1, 0
    for part in parts:
        text, ends = part.text, part.ends
        if part.terminated:
            text, ends = text.replace(b"\n", b""), ends - np.arange(1, len(ends) + 1)
        np.add(ends, base, out=offsets[row : row + len(ends)], casting="unsafe")
        texts.append(text)
        row += len(ends)
        base += len(text)
    return pa.StringArray.from_buffers(len(offsets) - 1, pa.py_buffer(offsets), pa.py_buffer(b"".join(texts)))
