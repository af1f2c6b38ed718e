"""Chunks to a server, for a command that waits for it as long as it takes."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence

from logd import shipment
from logd.chunk import Chunk
from logd.cli.ask import REFUSED, UNREACHABLE, Failed, Server

_TIMEOUT_SECONDS = 60.0
_FIRST_DELAY_SECONDS, _LONGEST_DELAY_SECONDS = 0.5, 30.0
_TOO_LARGE = 413


class Taken(Failed):
    """The source has sent other content before."""


class Sending:
    """`say` is told, once, why it waits. A server that was never reached isn't waited for: its address may be wrong."""

    def __init__(self, server: Server, say: Callable[[str], None]) -> None:
        self._server = server
        self._say = say
        self._reached = False

    def send(self, chunks: Sequence[Chunk]) -> int:
        """Returns once all chunks are durable; how many of them the server had had before. Raises Failed when it will
        never take them, Taken when because of their source."""
        delay = _FIRST_DELAY_SECONDS
        while True:
            try:
                return self._post(chunks)
            except Failed as failure:
                if failure.status == _TOO_LARGE and len(chunks) > 1:
                    half = len(chunks) // 2
                    return self.send(chunks[:half]) + self.send(chunks[half:])
                if failure.status == 409:
                    raise Taken(str(failure), REFUSED) from None
                if not failure.passing or (failure.exit_code == UNREACHABLE and not self._reached):
                    raise
                if delay == _FIRST_DELAY_SECONDS:
                    self._say(f"waiting, will try again: {failure}")
                # Not all that wait at the same moment, and none before it was asked for.
                time.sleep(max(failure.retry_after_seconds * random.uniform(1.0, 1.2), delay * random.uniform(0.5, 1)))
                delay = min(2 * delay, _LONGEST_DELAY_SECONDS)

    def _post(self, chunks: Sequence[Chunk]) -> int:
        body = shipment.encode(chunks)
        headers = {"Content-Type": shipment.CONTENT_TYPE}
        answer = self._server.ask("POST", shipment.PATH, (), body, headers, _TIMEOUT_SECONDS)
        said = self._server.understood(answer)
        if said.get("accepted") != len(chunks):
            raise Failed(f"{self._server.base} answered, but didn't accept {len(chunks)} chunks", REFUSED)
        self._reached = True
        return int(said.get("duplicates") or 0)
