"""Answers and errors as JSON: `{"error": {"code", "message", "where"}}`."""

from __future__ import annotations

import logging
import math
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import orjson
from aiohttp import web

from logd.errors import BadRequest, Conflict, NotFound, Unavailable

log = logging.getLogger("logd.api")
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def json_bytes(value: Any) -> bytes:
    """`value` may hold orjson.Fragment."""
    return orjson.dumps(value)


def partial(missing: Sequence[str]) -> dict[str, Any]:
    """What an answer says of itself from which rows may be missing, for the reasons given; nothing when it is whole."""
    return {"partial": True, "warnings": list(missing)} if missing else {}


def read_tiers(tiers: Sequence[str]) -> dict[str, Any]:
    """What an answer says of the tiers that were read for it; nothing where nobody knows."""
    return {"tiers": list(tiers)} if tiers else {}


def json_answer(value: Any, status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
    """See json_bytes."""
    return web.Response(body=json_bytes(value), status=status, content_type="application/json", headers=headers)


def error_answer(
    status: int,
    code: str,
    message: str,
    where: str = "",
    retry_after: float = 0.0,
    headers: Mapping[str, str] | None = None,
) -> web.Response:
    """`retry_after` seconds, when given, become the header Retry-After."""
    named = dict(headers or {})
    if retry_after:
        named["Retry-After"] = str(math.ceil(retry_after))
    return json_answer({"error": {"code": code, "message": message, "where": where}}, status, named)


async def forbid_guessing(_: web.Request, response: web.StreamResponse) -> None:
    """Before the head of any answer is sent: lines are foreign text, which no browser takes for a script or a page."""
    response.headers["X-Content-Type-Options"] = "nosniff"


@web.middleware
async def errors_as_json(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Every error that leaves a handler has the same shape; an unforeseen one is logged and tells nothing of itself."""
    try:
        return await handler(request)
    except BadRequest as error:
        return error_answer(error.status, error.code, str(error), error.where)
    except NotFound as error:
        return error_answer(404, "not_found", str(error))
    except Conflict as error:
        return error_answer(409, "conflict", str(error), error.where)
    except Unavailable as error:
        return error_answer(error.status, "unavailable", str(error), "", error.retry_after_seconds)
    except TimeoutError:
        return error_answer(504, "deadline", "the answer was not ready within its deadline")
    except web.HTTPException as error:
        return error_answer(error.status, error.reason.lower().replace(" ", "_"), error.reason.lower(), request.path)
    except (ConnectionError, OSError):
        raise
    except Exception:
        log.exception("%s %s failed", request.method, request.path)
        return error_answer(500, "internal", "something went wrong; the server's log has it")
