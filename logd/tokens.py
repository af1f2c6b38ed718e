"""Bearer tokens: `logd_ID_SECRET`, of which only a digest is kept.

The secret has 256 random bits, so nobody guesses it and a plain SHA-256 is all the hashing it needs; the id is no
secret, and is how people and logs name a token.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from enum import StrEnum

import msgspec

_ID_BYTES, _SECRET_BYTES = 6, 32
_TEXT = re.compile(r"logd_([0-9a-f]{12})_([0-9a-f]{64})")
ID = re.compile(r"[0-9a-f]{12}")


class Scope(StrEnum):
    """What a token is good for. None of them includes another: who administers needn't read logs."""

    INGEST = "ingest"
    SEARCH = "search"
    ADMIN = "admin"


class Token(msgspec.Struct, frozen=True, kw_only=True):
    """A token as it is kept. Times are Unix µs. Empty `services` or `hosts` are all of them; a rate that is None is the
    setting's, and 0 is none."""

    id: str
    name: str
    digest: str
    scopes: frozenset[Scope]
    services: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    created_us: int
    expires_us: int | None = None
    revoked_us: int | None = None
    requests_per_second: float | None = None
    bytes_per_second: float | None = None

    def matches(self, secret: str) -> bool:
        """Whether this is its secret; takes the same time for every wrong one."""
        return hmac.compare_digest(digest_of(secret), self.digest)

    def state(self, now_us: int) -> str:
        """`active`, `expired` or `revoked`."""
        if self.revoked_us is not None:
            return "revoked"
        return "expired" if self.expires_us is not None and now_us >= self.expires_us else "active"


def new_id() -> str:
    """12 hex digits."""
    return secrets.token_hex(_ID_BYTES)


def new_secret() -> str:
    """64 hex digits."""
    return secrets.token_hex(_SECRET_BYTES)


def digest_of(secret: str) -> str:
    """What is kept of a secret: 64 hex digits."""
    return hashlib.sha256(secret.encode()).hexdigest()


def text_of(token_id: str, secret: str) -> str:
    """What a client sends."""
    return f"logd_{token_id}_{secret}"


def parts_of(text: str) -> tuple[str, str] | None:
    """Id and secret in what a client sent; None when it is no token."""
    found = _TEXT.fullmatch(text)
    return (found[1], found[2]) if found else None
