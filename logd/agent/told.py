"""Who is told how the agent does: another logd over HTTP.

A request a time, on a connection of its own, which isn't kept: what happens to it is nothing to the chunks on theirs.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import Callable, Sequence

import msgspec

from logd import __version__
from logd.config.address import Url, parse_url
from logd.errors import Unavailable
from logd.seams.agents import AGENTS_PATH, AgentReport

#: From the connection to the answer; then the next one is asked.
_SECONDS = 10.0
#: Of an answer: its status is what matters.
_ANSWER_BYTES = 16 * 1024
_STATUS = re.compile(rb"HTTP/1\.[01] (\d{3})\b")


class OverHttp:
    """Tells the first of several servers that takes it."""

    def __init__(self, urls: Sequence[str], token: Callable[[], str]) -> None:
        """`urls` are as agent.server; https verifies the server by the system's certificates. `token` is asked each
        time, in a thread, and may raise Unavailable; an empty one isn't sent. Raises ValueError."""
        self._urls = [(url, parse_url(url)) for url in urls]
        self._token = token

    async def __call__(self, report: AgentReport) -> None:
        """Raises Unavailable when no server takes it."""
        token, body = await asyncio.to_thread(self._token), msgspec.json.encode(report)
        failures = []
        for text, url in self._urls:
            try:
                async with asyncio.timeout(_SECONDS):
                    status = await _post(url, token, body)
            except (OSError, TimeoutError, EOFError) as error:
                failures.append(f"{text} can't be told: {str(error).lower() or 'no answer in time'}")
                continue
            if 200 <= status < 300:
                return
            failures.append(f"{text} answered {status}")
        raise Unavailable("; ".join(failures))


async def _post(url: Url, token: str, body: bytes) -> int:
    """The answer's status. Raises OSError and EOFError."""
    reader, writer = await asyncio.open_connection(url.host, url.port, limit=_ANSWER_BYTES, ssl=url.https or None)
    try:
        host = f"[{url.host}]" if ":" in url.host else url.host
        lines = [
            f"POST {url.path}{AGENTS_PATH} HTTP/1.1",
            f"Host: {host}:{url.port}",
            f"User-Agent: logd-agent/{__version__}",
            "Content-Type: application/json",
            f"Content-Length: {len(body)}",
            "Connection: close",
            *([f"Authorization: Bearer {token}"] if token else []),
        ]
        writer.write("\r\n".join([*lines, "", ""]).encode() + body)
        await writer.drain()
        try:
            line = await reader.readline()
        except ValueError as error:
            raise OSError("it doesn't answer with HTTP") from error
        status = _STATUS.match(line)
        if status is None:
            raise OSError("it doesn't answer with HTTP" if line else "it has closed the connection")
        return int(status[1])
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
