"""The HTTP API's client, which every command uses that asks a server. On the standard library, so that it starts
quickly."""

from __future__ import annotations

import http.client
import json
import re
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from logd import __version__
from logd.cli import events
from logd.errors import LogdError

REFUSED = 1
WRONG_USAGE = 2
UNREACHABLE = 3
#: A server gives no more rows at once; what is behind them has a cursor.
PAGE_ROWS = 10_000
#: Longer than any server's `search.deadline_seconds` is likely to be: it is the server that ends a search.
_SEARCH_SECONDS = 300
#: Of four heartbeats of a tail, one should have come.
_TAIL_SECONDS = 60
_COLUMN = re.compile(r"q:(\d+)")
_LOOPBACK = re.compile(r"localhost|127(\.\d+){3}|::1")
#: A server may ask for so long a wait; more is taken for a slip of something in between.
_LONGEST_RETRY_SECONDS = 300.0
#: Too much at once, or a server, or something before it, that is just starting.
_NOT_FOUND = 404
_LATER = (429, 500, 502, 503, 504)
Parameters = Sequence[tuple[str, str]]


class Failed(LogdError):
    """No answer. `exit_code` is the process's; `column` the 1-based place in the query where the server stopped to
    understand it, `where` the place that it names, whatever that is; `status` the answer's, 0 when there was none;
    `retry_after_seconds` what the server asked for."""

    def __init__(
        self,
        message: str,
        exit_code: int,
        column: int | None = None,
        status: int = 0,
        retry_after_seconds: float = 0.0,
        where: str = "",
    ) -> None:
        super().__init__(message)
        self.exit_code = exit_code
        self.column = column
        self.status = status
        self.retry_after_seconds = retry_after_seconds
        self.where = where

    @property
    def passing(self) -> bool:
        """Asked again, there may be an answer."""
        return self.exit_code == UNREACHABLE or self.status in _LATER


