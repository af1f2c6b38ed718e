"""Bearer tokens: `logd_ID_SECRET`, of which only a digest is kept.

The secret has 256 random bits, so nobody guesses it and a plain SHA-256 is all the hashing it needs; the id is no
secret, and is how people and logs name a token.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Sequence
from enum import StrEnum

import msgspec

from logd.errors import LogdError

_ID_BYTES, _SECRET_BYTES = 6, 32
_TEXT = re.compile(r"logd_([0-9a-f]{12})_([0-9a-f]{64})")
ID = re.compile(r"[0-9a-f]{12}")
_SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 7 * 86_400}
_LIFETIME = re.compile(r"([1-9]\d{0,5})([smhdw])", re.ASCII)
#: A hundred years: dates end with the year 9999.
_MAX_LIFETIME_SECONDS = 36_525 * 86_400
_MAX_NAME_CHARACTERS = 200
#: Of services, and of hosts: each is looked for in every search.
_MAX_LIMITS = 1_000
_MAX_RATE = 1e12


class WrongToken(LogdError):
    """A token can't be made of what was given. `where` is the name of `make`'s parameter, the message what follows."""

    def __init__(self, where: str, message: str) -> None:
        super().__init__(message)
        self.where = where


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


def make(
    now_us: int,
    *,
    name: str,
    scopes: Sequence[str],
    services: Sequence[str] = (),
    hosts: Sequence[str] = (),
    expires: str | None = None,
    requests_per_second: float | None = None,
    bytes_per_second: float | None = None,
) -> tuple[Token, str]:
    """A new token, and what a client sends, which nothing else tells. `expires` is how long it lives, such as 90d.
    Raises WrongToken."""
    if not _is_name(name.strip()):
        raise WrongToken("name", f"is {name!r:.220}, expected 1 to {_MAX_NAME_CHARACTERS} printable characters")
    for scope in scopes:
        if scope not in tuple(Scope):
            raise WrongToken("scopes", f"is {scope!r:.100}, expected {', '.join(Scope)}")
    if not scopes:
        raise WrongToken("scopes", f"is empty, expected at least one of {', '.join(Scope)}")
    if Scope.ADMIN in scopes and (services or hosts):
        raise WrongToken("scopes", "has admin, which can't be limited to services or hosts: make two tokens")
    for where, rate in (("requests_per_second", requests_per_second), ("bytes_per_second", bytes_per_second)):
        if rate is not None and not 0 <= rate <= _MAX_RATE:
            raise WrongToken(where, f"is {rate}, expected a number of at least 0")
    secret = new_secret()
    token = Token(
        id=new_id(),
        name=name.strip(),
        digest=digest_of(secret),
        scopes=frozenset(map(Scope, scopes)),
        services=_limits("services", services),
        hosts=_limits("hosts", hosts),
        created_us=now_us,
        expires_us=None if expires is None else now_us + _lifetime_seconds(expires) * 1_000_000,
        requests_per_second=requests_per_second,
        bytes_per_second=bytes_per_second,
    )
    return token, text_of(token.id, secret)


def _limits(where: str, names: Sequence[str]) -> tuple[str, ...]:
    """Raises WrongToken. None at all would be all of them, so an empty one isn't just left out."""
    if len(names) > _MAX_LIMITS:
        raise WrongToken(where, f"has {len(names)} names, at most {_MAX_LIMITS}")
    stripped = tuple(dict.fromkeys(name.strip() for name in names))
    for name in stripped:
        if not _is_name(name):
            raise WrongToken(where, f"has {name!r:.220}, expected 1 to {_MAX_NAME_CHARACTERS} printable characters")
    return stripped


def _is_name(text: str) -> bool:
    return 0 < len(text) <= _MAX_NAME_CHARACTERS and text.isprintable()


def _lifetime_seconds(text: str) -> int:
    """Raises WrongToken."""
    found = _LIFETIME.fullmatch(text.strip())
    if found is None:
        raise WrongToken("expires", f"is {text!r:.100}, expected a time such as 12h, 90d or 52w")
    seconds = int(found[1]) * _SECONDS[found[2]]
    if seconds > _MAX_LIFETIME_SECONDS:
        raise WrongToken("expires", f"is {text!r:.100}, at most a hundred years: without it, a token never expires")
    return seconds


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
