"""What comes in place of a value: a mark that names the detector, and maybe a hash of the value under a key.

Whoever has the key can try all cards or addresses until one has the hash: keep it as a password is kept.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable

#: What stands for a value: from the detector's name and the value.
Replace = Callable[[str, bytes], bytes]
#: Every mark; a configured pattern finds nothing within one.
MARK = r"\[(?:REDACTED:[a-z0-9_]+|[a-z0-9_]+:[0-9a-f]{16})\]"
#: A shorter key can be guessed, and then all that was hidden.
MIN_KEY_BYTES = 16
#: 16 hex digits: of a million values no two are likely to have the same.
_HASH_BYTES = 8


def masked(name: str, value: bytes) -> bytes:
    """`[REDACTED:email]`"""
    return f"[REDACTED:{name}]".encode()


def hashed_by(key: bytes) -> Replace:
    """`[email:3f2a…]`, the value's BLAKE2b under the key: the same for equal values, whatever found them."""
    short = key if len(key) <= hashlib.blake2b.MAX_KEY_SIZE else hashlib.blake2b(key).digest()

    def hashed(name: str, value: bytes) -> bytes:
        digest = ""
        while not digest or digest.isdigit():  # 16 digits may be a card's number, and would be found again
            digest = hashlib.blake2b(digest.encode() + value, key=short, digest_size=_HASH_BYTES).hexdigest()
        return f"[{name}:{digest}]".encode()

    return hashed
