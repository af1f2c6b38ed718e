"""/api/v1/searches: searches that people have given a name.

All who may search see and run them, each within what their own token may see. No two have the same name: tokens come
and go, and are nobody's folders. Who may search may save; what is there is changed and deleted by the token that made
it, or by one that has the scope admin besides.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, TypeVar

import msgspec
from aiohttp import web
from msgspec import Meta

from logd.errors import BadRequest
from logd.flow.clock import now_us
from logd.http import identity, schemas
from logd.http.answers import json_answer
from logd.http.openapi import Answer, Content, Operation
from logd.http.parameters import Parameter, of_object, shortened, whole_body, whole_number
from logd.http.records import start_texts
from logd.http.saved import catalog_call, find
from logd.http.search import read_search
from logd.query.parse import Operator
from logd.seams import MAX_PARAMETERS_BYTES, SavedSearch, SavedSearches
from logd.tokens import ID, Scope, new_id

PATH = "/api/v1/searches"
_ONE = f"{PATH}/{{id:[^/]+}}"
_ID = Parameter("id", "Its id, or its name.", place="path")
_MOST_VERSION = 2**63 - 1
_NEEDS = (Scope.SEARCH,)
_JSON = "application/json"
Body = TypeVar("Body", schemas.SearchToSave, schemas.ChangedSearch)
LIST = Operation(
    "GET", PATH, "Saved searches", (), {200: Answer("All, by their names.", schemas.SavedSearchList)}, needs=_NEEDS
)
SHOW = Operation("GET", _ONE, "A saved search", (_ID,), {200: Answer("The search.", schemas.SavedSearch)}, needs=_NEEDS)
CREATE = Operation(
    "POST",
    PATH,
    "Save a search; 409 when its name is taken",
    (),
    {201: Answer("The search as it is kept.", schemas.SavedSearch)},
    body=Content("Its name, and a search's parameters.", {_JSON: schemas.SearchToSave}),
    needs=_NEEDS,
)
CHANGE = Operation(
    "PUT",
    _ONE,
    "Change a saved search; 409 when somebody has changed it meanwhile, or the name is taken",
    (_ID,),
    {200: Answer("The search as it is kept.", schemas.SavedSearch)},
    body=Content("All of it anew, and the version that it replaces.", {_JSON: schemas.ChangedSearch}),
    needs=_NEEDS,
)
REMOVE = Operation(
    "DELETE",
    _ONE,
    "Delete a saved search",
    (
        _ID,
        Parameter(
            "version",
            "Only this version: 409 when somebody has changed it meanwhile.",
            Annotated[int, Meta(ge=1, le=_MOST_VERSION)],
        ),
    ),
    {200: Answer("What is deleted.", schemas.SavedSearch)},
    needs=_NEEDS,
)


class Saved:
    """The handlers. What the catalog can't do now is 503."""

    def __init__(self, kept: SavedSearches, default_operator: Operator) -> None:
        self._kept = kept
        self._default_operator = default_operator

    async def list(self, request: web.Request) -> web.Response:
        """200 with schemas.SavedSearchList."""
        with catalog_call():
            found = await self._kept.all()
        return json_answer({"searches": _shown(found)})

    async def show(self, request: web.Request) -> web.Response:
        """200 with schemas.SavedSearch, or 404."""
        return _answer(await find(self._kept, request.match_info["id"]))

    async def create(self, request: web.Request) -> web.Response:
        """201 with schemas.SavedSearch. 400 says what a search would say of the parameters."""
        wanted = await self._body(request, schemas.SearchToSave)
        sender, now = identity.of(request), now_us()
        search = SavedSearch(
            id=new_id(),
            name=_name(wanted.name),
            description=wanted.description,
            parameters=msgspec.to_builtins(wanted.search),
            owner=sender.token_id,
            created_by=sender.name,
            updated_by=sender.name,
            created_us=now,
            updated_us=now,
        )
        with catalog_call():
            await self._kept.create(search)
        return _answer(search, 201, {"Location": f"{PATH}/{search.id}"})

    async def change(self, request: web.Request) -> web.Response:
        """200 with schemas.SavedSearch."""
        wanted = await self._body(request, schemas.ChangedSearch)
        found = await self._own(request)
        search = msgspec.structs.replace(
            found,
            name=_name(wanted.name),
            description=wanted.description,
            parameters=msgspec.to_builtins(wanted.search),
            updated_by=identity.of(request).name,
            updated_us=now_us(),
            version=wanted.version,
        )
        with catalog_call():
            return _answer(await self._kept.update(search))

    async def remove(self, request: web.Request) -> web.Response:
        """200 with schemas.SavedSearch."""
        version = whole_number(request.query, "version", 0, 1, _MOST_VERSION)
        found = await self._own(request)
        with catalog_call():
            await self._kept.delete(found.id, version or found.version)
        return _answer(found)

    async def _body(self, request: web.Request, kind: type[Body]) -> Body:
        """Raises BadRequest."""
        try:
            body = msgspec.json.decode(await whole_body(request), type=kind)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise BadRequest("bad_body", f"the body is wrong: {error}", "body") from error
        read_search(of_object(msgspec.to_builtins(body.search)), now_us(), self._default_operator)
        size = len(msgspec.json.encode(body.search))
        if size > MAX_PARAMETERS_BYTES:
            message = f"the parameters are {size} bytes of JSON, at most {MAX_PARAMETERS_BYTES}"
            raise BadRequest("search_too_large", message, "search", 413)
        return body

    async def _own(self, request: web.Request) -> SavedSearch:
        """What its sender may change. Raises BadRequest (403)."""
        found, sender = await find(self._kept, request.match_info["id"]), identity.of(request)
        if Scope.ADMIN in sender.scopes or (found.owner and found.owner == sender.token_id):
            return found
        whose = f"of {found.created_by!r} (token {found.owner})" if found.owner else "of nobody's token"
        message = f"the saved search {found.name!r} is {whose}: another one needs the scope admin to change it"
        raise BadRequest("forbidden", message, "Authorization", 403)


def _name(text: str) -> str:
    """Raises BadRequest."""
    name = text.strip()
    if not name or not name.isprintable() or ID.fullmatch(name):
        expected = "expected printable characters, and not what looks like an id"
        raise BadRequest("bad_name", f"name is {shortened(text)}, {expected}", "name")
    return name


def _answer(search: SavedSearch, status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
    return json_answer(_shown([search])[0], status, headers)


def _shown(searches: Sequence[SavedSearch]) -> list[dict[str, Any]]:
    """As of schemas.SavedSearch."""
    created = start_texts([search.created_us for search in searches])
    updated = start_texts([search.updated_us for search in searches])
    return [
        {
            "id": search.id,
            "name": search.name,
            "description": search.description,
            "search": search.parameters,
            "created": created_text,
            "created_by": search.created_by or None,
            "updated": updated_text,
            "updated_by": search.updated_by or None,
            "version": search.version,
        }
        for search, created_text, updated_text in zip(searches, created, updated, strict=True)
    ]
