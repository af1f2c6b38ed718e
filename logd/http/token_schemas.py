"""What tokens look like, for the OpenAPI document and for what is sent."""

from __future__ import annotations

from typing import Literal

import msgspec

_Scope = Literal["ingest", "search", "admin"]


class TokenToMake(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`expires` is after how long, such as 12h, 90d or 52w; null is never. No `services` or `hosts` are all of them. A
    rate that is null is api.rate_limit's, and 0 is none."""

    name: str
    scopes: list[str]
    services: list[str] = []
    hosts: list[str] = []
    expires: str | None = None
    requests_per_second: float | None = None
    bytes_per_second: float | None = None


class Token(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Without its secret. `own`: it is the one that the request came with."""

    id: str
    name: str
    scopes: list[_Scope]
    services: list[str]
    hosts: list[str]
    created: str
    expires: str | None
    revoked: str | None
    requests_per_second: float | None
    bytes_per_second: float | None
    state: Literal["active", "expired", "revoked"]
    own: bool


class NewToken(Token, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`token` is what a client sends; nothing tells it again."""

    token: str


class TokenList(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The oldest first, those that are expired or revoked too. `needed`: a request without a token is refused, which it
    isn't with api.anonymous, nor on this machine as long as there never was a token."""

    tokens: list[Token]
    needed: bool
