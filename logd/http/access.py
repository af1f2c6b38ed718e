"""Who gets in: every route says what it needs, and nothing is served that didn't say it.

* A request with a token has the token's scopes, services and hosts; one that is wrong, expired or revoked gets 401.
* A request without one gets everything where `api.anonymous` says so, and on this machine as long as no token was ever
  created; else 401. So an API that was closed doesn't open when its last token is revoked or expires.
* What the token isn't good for gets 403, and who comes too often, or with too much, gets 429.
"""

from __future__ import annotations

import functools
import ipaddress
import logging
from collections.abc import Mapping, Sequence
from urllib.parse import SplitResult, urlsplit

from aiohttp import web

from logd.config.address import is_loopback, parse_address
from logd.config.schema import Api
from logd.errors import BadRequest, ConfigError, Corrupt, Unavailable
from logd.flow.clock import now_us
from logd.http import identity
from logd.http.answers import Handler, error_answer
from logd.http.identity import Identity
from logd.http.known_tokens import KnownTokens
from logd.http.rates import Rate, Rates
from logd.seams import Tokens
from logd.telemetry import metrics
from logd.tokens import Scope, Token, parts_of

log = logging.getLogger("logd.api")
_EVERYTHING = frozenset(Scope)
_READS = ("GET", "HEAD")
_HOW = "logd token create"


async def refuse_if_open(api: Api, tokens: Tokens) -> None:
    """Raises ConfigError when everybody in the network could get in, and nobody said that they may."""
    host, _ = parse_address(api.listen)
    if not api.anonymous and not is_loopback(host) and not await tokens.ever():
        raise ConfigError(
            f"api.listen {api.listen!r} lets other machines in and there is no token: make one with `{_HOW}`, or let "
            "everybody in with api.anonymous = true"
        )


class _Refused(Exception):
    """No token, or none that is good: 401."""


class Access:
    """The middleware, and what the routes declared."""

    def __init__(self, api: Api, tokens: Tokens) -> None:
        self._anonymous = api.anonymous
        self._on_loopback = is_loopback(parse_address(api.listen)[0])
        self._origins = frozenset(api.cors_origins)
        self._default = Rate(api.rate_limit.requests_per_second, api.rate_limit.bytes_per_second)
        self._rates = Rates(api.rate_limit.burst_seconds)
        self._known = KnownTokens(tokens)
        self._needs: dict[Handler, frozenset[Scope]] = {}

    def guards(self, handler: Handler, needs: Sequence[Scope]) -> None:
        """Declares that who asks this handler of a route has to have one of the scopes; with none, everybody may."""
        self._needs[handler] = frozenset(needs)

    @web.middleware
    async def guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Lets in or refuses. A route that declared nothing is an error of ours, and is refused with 500."""
        if request.match_info.http_exception is not None:  # no such path or method
            return await handler(request)
        scopes = self._needs[request.match_info.handler]
        if not scopes:
            return await handler(request)
        try:
            sender, rate = await self._sender(request)
        except _Refused as refused:
            return _unauthorized(str(refused), "Authorization" in request.headers)
        if not scopes & sender.scopes:
            return _forbidden(scopes, sender)
        if wait := self._rates.take(sender.who, rate):
            metrics.ACCESS_REFUSED.labels("rate_limited").inc()
            said = f"{sender.who} may send {rate.requests_per_second:g} requests and {rate.bytes_per_second:g} bytes a"
            return error_answer(429, "rate_limited", f"{said} second (0: any number)", "", wait)
        expected = request.content_length or 0
        self._rates.charge(sender.who, rate, expected)
        identity.remember(request, sender, functools.partial(self._objection, request))
        try:
            return await handler(request)
        finally:
            self._rates.charge(sender.who, rate, request.content.total_bytes - expected)

    async def _objection(self, request: web.Request) -> str:
        """See identity.objection. While tokens can't be read, who is in stays in."""
        try:
            await self._sender(request)
        except _Refused as refused:
            return str(refused)
        except (Unavailable, Corrupt):
            log.warning("whether %s may go on is unknown: the tokens can't be read", identity.of(request).who)
        return ""

    async def _sender(self, request: web.Request) -> tuple[Identity, Rate]:
        """Raises _Refused."""
        given = request.headers.getall("Authorization", [])
        if given:
            token = await self._token(given)
            return _identity(token), _rate(token, self._default)
        if not self._anonymous and not (self._on_loopback and not await self._known.ever()):
            raise _Refused("a token is needed: Authorization: Bearer logd_…")
        self._refuse_other_sites(request)
        if not self._anonymous:
            _refuse_other_names(request)
        return Identity(who=request.remote or "", scopes=_EVERYTHING), self._default

    async def _token(self, given: list[str]) -> Token:
        """Raises _Refused, which doesn't say whether there is such a token until its secret is right."""
        scheme, _, text = given[0].partition(" ")
        if len(given) > 1 or scheme.lower() != "bearer":
            raise _Refused("the header Authorization has no bearer token")
        parts = parts_of(text.strip())
        token = await self._known.find(parts[0]) if parts is not None else None
        if parts is None or token is None or not token.matches(parts[1]):
            raise _Refused("the token is wrong")
        if (state := token.state(now_us())) != "active":
            raise _Refused(f"the token {token.id} is {state}")
        return token

    def _refuse_other_sites(self, request: web.Request) -> None:
        """A page of another site may make a browser on this machine send something. Only a token shows that its user
        wants that."""
        origin = request.headers.get("Origin")
        # A browser keeps the answer to a read from the page, but not what comes by a WebSocket.
        reads = request.method in _READS and "Upgrade" not in request.headers
        if origin is None or reads or origin in self._origins:
            return
        if (parts := _parts(origin)) is None or parts.netloc != request.host:
            raise BadRequest("cross_origin", f"{origin!r} is not among api.cors_origins", "Origin", 403)


