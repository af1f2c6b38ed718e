"""Who asks: what a request's token allows, and how a handler keeps to it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

import msgspec
from aiohttp import web

from logd.chunk import Envelope
from logd.errors import BadRequest
from logd.query.tree import And, Equals, Everything, Node, Or
from logd.seams import Fields, Histogram, Patterns, Search, Stats
from logd.tokens import Scope

Asked = TypeVar("Asked", Search, Histogram, Stats, Fields, Patterns)
#: The headers of a chunk by which its own service and host win over those that its records name.
_LOCKS = ("service-locked", "host-locked")


class Identity(msgspec.Struct, frozen=True, kw_only=True):
    """`who` names a token or an address, for rate limits and logs; `token_id` and `name` are the token's, empty without
    one. Empty `services` or `hosts` are all of them."""

    who: str
    scopes: frozenset[Scope]
    services: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    token_id: str = ""
    name: str = ""


#: Why somebody who was let in no longer would be; empty as long as they would.
Objection = Callable[[], Awaitable[str]]
_KEY = web.RequestKey("logd.identity", Identity)
_OBJECTION = web.RequestKey[Objection]("logd.objection", Objection)  # type: ignore[arg-type]


def remember(request: web.Request, identity: Identity, objection: Objection) -> None:
    """What `of` and `objection` give from now on."""
    request[_KEY] = identity
    request[_OBJECTION] = objection


async def objection(request: web.Request) -> str:
    """For answers that go on: why they mustn't any longer, since the token ended or one is needed now. Cheap."""
    return await request[_OBJECTION]()


def of(request: web.Request) -> Identity:
    """Who sent it. Raises KeyError where nobody was asked for a token."""
    return request[_KEY]


def of_all(request: web.Request, what: str = "alerts are") -> Identity:
    """Who sent it, if `what` it is about isn't one service's or host's. Raises BadRequest (403)."""
    identity = of(request)
    if identity.services or identity.hosts:
        message = f"{identity.who} is for some services or hosts alone, and {what} of all"
        raise BadRequest("forbidden", message, "Authorization", 403)
    return identity


def within(request: web.Request, query: Node) -> Node:
    """The query, limited to what its sender may see: to be used wherever records are looked for."""
    identity = of(request)
    limits = tuple(_any("service", identity.services) + _any("host", identity.hosts))
    if not limits:
        return query
    if isinstance(query, Everything):
        return limits[0] if len(limits) == 1 else And(limits)
    return And((query, *limits))


def limited(request: web.Request, search: Asked) -> Asked:
    """The same of a query that is `within`."""
    return msgspec.structs.replace(search, query=within(request, search.query))


def writer(request: web.Request, service: str, host: str) -> Identity:
    """Who writes for this service on this host. Raises BadRequest (403) when they may not."""
    identity = of(request)
    if identity.services and service not in identity.services:
        raise _refused("service", service, identity.services, "X-Service-Id")
    if identity.hosts and host not in identity.hosts:
        raise _refused("host", host, identity.hosts, "X-Host")
    return identity


def writable(request: web.Request, envelopes: Sequence[Envelope]) -> Sequence[Envelope]:
    """The chunks, so marked that their records can't name a service or host that the sender may not write for. Raises
    BadRequest (403) when a chunk does."""
    identity = of(request)
    locks = {name: "1" for name, limit in zip(_LOCKS, (identity.services, identity.hosts), strict=True) if limit}
    if not locks:
        return envelopes
    for place, envelope in enumerate(envelopes):
        host = envelope.headers.get("host", "")
        if identity.services and envelope.key not in identity.services:
            raise _refused("service", envelope.key, identity.services, f"chunks[{place}]")
        if identity.hosts and host not in identity.hosts:
            raise _refused("host", host, identity.hosts, f"chunks[{place}]")
    return [msgspec.structs.replace(envelope, headers=envelope.headers | locks) for envelope in envelopes]


def _any(field: str, values: tuple[str, ...]) -> list[Node]:
    nodes = tuple(Equals(field, value) for value in values)
    return [] if not nodes else [nodes[0] if len(nodes) == 1 else Or(nodes)]


def _refused(what: str, value: str, allowed: tuple[str, ...], where: str) -> BadRequest:
    return BadRequest(
        f"{what}_not_allowed", f"this token is for the {what}s {', '.join(allowed)}, not for {value!r}", where, 403
    )