class Server(NamedTuple):
    """An address such as http://127.0.0.1:8080, with or without a path, and the token for it, which may be empty."""

    base: str
    token: str = ""

    def ask(
        self,
        method: str,
        path: str,
        parameters: Parameters = (),
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        timeout_seconds: float = _SEARCH_SECONDS,
    ) -> bytes:
        """The body of an answer that isn't an error. Raises Failed."""
        with self.open(method, path, parameters, body, headers, timeout_seconds) as response:
            try:
                return response.read()
            except (OSError, http.client.HTTPException) as error:
                raise Failed(f"no whole answer from {self.base}: {_said(error)}", UNREACHABLE) from None

    def open(
        self,
        method: str,
        path: str,
        parameters: Parameters = (),
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        timeout_seconds: float = _SEARCH_SECONDS,
    ) -> http.client.HTTPResponse:
        """The same, to be read piece by piece: whoever reads it has to expect OSError and HTTPException."""
        query = f"?{urllib.parse.urlencode(parameters)}" if parameters else ""
        request = urllib.request.Request(f"{self._checked()}{path}{query}", body, dict(headers or {}), method=method)
        request.add_header("User-Agent", f"logd/{__version__}")
        if self.token:
            # Not for whoever the server might redirect to.
            request.add_unredirected_header("Authorization", f"Bearer {self.token}")
        try:
            response: http.client.HTTPResponse = self._opener().open(request, timeout=timeout_seconds)
        except urllib.error.HTTPError as error:
            with error:
                raise self._refusal(error) from None
        except urllib.error.URLError as error:
            raise Failed(f"can't reach {self.base}: {_said(error.reason)}", UNREACHABLE) from None
        except (OSError, http.client.HTTPException) as error:
            raise Failed(f"no whole answer from {self.base}: {_said(error)}", UNREACHABLE) from None
        return response

    def json(self, method: str, path: str, parameters: Parameters = (), body: object = None) -> dict[str, Any]:
        """The answer's JSON object; `body` is sent as JSON unless it is None. Raises Failed."""
        sent = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json"} if sent is not None else {}
        return self.understood(self.ask(method, path, parameters, sent, headers))

    def json_if_there(self, path: str) -> dict[str, Any] | None:
        """What is at a path; None when there is nothing. Raises Failed."""
        try:
            return self.json("GET", path)
        except Failed as failure:
            if failure.status != _NOT_FOUND:
                raise
            return None

    def understood(self, body: bytes) -> dict[str, Any]:
        """The JSON object in a body. Raises Failed when there is none: then the server is another one."""
        answer = _json(body)
        if not isinstance(answer, dict):
            raise Failed(f"{self.base} answered, but is no logd: {_shortened(body)}", REFUSED)
        return answer

    def search(self, parameters: Parameters) -> dict[str, Any]:
        """A search's answer, in which `logs` is a list of objects. Raises Failed."""
        body = self.ask("GET", "/api/v1/logs/search", parameters)
        answer = self.understood(body)
        logs = answer.get("logs")
        if not isinstance(logs, list) or not all(isinstance(record, dict) for record in logs):
            raise Failed(f"{self.base} answered, but is no logd: {_shortened(body)}", REFUSED)
        return answer

    def pages(self, parameters: Parameters, limit: int | None, offset: int | None = None) -> Iterator[dict[str, Any]]:
        """A search's answers, one after the other, until `limit` rows have come, all if it is None. Raises Failed."""
        left = limit
        place = [] if offset is None else [("offset", str(offset))]
        while left is None or left > 0:
            rows = PAGE_ROWS if left is None else min(left, PAGE_ROWS)
            answer = self.search([*parameters, ("limit", str(rows)), *place])
            yield answer
            if "next_cursor" not in answer and len(answer["logs"]) >= rows and left != rows:
                raise Failed(f"{self.base} gives no more than {rows} rows: it needs a newer logd", REFUSED)
            if not answer.get("next_cursor"):
                return
            place = [("track_total_hits", "false"), ("cursor", str(answer["next_cursor"]))]
            left = None if left is None else left - len(answer["logs"])

    def tail(self, parameters: Parameters, last_id: str) -> Iterator[events.Event]:
        """The events of a live tail, after the one with `last_id`, until the server ends it. Raises Failed."""
        headers = {"Accept": "text/event-stream", **({"Last-Event-ID": last_id} if last_id else {})}
        with self.open(
            "GET", "/api/v1/logs/tail", parameters, headers=headers, timeout_seconds=_TAIL_SECONDS
        ) as response:
            try:
                if response.headers.get_content_type() != "text/event-stream":
                    raise Failed(f"{self.base} answered, but is no logd: {_shortened(response.read(60))}", REFUSED)
                yield from events.read(response, last_id)
            except (OSError, http.client.HTTPException) as error:
                raise Failed(f"no whole answer from {self.base}: {_said(error)}", UNREACHABLE) from None

    def _checked(self) -> str:
        try:
            parts = urllib.parse.urlsplit(self.base)
            parts.port  # noqa: B018 - raises when it is no number
        except ValueError as error:
            raise Failed(f"the address {self.base!r} is wrong: {error}", WRONG_USAGE) from None
        if parts.scheme not in ("http", "https") or not parts.hostname:
            expected = "expected one such as http://127.0.0.1:8080"
            raise Failed(f"the address {self.base!r} is wrong, {expected}", WRONG_USAGE)
        return self.base.rstrip("/")

    def _opener(self) -> urllib.request.OpenerDirector:
        # Nobody wants $http_proxy for this machine, but few set $no_proxy.
        host = urllib.parse.urlsplit(self.base).hostname or ""
        proxy = urllib.request.ProxyHandler({} if _LOOPBACK.fullmatch(host) else None)
        return urllib.request.build_opener(proxy)

    def _refusal(self, error: urllib.error.HTTPError) -> Failed:
        try:
            body = _json(error.read())
        except (OSError, http.client.HTTPException):
            body = None
        retry_after = _seconds(error.headers.get("Retry-After", ""))
        problem = body.get("error") if isinstance(body, dict) else None
        if not isinstance(problem, dict) or not isinstance(problem.get("message"), str):
            said = f"{self.base} answered {error.code} {' '.join(str(error.reason).split())}"
            return Failed(said, REFUSED, None, error.code, retry_after)
        where = str(problem.get("where") or "")
        column = _COLUMN.fullmatch(where)
        at = int(column[1]) if column else None
        return Failed(problem["message"], REFUSED, at, error.code, retry_after, where)


def _seconds(retry_after: str) -> float:
    """Of the header Retry-After; 0 where it isn't there, or is a date."""
    text = retry_after.strip()
    return min(float(text), _LONGEST_RETRY_SECONDS) if text.isascii() and text.isdigit() else 0.0


def _json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def _said(error: object) -> str:
    said = str(getattr(error, "strerror", None) or error or type(error).__name__).lower()
    trust = "; $SSL_CERT_FILE names a file with the certificates to trust"
    return said + (trust if "certificate_verify_failed" in said else "")


def _shortened(body: bytes) -> str:
    return repr(body[:60].decode(errors="replace"))
