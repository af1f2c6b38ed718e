"""Tokens as they were a moment ago: a request costs no query, and one that is revoked is refused within seconds."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import NamedTuple

from logd.errors import Corrupt, Unavailable
from logd.seams import Tokens
from logd.tokens import Token

log = logging.getLogger("logd.api")
#: What is created or revoked elsewhere shows after so long.
STALE_SECONDS = 2.0
#: Logs must come in though a database is down; but what is revoked there meanwhile shows after so long.
OUTAGE_SECONDS = 600.0
#: A catalog that couldn't be read isn't asked for so long.
_REST_SECONDS = 5.0
#: Ids, of tokens and of what is none: guessing fills no memory.
_MOST = 1_024


class _Entry(NamedTuple):
    """When it was last asked for, and when that was answered; they differ while the catalog can't be read."""

    token: Token | None
    asked_at: float
    read_at: float


class KnownTokens:
    """A bounded cache in front of `tokens`."""

    def __init__(self, tokens: Tokens, clock: Callable[[], float] = time.monotonic, most: int = _MOST) -> None:
        self._tokens = tokens
        self._clock = clock
        self._most = most
        self._known: OrderedDict[str, _Entry] = OrderedDict()
        self._ever = False
        self._ever_at = float("-inf")
        self._asking = asyncio.Lock()
        self._trouble: Unavailable | None = None
        self._rests_until = float("-inf")

    async def find(self, token_id: str) -> Token | None:
        """The token as it was at most STALE_SECONDS ago, or while the catalog can't be read, OUTAGE_SECONDS; None when
        there is none, or it can't be made sense of. Raises Unavailable when that isn't known."""
        if (entry := self._fresh(token_id)) is not None:
            return entry.token
        old = self._known.get(token_id)
        if self._trouble is not None and self._asking.locked() and old is not None and self._outlasts(old):
            return old.token  # one waits for the catalog, not all
        async with self._asking:
            if (entry := self._fresh(token_id)) is not None:  # whoever was before us asked for the same
                return entry.token
            old, now = self._known.get(token_id), self._clock()
            try:
                entry = _Entry(await self._read(token_id), now, now)
            except Unavailable:
                if old is None or not self._outlasts(old):
                    raise
                entry = old._replace(asked_at=now)
            self._known[token_id] = entry
            self._known.move_to_end(token_id)
            if len(self._known) > self._most:
                self._known.popitem(last=False)
            return entry.token

    async def ever(self) -> bool:
        """See Tokens. Once true it stays so. Raises Unavailable and Corrupt."""
        if not self._ever and self._clock() - self._ever_at >= STALE_SECONDS:
            async with self._asking:
                if not self._ever:
                    self._ever = await self._tokens.ever()
                    self._ever_at = self._clock()
        return self._ever

    async def _read(self, token_id: str) -> Token | None:
        if self._trouble is not None and self._clock() < self._rests_until:
            raise self._trouble
        try:
            found = await self._tokens.find(token_id)
        except Corrupt as error:
            log.error("a token is refused: %s", error)
            found = None
        except Unavailable as error:
            if self._trouble is None:
                log.warning("tokens that were known go on for %g s: %s", OUTAGE_SECONDS, error)
            self._trouble, self._rests_until = error, self._clock() + _REST_SECONDS
            raise
        if self._trouble is not None:
            log.info("tokens can be read again")
            self._trouble = None
        return found

    def _outlasts(self, entry: _Entry) -> bool:
        """Who guesses what is no token gets no answer: it may be one by now."""
        return entry.token is not None and self._clock() - entry.read_at < OUTAGE_SECONDS

    def _fresh(self, token_id: str) -> _Entry | None:
        entry = self._known.get(token_id)
        return entry if entry is not None and self._clock() - entry.asked_at < STALE_SECONDS else None
