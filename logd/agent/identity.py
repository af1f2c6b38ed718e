"""Which file is this? The name of a source, fixed at first sight, and the fingerprint that recognises it later.

A source-id says where a line came from for ever: it is made once, from what was true when the file was first seen,
and then kept in the agent's state. It is never computed again for the same file.

A fingerprint is a hash of the file's first bytes, up to FINGERPRINT_BYTES, with the number of bytes hashed. It grows
with the file and only answers "can this be the file I know?": after a restart, a rotation, a truncation.

An empty file has no fingerprint. The moment of first sight stands in for it in the source-id, so that a file system
which gives the inode of a deleted empty file to a new one can't give its source-id away as well: the transport would
take the new file's first lines for old ones and drop them.
"""

from __future__ import annotations

from hashlib import blake2b

import msgspec

#: Long enough to tell log files with the same banner apart, short enough to be read with every block.
FINGERPRINT_BYTES = 1024


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


def source_id(device: int, inode: int, first: Fingerprint, moment_us: int, generation: int, host: str) -> str:
    """16 hex digits for the file that is (device, inode) on `host`, `first` seen at `moment_us` (Unix µs).

    `generation` must be another one each time the same (device, inode) begins anew: a truncation, a reused inode.
    """
    seen = first.digest.hex() if first.length else f"empty at {moment_us}"
    text = f"{device}\0{inode}\0{first.length}\0{seen}\0{generation}\0{host}"
    return blake2b(text.encode("utf-8", "surrogateescape"), digest_size=8).hexdigest()


def _digest(data: bytes) -> bytes:
    return blake2b(data, digest_size=16).digest() if data else b""
