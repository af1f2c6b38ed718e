"""The API's client, on the standard library."""

from __future__ import annotations

import http.client
import json
import re
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from logd.cli import events

REFUSED = 1
WRONG_USAGE = 2
UNREACHABLE = 3
#: Longer than any server's `search.deadline_seconds` is likely to be: it is the server that ends a search.
_SEARCH_SECONDS = 300
#: Of four heartbeats of a tail, one should have come.
_TAIL_SECONDS = 60
_TOO_MANY_REQUESTS = 429
_COLUMN = re.compile(r"q:(\d+)")
_LOOPBACK = re.compile(r"localhost|127(\.\d+){3}|::1")


class Failed(Exception):
    """No answer; `column` is the 1-based place in the query where the server stopped to understand it. One that is
    `passing` may be none when it is asked again."""

    def __init__(self, message: str, exit_code: int, column: int | None = None, passing: bool = False) -> None:
        super().__init__(message)
        self.exit_code = exit_code
        self.column = column
        self.passing = passing or exit_code == UNREACHABLE


def search(base: str, parameters: Sequence[tuple[str, str]]) -> dict[str, Any]:
    """The server's answer, in which `logs` is a list of objects. Raises Failed, with the process's exit code."""
    with _answer(base, "/api/v1/logs/search", parameters, {}, _SEARCH_SECONDS) as response:
        body = response.read()
    answer = _json(body)
    logs = answer.get("logs") if isinstance(answer, dict) else None
    if not isinstance(logs, list) or not all(isinstance(record, dict) for record in logs):
        raise Failed(f"{base} answered, but is no logd: {_shortened(body)}", REFUSED)
    return dict(answer)


def tail(base: str, parameters: Sequence[tuple[str, str]], last_id: str) -> Iterator[events.Event]:
    """The events of a live tail, after the one with `last_id`, until the server ends it. Raises Failed."""
    headers = {"Accept": "text/event-stream", **({"Last-Event-ID": last_id} if last_id else {})}
    with _answer(base, "/api/v1/logs/tail", parameters, headers, _TAIL_SECONDS) as response:
        if response.headers.get_content_type() != "text/event-stream":
            raise Failed(f"{base} answered, but is no logd: {_shortened(response.read(60))}", REFUSED)
        yield from events.read(response, last_id)


@contextmanager
def _answer(
    base: str, path: str, parameters: Sequence[tuple[str, str]], headers: Mapping[str, str], timeout_seconds: float
) -> Iterator[http.client.HTTPResponse]:
    """The response to a GET, to be read within the block. Raises Failed, also for what happens while it is read."""
    url = f"{_checked(base)}{path}?{urllib.parse.urlencode(parameters)}"
    request = urllib.request.Request(url, headers=dict(headers))
    try:
        with _opener(base).open(request, timeout=timeout_seconds) as response:
            yield response
    except urllib.error.HTTPError as error:
        with error:
            raise _refusal(base, error) from None
    except urllib.error.URLError as error:
        raise Failed(f"can't reach {base}: {_said(error.reason)}", UNREACHABLE) from None
    except (OSError, http.client.HTTPException) as error:
        raise Failed(f"no whole answer from {base}: {_said(error)}", UNREACHABLE) from None


def _checked(base: str) -> str:
    try:
        parts = urllib.parse.urlsplit(base)
        parts.port  # noqa: B018 - raises when it is no number
    except ValueError as error:
        raise Failed(f"the address {base!r} is wrong: {error}", WRONG_USAGE) from None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise Failed(f"the address {base!r} is wrong, expected one such as http://127.0.0.1:8080", WRONG_USAGE)
    return base.rstrip("/")


def _opener(base: str) -> urllib.request.OpenerDirector:
    # Nobody wants $http_proxy for this machine, but few set $no_proxy.
    host = urllib.parse.urlsplit(base).hostname or ""
    proxy = urllib.request.ProxyHandler({} if _LOOPBACK.fullmatch(host) else None)
    return urllib.request.build_opener(proxy)


def _refusal(base: str, error: urllib.error.HTTPError) -> Failed:
    passing = error.code == _TOO_MANY_REQUESTS or error.code >= 500
    body = _json(error.read())
    problem = body.get("error") if isinstance(body, dict) else None
    if not isinstance(problem, dict) or not isinstance(problem.get("message"), str):
        return Failed(f"{base} answered {error.code} {error.reason}", REFUSED, passing=passing)
    column = _COLUMN.fullmatch(str(problem.get("where")))
    return Failed(problem["message"], REFUSED, int(column[1]) if column else None, passing)


def _json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def _said(error: object) -> str:
    return str(getattr(error, "strerror", None) or error or type(error).__name__).lower()


def _shortened(body: bytes) -> str:
    return repr(body[:60].decode(errors="replace"))
