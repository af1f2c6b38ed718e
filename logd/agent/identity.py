"""Which file is this? The name of a source, fixed before its first batch, and what recognises it later: the fingerprint
of its beginning, and the anchor before the place up to which it was read.

A source-id says where a line came from for ever: it is kept in the agent's state. Where the file's first line has its
time, the id is made of that line, and whoever has lost or restored the state finds the same id again: what was sent
stays sent. Of other files it is made once, from what was true when the file was first seen: a banner may begin many
files that had the same inode, and lines that come twice are better than lines that are taken for others.

A fingerprint is a hash of the file's first bytes, up to FINGERPRINT_BYTES, with the number of bytes hashed. It grows
with the file and only answers "can this be the file I know?": after a restart, a rotation, a truncation. Where files
begin with the same long heading, that isn't enough: an anchor is a hash of the bytes that were read last, and a file
that was written anew has others there.

An empty file has no fingerprint. The moment of first sight stands in for it in the source-id, so that a file system
which gives the inode of a deleted empty file to a new one can't give its source-id away as well: the transport would
take the new file's first lines for old ones and drop them.
"""

from __future__ import annotations

import re
from hashlib import blake2b

import msgspec

#: Long enough to tell log files with the same banner apart, short enough to be read with every block.
FINGERPRINT_BYTES = 1024
#: As much as of the beginning: it has a whole line of nearly every log, with its time. The end of one often repeats.
ANCHOR_BYTES = 1024
#: Some programs write over the end of their file (`]`, `</log>`) with each record. That is no other file, and all of it
#: would be sent again each time. Where more was read than any heading has, so much of its end may be other bytes.
_FOOTER_BYTES = 64
_HEADING_BYTES = 16 * 1024
#: A day and a time to the second, or seconds since 1970, from 2017 to 2033.
_MOMENT = (
    r"(?:(?:(?:\d{4}[-/])?\d\d[-/]\d\d|\d\d\.\d\d\.\d{4}|\d{8}|\d{1,2}[-/ ][A-Z][a-z]{2}|[A-Z][a-z]{2} [ \d]\d"
    r"|[IWEF]\d{4}).{0,8}?\d\d:\d\d:\d\d|1[5-9]\d{8}(?:\d{3}){0,3}(?!\d))"
)
#: Before a line's own time are a few words at most (a level, a name), unless it is an object or one of an access log.
#: A job that runs daily begins each of its logs with the same time of day, so there has to be a day. A program that
#: begins each of its logs with when it was built (`dmesg`, a JVM's gc.log) says that after other things, or so.
_TIME = re.compile(
    rf"(?s)\W*(?:\d{{1,3}}>1? ?)?(?:(?!(?i:build|built|compiled|version))[A-Za-z_]{{1,14}}\W+){{0,4}}{_MOMENT}"
    rf"|\W{{0,4}}\{{.*(?<!\w){_MOMENT}|.*\[\d\d/[A-Z][a-z]{{2}}/\d{{4}}:\d\d:\d\d:\d\d".encode()
)


class Fingerprint(msgspec.Struct, frozen=True):
    """`digest` of a file's first `length` bytes; length 0 is the fingerprint of an empty file and matches any."""

    digest: bytes
    length: int

    @property
    def full(self) -> bool:
        """It won't grow any more."""
        return self.length >= FINGERPRINT_BYTES

    def matches(self, prefix: bytes) -> bool:
        """A file that begins with `prefix` (its first FINGERPRINT_BYTES bytes, or all it has) can be this one."""
        return len(prefix) >= self.length and _digest(prefix[: self.length]) == self.digest


def fingerprint(prefix: bytes) -> Fingerprint:
    """The fingerprint of a file whose first FINGERPRINT_BYTES bytes, or all it has, are `prefix`."""
    prefix = prefix[:FINGERPRINT_BYTES]
    return Fingerprint(_digest(prefix), len(prefix))


class Anchor(msgspec.Struct):
    """What is before `end` in a file; `end` 0 says that nothing is known, and matches any. As long as the file is open
    that is the bytes themselves, `before`: they cost less to compare than to hash, and most are never stored."""

    end: int = 0
    hashed: bytes = b""
    before: bytes | None = None

    @property
    def digest(self) -> bytes:
        """What is stored of it."""
        return self.hashed if self.before is None else _digest(self.before)

    def matches(self, before: bytes) -> bool:
        """A file that has `before`, the bytes in `span(end)`, can be this one."""
        before = _lasting(before, self.end)
        return not self.end or (before == self.before if self.before is not None else _digest(before) == self.hashed)

    def settle(self) -> None:
        """Keeps no more than is stored."""
        self.hashed, self.before = self.digest, None


def span(end: int) -> tuple[int, int]:
    """How many bytes an anchor at `end` is made of, and where they begin."""
    length = min(end, ANCHOR_BYTES)
    return length, end - length


def anchor(before: bytes, end: int) -> Anchor:
    """The anchor at `end` of a file that has `before` there: what is in `span(end)`, or more."""
    return Anchor(end, before=_lasting(before[-ANCHOR_BYTES:], end))


def _lasting(before: bytes, end: int) -> bytes:
    return before[:-_FOOTER_BYTES] if end > _HEADING_BYTES else before


def source_id(device: int, inode: int, first: Fingerprint, moment_us: int, generation: int, host: str) -> str:
    """16 hex digits for the file that is (device, inode) on `host`, `first` seen at `moment_us` (Unix µs).

    `generation` must be another one each time the same (device, inode) begins anew: a truncation, a reused inode.
    """
    seen = first.digest.hex() if first.length else f"empty at {moment_us}"
    return _name(f"{device}\0{inode}\0{first.length}\0{seen}\0{generation}\0{host}")


def lasting_id(device: int, inode: int, prefix: bytes, host: str) -> str | None:
    """The same 16 hex digits however far the file has grown, and whatever is remembered of it. `prefix` is its first
    FINGERPRINT_BYTES bytes, or all it has. None while its first line isn't there, or where that doesn't begin with its
    time."""
    line, newline, _ = prefix[:FINGERPRINT_BYTES].partition(b"\n")
    if not newline and len(line) < FINGERPRINT_BYTES:
        return None
    if not _TIME.match(line.replace(b"\0", b"")):  # UTF-16 has them
        return None
    return _name(f"{device}\0{inode}\0first line\0{_digest(line).hex()}\0{host}")


def _name(text: str) -> str:
    return blake2b(text.encode("utf-8", "surrogateescape"), digest_size=8).hexdigest()


def _digest(data: bytes) -> bytes:
    return blake2b(data, digest_size=16).digest() if data else b""
