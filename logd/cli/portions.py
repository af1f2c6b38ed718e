"""A file's text in portions: what `logd import` sends at once, and what is sent again as a whole, or not at all.

    source-id of a portion: 8 hex digits of how the file begins, 4 of the portion's number, 4 of its content

Invariants:
* A portion is named by what is in it. The same content under the same labels has the same names, wherever it lies and
  however it is compressed, so that a transport knows it again and stores it once.
* Its chunks carry a digest of all of it. Where four digits can't tell two contents apart the transport refuses the
  second, which then gets the next name: nothing is ever taken for something else.
* Names rise within a file, so that its lines have their order where their times are the same.
* Where a portion ends depends on nothing but the text from its beginning on.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator

import msgspec

from logd.chunk import CUT_TAG, MAX_VALUE_BYTES, Chunk, Positions, compress, decompress
from logd.http.bodies import Piece, pieces_of

#: 30,000 ordinary lines: a request each, some hundred kilobytes on the wire.
TARGET_BYTES = 8 * 1024 * 1024
#: What tells how a file begins, and where a portion ends.
HEAD_BYTES, TAIL_BYTES = 64 * 1024, 4 * 1024
#: For how long the same content isn't stored again.
REMEMBER_SECONDS = 30 * 86_400
_MOST_NUMBERS = 16**4
#: An end of a line that doesn't fit into a chunk: what is left of one that hardly compresses.
_FITS_BYTES = MAX_VALUE_BYTES - 4096


class Portion(msgspec.Struct, frozen=True):
    """Bytes `start` to `end` of the text, whole lines. `text` is what is kept of them: of a line that is too long only
    its beginning (`cut`). `tail` are its last bytes."""

    start: int
    end: int
    text: bytes
    tail: bytes
    cut: bool = False


class Labels(msgspec.Struct, frozen=True):
    """What is said of all lines of a file. `observed_us` is the time of those that tell none."""

    service: str
    host: str
    source: str
    content_type: str
    observed_us: int


def portions(blocks: Iterable[bytes], start: int, max_line_bytes: int) -> Iterator[Portion]:
    """The text that comes in blocks, beginning at `start` of all text. Holds little more than a portion and a block."""
    target = max(TARGET_BYTES, max_line_bytes + 1)
    held = bytearray()
    source = iter(blocks)
    for block in source:
        held += block
        while len(held) > target:
            end = held.rfind(b"\n", 0, target) + 1
            if end:
                yield _whole_lines(start, bytes(held[:end]))
            else:
                line, begin = bytes(held[:max_line_bytes]), start
                while not (end := held.find(b"\n") + 1) and (more := next(source, b"")):
                    start += len(held)
                    held = bytearray(more)
                end = end or len(held)
                yield Portion(begin, start + end, line.decode("utf-8", "ignore").encode() + b"\n", b"", cut=True)
            start += end
            del held[:end]
    if held:
        yield _whole_lines(start, bytes(held))


def _whole_lines(start: int, text: bytes) -> Portion:
    return Portion(start, start + len(text), text, text[-TAIL_BYTES:])


class Namer:
    """Gives the portions of one file their names; `head` is how its text begins."""

    def __init__(self, head: bytes, labels: Labels) -> None:
        identity = "\0".join((labels.service, labels.host, labels.content_type)).encode()
        self._head = hashlib.blake2b(identity + b"\0" + head[:HEAD_BYTES], digest_size=4).hexdigest()
        self._labels = labels

    def chunks(self, portion: Portion, number: int, max_line_bytes: int) -> tuple[list[Chunk], str]:
        """The chunks of a portion, none if it is blank, and the digest of its content."""
        cut = portion.cut
        pieces = [Piece(compress(portion.text), 1, cut)] if cut else pieces_of(portion.text, max_line_bytes)
        digest = hashlib.blake2b(portion.text, digest_size=16).hexdigest()
        chunks: list[Chunk] = []
        offset = 0
        labels = self._labels
        for whole in pieces:
            piece = whole if len(whole.value) <= MAX_VALUE_BYTES else _fitting(whole)
            chunks.append(
                Chunk(
                    service=labels.service,
                    host=labels.host,
                    source=labels.source,
                    source_id=self.name(number, digest, 0),
                    offset=offset,
                    end=offset + piece.lines,
                    lines=piece.lines,
                    observed_us=labels.observed_us,
                    value=piece.value,
                    content_type=labels.content_type,
                    positions=Positions.LINE,
                    tags=(CUT_TAG,) if piece.cut else (),
                    remember_seconds=REMEMBER_SECONDS,
                    digest=digest,
                )
            )
            offset += piece.lines
        return chunks, digest

    def name(self, number: int, digest: str, attempt: int) -> str:
        """The source-id of a portion; another `attempt` is another name for one whose name was taken."""
        content = digest if not attempt else hashlib.blake2b(f"{digest}{attempt}".encode()).hexdigest()
        return f"{self._head}{number % _MOST_NUMBERS:04x}{content[:4]}"


def _fitting(piece: Piece) -> Piece:
    """What of a single line fits into a chunk."""
    line = decompress(piece.value)[:_FITS_BYTES].decode("utf-8", "ignore").encode() + b"\n"
    return Piece(compress(line), 1, cut=True)
