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
from datetime import datetime
from operator import attrgetter

import msgspec

from logd.chunk import CRI

_CRI_HEAD = rb"(\S+) (stdout|stderr) ([PF])[^ \n]*"
_CRI_RECORD = re.compile(_CRI_HEAD + rb"[ \n]")
_CRI_LINE = re.compile(_CRI_HEAD + rb"(?: |\Z)(.*)", re.DOTALL)
_CRI_WHOLE = re.compile(rb"(?m)^\S+ (?:stdout|stderr) F[^ \n]*(?: |$)")
_WHOLE = b'\\n","stream":"'
#: The text ends with a backslash and an n, which is no newline.
_NOT_WHOLE = b"\\" + _WHOLE
#: A file that doesn't look like records by now isn't one of them.
_TELLING_BYTES = 128


class Records(msgspec.Struct, frozen=True):
    """What a block's lines say, in order, a row each: the container's text without newlines, the stream ("" of a line
    that is no record), whether the stream's next record goes on with it, and when it was written, as it is there."""

    texts: list[bytes]
    streams: list[str]
    partial: list[bool]
    times: list[str]


class _DockerRecord(msgspec.Struct):
    """The defaults are those of a line that is none."""

    log: str = "\n"
    stream: str = ""
    time: str = ""


_LOG = attrgetter("log")
_decoder = msgspec.json.Decoder(_DockerRecord)


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
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    text = "".join(map(_LOG, found)).encode()
    return text if len(found) == lines == text.count(b"\n") else None


def records(content_type: str, lines: list[bytes]) -> Records:
    """The lines as records."""
    if content_type == CRI:
        found = [_cri(line) for line in lines]
        return Records(*map(list, zip(*found, strict=True)))
    docker = [_docker(line) for line in lines]
    return Records(
        [record.log.replace("\n", "").encode() for record in docker],
        [record.stream for record in docker],
        [not record.log.endswith("\n") for record in docker],
        [record.time for record in docker],
    )


def seconds_between(first: str, second: str) -> float:
    """How much later the second time is; 0 when one of them can't be read."""
    try:
        return (datetime.fromisoformat(second) - datetime.fromisoformat(first)).total_seconds()
    except (ValueError, TypeError):
        return 0.0


def _cri(line: bytes) -> tuple[bytes, str, bool, str]:
    record = _CRI_LINE.match(line)
    if record is None:
        return line, "", False, ""
    time, stream, tag, text = record.groups()
    return text, stream.decode(), tag == b"P", time.decode(errors="replace")


def _docker(line: bytes) -> _DockerRecord:
    try:
        return _decoder.decode(line)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return _DockerRecord()
