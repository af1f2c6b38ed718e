"""What people give a name, and others see: saved searches and dashboards.

All who may search see them, and what they find with them is within what their own token may see. No two have the same
name: tokens come and go, and are nobody's folders. Who may search may make one; what is there is changed and deleted by
the token that made it, or by one that has the scope admin besides.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, Generic, NamedTuple, TypeVar

import msgspec
from aiohttp import web
from msgspec import Meta

from logd.errors import BadRequest
from logd.flow.clock import now_us
from logd.http import identity
from logd.http.answers import json_answer
from logd.http.openapi import Answer, Content, Operation
from logd.http.parameters import Parameter, shortened, whole_body, whole_number
from logd.http.records import start_texts
from logd.http.saved import catalog_call, find
from logd.seams import Dashboard, Kept, SavedSearch
from logd.tokens import ID, Scope, new_id

T = TypeVar("T", SavedSearch, Dashboard)
D = TypeVar("D", bound=msgspec.Struct)
_ID = Parameter("id", "Its id, or its name.", place="path")
_MOST_VERSION = 2**63 - 1
_NEEDS = (Scope.SEARCH,)
_JSON = "application/json"


class Schemas(NamedTuple):
    """The types of bodies: one that is kept, all of them, and what makes and what changes one."""

    one: Any
    all: Any
    make: Any
    change: Any


class Wanted(NamedTuple):
    """What a body asks for: the fields of one that is kept, without those that NamedApi knows; `version` is what a
    change replaces."""

    name: str
    description: str
    fields: Mapping[str, Any]
    version: int = 0


class Kind(NamedTuple, Generic[T]):
    """What is kept under `path`. `one` and `plural` are what people call them, `a dashboard` and `dashboards`, `listed`
    the member of the list's answer. `read` makes a body into what is wanted, of a change when it is told so, and raises
    BadRequest; `shown` gives what an answer has beside name, description, times and version."""

    path: str
    one: str
    plural: str
    listed: str
    type: type[T]
    read: Callable[[bytes, bool], Wanted]
    shown: Callable[[T], Mapping[str, Any]]

    @property
    def what(self) -> str:
        """Without its article."""
        return self.one.partition(" ")[2]


class Operations(NamedTuple):
    """Those of NamedApi, by its handlers' names."""

    list: Operation
    show: Operation
    create: Operation
    change: Operation
    remove: Operation


def operations(kind: Kind[T], of: Schemas, content: str) -> Operations:
    """`content` says what is posted."""
    path, one, kept = f"{kind.path}/{{id:[^/]+}}", kind.what, Answer("It as it is kept.", of.one)
    meanwhile = "409 when somebody has changed it meanwhile"
    version = Parameter("version", f"Only this version: {meanwhile}.", Annotated[int, Meta(ge=1, le=_MOST_VERSION)])
    made = Content(content, {_JSON: of.make})
    changed = Content("All of it anew, and the version that it replaces.", {_JSON: of.change})
    every = {200: Answer("All, by their names.", of.all)}
    gone = {200: Answer("What is deleted.", of.one)}
    replaces = f"Change a {one}; {meanwhile}, or the name is taken"
    return Operations(
        list=Operation("GET", kind.path, kind.plural.capitalize(), (), every, needs=_NEEDS),
        show=Operation("GET", path, kind.one.capitalize(), (_ID,), {200: kept}, needs=_NEEDS),
        create=Operation(
            "POST", kind.path, f"Keep a {one}; 409 when its name is taken", (), {201: kept}, body=made, needs=_NEEDS
        ),
        change=Operation("PUT", path, replaces, (_ID,), {200: kept}, body=changed, needs=_NEEDS),
        remove=Operation("DELETE", path, f"Delete a {one}", (_ID, version), gone, needs=_NEEDS),
    )


class NamedApi(Generic[T]):
    """The handlers. What the catalog can't do now is 503."""

    def __init__(self, kept: Kept[T], kind: Kind[T]) -> None:
        self._kept: Kept[T] = kept
        self._kind: Kind[T] = kind

    async def list(self, request: web.Request) -> web.Response:
        """200 with all of them."""
        with catalog_call():
            found = await self._kept.all()
        # As many MB as may be kept.
        return await asyncio.to_thread(lambda: json_answer({self._kind.listed: self._shown(found)}))

    async def show(self, request: web.Request) -> web.Response:
        """200 with one, or 404."""
        return self._answer(await self._find(request))

    async def create(self, request: web.Request) -> web.Response:
        """201 with what is kept."""
        wanted = self._kind.read(await whole_body(request), False)
        sender, now = identity.of(request), now_us()
        one = self._kind.type(
            id=new_id(),
            name=_name(wanted.name),
            description=wanted.description,
            owner=sender.token_id,
            created_by=sender.name,
            updated_by=sender.name,
            created_us=now,
            updated_us=now,
            **wanted.fields,
        )
        with catalog_call():
            await self._kept.create(one)
        return self._answer(one, 201, {"Location": f"{self._kind.path}/{one.id}"})

    async def change(self, request: web.Request) -> web.Response:
        """200 with what is kept."""
        wanted = self._kind.read(await whole_body(request), True)
        found = await self._own(request)
        one = msgspec.structs.replace(
            found,
            name=_name(wanted.name),
            description=wanted.description,
            updated_by=identity.of(request).name,
            updated_us=now_us(),
            version=wanted.version,
            **wanted.fields,
        )
        with catalog_call():
            return self._answer(await self._kept.update(one))

    async def remove(self, request: web.Request) -> web.Response:
        """200 with what is deleted."""
        version = whole_number(request.query, "version", 0, 1, _MOST_VERSION)
        found = await self._own(request)
        with catalog_call():
            await self._kept.delete(found.id, version or found.version)
        return self._answer(found)

    async def _find(self, request: web.Request) -> T:
        return await find(self._kept, request.match_info["id"], self._kind.what)

    async def _own(self, request: web.Request) -> T:
        """What its sender may change. Raises BadRequest (403)."""
        found, sender = await self._find(request), identity.of(request)
        if Scope.ADMIN in sender.scopes or (found.owner and found.owner == sender.token_id):
            return found
        whose = f"of {found.created_by!r} (token {found.owner})" if found.owner else "of nobody's token"
        message = f"the {self._kind.what} {found.name!r} is {whose}: another one needs the scope admin to change it"
        raise BadRequest("forbidden", message, "Authorization", 403)

    def _answer(self, one: T, status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
        return json_answer(self._shown([one])[0], status, headers)

    def _shown(self, found: Sequence[T]) -> Sequence[dict[str, Any]]:
        created = start_texts([one.created_us for one in found])
        updated = start_texts([one.updated_us for one in found])
        return [
            {
                "id": one.id,
                "name": one.name,
                "description": one.description,
                **self._kind.shown(one),
                "created": created_text,
                "created_by": one.created_by or None,
                "updated": updated_text,
                "updated_by": one.updated_by or None,
                "version": one.version,
            }
            for one, created_text, updated_text in zip(found, created, updated, strict=True)
        ]


def decoded(body: bytes, kind: type[D]) -> D:
    """The JSON body. Raises BadRequest."""
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise BadRequest("bad_body", f"the body is wrong: {error}", "body") from error


def _name(text: str) -> str:
    """Raises BadRequest."""
    name = text.strip()
    if not name or not name.isprintable() or ID.fullmatch(name):
        expected = "expected printable characters, and not what looks like an id"
        raise BadRequest("bad_name", f"name is {shortened(text)}, {expected}", "name")
    return name
