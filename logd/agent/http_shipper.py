"""Shipping to another logd over HTTP: POST /api/v1/chunks, a body of many chunks (see shipment.py) at a time."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import io
import logging
import socket
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, NamedTuple

import msgspec

from logd import __version__, shipment
from logd.chunk import Chunk
from logd.config.address import parse_url
from logd.errors import BadRequest, Conflict, Unavailable

logger = logging.getLogger("logd.agent")
#: For each step of a request, the wait for its answer among them, which comes after one commit. A stop waits for the
#: request under way and tries once more: together less than `server.drain_seconds`.
_TIMEOUT_SECONDS = 10.0
#: A step of the sending: the least that a slow line has to carry within the timeout, whatever a body's size.
_BLOCK_BYTES = 128 * 1024
#: A server may ask for so long; more is taken for a slip of something in between.
_LONGEST_RETRY_SECONDS = 300.0
#: A logd's answers are far shorter; of another server's no more is read.
_ANSWER_BYTES = 64 * 1024
_NOT_LET_IN = (401, 403)
_HEADERS = {"Content-Type": shipment.CONTENT_TYPE, "User-Agent": f"logd-agent/{__version__}"}
#: How a connection ends that the server has closed while it was idle.
_STALE = (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError)


class _Answer(NamedTuple):
    status: int
    retry_after: str
    body: bytes


class HttpShipper:
    """A Shipper over one connection, which is kept; requests are made in a thread of its own."""

    def __init__(
        self, url: str, token: Callable[[], str] = lambda: "", timeout_seconds: float = _TIMEOUT_SECONDS
    ) -> None:
        """`url` is `agent.server`; https verifies the server by the system's certificates. `token` is asked for every
        request, in a thread, and may raise Unavailable; an empty one isn't sent. Raises ValueError."""
        self.url = url
        self._parsed = parse_url(url)
        self._timeout_seconds = timeout_seconds
        self._connection: http.client.HTTPConnection | None = None
        self._token = token
        self._refused = False
        self._closing = False
        self._thread = ThreadPoolExecutor(1, "agent.http")

    async def send(self, chunks: Sequence[Chunk]) -> None:
        """See Shipper. A refusal for good, that is BadRequest, names a chunk, or says that it is too much (413). All
        else that is no acceptance of exactly these chunks is Unavailable: another server, version or proxy may answer
        the next time."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self._send, chunks)

    def probe(self) -> Future[None]:
        """Sends no chunks, which a target that is ready accepts; the result is that of `send`."""
        return self._thread.submit(self._send, ())

    async def close(self) -> None:
        """Ends a request that is under way, and the connection."""
        self._closing = True
        if self._connection is not None and self._connection.sock is not None:
            # Wakes the thread that waits for an answer. It is the thread that closes: the socket is its own.
            with contextlib.suppress(OSError):
                self._connection.sock.shutdown(socket.SHUT_RDWR)
        await asyncio.to_thread(self._thread.shutdown)
        self._disconnect()

    def _send(self, chunks: Sequence[Chunk]) -> None:
        token = self._token()
        headers = {**_HEADERS, "Authorization": f"Bearer {token}"} if token else _HEADERS
        try:
            answer = self._post(shipment.encode(chunks), headers)
        except (OSError, http.client.HTTPException) as error:
            self._disconnect()
            raise Unavailable(f"no answer from {self.url}: {_said(error)}") from error
        self._log_refusal(answer, bool(token))
        _check(answer, len(chunks), self.url)

    def _log_refusal(self, answer: _Answer, has_token: bool) -> None:
        """Once, until another answer comes: nobody but a person can help."""
        refused = answer.status in _NOT_LET_IN
        if refused and not self._refused:
            what = (
                "this agent's token" if has_token else "this agent, which has no token (agent.token_file, $LOGD_TOKEN)"
            )
            message = _said_by(answer)
            logger.error("%s refuses %s: %s; it is tried again, and nothing is lost", self.url, what, message)
        self._refused = refused

    def _post(self, body: bytes, headers: Mapping[str, str]) -> _Answer:
        """One request; another one on a new connection when that of the last request is found closed."""
        if self._connection is not None:
            try:
                return self._exchange(self._connection, body, headers)
            except _STALE:
                self._disconnect()
                if self._closing:
                    raise
        kind = http.client.HTTPSConnection if self._parsed.https else http.client.HTTPConnection
        connection = kind(self._parsed.host, self._parsed.port, timeout=self._timeout_seconds, blocksize=_BLOCK_BYTES)
        self._connection = connection
        connection.connect()
        return self._exchange(connection, body, headers)

    def _exchange(self, connection: http.client.HTTPConnection, body: bytes, headers: Mapping[str, str]) -> _Answer:
        # Who doesn't want the whole body may answer before its end, and then close: the answer is there to be read.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            sized = {**headers, "Content-Length": str(len(body))}
            connection.request("POST", self._parsed.path + shipment.PATH, io.BytesIO(body), sized)
        with connection.getresponse() as response:
            answer = _Answer(response.status, response.headers.get("Retry-After", ""), response.read(_ANSWER_BYTES))
            again = response.isclosed() and not response.will_close
        if not again:
            self._disconnect()
        return answer

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()


def _check(answer: _Answer, chunks: int, url: str) -> None:
    """Raises what the answer means, unless it is an acceptance of so many chunks."""
    if answer.status == 202 and _json(answer.body).get("accepted") == chunks:
        return
    error = _error(answer.body)
    code, message = str(error.get("code")), _said_by(answer)
    said = f"{url} answered {answer.status}: {message}"
    if answer.status == 409 and code == shipment.SOURCE_CONFLICT:
        raise Conflict(message)
    if answer.status == 413 or (answer.status == 400 and code == shipment.BAD_CHUNK):
        raise BadRequest(code, said, str(error.get("where", "")), answer.status)
    raise Unavailable(said, _seconds(answer.retry_after))


def _said_by(answer: _Answer) -> str:
    return str(_error(answer.body).get("message") or _shortened(answer.body))


def _error(body: bytes) -> dict[str, Any]:
    error = _json(body).get("error")
    return error if isinstance(error, dict) else {}


def _seconds(retry_after: str) -> float:
    """Of the header Retry-After; a second where it isn't there or isn't a number, which leaves it to the backoff."""
    text = retry_after.strip()
    if not (text.isascii() and text.isdigit()):
        return 1.0
    return min(float(text), _LONGEST_RETRY_SECONDS)


def _json(body: bytes) -> dict[str, Any]:
    try:
        return msgspec.json.decode(body, type=dict[str, Any])
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return {}


def _said(error: Exception) -> str:
    return str(getattr(error, "strerror", None) or error or type(error).__name__).lower()


def _shortened(body: bytes) -> str:
    return repr(body[:60].decode(errors="replace"))
