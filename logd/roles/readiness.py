"""Whether the process can do its work now: what it stands on is asked, and says what is wrong."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence

from logd.errors import LogdError
from logd.seams import Index, Tokens, Transport

#: Load balancers and probes of several machines ask every few seconds: who asks sooner gets the last answer.
_KEPT_SECONDS = 1.0
#: What hasn't said by then how it is isn't ready.
_ASK_SECONDS = 5.0


class Readiness:
    """Asked as a function: "" or the reason, which names a setting or an address. `troubles` are the roles' own, as
    they know them."""

    def __init__(
        self,
        stop: asyncio.Event,
        transport: Transport | None,
        index: Index | None,
        tokens: Tokens | None,
        troubles: Sequence[Callable[[], str]],
    ) -> None:
        self._stop = stop
        self._troubles = troubles
        self._asked: list[tuple[str, Callable[[], Awaitable[str]]]] = []
        if transport is not None:
            self._asked.append(("the transport", transport.trouble))
        if index is not None:
            self._asked.append(("the index", lambda: _of_index(index)))
        if tokens is not None:
            self._asked.append(("the catalog", lambda: _of_tokens(tokens)))
        self._one = asyncio.Lock()
        self._found = ""
        self._found_at = float("-inf")

    async def __call__(self) -> str:
        if self._stop.is_set():
            return "the process is stopping"
        async with self._one:
            if time.monotonic() - self._found_at >= _KEPT_SECONDS:
                answers = await asyncio.gather(*(_within(what, ask) for what, ask in self._asked))
                self._found = "; ".join(filter(None, answers))
                self._found_at = time.monotonic()
        return self._found or "; ".join(filter(None, (trouble() for trouble in self._troubles)))


async def _within(what: str, ask: Callable[[], Awaitable[str]]) -> str:
    try:
        async with asyncio.timeout(_ASK_SECONDS):
            return await ask()
    except TimeoutError:
        return f"{what} doesn't say within {_ASK_SECONDS:g} s how it is"


async def _of_index(index: Index) -> str:
    return (await index.status()).get("flush_error") or ""


async def _of_tokens(tokens: Tokens) -> str:
    try:
        await tokens.ever()
    except LogdError as error:
        return str(error)
    return ""