def _refuse_other_names(request: web.Request) -> None:
    """A site may let its name mean this machine's address: then its pages are of the same origin as this API, and read
    everything. Names without a dot are nobody's site."""
    host = request.headers.get("Host", "")
    parts = _parts(f"//{host}")
    name = host if parts is None else parts.hostname or ""
    is_site = "." in name.rstrip(".") and not name.endswith(".localhost") and not _is_address(name)
    if parts is None or is_site:
        message = f"without a token this is for 127.0.0.1 or localhost, not for {name!r}; make one with `{_HOW}`"
        raise BadRequest("wrong_host", message, "Host", 403)


def _parts(url: str) -> SplitResult | None:
    """None when it is malformed."""
    try:
        return urlsplit(url)
    except ValueError:
        return None


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _identity(token: Token) -> Identity:
    return Identity(
        who=f"token {token.id}",
        scopes=token.scopes,
        services=token.services,
        hosts=token.hosts,
        token_id=token.id,
        name=token.name,
    )


def _rate(token: Token, default: Rate) -> Rate:
    requests, size_bytes = token.requests_per_second, token.bytes_per_second
    return Rate(
        default.requests_per_second if requests is None else requests,
        default.bytes_per_second if size_bytes is None else size_bytes,
    )


def _unauthorized(message: str, has_token: bool) -> web.Response:
    metrics.ACCESS_REFUSED.labels("unauthorized").inc()
    challenge = 'Bearer realm="logd"' + (', error="invalid_token"' if has_token else "")
    return error_answer(401, "unauthorized", message, "Authorization", headers={"WWW-Authenticate": challenge})


def _forbidden(scopes: frozenset[Scope], sender: Identity) -> web.Response:
    metrics.ACCESS_REFUSED.labels("forbidden").inc()
    needed, has = " or ".join(sorted(scopes)), ", ".join(sorted(sender.scopes))
    headers: Mapping[str, str] = {
        "WWW-Authenticate": f'Bearer realm="logd", error="insufficient_scope", scope="{" ".join(sorted(scopes))}"'
    }
    message = f"the scope {needed} is missing: {sender.who} has {has}"
    return error_answer(403, "forbidden", message, "Authorization", headers=headers)
