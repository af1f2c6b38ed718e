"""/api/v1/tokens: who gets in. What `logd token` does on the machine, for whoever administers.

A token can't make one that may do more than itself, or for longer: else a leaked one that is good for little, or for a
day, would be good for everything, for ever. Rates are no such limit: of two tokens each has its own.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

import msgspec
from aiohttp import web

from logd.config.schema import Api
from logd.errors import BadRequest, ConfigError, NotFound, Unavailable
from logd.flow.clock import now_us
from logd.http import identity
from logd.http.answers import json_answer
from logd.http.identity import Identity
from logd.http.named import decoded
from logd.http.openapi import Answer, Content, Operation
from logd.http.parameters import Parameter, whole_body
from logd.http.records import start_texts
from logd.http.saved import catalog_call
from logd.http.token_schemas import NewToken, TokenList, TokenToMake
from logd.http.token_schemas import Token as Shown
from logd.seams import Tokens
from logd.tokens import ID, Scope, Token, WrongToken, make

log = logging.getLogger("logd.api")
PATH = "/api/v1/tokens"
_NEEDS = (Scope.ADMIN,)
LIST = Operation("GET", PATH, "Tokens", (), {200: Answer("All, without their secrets.", TokenList)}, needs=_NEEDS)
CREATE = Operation(
    "POST",
    PATH,
    "Make a token; 403 when it could do more than the one that makes it",
    (),
    {201: Answer("The token, and what a client sends, once.", NewToken)},
    body=Content(
        "What it is good for. The first one of all has to have the scope admin.", {"application/json": TokenToMake}
    ),
    needs=_NEEDS,
)
REVOKE = Operation(
    "DELETE",
    f"{PATH}/{{id:[^/]+}}",
    "Revoke a token for ever",
    (Parameter("id", "Its id.", place="path"),),
    {200: Answer("What is revoked.", Shown)},
    needs=_NEEDS,
)


class TokenApi:
    """The handlers. What the catalog can't do now is 503."""

    def __init__(self, api: Api, tokens: Tokens) -> None:
        self._anonymous = api.anonymous
        self._tokens = tokens

    async def list(self, request: web.Request) -> web.Response:
        """200 with TokenList."""
        with catalog_call():
            found = await self._tokens.all()
            needed = not self._anonymous and (bool(found) or await self._tokens.ever())
        return json_answer({"tokens": _shown(found, identity.of(request)), "needed": needed})

    async def create(self, request: web.Request) -> web.Response:
        """201 with NewToken."""
        wanted, sender = decoded(await whole_body(request), TokenToMake), identity.of(request)
        try:
            token, text = make(now_us(), **msgspec.structs.asdict(wanted))
        except WrongToken as error:
            raise BadRequest("bad_token", f"{error.where} {error}", error.where) from error
        with catalog_call():
            if sender.token_id:
                _refuse_more(sender, await self._tokens.find(sender.token_id), token)
            elif not self._anonymous:
                await self._refuse_others(token)
            try:
                await self._tokens.create(token)
            except ConfigError as error:  # the file can't be made
                raise Unavailable(str(error), status=503) from error
        log.info("the token %s, %r, was made by %s", token.id, token.name, sender.who)
        headers = {"Location": f"{PATH}/{token.id}", "Cache-Control": "no-store"}
        return json_answer({**_shown([token], sender)[0], "token": text}, 201, headers)

    async def _refuse_others(self, token: Token) -> None:
        """Of who has none: only the first token, and that with admin. Raises BadRequest."""
        if await self._tokens.ever():  # since a moment, for which those who were let in without one may go on
            raise BadRequest("unauthorized", "there is a token by now: one is needed", "Authorization", 401)
        if Scope.ADMIN not in token.scopes:
            message = (
                "scopes has no admin, which the first token needs: from then on every request needs a token, and"
                " only one with admin makes others"
            )
            raise BadRequest("first_token", message, "scopes")

    async def revoke(self, request: web.Request) -> web.Response:
        """200 with Token, or 404."""
        key, sender = request.match_info["id"].strip(), identity.of(request)
        if not ID.fullmatch(key):  # maybe a whole token, which mustn't be told again
            raise NotFound("there is no such token: an id has 12 hex digits")
        with catalog_call():
            token = await self._tokens.revoke(key, now_us())
        log.info("the token %s, %r, was revoked by %s", token.id, token.name, sender.who)
        return json_answer(_shown([token], sender)[0])


def _refuse_more(sender: Identity, own: Token | None, token: Token) -> None:
    """Raises BadRequest (403) when the sender, whose token is `own`, may do less than the new one."""
    if more := token.scopes - sender.scopes:
        raise _refused(f"{sender.who} hasn't the scope {', '.join(sorted(more))}", "scopes")
    for what, has, gets in (("services", sender.services, token.services), ("hosts", sender.hosts, token.hosts)):
        if has and (not gets or set(gets) - set(has)):
            raise _refused(f"{sender.who} is for the {what} {', '.join(has)} alone", what)
    # As it is kept now: who was let in may have been revoked a moment ago.
    if own is None or own.state(token.created_us) != "active":
        raise _refused(f"{sender.who} is revoked or expired", "Authorization")
    if own.expires_us is not None and (token.expires_us is None or token.expires_us > own.expires_us):
        raise _refused(f"{sender.who} expires at {start_texts([own.expires_us])[0]}", "expires")


def _refused(why: str, where: str) -> BadRequest:
    return BadRequest("forbidden", f"{why}, and can't make a token with more: `logd token create` can", where, 403)


def _shown(tokens: Sequence[Token], sender: Identity) -> list[dict[str, Any]]:
    now = now_us()

    def text(time_us: int | None) -> str | None:
        return None if time_us is None else start_texts([time_us])[0]

    return [
        {
            "id": token.id,
            "name": token.name,
            "scopes": sorted(token.scopes),
            "services": token.services,
            "hosts": token.hosts,
            "created": text(token.created_us),
            "expires": text(token.expires_us),
            "revoked": text(token.revoked_us),
            "requests_per_second": token.requests_per_second,
            "bytes_per_second": token.bytes_per_second,
            "state": token.state(now),
            "own": token.id == sender.token_id,
        }
        for token in tokens
    ]
