"""The OpenAPI document, from the same descriptions that the routes are made from.

A module with a handler describes it by an `Operation`; app.py pairs both. What a path doesn't describe doesn't exist:
query parameters of /api/ that aren't in it are refused before the handler is asked.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal, NamedTuple

import msgspec
from aiohttp import web

from logd import __version__
from logd.http import schemas
from logd.http.access import Access
from logd.http.answers import Handler
from logd.http.parameters import Parameter, check
from logd.tokens import Scope

PATH = "/api/v1/openapi.json"
_TOKEN = "token"
_JSON = "application/json"
_FORM = "application/x-www-form-urlencoded"
_REFERENCE = "#/components/schemas/{name}"
_PATTERN = re.compile(r"\{(\w+):[^{}]*\}")


class Answer(NamedTuple):
    """What a status means, and the type of its body, as msgspec writes types. It is of one of its content types, which
    commas part."""

    meaning: str
    of: Any
    content_type: str = _JSON


class Content(NamedTuple):
    """What a request's body is: the type of it by content type."""

    meaning: str
    of: Mapping[str, Any]


class Operation(msgspec.Struct, frozen=True):
    """A method of a path, which may have aiohttp's patterns: `{name:…}`. Errors are described for all together."""

    method: Literal["GET", "POST", "PUT", "DELETE"]
    path: str
    summary: str
    parameters: Sequence[Parameter] = ()
    answers: Mapping[int, Answer] = {}
    #: Instead of a body: parameters that it has, as a JSON object or as a form.
    posted: Sequence[Parameter] = ()
    body: Content | None = None
    #: The scopes of which a token has to have one; with none, nobody needs a token. It has to be said.
    needs: Sequence[Scope] | None = None


DOCUMENT = Operation("GET", PATH, "This document", (), {200: Answer("OpenAPI 3.1.", dict[str, Any])}, needs=())
Route = tuple[Operation, Handler]


def add_routes(app: web.Application, routes: Sequence[Route], access: Access) -> None:
    """Adds the handlers, each guarded as it says, and one for the document that describes them all. Raises ValueError
    when one doesn't say what it needs."""
    whole = msgspec.json.encode(document([*(operation for operation, _ in routes), DOCUMENT]))

    async def describe(_: web.Request) -> web.Response:
        return web.Response(body=whole, content_type=_JSON)

    for operation, handler in [*routes, (DOCUMENT, describe)]:
        strict = _checked(operation, handler) if operation.path.startswith("/api/") else handler
        if operation.needs is None:
            raise ValueError(f"{operation.method} {operation.path} doesn't say which scope it needs")
        access.guards(strict, operation.needs)
        if operation.method == "GET":
            app.router.add_get(operation.path, strict)  # and HEAD
        else:
            app.router.add_route(operation.method, operation.path, strict)


def _checked(operation: Operation, handler: Handler) -> Handler:
    named = [parameter for parameter in (*operation.parameters, *operation.posted) if parameter.place == "query"]

    @functools.wraps(handler)
    async def checked(request: web.Request) -> web.StreamResponse:
        check(request.query, named)
        return await handler(request)

    return checked


def document(operations: Iterable[Operation]) -> dict[str, Any]:
    """The OpenAPI document of the operations."""
    operations = list(operations)
    types = _types(operations)
    described, components = msgspec.json.schema_components(types, ref_template=_REFERENCE)
    schema_of = dict(zip(map(repr, types), described, strict=True))
    paths: dict[str, dict[str, Any]] = {}
    for operation in operations:
        path = _PATTERN.sub(r"{\1}", operation.path)
        paths.setdefault(path, {})[operation.method.lower()] = _described(operation, path, schema_of)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "logd",
            "version": __version__,
            "description": "A centralized log service: lines in, searches out.",
        },
        "paths": paths,
        "components": {"schemas": components, "securitySchemes": {_TOKEN: {"type": "http", "scheme": "bearer"}}},
    }


def _types(operations: Iterable[Operation]) -> list[Any]:
    found: dict[str, Any] = {repr(schemas.ErrorAnswer): schemas.ErrorAnswer}
    for operation in operations:
        types = [answer.of for answer in operation.answers.values()]
        types += [parameter.of for parameter in (*operation.parameters, *operation.posted)]
        types += operation.body.of.values() if operation.body else ()
        found.update({repr(one): one for one in types})
    return list(found.values())


def _described(operation: Operation, path: str, schema_of: Mapping[str, Any]) -> dict[str, Any]:
    def content(content_type: str, of: Any) -> dict[str, Any]:
        return {name: {"schema": schema_of[repr(of)]} for name in content_type.split(",")}

    answers: dict[str, Any] = {
        str(status): {"description": answer.meaning, "content": content(answer.content_type, answer.of)}
        for status, answer in operation.answers.items()
    }
    answers["default"] = {"description": "An error.", "content": content(_JSON, schemas.ErrorAnswer)}
    words = re.findall(r"[a-z0-9]+", path.removeprefix("/api/v1"))
    described: dict[str, Any] = {
        "summary": operation.summary,
        "operationId": "_".join([operation.method.lower(), *words]),
        "responses": answers,
        # One of these is enough; without any, no token is needed.
        "security": [{_TOKEN: [scope.value]} for scope in operation.needs or ()],
    }
    if operation.parameters:
        described["parameters"] = [_parameter(parameter, schema_of) for parameter in operation.parameters]
    if operation.posted:
        schema = _object(operation.posted, schema_of)
        described["requestBody"] = {"content": {_JSON: {"schema": schema}, _FORM: {"schema": schema}}}
    if operation.body is not None:
        bodies = [content(content_type, of) for content_type, of in operation.body.of.items()]
        whole = {name: described for body in bodies for name, described in body.items()}
        described["requestBody"] = {"description": operation.body.meaning, "required": True, "content": whole}
    return described


def _parameter(parameter: Parameter, schema_of: Mapping[str, Any]) -> dict[str, Any]:
    described: dict[str, Any] = {
        "name": parameter.name,
        "in": parameter.place,
        "description": parameter.meaning,
        "schema": _schema(parameter, schema_of),
    }
    if parameter.required or parameter.place == "path":
        described["required"] = True
    return described


def _object(parameters: Sequence[Parameter], schema_of: Mapping[str, Any]) -> dict[str, Any]:
    properties = {}
    for parameter in parameters:
        schema = _schema(parameter, schema_of)
        if parameter.repeats:
            schema = {"anyOf": [schema, schema["items"]]}
        properties[parameter.name] = {**schema, "description": parameter.meaning}
    return {"type": "object", "properties": properties, "additionalProperties": False}


def _schema(parameter: Parameter, schema_of: Mapping[str, Any]) -> dict[str, Any]:
    schema: dict[str, Any] = schema_of[repr(parameter.of)]
    return {"type": "array", "items": schema} if parameter.repeats else schema
