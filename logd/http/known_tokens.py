"""Tokens as they were a moment ago: a request costs no query, and one that is revoked is refused within seconds."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import OrderedDict
from collections.abc import Callable

from logd.errors import Corrupt
from logd.seams import Tokens
from logd.tokens import Token

log = logging.getLogger("logd.api")
#: What is created or revoked elsewhere shows after so long.
STALE_SECONDS = 2.0
#: Ids, of tokens and of what is none: guessing fills no memory.
_MOST = 1_024


class KnownTokens:
    """A bounded cache in front of `tokens`."""

    def __init__(self, tokens: Tokens, clock: Callable[[], float] = time.monotonic, most: int = _MOST) -> None:
        self._tokens = tokens
        self._clock = clock
        self._most = most
        self._known: OrderedDict[str, tuple[float, Token | None]] = OrderedDict()
        self._ever = False
        self._ever_at = float("-inf")
        self._asking = asyncio.Lock()

    async def find(self, token_id: str) -> Token | None:
        """The token as it was at most STALE_SECONDS ago; None when there is none, or it can't be made sense of. Raises
        Unavailable."""
        if (fresh := self._fresh(token_id)) is not None:
            return fresh[1]
        async with self._asking:
            if (fresh := self._fresh(token_id)) is not None:  # whoever was before us asked for the same
                return fresh[1]
            try:
                found = await self._tokens.find(token_id)
            except Corrupt as error:
                log.error("a token is refused: %s", error)
                found = None
            self._known[token_id] = (self._clock(), found)
            self._known.move_to_end(token_id)
            if len(self._known) > self._most:
                self._known.popitem(last=False)
            return found

    async def ever(self) -> bool:
        """See Tokens. Once true it stays so. Raises Unavailable and Corrupt."""
        if not self._ever and self._clock() - self._ever_at >= STALE_SECONDS:
            async with self._asking:
                if not self._ever:
                    self._ever = await self._tokens.ever()
                    self._ever_at = self._clock()
        return self._ever

    def _fresh(self, token_id: str) -> tuple[float, Token | None] | None:
        entry = self._known.get(token_id)
        return entry if entry is not None and self._clock() - entry[0] < STALE_SECONDS else None
