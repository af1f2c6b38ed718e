"""The import of one file: text → portions → chunks → server, and after each portion what is remembered of it."""

from __future__ import annotations

import itertools
import os
import re
import time
from collections.abc import Iterator

import msgspec

from logd.agent.discover import default_service
from logd.cli.import_state import State
from logd.cli.inputs import STDIN, Input, opened
from logd.cli.portions import HEAD_BYTES, Labels, Namer, Portion, portions
from logd.cli.progress import Bar
from logd.cli.sending import Sending, Taken
from logd.errors import Corrupt

_NDJSON, _TEXT = "application/x-ndjson", "text/plain"
_COMPRESSED = re.compile(r"\.(gz|zst|zstd)$")
#: Names for a portion that are tried: each is taken by another content with a probability of 1 in 65,536 at most.
_NAMES = 8


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """What is the same for all files. `service` None is taken from a file's name; `url` is the server's."""

    service: str | None
    host: str
    format: str
    max_line_bytes: int
    again: bool
    url: str


class _Counts(msgspec.Struct):
    lines: int = 0
    had: int = 0


def import_file(name: str, options: Options, sending: Sending, bar: Bar) -> str:
    """A sentence about what was done. Raises NotFound, Corrupt at the place where the file can't be read, with what
    comes before imported, and Failed."""
    source = opened(name)
    counts = _Counts()
    try:
        begun = _import(source, options, sending, bar, counts)
    except Corrupt as error:
        raise Corrupt(f"{error}; {counts.lines:,} lines before are imported") from error
    finally:
        source.close()
    if begun and not counts.lines:
        return f"{name}: all {begun:,} lines were imported before; --again sends them again"
    before = f", after {begun:,} before" if begun else ""
    had = f", of which the server had {counts.had:,}" if counts.had else ""
    return f"{name}: {counts.lines:,} lines{before}{had}"


def _import(source: Input, options: Options, sending: Sending, bar: Bar, counts: _Counts) -> int:
    """How many lines were imported by an earlier run."""
    blocks = source.blocks()
    first = next(blocks, b"")
    labels = _labels(source, first, options)
    identity = source.identity()
    state = State(source.name, identity, labels, options.url) if identity else None
    head = None if state is None or options.again else state.resume(source)
    begun = state.progress.lines if state is not None and head is not None else 0
    start = state.progress.offset if state is not None and head is not None else 0
    number = state.progress.number if state is not None and head is not None else 0
    texts: Iterator[bytes] = source.blocks(start) if start else itertools.chain([first] if first else [], blocks)
    namer = Namer(head, labels) if head is not None else None
    for portion in portions(texts, start, options.max_line_bytes):
        if namer is None or head is None:
            head = portion.text[:HEAD_BYTES]
            namer = Namer(head, labels)
        lines, had = _send(namer, portion, number, options.max_line_bytes, sending)
        number += 1
        counts.lines += lines
        counts.had += had
        if state is not None:
            state.advance(head, portion, lines)
        bar.at(source.raw_position(), lines)
    bar.ended(source.raw_position())
    return begun


def _send(namer: Namer, portion: Portion, number: int, max_line_bytes: int, sending: Sending) -> tuple[int, int]:
    """How many lines the portion has, and how many of them the server had."""
    chunks, digest = namer.chunks(portion, number, max_line_bytes)
    lines = sum(chunk.lines for chunk in chunks)
    if not chunks:
        return 0, 0
    for attempt in range(1, _NAMES):
        try:
            return lines, lines * sending.send(chunks) // len(chunks)
        except Taken:
            name = namer.name(number, digest, attempt)
            chunks = [msgspec.structs.replace(chunk, source_id=name) for chunk in chunks]
    return lines, lines * sending.send(chunks) // len(chunks)


def _labels(source: Input, first: bytes, options: Options) -> Labels:
    is_json = options.format == "json" or (options.format == "auto" and first.lstrip()[:1] == b"{")
    piped = source.name == STDIN
    path = "stdin" if piped else os.path.abspath(source.name)
    now_us = time.time_ns() // 1000
    identity = source.identity()
    return Labels(
        service=options.service or ("unknown" if piped else default_service(_COMPRESSED.sub("", path))),
        host=options.host,
        source=path,
        content_type=_NDJSON if is_json else _TEXT,
        # Years that lines leave out, and times of lines that have none, are those of when the file was written.
        observed_us=min(now_us, identity.modified_us) if identity else now_us,
    )
