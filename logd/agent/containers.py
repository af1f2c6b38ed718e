"""The files in which container runtimes keep what containers write: one record a line, as it is in the file.

* Docker's json-file: `{"log":"text\\n","stream":"stdout","time":"2026-03-14T09:26:53.589793238Z"}`. A line of the
  container that was longer than 16 KiB is in several records, and only the last one's text ends with a newline.
* CRI (containerd, CRI-O): `2026-03-14T09:26:53.589793238Z stdout F text`. Tag P instead of F says that the next record
  of the same stream goes on with the line.

Records travel as they are, and the server takes them out of their wrapping (parse/container.py), a block at a time. So
the agent has only to see which records belong together, and most blocks need one look that finds no partial record.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from itertools import chain
from operator import attrgetter, methodcaller, not_

import msgspec

from logd.chunk import CRI

_CRI_HEAD = rb"(\S+) (stdout|stderr) ([PF])[^ \n]*"
_CRI_RECORD = re.compile(_CRI_HEAD + rb"[ \n]")
#: A line of any kind, of which only a record's has the first three groups; and nothing, at the end.
_CRI_LINE = re.compile(rb"(?:(\S++) (stdout|stderr) ([PF])[^ \n]*+ ?)?+([^\n]*+)(?:\n|\Z)")
_STREAMS = {b"": "", b"stdout": "stdout", b"stderr": "stderr"}
_CRI_WHOLE = re.compile(rb"(?m)^\S+ (?:stdout|stderr) F[^ \n]*(?: |$)")
_WHOLE = b'\\n","stream":"'
#: The text ends with a backslash and an n, which is no newline.
_NOT_WHOLE = b"\\" + _WHOLE
#: A file that doesn't look like records by now isn't one of them.
_TELLING_BYTES = 128


class Records(msgspec.Struct, frozen=True):
    """What a block's lines say, in order, a row each: the container's text without newlines, the stream ("" of a line
    that is no record), whether the stream's next record goes on with it, and when it was written, as it is there."""

    texts: Sequence[bytes]
    streams: Sequence[str]
    partial: Sequence[bool]
    times: Sequence[str]


class _DockerRecord(msgspec.Struct, gc=False):
    """The defaults are those of a line that is none."""

    log: str = "\n"
    stream: str = ""
    time: str = ""


_LOG = attrgetter("log")
_STREAM = attrgetter("stream")
_TIME = attrgetter("time")
_decoder = msgspec.json.Decoder(_DockerRecord)
#: What decoding raises for a line that is none.
_NO_RECORD = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
_each_decoder = msgspec.json.Decoder(list[tuple[_DockerRecord]])


def format_of(prefix: bytes) -> str:
    """Whose file begins like this: "docker", "cri" or "lines"; "" when that can't be known yet."""
    if prefix.startswith(b'{"log":"'):
        return "docker"
    if _CRI_RECORD.match(prefix):
        return "cri"
    return "lines" if len(prefix) >= _TELLING_BYTES or b"\n" in prefix else ""


def all_whole(content_type: str, data: bytes, lines: int) -> bool:
    """True when none of the block's lines can be a partial record, which takes two looks; False may be wrong."""
    if content_type == CRI:
        return b" stdout P" not in data and b" stderr P" not in data
    return data.count(_WHOLE) == lines and _NOT_WHOLE not in data


def texts(content_type: str, data: bytes, lines: int) -> bytes | None:
    """What whole records of a single stream say, a line each, in few looks; None when the block's lines are others."""
    if not all_whole(content_type, data, lines):
        return None
    if content_type == CRI:
        if b" stdout F" in data and b" stderr F" in data:
            return None
        text, count = _CRI_WHOLE.subn(b"", data)
        return text if count == lines else None
    if b'","stream":"stdout"' in data and b'","stream":"stderr"' in data:
        return None
    try:
        found = _decoder.decode_lines(data)
    except _NO_RECORD:
        return None
    text = "".join(map(_LOG, found)).encode()
    return text if len(found) == lines == text.count(b"\n") else None


def records(content_type: str, data: bytes, lines: int, *, texts: bool) -> Records:
    """The block's lines as records; without their texts where nobody asks for these."""
    if content_type == CRI:
        times, streams, tags, cri_texts = zip(*_CRI_LINE.findall(data)[:lines], strict=True)
        return Records(
            cri_texts,
            list(map(_STREAMS.__getitem__, streams)),
            list(map(b"P".__eq__, tags)),
            b"\n".join(times).decode(errors="replace").split("\n"),
        )
    found = _docker(data)
    logs = list(map(_LOG, found))
    return Records(
        list(map(str.encode, map(methodcaller("replace", "\n", ""), logs))) if texts else (),
        list(map(_STREAM, found)),
        list(map(not_, map(methodcaller("endswith", "\n"), logs))),
        list(map(_TIME, found)),
    )


def seconds_between(first: str, second: str) -> float:
    """How much later the second time is; 0 when one of them can't be read."""
    try:
        return (datetime.fromisoformat(second) - datetime.fromisoformat(first)).total_seconds()
    except (ValueError, TypeError):
        return 0.0


def _docker(data: bytes) -> list[_DockerRecord]:
    """The block's lines, those that are none by halving."""
    lines = data.removesuffix(b"\n")
    if b"\n" not in lines:
        try:
            return [_decoder.decode(lines)]
        except _NO_RECORD:
            return [_DockerRecord()]
    try:
        # Each in brackets of its own: what isn't exactly one value a line doesn't pass, or gives another number.
        found = _each_decoder.decode(b"[[" + lines.replace(b"\n", b"\n],[") + b"]]")
        if len(found) == lines.count(b"\n") + 1:
            return list(chain.from_iterable(found))
    except _NO_RECORD:
        pass
    middle = lines.find(b"\n", len(lines) // 2) + 1 or lines.rfind(b"\n") + 1
    return _docker(data[:middle]) + _docker(data[middle:])
