"""Answers held to the OpenAPI document that the application gives of itself."""

from __future__ import annotations

import asyncio
import functools
import re
from typing import Any, cast

import msgspec
import orjson
from aiohttp import web
from aiohttp.test_utils import make_mocked_request
from openapi_schema_validator import OAS31Validator

from logd.config.schema import Config
from logd.http.app import Behind, make_app
from logd.http.openapi import PATH
from logd.http.status_history import StatusHistory

#: Of a long list so many at each end are looked at.
_LOOKED_AT = 3


@functools.cache
def application() -> web.Application:
    """The application without anything behind it: its routes can be looked at, and only the document be asked for."""
    none = cast(Any, None)
    required = [field.name for field in msgspec.structs.fields(Behind) if field.required]
    behind = Behind(**dict.fromkeys(required, none))
    return make_app(Config(), behind, none, {}, none, none, none, StatusHistory(none, list, {}))


@functools.cache
def document() -> dict[str, Any]:
    """The document."""
    (handler,) = {route.handler for route in application().router.routes() if _path(route) == PATH}
    answer = asyncio.run(_asked(handler))
    found: dict[str, Any] = orjson.loads(cast(bytes, answer.body))
    return found


async def _asked(handler: Any) -> web.Response:
    return cast(web.Response, await handler(make_mocked_request("GET", PATH)))


def routes() -> set[tuple[str, str]]:
    """Method and path of all that the application serves; HEAD comes with GET."""
    found = {(route.method, _path(route)) for route in application().router.routes()}
    return {(method, path) for method, path in found if method != "HEAD"}


def _path(route: web.AbstractRoute) -> str:
    assert route.resource is not None
    return route.resource.canonical


def check_answer(method: str, path: str, status: int, content_type: str, body: bytes) -> None:
    """AssertionError when an answer isn't as the document says. What isn't in it is a 404 or a 405."""
    described = _described(method, path.partition("?")[0])
    if described is None:
        assert status in (400, 404, 405), f"{method} {path} isn't described, but answered {status}"
        return
    answers = described["responses"]
    if str(status) not in answers:
        assert status >= 400, f"{method} {path} answered {status}, described are {', '.join(answers)}"
    if status == 400 and not content_type.startswith("application/json"):
        return  # the HTTP library's own, for what is no HTTP
    content = answers.get(str(status), answers["default"])["content"]
    kind = content_type.partition(";")[0]
    assert kind in content, f"{method} {path} answered {status} with {content_type}"
    if kind == "application/json":
        errors = [f"{error.json_path}: {error.message}" for error in _validator(content).iter_errors(_short(body))]
        assert not errors, f"{method} {path} answered {body[:500]!r}: {errors[:5]}"


def _described(method: str, path: str) -> dict[str, Any] | None:
    for template, operations in document()["paths"].items():
        pattern = re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(template))
        if re.fullmatch(pattern, path) and method.lower() in operations:
            found: dict[str, Any] = operations[method.lower()]
            return found
    return None


def _validator(content: dict[str, Any]) -> OAS31Validator:
    schema = {**content["application/json"]["schema"], "components": document()["components"]}
    return OAS31Validator(schema)


def _short(body: bytes) -> Any:
    value = orjson.loads(body)
    if isinstance(value, dict):
        for name, inner in value.items():
            if isinstance(inner, list) and len(inner) > 2 * _LOOKED_AT:
                value[name] = inner[:_LOOKED_AT] + inner[-_LOOKED_AT:]
    return value
